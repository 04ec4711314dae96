"""The steps of an amount in words, as the calculator and a quote show them."""

from decimal import Decimal

from . import messages
from .rating.rounding import exact_arithmetic

ZERO = Decimal(0)


def steps_of(env, charge, item):
    """From the quantity to the amount, one sentence a step with its figure.

    :param usage.charge charge: saved or not
    :param rater.Rated item: of a quote
    :return: [(sentence, figure in words or "")]; the last is the amount
    :rtype: list[tuple[str, str]]
    """
    line = item.line
    currency = charge.currency_id
    unit = charge.unit_label or ""
    rows = []
    if line.metered_quantity is not None and charge.meter_id:
        rows.append((env._("Quantity"), _quantity(env, line.metered_quantity, unit)))
    for step in line.steps:
        row = _step(env, dict(step.facts), step.name, unit)
        if row:
            rows.append(row)
    for part in line.components:
        rows.append(_component(env, charge, item, part, currency))
    with exact_arithmetic():
        rounding = line.cumulative_amount - line.exact
    if rounding:
        rows.append(
            (
                env._("Rounding"),
                f"{messages.price(env, rounding, currency)} {currency.name}",
            )
        )
    rows.append(
        (
            env._("Amount"),
            messages.amounts(env, [(currency, line.cumulative_amount)]),
        )
    )
    return rows


def _quantity(env, value, unit):
    return messages.with_unit(env, value, unit)


def _step(env, facts, name, unit):
    if name == "convert":
        modes = {
            "up": env._("rounded up"),
            "down": env._("rounded down"),
            "half_up": env._("rounded to the nearest"),
        }
        text = env._(
            "Divided by %(divisor)s", divisor=messages.number(env, facts["divide_by"])
        )
        mode = modes.get(facts["rounding"])
        return (
            f"{text}, {mode}" if mode else text,
            _quantity(env, facts["quantity"], unit),
        )
    if name == "included":
        return (
            env._(
                "Less %(included)s free",
                included=_quantity(env, facts["included"], unit),
            ),
            _quantity(env, facts["quantity"], unit),
        )
    if name == "pricing_unit":
        return (
            env._(
                "Prices are in %(unit)s",
                unit=facts["unit"],
            ),
            f"× {messages.number(env, facts['rate'])}",
        )
    return None


def _component(env, charge, item, part, currency):
    """ "tier 2 (101–1,000): 900 × 0.5" and its exact amount."""
    name = messages.component_label(env, part)
    if not name:
        name = item.price.name if item.price else charge.name or env._("Price")
    name = name[:1].upper() + name[1:]
    if part.quantity is not None and part.unit_price is not None:
        name = env._(
            "%(name)s: %(quantity)s × %(price)s",
            name=name,
            quantity=messages.number(env, part.quantity),
            price=messages.price(env, part.unit_price, currency),
        )
    return name, f"{messages.price(env, part.exact, currency)} {currency.name}"


def in_one_sentence(rows):
    """ "Quantity 1,250 calls; Less 100 free 1,150 calls; … Amount 87.50 EUR".

    A product is written as one: "Tier 1: 900 × 0.5 = 450 EUR".
    """
    return "; ".join(
        f"{text}{' =' if '×' in text else ''} {figure}".strip() for text, figure in rows
    )
