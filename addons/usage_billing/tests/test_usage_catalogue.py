import re
from datetime import date, datetime
from decimal import Decimal

from psycopg2 import IntegrityError

from odoo.exceptions import UserError, ValidationError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .. import bridge, messages
from ..rating.errors import CODES
from .common import UsageCase

FEE = {"name": "Fee", "model": "flat", "unit_price": "10"}


@tagged("post_install", "-at_install")
class TestUsageCatalogue(UsageCase):
    # -- words -----------------------------------------------------------------------
    def test_every_code_of_the_core_has_a_sentence_with_its_facts(self):
        self.assertEqual(set(messages.ERRORS), set(CODES))
        for code, facts in CODES.items():
            named = set(re.findall(r"%\((\w+)\)s", str(messages.ERRORS[code])))
            self.assertLessEqual(named, set(facts), code)

    def test_numbers_keep_every_digit_and_none_too_many(self):
        english = self.env(context={"lang": "en_US"})
        for value, text in (
            ("1234567.8900", "1,234,567.89"),
            ("0.0000000001", "0.0000000001"),
            ("1E+3", "1,000"),
            ("-5", "-5"),
        ):
            self.assertEqual(messages.number(english, Decimal(value)), text)

    # -- versions --------------------------------------------------------------------
    def test_prices_of_an_approved_version_are_frozen(self):
        version = self._create_plan([FEE]).version_ids
        charge = version.charge_ids
        self.assertEqual(version.state, "active")
        self.assertTrue(version.approved_by_id)
        for change in (
            lambda: charge.write({"unit_price": "11"}),
            lambda: charge.unlink(),
            lambda: version.write({"valid_from": "2021-01-01"}),
            lambda: version.unlink(),
            lambda: charge.copy({"key": "other"}),
        ):
            with self.assertRaises(UserError):
                change()
        self.assertEqual(charge.unit_price, Decimal(10))

    def test_a_version_nothing_was_billed_with_can_be_reopened(self):
        version = self._create_plan([FEE]).version_ids
        version.action_draft()
        version.charge_ids.unit_price = "11"
        version.action_approve()
        self._create_subscription(version.plan_id)
        self._bill()
        with self.assertRaises(UserError):
            version.action_draft()

    def test_only_an_approver_approves_prices(self):
        version = self._create_plan([FEE], approve=False).version_ids
        with self.assertRaises(UserError):
            version.with_user(self.users["manager"]).action_approve()
        version.with_user(self.users["approver"]).action_approve()
        self.assertEqual(version.approved_by_id, self.users["approver"])

    def test_a_period_takes_the_version_in_force_on_its_first_day(self):
        plan = self._create_plan([FEE])
        first = plan.version_ids
        second = first.copy({"valid_from": "2026-10-01", "note": "Costs rose"})
        second.charge_ids.unit_price = "20"
        second.action_approve()
        self.assertEqual(second.number, 2)
        self.assertEqual((first.state, second.state), ("retired", "active"))
        subscription = self._create_subscription(plan)
        self.assertEqual(self._bill("2026-09-30").move_ids.amount_untaxed, 10)
        self.assertEqual(self._bill("2026-10-31").move_ids.amount_untaxed, 20)
        subscription.version_id = first
        self.assertEqual(self._bill("2026-11-30").move_ids.amount_untaxed, 10)

    def test_two_versions_cannot_begin_on_one_day(self):
        plan = self._create_plan([FEE])
        twin = plan.version_ids.copy(
            {"valid_from": plan.version_ids.valid_from, "note": "Twice"}
        )
        with self.assertRaises(ValidationError):
            twin.action_approve()

    def test_what_the_core_cannot_rate_is_refused_with_a_sentence(self):
        meter = self._create_meter()
        tiers = [
            (0, 0, {"up_to": "100", "unit_price": "1"}),
            (0, 0, {"up_to": "50", "unit_price": "1"}),
        ]
        version = self._create_plan(
            [
                {
                    "name": "Calls",
                    "model": "graduated",
                    "meter_id": meter.id,
                    "tier_ids": tiers,
                }
            ],
            approve=False,
        ).version_ids
        with self.assertRaisesRegex(ValidationError, "Calls cannot be rated: .*last"):
            version.action_approve()

    def test_a_version_without_charge_is_not_approved(self):
        with self.assertRaises(UserError):
            self._create_plan([], approve=False).version_ids.action_approve()

    def test_meter_and_model_must_fit(self):
        meter, amounts = (
            self._create_meter(),
            self._create_meter("cost", value_source="amount"),
        )
        for charge in (
            FEE | {"meter_id": meter.id},
            {"name": "Calls", "model": "per_unit"},
            {"name": "Cloud", "model": "pass_through", "meter_id": meter.id},
            {
                "name": "Calls",
                "model": "per_unit",
                "meter_id": meter.id,
                "timing": "advance",
            },
        ):
            with self.subTest(charge=charge), self.assertRaises(ValidationError):
                self._create_plan([charge])
        self._create_plan(
            [{"name": "Cloud", "model": "pass_through", "meter_id": amounts.id}]
        )

    def test_code_of_a_plan_is_unique_in_its_company(self):
        plan = self._create_plan([FEE])
        with self.assertRaises(IntegrityError), mute_logger("odoo.sql_db"):
            plan.copy({"code": plan.code})
            self.env.flush_all()


