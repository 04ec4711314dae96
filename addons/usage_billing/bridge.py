"""Records to values of the rating core, and its results to values for records.

With ``pricebook`` (prices) the only file that knows both sides. Odoo hands out floats
for money, naive UTC for instants and ids for relations; the core wants Decimals, aware
instants and keys.
"""

from datetime import UTC, date, timedelta
from decimal import Decimal

from .rating import Billed, Currency, Tier, present
from .rating import periods as rating_periods
from .rating.presentation import Presentation
from .rating.rounding import round_money
from .rating.values import BilledPart

ZERO = Decimal(0)


# ----------------------------------------------------------------------
# numbers and time
# ----------------------------------------------------------------------
def money(value):
    """Decimal of a monetary float of Odoo: its shortest text, no binary noise."""
    return Decimal(str(value))


def line_net(quantity, price_unit, discount, decimals):
    """Net amount of an invoice line, rounded as the line is.

    :param float quantity, price_unit, discount: as Odoo holds them
    :param int decimals: of the currency
    :rtype: Decimal
    """
    net = money(quantity) * money(price_unit) * (100 - money(discount)) / 100
    return round_money(net, decimals)


def naive(instant):
    """Naive UTC, as Odoo stores it, of an aware instant."""
    return instant.astimezone(UTC).replace(tzinfo=None)


def aware(instant):
    """Aware UTC of a naive instant of Odoo."""
    return instant.replace(tzinfo=UTC)


def midnight(day, zone):
    """Naive UTC instant at which a local date begins."""
    return naive(rating_periods.midnight(day, zone))


def day_before(day):
    return day - timedelta(days=1) if day else day


# ----------------------------------------------------------------------
# records
# ----------------------------------------------------------------------
#: what rating reads of a subscription; its other columns cost more than they say
SUBSCRIPTION_FIELDS = (
    "company_id",
    "partner_id",
    "plan_id",
    "version_id",
    "currency_id",
    "tz",
    "date_start",
    "date_end",
    "period_unit",
    "period_every",
    "calendar_aligned",
    "anchor_day",
)


def warm(records, names):
    """Read these columns of records in one query, and no others.

    Reading a field of a cold record takes every column of its model along, which
    costs a question about one customer more than its answer.

    :param names: fields; nothing is read when all are in memory
    """
    saved = records._origin
    if any(
        True
        for name in names
        for _missing in saved._fields[name]._cache_missing_ids(saved)
    ):
        saved.fetch(names)


