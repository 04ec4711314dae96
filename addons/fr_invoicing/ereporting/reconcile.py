# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Ledger, documents, flux 10 and VAT boxes side by side.

Three subjects: sales, purchases, payments; each has its readings and its comparisons.

Four readings of the same sales, each summed on its own, by row (a VAT rate, or a reason
why there is none):

    ledger      income accounts; VAT on 44571; by accounting date
    documents   invoices and credit notes; by issue date
    flux        electronic invoices (2), e-reporting (10.1, 10.3); by issue date
    boxes       the VAT return, read from the tax tags of Odoo; by accounting date

Purchases are read by box: what the buyer owes the VAT of (A3, A4, B2, B4) and what he
deducts (19, 20). Payments are read by rate: what was told to the tax office as
collected (status 212, flux 10.2 and 10.4), and the VAT that payments made due (44571).

They differ for known reasons. Each reason is a class of journal lines or of reported
operations, summed on its own too. What the reasons do not explain is shown as such: it
should be nothing, and the day it is not, somebody must look.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

ZERO = Decimal("0.00")
BASE, TAX = "base", "tax"


@dataclass(frozen=True, slots=True)
class Cell:
    """One sum.

    row: key of the row ("20", "5.5", "export", "none", ...)
    measure: BASE or TAX
    source: a reading ("ledger", "documents", "flux_2", ...) or a reason
    amount: euros, a sale positive; count: lines or operations behind it
    """

    row: str
    measure: str
    source: str
    amount: Decimal
    count: int = 0


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two readings and the reasons why they may differ.

    left - right = sum of plus - sum of minus
    """

    code: str
    measure: str
    left: tuple[str, ...]
    right: tuple[str, ...]
    plus: tuple[str, ...]
    minus: tuple[str, ...]


FLUX = ("flux_2", "flux_101", "flux_103")
NOT_REPORTED = ("flux_out", "flux_held", "flux_missing")
COMPARISONS = (
    Comparison(
        "ledger_documents",
        BASE,
        ("ledger",),
        ("documents",),
        plus=("entry", "other_period_in"),
        minus=("other_period_out", "not_income"),
    ),
    Comparison(
        "documents_flux", BASE, ("documents",), FLUX, plus=NOT_REPORTED, minus=()
    ),
    Comparison(
        "ledger_boxes",
        BASE,
        ("ledger",),
        ("boxes",),
        plus=("base_waiting", "base_untagged"),
        minus=("base_paid", "base_elsewhere"),
    ),
    Comparison(
        "ledger_documents",
        TAX,
        ("ledger",),
        ("documents",),
        plus=("tax_entry", "tax_paid", "tax_other_period_in"),
        minus=("tax_waiting", "tax_other_period_out"),
    ),
    Comparison(
        "documents_flux", TAX, ("documents",), FLUX, plus=NOT_REPORTED, minus=()
    ),
    Comparison(
        "ledger_boxes",
        TAX,
        ("ledger",),
        ("boxes",),
        plus=("tax_untagged",),
        minus=("tax_elsewhere",),
    ),
)

PURCHASES = (
    Comparison(
        "documents_flux",
        BASE,
        ("documents",),
        ("flux_101",),
        plus=("flux_out", "flux_held", "p_missing", "p_domestic"),
        minus=(),
    ),
    Comparison(
        "documents_boxes",
        BASE,
        ("documents",),
        ("boxes",),
        plus=("p_other_period_out", "p_untagged"),
        minus=("p_entry", "p_other_period_in"),
    ),
    Comparison(
        "ledger_documents",
        TAX,
        ("ledger",),
        ("documents",),
        plus=("p_tax_entry", "p_tax_paid", "p_tax_other_period_in"),
        minus=("p_tax_waiting", "p_tax_other_period_out"),
    ),
    Comparison(
        "ledger_boxes",
        TAX,
        ("ledger",),
        ("boxes",),
        plus=("p_tax_untagged",),
        minus=("p_tax_elsewhere",),
    ),
)
PAID = ("flux_212", "flux_102", "flux_104")
PAYMENTS = (
    Comparison(
        "told_ledger",
        TAX,
        ("told",),
        ("ledger",),
        plus=("paid_no_entry", "paid_rounding"),
        minus=("paid_untold",),
    ),
)


@dataclass(frozen=True, slots=True)
class Gap:
    """A difference between two readings of a row, or a part of it.

    reason: "" for what nothing explains
    """

    comparison: str
    row: str
    measure: str
    reason: str
    amount: Decimal
    count: int


@dataclass(frozen=True, slots=True)
class Row:
    """The readings of one row: (measure, source) -> amount."""

    key: str
    amounts: dict

    def amount(self, measure, *sources):
        """Give the sum of some readings."""
        return sum((self.amounts.get((measure, name), ZERO) for name in sources), ZERO)


def reconcile(
    cells: Iterable[Cell], comparisons: tuple[Comparison, ...] = COMPARISONS
) -> tuple[tuple[Row, ...], tuple[Gap, ...]]:
    """Give the rows, and the reasons of every difference between their readings.

    :param comparisons: those of the subject: COMPARISONS (sales), PURCHASES, PAYMENTS

    Of each comparison and row: difference = sum of its gaps, the unexplained included.
    """
    amounts, counts = defaultdict(lambda: defaultdict(lambda: ZERO)), defaultdict(int)
    for cell in cells:
        amounts[cell.row][cell.measure, cell.source] += cell.amount
        counts[cell.row, cell.measure, cell.source] += cell.count
    rows = tuple(Row(key, dict(amounts[key])) for key in sorted(amounts, key=_order))
    gaps = []
    for row in rows:
        for comparison in comparisons:
            gaps += _gaps(row, comparison, counts)
    return rows, tuple(gaps)


def difference(row, comparison):
    """Give left less right."""
    return row.amount(comparison.measure, *comparison.left) - row.amount(
        comparison.measure, *comparison.right
    )


def _gaps(row, comparison, counts):
    rest, found = difference(row, comparison), []
    signed = [(name, 1) for name in comparison.plus]
    signed += [(name, -1) for name in comparison.minus]
    for reason, sign in signed:
        amount = sign * row.amount(comparison.measure, reason)
        if amount or counts[row.key, comparison.measure, reason]:
            count = counts[row.key, comparison.measure, reason]
            found.append(
                Gap(comparison.code, row.key, comparison.measure, reason, amount, count)
            )
            rest -= amount
    if rest:
        found.append(Gap(comparison.code, row.key, comparison.measure, "", rest, 0))
    return found


def _order(key):
    """Sort rates from the highest, then the reasons why there is none."""
    try:
        return 0, -Decimal(key), key
    except ArithmeticError:
        return 1, ZERO, key
