"""The prices of a plan version as values: made once, kept, used by every rating.

An approved version never changes, so what is made of it is cached for the process
(``usage.plan.version._get_prices``). Only ids and values are kept, no record.
"""

from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from odoo.exceptions import ValidationError

from . import messages
from .rating import Charge, Conversion, RatingError, Tier
from .rating.commitments import WindowCommitment
from .rating.pricers import (
    BlockTier,
    CommittedWindow,
    PercentTier,
    StairstepTier,
    Windowed,
    build,
)
from .rating.schedules import Phase
from .rating.values import PricingUnit

ZERO = Decimal(0)
ONE = Decimal(1)

#: price models whose name in the core is another
CORE_MODELS = {
    "pass_through": "event_priced",
    "one_time": "flat",
    "instalments": "flat",
}

#: how the usage of a price is read from the store
NOTHING, QUANTITY, GROUPED, AMOUNTS, VALUES, CHANGES, SEVERAL, WINDOWS, HOURS, SPENT = (
    "nothing",
    "quantity",
    "grouped",
    "amounts",
    "values",
    "changes",
    "several",
    "windows",
    "hours",
    "spent",
)


@dataclass(frozen=True, slots=True)
class SpecialPrice:
    """One of the prices of a charge that only some of its usage takes.

    id: ``usage.charge.price``; match: (dimension, values) pairs, all to fit
    hours: (from, to, day type, country of the holidays) of the local time, None for
        always
    """

    id: int
    key: str
    match: tuple
    group_keys: tuple
    hours: tuple | None
    core: Charge

    def fits(self, dimensions):
        return all(dimensions.get(key) in values for key, values in self.match)


@dataclass(frozen=True, slots=True)
class Priced:
    """A charge as rating needs it: what to measure, and the value of the core.

    id: ``usage.charge``, 0 for one that is not saved; reading: one of the words above
    meters: (meter id, name of the quantity in the core) pairs
    split: one line for each combination of the meter's dimensions
    """

    id: int
    key: str
    model: str
    reading: str
    core: Charge
    meter_id: int = 0
    meters: tuple = ()
    split: bool = False
    group_keys: tuple = ()
    prices: tuple[SpecialPrice, ...] = ()
    timing: str = "arrears"
    method: str = "days"
    prorated: bool = True
    after_months: int = 0
    months: int = 0
    trial_days: int = 0
    date_from: date | None = None
    end_date: date | None = None
    window: str = ""
    promise: WindowCommitment | None = None
    accumulate: str = "period"
    rollover_limit: Decimal | None = None
    bundle_key: str = ""
    instalments: int = 0
    first_instalment: Decimal | None = None
    scope: frozenset = frozenset()
    is_exact: bool = False
    share_property: str = ""
    tier_meter_id: int = 0

    def phase(self, start):
        """Dates of a subscription from ``start`` between which the charge counts.

        :rtype: rating.schedules.Phase
        """
        return Phase.of(
            start,
            after_months=self.after_months,
            months=self.months,
            trial_days=self.trial_days,
            on=self.date_from,
            until=self.end_date,
        )


def prices_of(charges):
    """Values of the charges of a version, in their order.

    :param usage.charge charges: saved or not
    :rtype: tuple[Priced, ...]
    :raise ValidationError: names the charge that cannot be rated
    """
    return tuple(priced_of(charge) for charge in charges)


