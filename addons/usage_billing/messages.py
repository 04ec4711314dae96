"""Words for codes: what the rating core says in codes, a person reads in sentences."""

from datetime import timedelta
from decimal import Decimal

from babel.dates import format_date, format_interval, format_skeleton
from babel.numbers import format_decimal

from odoo.tools import babel_locale_parse
from odoo.tools.translate import LazyTranslate

from .fields_exact import to_text
from .unit_words import in_number

_lt = LazyTranslate(__name__)

#: a sentence for every code of ``rating.errors.CODES`` (a test compares the two)
ERRORS = {
    "beyond_last_tier": _lt(
        "a quantity of %(quantity)s is above the last tier, which ends at %(limit)s. "
        "Add an open last tier."
    ),
    "coupon_needs_percent_or_amount": _lt(
        "a coupon takes either a percentage or an amount off, not both."
    ),
    "coupon_order": _lt("%(order)s is not an order in which coupons apply."),
    "currency_decimals": _lt("a currency with %(decimals)s decimals is not supported."),
    "duplicate_component": _lt("the component %(key)s appears twice."),
    "event_amount_missing": _lt(
        "the events bring no amount of their own. Choose a price model that counts "
        "quantities, or send amounts."
    ),
    "event_values_missing": _lt("the value of each event is needed and missing."),
    "maximum_below_minimum": _lt(
        "the maximum of %(maximum)s is below the minimum of %(minimum)s."
    ),
    "maximum_below_minimum_per_event": _lt(
        "the maximum of %(maximum)s per event is below the minimum of %(minimum)s."
    ),
    "negative_parameter": _lt("%(name)s cannot be negative (%(value)s)."),
    "negative_quantity": _lt(
        "the quantity of the period is negative (%(quantity)s). Correct the usage "
        "that was sent."
    ),
    "not_a_number": _lt("%(name)s is not a number (%(value)s)."),
    "not_positive": _lt("%(name)s must be above zero (%(value)s)."),
    "no_holidays": _lt(
        "The public holidays of country “%(country)s” are not known. Choose another "
        "country on the special price, or days of the week."
    ),
    "override_not_applicable": _lt(
        "the exception sets %(name)s, which the price model %(model)s has not. Change "
        "the exception, or limit it to other charges."
    ),
    "percent_out_of_range": _lt(
        "%(name)s must be between 0 and 100 percent (%(value)s)."
    ),
    "percentile_out_of_range": _lt("%(value)s is not a percentile between 0 and 100."),
    "period_backwards": _lt("the period would end (%(end)s) before it begins."),
    "period_dates_backwards": _lt("the period would end (%(end)s) before it begins."),
    "proration_method": _lt("%(method)s is not a way to prorate."),
    "quantity_not_priced": _lt("no step of the price names the quantity %(name)s."),
    "reading_outside_period": _lt("a reading of %(at)s is outside the period."),
    "quantity_not_additive": _lt(
        "quantities of several days, periods or dimensions cannot be added up for a "
        "meter of the kind %(aggregation)s. Choose a sum, a count or a maximum."
    ),
    "rounding_mode": _lt("%(mode)s is not a way to round."),
    "share_out_of_range": _lt("%(part)s of %(whole)s is not a part of a period."),
    "step_not_applicable": _lt(
        "%(step)s does not apply to the price model %(model)s. Empty the field or "
        "choose another model."
    ),
    "tier_bounds_not_rising": _lt(
        "tier %(tier)s ends at %(up_to)s, which is not above the tier before it."
    ),
    "tier_last_not_open": _lt(
        "the last tier ends at %(up_to)s and nothing prices what is above. Leave its "
        "end empty."
    ),
    "tier_open_not_last": _lt(
        "tier %(tier)s has no end but is not the last one. Give it an end."
    ),
    "tiers_missing": _lt("it has no tier. Add at least one."),
    "unknown_aggregation": _lt("%(aggregation)s is not a known aggregation."),
    "unknown_interval": _lt("%(interval)s is not a known billing interval."),
    "unknown_model": _lt("%(model)s is not a known price model."),
    "unknown_parameter": _lt("the price model %(model)s has no %(name)s."),
    "unknown_time_zone": _lt("%(zone)s is not a known time zone."),
    "time_without_zone": _lt("the time %(at)s has no time zone."),
    "usage_mismatch": _lt(
        "the price model %(model)s needs another kind of usage (%(expects)s)."
    ),
}

#: what the customer reads for each component label of the core
LABELS = {
    "tier": _lt("tier %(tier)s (%(range)s)"),
    "tier_flat_fee": _lt("tier %(tier)s (%(range)s), fixed part"),
    "package": _lt("packages"),
    "discount": _lt("discount"),
    "maximum": _lt("maximum reached"),
    "minimum": _lt("minimum of the period"),
    "commitment": _lt("commitment not used up"),
    "overage": _lt("above the commitment"),
    "coupon": _lt("discount coupon"),
    "grant": _lt("prepaid credit"),
    "credit": _lt("credit for the days not used"),
    "opening": _lt("billed before by another system"),
    "volume": _lt("tier %(tier)s (%(range)s)"),
    "tier_blocks": _lt("blocks of tier %(tier)s (%(range)s)"),
    "volume_blocks": _lt("blocks of tier %(tier)s (%(range)s)"),
    "tier_level": _lt("tier %(tier)s (%(range)s)"),
    "stairstep": _lt("step %(tier)s"),
    "percentage": _lt("percentage"),
}


