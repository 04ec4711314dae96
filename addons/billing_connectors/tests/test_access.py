# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo.exceptions import AccessError
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from .common import HEADER, MAPPING, ConnectorCase

GROUPS = ("user", "manager", "approver", "system", "auditor")
#: model -> groups that may change it; every group of the ladder may read it
WRITERS = {
    "billing.mapping": ("manager", "approver", "system"),
    "billing.delivery": (),
    "billing.delivery.scope": (),
}


@tagged("post_install", "-at_install")
class TestAccess(ConnectorCase):
    def test_rights_of_each_group_on_each_model(self):
        for group in GROUPS:
            user = self._new_user(f"rights_{group}", group)
            for model, writers in WRITERS.items():
                with self.subTest(group=group, model=model):
                    records = self.env[model].with_user(user)
                    self.assertTrue(records.has_access("read"))
                    for operation in ("write", "create", "unlink"):
                        self.assertEqual(
                            records.has_access(operation), group in writers, operation
                        )

    def test_wizard_is_for_those_who_import(self):
        for group in GROUPS:
            user = self._new_user(f"wizard_{group}", group)
            wizard = self.env["billing.import.wizard"].with_user(user)
            self.assertEqual(wizard.has_access("create"), group != "auditor", group)

    @mute_logger("odoo.addons.base.models.ir_access", "odoo.models")
    def test_nobody_else_sees_anything(self):
        delivery = self._import(self._rows(range(2)))
        for login, groups in (
            ("outsider", "base.group_user"),
            ("portal_usage", "usage_billing.group_usage_billing_portal_usage"),
        ):
            user = new_test_user(self.env, login=login, groups=groups)
            for record in (delivery, self.mapping):
                with self.assertRaises(AccessError):
                    record.with_user(user).read(["name"])
            with self.assertRaises(AccessError):
                self.Delivery.with_user(user)._import_file(
                    (HEADER + self._rows([9])).encode(), self.mapping, name="x.csv"
                )

    def test_auditor_does_not_import(self):
        auditor = self._new_user("connector_auditor", "auditor")
        with self.assertRaises(AccessError):
            self.Delivery.with_user(auditor)._import_file(
                (HEADER + self._rows([9])).encode(), self.mapping, name="x.csv"
            )

    @mute_logger("odoo.addons.base.models.ir_rule", "odoo.models")
    def test_other_company_sees_nothing(self):
        delivery = self._import(self._rows(range(2)))
        other = self.env["res.company"].create({"name": "Fictive Other Company"})
        stranger = self._new_user("stranger", "system", company=other)
        for record in (delivery, self.mapping):
            self.assertFalse(
                self.env[record._name]
                .with_user(stranger)
                .search([("id", "=", record.id)])
            )
            with self.assertRaises(AccessError):
                record.with_user(stranger).read(["name"])

    def test_same_content_in_two_companies_is_two_deliveries(self):
        first = self._import(self._rows(range(2)))
        other = self.env["res.company"].create({"name": "Fictive Other Company"})
        mapping = self._create_mapping(company=other).with_company(other)
        self.assertEqual(mapping.name, MAPPING["name"])
        second = self.Delivery.with_company(other)._import_file(
            (HEADER + self._rows(range(2))).encode(), mapping, name="usage.csv"
        )
        self.assertNotEqual(first, second)
        self.assertEqual(second.company_id, other)
        # the subject is known in the first company only
        self.assertCounts(second, held=2)