def priced_of(charge):
    """Value of one charge.

    :rtype: Priced
    :raise ValidationError: names the charge and what is wrong with it
    """
    with naming_charge(charge):
        reading = _reading_of(charge)
        return Priced(
            id=charge._origin.id or 0,
            key=charge.key or "",
            model=charge.model,
            reading=reading,
            core=charge_of(charge),
            meter_id=charge.meter_id.id or 0,
            meters=_meters_of(charge),
            split=charge.group_by_dimensions,
            group_keys=keys_of(charge.group_keys),
            prices=tuple(_special_price_of(price) for price in charge.price_ids),
            timing=charge.timing,
            method=charge.proration_method or "days",
            prorated=charge.prorate,
            after_months=charge.starts_after_months,
            months=charge.lasts_months,
            trial_days=charge.trial_days,
            date_from=charge.date_from or None,
            end_date=charge.date_to + timedelta(days=1) if charge.date_to else None,
            window=charge.window or "",
            promise=_promise_of(charge),
            accumulate=charge.accumulate or "period",
            rollover_limit=charge.rollover_limit,
            bundle_key=(charge.bundle_key or "").strip(),
            instalments=charge.instalment_count if charge.model == "instalments" else 0,
            first_instalment=charge.first_instalment,
            scope=frozenset(keys_of(charge.commitment_scope)),
            is_exact=charge.commitment_basis == "exact",
            share_property=(charge.level_share_property or "").strip(),
            tier_meter_id=charge.tier_meter_id.id or 0,
        )


def _reading_of(charge):
    fixed = {
        "flat": NOTHING,
        "one_time": NOTHING,
        "instalments": NOTHING,
        "commitment": SPENT,
        "pass_through": AMOUNTS,
        "percentage": VALUES,
        "graduated_level": CHANGES,
        "stairstep": SEVERAL,
    }
    if charge.model in fixed:
        return fixed[charge.model]
    if charge.window:
        return WINDOWS
    if any(_hours_of(price) for price in charge.price_ids):
        return HOURS
    if charge.price_ids or charge.group_keys:
        return GROUPED
    return QUANTITY


def _meters_of(charge):
    """Meters and the names of their quantities in the core."""
    if not charge.meter_id:
        return ()
    meters = charge.meter_id | charge.tier_ids.limit_ids.meter_id
    meters |= charge.tier_meter_id
    return tuple((meter.id, _name_of(meter)) for meter in meters)


def _name_of(meter):
    return str(meter._origin.id)


def _promise_of(charge):
    if charge.window_commitment is None or not charge.window:
        return None
    factor = charge.window_overage_factor
    return WindowCommitment(
        charge.window_commitment,
        ONE if factor is None else factor,
        charge.window_true_up,
    )


def _special_price_of(price):
    return SpecialPrice(
        id=price._origin.id or 0,
        key=price.key or "",
        match=price._get_match(),
        group_keys=keys_of(price.group_keys),
        hours=_hours_of(price),
        core=charge_of(price.charge_id, price),
    )


def _hours_of(price):
    if price.day_type in (False, "all") and price.hour_from == price.hour_to:
        return None
    country = price.holiday_country_id or price.company_id.country_id
    return (price.hour_from, price.hour_to, price.day_type or "all", country.code or "")


def keys_of(text):
    """Names separated by commas, in the order given."""
    return tuple(key.strip() for key in (text or "").split(",") if key.strip())


# ----------------------------------------------------------------------
# values of the core
# ----------------------------------------------------------------------
def charge_of(record, special=None):
    """Value of a ``usage.charge``, or of one of its special prices.

    A special price has the price of its own and the steps of its charge, except the
    free units, maximum and minimum, which are the charge's once, not each price's.

    :param usage.charge.price special: None for the charge's own price
    :rtype: rating.Charge
    :raise RatingError: the charge is not one the core can rate
    """
    price = build(
        CORE_MODELS.get(record.model, record.model),
        **_parameters(record.model, special or record, record),
    )
    if record.window and record.model in WINDOWED:
        promise = _promise_of(record)
        price = CommittedWindow(price, promise) if promise else Windowed(price)
    whole = special is None
    counts = price.reads == "quantity"
    return Charge(
        record.key or "charge",
        price,
        convert=_conversion_of(record) if counts else None,
        included_units=(record.included_units or ZERO) if whole and counts else ZERO,
        pricing_unit=_pricing_unit_of(record),
        discount_percent=record.discount_percent or ZERO,
        maximum_amount=record.maximum_amount if whole else None,
        minimum_amount=record.minimum_amount if whole else None,
        prorate=_prorated_of(record),
        zero_usage_due=record.bill_zero,
    )


