"""Billing run, from ready aggregates to the posted ledger.

Product: a run as users make it: compute, approve, post, its slices committed one after
the other as jobs do. Floor: the very same documents (partners, products, texts,
quantities, prices, taxes) by plain ``account.move`` create and ``action_post``, 100 in
a transaction. Both by the same user in the same database, in turns, and both end with
equal lines or there is no result. Processor milliseconds an invoice, in Python and
PostgreSQL together; the ratio is what the run costs to what the floor costs.
"""

import gc

from run import Result, Watch, watch
from scene import add_usage, create_plan, create_subscriptions, month_before, noon

from odoo import Command

#: rounds, and invoices in each
ROUNDS = {"small": (3, 100), "full": (3, 500)}
EVENTS_EACH = 12
FLOOR_BATCH = 100
LINE_FIELDS = ("product_id", "name", "quantity", "price_unit")


def bill(env, subscriptions, last_day):
    """Bill the subscriptions with a run.

    :return: the posted invoices
    """
    run = env["usage.billing.run"].create(
        {
            "cutoff_date": last_day,
            "invoice_date": last_day,
            "subscription_ids": [Command.set(subscriptions.ids)],
        }
    )
    run.action_compute()
    run._run_to_end("_compute_slice", env.cr.commit)
    run.action_approve()
    env.cr.commit()
    run.action_post()
    run._run_to_end("_post_slice", env.cr.commit)
    if run.state != "posted" or run.held_count:
        raise RuntimeError(
            f"the run is {run.state}, {run.held_count} held: "
            f"{run.held_line_ids[:1].reason}"
        )
    return run.move_ids


def documents(moves):
    """Values that make the same documents by plain create."""
    return [
        {
            "move_type": move.move_type,
            "partner_id": move.partner_id.id,
            "currency_id": move.currency_id.id,
            "invoice_date": move.invoice_date,
            "invoice_line_ids": [
                Command.create(
                    {name: values[name] for name in LINE_FIELDS}
                    | {"product_id": values["product_id"][0]}
                )
                for values in move.invoice_line_ids.read(LINE_FIELDS)
            ],
        }
        for move in moves
    ]


def create_plainly(env, vals_list):
    """Create and post documents the ordinary way.

    :return: the posted invoices
    """
    moves = env["account.move"]
    for start in range(0, len(vals_list), FLOOR_BATCH):
        some = moves.create(vals_list[start : start + FLOOR_BATCH])
        some.action_post()
        env.cr.commit()
        moves += some
    return moves


def content(moves):
    """What must be equal on both sides, document by document.

    Not the totals: the run adds up the rounded lines, plain Odoo the unrounded ones,
    which differ by a cent now and then.
    """
    return sorted(
        (
            move.partner_id.id,
            move.state,
            len(move.line_ids),
            [
                (line.name, line.price_subtotal, line.account_id.id, *line.tax_ids.ids)
                for line in move.invoice_line_ids
            ],
        )
        for move in moves
    )


def timed(env, work, *arguments):
    """Do some work from a cold cache.

    :return: (time spent, what the work gave back)
    """
    env.invalidate_all()
    gc.collect()
    with watch(env.cr) as spent:
        result = work(env, *arguments)
        env.cr.commit()
    return spent, result


def one_round(env, subscriptions, last_day):
    """Bill some subscriptions with a run and make the same documents plainly.

    :return: (time of the run, time of the floor)
    """
    ours, moves = timed(env, bill, subscriptions, last_day)
    floor, plain = timed(env, create_plainly, documents(moves))
    if len(moves) != len(subscriptions) or content(moves) != content(plain):
        raise RuntimeError("the two sides did not make the same documents")
    return ours, floor


def measure(env, size):
    """Rounds of a run and its floor, after a small one that warms both up."""
    rounds, count = ROUNDS[size]
    env = env(user=env.ref("base.user_admin"))
    first_day, last_day = month_before()
    plan = create_plan(env)
    subscriptions = create_subscriptions(
        env, plan, 10 + rounds * count, date_start=first_day
    )
    add_usage(
        env,
        subscriptions,
        len(subscriptions) * EVENTS_EACH,
        noon(first_day),
        noon(last_day),
    )
    env.cr.execute("ANALYZE")
    one_round(env, subscriptions[:10], last_day)
    ours, floor = Watch(), Watch()
    ratios = []
    for number in range(rounds):
        start = 10 + number * count
        found = one_round(env, subscriptions[start : start + count], last_day)
        for total, spent in zip((ours, floor), found, strict=True):
            total.wall += spent.wall
            total.cpu += spent.cpu
        ratios.append(round(found[0].cpu / found[1].cpu, 3))
    invoices = rounds * count
    return Result(
        figure=1000 * ours.cpu / invoices,
        unit="CPU ms/invoice",
        floor=1000 * floor.cpu / invoices,
        ratio=ours.wall / floor.wall,
        cpu_ratio=ours.cpu / floor.cpu,
        goal=0.5,
        minimum=1.25,
        higher_is_better=False,
        extra={
            "invoices": invoices,
            "lines": 5 * invoices,
            "invoices_per_s": invoices / ours.wall,
            "floor_invoices_per_s": invoices / floor.wall,
            "cpu_ratios": ratios,
        },
    )
