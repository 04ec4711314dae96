"""Prices by hour of day, by window, over contract years, and shared allowances, from
stored events to the invoice; every expected figure is worked out by hand.
"""

from decimal import Decimal

from odoo import Command

from .common import UsageCase, tagged

D = Decimal


def tiers(*rows):
    """Commands of tiers: (up_to, unit_price)."""
    return [
        Command.create({"sequence": n, "up_to": up_to, "unit_price": price})
        for n, (up_to, price) in enumerate(rows)
    ]


@tagged("post_install", "-at_install")
class TestUsageWindows(UsageCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.meter = cls._create_meter("kwh")

    def _charge(self, **kw):
        return {"name": "Energy", "key": "e", "meter_id": self.meter.id, **kw}

    def _subscribe(self, *charges, **kw):
        return self._create_subscription(self._create_plan(list(charges)), **kw)

    def _use(self, subscription, *usage, event_type="kwh"):
        for at, value in usage:
            self._add_usage(subscription, event_type, value, at=at)

    def _rate(self, subscription, cutoff="2026-09-30"):
        run = self._bill(cutoff, subscription_ids=[Command.set(subscription.ids)])
        self.assertFalse(run.held_line_ids, run.held_line_ids.mapped("reason"))
        for line in run.rated_line_ids:
            self.assertEqual(line._get_explanation()["residual"], "0")
        self.assertEqual(
            sum(run.rated_line_ids.mapped("amount")),
            D(str(sum(run.move_ids.mapped("amount_untaxed")))),
        )
        return run.rated_line_ids

    # -- hours of the day ---------------------------------------------------

    def _off_peak(self):
        return self._charge(
            unit_price="0.20",
            price_ids=[
                Command.create(
                    {"name": "Weekend", "day_type": "weekend", "unit_price": "0.12"}
                ),
                Command.create(
                    {
                        "name": "Night",
                        "sequence": 20,
                        "hour_from": 22,
                        "hour_to": 6,
                        "unit_price": "0.15",
                    }
                ),
            ],
        )

    def test_hours_are_those_of_the_customers_clock(self):
        subscription = self._subscribe(self._off_peak(), tz="Europe/Paris")
        self._use(
            subscription,
            # UTC; Paris is two hours ahead
            ("2026-09-01 03:59:59", 10),  # Tuesday 05:59:59, night
            ("2026-09-01 04:00:00", 20),  # 06:00, day
            ("2026-09-01 19:59:59", 30),  # 21:59:59, day
            ("2026-09-01 20:00:00", 40),  # 22:00, night
            ("2026-09-04 21:59:00", 50),  # Friday 23:59, night
            ("2026-09-04 22:00:00", 60),  # Saturday 00:00, weekend
            ("2026-09-06 21:59:00", 70),  # Sunday 23:59, weekend
            ("2026-09-06 22:00:00", 80),  # Monday 00:00, night
        )
        lines = self._rate(subscription)
        self.assertEqual(
            {line.price_id.name or "day": line.quantity for line in lines},
            {"day": 50, "Night": 180, "Weekend": 130},
        )
        self.assertEqual(
            {line.price_id.name or "day": line.amount for line in lines},
            {"day": D("10.00"), "Night": D("27.00"), "Weekend": D("15.60")},
        )

    def test_both_hours_of_the_autumn_night_count(self):
        subscription = self._subscribe(self._off_peak(), tz="Europe/Paris")
        # on 25 October 2026 it is 02:30 twice in Paris; it is a Sunday
        self._use(
            subscription,
            ("2026-10-25 00:30:00", 1),
            ("2026-10-25 01:30:00", 2),
            # Monday 05:30 is 04:30 UTC by now
            ("2026-10-26 04:30:00", 4),
            ("2026-10-26 05:00:00", 8),
        )
        lines = self._rate(subscription, "2026-10-31")
        self.assertEqual(
            {
                line.price_id.name or "day": line.quantity
                for line in lines
                if line.quantity
            },
            {"Weekend": 3, "Night": 4, "day": 8},
        )

    def test_public_holidays_are_a_kind_of_day(self):
        charge = self._charge(
            unit_price="0.20",
            price_ids=[
                Command.create(
                    {"name": "Off", "day_type": "offday", "unit_price": "0.10"}
                )
            ],
        )
        subscription = self._subscribe(
            charge, tz="Europe/Paris", date_start="2026-07-01"
        )
        self._use(
            subscription,
            ("2026-07-13 21:59:00", 1),  # Monday 13 July, 23:59
            ("2026-07-13 22:00:00", 10),  # 14 July, a Tuesday
            ("2026-07-18 12:00:00", 100),  # a Saturday
        )
        lines = self._rate(subscription, "2026-07-31")
        self.assertEqual(
            {line.price_id.name or "day": line.quantity for line in lines},
            {"day": 1, "Off": 110},
        )

    # -- windows ------------------------------------------------------------

    def test_each_day_fills_its_own_tiers(self):
        subscription = self._subscribe(
            self._charge(
                model="graduated",
                window="day",
                tier_ids=tiers(("10", "1"), (None, "0.5")),
            ),
            tz="Europe/Paris",
        )
        self._use(
            subscription,
            ("2026-09-02 21:00:00", 8),  # 2 September, 23:00
            ("2026-09-02 22:30:00", 14),  # 3 September, 00:30
            ("2026-09-03 10:00:00", 6),
        )
        # day 2: 8 x 1; day 3: 10 x 1 + 10 x 0.5
        self.assertEqual(self._rate(subscription).amount, D("23.00"))

    def test_each_hour_owes_its_commitment_only_when_used_if_told(self):
        def charge(true_up):
            return self._charge(
                unit_price=2,
                window="hour",
                window_commitment=10,
                window_overage_factor="1.5",
                window_true_up=true_up,
            )

        usage = (("2026-09-02 10:10:00", 3), ("2026-09-02 10:50:00", 4))
        subscription = self._subscribe(charge(False))
        # one hour with 7 units: list price 14, promised 10, the 4 above cost 6
        self._use(subscription, *usage)
        self.assertEqual(sum(self._rate(subscription).mapped("amount")), D(16))
        subscription = self._subscribe(charge(True))
        self._use(subscription, *usage)
        # the other 719 hours of September owe 10 each
        self.assertEqual(
            sum(self._rate(subscription).mapped("amount")), D(16 + 719 * 10)
        )

    def test_each_month_of_a_quarter_owes_its_commitment(self):
        subscription = self._subscribe(
            self._charge(unit_price=1, window="month", window_commitment=100),
            date_start="2026-07-01",
            period_unit="quarter",
        )
        self._use(
            subscription, ("2026-07-15 12:00:00", 30), ("2026-09-15 12:00:00", 150)
        )
        # July 100, August 100, September 150
        self.assertEqual(sum(self._rate(subscription).mapped("amount")), D(350))

    def test_an_exception_reaches_prices_by_window(self):
        subscription = self._subscribe(
            self._charge(
                model="graduated",
                window="day",
                tier_ids=tiers(("10", "1"), (None, "0.5")),
            )
        )
        self.env["usage.override"].create(
            {
                "name": "Own tiers",
                "note": "Agreed",
                "partner_id": subscription.partner_id.id,
                "plan_id": subscription.plan_id.id,
                "charge_key": "e",
                "date_from": "2026-01-01",
                "tier_ids": tiers(("5", "2"), (None, "1")),
            }
        ).action_approve()
        self._use(subscription, ("2026-09-02 10:00:00", 8), ("2026-09-03 10:00:00", 4))
        # 5 x 2 + 3 x 1, and 4 x 2
        self.assertEqual(self._rate(subscription).amount, D(21))

    # -- contract years -----------------------------------------------------

    def test_a_commitment_over_the_contract_year_is_due_at_its_end(self):
        subscription = self._subscribe(
            self._charge(unit_price=1),
            {
                "name": "Promise",
                "key": "promise",
                "model": "commitment",
                "accumulate": "year",
                "unit_price": 1000,
            },
            date_start="2025-11-01",
        )
        self._use(
            subscription, ("2025-12-05 12:00:00", 300), ("2026-10-05 12:00:00", 450)
        )
        before = self._rate(subscription, "2026-09-30")
        self.assertFalse(before.filtered(lambda line: line.charge_id.key == "promise"))
        last = self._rate(subscription, "2026-10-31")
        by_key = {line.charge_id.key: line.amount for line in last}
        self.assertEqual(by_key, {"e": D(450), "promise": D(250)})

    def test_late_usage_of_the_year_gives_the_true_up_back(self):
        subscription = self._subscribe(
            self._charge(unit_price=1),
            {
                "name": "Promise",
                "key": "promise",
                "model": "commitment",
                "accumulate": "year",
                "unit_price": 1000,
            },
            date_start="2025-10-01",
            late_policy="open",
        )
        self._use(subscription, ("2026-09-05 12:00:00", 400))
        first = self._rate(subscription)
        self.assertEqual(
            {line.charge_id.key: line.amount for line in first if line.amount},
            {"e": D(400), "promise": D(600)},
        )
        self._use(subscription, ("2026-09-06 12:00:00", 50))
        late = self._rate(subscription)
        self.assertEqual(
            {line.charge_id.key: line.amount for line in late if line.amount},
            {"e": D(50), "promise": D(-50)},
        )

    # -- shared allowances --------------------------------------------------

    def test_an_allowance_is_shared_by_all_that_was_used(self):
        other = self._create_meter("calls")
        subscription = self._subscribe(
            self._charge(unit_price=1, included_units=100, bundle_key="all"),
            {
                "name": "Calls",
                "key": "calls",
                "sequence": 20,
                "meter_id": other.id,
                "unit_price": 2,
                "bundle_key": "all",
            },
        )
        self._use(subscription, ("2026-09-05 12:00:00", 60))
        self._use(subscription, ("2026-09-05 12:00:00", 80), event_type="calls")
        lines = self._rate(subscription)
        # the first charge takes 60 of 100, the second the 40 that are left
        self.assertEqual(
            {line.charge_id.key: line.amount for line in lines},
            {"e": D(0), "calls": D(80)},
        )
        # more of the first by late usage takes free units from the second
        self._use(subscription, ("2026-09-06 12:00:00", 10))
        late = self._rate(subscription)
        self.assertEqual(
            {line.charge_id.key: line.amount for line in late if line.amount},
            {"calls": D(20)},
        )
