# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Periods, categories, sums and files of flux 10, without Odoo."""

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from pyfrctc.ereporting import get_ereporting_end_date_and_deadline_from_start_date

from einvoice.findings import Finding
from ereporting import (
    aggregate,
    checks,
    known_bugs,
    periods,
    reconcile,
    report,
    scope,
)
from ereporting.errors import EreportingError

DAYS = st.dates(date(2026, 9, 1), date(2032, 12, 31))
CENTS = st.decimals(-100_000, 100_000, places=2)
# pyfrctc writes regimes and kinds in its own way
PERIODICITY = {"monthly": "1", "quarterly": "3", "simplified": "12", "franchise": None}
KINDS = {"sale": "out_transaction", "purchase": "in_transaction", "payment": "payment"}


# === Periods === #


@pytest.mark.parametrize("regime", periods.REGIMES)
@pytest.mark.parametrize("kind", periods.KINDS)
def test_table_agrees_with_an_independent_one(regime, kind):
    """Every period until 2030 ends and is due as pyfrctc computes it."""
    for period in periods.periods(regime, kind, date(2026, 9, 1), date(2030, 12, 31)):
        assert (
            period.end,
            period.deadline,
        ) == get_ereporting_end_date_and_deadline_from_start_date(
            period.start, KINDS[kind], PERIODICITY[regime]
        )


@given(st.sampled_from(periods.REGIMES), st.sampled_from(periods.KINDS), DAYS, DAYS)
def test_periods_have_neither_hole_nor_overlap(regime, kind, first, last):
    found = periods.periods(regime, kind, first, last)
    assert bool(found) == (first <= last)
    for one, following in zip(found, found[1:], strict=False):
        assert following.start == one.end + timedelta(days=1)
    if found:
        assert found[0].start == first
        assert last in found[-1]


@given(
    st.lists(st.tuples(st.sampled_from(periods.REGIMES), DAYS), min_size=1, max_size=5),
    st.sampled_from(periods.KINDS),
)
def test_change_of_regime_leaves_no_hole(changes, kind):
    """Each regime goes on where the periods made under the former one end."""
    day, found = date(2026, 9, 1), []
    for regime, until in sorted(changes, key=lambda change: change[1]):
        for period in periods.periods(regime, kind, day, until):
            found.append(period)
            day = period.end + timedelta(days=1)
    for one, following in zip(found, found[1:], strict=False):
        assert following.start == one.end + timedelta(days=1)
    assert all(period.deadline > period.end for period in found)


def test_before_the_reform_there_is_no_deadline():
    with pytest.raises(EreportingError) as caught:
        periods.period_at("monthly", "sale", date(2026, 8, 31))
    assert caught.value.code == "no_deadline"


@pytest.mark.parametrize(
    ("state", "today", "expected"),
    [
        ("open", date(2026, 11, 15), "grey"),
        ("to_send", date(2026, 11, 21), "orange"),
        ("to_send", date(2026, 11, 28), "red"),
        ("to_send", date(2026, 12, 2), "red"),
        ("rectify", date(2026, 11, 15), "orange"),
        ("rectify", date(2026, 12, 15), "orange"),
        ("rejected", date(2026, 11, 21), "red"),
        ("sent", date(2026, 12, 2), "green"),
        ("nothing", date(2026, 12, 2), "green"),
    ],
)
def test_traffic_light(state, today, expected):
    found = periods.light(state, today, date(2026, 11, 20), date(2026, 11, 30))
    assert found == expected


# === Scope === #


def test_when_vat_falls_due():
    assert scope.due_code(True, "S", True) == "72"
    assert scope.due_code(True, "S", False) == "5"
    assert scope.due_code(False, "S", False) == ""
    assert scope.due_code(True, "AE", True) == ""


def test_purchases_abroad():
    assert scope.purchase_category(False, True, True) == ("K", "")
    assert scope.purchase_category(True, True, True) == ("AE", "")
    assert scope.purchase_category(True, False, True) == ("AE", "")
    assert scope.purchase_category(False, False, True) == ("", "import")
    assert scope.purchase_category(True, True, False) == ("", "not_reverse_charged")


# === Sums === #

SALES = st.builds(
    aggregate.Sale,
    day=st.dates(date(2026, 11, 1), date(2026, 11, 10)),
    currency=st.sampled_from(["EUR", "USD"]),
    category=st.sampled_from(scope.CATEGORIES),
    due=st.sampled_from(["", "72"]),
    rate=st.sampled_from([Decimal(20), Decimal(10), Decimal("5.5")]),
    basis=CENTS,
    tax=CENTS,
)
RECEIPTS = st.builds(
    aggregate.Receipt,
    day=st.dates(date(2026, 11, 1), date(2026, 11, 30)),
    rate=st.sampled_from([Decimal(20), Decimal(10)]),
    amount=CENTS,
    invoice=st.sampled_from(["", "FAC/1", "FAC/2"]),
)


