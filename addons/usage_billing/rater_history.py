"""What was rated and billed before: live lines, earlier periods, free units left.

Read once for all periods of a call; each question costs one query, and only when a
charge asks it.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal

from odoo.tools import SQL

from . import pricebook
from .rating.periods import add_months
from .rating.values import BilledPart

ZERO = Decimal(0)

LIVE_STATES = ("rated", "approved", "posted")

#: what coupons and credits took off: worked out anew each time, not by the core
DEDUCTIONS = ("coupon", "grant")


@dataclass(frozen=True, slots=True)
class LiveComponent:
    """A component that counts as billed, with the words that name it."""

    key: str
    role: str
    label: str
    dimension: str | None
    tier: int | None
    lower: Decimal | None
    upper: Decimal | None
    quantity: Decimal | None
    exact_amount: Decimal
    amount: Decimal

    def part(self):
        return BilledPart(
            self.key,
            self.amount,
            self.exact_amount,
            self.quantity,
            self.role or "usage",
            self.label or "usage",
        )


@dataclass(slots=True)
class Live:
    """What the live revisions of one line say together."""

    revision: int = -1
    components: list = field(default_factory=list)
    deductions: dict = field(default_factory=dict)

    def parts(self):
        return [component.part() for component in self.components]


class History:
    """:param jobs: of ``rater``, each with a due and its charges
    :param bool ignore_billed: what-if: as if nothing had been billed
    """

    def __init__(self, env, jobs, ignore_billed=False):
        self.env = env
        self.jobs = jobs
        self.ignore_billed = ignore_billed
        self._periods = None
        self._lefts = None
        self._amounts = None
        self._rare = self._find_rare()
        self.live = {} if ignore_billed else self._read_live()
        self.deductors = self._find_deductors()
        self.earlier = self._find_earlier()

    def _find_rare(self):
        """Which of the rare things there are at all, in one small query.

        :return: {"coupon": subscription ids, "grant": the same, "opening": period ids}
        :rtype: dict[str, set[int]]
        """
        for model in ("usage.coupon", "usage.grant", "usage.opening.amount"):
            self.env[model].flush_model()
        subscription_ids = list(
            {job.due.period.subscription_id.id for job in self.jobs}
        )
        found = {"coupon": set(), "grant": set(), "opening": set()}
        for kind, record_id in self.env.execute_query(
            SQL(
                """SELECT 'coupon', subscription_id FROM usage_coupon
                    WHERE subscription_id = ANY(%(subs)s)
                   UNION SELECT 'grant', subscription_id FROM usage_grant
                    WHERE subscription_id = ANY(%(subs)s)
                   UNION SELECT 'opening', period_id FROM usage_opening_amount
                    WHERE period_id = ANY(%(periods)s)""",
                subs=subscription_ids,
                periods=list({job.due.period.id for job in self.jobs}),
            )
        ):
            found[kind].add(record_id)
        return found

    # -- what was billed -----------------------------------------------------------

    def _read_live(self):
        """Live components by (period id, charge id), then by dimension key.

        :rtype: dict[tuple[int, int], dict[str, Live]]
        """
        live = defaultdict(dict)
        period_ids = list({job.due.period.id for job in self.jobs})
        if not period_ids:
            return live
        # what was billed counts, whoever asks what is due: no access rule here
        for model in ("usage.rated.line", "usage.rated.component"):
            self.env[model].flush_model()
        rows = self.env.execute_query(
            SQL(
                """SELECT l.period_id, l.charge_id, l.dimension_key, l.revision,
                          c.key, c.role, c.label, c.dimension, c.tier, c.lower::text,
                          c.upper::text, c.quantity::text, c.exact_amount::text,
                          c.amount::text
                     FROM usage_rated_line l
                     LEFT JOIN usage_rated_component c ON c.rated_line_id = l.id
                    WHERE l.period_id = ANY(%s) AND l.state = ANY(%s)
                 ORDER BY l.id, c.sequence, c.id""",
                period_ids,
                list(LIVE_STATES),
            )
        )
        for period_id, charge_id, key, revision, *component in rows:
            found = live[period_id, charge_id].setdefault(key, Live())
            found.revision = max(found.revision, revision)
            if component[0] is not None:
                self._add_component(found, _component(component))
        self._add_openings(live, period_ids)
        return live

    def _add_openings(self, live, period_ids):
        """What another system billed for these periods before we did."""
        if not self._rare["opening"]:
            return
        openings = (
            self.env["usage.opening.amount"]
            .sudo()  # it counts as billed, whoever asks what is due
            .search([("period_id", "in", period_ids)])
        )
        for opening in openings:
            for job in self.jobs:
                if job.due.period != opening.period_id:
                    continue
                for priced, _first, _end in job.charges:
                    if priced.key == opening.charge_key:
                        slot = live[opening.period_id.id, priced.id]
                        slot.setdefault("", Live()).components.append(
                            _component(
                                [f"opening-{opening.id}", "usage", "opening", None, 0]
                                + [None, None, None, opening.amount, opening.amount]
                            )
                        )

    def _add_component(self, found, component):
        if component.role in DEDUCTIONS:
            taken = found.deductions.get(component.key, ZERO)
            found.deductions[component.key] = taken - component.amount
        else:
            found.components.append(component)

    def _find_deductors(self):
        """Coupons and credits by subscription id; most companies have none.

        :return: {subscription id: (coupons, grants)}
        """
        ids = self._rare["coupon"] | self._rare["grant"]
        if not ids:
            return {}
        domain = [("subscription_id", "in", list(ids))]
        coupons = self.env["usage.coupon"].sudo().search(domain)  # they are owed
        grants = self.env["usage.grant"].sudo().search(domain)  # to whoever asks
        by_coupon = coupons.grouped(lambda one: one.subscription_id.id)
        by_grant = grants.grouped(lambda one: one.subscription_id.id)
        return {
            key: (by_coupon.get(key, ()), by_grant.get(key, ()))
            for key in by_coupon.keys() | by_grant.keys()
        }

    # -- spans of several periods -----------------------------------------------------

    @property
    def periods(self):
        """Every period of the subscriptions asked for, oldest first, by subscription.

        :rtype: dict[int, usage.period]
        """
        if self._periods is None:
            subscriptions = self.env["usage.subscription"].union(
                *(job.due.period.subscription_id for job in self.jobs)
            )
            periods = (
                self.env["usage.period"]
                .sudo()  # who may rate a period may know those before it
                .search(
                    [("subscription_id", "in", subscriptions.ids)], order="start_at"
                )
            )
            self._periods = periods.grouped(lambda period: period.subscription_id.id)
        return self._periods

    def _find_earlier(self):
        """Earlier periods that a charge of a period looks at, for its quantity.

        :rtype: dict[tuple[int, int], usage.period]
        """
        found = {}
        for job in self.jobs:
            for priced, _first, _end in job.charges:
                if priced.reading == pricebook.CHANGES:
                    found[job.due.period.id, priced.id] = self._before(job.due.period)
                elif priced.accumulate != "period" and priced.meter_id:
                    found[job.due.period.id, priced.id] = self.span_before(
                        job.due.period, priced
                    )
        return found

    def _before(self, period):
        periods = self.periods.get(period.subscription_id.id, period.browse())
        return periods.filtered(lambda one: one.start_at < period.start_at)

    def span(self, period, priced):
        """Local dates over which the tiers of a charge count: the contract year that
        holds the period's first day, or the whole contract.

        :return: (first date, end date or None)
        """
        subscription = period.subscription_id
        start = subscription.date_start
        if priced.accumulate == "contract":
            return start, subscription.date_end or None
        years = max(period.local_start.year - start.year, 0)
        if add_months(start, 12 * years, start.day) > period.local_start:
            years -= 1
        first = add_months(start, 12 * years, start.day)
        end = add_months(start, 12 * years + 12, start.day)
        if subscription.date_end:
            end = min(end, subscription.date_end)
        return first, end

    def span_before(self, period, priced):
        """Periods of the span that began before this one."""
        first, _end = self.span(period, priced)
        return self._before(period).filtered(lambda one: one.local_start >= first)

    def closes(self, period, priced):
        """Whether the period is the last one over which the charge counts."""
        if priced.accumulate == "period":
            return True
        _first, end = self.span(period, priced)
        return end is not None and period.local_end >= end

    def taken(self, key, since, period):
        """What live lines of other periods took under a component key.

        :param datetime since: only periods that end after it; None for all
        """
        self.env["usage.rated.component"].flush_model()
        ((taken,),) = self.env.execute_query(
            SQL(
                """SELECT COALESCE(-SUM(c.amount), 0)::text
                     FROM usage_rated_component c
                     JOIN usage_rated_line l ON l.id = c.rated_line_id
                     JOIN usage_period p ON p.id = l.period_id
                    WHERE c.key = %s AND l.state = ANY(%s) AND p.id != %s
                      AND l.subscription_id = %s
                      AND (%s::timestamp IS NULL OR p.end_at > %s)""",
                key,
                list(LIVE_STATES),
                period.id,
                period.subscription_id.id,
                since,
                since,
            )
        )
        return Decimal(taken)

    def number(self, period, first_date):
        """How many periods of the subscription, from a date on, began before this."""
        return len(
            self._before(period).filtered(lambda one: one.local_end > first_date)
        )

    # -- amounts and free units of earlier periods -------------------------------------

    def amounts(self, periods):
        """Live amounts of periods by charge.

        :return: {(period id, charge id): (rounded, exact)}
        """
        if self._amounts is None:
            self._amounts = {}
        missing = [one for one in periods.ids if one not in self._amounts]
        if missing and not self.ignore_billed:
            self._amounts.update(dict.fromkeys(missing, {}))
            for period_id, charge_id, amount, exact in self.env.execute_query(
                SQL(
                    """SELECT l.period_id, l.charge_id, SUM(l.amount)::text,
                              SUM(l.exact_amount)::text
                         FROM usage_rated_line l
                        WHERE l.period_id = ANY(%s) AND l.state = ANY(%s)
                     GROUP BY l.period_id, l.charge_id""",
                    missing,
                    list(LIVE_STATES),
                )
            ):
                self._amounts[period_id] = self._amounts[period_id] | {
                    charge_id: (Decimal(amount or 0), Decimal(exact or 0))
                }
        return {
            (period_id, charge_id): figures
            for period_id in periods.ids
            for charge_id, figures in self._amounts.get(period_id, {}).items()
        }

    def left(self, period, charge_key, dimension_key):
        """Free units that the period before left over, as billed."""
        if self._lefts is None:
            self._lefts = self._read_lefts()
        slot = (period.subscription_id.id, period.start_at)
        return self._lefts.get((*slot, charge_key, dimension_key), ZERO)

    def _read_lefts(self):
        """Free units left of billed periods, by the instant at which they end."""
        rows = self.env.execute_query(
            SQL(
                """SELECT DISTINCT ON (l.period_id, c.key, l.dimension_key)
                          p.subscription_id, p.end_at, c.key, l.dimension_key,
                          l.allowance_left::text
                     FROM usage_rated_line l
                     JOIN usage_period p ON p.id = l.period_id
                     JOIN usage_charge c ON c.id = l.charge_id
                    WHERE p.subscription_id = ANY(%s) AND l.state = ANY(%s)
                      AND l.allowance_left IS NOT NULL
                 ORDER BY l.period_id, c.key, l.dimension_key, l.revision DESC""",
                list({job.due.period.subscription_id.id for job in self.jobs}),
                list(LIVE_STATES),
            )
        )
        return {tuple(row[:4]): Decimal(row[4]) for row in rows}


def _component(values):
    key, role, label, dimension, tier, *numbers = values
    lower, upper, quantity, exact, amount = (
        None if number is None else Decimal(number) for number in numbers
    )
    return LiveComponent(
        key,
        role,
        label,
        dimension,
        tier or None,
        lower,
        upper,
        quantity,
        exact if exact is not None else amount,
        amount,
    )
