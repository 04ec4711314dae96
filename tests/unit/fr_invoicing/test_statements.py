# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""The file of the DES and the choice of who stands on the DAS2."""

from decimal import Decimal
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import das2, des

SELLER = "FR88100000009"
BELGIAN, GERMAN = "BE0428759497", "DE136695976"


def _write(*lines):
    return des.write(202611, SELLER, 2026, 11, [des.Line(*line) for line in lines])


def test_file_of_a_month():
    content = _write(
        ("be 0428.759.497", Decimal("100.40")),
        (BELGIAN, Decimal("50.10")),
        (GERMAN, Decimal("-12.50")),
    )
    declaration = ElementTree.fromstring(content)[0]
    assert [element.text for element in declaration[:4]] == [
        "202611",
        SELLER,
        "11",
        "2026",
    ]
    # rounded once for each buyer: 150.50 is 151, not 100 + 50
    assert [[element.text for element in line] for line in declaration[4:]] == [
        ["1", "151", BELGIAN],
        ["2", "-13", GERMAN],
    ]
    assert des.check(content, 138) == []


def test_less_than_half_a_euro_is_left_out():
    assert [f.code for f in des.check(_write((BELGIAN, Decimal("0.49"))))] == [
        "no_line"
    ]


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [
        (b"<num_des>202611", b"<num_des>0", "number"),
        (SELLER.encode(), b"88100000009", "seller"),
        (b"<mois_des>11", b"<mois_des>13", "month"),
        (b"<an_des>2026", b"<an_des>26", "year"),
        (b"<numlin_des>1<", b"<numlin_des>7<", "line_number"),
        (b"<valeur>151", b"<valeur>151.5", "value"),
        (b"<valeur>151", b"<valeur>0", "value"),
        (b"<valeur>151", b"<valeur>152", "total"),
        (BELGIAN.encode(), b"BE04", "partner"),
        (GERMAN.encode(), BELGIAN.encode(), "twice"),
        (b"partner_des>", b"partenaire>", "structure"),
        (b"fichier_des>", b"fichier>", "structure"),
        (b"</fichier_des>", b"", "xml"),
    ],
)
def test_a_wrong_file_is_named(before, after, code):
    content = _write((BELGIAN, Decimal("150.50")), (GERMAN, Decimal(20)))
    assert before in content
    found = des.check(content.replace(before, after), 171)
    assert code in {fault.code for fault in found}


@pytest.mark.parametrize(
    ("vat", "code"),
    [
        (BELGIAN, ""),
        (GERMAN, ""),
        ("EL094259216", ""),
        ("", des.MISSING),
        (None, des.MISSING),
        ("BE0428759498", des.INVALID),
        ("123456789", des.INVALID),
        (SELLER, des.FRENCH),
        ("CHE107787577", des.NOT_EU),
        ("XI123456789", des.NOT_EU),
        ("GB980780684", des.NOT_EU),
    ],
)
def test_number_of_the_buyer(vat, code):
    assert des.problem(vat) == code


@given(
    st.lists(
        st.tuples(
            st.sampled_from([BELGIAN, GERMAN, "EL094259216"]),
            st.decimals(min_value=-(10**6), max_value=10**6, places=2),
        )
    )
)
def test_lines_stay_within_half_a_euro_of_the_ledger(lines):
    merged = dict(des.merge(des.Line(*line) for line in lines))
    for vat in {vat for vat, _amount in lines}:
        exact = sum(amount for number, amount in lines if number == vat)
        assert abs(merged.get(vat, 0) - exact) <= Decimal("0.5")
    faults = des.check(_write(*lines), sum(merged.values()))
    assert [f.code for f in faults] == ([] if merged else ["no_line"])


@pytest.mark.parametrize(
    ("year", "amount"),
    [(2007, 600), (2013, 600), (2014, 1200), (2023, 1200), (2024, 2400), (2030, 2400)],
)
def test_threshold_of_the_year(year, amount):
    found = das2.threshold(year)
    assert found.amount == amount
    assert "240" in found.source


def test_no_threshold_before_the_data():
    with pytest.raises(LookupError):
        das2.threshold(2006)


def test_declared_above_the_threshold_all_kinds_together():
    rows = [
        das2.Paid("exactly", "fee", Decimal(2400)),
        das2.Paid("above", "fee", Decimal("2400.01")),
        das2.Paid("sum", "fee", Decimal(2000)),
        das2.Paid("sum", "commission", Decimal(500)),
        das2.Paid("netted", "fee", Decimal(100), Decimal(5000)),
    ]
    assert das2.declared(rows, 2024) == {"above", "sum"}
    assert das2.declared(rows, 2023) == {"exactly", "above", "sum"}


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("622600", "fee"),
        ("622100", "commission"),
        ("651600", "author"),
        ("653000", "attendance"),
        ("607000", ""),
        ("", ""),
    ],
)
def test_kind_by_the_account(code, kind):
    assert das2.kind_of(code) == kind
    assert not kind or kind in das2.KINDS
