"""Rate the charges of billing periods: a few reads, the core, no write.

The billing run, the current month on a subscription, the portal, a simulation and a
quote are all one function; only what they do with the result differs.

    rate_periods(env, dues)     what stored usage costs, less what was billed
    quote(version, basket)      what any basket would cost, nothing read or written
"""

import json
from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal

from . import (
    bridge,
    isolation,
    pricebook,
    rater_baskets,
    rater_deductions,
    rater_history,
    rater_steps,
)
from .measuring import Measured, Measuring, dimension_key
from .rater_values import (
    ADVANCE,
    CLOSE,
    INTERIM,
    KEEPS_OPEN,
    LATE,
    OPEN,
    Due,
    Item,
    Outcome,
    Rated,
    Standing,
)
from .rating.rounding import exact_arithmetic
from .rating.values import WHOLE

__all__ = [
    "ADVANCE",
    "CLOSE",
    "INTERIM",
    "KEEPS_OPEN",
    "LATE",
    "LIVE_STATES",
    "OPEN",
    "Due",
    "Item",
    "Outcome",
    "Rated",
    "Standing",
    "dimension_key",
    "quote",
    "rate_periods",
]

LIVE_STATES = rater_history.LIVE_STATES


# ----------------------------------------------------------------------
# what stored usage costs
# ----------------------------------------------------------------------
def rate_periods(env, dues, keep_zero=False, ignore_billed=False):
    """Rate periods under the prices of their version.

    A few queries however many periods: aggregates of the store, live rated lines.

    :param env: environment that may read the usage of these periods
    :param list[Due] dues: what to rate
    :param bool keep_zero: give back lines without quantity and amount too
    :param bool ignore_billed: as if nothing had been billed (what-if)
    :rtype: Outcome
    """
    outcome = Outcome()
    dues = sorted(dues, key=lambda due: (due.period.start_at, due.period.id))
    context = _Context(env, ignore_billed)
    jobs = context.prepare(dues, outcome)
    for job in jobs:
        subscription_id = job.due.period.subscription_id.id
        if subscription_id in outcome.problems:
            continue
        try:
            rated = context.rate(job)
        except isolation.EXPECTED as error:
            outcome.problems[subscription_id] = isolation.reason_of(env, error)
            outcome.rated.pop(subscription_id, None)
            continue
        outcome.rated[subscription_id] += [
            item for item in rated if keep_zero or _is_worth_keeping(item)
        ]
    return outcome


def _is_worth_keeping(item):
    return item.allowance_left is not None or (
        bool(item.line.components)
        and (
            item.line.amount
            or item.line.metered_quantity
            or any(part.amount or part.quantity for part in item.line.components)
        )
    )


@dataclass(slots=True)
class _Job:
    """A due with the charges that count in it and their dates."""

    due: Due
    known: rater_steps.Known
    overrides: tuple = ()
    charges: list = field(default_factory=list)

    def override_of(self, charge):
        return rater_steps.override_id(charge.key, self.overrides)


