"""Every price model through the real records: quote, billing run, invoice."""

import json
import time
from decimal import Decimal
from random import Random
from unittest.mock import patch

from odoo import Command
from odoo.exceptions import ValidationError

from .. import rater
from ..rater import Item
from .common import UsageCase, tagged

D = Decimal


def tiers(*rows, **names):
    """Commands of tiers: (up_to, unit_price, flat_fee)."""
    keys = ("up_to", "unit_price", "flat_fee")
    return [
        Command.create({"sequence": n, **dict(zip(keys, row, strict=False))})
        for n, row in enumerate(rows)
    ]


@tagged("post_install", "-at_install")
class TestUsagePrices(UsageCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.meter = cls._create_meter("gb", dimension_keys="region,size")

    def _quote(self, charges, *items, **kw):
        """Amounts of a basket by charge key."""
        plan = self._create_plan(charges, approve=kw.pop("approve", True))
        rated = rater.quote(plan.version_ids, list(items), **kw)
        found = {}
        for item in rated:
            found.setdefault(item.charge.key, []).append(item.line.amount)
        return found

    def _charge(self, **kw):
        return {"name": "c", "key": "c", "meter_id": self.meter.id, **kw}

    # -- quote -------------------------------------------------------------

    def test_a_basket_of_every_model_with_tiers(self):
        rows = tiers(("10", "2", "5"), (None, "1", "0"))
        for model, quantity, amount in (
            ("graduated", "15", "30.00"),
            ("volume", "15", "15.00"),
            ("volume", "10", "25.00"),
        ):
            got = self._quote(
                [self._charge(model=model, tier_ids=rows)], Item("c", D(quantity))
            )
            self.assertEqual(got, {"c": [D(amount)]}, model)

    def test_blocks_steps_and_percentages(self):
        blocks = [
            Command.create({"block_size": 100, "max_blocks": 2, "block_price": 3}),
            Command.create({"sequence": 20, "block_size": 1000, "block_price": 10}),
        ]
        for model, amount in (("graduated_blocks", 16), ("volume_blocks", 10)):
            got = self._quote(
                [self._charge(model=model, tier_ids=blocks)], Item("c", D(250))
            )
            self.assertEqual(got, {"c": [D(amount)]}, model)
        percent = [
            Command.create({"up_to": 1000, "rate_percent": "2"}),
            Command.create({"rate_percent": "1"}),
        ]
        got = self._quote(
            [self._charge(model="graduated_percentage", tier_ids=percent)],
            Item("c", D(1500)),
        )
        self.assertEqual(got, {"c": [D(25)]})
        got = self._quote(
            [
                self._charge(
                    model="percentage",
                    rate_percent="1",
                    fixed_fee_per_event="0.10",
                    max_per_event="5",
                    included_events=1,
                )
            ],
            Item("c", values=(D(50), D(100), D(1000))),
        )
        self.assertEqual(got, {"c": [D("6.10")]})

    def test_steps_over_several_meters(self):
        other = self._create_meter("users")
        steps = [
            Command.create(
                {
                    "up_to": 10,
                    "flat_fee": 5,
                    "limit_ids": [Command.create({"meter_id": other.id, "up_to": 2})],
                }
            ),
            Command.create({"sequence": 20, "flat_fee": 20}),
        ]
        charge = self._charge(model="stairstep", tier_ids=steps)
        few = {self.meter.code: D(10), other.code: D(2)}
        many = {self.meter.code: D(10), other.code: D(3)}
        self.assertEqual(self._quote([charge], Item("c", quantities=few))["c"], [D(5)])
        self.assertEqual(
            self._quote([charge], Item("c", quantities=many))["c"], [D(20)]
        )

    def test_a_matrix_takes_the_first_price_that_fits(self):
        charge = self._charge(
            unit_price=1,
            price_ids=[
                Command.create(
                    {
                        "name": "Large in Europe",
                        "match_text": "region = eu-1 | eu-2 ; size = large",
                        "unit_price": 3,
                    }
                ),
                Command.create(
                    {
                        "name": "Europe",
                        "sequence": 20,
                        "match_text": "region=eu-1|eu-2",
                        "unit_price": 2,
                    }
                ),
            ],
        )
        got = self._quote(
            [charge],
            Item("c", D(10), {"region": "eu-2", "size": "large"}),
            Item("c", D(10), {"region": "eu-1"}),
            Item("c", D(10), {"region": "us"}),
        )
        self.assertEqual(sorted(got["c"]), [10, 20, 30])

    def test_a_condition_that_is_none_is_refused(self):
        with self.assertRaises(ValidationError):
            self._create_plan(
                [
                    self._charge(
                        price_ids=[
                            Command.create({"name": "x", "match_text": "Europe"})
                        ]
                    )
                ]
            )

    def test_a_commitment_counts_fees_and_usage(self):
        got = self._quote(
            [
                self._charge(unit_price=1),
                {"name": "fee", "key": "fee", "model": "flat", "unit_price": 10},
                {
                    "name": "promise",
                    "key": "promise",
                    "model": "commitment",
                    "unit_price": 100,
                },
            ],
            Item("c", D(30)),
        )
        self.assertEqual(got, {"c": [30], "fee": [10], "promise": [60]})

    def test_prices_in_credits_and_conversion_to_decimals(self):
        got = self._quote(
            [
                self._charge(
                    unit_price=2,
                    pricing_unit="credits",
                    pricing_unit_rate="0.5",
                    convert_divisor=1000,
                    convert_rounding="up",
                    convert_decimals=1,
                )
            ],
            Item(self.meter.code, D(1230)),
        )
        self.assertEqual(got, {"c": [D("1.30")]})

    def test_a_draft_is_quoted_and_an_unknown_item_is_not(self):
        charge = self._charge(unit_price=1)
        got = self._quote([charge], Item("c", D(3)), approve=False)
        self.assertEqual(got, {"c": [D(3)]})
        with self.assertRaisesRegex(ValidationError, "does not price"):
            self._quote([charge], Item("nothing", D(3)))

    def test_an_approved_version_is_made_into_values_once(self):
        version = self._create_plan([self._charge(unit_price=1)]).version_ids
        self.assertIs(version._get_prices(), version._get_prices())
        version.action_draft()
        version.charge_ids.unit_price = D(2)
        self.assertEqual(version._get_prices()[0].core.price.unit_price, 2)

    # -- through a billing run ------------------------------------------------

    def _bill_usage(self, charges, *usage, cutoff="2026-09-30", **kw):
        """Rated lines of a run over usage given as (value, keywords)."""
        plan = self._create_plan(charges)
        subscription = self._create_subscription(plan, **kw)
        for value, options in usage:
            self._add_usage(subscription, "gb", value, **options)
        run = self._bill(cutoff, subscription_ids=[Command.set(subscription.ids)])
        self.assertFalse(run.held_line_ids, run.held_line_ids.mapped("reason"))
        return run.rated_line_ids

    def test_matrix_lines_name_their_price_on_the_invoice(self):
        charge = self._charge(
            unit_price=1,
            group_keys="size",
            price_ids=[
                Command.create(
                    {"name": "Europe", "match_text": "region = eu", "unit_price": 2}
                )
            ],
        )
        rated = self._bill_usage(
            [charge],
            (5, {"dimensions": {"region": "eu", "size": "s"}}),
            (7, {"dimensions": {"region": "eu", "size": "l"}}),
            (1, {"dimensions": {"region": "us", "size": "s"}}),
            (2, {"dimensions": {"region": "us"}}),
        )
        self.assertEqual(sorted(rated.mapped("amount")), [1, 2, 24])
        names = rated.component_ids.move_line_id.mapped("name")
        self.assertTrue(any("Europe" in name for name in names), names)

    def test_unused_units_serve_the_next_month(self):
        charge = self._charge(unit_price=1, included_units=100, rollover_limit=30)
        plan = self._create_plan([charge])
        subscription = self._create_subscription(plan)
        self._add_usage(subscription, "gb", 60, at="2026-09-10 12:00:00")
        self._add_usage(subscription, "gb", 150, at="2026-10-10 12:00:00")
        first = self._bill("2026-09-30", subscription_ids=subscription).rated_line_ids
        self.assertEqual((first.amount, first.allowance_left), (0, 30))
        second = self._bill("2026-10-31", subscription_ids=subscription).rated_line_ids
        self.assertEqual((second.amount, second.allowance_left), (20, 0))

    def test_two_charges_share_one_allowance(self):
        other = self._create_meter("calls")
        rated = self._bill_usage(
            [
                self._charge(unit_price=1, included_units=100, bundle_key="all"),
                {
                    "name": "calls",
                    "key": "calls",
                    "meter_id": other.id,
                    "unit_price": 2,
                    "bundle_key": "all",
                },
            ],
            (60, {}),
        )
        self.assertEqual(rated.amount, 0)
        quoted = rated.filtered(lambda line: line.charge_id.key == "c")
        self.assertEqual(quoted.evidence["steps"][0]["included"], "60")

    def test_a_price_in_instalments_and_a_one_time_fee(self):
        plan = self._create_plan(
            [
                {
                    "name": "box",
                    "key": "box",
                    "model": "instalments",
                    "unit_price": 100,
                    "instalment_count": 3,
                },
                {
                    "name": "set-up",
                    "key": "setup",
                    "model": "one_time",
                    "unit_price": 9,
                },
            ]
        )
        subscription = self._create_subscription(plan, date_start="2026-09-10")
        billed = []
        for cutoff in ("2026-09-30", "2026-10-31", "2026-11-30", "2026-12-31"):
            run = self._bill(cutoff, subscription_ids=subscription)
            billed.append(sum(run.rated_line_ids.mapped("amount")))
        self.assertEqual(billed, [D("42.34"), D("33.33"), D("33.33"), 0])

    def test_a_ramp_follows_the_months_of_the_subscription(self):
        fee = {"model": "flat", "prorate": True}
        plan = self._create_plan(
            [
                {"name": "a", "key": "a", "unit_price": 10, "lasts_months": 1, **fee},
                {
                    "name": "b",
                    "key": "b",
                    "unit_price": 31,
                    "starts_after_months": 1,
                    **fee,
                },
            ]
        )
        subscription = self._create_subscription(plan, date_start="2026-09-16")
        run = self._bill("2026-10-31", subscription_ids=subscription)
        by_month = {
            (str(line.period_id.local_start), line.charge_id.key): line.amount
            for line in run.rated_line_ids
        }
        self.assertEqual(
            by_month,
            {
                ("2026-09-16", "a"): D("5.00"),
                ("2026-10-01", "a"): D("4.84"),
                ("2026-10-01", "b"): D("16.00"),
            },
        )

    def test_tiers_over_the_year_bill_what_each_month_adds(self):
        charge = self._charge(
            model="graduated",
            accumulate="year",
            tier_ids=tiers(("100", "1"), (None, "0.5")),
        )
        plan = self._create_plan([charge])
        subscription = self._create_subscription(plan)
        self._add_usage(subscription, "gb", 80, at="2026-09-10 12:00:00")
        self._add_usage(subscription, "gb", 80, at="2026-10-10 12:00:00")
        run = self._bill("2026-10-31", subscription_ids=subscription)
        self.assertEqual(
            run.rated_line_ids.sorted("id").mapped("amount"), [D(80), D(50)]
        )

    def test_a_coupon_and_a_credit_are_taken_off(self):
        plan = self._create_plan([self._charge(unit_price=1)])
        subscription = self._create_subscription(plan)
        self.env["usage.coupon"].create(
            {"name": "Ten off", "subscription_id": subscription.id, "percent": 10}
        )
        credit = self.env["usage.grant"].create(
            {
                "name": "Welcome",
                "subscription_id": subscription.id,
                "amount": 50,
                "effective_at": "2026-09-01",
            }
        )
        self._add_usage(subscription, "gb", 100)
        run = self._bill(subscription_ids=subscription)
        self.assertEqual(run.rated_line_ids.amount, D(40))
        self.assertEqual(run.move_ids.amount_untaxed, 40)
        self.assertEqual(credit.left, 0)
        # late usage moves the coupon, and the credit stays used up
        self._add_usage(subscription, "gb", 10)
        late = self._bill(subscription_ids=subscription).rated_line_ids
        self.assertEqual(late.amount, D(9))

    def test_credits_of_units_make_usage_free(self):
        plan = self._create_plan([self._charge(unit_price=1)])
        subscription = self._create_subscription(plan)
        self.env["usage.grant"].create(
            {
                "name": "Test units",
                "subscription_id": subscription.id,
                "unit": "units",
                "meter_id": self.meter.id,
                "amount": 30,
                "effective_at": "2026-09-01",
            }
        )
        self._add_usage(subscription, "gb", 100)
        run = self._bill(subscription_ids=subscription)
        self.assertEqual(run.rated_line_ids.amount, D(70))

    # -- the same bytes ---------------------------------------------------------

    def test_results_do_not_depend_on_batches_order_or_slices(self):
        """Same usage in other batches and order, other slices, another server zone."""
        charges = [
            self._charge(
                model="graduated",
                group_by_dimensions=True,
                tier_ids=tiers(("100", "0.0123456789"), (None, "0.001", "3")),
            ),
            {
                "name": "p",
                "key": "p",
                "meter_id": self.meter.id,
                "model": "percentage",
                "rate_percent": "1.37",
                "fixed_fee_per_event": "0.011",
                "included_amount": 90,
            },
        ]
        plan = self._create_plan(charges)
        usage = [
            (D(n * 37 % 101) / 8, f"2026-09-{n % 28 + 1:02} {n % 24:02}:00:00", n % 3)
            for n in range(60)
        ]
        prints = []
        for seed, size, limit, zone in ((0, 60, 200, "UTC"), (5, 7, 1, "Asia/Tokyo")):
            subscriptions = self.env["usage.subscription"].union(
                *(self._create_subscription(plan) for _copy in range(3))
            )
            rows = list(usage)
            Random(seed).shuffle(rows)
            for subscription in subscriptions:
                for first in range(0, len(rows), size):
                    for value, at, region in rows[first : first + size]:
                        self._add_usage(
                            subscription,
                            "gb",
                            value,
                            at=at,
                            dimensions={"region": f"r{region}"},
                        )
            prints.append(self._fingerprints(subscriptions, limit, zone))
        self.assertEqual(prints[0], prints[1])
        self.assertEqual(len(set(prints[0])), 1)

    def _fingerprints(self, subscriptions, limit, zone):
        """What a run says of each subscription, without the ids."""
        run = self._create_run(subscription_ids=[Command.set(subscriptions.ids)])
        with patch.dict("os.environ", {"TZ": zone}):
            time.tzset()
            run._start_computing()
            while run._compute_slice(limit):
                pass
        time.tzset()
        return [
            json.dumps(
                [
                    [line.evidence, line.dimension_key, str(line.exact_amount)]
                    + [[part.key, str(part.amount)] for part in line.component_ids]
                    for line in run.rated_line_ids.filtered(
                        lambda line, sub=sub: line.subscription_id == sub
                    ).sorted(lambda line: (line.charge_id.key, line.dimension_key))
                ],
                sort_keys=True,
            )
            for sub in subscriptions
        ]
