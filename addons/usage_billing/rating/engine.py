# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Rate one charge for one period: steps in order, round once, cut, subtract.

Preview, invoice, re-rating and simulation all call `rate`; a preview only does
not save what it returns.
"""

from .rounding import ZERO, allocate, exact_arithmetic, round_money
from .steps import ORDER, Facts, Work
from .values import WHOLE, Component, RatedLine, Usage


def rate(
    charge,
    usage,
    currency,
    *,
    period=None,
    share=WHOLE,
    closes=True,
    billed=None,
    allowance=None,
):
    """Rate one charge for one period.

    The amount of the whole period is worked out again each time; what is due
    now is that amount less what was billed. A first rating bills all of it.

    :param Charge charge: price model and steps
    :param usage: Usage, or a bare metered quantity, or None for flat charges
    :param Currency currency: of the plan version; its decimals round the line
    :param Period period: kept as evidence; usage is of this period already
    :param Share share: part of the period that is active (`periods.share`)
    :param bool closes: the period is over, so the minimum is due
    :param Billed billed: what live rated lines of this key billed so far;
        None for a first rating
    :param Decimal allowance: units free in this period in place of the charge's
        own (`allowances`), None for its own
    :rtype: RatedLine
    :raise RatingError: an impossible figure; the caller holds the customer
    """
    usage = Usage.of(usage)
    with exact_arithmetic():
        work = Work(usage)
        facts = Facts(share, closes, allowance)
        for step in ORDER:
            work = step(charge, facts, work)
        exact = work.net
        cumulative = round_money(exact, currency.decimals)
        components = _round_parts(work.parts, cumulative, currency.decimals)
        billed_amount = ZERO
        if billed is not None:
            billed_amount = billed.amount
            components = _difference(components, billed)
        return RatedLine(
            key=charge.key,
            model=charge.price.model,
            currency=currency,
            metered_quantity=usage.quantity,
            quantity=work.usage.quantity,
            exact=exact,
            cumulative_amount=cumulative,
            billed_amount=billed_amount,
            amount=cumulative - billed_amount,
            components=components,
            closes=closes,
            share=share,
            period=period,
            steps=work.steps,
        )


def _round_parts(parts, total, decimals):
    """Components of the parts; their amounts add up to the rounded total."""
    amounts = allocate(total, [part.exact for part in parts], decimals)
    return tuple(
        Component(
            key=part.key,
            role=part.role,
            label=part.label,
            exact=part.exact,
            amount=amount,
            quantity=part.quantity,
            unit_price=part.unit_price,
            tier=part.tier,
            lower=part.lower,
            upper=part.upper,
            dimension=part.dimension,
        )
        for part, amount in zip(parts, amounts, strict=True)
    )


def _difference(components, billed):
    """Components now minus components billed, key by key; equal ones vanish.

    A component that was billed and is no more (a tier left again, a maximum no
    longer reached) is given back under its own key, after the others.
    """
    before = {part.key: part for part in billed.parts}
    deltas = []
    for now in components:
        part = before.pop(now.key, None)
        deltas.append(now if part is None else _subtract(now, part))
    for part in before.values():
        gone = Component(part.key, part.role, part.label, ZERO, ZERO, ZERO)
        deltas.append(_subtract(gone, part))
    return tuple(d for d in deltas if d.amount or d.exact or d.quantity)


def _subtract(now, part):
    exact = part.amount if part.exact is None else part.exact
    quantity = now.quantity
    if quantity is not None and part.quantity is not None:
        quantity -= part.quantity
    return Component(
        key=now.key,
        role=now.role,
        label=now.label,
        exact=now.exact - exact,
        amount=now.amount - part.amount,
        quantity=quantity,
        unit_price=now.unit_price,
        tier=now.tier,
        lower=now.lower,
        upper=now.upper,
        dimension=now.dimension,
    )