# ----------------------------------------------------------------------
# periods
# ----------------------------------------------------------------------
def schedule_of(subscription):
    """Dates on which the periods of a subscription begin.

    An anchor on the 29th to 31st is placed in a month that has that day, so that
    short months clamp it and it comes back afterwards.

    :rtype: rating.periods.Schedule
    """
    unit, every = subscription.period_unit, subscription.period_every or 1
    start = subscription.date_start
    if subscription.calendar_aligned and every == 1:
        return rating_periods.Schedule.calendar(unit)
    if unit in rating_periods.DAYS:
        return rating_periods.Schedule(start, unit, every)
    step = rating_periods.MONTHS[unit] * every
    day = 1 if subscription.calendar_aligned else subscription.anchor_day or start.day
    # several years hold every month on which a period may begin; 2000 is a leap year,
    # so that a yearly anchor on 29 February keeps its day
    first = date(2000, 1, 1)
    offset = (start.year - first.year) * 12 + start.month - first.month
    candidates = [
        rating_periods.add_months(first, offset % step + step * n, day)
        for n in range(max(12 // step, 1) + 1)
    ]
    anchor = max(candidates[:-1] or candidates, key=lambda d: d.day)
    return rating_periods.Schedule(anchor, unit, every)


def next_periods_vals(subscription, last, until):
    """Values of the periods after ``last`` until one ends after an instant.

    :param usage.subscription subscription: one
    :param usage.period last: the newest stored period, or None
    :param datetime.datetime until: naive UTC
    :return: vals of ``usage.period``, oldest first; empty once the subscription ends
    :rtype: list[dict]
    """
    schedule, zone = schedule_of(subscription), subscription.tz
    limit = subscription.date_end
    until = aware(until)
    found = []
    if last:
        period = rating_periods.Period(
            last.local_start,
            last.local_end,
            last.tz,
            aware(last.start_at),
            aware(last.end_at),
        )
    else:
        first = subscription.date_start
        end = schedule.dates(first)[1]
        period = rating_periods.Period.of_dates(
            first, min(end, limit) if limit else end, zone
        )
        if period.start > until:
            return []
        found.append(period)
    while period.end <= until and not (limit and period.end_date >= limit):
        following = rating_periods.next_period(period, schedule, zone)
        if limit and following.end_date > limit:
            following = rating_periods.Period.of_dates(
                following.first_date, limit, zone, start=following.start
            )
        period = following
        found.append(period)
    return [_period_vals(subscription, period) for period in found]


def earlier_periods_vals(subscription, first):
    """Values of the periods from the start of a subscription to its first period.

    The last one ends at the instant the existing one begins, be it shorter than usual.

    :param usage.subscription subscription: one, whose start was moved back
    :param usage.period first: the oldest stored period
    :return: vals of ``usage.period``, oldest first
    :rtype: list[dict]
    """
    schedule, zone = schedule_of(subscription), subscription.tz
    stop, found, day = first.local_start, [], subscription.date_start
    while day < stop:
        end = min(schedule.dates(day)[1], stop)
        found.append(rating_periods.Period.of_dates(day, end, zone))
        day = end
    vals_list = [_period_vals(subscription, period) for period in found]
    if vals_list:
        vals_list[-1]["end_at"] = first.start_at
    return vals_list


def _period_vals(subscription, period):
    return {
        "subscription_id": subscription.id,
        "company_id": subscription.company_id.id,
        "local_start": period.first_date,
        "local_end": period.end_date,
        "start_at": naive(period.start),
        "end_at": naive(period.end),
        "tz": period.zone,
        "anchor_day": subscription.anchor_day,
        "state": "open",
    }


def period_begin(subscription, day):
    """First day of a billing period that is this day or later.

    :param datetime.date day: local
    :rtype: datetime.date
    """
    if day <= subscription.date_start:
        return subscription.date_start
    start, end = schedule_of(subscription).dates(day)
    return start if start == day else end


def renewal_after(subscription, day):
    """First day on which the contract renews, this day or later.

    :param usage.subscription subscription: one, with ``term_months``; without a term
        it renews with each period
    :rtype: datetime.date
    """
    if not subscription.term_months:
        return period_begin(subscription, day)
    start, months = subscription.date_start, 0
    renewal = start
    while renewal < day or not months:
        months += subscription.term_months
        renewal = rating_periods.add_months(start, months, start.day)
    return renewal


def period_of(record):
    """Value of a stored ``usage.period``.

    :rtype: rating.periods.Period
    """
    return rating_periods.Period(
        record.local_start,
        record.local_end,
        record.tz,
        aware(record.start_at),
        aware(record.end_at),
    )


def whole_period(record):
    """The whole calendar period of which a stored period is all or a part.

    :rtype: rating.periods.Period
    """
    schedule = schedule_of(record.subscription_id)
    return schedule.period(record.local_start, record.tz)


def share_of(record, method="days", first=None, end=None):
    """Part of the whole calendar period that a stored period covers.

    :param str method: days, fixed30 or seconds
    :param date first, end: only this part of the stored period, end excluded
    :rtype: rating.Share
    """
    whole = whole_period(record)
    first = max(first or record.local_start, record.local_start)
    end = min(end or record.local_end, record.local_end, whole.end_date)
    return whole.share(first, end, method)


def currency_of(record):
    """Value of a ``res.currency``."""
    return Currency(record.name, record.decimal_places)


def tiers_of(records):
    """Values of tiers in the order of their bounds, the open one last.

    :param records: ``usage.charge.tier`` or ``usage.override.tier``
    :rtype: tuple[Tier, ...]
    """
    return tuple(
        Tier(
            tier.up_to,
            tier.unit_price or ZERO,
            tier.flat_fee or ZERO,
            tier.tier_cap,
        )
        for tier in records.sorted(
            lambda tier: (tier.up_to is None, tier.up_to or 0, tier.sequence)
        )
    )


# ----------------------------------------------------------------------
# what was billed, what was rated
# ----------------------------------------------------------------------
def billed_of(components):
    """What live rated lines of one charge and period billed, added up.

    :param usage.rated.component components: of every live revision
    :rtype: rating.Billed
    """
    return Billed.adding(
        BilledPart(
            component.key,
            component.amount,
            component.exact_amount,
            component.quantity,
            component.role or "usage",
            component.label or "usage",
        )
        for component in components
    )


def rated_line_vals(line, before=()):
    """Figures of a rated line and its components, ready to be created.

    :param rating.RatedLine line: result of the core
    :param usage.rated.component before: live components of earlier revisions; they
        name a component that is given back because it is not reached any more
    :rtype: dict
    """
    known = {component.key: component for component in before}
    return {
        "quantity": line.metered_quantity,
        "exact_amount": line.exact_due,
        "amount": line.amount,
        "already_billed": line.billed_amount,
        "evidence": line.evidence(),
        "components": [
            {
                "sequence": sequence,
                **_component_vals(part, line.currency.decimals, known.get(part.key)),
            }
            for sequence, part in enumerate(line.components)
        ],
    }


def _component_vals(part, currency_decimals, before):
    named = before if part.tier is None and before is not None else part
    shown = present_part(part.quantity, part.unit_price, part.amount, currency_decimals)
    return {
        "key": part.key,
        "role": part.role,
        "label": part.label,
        "dimension": named.dimension,
        "tier": named.tier,
        "lower": named.lower,
        "upper": named.upper,
        "quantity": part.quantity,
        "unit_price": part.unit_price,
        "exact_amount": part.exact,
        "amount": part.amount,
        "presented_quantity": shown.quantity,
        "presented_price": shown.price,
        "unit_scale": shown.scale,
    }


def present_part(quantity, unit_price, amount, currency_decimals):
    """How a component stands on an invoice line.

    One unit says its amount as it is: a prorated fee of 8.33 reads 1 x 8.33, not
    0.001 x 8,333.333333.

    :rtype: rating.presentation.Presentation
    """
    if quantity is not None and abs(quantity) == 1:
        return present(None, None, amount, currency_decimals)
    return present(quantity, unit_price, amount, currency_decimals)


def presentation_of(component):
    """The stored presentation of a ``usage.rated.component``.

    :rtype: rating.presentation.Presentation
    """
    return Presentation(
        component.presented_quantity,
        component.presented_price,
        component.unit_scale,
        exact=False,
    )
