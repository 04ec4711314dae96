# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Why this amount: the visible equation of a rated line, as data.

The customer, the accountant and the auditor see the same rows; the words come
from the add-on, by the codes here.
"""

from dataclasses import dataclass
from decimal import Decimal

from .rounding import ZERO, exact_arithmetic


@dataclass(frozen=True, slots=True)
class Row:
    """One term of the equation.

    code: step or component label; kind: quantity, amount or total
    value: metered or billed units for a quantity, currency units otherwise
    facts: what the words need, plain pairs
    """

    code: str
    kind: str
    value: Decimal
    facts: tuple[tuple[str, object], ...] = ()


def explain(line):
    """Rows from the meter to the amount due; the amounts close to zero.

    Terms of kind "amount" add up to the amount due now: the components of the
    line, each as it stands on the invoice. The last rows state the total, what
    rounding did, and what was billed before.

    :param RatedLine line: result of `rate`
    :rtype: list[Row]
    """
    rows = [_step_row(step) for step in line.steps if _step_row(step)]
    if line.metered_quantity is not None:
        rows.insert(0, Row("metered", "quantity", line.metered_quantity))
    for part in line.components:
        facts = (
            ("key", part.key),
            ("tier", part.tier),
            ("lower", part.lower),
            ("upper", part.upper),
            ("quantity", part.quantity),
            ("unit_price", part.unit_price),
            ("exact", part.exact),
            ("dimension", part.dimension),
        )
        known = tuple((name, value) for name, value in facts if value is not None)
        rows.append(Row(part.label, "amount", part.amount, known))
    with exact_arithmetic():
        rounding = line.cumulative_amount - line.exact
        rows.append(Row("exact", "total", line.exact))
        rows.append(Row("rounding", "total", rounding))
        if line.billed_amount:
            rows.append(Row("billed", "total", -line.billed_amount))
        rows.append(Row("due", "total", line.amount))
    return rows


def residual(rows):
    """What the equation leaves over: zero, or the line is wrong.

    :return: (components less amount due, exact + rounding - billed less due)
    """
    with exact_arithmetic():
        due = next(row.value for row in rows if row.code == "due")
        parts = sum((row.value for row in rows if row.kind == "amount"), ZERO)
        totals = [row for row in rows if row.kind == "total" and row.code != "due"]
        return parts - due, sum((row.value for row in totals), ZERO) - due


def _step_row(step):
    """A row for the steps that change the quantity; priced steps have parts."""
    facts = dict(step.facts)
    if step.name not in ("convert", "included"):
        return None
    quantity = facts.pop("quantity")
    return Row(step.name, "quantity", quantity, tuple(facts.items()))