#: models that price one quantity, so that it can be priced window by window
WINDOWED = (
    "per_unit",
    "package",
    "graduated",
    "volume",
    "graduated_blocks",
    "volume_blocks",
    "graduated_percentage",
    "cost_plus",
)


def _conversion_of(record):
    if record.convert_divisor is None:
        return None
    rounding = record.convert_rounding
    return Conversion(
        record.convert_divisor,
        None if rounding in (False, "none") else rounding,
        record.convert_decimals,
    )


def _pricing_unit_of(record):
    if not record.pricing_unit:
        return None
    return PricingUnit(
        record.pricing_unit,
        ONE if record.pricing_unit_rate is None else record.pricing_unit_rate,
    )


def _prorated_of(record):
    parts = {"price", "minimum"} if record.prorate else set()
    if record.prorate_included:
        parts.add("included")
    return frozenset(parts)


def _parameters(model, source, charge):
    """Parameters of the price model, by the names of the core.

    :param source: charge or special price that holds them
    """
    if model in ("flat", "one_time", "instalments", "commitment"):
        return {"amount": source.unit_price or ZERO}
    if model == "per_unit":
        return {"unit_price": source.unit_price or ZERO}
    if model == "package":
        return {
            "package_size": source.package_size or ZERO,
            "package_price": source.package_price or ZERO,
            "rounding": source.package_rounding or "up",
        }
    if model == "percentage":
        events = source.included_events
        return {
            "rate_percent": source.rate_percent or ZERO,
            "fixed_fee_per_event": source.fixed_fee_per_event or ZERO,
            "min_per_event": source.min_per_event,
            "max_per_event": source.max_per_event,
            "included_events": None if events is None else int(events),
            "included_amount": source.included_amount,
        }
    if model == "cost_plus":
        return {"multiplier": source.multiplier or ZERO}
    if model in _TIERS:
        make, ordered = _TIERS[model]
        tiers = source.tier_ids
        if ordered:
            tiers = tiers.sorted(
                lambda tier: (tier.up_to is None, tier.up_to or 0, tier.sequence)
            )
        else:
            tiers = tiers.sorted("sequence")
        return {"tiers": tuple(make(tier, charge) for tier in tiers)}
    return {}


def _tier(tier, charge):
    return Tier(
        tier.up_to, tier.unit_price or ZERO, tier.flat_fee or ZERO, tier.tier_cap
    )


def _percent_tier(tier, charge):
    return PercentTier(
        tier.up_to, tier.rate_percent or ZERO, tier.flat_fee or ZERO, tier.tier_cap
    )


def _block_tier(tier, charge):
    return BlockTier(tier.block_size or ZERO, tier.max_blocks, tier.block_price or ZERO)


def _step(tier, charge):
    limits = [(_name_of(charge.meter_id), tier.up_to)] if charge.meter_id else []
    limits += [(_name_of(limit.meter_id), limit.up_to) for limit in tier.limit_ids]
    return StairstepTier(tuple(limits), tier.flat_fee or ZERO)


#: how a tier becomes a value, and whether its bounds order the tiers
_TIERS = {
    "graduated": (_tier, True),
    "volume": (_tier, True),
    "graduated_level": (_tier, True),
    "graduated_percentage": (_percent_tier, True),
    "graduated_blocks": (_block_tier, False),
    "volume_blocks": (_block_tier, False),
    "stairstep": (_step, False),
}


@contextmanager
def naming_charge(record):
    """Say which charge the core refused, and why, in a sentence.

    :raise ValidationError: in place of a RatingError
    """
    try:
        yield
    except RatingError as error:
        raise ValidationError(
            record.env._(
                "Charge %(charge)s cannot be rated: %(reason)s",
                charge=record.name,
                reason=messages.sentence(record.env, error),
            )
        ) from error


def check_charge(record):
    """Refuse a charge that the core could not rate, in a sentence.

    :raise ValidationError: names the charge and what is wrong with it
    """
    priced_of(record)
