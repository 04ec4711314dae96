"""Groups, blocks and summaries always add up to the document."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from einvoice.document import Line, Period
from einvoice.errors import DocumentError
from einvoice.page import grouping, look
from einvoice.page.grouping import Block, Entry

LABELS = st.sampled_from(["", "Nantes", "Rennes", "Brest"])
AMOUNTS = st.integers(min_value=-(10**9), max_value=10**9).map(
    lambda cents: Decimal(cents) / 100
)


def line(amount, rate="20", period=None):
    return Line(
        key="1",
        name="x",
        quantity=Decimal(1),
        unit_code="C62",
        net_price=abs(amount),
        net_amount=amount,
        category="S",
        rate=Decimal(rate),
        period=period,
    )


def entry(amount, label="", rate="20", **values):
    labels = {kind: label for kind in look.GROUPINGS if kind != look.NONE}
    return Entry(
        line=line(Decimal(amount), rate),
        name="x",
        labels=labels,
        quantity=Decimal(1),
        **values,
    )


@st.composite
def entries(draw):
    found = []
    for _number in range(draw(st.integers(min_value=1, max_value=30))):
        if draw(st.integers(0, 5)) == 0:
            kind = draw(st.sampled_from([*grouping.HEADINGS, grouping.NOTE]))
            found.append(Entry(kind=kind, name="Heading"))
            continue
        block = draw(st.sampled_from([None, None, "a", "b"]))
        found.append(
            entry(
                draw(AMOUNTS),
                draw(LABELS),
                draw(st.sampled_from(["20", "5.5"])),
                block=block,
                block_name=block or "",
            )
        )
    return found


@given(rows=entries(), by=st.sampled_from(look.GROUPINGS))
def test_groups_blocks_and_summary_add_up_to_the_lines(rows, by):
    total = sum((row.amount for row in rows), Decimal(0))
    groups = grouping.group(rows, by, total, "Others")
    assert sum((item.total for item in groups), Decimal(0)) == total
    printed = [part for item in groups for part in item.parts()]
    assert (
        sum(
            (
                part.total if isinstance(part, Block) else part.amount
                for part in printed
            ),
            Decimal(0),
        )
        == total
    )
    lines = [
        each
        for part in printed
        for each in (part.entries if isinstance(part, Block) else [part])
        if each.line
    ]
    assert sorted(map(id, lines)) == sorted(id(row) for row in rows if row.line)
    summary = grouping.summary(rows, by, total, "Others")
    assert sum((row.amount for row in summary), Decimal(0)) == total
    assert sum(row.count for row in summary) == len(lines)


def test_a_total_that_does_not_close_is_refused():
    with pytest.raises(DocumentError, match="page_total"):
        grouping.group([entry("10.00")], look.SITE, Decimal("10.01"), "Others")


def test_lines_without_a_group_come_last_under_their_own_heading():
    rows = [entry("1"), entry("2", "Nantes"), entry("3")]
    groups = grouping.group(rows, look.SITE, Decimal(6), "Others")
    assert [(item.title, item.total) for item in groups] == [
        ("Nantes", Decimal(2)),
        ("Others", Decimal(4)),
    ]


def test_nothing_to_group_by_gives_no_heading():
    groups = grouping.group([entry("1"), entry("2")], look.SITE, Decimal(3), "Others")
    assert [item.title for item in groups] == [""]


def test_note_stays_with_the_line_before_it():
    note = Entry(kind=grouping.NOTE, name="Two years of warranty")
    rows = [entry("1", "Nantes"), entry("2", "Rennes"), note, entry("3", "Nantes")]
    groups = grouping.group(rows, look.SITE, Decimal(6), "Others")
    assert [item.title for item in groups if note in item.entries] == ["Rennes"]


def test_steps_of_a_service_stand_together_with_their_sum():
    first = entry("108.00", block="api", block_name="API", unit="calls")
    other = entry("49.00")
    last = entry("302.17", block="api", block_name="API", unit="calls")
    groups = grouping.group([first, other, last], look.NONE, Decimal("459.17"), "")
    block, plain = groups[0].parts()
    assert (block.total, plain) == (Decimal("410.17"), other)
    assert block.quantity == Decimal(2)


def test_free_steps_count_in_the_quantity_of_the_service():
    paid = entry(
        "1.00", block="api", block_name="API", unit="calls", free=(("Tier 1", 5),)
    )
    assert Block("API", (paid,)).quantity == Decimal(6)


def test_quantities_of_different_units_are_not_added():
    rows = (entry("1", unit="GB"), entry("1", unit="hours"))
    assert Block("x", rows).quantity is None


def test_summary_splits_a_group_by_rate():
    rows = [entry("10", "Nantes", "20"), entry("5", "Nantes", "5.5")]
    found = grouping.summary(rows, look.SITE, Decimal(15), "Others")
    assert [(row.title, row.rate, row.amount) for row in found] == [
        ("Nantes", Decimal("20"), Decimal(10)),
        ("Nantes", Decimal("5.5"), Decimal(5)),
    ]


def test_heading_written_by_hand_sums_up_to_the_next_one():
    section = Entry(kind="line_section", name="A")
    sub = Entry(kind="line_subsection", name="A1")
    parts = [section, entry("1"), sub, entry("2"), section, entry("4")]
    assert grouping.heading_sums(parts) == {
        0: Decimal(3),
        2: Decimal(2),
        4: Decimal(4),
    }


def test_block_shows_the_period_all_its_lines_share():
    from datetime import date

    period = Period(date(2026, 10, 1), date(2026, 10, 31))
    rows = tuple(Entry(line=line(Decimal(1), period=period)) for _number in range(2))
    assert Block("x", rows).period == period
    other = Entry(line=line(Decimal(1)))
    assert Block("x", (*rows, other)).period is None
