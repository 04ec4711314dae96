# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Taxes and fiscal positions Odoo's French chart lacks, as data.

The chart has the mainland's rates; here are overseas and Corsican ones, the special
regimes and the positions that choose between them. What is set up for a company and
what is switched on is decided by its own place.
"""

import csv
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path

from .territory import OUTSIDE
from .tva import in_force

DATA = Path(__file__).with_name("data")


@dataclass(frozen=True, slots=True)
class TerritoryTax:
    """One row of data/territory_tax.csv.

    copy_of: tax of the chart whose accounts it takes; box: line of the CA3
    replaces: taxes of the chart it stands for in the fiscal positions that name it
    active_when: when it is switched on, see `is_active`
    """

    code: str
    valid_from: date | None
    valid_to: date | None
    source: str
    rate: Decimal
    scope: str
    regime: str
    group: str
    box: str
    copy_of: str
    replaces: tuple
    active_when: tuple
    name: str
    name_fr: str
    label: str


@dataclass(frozen=True, slots=True)
class TerritoryPosition:
    """One row of data/territory_position.csv; area: see `matches`."""

    code: str
    source: str
    sequence: int
    area: str
    taxes: tuple
    name: str
    name_fr: str


@cache
def taxes():
    """Give every tax, in the order they can be made.

    :rtype: tuple[TerritoryTax]
    """
    return tuple(
        TerritoryTax(
            **{
                **row,
                "valid_from": _day(row["valid_from"]),
                "valid_to": _day(row["valid_to"]),
                "rate": Decimal(row["rate"]),
                "replaces": tuple(row["replaces"].split()),
                "active_when": tuple(row["active_when"].split()),
            }
        )
        for row in _rows("territory_tax.csv")
    )


@cache
def positions():
    """Give every fiscal position.

    :rtype: tuple[TerritoryPosition]
    """
    return tuple(
        TerritoryPosition(
            **{
                **row,
                "sequence": int(row["sequence"]),
                "taxes": tuple(row["taxes"].split()),
            }
        )
        for row in _rows("territory_position.csv")
    )


def is_active(tax, home, is_franchise, has_source, day):
    """Say whether a company needs a tax switched on.

    :param TerritoryTax tax: the tax
    :param home: Territory of the company
    :param bool is_franchise: the company charges no VAT (CGI 293 B)
    :param bool has_source: one of the taxes it replaces is in use
    :param date day: today, for rates that end
    """
    if not in_force(tax.valid_from, tax.valid_to, day):
        return False
    reasons = {
        "always": True,
        "source": has_source,
        "dom": home.rates == "dom",
        "corsica": home.code == "corsica",
        "outside": home.vat_area == OUTSIDE,
        "franchise": is_franchise,
    }
    return any(reasons[name] for name in tax.active_when)


def matches(area, home, there, is_business, is_franchise):
    """Say whether a fiscal position of an area is for a customer.

    :param str area: of a TerritoryPosition
    :param home: Territory of the company
    :param there: Territory of the customer, None abroad
    :param bool is_business: the customer is a taxable person
    :param bool is_franchise: the company charges no VAT (CGI 293 B)
    """
    if area == "franchise":
        # abroad, the ordinary positions say why no VAT is due
        return is_franchise and (there is not None or not is_business)
    if there is None:
        return False
    if area == "no_vat":
        return home.vat_area == OUTSIDE
    if area == "dom_local":
        return home.rates == "dom" == there.rates
    if area == "corsica":
        return there.code == "corsica" and home.rates != "dom"
    name, _, buyer = area.partition("_")
    places = {
        "dom": there.rates == "dom" and home.rates != "dom",
        "mainland": home.rates == "dom" and there.rates in ("metropole", "corsica"),
        "outside": there.vat_area == OUTSIDE,
    }
    return places[name] and is_business == (buyer == "business")


def _rows(name):
    with (DATA / name).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def _day(text):
    return date.fromisoformat(text) if text else None
