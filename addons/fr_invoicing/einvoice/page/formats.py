# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Figures, dates and colours of the invoice page."""

import re
from decimal import Decimal

from babel.dates import format_date
from babel.numbers import format_currency, format_decimal

from ..document import decimals
from .labels import labels

DEFAULT_COLOUR = "#1f3a5f"
LEAST_CONTRAST = 4.5


class Format:
    """Figures and dates as the reader's language writes them.

    :param bool is_french: French or English
    :param Document document: gives currency and its decimals
    """

    def __init__(self, is_french, document):
        self.is_french = is_french
        self.locale = "fr_FR" if is_french else "en_GB"
        self.words = labels(is_french)
        self.document = document

    def money(self, value):
        """Give an amount with the currency's decimals."""
        places = self.document.currency_decimals
        return self._decimal(value, places, places)

    def currency(self, value, code=None):
        """Give an amount with its currency."""
        return _plain_spaces(
            format_currency(value, code or self.document.currency, locale=self.locale)
        )

    def price(self, value):
        """Give a unit price: at least the currency's decimals, no zero beyond.

        Prices of the document have 6 decimals at most, those of measured usage more.
        """
        least = min(2, self.document.currency_decimals)
        return self._decimal(value, least, max(6, decimals(value)))

    def quantity(self, value):
        """Give a quantity with the decimals it has."""
        return self._decimal(value, 0, decimals(value))

    def rate(self, value):
        """Give a rate in percent, or a dash out of the scope of VAT."""
        if value is None:
            return "–"
        space = "\N{NO-BREAK SPACE}" if self.is_french else ""
        return f"{self._decimal(Decimal(value), 0, 2)}{space}%"

    def day(self, value):
        """Give a date."""
        pattern = "dd/MM/yyyy" if self.is_french else "d MMM yyyy"
        return format_date(value, pattern, locale=self.locale)

    def month(self, value):
        """Give the month of a date, short."""
        return format_date(value, "MMM yy", locale=self.locale)

    def own_period(self, value):
        """Give the period of a line, "" when the whole document has it."""
        if not value or value == self.document.period:
            return ""
        return self.period(value)

    def period(self, value):
        """Give a period, both days included."""
        dates = {
            "start": self.day(value.start) if value.start else "",
            "end": self.day(value.end) if value.end else "",
        }
        if value.start and value.end:
            return self.words["from_to"] % dates
        return self.words["since" if value.start else "until"] % dates

    def _decimal(self, value, least, most):
        pattern = "#,##0" + ("." + "0" * least + "#" * (most - least) if most else "")
        return _plain_spaces(format_decimal(value, format=pattern, locale=self.locale))


def is_colour(value):
    """Say whether a text is a colour as the page takes it.

    >>> is_colour("#875A7B"), is_colour("red; x")
    (True, False)
    """
    return bool(re.fullmatch(r"#[0-9a-fA-F]{6}", value or ""))


def colour(value):
    """Give the colour of a page: as wished, dark enough to be read, else ours.

    Amounts are printed in it on white: WCAG 2.2 asks for a contrast of 4.5 for text, so
    a lighter colour is darkened until it has that.

    >>> colour("#875A7B"), colour("red; x"), colour("#ffd400")
    ('#875A7B', '#1f3a5f', '#8a7200')
    """
    if not is_colour(value):
        return DEFAULT_COLOUR
    shares = [int(value[start : start + 2], 16) for start in (1, 3, 5)]
    while _contrast_with_white(shares) < LEAST_CONTRAST:
        shares = [share * 95 // 100 for share in shares]
        value = "#" + "".join(f"{share:02x}" for share in shares)
    return value


def _contrast_with_white(shares):
    """Give the contrast of a colour with white (WCAG 2.2, relative luminance)."""
    linear = [
        share / 255 / 12.92
        if share / 255 <= 0.04045
        else ((share / 255 + 0.055) / 1.055) ** 2.4
        for share in shares
    ]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return 1.05 / (luminance + 0.05)


def grouped(account):
    """Give an IBAN in groups of four, as bank papers show it."""
    return " ".join(account[start : start + 4] for start in range(0, len(account), 4))


def _plain_spaces(text):
    # the narrow no-break space is missing in many fonts
    return text.replace("\N{NARROW NO-BREAK SPACE}", "\N{NO-BREAK SPACE}")