@given(st.lists(SALES, max_size=60), st.randoms())
def test_day_sales_close_to_the_cent_in_any_order(sales, random):
    blocks = aggregate.day_sales(sales, Counter(sale.group for sale in sales))
    assert sum(block.basis for block in blocks) == sum(sale.basis for sale in sales)
    assert sum(block.tax for block in blocks) == sum(sale.tax for sale in sales)
    assert sum(block.count for block in blocks) == len(sales)
    shuffled = list(sales)
    random.shuffle(shuffled)
    assert aggregate.day_sales(shuffled, Counter(s.group for s in sales)) == blocks


@given(st.lists(SALES, max_size=60), st.integers(0, 60))
def test_summing_sums_gives_the_same(sales, cut):
    """So the database may sum first."""
    half = [
        aggregate.Sale(*block_group(block), share.rate, share.basis, share.tax)
        for block in aggregate.day_sales(sales[:cut], {})
        for share in block.shares
    ]
    assert aggregate.day_sales(half + sales[cut:], {}) == aggregate.day_sales(sales, {})


def block_group(block):
    return block.day, block.currency, block.category, block.due


@given(st.lists(RECEIPTS, max_size=60))
def test_receipts_close_to_the_cent(receipts):
    blocks = aggregate.day_receipts(receipts)
    assert sum(block.amount for block in blocks) == sum(r.amount for r in receipts)
    assert all(amount for block in blocks for _rate, amount in block.shares)


# === Files === #

HEADER = report.Header(
    identifier="100000009-S20261101-1",
    name="100000009-S20261101-1",
    issued_at=datetime(2026, 11, 20, 10, 0, 0),
    is_rectifying=False,
    platform_code="0000",
    platform_name="Plateforme d'essai",
    siren="100000009",
    company="LE VENDEUR",
    is_buyer=False,
    start=date(2026, 11, 1),
    end=date(2026, 11, 10),
)
OURS = report.Party("0002", "100000009", "FR88100000009", "FR")
THEIRS = report.Party("0223", "DE123456788", "DE123456788", "DE")


def an_invoice(**values):
    return report.Invoice(
        **{
            "number": "FAC/2026/00001",
            "issue_date": date(2026, 11, 2),
            "type_code": "380",
            "process_code": "S1",
            "currency": "EUR",
            "seller": OURS,
            "buyer": THEIRS,
            "shares": (
                report.VatShare(
                    "AE",
                    Decimal(0),
                    Decimal("10.00"),
                    Decimal("0.00"),
                    "Autoliquidation",
                    "VATEX-EU-AE",
                ),
            ),
            "tax_euro": Decimal("0.00"),
            **values,
        }
    )


def fatal(findings):
    return [(found.rule, found.message) for found in findings if found.is_fatal]


@given(st.lists(SALES, min_size=1, max_size=20))
def test_written_amounts_are_those_of_the_blocks(sales):
    blocks = aggregate.day_sales(sales, {})
    root = etree.fromstring(report.write_transactions(HEADER, (), blocks))
    written = [
        Decimal(node.findtext("TaxExclusiveAmount"))
        for node in root.iter("Transactions")
    ]
    assert written == [block.basis for block in blocks]


def test_official_rules_accept_each_kind(checker):
    sale = aggregate.Sale(
        date(2026, 11, 2), "EUR", "TPS1", "72", Decimal(20), Decimal(10), Decimal(2)
    )
    credit = an_invoice(
        number="AVO/1", type_code="381", preceding=(("FAC/1", date(2026, 11, 1)),)
    )
    files = {
        "sales": report.write_transactions(
            HEADER, (an_invoice(), credit), aggregate.day_sales([sale], {sale.group: 1})
        ),
        "payments": report.write_payments(
            HEADER,
            aggregate.day_receipts(
                [
                    aggregate.Receipt(date(2026, 11, 3), Decimal(20), Decimal(12)),
                    aggregate.Receipt(
                        date(2026, 11, 3),
                        Decimal(20),
                        Decimal(24),
                        "FAC/1",
                        date(2026, 10, 1),
                    ),
                ]
            ),
        ),
        "empty": report.write_transactions(HEADER, (), ()),
    }
    for name, findings in checker.check_rules("flux10", files).items():
        assert not fatal(findings), name


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"number": "FAC 2026 n°1"}, "number"),
        ({"number": "X" * 36}, "number"),
        ({"buyer": report.Party("0223", "", "", "DE")}, "buyer_identifier"),
        ({"buyer": report.Party("0223", "DE1", "", "DE")}, "buyer_vat"),
        ({"seller": report.Party("0002", "100000009", "", "FR")}, "seller_vat"),
        ({"buyer": report.Party("0227", "USX", "", "")}, "buyer_country"),
        ({"type_code": "381"}, "reference"),
        ({"type_code": "384"}, "reference"),
        ({"type_code": "381", "preceding": (("F1", None),)}, "reference_date"),
        (
            {
                "shares": (
                    report.VatShare("S", Decimal(21), Decimal(1), Decimal("0.21")),
                )
            },
            "rate",
        ),
        (
            {"shares": (report.VatShare("E", Decimal(0), Decimal(1), Decimal(0)),)},
            "exemption",
        ),
    ],
)
def test_what_the_official_rules_refuse_is_held_before(checker, values, code):
    """Our reasons to hold an invoice are reasons of the official rules, or ours."""
    invoice = an_invoice(**values)
    assert code in checks.check_invoice(invoice)
    if code in ("seller_vat", "buyer_country") or not invoice.buyer.identifier:
        return  # the rules do not miss an empty element; the law does
    file = report.write_transactions(HEADER, (invoice,), ())
    assert fatal(checker.check_rules("flux10", {"x": file})["x"])