class _Context:
    """What one call of :func:`rate_periods` reads once for all its periods."""

    def __init__(self, env, ignore_billed):
        self.env = env
        self.ignore_billed = ignore_billed
        self.currencies = {}  # by version
        self.charge_ids = []  # of all periods, read together
        self.lefts = {}  # free units left, of periods rated in this call
        self.amounts = defaultdict(Decimal)  # by (period id, charge id), this call

    def prepare(self, dues, outcome):
        """Choose charges, read the store and what was billed.

        :rtype: list[_Job]
        """
        overrides = self._get_overrides(dues)
        jobs = []
        for due in dues:
            try:
                jobs.append(self._job_of(due, overrides.get(due.period.id, ())))
            except isolation.EXPECTED as error:
                subscription_id = due.period.subscription_id.id
                outcome.problems[subscription_id] = isolation.reason_of(self.env, error)
        self.charge_ids = list(
            {priced.id for job in jobs for priced, _first, _end in job.charges}
        )
        self.history = rater_history.History(self.env, jobs, self.ignore_billed)
        wanted = [
            (job.due.period, priced, first, end)
            for job in jobs
            if job.due.reason != ADVANCE
            for priced, first, end in job.charges
        ]
        reading = Measuring(self.env, wanted, self.history.earlier)
        self.measured, self.broken = reading.read(isolation.EXPECTED)
        return jobs

    def _get_overrides(self, dues):
        if not dues or "usage.override" not in self.env:
            return {}
        pairs = [(due.period, due.version) for due in dues]
        billed = [due.period.id for due in dues if due.reason == LATE]
        return self.env["usage.override"]._for_periods(pairs, billed)

    def _job_of(self, due, overrides):
        period, subscription = due.period, due.period.subscription_id
        job = _Job(due, rater_steps.Known(period), overrides)
        prices = due.version._get_prices()
        if overrides:
            prices = rater_steps.apply_overrides(prices, overrides)
        for priced in prices:
            if due.reason == ADVANCE and priced.timing != "advance":
                continue
            if due.reason == INTERIM and priced.reading in (
                pricebook.NOTHING,
                pricebook.SPENT,
            ):
                continue
            phase = priced.phase(subscription.date_start)
            dates = period.local_start, period.local_end
            if not phase.is_open:
                dates = phase.within(*dates)
            if dates and rater_steps.counts_once(priced, period, *dates):
                job.charges.append((priced, *dates))
        return job

    def charge(self, priced):
        """Record of a charge; reading one reads those of all periods."""
        charge = self.env["usage.charge"].browse(priced.id)
        return charge.with_prefetch(self.charge_ids)

    def currency(self, version):
        if version not in self.currencies:
            self.currencies[version] = bridge.currency_of(version.currency_id)
        return self.currencies[version]

    # -- one period --------------------------------------------------------------

    def rate(self, job):
        """Everything due for one period, adjustments included.

        :rtype: list[Rated]
        """
        if problem := self.broken.get(job.due.period.id):
            raise problem
        allowances = rater_steps.allowances_of(job, self.measured, self.history, self)
        rated = []
        for priced, *dates in job.charges:
            if priced.reading != pricebook.SPENT:
                rated += self._rate_charge(job, priced, dates, allowances)
        for item in rated:
            self.amounts[item.period.id, item.charge.id] += _period_amount(item)
        rated += self._rate_commitments(job, rated)
        # first, so that the newest line of a period is of the version that prices it
        rated = self._give_back(job) + rated
        return rater_deductions.deduct(
            job.due, rated, self.history, self.currency(job.due.version)
        )

    def _rate_charge(self, job, priced, dates, allowances):
        due = job.due
        sets = self.measured.get((due.period.id, priced.id), {})
        billed_sets = self.history.live.get((due.period.id, priced.id), {})
        keys = sorted(sets.keys() | billed_sets.keys())
        if not keys and not rater_steps.is_divided(priced):
            keys = [""]
        charge = self.charge(priced)
        for key in keys:
            found = sets.get(key) or rater_steps.forgotten(priced, key)
            billed = billed_sets.get(key)
            with pricebook.naming_charge(charge):
                line = rater_steps.rate_one(
                    priced,
                    found,
                    self.currency(due.version),
                    known=job.known,
                    dates=dates,
                    billed=billed,
                    allowance=allowances.get((priced.id, key)),
                    closes=due.closes and self.history.closes(due.period, priced),
                )
            left = rater_steps.left_of(priced, line, allowances.get((priced.id, key)))
            if left is not None and due.closes:
                slot = due.period.subscription_id.id, priced.key, key
                self.lefts[slot] = due.period.end_at, left
            yield self._rated(job, charge, key, found, billed, line, left)

    def _rated(self, job, charge, key, found, billed, line, left=None):
        due = job.due
        return Rated(
            period=due.period,
            charge=charge,
            dimension_key=key,
            dimensions=found.dimensions,
            revision=billed.revision + 1 if billed else 0,
            line=line,
            watermark=found.watermark,
            event_count=found.event_count,
            before=tuple(billed.components) if billed else (),
            price=found.price and self.env["usage.charge.price"].browse(found.price.id),
            allowance_left=left if due.closes else None,
            override_id=job.override_of(charge),
        )

    def _rate_commitments(self, job, rated):
        due = job.due
        found = []
        for priced, *dates in job.charges:
            if priced.reading != pricebook.SPENT or not due.closes:
                continue
            if not self.history.closes(due.period, priced):
                continue
            spent = rater_steps.spent_on(priced, due, rated, self.history, self.amounts)
            billed = self.history.live.get((due.period.id, priced.id), {}).get("")
            charge = self.charge(priced)
            with pricebook.naming_charge(charge):
                line = rater_steps.rate_commitment(
                    priced,
                    spent,
                    self.currency(due.version),
                    known=job.known,
                    dates=dates,
                    billed=billed,
                )
            found.append(self._rated(job, charge, "", Measured(), billed, line))
        return found

    def _give_back(self, job):
        """Lines billed for this period by charges that do not count any more.

        A period that another version prices now, or that changed plan on its first
        day, credits what its former charges billed.
        """
        due = job.due
        if due.reason in (OPEN, INTERIM):
            return []
        counted = {priced.id for priced, _first, _end in job.charges}
        found = []
        for (period_id, charge_id), sets in self.history.live.items():
            if period_id != due.period.id or charge_id in counted:
                continue
            charge = self.env["usage.charge"].browse(charge_id)
            if due.reason == ADVANCE and (
                charge.timing != "advance" or charge.version_id == due.version
            ):
                continue
            for key, billed in sets.items():
                line = rater_steps.give_back(
                    charge, billed, self.currency(due.version), job.known
                )
                gone = Measured(json.loads(key) if key else {})
                found.append(self._rated(job, charge, key, gone, billed, line))
        return found


