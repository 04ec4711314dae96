"""Coupons and prepaid credits of a subscription, taken off its rated lines.

Both are worked out on the cumulative amounts of the period, so that late usage moves
them by the difference. Coupons come first, credits pay what is left.
"""

from dataclasses import replace

from . import bridge
from .rating.adjustments import Deduction, over_lines
from .rating.adjustments import deduct as deduct_line
from .rating.coupons import apply_coupons
from .rating.grants import taken_between
from .rating.rounding import ZERO, exact_arithmetic
from .rating.wallets import Wallet, draw_lines


def deduct(due, rated, history, currency):
    """Take coupons and money credits off the lines of one period.

    :param list[rater.Rated] rated: of one due, in their order
    :rtype: list[rater.Rated]
    """
    subscription = due.period.subscription_id
    coupons, grants = history.deductors.get(subscription.id, ((), ()))
    before = [_before(history, item) for item in rated]
    if not coupons and not grants and not any(before):
        return rated
    left = [item.line.cumulative_amount for item in rated]
    found = []
    coupons = [one for one in coupons if one._counts_in(due.period, history)]
    keys = [item.charge.key for item in rated]
    for _coupon, deduction in of_coupons(subscription, coupons, keys, left, currency):
        found.append(deduction)
        left = _less(left, deduction)
    found += _credits(due.period, grants, rated, left, history)
    return [
        replace(
            item,
            line=deduct_line(
                item.line,
                [(one, one.parts[index], one.exact(index)) for one in found],
                before[index],
            ),
        )
        for index, item in enumerate(rated)
    ]


def _before(history, item):
    sets = history.live.get((item.period.id, item.charge.id), {})
    live = sets.get(item.dimension_key)
    return live.deductions if live else {}


def _less(amounts, deduction):
    with exact_arithmetic():
        return [a - part for a, part in zip(amounts, deduction.parts, strict=True)]


def of_coupons(subscription, coupons, charge_keys, left, currency):
    """Yield each coupon with its deduction, on what the ones before it left.

    :param list[str] charge_keys: of the lines
    :param list[Decimal] left: amounts of the lines, parallel
    """
    if not coupons:
        return
    order = subscription.company_id.usage_coupon_order or "given"
    if order == "percent_first":
        coupons = sorted(coupons, key=lambda coupon: coupon.kind != "percent")
    for coupon in coupons:
        keys = coupon._get_charge_keys()
        base = [
            amount if not keys or key in keys else ZERO
            for key, amount in zip(charge_keys, left, strict=True)
        ]
        with exact_arithmetic():
            total = sum((max(amount, ZERO) for amount in base), ZERO)
        (amount,) = apply_coupons(total, [coupon._to_value()], currency)
        deduction = over_lines(
            f"coupon-{coupon.id}",
            "coupon",
            amount,
            base,
            currency,
            (("name", coupon.name), ("percent", coupon.percent)),
        )
        left = _less(left, deduction)
        yield coupon, deduction


def _credits(period, grants, rated, left, history):
    """Deductions of the money credits that count in a period."""
    pairs = [
        (grant, grant._balance_for(period, history))
        for grant in grants
        if grant.unit == "money" and grant._is_active_in(period)
    ]
    return of_credits(pairs, [item.charge.key for item in rated], left)


def of_credits(pairs, charge_keys, left):
    """Deductions of money credits: each pays the lines it may pay, in order.

    :param pairs: (``usage.grant``, money left of it)
    :param list[str] charge_keys: of the lines
    :param list[Decimal] left: amounts of the lines, parallel
    :rtype: list[Deduction]
    """
    wallets, by_key = [], {}
    for grant, balance in sorted(pairs, key=lambda pair: pair[0]._rank()):
        key = f"grant-{grant.id}"
        keys = grant._get_charge_keys()
        by_key[key] = grant
        wallets.append(Wallet(key, balance, 0, frozenset(keys) if keys else None))
    lines = list(zip(charge_keys, left, strict=True))
    return [
        Deduction(key, "grant", parts, (("name", by_key[key].name),))
        for key, parts in draw_lines(wallets, lines).items()
    ]


def covered_units(period, grants):
    """Units of a charge that unit credits pay for in a period.

    The story is played from the first credit on: what was taken in the period is
    what the balances lost between its beginning and its end.

    :param grants: ``usage.grant`` records of units of one meter and subscription
    :rtype: Decimal
    """
    first = min(grant.effective_at for grant in grants)
    story = period.subscription_id._get_usage_story(
        grants[0].meter_id, first, period.end_at
    )
    return taken_between(
        [grant._to_value() for grant in grants],
        story,
        bridge.aware(period.start_at),
        bridge.aware(period.end_at),
    )
