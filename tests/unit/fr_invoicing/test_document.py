# Part of Relevé. See LICENSE file for full copyright and licensing details.
import doctest
from dataclasses import replace
from datetime import date
from decimal import Decimal as D

import pytest
from einvoice_samples import invoice, line
from hypothesis import given
from hypothesis import strategies as st

from einvoice import document, identifiers, mentions, tva
from einvoice.document import Period, decimals, present_price, round_half_up
from einvoice.errors import DocumentError

quantities = st.decimals("-100000", "100000", places=4)
prices = st.decimals("-10000", "10000", places=8)


@pytest.mark.parametrize("module", [document, identifiers, mentions, tva])
def test_examples_in_docstrings(module):
    assert doctest.testmod(module).failed == 0


@given(quantity=quantities, price=prices)
def test_presented_figures_always_lead_to_the_amount(quantity, price):
    amount = round_half_up(quantity * price)
    shown, net_price, base = present_price(quantity, price, amount)
    assert round_half_up(shown * net_price / (base or 1)) == amount
    assert net_price >= 0
    assert decimals(shown) <= 4
    assert decimals(net_price) <= 6
    assert base is None or base > 0


@given(quantity=quantities, amount=st.decimals("-99999", "99999", places=2))
def test_any_ledger_amount_can_be_presented(quantity, amount):
    shown, net_price, base = present_price(quantity, D("1.23"), amount)
    assert round_half_up(shown * net_price / (base or 1)) == amount


def test_given_figures_are_kept_when_they_lead_to_the_amount():
    assert present_price(D("3"), D("33.33"), D("99.99")) == (D("3"), D("33.33"), None)


def test_quantity_of_five_decimals_becomes_one_times_amount():
    found = present_price(D("1.00005"), D("10"), D("10.00"))
    assert found == (D(1), D("10.00"), None)


def test_float_amount_is_refused():
    with pytest.raises(DocumentError, match="not_decimal"):
        invoice(grand_total=12000.0)


@pytest.mark.parametrize(
    "values",
    [
        {"net_price": D("-1")},
        {"quantity": D("1.00001")},
        {"net_price": D("0.0000001")},
        {"name": " "},
        {"base_quantity": D(0)},
    ],
)
def test_line_no_invoice_may_carry_is_refused(values):
    good = line("1", "1", "1", "1.00")
    with pytest.raises(DocumentError):
        replace(good, **values)


def test_period_ends_after_it_starts():
    with pytest.raises(DocumentError, match="period_order"):
        Period(date(2026, 10, 2), date(2026, 10, 1))


def test_currency_of_three_decimals_is_refused():
    with pytest.raises(DocumentError, match="currency_decimals"):
        invoice(currency="TND", currency_decimals=3)


def test_document_without_line_is_refused():
    with pytest.raises(DocumentError, match="document_without_line"):
        invoice(lines=())