def _period_amount(item):
    """Rounded amount of a period, billed and due now together."""
    with exact_arithmetic():
        return item.line.amount + item.line.billed_amount


# ----------------------------------------------------------------------
# what a basket would cost
# ----------------------------------------------------------------------
def quote(
    version,
    basket,
    period=None,
    *,
    subscription=None,
    share=None,
    closes=True,
    overrides=(),
    charges=None,
    day=None,
    standing=None,
):
    """What a basket costs under a version's prices: nothing is read, nothing written.

    Fees without usage are in it; coupons, credits of money and what was billed are not.

    :param usage.plan.version version: any state, saved or not
    :param list[Item] basket: what is bought; charges it does not name have no usage
    :param period: ``usage.period`` record, ``rating.Period``, or None
    :param usage.subscription subscription: whose overrides count, and whose start
        decides phases and trial; None: everything counts from its first day
    :param rating.Share share: of the period that is bought, None for all of it
    :param bool closes: minimums and commitments are due
    :param overrides: in place of those of the subscription
    :param usage.charge charges: only these, in place of all charges of the version
    :param datetime.date day: only charges that count on it: of the subscription, or of
        a contract that begins that day, its trial over
    :param Standing standing: what the subscription brings: units kept, credits
    :return: one for each charge and dimension set, in the order of the version
    :rtype: list[Rated]
    :raise ValidationError: the basket names no charge of the version, or a charge
        cannot be rated
    """
    env = version.env
    if charges is None:
        prices = version._get_prices()
        charges = version.charge_ids
    else:
        prices = pricebook.prices_of(charges)
    by_key = {charge.key: charge for charge in charges}
    if subscription and not overrides and hasattr(period, "local_start"):
        overrides = _overrides_of(subscription, period, version)
    if overrides:
        prices = rater_steps.apply_overrides(prices, overrides)
    currency = bridge.currency_of(version.currency_id)
    share = share or WHOLE
    measured = rater_baskets.measure_basket(env, prices, by_key, basket)
    start = subscription.date_start if subscription else None
    value, dates = _period_value(period)
    if day:
        dates = day, day + timedelta(days=1)
        prices = [one for one in prices if _counts_on(one, start, dates)]
    standing = standing or Standing()
    free = rater_baskets.basket_allowances(
        prices, measured, share, standing.kept, standing.credits
    )
    rated = []
    for priced in prices:
        if priced.reading == pricebook.SPENT or not _is_in_phase(priced, start, dates):
            continue
        sets = measured.get(priced.key, {})
        if not sets and not rater_steps.is_divided(priced):
            sets = {"": Measured()}
        charge = by_key[priced.key]
        for key, found in sorted(sets.items()):
            with pricebook.naming_charge(charge):
                line = rater_baskets.rate_plain(
                    priced,
                    found,
                    currency,
                    value,
                    share,
                    closes,
                    free.get((priced.key, key)),
                )
            rated.append(_quoted(charge, key, found, line, period, overrides))
    if closes:
        for priced in prices:
            if priced.reading == pricebook.SPENT:
                charge = by_key[priced.key]
                spent = rater_steps.spent_in(priced, rated)
                line = rater_baskets.rate_plain_commitment(
                    priced, spent, currency, value, share, subscription
                )
                empty = Measured()
                rated.append(_quoted(charge, "", empty, line, period, overrides))
    return rated


def _quoted(charge, key, found, line, period, overrides):
    return Rated(
        period=period,
        charge=charge,
        dimension_key=key,
        dimensions=found.dimensions,
        revision=0,
        line=line,
        watermark=None,
        event_count=found.event_count,
        price=found.price and charge.env["usage.charge.price"].browse(found.price.id),
        override_id=rater_steps.override_id(charge.key, overrides),
    )


def _period_value(period):
    """Value of a period and its local dates, None for none."""
    if period is None:
        return None, None
    if hasattr(period, "local_start"):
        value = bridge.period_of(period)
        return value, (period.local_start, period.local_end)
    return period, (period.first_date, period.end_date)


def _overrides_of(subscription, period, version):
    if "usage.override" not in subscription.env:
        return ()
    return subscription._overrides_in_force(period, version)


def _is_in_phase(priced, start, dates):
    if not dates:
        return True
    phase = priced.phase(start or dates[0]) if start else None
    return phase is None or phase.is_open or phase.within(*dates) is not None


def _counts_on(priced, start, dates):
    """Whether a charge counts on a day; a new contract begins that day, trial over."""
    if start is None:
        start, priced = dates[0], replace(priced, trial_days=0)
    return priced.phase(start).within(*dates) is not None
