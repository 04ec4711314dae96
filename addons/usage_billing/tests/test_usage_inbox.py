"""The inbox: what waits, put together by cause, and settled for all rows at once."""

from datetime import datetime, timedelta
from decimal import Decimal
from unittest.mock import patch

from freezegun import freeze_time

from odoo import Command
from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user, tagged

from ..metering import RejectedRow
from ..models import usage_quarantine_decision as decisions
from .test_usage_store import SEPTEMBER, StoreCase, event


class InboxCase(StoreCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env.user.group_ids += cls.env.ref(
            "usage_billing.group_usage_billing_system"
        )
        cls.meter = cls._create_meter("cpu")
        cls.product = cls._create_usage_product()
        cls.priced = cls._create_plan(
            [
                {
                    "name": "CPU",
                    "model": "per_unit",
                    "meter_id": cls.meter.id,
                    "unit_price": "0.50",
                }
            ]
        )
        cls.garden = cls._create_store_subscription(
            "garden-site", plan_id=cls.priced.id
        )
        cls.manager = new_test_user(
            cls.env,
            login="inbox-manager",
            groups="usage_billing.group_usage_billing_manager",
        )

    def _inbox(self, reason=None, what=None, user=None):
        self.env.flush_all()
        self.env["usage.quarantine.cause"].sudo()._assess_stale(patience=60)
        self.env.invalidate_all()
        domain = [("company_id", "=", self.env.company.id)]
        if reason:
            domain.append(("reason_code", "=", reason))
        if what:
            domain.append(("what", "=", what))
        return (
            self.env["usage.quarantine.inbox"]
            .with_user(user or self.manager)
            .search(domain)
        )

    def _fix(self, cause, **vals):
        return (
            self.env["usage.quarantine.fix"]
            .with_user(self.manager)
            .create({"cause_id": cause.id, **vals})
        )

    def _last_decision(self):
        return self.env["usage.quarantine.decision"].search([], limit=1)


@tagged("post_install", "-at_install")
class TestUsageInbox(InboxCase):
    # ------------------------------------------------------------------
    # what waits
    # ------------------------------------------------------------------
    def test_rows_wait_together_by_reason_and_name(self):
        self._send(
            [
                event(1, subject="stranger"),
                event(2, subject="stranger", at=SEPTEMBER + timedelta(days=2)),
                event(3, subject="another"),
                event(4, type="gpu"),
                RejectedRow(5, "unknown_unit", "GiBB", "a;b"),
                RejectedRow(6, "unknown_unit", "GiBB", "a;c"),
                RejectedRow(7, "invalid_value", "abc", "x"),
                RejectedRow(8, "invalid_value", "def", "y"),
            ]
        )
        found = {
            (item.reason_code, item.what or ""): item.open_count
            for item in self._inbox()
        }
        self.assertEqual(
            found,
            {
                ("unknown_subject", "stranger"): 2,
                ("unknown_subject", "another"): 1,
                ("unknown_meter", "gpu"): 1,
                ("unknown_unit", "GiBB"): 2,
                ("invalid_value", ""): 2,
            },
        )
        stranger = self._inbox("unknown_subject", "stranger")
        self.assertEqual(
            (stranger.usage_from, stranger.usage_to),
            (SEPTEMBER, SEPTEMBER + timedelta(days=2)),
        )

    def test_every_reason_is_said_in_words_with_what_to_do(self):
        rows = [
            RejectedRow(number, code, "quantity", "{}")
            for number, (code, _name) in enumerate(
                self.env["usage.quarantine"]._fields["reason_code"].selection, 1
            )
        ]
        self._send(rows)
        causes = self._inbox()
        self.assertEqual(len(causes), len(rows))
        for cause in causes:
            self.assertNotIn(
                cause._get_headline(), (cause.what, cause.source_id.name, "")
            )
            self.assertTrue(cause._get_advice())
        missing = causes.filtered(lambda cause: cause.reason_code == "missing_field")
        self.assertEqual(missing._get_headline(), "Missing: quantity")

    def test_a_large_cause_is_added_up_in_the_background(self):
        self._send([event(number, subject="stranger") for number in range(5)])
        cause = self.env["usage.quarantine.cause"].search([("what", "=", "stranger")])
        # those of the sending test cases may have been looked at
        cause.sudo().assessed_count = 0
        cron = self.env.ref("usage_billing.ir_cron_assess_quarantine")
        self.assertFalse(cause.sudo()._assess_stale(largest=4))
        self.assertTrue(
            self.env["ir.cron.trigger"].sudo().search([("cron_id", "=", cron.id)])
        )
        self.assertEqual(cause.assessed_count, 0)
        self.assertTrue(cause.sudo()._assess_stale(largest=None))
        self.assertEqual(cause.assessed_count, 5)

    def test_amount_at_stake_is_what_the_period_would_cost_more(self):
        self._send([event(0, "7", subject="garden-site")])
        self._send([event(n, "2", subject="Garden_Site_2") for n in range(1, 11)])
        cause = self._inbox("unknown_subject")
        self.assertEqual(cause.suggested_subscription_id, self.garden)
        # 10 rows of 2 at 0.50
        self.assertEqual(cause.stake_amount, Decimal("10.00"))
        self.assertEqual(cause.stake_currency_id, self.garden.currency_id)
        self.assertEqual(cause.stake_note, f"With the prices of {self.garden.name}.")
        french = cause.with_context(lang="fr_FR").stake_note
        self.assertEqual(french, f"Aux prix de {self.garden.name}.")

    def test_a_total_stranger_is_not_guessed(self):
        self._send([event(1, subject="xyzzy")])
        cause = self._inbox("unknown_subject")
        self.assertFalse(cause.can_accept)
        self.assertFalse(cause.suggestion)
        with self.assertRaises(UserError):
            cause.action_accept()

    def test_names_of_any_length_and_any_sign_are_held(self):
        # random letters: PostgreSQL compresses repetition before it measures an entry
        name = "".join(chr(0x4E00 + (n * 7919) % 20000) for n in range(50_000))
        batch = self._send(
            [event(1, subject=name), event(2, type=name), event(3, event_id=name * 2)]
        )
        self.assertEqual(batch.quarantined_count + batch.accepted_count, 3)
        cause = self._inbox("unknown_subject")
        with self.assertRaises(UserError):
            self._fix(cause, subscription_id=self.garden.id).action_apply()

    # ------------------------------------------------------------------
    # settle once for all
    # ------------------------------------------------------------------
    def test_accepting_a_suggestion_settles_all_rows(self):
        self._send([event(n, "2", subject="garden_site") for n in range(1, 6)])
        self._send([event(9, subject="xyzzy")])
        self._inbox("unknown_subject", "garden_site").action_accept()
        self.assertEqual(self._inbox().mapped("what"), ["xyzzy"])
        self.assertEqual(
            self._quantities(self._period("2026-09-01", self.garden), self.meter),
            {("2026-09-01",): Decimal(10)},
        )
        decision = self._last_decision()
        self.assertEqual(
            (decision.kind, decision.total_count, decision.passed_count),
            ("replay", 5, 5),
        )
        self.assertEqual(decision.create_uid, self.manager)
        self.assertIn("garden_site", decision.changes)
        # the next ones need nobody
        later = self._send([event(20, subject="garden_site")])
        self.assertEqual(self._counts(later), (1, 0, 0, 0))
        self.assertRollupsEqualEvents()

    def test_a_new_meter_counts_what_waited(self):
        self._send([event(n, "3", type="gpu", subject="garden-site") for n in (1, 2)])
        cause = self._inbox("unknown_meter")
        self._fix(cause, meter_choice="create", unit_label="hour").action_apply()
        meter = self.env["usage.meter"].search([("event_type", "=", "gpu")])
        self.assertEqual(
            self._quantities(self._period("2026-09-01", self.garden), meter),
            {("2026-09-01",): Decimal(6)},
        )
        self.assertFalse(self._inbox())

    def test_an_alias_counts_and_a_row_sent_again_stays_a_duplicate(self):
        rows = [event(n, "3", type="cpu_s", subject="garden-site") for n in (1, 2)]
        self._send(rows)
        cause = self._inbox("unknown_meter")
        self._fix(cause, meter_choice="alias", meter_id=self.meter.id).action_apply()
        self.assertEqual(
            self._quantities(self._period("2026-09-01", self.garden), self.meter),
            {("2026-09-01",): Decimal(6)},
        )
        again = self._send([*rows, event(3, "4", type="cpu_s", subject="garden-site")])
        self.assertEqual(self._counts(again), (1, 2, 0, 0))
        alias = self.env["usage.alias"].search([])
        with self.assertRaises(UserError):
            alias.event_type = "disk"
        with self.assertRaises(UserError):
            alias.unlink()

    def test_a_subscription_is_lengthened_without_hole_or_overlap(self):
        self.garden.write({"date_end": "2026-10-01"})
        self._send(
            [
                event(1, subject="garden-site", at=datetime(2025, 11, 20)),
                event(2, subject="garden-site", at=datetime(2026, 10, 20)),
            ]
        )
        for reason in ("before_start", "after_end"):
            cause = self._inbox(reason)
            self.assertEqual(cause.open_count, 1)
            fix = self._fix(cause)
            self.assertTrue(fix.is_longer and fix.is_covered)
            fix.action_apply()
        self.assertEqual(len(self.garden.subject_ids), 1)
        self.assertEqual(str(self.garden.date_start), "2025-11-20")
        self.assertEqual(str(self.garden.date_end), "2026-10-21")
        periods = self.garden.period_ids.sorted("start_at")
        for before, after in zip(periods, periods[1:], strict=False):
            self.assertEqual(before.end_at, after.start_at)
            self.assertEqual(before.local_end, after.local_start)
        self.assertEqual(str(periods[0].local_end), "2025-12-01")
        self.assertFalse(self._inbox())
        self.assertRollupsEqualEvents()

    def test_a_mapping_is_lengthened_towards_the_rows(self):
        subject = self.garden.subject_ids
        subject.write({"valid_from": "2026-09-10 00:00:00"})
        self._send([event(1, subject="garden-site", at=datetime(2026, 9, 5))])
        cause = self._inbox("before_start")
        self._fix(cause).action_apply()
        self.assertFalse(subject.valid_from)
        self.assertEqual(len(self.garden.subject_ids), 1)
        self.assertFalse(self._inbox())

    def test_a_gap_between_two_subscriptions_goes_to_a_third(self):
        other = self._create_store_subscription("elsewhere")
        first = self.garden.subject_ids
        first.write({"valid_to": "2026-09-10 00:00:00"})
        self.env["usage.subject"].create(
            {
                "subject": "garden-site",
                "subscription_id": other.id,
                "valid_from": "2026-09-20 00:00:00",
            }
        )
        self._send([event(1, subject="garden-site", at=datetime(2026, 9, 15))])
        self._fix(
            self._inbox("before_start"), subscription_id=self.subscription.id
        ).action_apply()
        middle = self.subscription.subject_ids.filtered(
            lambda item: item.subject == "garden-site"
        )
        self.assertEqual(
            (str(middle.valid_from), str(middle.valid_to)),
            ("2026-09-10 00:00:00", "2026-09-20 00:00:00"),
        )
        self.assertFalse(self._inbox())

    def test_only_in_this_source_leaves_the_other_source_alone(self):
        second = self._create_source("second")
        self._send([event(1, subject="garden_site")])
        self._send([event(1, subject="garden_site")], source=second)
        cause = self._inbox("unknown_subject").filtered(
            lambda item: item.source_id == self.source
        )
        self._fix(cause, is_own_source=True).action_apply()
        self.assertEqual(self._inbox("unknown_subject").source_id, second)
        self._fix(self._inbox("unknown_subject")).action_apply()
        self.assertFalse(self._inbox())

    # ------------------------------------------------------------------
    # ignore and take back
    # ------------------------------------------------------------------
    def test_ignored_from_now_on_until_taken_back(self):
        self._send([event(1, subject="xyzzy")])
        cause = self._inbox("unknown_subject")
        action = cause.action_ignore()
        wizard = (
            self.env[action["res_model"]]
            .with_user(self.manager)
            .with_context(action["context"])
            .create({"reason": "test account", "is_lasting": True})
        )
        wizard.action_confirm()
        later = self._send([event(2, subject="xyzzy")])
        rows = self.env["usage.quarantine"].search([("subject", "=", "xyzzy")])
        self.assertEqual(set(rows.mapped("state")), {"ignored"})
        self.assertEqual(set(rows.mapped("resolution_reason")), {"test account"})
        self.assertEqual(later.open_quarantine_count, 0)
        cause = self._inbox("unknown_subject")
        self.assertEqual((cause.open_count, cause.ignored_count), (0, 2))
        cause.action_take_back()
        self.assertEqual(set(rows.mapped("state")), {"open"})
        self._send([event(3, subject="xyzzy")])
        self.assertEqual(self._inbox("unknown_subject").open_count, 3)

    # ------------------------------------------------------------------
    # many rows
    # ------------------------------------------------------------------
    def test_many_rows_are_done_slice_by_slice_each_once(self):
        self._send([event(n, "1", subject="garden_site") for n in range(1, 24)])
        self._send([event(n, "1", subject="garden_site", type="gpu") for n in (31, 32)])
        cause = self._inbox("unknown_subject", "garden_site")
        with (
            patch.object(decisions, "AT_ONCE", 5),
            patch.dict(decisions.SLICE, {"replay": 10}),
        ):
            cause.action_accept()
            decision = self._last_decision().sudo()
            self.assertEqual((decision.state, decision.done_count), ("running", 0))
            self._send([event(99, "5", subject="garden_site", type="gpu")])
            self.assertEqual(decision._slice(), 13)
            self.assertEqual(self._inbox("unknown_subject").progress, 43)
            self.assertEqual(decision._slice(), 3)
            self.assertEqual(decision._slice(), 0)
        self.assertEqual(
            (decision.state, decision.total_count, decision.passed_count),
            ("done", 23, 23),
        )
        self.assertEqual(
            self._quantities(self._period("2026-09-01", self.garden), self.meter),
            {("2026-09-01",): Decimal(23)},
        )
        # a type nobody counts says so before it is asked whose it is
        self.assertEqual(self._inbox("unknown_meter").open_count, 3)
        self.assertRollupsEqualEvents()

    def test_rows_that_fail_again_move_to_their_new_cause(self):
        self._send([event(1, subject="garden_site", at=datetime(2019, 1, 1)), event(2)])
        self._inbox("unknown_subject").action_accept()
        cause = self._inbox()
        self.assertEqual(
            (cause.reason_code, cause.what, cause.open_count),
            ("before_start", "garden_site", 1),
        )
        self.assertEqual(self._last_decision().passed_count, 0)

    def test_all_of_a_reason_are_sent_again_at_once(self):
        """What was settled elsewhere passes; the rest goes on waiting."""
        self._send(
            [
                event(1, "2", subject="annex-a"),
                event(2, "3", subject="annex-b"),
                event(3, "4", subject="annex-c"),
                event(4, type="gpu"),
            ]
        )
        self.env["usage.subject"].create(
            [
                {"subject": name, "subscription_id": self.garden.id}
                for name in ("annex-a", "annex-b")
            ]
        )
        causes = self._inbox("unknown_subject")
        self.assertEqual(len(causes), 3)
        notice = causes.action_replay()
        self.assertIn("2 of 3 rows became usage", notice["params"]["message"])
        self.assertEqual(self._inbox("unknown_subject").mapped("what"), ["annex-c"])
        self.assertEqual(self._inbox("unknown_meter").open_count, 1)
        self.assertEqual(
            self._quantities(self._period("2026-09-01", self.garden), self.meter),
            {("2026-09-01",): Decimal(5)},
        )
        self.assertRollupsEqualEvents()

    def test_what_becomes_clear_by_itself_is_sent_again(self):
        source = self._create_source("clock", future_tolerance_min=10)
        self._send(
            [
                event(1, subject="garden-site", at=datetime(2026, 9, 15, 12)),
                event(2, subject="later"),
                event(3, subject="never"),
            ],
            source=source,
            received_at="2026-09-15 11:00:00",
        )
        self.assertEqual(
            sorted(self._inbox().mapped("reason_code")),
            ["future", "unknown_subject", "unknown_subject"],
        )
        Cause = self.env["usage.quarantine.cause"]
        with freeze_time("2026-09-15 11:30:00"):
            self.assertFalse(Cause._replay_cleared())
        self._create_store_subscription("later")
        decisions = Cause._replay_cleared()
        self.assertEqual(sum(decisions.mapped("passed_count")), 2)
        self.assertEqual(self._inbox().mapped("what"), ["never"])
        self.assertFalse(Cause._replay_cleared())

    # ------------------------------------------------------------------
    # who may
    # ------------------------------------------------------------------
    def test_readers_see_and_do_not_decide(self):
        self._send([event(1, subject="garden_site")])
        for role in ("user", "auditor"):
            user = new_test_user(
                self.env,
                login=f"inbox-{role}",
                groups=f"usage_billing.group_usage_billing_{role}",
            )
            cause = self._inbox("unknown_subject", user=user)
            self.assertEqual(cause.open_count, 1)
            cause.action_open()
            for name in (
                "action_accept",
                "action_fix",
                "action_replay",
                "action_ignore",
                "action_take_back",
            ):
                with self.subTest(role=role, name=name), self.assertRaises(AccessError):
                    getattr(cause, name)()

    def test_another_company_sees_nothing(self):
        self._send([event(1, subject="garden_site")])
        cause = self._inbox("unknown_subject")
        other = self.env["res.company"].create({"name": "Second company"})
        stranger = new_test_user(
            self.env,
            login="inbox-stranger",
            groups="usage_billing.group_usage_billing_system",
            company_id=other.id,
            company_ids=[Command.set(other.ids)],
        )
        seen = cause.with_user(stranger)
        self.assertFalse(seen.search([]))
        for name in ("action_accept", "action_replay"):
            with self.assertRaises(AccessError):
                getattr(seen, name)()
        causes = self.env["usage.quarantine.cause"].browse(cause.ids)
        with self.assertRaises(AccessError):
            self.env["usage.quarantine.decision"].with_user(stranger)._decide(
                "replay", causes=causes.with_user(stranger)
            )
