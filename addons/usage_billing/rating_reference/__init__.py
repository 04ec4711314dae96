# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""A second opinion on what usage costs, written on its own from the price rules.

Slow and plain on purpose: fractions, loops over single units of thought, no class of
``rating``, no shared function, nothing optimised. It exists to disagree: tests compare
it with the engine on thousands of random prices and quantities, and a nightly job on a
sample of real lines. When the two differ, one of them is wrong.

A price is a plain dict with texts for numbers, as it stands in the catalogue::

    {"model": "graduated", "tiers": [{"up_to": "10", "unit_price": "2"}, ...],
     "included_units": "5", "discount_percent": "10", "maximum_amount": "90"}

    cost(price, {"quantity": "12.5"}, share=("15", "31"), closes=True) -> Fraction
    rounded(cost, 2) -> Decimal
"""

from decimal import Decimal
from fractions import Fraction

__all__ = ["cost", "rounded"]


def number(value, default=0):
    """Exact number of a text, an int or a Decimal; the default for nothing."""
    if value is None or value is False or value == "":
        return None if default is None else Fraction(default)
    return Fraction(str(value))


def rounded(value, decimals):
    """To the decimals of a currency; halves go away from zero."""
    scaled = abs(value) * 10**decimals
    whole = scaled.numerator // scaled.denominator
    if scaled - whole >= Fraction(1, 2):
        whole += 1
    sign = "-" if value < 0 else ""
    return Decimal(f"{sign}{whole}").scaleb(-decimals)


def ceiling(value):
    return -((-value.numerator) // value.denominator)


def floor(value):
    return value.numerator // value.denominator


def cost(price, usage, share=(1, 1), closes=True):
    """What a period costs under a price, before rounding.

    :param dict price: see the module
    :param dict usage: quantity, values (percentage), amounts (event_priced), or spent
    :param share: days active and days of the period
    :param bool closes: the period is over, so that the minimum is due
    :rtype: Fraction
    """
    part = Fraction(share[0]) / Fraction(share[1])
    prorated = bool(price.get("prorate", True))
    quantity = number(usage.get("quantity"))
    divisor = number(price.get("divide_by"), None)
    if divisor is not None:
        quantity = quantity / divisor
        mode, places = price.get("rounding"), 10 ** int(price.get("decimals") or 0)
        if mode == "up":
            quantity = Fraction(ceiling(quantity * places), places)
        elif mode == "down":
            quantity = Fraction(floor(quantity * places), places)
        elif mode == "half_up":
            text = rounded(quantity, int(price.get("decimals") or 0))
            quantity = Fraction(str(text))
    free = number(price.get("included_units"))
    if free and quantity > 0:
        quantity = quantity - free if quantity > free else Fraction(0)
    amount = MODELS[price["model"]](price, quantity, usage)
    if price["model"] == "flat" and prorated:
        amount = amount * part
    if price["model"] == "commitment":
        promised = amount * part if prorated else amount
        missing = promised - number(usage.get("spent"))
        amount = missing if missing > 0 else Fraction(0)
    worth = number(price.get("unit_worth"), None)
    if worth is not None:
        amount = amount * worth
    amount = amount - amount * number(price.get("discount_percent")) / 100
    most = number(price.get("maximum_amount"), None)
    if most is not None and amount > most:
        amount = most
    least = number(price.get("minimum_amount"), None)
    if least is not None and closes:
        least = least * part if prorated else least
        if amount < least:
            amount = least
    return amount


def per_unit(price, quantity, usage):
    return quantity * number(price.get("unit_price"))


def cost_plus(price, quantity, usage):
    return quantity * number(price.get("multiplier"))


def flat(price, quantity, usage):
    return number(price.get("unit_price"))


def package(price, quantity, usage):
    packages = quantity / number(price["package_size"])
    count = floor(packages) if price.get("package_rounding") == "down" else None
    return number(price["package_price"]) * (
        ceiling(packages) if count is None else count
    )


def in_tiers(price, quantity, price_of):
    """Walk up the tiers: each takes what lies between its bounds."""
    amount, below = Fraction(0), Fraction(0)
    for position, tier in enumerate(price["tiers"]):
        if position and quantity <= below:
            break
        top = number(tier.get("up_to"), None)
        here = quantity - below if top is None or quantity < top else top - below
        slice_amount = here * price_of(tier)
        cap = number(tier.get("tier_cap"), None)
        if cap is not None and slice_amount > cap:
            slice_amount = cap
        amount += slice_amount + number(tier.get("flat_fee"))
        below = top
    return amount


def graduated(price, quantity, usage):
    return in_tiers(price, quantity, lambda tier: number(tier.get("unit_price")))


def graduated_percentage(price, quantity, usage):
    return in_tiers(
        price, quantity, lambda tier: number(tier.get("rate_percent")) / 100
    )


def volume(price, quantity, usage):
    chooser = number(usage.get("tier_quantity"), None)
    chooser = quantity if chooser is None else chooser
    for tier in price["tiers"]:
        top = number(tier.get("up_to"), None)
        if top is None or chooser <= top:
            break
    amount = quantity * number(tier.get("unit_price"))
    cap = number(tier.get("tier_cap"), None)
    if cap is not None and amount > cap:
        amount = cap
    return amount + number(tier.get("flat_fee"))


def graduated_blocks(price, quantity, usage):
    amount, left = Fraction(0), quantity
    for tier in price["tiers"]:
        size, most = number(tier["block_size"]), number(tier.get("max_blocks"), None)
        room = left if most is None or most * size > left else most * size
        amount += ceiling(room / size) * number(tier["block_price"])
        left -= room
        if not left:
            break
    return amount


def volume_blocks(price, quantity, usage):
    reach = Fraction(0)
    for tier in price["tiers"]:
        most = number(tier.get("max_blocks"), None)
        if most is None:
            break
        reach += most * number(tier["block_size"])
        if quantity <= reach:
            break
    blocks = ceiling(quantity / number(tier["block_size"]))
    return blocks * number(tier["block_price"])


def stairstep(price, quantity, usage):
    for tier in price["tiers"]:
        top = number(tier.get("up_to"), None)
        if top is None or quantity <= top:
            return number(tier.get("flat_fee"))
    raise ValueError(f"no step holds {quantity}")


def percentage(price, quantity, usage):
    """Event after event: what is free first, then rate, fee and bounds."""
    free_events = number(price.get("included_events"), None)
    free_amount = number(price.get("included_amount"), None)
    is_free = free_events is not None or free_amount is not None
    total = Fraction(0)
    for value in map(number, usage.get("values") or ()):
        pays_on = value
        if is_free and free_events == 0:
            is_free = False
        if is_free and free_amount is not None and free_amount <= 0:
            is_free = False
        if is_free:
            if free_events is not None:
                free_events -= 1
            if free_amount is None or value <= free_amount:
                if free_amount is not None:
                    free_amount -= value
                continue
            pays_on = value - free_amount
            is_free = False
        one = pays_on * number(price.get("rate_percent")) / 100
        one += number(price.get("fixed_fee_per_event"))
        least = number(price.get("min_per_event"), None)
        most = number(price.get("max_per_event"), None)
        if least is not None and one < least:
            one = least
        if most is not None and one > most:
            one = most
        total += one
    return total


def event_priced(price, quantity, usage):
    return sum(map(number, usage.get("amounts") or ()), Fraction(0))


MODELS = {
    "flat": flat,
    "commitment": flat,
    "per_unit": per_unit,
    "package": package,
    "graduated": graduated,
    "volume": volume,
    "graduated_blocks": graduated_blocks,
    "volume_blocks": volume_blocks,
    "stairstep": stairstep,
    "percentage": percentage,
    "graduated_percentage": graduated_percentage,
    "cost_plus": cost_plus,
    "event_priced": event_priced,
}
