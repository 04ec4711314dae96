# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""What happens before and after the price, each step once and in one order.

A step takes the charge, the facts of the call and the work so far, and returns
the work after it. A step that is configured but cannot apply to the model was
refused when the charge was built (`Charge.__post_init__`).
"""

from dataclasses import dataclass, replace

from .errors import RatingError
from .rounding import ZERO
from .values import HUNDRED, Part, Share, Step, Usage


@dataclass(frozen=True, slots=True)
class Facts:
    """What a call adds to the charge: share of the period, is it over.

    allowance: units free in this period in place of the charge's own, where several
        charges share them or some were carried over; prorated already
    """

    share: Share
    closes: bool
    allowance: object = None


@dataclass(frozen=True, slots=True)
class Work:
    """Usage as it stands, parts priced so far, and the trace."""

    usage: Usage
    parts: tuple[Part, ...] = ()
    steps: tuple[Step, ...] = ()

    @property
    def net(self):
        return sum((part.exact for part in self.parts), ZERO)

    def after(self, name, facts, **changes):
        """The work with these changes, and a line more in the trace."""
        step = Step(name, tuple(facts.items()))
        return replace(self, steps=(*self.steps, step), **changes)

    def add(self, name, part, **facts):
        return self.after(name, facts, parts=(*self.parts, part))


def convert(charge, facts, work):
    if charge.convert is None:
        return work
    metered = work.usage.quantity
    quantity = charge.convert.apply(metered)
    return work.after(
        "convert",
        {
            "metered": metered,
            "divide_by": charge.convert.divide_by,
            "rounding": charge.convert.rounding,
            "quantity": quantity,
        },
        usage=replace(work.usage, quantity=quantity),
    )


def include(charge, facts, work):
    if facts.allowance is not None:
        included = facts.allowance
    else:
        included = _prorated(charge, facts, "included", charge.included_units)
    if not included:
        return work
    before = work.usage.quantity
    # the allowance absorbs usage, it never turns a correction into a charge
    quantity = max(before - included, min(before, ZERO))
    return work.after(
        "included",
        {"included": included, "before": before, "quantity": quantity},
        usage=replace(work.usage, quantity=quantity),
    )


def price(charge, facts, work):
    model = charge.price
    usage = work.usage
    if model.reads in ("quantity", "spent") and getattr(usage, model.reads) is None:
        raise RatingError("usage_mismatch", model=model.model, expects=model.reads)
    if not charge.zero_usage_due and model.reads != "nothing" and usage.is_zero:
        return work.after("price", {"model": model.model, "exact": ZERO})
    share = facts.share if "price" in charge.prorate else Share(1, 1)
    parts = model.price(usage, share)
    work = replace(work, parts=parts)
    known = model.facts(usage) if hasattr(model, "facts") else {}
    return work.after("price", {"model": model.model, **known, "exact": work.net})


def convert_pricing_unit(charge, facts, work):
    unit = charge.pricing_unit
    if unit is None:
        return work
    rate = unit.conversion_rate
    parts = tuple(
        replace(
            part,
            exact=part.exact * rate,
            unit_price=None if part.unit_price is None else part.unit_price * rate,
        )
        for part in work.parts
    )
    return work.after("pricing_unit", {"unit": unit.code, "rate": rate}, parts=parts)


def discount(charge, facts, work):
    if not charge.discount_percent:
        return work
    exact = -(work.net * charge.discount_percent / HUNDRED)
    part = Part("discount", "discount", "discount", exact)
    return work.add("discount", part, percent=charge.discount_percent, exact=exact)


def cap(charge, facts, work):
    if charge.maximum_amount is None:
        return work
    maximum = _prorated(charge, facts, "maximum", charge.maximum_amount)
    if work.net <= maximum:
        return work
    exact = maximum - work.net
    part = Part("maximum", "maximum", "maximum", exact)
    return work.add("maximum", part, maximum=maximum, exact=exact)


def floor(charge, facts, work):
    if charge.minimum_amount is None or not facts.closes:
        return work
    minimum = _prorated(charge, facts, "minimum", charge.minimum_amount)
    if work.net >= minimum:
        return work
    exact = minimum - work.net
    part = Part("minimum", "minimum", "minimum", exact)
    return work.add("minimum", part, minimum=minimum, exact=exact)


def _prorated(charge, facts, what, amount):
    return facts.share.of(amount) if what in charge.prorate else amount


#: the order, once: units are what the customer's price list speaks of, so they
#: come first; the discount is on the list price; the maximum caps what is
#: really due; the minimum is owed only when the period closes, and last,
#: because a guarantee is on the net amount (design decision 5)
ORDER = (convert, include, price, convert_pricing_unit, discount, cap, floor)
