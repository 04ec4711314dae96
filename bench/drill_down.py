"""From an invoice line to its single events: a page anywhere in a very long line.

One line with a million events behind it, among usage of other customers. Product: a
page of the events as the portal shows it (80 rows, names and texts of a person), from
a cold record cache, at the start, in the middle and at the end of the line and of a
day. Figure: the slowest of their 95th percentiles in milliseconds. ``last_to_first`` is
the last page's percentile to the first one's: near 1 where a page costs the same
wherever it is. Floor: the same rows by one plain statement that knows where they lie.
Of three times the middle one counts, so that a busy machine is not the product's.
"""

import time
from datetime import timedelta
from statistics import median

from rate_one_million_events_line import create_plan, events
from run import Part, Result, p95
from scene import create_batch, create_subscriptions, month_before, noon

#: events of the line, of the others together, times each page is asked for
SIZES = {"small": (50_000, 50_000, 21), "full": (1_000_000, 500_000, 60)}
OTHERS = 50


def fill(env, subscriptions, count, first, last):
    """Events of each subscription, spread over the month."""
    source = env["usage.source"].create(
        {"name": "Bench", "code": f"bench-{subscriptions[0].id}"}
    )
    done = 0
    for subscription in subscriptions:
        batch = create_batch(env, source, f"Bench {subscription.id}")
        rows = events(
            subscription.subject_ids.subject,
            count,
            noon(first),
            noon(last) - timedelta(1),
        )
        rows = (row._replace(event_id=f"{batch.id}-{row.event_id}") for row in rows)
        done += batch._append(rows).accepted
        env.cr.commit()
    return done


class Asking:
    """Pages of one line, as a person turns them."""

    def __init__(self, env, period, meter, times):
        self.env = env
        self.period_id = period.id
        self.meter_id = meter.id
        self.times = times

    def page(self, **how):
        self.env.cr.rollback()
        self.env.invalidate_all()
        explorer = self.env["usage.explorer"].sudo()  # as the controller
        period = explorer.env["usage.period"].browse(self.period_id)
        meter = explorer.env["usage.meter"].browse(self.meter_id)
        return explorer._prepare_events(period, meter, **how)

    def p95(self, ask):
        """95th percentile in milliseconds, of the middle of three times each."""
        spent = []
        for _time in range(self.times):
            begin = time.perf_counter()
            ask()
            spent.append((time.perf_counter() - begin) * 1000)
        middles = [median(spent[n : n + 3]) for n in range(0, len(spent), 3)]
        return p95(middles)

    def cursor_at(self, moment):
        """The place of a page: after an instant."""
        explorer = self.env["usage.explorer"]
        return explorer._write_cursor((moment, 0))

    def bare(self, moment):
        """The same events by one statement that knows where they lie."""
        self.env.cr.execute(
            "SELECT id, event_id, time, value FROM usage_store_event"
            " WHERE period_id = %s AND time >= %s AND time < %s ORDER BY time, id"
            " LIMIT 81",
            (self.period_id, moment, moment + timedelta(minutes=10)),
        )
        return self.env.cr.fetchall()


def measure(env, size):
    first, last = month_before()
    env = env(user=env.ref("base.user_admin"))
    plan, meter = create_plan(env)
    count, others, times = SIZES[size]
    subscriptions = create_subscriptions(env, plan, OTHERS + 1, date_start=first)
    long = subscriptions[0]
    stored = fill(env, subscriptions[1:], others // OTHERS, first, last)
    stored += fill(env, long, count, first, last)
    env.cr.execute("ANALYZE")
    env.cr.commit()
    if stored != count + others // OTHERS * OTHERS:
        raise RuntimeError(f"{stored} stored")
    period = long.period_ids.sorted("start_at")[0]
    asking = Asking(env, period, meter, times)
    begin, end = noon(first), noon(last) - timedelta(1)
    middle = begin + (end - begin) / 2
    late = end - (end - begin) / count * 60
    places = {
        "first": {},
        "middle": {"after": asking.cursor_at(middle)},
        "last": {"after": asking.cursor_at(late)},
        "last_day": {"day": end.date(), "after": asking.cursor_at(late)},
        "one_day": {"day": middle.date()},
    }
    shown = {name: len(asking.page(**how)["events"]) for name, how in places.items()}
    if min(shown.values()) < 30:
        raise RuntimeError(f"pages are not full: {shown}")
    found = {
        name: asking.p95(lambda how=how: asking.page(**how))
        for name, how in places.items()
    }
    floor = asking.p95(lambda: asking.bare(middle))
    slowest = max(found.values())
    ratio = found["last"] / found["first"]
    return Result(
        figure=slowest,
        unit="ms, 95th percentile of the slowest page",
        floor=floor,
        ratio=slowest / floor,
        goal=50.0,
        minimum=200.0,
        higher_is_better=False,
        judges_figure=True,
        parts={"last_to_first": Part(ratio, 1.5, 3.0, higher_is_better=False)},
        extra={
            "events": count,
            "stored": stored,
            **{f"{k}_ms": v for k, v in found.items()},
        },
    )
