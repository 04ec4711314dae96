"""Division of payments over the VAT rates of an invoice."""

from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from einvoice.collected import TaxShare, largest_remainder, split
from einvoice.errors import DocumentError

RATES = ["20", "10", "5.5", "2.1", "0"]
cents = st.integers(-10_000_00, 10_000_00).map(lambda value: Decimal(value) / 100)


@st.composite
def invoices(draw):
    """Bases and VAT per rate, as an invoice has them; a basis may be negative."""
    shares = []
    for rate in draw(st.lists(st.sampled_from(RATES), min_size=1, unique=True)):
        basis = draw(cents)
        amount = (basis * Decimal(rate) / 100).quantize(Decimal("0.01"))
        shares.append(TaxShare("S", Decimal(rate), basis, amount))
    assume(sum(share.basis + share.amount for share in shares) > 0)
    return shares


def total(shares):
    return sum((share.basis + share.amount for share in shares), Decimal(0))


def summed(parts):
    return sum((part.gross for part in parts), Decimal(0))


@given(invoices(), cents)
def test_parts_add_up_to_the_payment(shares, paid):
    assert summed(split(paid, shares)) == paid


@given(invoices(), st.lists(st.integers(1, 100), min_size=1, max_size=8))
def test_payments_that_settle_the_invoice_give_its_own_vat(shares, weights):
    payments = largest_remainder(total(shares), [Decimal(w) for w in weights])
    before, sums = Decimal(0), [[Decimal(0), Decimal(0)] for _share in shares]
    for payment in payments:
        for row, part in zip(sums, split(payment, shares, before), strict=True):
            row[0] += part.basis
            row[1] += part.tax
        before += payment
    assert sums == [[share.basis, share.amount] for share in shares]


@given(invoices(), cents, cents)
def test_a_bounced_payment_takes_back_exactly_its_parts(shares, before, paid):
    came = split(paid, shares, before)
    went = split(-paid, shares, before + paid)
    assert [(-part.basis, -part.tax) for part in went] == [
        (part.basis, part.tax) for part in came
    ]


@given(
    st.lists(st.integers(0, 1000), min_size=1, max_size=9),
    st.integers(-100_000, 100_000),
    st.sampled_from([0, 2, 3]),
)
def test_largest_remainder_is_exact_and_close(weights, units, places):
    assume(sum(weights))
    value = Decimal(units).scaleb(-places)
    weights = [Decimal(weight) for weight in weights]
    parts = largest_remainder(value, weights, places)
    assert sum(parts) == value
    unit = Decimal(1).scaleb(-places)
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part - value * weight / sum(weights)) < unit
        if not weight:
            assert not part


def test_half_of_an_invoice_with_two_rates():
    """1 200 at 20 % and 105.50 at 5.5 %: half is 600 and 52.75, VAT included."""
    shares = [
        TaxShare("S", Decimal(20), Decimal(1000), Decimal(200)),
        TaxShare("S", Decimal("5.5"), Decimal(100), Decimal("5.50"), on_payment=False),
    ]
    parts = split(Decimal("652.75"), shares)
    assert [part.gross for part in parts] == [Decimal(600), Decimal("52.75")]
    assert [part.on_payment for part in parts] == [True, False]


def test_an_invoice_of_nothing_has_no_proportion():
    with pytest.raises(DocumentError):
        split(Decimal(1), [TaxShare("S", Decimal(20), Decimal(0), Decimal(0))])
