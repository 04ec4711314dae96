"""One line with a million events behind it, each priced by itself.

Product: a percentage of each event with a fee, free events and a ceiling, rated from
the stored events as a stream. Figure: megabytes that the memory of the process grew
while the line was rated; it does not grow with the events. ``events_per_cpu_s`` is how
many were rated in a second of processor time of Python and PostgreSQL, ``floor`` how
many a bare server-side cursor of psycopg2 reads, time and value alone, unpriced.
"""

import gc
from datetime import datetime, timedelta
from decimal import Decimal

from run import Result, peak, watch
from scene import create_batch, create_subscriptions, month_before, noon

from odoo import Command

from odoo.addons.usage_billing import rater
from odoo.addons.usage_billing.metering import EventRow
from odoo.addons.usage_billing.metering.connection import exact_cursor

SIZES = {"small": 100_000, "full": 1_000_000}
PAGE = 2000


def create_plan(env):
    product = env["product.product"].create(
        {"name": "Payments", "type": "service", "list_price": 0}
    )
    meter = env["usage.meter"].create(
        {"name": "Payments", "code": "payments", "event_type": "payment"}
    )
    charge = {
        "name": "Payments",
        "key": "payments",
        "product_id": product.id,
        "meter_id": meter.id,
        "model": "percentage",
        "rate_percent": "1.4",
        "fixed_fee_per_event": "0.0025",
        "max_per_event": "12",
        "included_events": 100,
    }
    version = {"valid_from": "2000-01-01", "charge_ids": [Command.create(charge)]}
    plan = env["usage.plan"].create(
        {
            "name": "Payments",
            "code": "payments",
            "version_ids": [Command.create(version)],
        }
    )
    plan.version_ids.action_approve()
    return plan, meter


def events(subject, count, start: datetime, end: datetime):
    step = (end - start) / count
    for number in range(count):
        yield EventRow(
            event_id=f"p{number}",
            type="payment",
            subject=subject,
            time=start + step * number,
            value=Decimal(number % 99_991) / 100,
        )


def measure(env, size):
    """Store the events, then rate the line."""
    first, last = month_before()
    env = env(user=env.ref("base.user_admin"))
    plan, meter = create_plan(env)
    subscription = create_subscriptions(env, plan, 1, date_start=first)
    source = env["usage.source"].create({"name": "Bench", "code": "bench"})
    count = SIZES[size]
    rows = events(
        subscription.subject_ids.subject, count, noon(first), noon(last) - timedelta(1)
    )
    done = create_batch(env, source)._append(rows).accepted
    env.cr.execute("ANALYZE")
    env.cr.commit()
    env.invalidate_all()
    period = subscription.period_ids.sorted("start_at")[0]
    due = rater.Due(period, rater.CLOSE, plan.version_ids)
    with watch(env.cr) as floor:
        seen = read_bare(env, period, meter)
    gc.collect()
    before = peak()
    with watch(env.cr) as product:
        outcome = rater.rate_periods(env, [due])
    grown = peak() - before
    (item,) = outcome.rated[subscription.id]
    if not done == seen == count == item.event_count:
        raise RuntimeError(f"{done} stored, {seen} read, {item.event_count} rated")
    return Result(
        figure=grown,
        unit="MB of memory more",
        cpu_ratio=floor.cpu / product.cpu,
        goal=8.0,
        minimum=32.0,
        higher_is_better=False,
        judges_figure=True,
        extra={
            "events": count,
            "amount": str(item.line.amount),
            "events_per_cpu_s": count / product.cpu,
            "bare_events_per_cpu_s": count / floor.cpu,
            "wall_s": product.wall,
        },
    )


def read_bare(env, period, meter):
    """Read the values of the events in time order, page by page, and count them."""
    cursor = exact_cursor(env.cr)
    cursor.execute(
        "DECLARE bench NO SCROLL CURSOR FOR SELECT time, value FROM usage_event"
        " WHERE period_id = %s AND type = %s ORDER BY time, id",
        [period.id, meter.event_type],
    )
    seen = 0
    while True:
        cursor.execute(f"FETCH {PAGE} FROM bench")
        rows = cursor.fetchall()
        seen += len(rows)
        if len(rows) < PAGE:
            break
    cursor.execute("CLOSE bench")
    return seen
