"""What one customer used and owes so far, asked while the month runs.

Product: quantities by meter and cost so far, from a cold record cache in a transaction
of its own, customer after customer, through both doors: the portal (find the visitor's
subscription and its running period, then rate it) and the usage tab of a subscription
(as the form reads it, rendered). Figure: the slower door's 95th percentile over the
customers in milliseconds by the clock. Each customer is asked in several rounds, from
cold each time, and the middle time counts, so that a moment in which the machine was
busy elsewhere is not the product's; ``single`` is the percentile of all questions as
they came. Floor: one SQL statement that reads the same added-up rows, in the same way.
The whole portal page, with its table by day, is measured beside them.

Then the same customers get twenty times as many events and are asked again: ``growth``
is the slower door's percentile of then to the first one.
"""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from run import Part, Result, p95, watch
from scene import METERS, add_usage, create_plan, create_subscriptions, noon

from odoo import fields

#: subscriptions, events stored first, customers asked
SIZES = {"small": (500, 50_000, 150), "full": (2000, 1_000_000, 500)}
GROWN = 20
ROUNDS = 3
#: the period has run for so many days
DAYS = 25
TAB = {"current_amount": {}, "current_usage_html": {}}


def find_own(env, subscription_id, partner_id):
    """Subscription and running period of a visitor, as the portal finds them."""
    explorer = env["usage.explorer"].sudo()  # as the controller
    partner = env["res.partner"].browse(partner_id)
    subscription = explorer.env["usage.subscription"].search(
        explorer._get_own_domain(partner) & fields.Domain("id", "=", subscription_id)
    )
    return explorer, subscription, explorer._get_periods(subscription)[:1]


def ask_portal(env, subscription_id, partner_id):
    """Quantities and cost so far for a visitor of the portal."""
    explorer, _subscription, period = find_own(env, subscription_id, partner_id)
    lines = explorer._get_period_lines(period)
    return explorer._sum(lines) and sum(bool(line.quantity) for line in lines)


def ask_page(env, subscription_id, partner_id):
    """Everything on the portal's usage page, with the table by day."""
    explorer, subscription, period = find_own(env, subscription_id, partner_id)
    page = explorer._prepare_page(subscription, period, amounts=True)
    return len(page["lines"])


def ask_tab(env, subscription_id, partner_id):
    """What the form of a subscription reads when its usage tab is opened."""
    (values,) = env["usage.subscription"].browse(subscription_id).web_read(TAB)
    return values["current_usage_html"].count("<tr") and values["current_amount"]


def ask_sql(env, subscription_id, partner_id):
    """The same added-up rows by one plain statement."""
    env.cr.execute(
        "SELECT r.meter_id, sum(r.event_count), sum(r.value_sum), max(r.value_max)"
        "  FROM usage_store_rollup r JOIN usage_period p ON p.id = r.period_id"
        " WHERE p.subscription_id = %s AND p.start_at <= %s AND p.end_at > %s"
        "   AND r.bucket = '-infinity' GROUP BY r.meter_id",
        (subscription_id, *[datetime.now()] * 2),
    )
    return len(env.cr.fetchall()) == len(METERS)


@dataclass
class Answers:
    """Times of one question in milliseconds.

    typical: 95th percentile of the customers' middle times; single: of all times
    cpu: processor time of one question in Python and PostgreSQL, on average
    """

    typical: float
    single: float
    cpu: float


def ask_each(env, question, customers, rounds=ROUNDS):
    """Put a question for each customer, round after round.

    :param list customers: (subscription id, partner id)
    :rtype: Answers
    """
    times = {customer: [] for customer in customers}
    with watch(env.cr) as spent:
        for customer in customers * rounds:
            env.invalidate_all()
            start = time.perf_counter()
            answer = question(env, *customer)
            env.cr.commit()
            times[customer].append(1000 * (time.perf_counter() - start))
            if not answer:
                raise RuntimeError(f"{question.__name__} got no usage of {customer}")
    return Answers(
        typical=p95([median(some) for some in times.values()]),
        single=p95([one for some in times.values() for one in some]),
        cpu=1000 * spent.cpu / (rounds * len(customers)),
    )


def measure(env, size):
    """Store the usage, ask every sampled customer; store more, and ask again."""
    subscription_count, event_count, asked = SIZES[size]
    env = env(user=env.ref("base.user_admin"))
    start = fields.Date.today() - timedelta(days=DAYS)
    subscriptions = create_subscriptions(
        env,
        create_plan(env),
        subscription_count,
        date_start=start,
        calendar_aligned=False,
    )
    step = max(1, subscription_count // asked)
    customers = [
        (subscription.id, subscription.partner_id.id)
        for subscription in subscriptions[::step]
    ][:asked]
    span = noon(start), datetime.now()
    first = ask_all(env, subscriptions, customers, event_count, span, "bench")
    more = (GROWN - 1) * event_count
    grown = ask_all(env, subscriptions, customers, more, span, "more")
    slower = slower_door(first)
    figure, floor = first[slower], first[ask_sql]
    growth = grown[slower_door(grown)].typical / figure.typical
    return Result(
        figure=figure.typical,
        unit="ms, 95th percentile",
        floor=floor.typical,
        ratio=figure.typical / floor.typical,
        goal=10.0,
        minimum=20.0,
        higher_is_better=False,
        judges_figure=True,
        parts={"growth": Part(growth, 1.2, 1.5, higher_is_better=False)},
        extra={
            **describe(first),
            "events": event_count,
            "grown": {**describe(grown), "events": GROWN * event_count},
            "subscriptions": subscription_count,
            "customers_asked": len(customers),
        },
    )


def ask_all(env, subscriptions, customers, count, span, source):
    """Store so many events more, then put every question.

    :return: answers by question
    :rtype: dict
    """
    add_usage(env, subscriptions, count, *span, source=source)
    env.cr.execute("ANALYZE")
    env.cr.commit()
    found = {}
    for question in (ask_sql, ask_portal, ask_tab, ask_page):
        ask_each(env, question, customers[:5], rounds=1)  # loads code and plans once
        rounds = 1 if question is ask_page else ROUNDS
        found[question] = ask_each(env, question, customers, rounds)
    return found


def slower_door(found):
    return max(ask_portal, ask_tab, key=lambda question: found[question].typical)


def describe(found):
    """Times in milliseconds for the reader."""
    figure, floor = found[slower_door(found)], found[ask_sql]
    times = {
        "single": figure.single,
        "cpu_ms": figure.cpu,
        "floor_single": floor.single,
        "floor_cpu_ms": floor.cpu,
        "portal": found[ask_portal].typical,
        "tab": found[ask_tab].typical,
        "page": found[ask_page].typical,
        "page_cpu_ms": found[ask_page].cpu,
    }
    return {name: round(milliseconds, 4) for name, milliseconds in times.items()}
