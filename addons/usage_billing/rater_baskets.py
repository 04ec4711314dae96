"""The steps of a quote: what a basket says was used, its free units, its price.

Values in, values out; no store and no billed line is looked at.
"""

from odoo.exceptions import ValidationError

from . import pricebook, rater_steps
from .measuring import Measured, place_at, price_of
from .rating import Usage, UsagePart, rate
from .rating.rounding import ZERO, exact_arithmetic
from .rating.values import LevelChange


def measure_basket(env, prices, by_key, basket):
    """Usage of a basket by charge key, then by dimension key.

    :param list[rater.Item] basket: what is bought
    :raise ValidationError: an item names no charge
    """
    by_meter = {}
    for priced in prices:
        meter = by_key[priced.key].meter_id
        if meter:
            by_meter.setdefault(meter.code, priced)
    by_charge = {priced.key: priced for priced in prices}
    found = {}
    for item in basket:
        priced = by_charge.get(item.charge) or by_meter.get(item.charge)
        if priced is None:
            raise ValidationError(
                env._(
                    "The basket has %(item)s, which this plan does not price. It "
                    "prices: %(charges)s.",
                    item=item.charge,
                    charges=", ".join(by_charge),
                )
            )
        dimensions = dict(item.dimensions or {})
        price = price_of(priced, dimensions, item.at)
        key, shown, price = place_at(priced, dimensions, price)
        one = found.setdefault(priced.key, {}).setdefault(key, Measured(shown, price))
        _add_item(priced, one, item, by_key[priced.key])
    return found


def _add_item(priced, one, item, charge):
    with exact_arithmetic():
        one.quantity += item.quantity
    one.note(len(item.values) if item.values is not None else 1, None)
    if priced.reading == pricebook.AMOUNTS:
        amount = item.quantity if item.amount is None else item.amount
        one.parts = [*(one.parts or []), UsagePart("", ZERO, amount)]
    elif priced.reading == pricebook.VALUES:
        values = item.values if item.values is not None else (item.quantity,)
        one.values = (*(one.values or ()), *values)
    elif priced.reading == pricebook.WINDOWS and priced.promise is None:
        one.windows = [*(one.windows or []), item.quantity]
    elif priced.reading == pricebook.SEVERAL:
        names = {meter.code: str(meter._origin.id) for meter in _meters(charge)}
        given = item.quantities or {charge.meter_id.code: item.quantity}
        one.quantities = {names[code]: quantity for code, quantity in given.items()}
    elif priced.reading == pricebook.CHANGES:
        change = LevelChange(item.quantity, item.quantity) if item.quantity else None
        one.changes = (*(one.changes or ()), *([change] if change else []))


def _meters(charge):
    return charge.meter_id | charge.tier_ids.limit_ids.meter_id


def basket_allowances(prices, measured, share, kept, credits):
    """Free units of charges of a basket that share them, kept some or have credits.

    :param dict measured: usage of the basket, by charge key, then by dimension key
    :param rating.Share share: of the period that is bought
    :param dict kept: units the period before left, by (charge key, dimension key)
    :param dict credits: units of prepaid credits, by charge key
    :return: {(charge key, dimension key): units}; other charges have their own
    :rtype: dict
    """
    found, bundles = {}, {}
    for priced in prices:
        if priced.core.price.reads != "quantity":
            continue
        if priced.bundle_key:
            bundles.setdefault(priced.bundle_key, []).append(priced)
        elif priced.rollover_limit:
            for key in measured.get(priced.key, {}):
                slot = priced.key, key
                with exact_arithmetic():
                    own = rater_steps.own_units(priced, share)
                    found[slot] = own + kept.get(slot, ZERO)
    for members in bundles.values():
        found.update(_share_basket(members, measured, share, kept))
    for priced in prices:
        units, slot = credits.get(priced.key), (priced.key, "")
        if not units or "" not in measured.get(priced.key, {}):
            continue
        units = rater_steps.converted(priced, units)
        with exact_arithmetic():
            own = rater_steps.own_units(priced, share)
            found[slot] = found.get(slot, own) + units
    return found


def _share_basket(members, measured, share, kept):
    """Free units of each charge of a bundle; the first one grants them."""
    first = members[0]
    with exact_arithmetic():
        available = rater_steps.own_units(first, share)
        available += kept.get((first.key, ""), ZERO)
    used = [(priced, measured.get(priced.key, {})) for priced in members]
    return {
        (priced.key, key): part
        for priced, key, _used, part in rater_steps.share_bundle(available, used)
    }


def rate_plain(priced, found, currency, period, share, closes, free=None):
    """Rate one charge of a basket.

    :param rating.Period period: evidence only, may be None
    :param rating.Share share: of the period that is bought
    :param Decimal free: units free in place of the charge's own, None for its own
    """
    core = found.price.core if found.price else priced.core
    return rate(
        core,
        found.usage(priced.reading),
        currency,
        period=period,
        share=share,
        closes=closes,
        allowance=free,
    )


def rate_plain_commitment(priced, spent, currency, period, share, subscription=None):
    core = rater_steps.committed(priced, subscription)
    return rate(core, Usage(spent=spent), currency, period=period, share=share)
