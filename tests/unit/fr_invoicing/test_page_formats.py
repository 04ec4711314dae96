"""Figures, dates and colours as the page prints them."""

from datetime import date
from decimal import Decimal

import pytest
from einvoice_samples import invoice
from hypothesis import given
from hypothesis import strategies as st

from einvoice.document import Period
from einvoice.page import figures
from einvoice.page.formats import Format, colour, grouped
from einvoice.page.labels import LABELS, TITLES, title

SPACE = "\N{NO-BREAK SPACE}"


@pytest.mark.parametrize(
    ("is_french", "price"),
    [
        (True, ("0,0012", "49,00", "0,000000124", f"1{SPACE}234,50")),
        (False, ("0.0012", "49.00", "0.000000124", "1,234.50")),
    ],
)
def test_prices_keep_every_decimal_they_have(is_french, price):
    format_ = Format(is_french, invoice())
    values = ("0.0012", "49", "0.000000124", "1234.5")
    assert tuple(format_.price(Decimal(value)) for value in values) == price


def test_rates_and_periods_in_both_languages():
    french, english = Format(True, invoice()), Format(False, invoice())
    assert french.rate(Decimal("5.5")) == f"5,5{SPACE}%"
    assert english.rate(Decimal("5.5")) == "5.5%"
    assert french.rate(None) == "–"
    period = Period(date(2026, 10, 1), date(2026, 10, 31))
    assert french.period(period) == "01/10/2026 – 31/10/2026"
    assert english.period(Period(None, date(2026, 10, 31))) == "until 31 Oct 2026"


def test_account_in_groups_of_four():
    assert grouped("FR7630006000011234567890189") == (
        "FR76 3000 6000 0112 3456 7890 189"
    )


def contrast(value):
    """WCAG 2.2 contrast with white, written apart from the code under test."""

    def linear(share):
        return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4

    red, green, blue = (int(value[at : at + 2], 16) / 255 for at in (1, 3, 5))
    light = 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
    return 1.05 / (light + 0.05)


@given(st.integers(min_value=0, max_value=0xFFFFFF))
def test_any_colour_of_a_company_can_be_read_on_white(number):
    wished = f"#{number:06x}"
    found = colour(wished)
    assert contrast(found) >= 4.5
    if contrast(wished) >= 4.5:
        assert found == wished


@pytest.mark.parametrize("value", ["red", "#12345", "", None, "#1234567", "url(x)"])
def test_what_is_no_colour_never_reaches_the_stylesheet(value):
    assert colour(value) == "#1f3a5f"


def test_every_word_has_two_languages():
    for words in [*LABELS.values(), *TITLES.values()]:
        assert len(words) == 2
        assert all(words)


def test_chart_tells_its_figures_in_words():
    bars = [("Oct.", Decimal(10), "10,00"), ("Nov.", Decimal(20), "20,00")]
    svg = figures.columns_svg(
        bars, "Derniers mois. Oct.: 10,00; Nov.: 20,00", "#123456"
    )
    assert "<title>Derniers mois. Oct.: 10,00; Nov.: 20,00</title>" in svg
    assert svg.count("<rect") == 2


def test_chart_of_nothing_or_of_credits_is_drawn_all_the_same():
    for bars in ([], [("A", Decimal(0), "0")], [("A", Decimal(-5), "-5")] * 2):
        assert "<svg" in figures.columns_svg(bars, "x", "#123456")
        assert "<svg" in figures.bars_svg(bars, "x", "#123456")


def test_titles_of_the_documents():
    assert title(invoice(), True) == "Facture"
    assert title(invoice(type_code="389"), True) == "Autofacture"
    assert title(invoice(process_code="S4"), True) == "Facture de solde"
