from odoo import Command
from odoo.exceptions import AccessError
from odoo.tests import new_test_user, tagged

from .common import UsageCase

CATALOGUE = (
    "usage.plan",
    "usage.plan.version",
    "usage.charge",
    "usage.charge.tier",
    "usage.subscription",
)
RESULTS = (
    "usage.period",
    "usage.billing.run.line",
    "usage.rated.line",
    "usage.rated.component",
)
READ = {"read"}
FULL = {"read", "write", "create", "unlink"}

#: model -> role -> what the role may do
EXPECTED = {
    **{
        model: {
            "user": READ,
            "manager": FULL,
            "approver": FULL,
            "system": FULL,
            "auditor": READ,
        }
        for model in (*CATALOGUE, "usage.billing.run")
    },
    **{
        model: dict.fromkeys(("user", "manager", "approver", "system", "auditor"), READ)
        for model in RESULTS
    },
    **{
        model: {
            "user": READ,
            "manager": FULL,
            "approver": FULL,
            "system": FULL,
            "auditor": READ,
        }
        for model in ("usage.meter", "usage.meter.filter", "usage.subject")
    },
    **{
        model: dict.fromkeys(("user", "manager", "approver", "system", "auditor"), READ)
        for model in ("usage.batch", "usage.event")
    },
    **{
        model: {
            "user": READ,
            "manager": READ,
            "approver": READ,
            "system": FULL,
            "auditor": READ,
        }
        for model in ("usage.source", "usage.sample")
    },
    "usage.quarantine": {
        "user": READ,
        "manager": READ | {"write"},
        "approver": READ | {"write"},
        "system": READ | {"write"},
        "auditor": READ,
    },
    "usage.account.role": {
        "user": READ,
        "manager": READ,
        "approver": READ,
        "system": FULL,
        "auditor": READ,
    },
}


@tagged("post_install", "-at_install")
class TestUsageAccess(UsageCase):
    def test_rights_of_each_group_on_each_model(self):
        for model, roles in EXPECTED.items():
            for role, expected in roles.items():
                records = self.env[model].with_user(self.users[role])
                allowed = {name for name in FULL if records.has_access(name)}
                with self.subTest(model=model, role=role):
                    self.assertEqual(allowed, expected)

    def test_nobody_else_sees_anything(self):
        for login, groups in (
            ("usage-employee", "base.group_user"),
            ("usage-portal", "base.group_portal"),
            ("usage-portal-usage", "usage_billing.group_usage_billing_portal_invoices"),
            ("usage-public", "base.group_public"),
        ):
            user = new_test_user(self.env, login=login, groups=groups)
            for model in EXPECTED:
                with self.subTest(model=model, groups=groups):
                    self.assertFalse(self.env[model].with_user(user).has_access("read"))

    def test_results_of_another_company_are_out_of_sight(self):
        plan = self._create_plan([{"name": "Fee", "model": "flat", "unit_price": "10"}])
        subscription = self._create_subscription(plan)
        run = self._bill()
        other = self.env["res.company"].create({"name": "Other company"})
        stranger = new_test_user(
            self.env,
            login="usage-stranger",
            groups="usage_billing.group_usage_billing_system",
            company_id=other.id,
            company_ids=[Command.set(other.ids)],
        )
        for records in (
            plan,
            plan.version_ids,
            plan.version_ids.charge_ids,
            subscription,
            subscription.period_ids,
            run,
            run.line_ids,
            run.rated_line_ids,
            run.rated_line_ids.component_ids,
        ):
            seen = records.with_user(stranger)
            with self.subTest(model=records._name):
                self.assertFalse(seen.search([("id", "in", records.ids)]))
                with self.assertRaises(AccessError):
                    seen.read(["id", "display_name"])

    def test_a_run_bills_its_own_company_only(self):
        other = self.setup_other_company()["company"]
        self.env.user.company_ids += other
        fee = [{"name": "Fee", "model": "flat", "unit_price": "10"}]
        mine = self._create_subscription(self._create_plan(fee))
        product = self._create_usage_product(company_id=other.id)
        theirs = self._create_subscription(
            self._create_plan(fee, product=product, company_id=other.id),
            company_id=other.id,
        )

        here, there = self._create_run(), self._create_run(company_id=other.id)
        (here | there).action_compute()
        (here | there).action_approve()
        (here | there).action_post()

        self.assertEqual(here.line_ids.subscription_id, mine)
        self.assertEqual(here.move_ids.company_id, self.company)
        self.assertEqual(there.line_ids.subscription_id, theirs)
        self.assertEqual(there.move_ids.company_id, other)
        self.assertEqual(
            there.move_ids.journal_id.company_id
            | there.move_ids.line_ids.account_id.company_ids,
            other,
        )
