# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Yearly statement of fees paid to third parties (DAS2, CGI art. 240 and 241).

What was paid in a calendar year, TVA included, by beneficiary and kind. Who got no
more than the threshold of the year is left out. Thresholds and usual accounts are data.
"""

import csv
from collections import defaultdict
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from pathlib import Path

DATA = Path(__file__).parent / "data"

#: the kinds of the form; "none" on an account or a partner says: not declared
KINDS = (
    "fee",
    "commission",
    "brokerage",
    "discount",
    "attendance",
    "author",
    "inventor",
    "other",
    "allowance",
)
NONE = "none"


@dataclass(frozen=True, slots=True)
class Threshold:
    """What a beneficiary must have got more than, in euro with TVA, and who says so."""

    amount: Decimal
    source: str


@dataclass(frozen=True, slots=True)
class Paid:
    """What a beneficiary was paid for one kind.

    beneficiary: any key, None when the entry names nobody
    amount: euro with TVA, by bank, cash or card; negative when money came back
    other: settled by another entry (netting, bill of exchange), to be looked at
    """

    beneficiary: object
    kind: str
    amount: Decimal
    other: Decimal = Decimal(0)


@cache
def _rows(name):
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        return tuple(csv.DictReader(file))


def threshold(year):
    """Give the threshold of a year of payment.

    :rtype: Threshold
    :raise LookupError: before 2007
    """
    for row in _rows("das2_threshold.csv"):
        if int(row["year_from"]) <= year <= int(row["year_to"] or year):
            return Threshold(Decimal(row["amount"]), row["source"])
    raise LookupError(year)


def prefixes():
    """Give the accounts of the French chart declared unless told otherwise.

    :rtype: dict[str, str]
    """
    return {row["prefix"]: row["kind"] for row in _rows("das2_account.csv")}


def kind_of(code):
    """Give the kind of an account by its code, "" when it is none of ours.

    >>> kind_of("622600"), kind_of("622200"), kind_of("607000")
    ('fee', 'commission', '')
    """
    known = prefixes()
    for length in range(len(code), 0, -1):
        if code[:length] in known:
            return known[code[:length]]
    return ""


def whole_euro(amount):
    """Round to a whole euro, half away from zero."""
    return int(amount.quantize(Decimal(1), ROUND_HALF_UP))


def declared(rows, year):
    """Give the beneficiaries above the threshold of the year, all kinds together.

    :param rows: iterable of Paid
    :rtype: set
    """
    limit = threshold(year).amount
    totals = defaultdict(Decimal)
    for row in rows:
        totals[row.beneficiary] += row.amount
    return {who for who, total in totals.items() if total > limit}