@tagged("post_install", "-at_install")
class TestUsagePeriod(UsageCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.plan = cls._create_plan([FEE])

    def _dates(self, subscription):
        return [
            (period.local_start, period.local_end)
            for period in subscription.period_ids.sorted("start_at")
        ]

    def test_periods_follow_one_another_without_hole(self):
        for unit in ("day", "week", "month", "quarter", "year"):
            for aligned in (True, False):
                subscription = self._create_subscription(
                    self.plan,
                    date_start="2026-01-31",
                    period_unit=unit,
                    calendar_aligned=aligned,
                )
                subscription._ensure_periods(datetime(2028, 3, 1))
                periods = subscription.period_ids.sorted("start_at")
                with self.subTest(unit=unit, aligned=aligned):
                    self.assertEqual(periods[0].local_start, date(2026, 1, 31))
                    self.assertEqual(
                        periods[:-1].mapped("end_at"), periods[1:].mapped("start_at")
                    )
                    self.assertGreater(periods[-1].end_at, datetime(2028, 3, 1))

    def test_anchor_day_31_is_clamped_and_comes_back(self):
        subscription = self._create_subscription(
            self.plan, date_start="2026-01-31", calendar_aligned=False
        )
        self.assertEqual(
            [start for start, _end in self._dates(subscription)[:5]],
            [
                date(2026, 1, 31),
                date(2026, 2, 28),
                date(2026, 3, 31),
                date(2026, 4, 30),
                date(2026, 5, 31),
            ],
        )

    def test_instants_are_those_of_the_zone(self):
        subscription = self._create_subscription(self.plan, date_start="2026-10-01")
        period = subscription.period_ids.sorted("start_at")[0]
        # summer time ends on 25 October: the month has an hour more
        self.assertEqual(period.start_at, datetime(2026, 9, 30, 22))
        self.assertEqual(period.end_at, datetime(2026, 10, 31, 23))

    def test_the_zone_is_the_customers(self):
        partner = self._create_customer(tz="Pacific/Kiritimati")
        subscription = self._create_subscription(self.plan, partner_id=partner.id)
        self.assertEqual(subscription.tz, "Pacific/Kiritimati")
        self.assertEqual(
            subscription.period_ids.sorted("start_at")[0].start_at,
            datetime(2026, 8, 31, 10),
        )

    def test_a_change_of_zone_moves_only_what_follows(self):
        subscription = self._create_subscription(self.plan)
        now = datetime.now()
        begun = subscription.period_ids.filtered(lambda p: p.start_at <= now)
        instants = [(period.start_at, period.end_at) for period in begun]

        subscription.tz = "America/New_York"

        periods = subscription.period_ids.sorted("start_at")
        self.assertEqual(begun.exists(), begun)
        self.assertEqual([(p.start_at, p.end_at) for p in begun], instants)
        self.assertEqual(periods[-1].tz, "America/New_York")
        self.assertEqual(periods[:-1].mapped("end_at"), periods[1:].mapped("start_at"))

    def test_making_periods_twice_makes_them_once(self):
        subscription = self._create_subscription(self.plan)
        count = len(subscription.period_ids)
        self.assertFalse(subscription._ensure_periods())
        vals = bridge.next_periods_vals(subscription, None, datetime(2026, 9, 2))
        self.assertFalse(self.env["usage.period"].sudo()._create_missing(vals))
        self.assertEqual(len(subscription.period_ids), count)

    def test_the_last_period_ends_with_the_subscription(self):
        subscription = self._create_subscription(self.plan, date_end="2026-10-11")
        self.assertEqual(
            self._dates(subscription),
            [
                (date(2026, 9, 1), date(2026, 10, 1)),
                (date(2026, 10, 1), date(2026, 10, 11)),
            ],
        )
        # 10.00 x 10 / 31
        self._bill("2026-09-30")
        self.assertEqual(self._bill("2026-10-31").move_ids.amount_untaxed, 3.23)

    def test_a_subscription_needs_prices_to_be_activated(self):
        draft = self._create_plan([FEE], approve=False)
        with self.assertRaises(UserError):
            self._create_subscription(draft)

    def test_current_usage_is_what_a_bill_would_be(self):
        meter = self._create_meter("api")
        plan = self._create_plan(
            [
                FEE,
                {
                    "name": "Calls",
                    "model": "per_unit",
                    "meter_id": meter.id,
                    "unit_price": "0.01",
                },
            ]
        )
        now = datetime.now()
        subscription = self._create_subscription(
            plan, date_start=now.date().replace(day=1)
        )
        self._add_usage(subscription, "api", 250, at=now)
        self.assertEqual(subscription.current_amount, 12.5)
        self.assertIn("250", subscription.current_usage_html)
        self.assertIn("2.50", subscription.current_usage_html)
        # it takes as long whatever was sent: no single event is looked at
        self.env.flush_all()
        self.env.cr.execute("DELETE FROM usage_store_fact")
        self.env.invalidate_all()
        self.assertEqual(subscription.current_amount, 12.5)
        self.assertIn("250", subscription.current_usage_html)