def sentence(env, error):
    """Sentence in the user's language for a RatingError.

    :param RatingError error: code and facts
    :rtype: str
    """
    facts = {name: _readable(value) for name, value in error.facts.items()}
    sentence = env._(ERRORS[error.code])
    return sentence % facts


def _readable(value):
    return to_text(value) if isinstance(value, Decimal) else value


# ----------------------------------------------------------------------
# numbers, periods and lines as a person reads them
# ----------------------------------------------------------------------
def _locale(env):
    return babel_locale_parse(env.lang or "en_US")


def number(env, value):
    """A Decimal in the user's language, every decimal it has, none it has not."""
    value = value.normalize()
    decimals = max(0, -value.as_tuple().exponent)
    return format_decimal(
        value,
        format="#,##0" + ("." + "0" * decimals if decimals else ""),
        locale=_locale(env),
    )


def unit(env, label, quantity):
    """A unit behind a quantity, in the plural where the user's language wants it.

    :param str label: in the singular, may be empty
    :param Decimal quantity: None where none is shown
    """
    return in_number(label, quantity, env.lang)


def with_unit(env, quantity, label):
    """A quantity and its unit: "8 calls"."""
    return f"{number(env, quantity)} {unit(env, label, quantity)}".strip()


def price(env, value, currency):
    """A price with all its decimals; 9.9 reads 9.90, a whole number stays whole."""
    value = value.normalize()
    if 0 < -value.as_tuple().exponent < currency.decimal_places:
        return _money(env, value, currency)
    return number(env, value)


def day(env, date):
    """ "1 Oct 2026" in the user's language."""
    return format_date(date, "d MMM y", locale=_locale(env)) if date else ""


def amounts(env, pairs):
    """ "1,234.50 EUR + 20.00 USD": totals by currency, never added up.

    :param pairs: (``res.currency`` record, Decimal or its text)
    """
    return " + ".join(
        f"{_money(env, Decimal(value), currency)} {currency.name}"
        for currency, value in pairs
    )


def _money(env, value, currency):
    decimals = currency.decimal_places
    return format_decimal(
        value,
        format="#,##0" + ("." + "0" * decimals if decimals else ""),
        locale=_locale(env),
    )


def period_label(env, local_start, local_end, tz):
    """ "1 – 31 Oct 2026, Europe/Paris" in the user's language.

    :param datetime.date local_end: excluded
    """
    if not local_start or not local_end:
        return ""
    last = local_end - timedelta(days=1)
    days = format_interval(local_start, last, "yMMMd", locale=_locale(env))
    return f"{days}, {tz}"


def month_label(env, day):
    """ "October 2026" in the user's language."""
    return format_skeleton("yMMMM", day, locale=_locale(env))


def component_label(env, component):
    """Name of a component without its charge: "tier 2 (1,001–10,000)".

    :param component: anything with label, tier, lower, upper, dimension
    :return: empty for plain usage, which the charge's name says already
    """
    text = LABELS.get(component.label)
    if text is None:
        return component.dimension or ""
    label = env._(text)
    return label % {
        "tier": component.tier or "",
        "range": _tier_range(env, component.lower, component.upper),
    }


def _tier_range(env, lower, upper):
    """Whole bounds read 1,001–10,000; others say above and up to."""
    lower = lower or Decimal(0)
    if upper is None:
        if not lower:
            return env._("all units")
        return env._("above %(lower)s", lower=number(env, lower))
    if lower == lower.to_integral_value() and upper == upper.to_integral_value():
        return f"{number(env, lower + 1)}–{number(env, upper)}"
    if not lower:
        return env._("up to %(upper)s", upper=number(env, upper))
    return env._(
        "above %(lower)s up to %(upper)s",
        lower=number(env, lower),
        upper=number(env, upper),
    )


def line_name(
    env,
    charge,
    component,
    period,
    unit_label,
    dimensions=None,
    revision=0,
    price=None,
    scale=None,
):
    """Name of an invoice line in the partner's language.

    "vCPU-hours, tier 2 (1,001–10,000), per 1,000 hours, 1 – 31 Oct 2026,
    Europe/Paris"

    :param env: environment in the partner's language
    :param dict dimensions: of the rated line, where the charge is split
    :param price: special price that took the usage, or nothing
    :param int scale: billed units in one unit of the line; the component's own if None
    :rtype: str
    """
    scale = component.unit_scale if scale is None else scale
    parts = [charge.name]
    if price:
        parts.append(price.with_env(env).name)
    parts += [f"{name} {value}" for name, value in sorted((dimensions or {}).items())]
    if label := component_label(env, component):
        parts.append(label)
    if scale and scale != 1:
        parts.append(
            env._(
                "per %(scale)s %(unit)s",
                scale=number(env, Decimal(scale)),
                unit=unit(env, unit_label, scale) or env._("units"),
            )
        )
    if revision:
        parts.append(env._("correction %(number)s", number=revision))
    parts.append(period_label(env, period.local_start, period.local_end, period.tz))
    return ", ".join(parts)
