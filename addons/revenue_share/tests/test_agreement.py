from datetime import date

from odoo import Command
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import tagged

from .common import RevenueShareCommon


@tagged("post_install", "-at_install")
class TestAgreement(RevenueShareCommon):
    """Terms that make sense, and stay as they were agreed."""

    def test_version_in_force_cannot_be_changed(self):
        agreement = self._create_agreement([(self.reseller, "percent", "10")])
        with self.assertRaises(UserError):
            agreement.version_ids.base = "gross"
        with self.assertRaises(UserError):
            agreement.version_ids.rule_ids.value = "11"
        with self.assertRaises(UserError):
            agreement.version_ids.rule_ids.unlink()
        with self.assertRaises(UserError):
            agreement.version_ids.rule_ids = [
                Command.create({"partner_id": self.author.id, "value": "1"})
            ]

    def test_draft_version_can_be_changed(self):
        agreement = self._create_agreement(
            [(self.reseller, "percent", "10")], activate=False
        )
        agreement.version_ids.rule_ids.value = "11"
        self.assertEqual(str(agreement.version_ids.rule_ids.value), "11")

    def test_new_version_is_a_copy_with_the_next_number(self):
        agreement = self._create_agreement([(self.reseller, "percent", "10")])
        action = agreement.version_ids.action_new_version()
        version = self.env[action["res_model"]].browse(action["res_id"])
        self.assertEqual((version.number, version.state), (2, "draft"))
        self.assertEqual(str(version.rule_ids.value), "10")

    def test_versions_in_force_on_the_same_day_are_refused(self):
        agreement = self._create_agreement([(self.reseller, "percent", "10")])
        version = agreement.version_ids.copy({"date_from": date(2026, 1, 1)})
        with self.assertRaises(ValidationError):
            version.action_activate()

    def test_version_without_rule_cannot_come_into_force(self):
        agreement = self._create_agreement([], activate=False)
        with self.assertRaises(UserError):
            agreement.version_ids.action_activate()

    def test_terms_that_make_no_sense_are_told_in_words(self):
        agreement = self._create_agreement(
            [(self.reseller, "fixed", "10")], granularity="line", activate=False
        )
        with self.assertRaisesRegex(ValidationError, "once per statement"):
            agreement.version_ids.action_activate()

    def test_only_an_approver_puts_terms_in_force(self):
        agreement = self._create_agreement(
            [(self.reseller, "percent", "10")], activate=False
        )
        manager = self._create_user("rs_agreement_manager", "manager")
        with self.assertRaises(AccessError):
            agreement.version_ids.with_user(manager).action_activate()

    def test_share_of_another_partner_names_that_partner(self):
        with self.assertRaises(ValidationError):
            self._create_agreement([(self.reseller, "percent", "10", {"on": "share"})])

    def test_share_goes_to_a_company_not_to_its_contact(self):
        contact = self.env["res.partner"].create(
            {"name": "Sales", "parent_id": self.reseller.id}
        )
        with self.assertRaises(ValidationError):
            self._create_agreement([(contact, "percent", "10")])

    def test_customer_is_attributed_once_at_a_time(self):
        with self.assertRaises(ValidationError):
            self._create_agreement(
                [(self.reseller, "percent", "10")],
                customers=self.customer.concat(self.customer),
            )

    def test_attribution_holds_until_its_last_day(self):
        agreement = self._create_agreement([(self.reseller, "percent", "10")])
        agreement.attribution_ids.date_to = date(2026, 3, 10)
        inside = self._create_invoice((self.music, 100), day="2026-03-10")
        outside = self._create_invoice((self.music, 100), day="2026-03-11")
        self.assertTrue(inside.revenue_share_item_ids)
        self.assertFalse(outside.revenue_share_item_ids)

    def test_first_purchase_only_shares_the_first_invoice(self):
        agreement = self._create_agreement([(self.reseller, "percent", "10")])
        agreement.attribution_ids.is_first_purchase_only = True
        first = self._create_invoice((self.music, 300), day="2026-01-10")
        second = self._create_invoice((self.music, 500), day="2026-02-10")
        self.assertEqual(self._shares(first), {self.reseller: 30})
        self.assertEqual(self._shares(second), {})

    def test_subscription_of_another_customer_is_refused(self):
        plan = self.env["usage.plan"].create({"name": "Plan", "code": "RS-TEST"})
        other = self._create_partner("Someone else")
        subscription = self.env["usage.subscription"].create(
            {
                "partner_id": other.id,
                "plan_id": plan.id,
                "date_start": date(2026, 1, 1),
            }
        )
        agreement = self._create_agreement([(self.reseller, "percent", "10")])
        with self.assertRaises(ValidationError):
            agreement.attribution_ids.subscription_id = subscription
        subscription.partner_id = self.customer
        agreement.attribution_ids.subscription_id = subscription
        move = self._create_invoice((self.music, 100))
        self.assertFalse(move.revenue_share_item_ids, "not billed by the subscription")

    def test_yearly_tiers_count_the_shared_base(self):
        with self.assertRaises(ValidationError):
            self._create_agreement(
                [
                    (
                        self.reseller,
                        "tiered_percent",
                        None,
                        {
                            "on": "remaining",
                            "tier_reset": "year",
                            "tier_ids": [Command.create({"rate": "10"})],
                        },
                    )
                ]
            )

    def test_suspended_agreement_shares_nothing(self):
        agreement = self._create_agreement([(self.reseller, "percent", "10")])
        agreement.action_suspend()
        move = self._create_invoice((self.music, 100))
        self.assertFalse(move.revenue_share_item_ids)

    def test_agreement_that_shared_revenue_cannot_be_deleted(self):
        agreement = self._create_agreement([(self.reseller, "percent", "10")])
        self._create_invoice((self.music, 100))
        with self.assertRaises(UserError):
            agreement.unlink()

    def test_rule_is_told_in_words(self):
        agreement = self._create_agreement([(self.reseller, "percent", "12.50")])
        self.assertEqual(agreement.version_ids.rule_ids.description, "12.5 %")
