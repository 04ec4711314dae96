"""What one customer used and owes so far, asked while the month runs.

Product: quantities by meter and cost so far, from a cold record cache in a transaction
of its own, customer after customer, through both doors: the portal (find the visitor's
subscription and its running period, then rate it) and the usage tab of a subscription
(as the form reads it, rendered). Figure: the slower door's 95th percentile in
milliseconds by the clock. Floor: one SQL statement that reads the same added-up rows,
also in a transaction of its own. The whole portal page, with its table by day, is
measured beside them.
"""

import time
from datetime import datetime, timedelta
from statistics import quantiles

from run import Result, watch
from scene import METERS, add_usage, create_plan, create_subscriptions, noon

from odoo import fields

#: subscriptions, stored events, questions
SIZES = {"small": (500, 200_000, 300), "full": (5000, 3_000_000, 2000)}
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


def ask_each(env, question, customers):
    """Put a question for each customer.

    :param list customers: (subscription id, partner id)
    :return: (milliseconds of each by the clock, processor milliseconds of one)
    """
    times = []
    with watch(env.cr) as spent:
        for customer in customers:
            env.invalidate_all()
            start = time.perf_counter()
            answer = question(env, *customer)
            env.cr.commit()
            times.append(1000 * (time.perf_counter() - start))
            if not answer:
                raise RuntimeError(f"{question.__name__} got no usage of {customer}")
    return times, 1000 * spent.cpu / len(customers)


def p95(times):
    return quantiles(times, n=20)[-1]


def measure(env, size):
    """Store the usage, then ask for every sampled customer, question by question."""
    subscription_count, event_count, asked = SIZES[size]
    env = env(user=env.ref("base.user_admin"))
    today = fields.Date.today()
    start = today - timedelta(days=DAYS)
    subscriptions = create_subscriptions(
        env,
        create_plan(env),
        subscription_count,
        date_start=start,
        calendar_aligned=False,
    )
    add_usage(env, subscriptions, event_count, noon(start), datetime.now())
    env.cr.execute("ANALYZE")
    env.cr.commit()
    step = max(1, subscription_count // asked)
    customers = [
        (subscription.id, subscription.partner_id.id)
        for subscription in subscriptions[::step]
    ][:asked]
    found = {}
    for question in (ask_sql, ask_portal, ask_tab, ask_page):
        ask_each(env, question, customers[:5])  # code and plans are loaded once
        times, cpu = ask_each(env, question, customers)
        found[question] = p95(times), cpu
    slower = max(ask_portal, ask_tab, key=lambda question: found[question][0])
    figure, floor = found[slower][0], found[ask_sql][0]
    return Result(
        figure=figure,
        unit="ms, 95th percentile",
        floor=floor,
        ratio=figure / floor,
        goal=10.0,
        minimum=20.0,
        higher_is_better=False,
        judges_figure=True,
        extra={
            "events": event_count,
            "subscriptions": subscription_count,
            "questions": len(customers),
            "portal_p95_ms": found[ask_portal][0],
            "portal_cpu_ms": found[ask_portal][1],
            "tab_p95_ms": found[ask_tab][0],
            "tab_cpu_ms": found[ask_tab][1],
            "page_p95_ms": found[ask_page][0],
            "page_cpu_ms": found[ask_page][1],
            "floor_cpu_ms": found[ask_sql][1],
        },
    )
