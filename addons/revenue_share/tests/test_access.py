from odoo import Command
from odoo.exceptions import AccessError
from odoo.tests import tagged
from odoo.tests.common import new_test_user
from odoo.tools import mute_logger

from .common import RevenueShareCommon

MODELS = (
    "revenue.share.agreement",
    "revenue.share.agreement.version",
    "revenue.share.rule",
    "revenue.share.tier",
    "revenue.share.attribution",
    "revenue.share.item",
    "revenue.share.line",
    "revenue.share.statement",
)
MAINTAINED = MODELS[:5]
# role -> (models it may change, models it may create and delete)
ROLES = {
    "user": ((), ()),
    "auditor": ((), ()),
    "manager": ((*MAINTAINED, "revenue.share.statement"), MAINTAINED),
    "approver": ((*MAINTAINED, "revenue.share.statement"), MAINTAINED),
    "system": ((*MAINTAINED, "revenue.share.statement"), MAINTAINED),
}


@tagged("post_install", "-at_install")
class TestAccess(RevenueShareCommon):
    """Who may do what with each model; who may see whose records."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.agreement = cls._create_agreement(
            [
                (cls.reseller, "percent", "10"),
                (
                    cls.author,
                    "tiered_percent",
                    None,
                    {"tier_ids": [Command.create({"rate": "5"})]},
                ),
            ]
        )
        cls._create_invoice((cls.music, 100))
        cls.agreement.action_prepare_statements()

    def test_rights_of_each_role_on_each_model(self):
        for role, (changes, creates) in ROLES.items():
            user = self._create_user(f"rs_access_{role}", role)
            for model in MODELS:
                records = self.env[model].with_user(user)
                with self.subTest(role=role, model=model):
                    self.assertTrue(records.has_access("read"))
                    self.assertEqual(records.has_access("write"), model in changes)
                    self.assertEqual(records.has_access("create"), model in creates)
                    self.assertEqual(records.has_access("unlink"), model in creates)
                    self.assertTrue(records.search([]).read())

    @mute_logger("odoo.addons.base.models.ir_model")
    def test_outsiders_reach_no_model(self):
        employee = new_test_user(self.env, "rs_employee", groups="base.group_user")
        portal = self._create_portal_user(
            "rs_portal_customer", self.customer, role=False
        )
        for user in (employee, portal, self.env.ref("base.public_user")):
            for model in MODELS:
                with self.subTest(user=user.login, model=model):
                    self.assertFalse(self.env[model].with_user(user).has_access("read"))

    @mute_logger("odoo.addons.base.models.ir_model", "odoo.addons.base.models.ir_rule")
    def test_partner_reads_own_sent_statements_and_nothing_else(self):
        partner = self._create_portal_user("rs_portal_reseller", self.reseller)
        statements = self.env["revenue.share.statement"].with_user(partner)
        self.assertFalse(statements.search([]), "a draft is not shown")
        self.agreement.statement_ids.with_user(self.approver).action_send()
        own = statements.search([])
        self.assertEqual(own.partner_id, self.reseller)
        other = self.agreement.statement_ids - own
        with self.assertRaises(AccessError):
            other.with_user(partner).read(["name"])
        self.assertFalse(statements.search([("id", "in", other.ids)]))
        self.assertFalse(statements.search_count([("partner_id", "=", self.author.id)]))
        for model in MODELS[:-1]:
            self.assertFalse(self.env[model].with_user(partner).has_access("read"))
        for name in ("residual_amount", "base_amount", "line_ids"):
            with self.subTest(field=name), self.assertRaises(AccessError):
                own.read([name])
        with self.assertRaises(AccessError):
            own.write({"state": "accepted"})
        with self.assertRaises(AccessError):
            statements.formatted_read_group([], [], ["residual_amount:sum"])

    def test_records_of_another_company_are_not_seen(self):
        other = self.env["res.company"].create({"name": "Other company of the tests"})
        user = new_test_user(
            self.env,
            "rs_other_company",
            groups="base.group_user,usage_billing.group_usage_billing_system",
            company_id=other.id,
            company_ids=[Command.set(other.ids)],
        )
        for model in MODELS:
            with self.subTest(model=model):
                self.assertTrue(self.env[model].search([]))
                found = (
                    self.env[model]
                    .with_user(user)
                    .search([("company_id", "=", self.company.id)])
                )
                self.assertFalse(found)

    def test_employee_who_posts_invoices_needs_no_right_on_shares(self):
        clerk = new_test_user(
            self.env,
            "rs_clerk",
            groups="base.group_user,account.group_account_invoice",
            company_id=self.company.id,
            company_ids=[Command.set(self.company.ids)],
        )
        move = self._create_invoice((self.music, 100), post=False)
        move.with_user(clerk).action_post()
        self.assertTrue(move.revenue_share_item_ids)
