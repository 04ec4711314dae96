# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo.exceptions import AccessError
from odoo.tests import new_test_user, tagged

from .common import FrInvoicingCommon

LADDER = "usage_billing.group_usage_billing_"
# role -> read, write, create, unlink
RIGHTS = {
    "user": (True, False, False, False),
    "manager": (True, False, False, False),
    "approver": (True, True, True, False),
    "system": (True, True, True, True),
    "auditor": (True, False, False, False),
}
OPERATIONS = ("read", "write", "create", "unlink")


@tagged("post_install", "-at_install")
class TestAccess(FrInvoicingCommon):
    def test_each_role_on_each_model(self):
        for role, rights in RIGHTS.items():
            user = new_test_user(self.env, f"fr_{role}", groups=f"{LADDER}{role}")
            for model in ("fr.legal.text", "fr.tax.profile"):
                found = tuple(
                    self.env[model].with_user(user).has_access(operation)
                    for operation in OPERATIONS
                )
                self.assertEqual(found, rights, f"{role} on {model}")

    def test_portal_and_public_see_neither(self):
        portal = new_test_user(self.env, "fr_portal", groups="base.group_portal")
        for user in (portal, self.env.ref("base.public_user")):
            for model in ("fr.legal.text", "fr.tax.profile"):
                self.assertFalse(self.env[model].with_user(user).has_access("read"))

    def test_wording_of_another_company_is_not_seen(self):
        other = self.env["res.company"].create({"name": "Autre Exemple"})
        text = self.env["fr.legal.text"].create(
            {
                "code": "no_discount",
                "company_id": other.id,
                "text": "x",
                "source": "x",
            }
        )
        user = new_test_user(self.env, "fr_reader", groups=f"{LADDER}user")
        self.assertNotIn(text, self.env["fr.legal.text"].with_user(user).search([]))
        with self.assertRaises(AccessError):
            text.with_user(user).read(["text"])

    def test_biller_makes_a_facturx_without_more_rights(self):
        user = new_test_user(
            self.env,
            "fr_biller",
            groups="account.group_account_invoice",
            company_id=self.company.id,
            company_ids=[(6, 0, self.company.ids)],
        )
        move = self._make_invoice([self._line()])
        move.with_user(user).action_fr_facturx()
        self.assertValid(move)
        self.assertTrue(move.with_user(user)._fr_get_printable_pdf())
