"""Late usage by policy, interim bills, thresholds, changes of plan, corrections."""

from datetime import date, datetime
from decimal import Decimal
from unittest.mock import patch

from freezegun import freeze_time

from odoo import Command
from odoo.exceptions import UserError, ValidationError

from ..metering.values import EventRow
from .common import UsageCase, tagged

D = Decimal


@tagged("post_install", "-at_install")
class TestUsageLate(UsageCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.meter = cls._create_meter("gb")
        cls.charge = {
            "name": "Traffic",
            "key": "gb",
            "meter_id": cls.meter.id,
            "unit_price": 1,
        }

    def _create_billed(self, policy, charges=None, **kw):
        """A subscription whose September was billed with 100 units."""
        plan = self._create_plan(charges or [self.charge])
        subscription = self._create_subscription(plan, late_policy=policy, **kw)
        self._add_usage(subscription, "gb", 100)
        self._bill_of(subscription)
        return subscription

    def _bill_of(self, subscription, cutoff="2026-09-30", **kw):
        run = self._bill(cutoff, subscription_ids=[Command.set(subscription.ids)], **kw)
        self.assertFalse(run.held_line_ids, run.held_line_ids.mapped("reason"))
        return run

    def _period(self, subscription, month=9):
        day = date(2026, month, 1)
        return subscription.period_ids.filtered(lambda p: p.local_start == day)

    # -- late usage --------------------------------------------------------

    def test_the_open_invoice_takes_late_usage_at_once(self):
        subscription = self._create_billed("open")
        self._add_usage(subscription, "gb", 7)
        run = self._bill_of(subscription)
        self.assertEqual(run.move_ids.amount_untaxed, 7)
        self.assertEqual(run.rated_line_ids.revision, 1)

    def test_the_next_invoice_takes_it_with_its_own_period(self):
        subscription = self._create_billed("next")
        self._add_usage(subscription, "gb", 7)
        self.assertFalse(self._bill_of(subscription).rated_line_ids)
        self._add_usage(subscription, "gb", 50, at="2026-10-10 12:00:00")
        run = self._bill_of(subscription, "2026-10-31")
        self.assertEqual(sorted(run.rated_line_ids.mapped("amount")), [7, 50])
        self.assertEqual(len(run.move_ids), 1)

    def test_a_note_of_its_own_credits_what_was_corrected(self):
        subscription = self._create_billed("note")
        self._add_usage(subscription, "gb", -30)
        self._add_usage(subscription, "gb", 50, at="2026-10-10 12:00:00")
        run = self._bill_of(subscription, "2026-10-31")
        self.assertEqual(
            sorted((m.move_type, m.amount_untaxed) for m in run.move_ids),
            [("out_invoice", 50.0), ("out_refund", 30.0)],
        )
        credit = run.rated_line_ids.filtered(lambda line: line.amount < 0)
        self.assertEqual(credit.move_id.move_type, "out_refund")

    def test_held_usage_waits_until_somebody_decides(self):
        subscription = self._create_billed("hold")
        self._add_usage(subscription, "gb", 7)
        self.assertFalse(self._bill_of(subscription).rated_line_ids)
        period = self._period(subscription)
        self.assertEqual(period.late_state, "waiting")
        self.assertIn("7", period.late_amount_text)
        with self.assertRaises(UserError):
            period.with_user(self.users["manager"]).action_bill_late()
        period.with_user(self.users["approver"]).action_bill_late()
        run = self._bill_of(subscription)
        self.assertEqual(run.rated_line_ids.amount, 7)
        self.assertFalse(period.late_state)

    def test_a_difference_that_was_written_off_never_comes_back(self):
        subscription = self._create_billed("hold")
        self._add_usage(subscription, "gb", 7)
        self._bill_of(subscription)
        period = self._period(subscription)
        period.with_user(self.users["approver"]).action_write_off_late()
        self.assertFalse(self._bill_of(subscription).rated_line_ids)
        self.assertFalse(period.late_state)
        self.assertIn("written off", subscription.message_ids[0].body)

    def test_late_usage_moves_the_later_months_of_the_same_tiers(self):
        charge = {
            **self.charge,
            "accumulate": "year",
            "model": "graduated",
            "tier_ids": [
                Command.create({"up_to": 100, "unit_price": 1}),
                Command.create({"sequence": 20, "unit_price": "0.5"}),
            ],
        }
        subscription = self._create_billed("open", [charge])
        self._add_usage(subscription, "gb", 10, at="2026-10-10 12:00:00")
        self.assertEqual(
            self._bill_of(subscription, "2026-10-31").rated_line_ids.amount, 5
        )
        self._add_usage(subscription, "gb", -50)
        run = self._bill_of(subscription, "2026-10-31")
        by_month = {
            line.period_id.local_start.month: line.amount for line in run.rated_line_ids
        }
        self.assertEqual(by_month, {9: -50, 10: 5})

    # -- interim -----------------------------------------------------------

    def test_an_interim_bill_leaves_the_minimum_to_the_end(self):
        plan = self._create_plan([{**self.charge, "minimum_amount": 80}])
        subscription = self._create_subscription(plan)
        self._add_usage(subscription, "gb", 30)
        first = self._bill_of(subscription, "2026-09-20", is_interim=True)
        self.assertEqual(first.rated_line_ids.amount, 30)
        self.assertEqual(self._period(subscription).state, "open")
        again = self._bill_of(subscription, "2026-09-20", is_interim=True)
        self.assertFalse(sum(again.rated_line_ids.mapped("amount")))
        last = self._bill_of(subscription)
        self.assertEqual(last.rated_line_ids.amount, 50)
        self.assertEqual(self._period(subscription).state, "billed")

    def test_a_threshold_is_billed_once(self):
        plan = self._create_plan([self.charge])
        subscription = self._create_subscription(plan, billing_thresholds="50; 100")
        at = datetime(2026, 9, 20)
        self._add_usage(subscription, "gb", 40)
        self.assertFalse(subscription._bill_thresholds(at))
        self._add_usage(subscription, "gb", 80)
        run = subscription._bill_thresholds(at)
        self.assertEqual(run.move_ids.amount_untaxed, 120)
        self.assertFalse(subscription._bill_thresholds(at))
        with self.assertRaises(ValidationError):
            subscription.billing_thresholds = "50; many"

    # -- change of plan ------------------------------------------------------

    def test_a_change_inside_the_month_credits_and_charges(self):
        fee = {"model": "flat", "timing": "advance", "key": "fee", "name": "Fee"}
        old = self._create_plan([{**fee, "unit_price": 30}, self.charge])
        new = self._create_plan([{**fee, "unit_price": 60}, self.charge])
        subscription = self._create_subscription(old)
        self._bill_of(subscription, "2026-08-31")
        self._add_usage(subscription, "gb", 5, at="2026-09-05 12:00:00")
        change = self.env["usage.plan.change"].create(
            {
                "subscription_id": subscription.id,
                "plan_id": new.id,
                "date": "2026-09-21",
            }
        )
        change.action_apply()
        self.assertEqual(subscription.plan_id, new)
        run = self._bill_of(subscription, "2026-09-20")
        amounts = {
            (part.rated_line_id.plan_id, part.label): part.amount
            for part in run.rated_line_ids.component_ids
        }
        self.assertEqual(
            amounts,
            {
                (old, "credit"): D("-10.00"),
                (old, "usage"): D("5.00"),
                (new, "flat"): D("20.00"),
            },
        )
        self._add_usage(subscription, "gb", 3, at="2026-09-25 12:00:00")
        run = self._bill_of(subscription, "2026-09-30")
        usage = run.rated_line_ids.filtered("meter_id")
        self.assertEqual((usage.plan_id, usage.amount), (new, 3))

    def _change_plan(self, subscription, plan, date):
        change = self.env["usage.plan.change"].create(
            {"subscription_id": subscription.id, "plan_id": plan.id, "date": date}
        )
        change.action_apply()
        return change

    def test_usage_that_has_come_follows_a_change_to_its_days(self):
        dearer = {**self.charge, "unit_price": 3, "group_by_dimensions": True}
        old, new = self._create_plan([self.charge]), self._create_plan([dearer])
        subscription = self._create_subscription(old, tz="Europe/Paris")
        self._add_usage(subscription, "gb", 1, at="2026-09-09 21:59:59")
        self._add_usage(subscription, "gb", 10, at="2026-09-09 22:00:00")
        self._add_usage(subscription, "gb", 100, at="2026-09-28 12:00:00")
        self._change_plan(subscription, new, "2026-09-10")
        run = self._bill_of(subscription)
        amounts = {line.plan_id: line.amount for line in run.rated_line_ids}
        self.assertEqual(amounts, {old: D(1), new: D(330)})
        self.assertEqual(
            [line.event_count for line in run.rated_line_ids.sorted("id")], [1, 2]
        )

    def test_corrections_follow_a_change_too(self):
        old = self._create_plan([self.charge])
        new = self._create_plan([{**self.charge, "unit_price": 3}])
        subscription = self._create_subscription(old)
        self._add_usage(subscription, "gb", 5, at="2026-09-05 12:00:00")
        self._add_usage(subscription, "gb", 7, at="2026-09-20 12:00:00")
        self._add_usage(subscription, "gb", 9, at="2026-09-21 12:00:00")
        store = self.env["usage.batch"].sudo()._store()
        batch = self.env["usage.batch"].search([], order="id desc", limit=1)
        batch = batch.sudo().copy()
        event = self.env["usage.event"].search([("value", "=", 7)])
        store.void(batch, [event.id], "wrong")
        self._change_plan(subscription, new, "2026-09-15")
        run = self._bill_of(subscription)
        amounts = {line.plan_id: line.amount for line in run.rated_line_ids}
        self.assertEqual(amounts, {old: D(5), new: D(27)})

    def test_usage_stored_while_the_plan_changes_is_found(self):
        old = self._create_plan([self.charge])
        new = self._create_plan([{**self.charge, "unit_price": 3}])
        subscription = self._create_subscription(old)
        self._add_usage(subscription, "gb", 10, at="2026-09-20 12:00:00")
        PlanChange = type(self.env["usage.plan.change"])
        with patch.object(PlanChange, "_move_usage"):  # as if it were not visible yet
            change = self._change_plan(subscription, new, "2026-09-15")
        self.assertFalse(change.is_settled)
        change._cron_settle()
        self.assertTrue(change.is_settled)
        run = self._bill_of(subscription)
        self.assertEqual(run.rated_line_ids.plan_id, new)
        self.assertEqual(run.rated_line_ids.amount, 30)

    def test_an_amended_text_is_seen_within_the_second(self):
        users = self._create_meter(
            "logins", aggregation="unique_count", unique_property="user"
        )
        charge = {"name": "Users", "key": "u", "meter_id": users.id, "unit_price": 1}
        subscription = self._create_subscription(
            self._create_plan([charge]), late_policy="open"
        )
        with freeze_time("2026-10-02 08:00:00"):
            for name in ("ann", "bob"):
                self._add_usage(subscription, "logins", None, properties={"user": name})
            self.assertEqual(self._bill_of(subscription).rated_line_ids.amount, 2)
            event = self.env["usage.event"].search([("type", "=", "logins")], limit=1)
            batch = event.batch_id.sudo().copy()
            row = EventRow(
                event_id=event.event_id,
                type="logins",
                subject=event.subject,
                time=event.time,
                value=None,
                amount=None,
                currency=None,
                dimensions={},
                # the other one's name: ann and bob become one
                properties={"user": "bob" if "ann" in event.properties else "ann"},
                row_number=1,
            )
            self.env["usage.batch"].sudo()._store().amend(batch, [row], "wrong")
            late = self._bill_of(subscription).rated_line_ids
        self.assertEqual(late.amount, -1)

    def test_a_change_of_a_billed_day_is_refused(self):
        subscription = self._create_billed("open")
        with self.assertRaisesRegex(UserError, "already billed"):
            self._change_plan(
                subscription, self._create_plan([self.charge]), "2026-09-10"
            )

    # -- other prices for a billed period -------------------------------------

    def test_a_period_priced_anew_credits_and_charges(self):
        subscription = self._create_billed("open")
        wrong = subscription.plan_id.version_ids
        right = wrong.copy({"valid_from": "2026-09-01", "note": "Too dear"})
        right.charge_ids.unit_price = D("0.9")
        right.action_approve()
        period = self._period(subscription)
        period.sudo().version_id = right
        self._add_usage(subscription, "gb", 10)
        run = self._bill_of(subscription)
        amounts = {line.version_id: line.amount for line in run.rated_line_ids}
        self.assertEqual(amounts, {wrong: D(-100), right: D(99)})

    # -- billed elsewhere --------------------------------------------------------

    def test_what_another_system_billed_is_subtracted(self):
        plan = self._create_plan([self.charge])
        subscription = self._create_subscription(plan)
        self.env["usage.opening.amount"].create(
            {
                "subscription_id": subscription.id,
                "period_id": self._period(subscription).id,
                "charge_key": "gb",
                "amount": 25,
            }
        )
        self._add_usage(subscription, "gb", 100)
        run = self._bill_of(subscription)
        self.assertEqual(run.rated_line_ids.amount, 75)
        self.assertEqual(run.move_ids.amount_untaxed, 75)

    # -- periods -------------------------------------------------------------

    def test_a_period_of_two_months(self):
        plan = self._create_plan([self.charge])
        subscription = self._create_subscription(
            plan,
            date_start="2026-08-31",
            period_every=2,
            calendar_aligned=False,
        )
        starts = subscription.period_ids.sorted("start_at").mapped("local_start")
        self.assertEqual(
            [str(day) for day in starts[:3]],
            ["2026-08-31", "2026-10-31", "2026-12-31"][: len(starts)],
        )