def test_a_right_invoice_is_not_held():
    assert checks.check_invoice(an_invoice()) == []


@given(st.text(max_size=80))
def test_any_number_of_a_supplier_becomes_a_writable_one(text):
    written = checks.number(text)
    assert len(written) <= checks.NUMBER_LENGTH
    assert not written or checks.NUMBER.fullmatch(written)


# === Known faults of the rules === #


@dataclass(frozen=True)
class Amounts:
    """A payments report with the amounts given."""

    values: tuple

    def xml(self):
        return report.write_payments(
            HEADER,
            tuple(
                aggregate.DayReceipts(
                    date(2026, 11, day), ((Decimal(20), Decimal(value)),)
                )
                for day, value in enumerate(self.values, start=1)
            ),
        )


def test_negative_payments_are_waived_and_nothing_else(checker):
    xml = Amounts(("120.00", "-60.00", "-0.01")).xml()
    findings = checker.check_rules("flux10", {"x": xml})["x"]
    assert [rule for rule, _text in fatal(findings)] == ["G1.16", "G1.16"]
    assert not fatal(known_bugs.waive(findings, xml))


def test_ill_written_amount_stays_fatal(checker):
    xml = Amounts(("-60.00",)).xml().replace(b"-60.00", b"-60.12345678")
    findings = checker.check_rules("flux10", {"x": xml})["x"]
    assert fatal(known_bugs.waive(findings, xml))


def test_other_rules_are_never_waived():
    xml = Amounts(("-60.00",)).xml()
    other = Finding("G1.24", "fatal", "/Report/PaymentsReport/SubTotals/Amount", "")
    assert known_bugs.waive([other], xml) == [other]
    elsewhere = Finding("G1.16", "fatal", "/Report/TransactionsReport/Line/Price", "")
    assert known_bugs.waive([elsewhere], xml) == [elsewhere]


# === Reconciliation === #

SOURCES = sorted(
    {
        (comparison.measure, name)
        for comparison in reconcile.COMPARISONS
        for name in comparison.left
        + comparison.right
        + comparison.plus
        + comparison.minus
    }
)
CELLS = st.builds(
    lambda row, source, amount, count: reconcile.Cell(row, *source, amount, count),
    st.sampled_from(["20", "5.5", "E1", "none"]),
    st.sampled_from(SOURCES),
    CENTS,
    st.integers(0, 9),
)


@given(st.lists(CELLS, max_size=60))
def test_gaps_add_up_to_the_difference(cells):
    """Whatever the figures, reasons and what is unexplained make the whole."""
    rows, gaps = reconcile.reconcile(cells)
    for row in rows:
        for comparison in reconcile.COMPARISONS:
            assert reconcile.difference(row, comparison) == sum(
                gap.amount
                for gap in gaps
                if (gap.row, gap.comparison, gap.measure)
                == (row.key, comparison.code, comparison.measure)
            )


def test_what_no_reason_explains_is_said():
    rows, gaps = reconcile.reconcile(
        [
            reconcile.Cell("20", "base", "ledger", Decimal(100), 1),
            reconcile.Cell("20", "base", "documents", Decimal(80), 1),
            reconcile.Cell("20", "base", "entry", Decimal(15), 1),
        ]
    )
    found = {(gap.comparison, gap.reason): gap.amount for gap in gaps}
    assert found["ledger_documents", "entry"] == 15
    assert found["ledger_documents", ""] == 5
    assert found["documents_flux", ""] == 80
    assert rows[0].amount("base", "ledger") == 100


def test_rates_come_first_and_from_the_highest():
    cells = [
        reconcile.Cell(row, "base", "ledger", Decimal(1))
        for row in ("E1", "5.5", "none", "20", "2.1")
    ]
    rows, _gaps = reconcile.reconcile(cells)
    assert [row.key for row in rows] == ["20", "5.5", "2.1", "E1", "none"]
