"""Many prices at once: from ready aggregates to rated lines with their evidence.

Product: a dry billing run computes its slices: what is due, aggregates of the store,
four graduated charges with five tiers and a minimum each, written as rated lines with
components, evidence and results. Floor: the same slices without rating anything: the
same aggregates read, and the very same rows written by the same creation of records.
Slice by slice in turns, in the same database; processor time of Python and PostgreSQL.
The ratio is the floor's time to the product's. ``sql_floor`` is what bare COPY of the
same rows does, for the reader.
"""

import io
import json

from run import Result, Watch, watch
from scene import REGIONS, add_usage, create_subscriptions, month_before, noon

from odoo import Command

from odoo.addons.usage_billing.models.usage_billing_run_compute import COMPUTE_BATCH

#: subscriptions; each has four charges
SIZES = {"small": 400, "full": 25_000}
METERS = ("compute", "storage", "requests", "traffic")
EVENTS_EACH = 8


def create_plan(env):
    """Four meters, each with five tiers and a minimum."""
    product = env["product.product"].create(
        {"name": "Usage", "type": "service", "list_price": 0}
    )
    bounds = (10, 50, 200, 1000, None)
    charges = []
    for name in METERS:
        meter = env["usage.meter"].create(
            {
                "name": name,
                "code": name,
                "event_type": name if name != "traffic" else "requests",
                "aggregation": "count" if name in ("requests", "traffic") else "sum",
                "dimension_keys": "region" if REGIONS else False,
            }
        )
        tiers = [
            Command.create(
                {"sequence": n, "up_to": up_to, "unit_price": f"0.0{5 - n}7"}
            )
            for n, up_to in enumerate(bounds)
        ]
        charges.append(
            Command.create(
                {
                    "name": name,
                    "key": name,
                    "product_id": product.id,
                    "meter_id": meter.id,
                    "model": "graduated",
                    "minimum_amount": "1.5",
                    "tier_ids": tiers,
                }
            )
        )
    plan = env["usage.plan"].create(
        {
            "name": "Rated",
            "code": "rated",
            "version_ids": [
                Command.create({"valid_from": "2000-01-01", "charge_ids": charges})
            ],
        }
    )
    plan.version_ids.action_approve()
    return plan


class Slices:
    """Compute slices of a dry run, with what they wrote kept for the floor."""

    def __init__(self, env, run):
        self.env = env
        self.run = run
        self.written = []
        self.product, self.floor, self.sql = Watch(), Watch(), Watch()
        self.count = 0

    def measure(self):
        while True:
            model, kept = type(self.env["usage.rated.line"]), []
            create = model._create_rated

            def keep(records, rows, kept=kept, create=create):
                kept.extend(rows)
                return create(records, rows)

            before = model.__dict__.get("_create_rated")
            model._create_rated = keep
            try:
                self.env.invalidate_all()
                with watch(self.env.cr) as spent:
                    done = self.run._compute_slice(COMPUTE_BATCH)
                    self.env.flush_all()
                    self.env.cr.commit()
            finally:
                if before is None:
                    del model._create_rated
                else:
                    model._create_rated = before
            if not kept:
                return
            self.count += len(kept)
            _add(self.product, spent)
            self._floor(kept)
            self._bare(kept)
            if not done:
                return

    def _floor(self, vals_list):
        """The same reads and the same rows, nothing rated."""
        env = self.env
        env.invalidate_all()
        period_ids = {vals["period_id"] for vals in vals_list}
        meter_ids = {vals["meter_id"] for vals in vals_list}
        with watch(env.cr) as spent:
            periods = env["usage.period"].browse(period_ids)
            meters = env["usage.meter"].browse(meter_ids)
            env["usage.batch"]._store().aggregate(periods, meters, dimensions=False)
            env["usage.rated.line"].sudo()._create_rated(vals_list)
            env.flush_all()
            env.cr.commit()
        _add(self.floor, spent)

    def _bare(self, vals_list):
        """The rows by COPY into tables of their own, without any check."""
        cr = self.env.cr
        cr.execute(
            "CREATE TABLE IF NOT EXISTS bench_line (line text, evidence jsonb);"
            "CREATE TABLE IF NOT EXISTS bench_part (part text)"
        )
        with watch(cr) as spent:
            lines, parts = io.StringIO(), io.StringIO()
            for vals in vals_list:
                evidence = json.dumps(vals["evidence"])
                plain = [str(v) for k, v in vals.items() if k not in _OWN]
                lines.write("|".join(plain).replace("\\", "") + "\t" + evidence + "\n")
                for part in vals["components"]:
                    parts.write("|".join(map(str, part.values())) + "\n")
            for table, text in (("bench_line", lines), ("bench_part", parts)):
                text.seek(0)
                cr.copy_expert(f"COPY {table} FROM STDIN", text)
            cr.commit()
        _add(self.sql, spent)


_OWN = ("evidence", "components", "dimensions", "dimension_key")


def _add(total, spent):
    total.wall += spent.wall
    total.cpu += spent.cpu


def measure(env, size):
    """Store usage of a month, then compute a dry run over all subscriptions."""
    first, last = month_before()
    env = env(user=env.ref("base.user_admin"))
    env = env(context={**env.context, "tracking_disable": True})
    count = SIZES[size]
    plan = create_plan(env)
    subscriptions = create_subscriptions(env, plan, count, date_start=first)
    add_usage(env, subscriptions, count * EVENTS_EACH, noon(first), noon(last))
    env.cr.execute("ANALYZE")
    env.cr.commit()
    run = env["usage.billing.run"].create({"cutoff_date": last, "is_dry_run": True})
    run._start_computing()
    env.cr.commit()
    slices = Slices(env, run)
    slices.measure()
    if run.held_count:
        raise RuntimeError(f"{run.held_count} held: {run.held_line_ids[:1].reason}")
    product, floor = slices.product, slices.floor
    return Result(
        figure=slices.count / product.cpu,
        unit="rated lines a second of processor time",
        floor=slices.count / floor.cpu,
        ratio=floor.wall / product.wall,
        cpu_ratio=floor.cpu / product.cpu,
        goal=0.6,
        minimum=0.4,
        extra={
            "lines": slices.count,
            "wall_s": product.wall,
            "floor_wall_s": floor.wall,
            "sql_floor": slices.count / slices.sql.cpu,
            "subscriptions": count,
        },
    )
