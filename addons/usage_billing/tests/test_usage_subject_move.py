"""A subject changes hands: what is not billed goes with it, what is billed stays."""

from datetime import datetime
from decimal import Decimal

from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user, tagged

from .test_usage_inbox import InboxCase
from .test_usage_store import event


@tagged("post_install", "-at_install")
class TestUsageSubjectMove(InboxCase):
    def _move(self, target, date_from=False, user=None):
        return (
            self.env["usage.subject.move"]
            .with_user(user or self.manager)
            .create(
                {
                    "subject_id": self.garden.subject_ids[:1].id,
                    "subscription_id": target.id,
                    "date_from": date_from,
                }
            )
        )

    def _sum(self, subscription, day="2026-09-01"):
        return sum(
            self._quantities(self._period(day, subscription), self.meter).values()
        )

    def setUp(self):
        super().setUp()
        self.target = self._create_store_subscription("elsewhere")
        self._send(
            [
                event(1, "1", subject="garden-site", at=datetime(2026, 8, 10)),
                event(2, "2", subject="garden-site", at=datetime(2026, 9, 5)),
                event(3, "4", subject="garden-site", at=datetime(2026, 9, 20)),
                event(4, "8", subject="elsewhere", at=datetime(2026, 9, 20)),
            ]
        )

    def test_from_a_day_on_with_what_was_used_since(self):
        wizard = self._move(self.target, "2026-09-15 00:00:00")
        self.assertIn("Goes with it", wizard.preview_html)
        self.assertEqual(self._sum(self.garden), Decimal(6))  # a preview moves nothing
        wizard.action_move()
        self.assertEqual(self._sum(self.garden), Decimal(2))
        self.assertEqual(self._sum(self.target), Decimal(12))
        self.assertRollupsEqualEvents()
        moved = self.env["usage.event"].search([("event_id", "=", "e3")])
        self.assertEqual(moved.subscription_id, self.target)
        # the next ones find their way, and a re-sent one is known
        later = self._send(
            [
                event(3, "4", subject="garden-site", at=datetime(2026, 9, 20)),
                event(5, "16", subject="garden-site", at=datetime(2026, 9, 21)),
                event(6, "32", subject="garden-site", at=datetime(2026, 9, 1)),
            ]
        )
        self.assertEqual(self._counts(later), (2, 1, 0, 0))
        self.assertEqual(self._sum(self.target), Decimal(28))
        self.assertEqual(self._sum(self.garden), Decimal(34))
        for subscription, word in ((self.garden, "went"), (self.target, "came")):
            self.assertIn(
                f"1 events of garden-site {word}", subscription.message_ids[0].body
            )

    def test_altogether(self):
        self._move(self.target).action_move()
        self.assertFalse(self.garden.subject_ids)
        self.assertEqual(self._sum(self.target), Decimal(14))
        self.assertEqual(self._sum(self.target, "2026-08-01"), Decimal(1))
        self.assertEqual(self._sum(self.garden), 0)
        self.assertRollupsEqualEvents()

    def test_billed_usage_stays_and_is_named(self):
        self._period("2026-08-01", self.garden).state = "billed"
        self._period("2026-09-01", self.target).state = "billed"
        wizard = self._move(self.target)
        self.assertIn("billed, or being billed", wizard.preview_html)
        self.assertNotIn("Goes with it", wizard.preview_html)
        wizard.action_move()
        self.assertEqual(self._sum(self.garden, "2026-08-01"), Decimal(1))
        self.assertEqual(self._sum(self.garden), Decimal(6))
        self.assertEqual(self._sum(self.target), Decimal(8))
        self.assertRollupsEqualEvents()

    def test_where_the_other_has_no_period_it_stays(self):
        young = self._create_store_subscription("young", date_start="2026-09-10")
        wizard = self._move(young)
        self.assertIn("has no period then", wizard.preview_html)
        wizard.action_move()
        self.assertEqual(self._sum(self.garden), Decimal(2))
        self.assertEqual(self._sum(young, "2026-09-10"), Decimal(4))

    def test_only_the_manager_and_only_with_a_target(self):
        user = new_test_user(
            self.env, login="move-user", groups="usage_billing.group_usage_billing_user"
        )
        with self.assertRaises(AccessError):
            self.garden.subject_ids.with_user(user).action_move()
        wizard = self._move(self.target)
        wizard.subscription_id = False
        with self.assertRaises(UserError):
            wizard.action_move()
        late = self._move(self.target, "2026-09-15 00:00:00")
        self.garden.subject_ids.valid_to = "2026-09-10 00:00:00"
        with self.assertRaises(UserError):
            late.action_move()
