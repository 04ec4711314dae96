"""Whatever is sold, the document adds up: lines, rates, currencies, both syntaxes.

The ledger is imitated here on its own: a line is quantity x price less discount,
rounded half up once; VAT is rounded once per rate.
"""

import re
from collections import defaultdict
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

import pytest
from einvoice_samples import BUYER, invoice
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from einvoice import arithmetic, facturx, figures
from einvoice.document import (
    PRICE_DECIMALS,
    QUANTITY_DECIMALS,
    Allowance,
    Line,
    TaxSubtotal,
    decimals,
    present_price,
)
from einvoice.findings import has_fatal
from einvoice.page.formats import Format

RATES = ("20", "10", "5.5", "2.1", "8.5", "1.75", "13", "0.9")
PLACES = {"EUR": 2, "USD": 2, "GBP": 2, "JPY": 0, "XPF": 0}
POLITE = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)


@dataclass(frozen=True)
class Sold:
    """A line as it was entered."""

    quantity: Decimal
    price: Decimal
    discount: Decimal
    rate: str


def half_up(value, places):
    return value.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)


quantities = st.decimals("-9999", "9999", places=6).filter(bool) | st.integers(
    1, 10_000_000
).map(Decimal)
prices = (
    st.decimals("0", "99999", places=2)
    | st.decimals("0", "10", places=6)
    | st.decimals("0", "0.001", places=10)
    | st.decimals("-500", "500", places=4)
)
discounts = st.just(Decimal(0)) | st.decimals("0", "100", places=2)
sold = st.builds(Sold, quantities, prices, discounts, st.sampled_from(RATES))


def as_line(number, item, places):
    """Write a line as an add-on would: the amount is the ledger's."""
    net = half_up(item.quantity * item.price * (100 - item.discount) / 100, places)
    gross = half_up(item.quantity * item.price, places)
    allowances = ()
    price, amount = item.price, net
    if item.discount and gross > net >= 0 and item.price >= 0:
        allowances = (Allowance(gross - net, gross, item.discount, "Remise"),)
        amount = gross
    elif item.discount and item.quantity:
        price = net / item.quantity
    quantity, price, base = present_price(item.quantity, price, amount, places)
    return Line(
        key=str(number),
        name=f"Ligne {number}",
        quantity=quantity,
        unit_code="C62",
        net_price=price,
        base_quantity=base,
        net_amount=net,
        allowances=allowances,
        category="S",
        rate=Decimal(item.rate),
    )


def as_document(items, currency):
    """Write a document as the ledger would have it."""
    places = PLACES[currency]
    lines = tuple(as_line(n, item, places) for n, item in enumerate(items, start=1))
    bases = defaultdict(Decimal)
    for line in lines:
        bases[line.rate] += line.net_amount
    taxes = tuple(
        TaxSubtotal("S", rate, basis, half_up(basis * rate / 100, places))
        for rate, basis in bases.items()
    )
    untaxed = sum(bases.values(), Decimal(0))
    tax = sum((item.amount for item in taxes), Decimal(0))
    in_euro = currency == "EUR"
    return invoice(
        lines=lines,
        taxes=taxes,
        line_total=untaxed,
        untaxed_total=untaxed,
        tax_total=tax,
        grand_total=untaxed + tax,
        due_total=untaxed + tax,
        currency=currency,
        currency_decimals=places,
        tax_currency="" if in_euro else "EUR",
        tax_amount_accounting=None if in_euro else half_up(tax, 2),
        buyer=BUYER,
    )


@POLITE
@given(quantity=quantities, price=prices, places=st.sampled_from([0, 2]))
def test_figures_shown_lead_to_the_amount(quantity, price, places):
    amount = half_up(quantity * price, places)
    shown, shown_price, base = present_price(quantity, price, amount, places)
    assert half_up(shown * shown_price / (base or 1), places) == amount
    assert shown_price >= 0
    assert decimals(shown) <= QUANTITY_DECIMALS
    assert decimals(shown_price) <= PRICE_DECIMALS
    assert base is None or base > 0


@POLITE
@given(
    items=st.lists(sold, min_size=1, max_size=12),
    currency=st.sampled_from(sorted(PLACES)),
)
def test_xml_says_the_figures_of_the_document(items, currency):
    document = as_document(items, currency)
    for write in (facturx.to_xml, facturx.to_ubl):
        xml = write(document)
        assert arithmetic.check(xml) == [], write.__name__
        read = figures.read(etree.fromstring(xml))
        assert read.currency == currency
        assert [line.amount for line in read.lines] == [
            line.net_amount for line in document.lines
        ]
        assert sorted((key[1], basis, amount) for key, basis, amount in read.taxes) == (
            sorted((tax.rate, tax.basis, tax.amount) for tax in document.taxes)
        )
        for term, value in (
            ("BT-106", document.line_total),
            ("BT-109", document.untaxed_total),
            ("BT-110", document.tax_total),
            ("BT-112", document.grand_total),
            ("BT-115", document.due_total),
        ):
            assert read.totals[term] == value, (term, write.__name__)
        assert b"-0.00<" not in xml
        assert not re.search(rb">[^<>]*\dE[+-]?\d+<", xml)


@pytest.mark.parametrize("is_french", [True, False])
@POLITE
@given(
    value=st.decimals("-99999999", "99999999", places=2),
    currency=st.sampled_from(sorted(PLACES)),
)
def test_the_page_shows_the_figures_of_the_document(is_french, value, currency):
    places = PLACES[currency]
    value = half_up(value, places)
    document = as_document([Sold(*map(Decimal, (1, 1, 0)), "20")], currency)
    text = Format(is_french, document).money(value)
    decimal_point, group = (",", r"[\s\u00a0\u202f]") if is_french else (".", ",")
    plain = re.sub(group, "", text).replace(decimal_point, ".").replace("\u2212", "-")
    assert Decimal(plain) == value
    assert decimals(value) <= places
    assert len(plain.partition(".")[2]) == places


def test_random_documents_pass_every_official_rule(checker):
    """A hundred of them in one call, of all currencies and both syntaxes."""
    documents = {}

    @settings(
        max_examples=50,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(
        items=st.lists(sold, min_size=1, max_size=6),
        currency=st.sampled_from(sorted(PLACES)),
    )
    def collect(items, currency):
        document = as_document(items, currency)
        if document.grand_total < 0:
            return
        documents[f"cii {len(documents)}"] = facturx.to_xml(document)
        documents[f"ubl {len(documents)}"] = facturx.to_ubl(document)

    collect()
    assert len(documents) > 40
    found = checker.check(documents)
    assert {
        name: sorted({item.rule for item in items if item.is_fatal})
        for name, items in found.items()
        if has_fatal(items)
    } == {}
