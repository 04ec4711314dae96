# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""What a measured quantity costs: a pure package, no ORM, no clock, no network.

Owns    price models, the steps around them, rounding, billing periods,
        aggregation of readings, the explanation of an amount, and how a rated
        component is written on an invoice line.
Owns no taxes (Odoo's tax engine), no storage, no sentence: errors are codes.

How it is called::

    from ..rating import Charge, Currency, Billed, rate, present
    from ..rating.pricers import PerUnit, Graduated, Package, Flat, EventPriced
    from ..rating.values import Tier, Usage, UsagePart, Conversion

    charge = Charge("api-calls",
        Graduated((Tier("1000", "0"), Tier(None, "0.002", flat_fee="5"))),
        convert=Conversion("1000", "up", 0), included_units="10",
        discount_percent="5", maximum_amount="900", minimum_amount="20")
    line = rate(charge, Decimal("123456"), Currency("EUR", 2), period=period)
    line.amount         # due now: rounded once, half up, away from zero
    line.exact          # before rounding
    line.components     # (key, role, label, tier bounds, quantity, unit_price,
                        #  exact, amount); amounts add up to line.amount
    line.evidence()     # JSON-ready trace of every step

    rate(..., billed=Billed.of(line))      # a delta: cumulative now - billed
    rate(..., closes=False)                # period still open: no minimum yet
    rate(charge, None, ..., share=period.share(first, end))    # prorated
    rate(Charge("cloud", EventPriced()), Usage(parts=(UsagePart(
        "region=eu", quantity, amount), ...)), ...)      # pass-through

    shown = present(component.quantity, component.unit_price,
                    component.amount, currency.decimals)
    shown.quantity, shown.price, shown.scale, shown.exact   # design 10.2

Rating again: components carry stable keys ("tier-2", "minimum"); build
`Billed` from what stands on live rated lines and bill the delta.
Dates: periods are half-open UTC instants built once from local dates
(`periods.schedule`, `periods.next_period`), stored, never recomputed.
Errors: every refusal is `RatingError(code, **facts)`; codes in `errors.CODES`.

Exact figures may have more digits than Python's default context keeps: add
and negate them inside `rounding.exact_arithmetic()`.

Invariants, each with a property test: components add up to the line; order of
events and readings does not matter; rating twice bills nothing more; a credit
of the whole usage brings the line back to what zero usage costs; a presented
quantity times price rounds to the amount; periods tile the line of time.
"""

from .engine import rate
from .errors import RatingError
from .explain import explain
from .periods import Period
from .presentation import present
from .values import (
    Billed,
    Charge,
    Component,
    Conversion,
    Currency,
    RatedLine,
    Share,
    Tier,
    Usage,
    UsagePart,
)

__all__ = [
    "Billed",
    "Charge",
    "Component",
    "Conversion",
    "Currency",
    "Period",
    "RatedLine",
    "RatingError",
    "Share",
    "Tier",
    "Usage",
    "UsagePart",
    "explain",
    "present",
    "rate",
]
