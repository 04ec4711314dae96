# Part of Relevé. See LICENSE file for full copyright and licensing details.
import base64

from odoo.exceptions import UserError
from odoo.tests import tagged

from .common import HEADER, ConnectorCase


@tagged("post_install", "-at_install")
class TestBillingImportWizard(ConnectorCase):
    def _wizard(self, text, **vals):
        return self.env["billing.import.wizard"].create(
            {
                "data": base64.b64encode((HEADER + text).encode()),
                "file_name": "usage.csv",
                **vals,
            }
        )

    def test_preview_shows_settings_customers_and_meters(self):
        wizard = self._wizard(
            self._rows(range(2))
            + "u,nobody,2026-09-01,cpu,1,eu\nb,alpha,2026-09-01,cpu,x,eu\n"
            + self._rows(range(20, 40))
        )
        wizard.action_read()
        self.assertEqual(wizard.mapping_id, self.mapping)
        self.assertEqual(wizard.source_id, self.source)
        self.assertEqual(
            (wizard.encoding, wizard.delimiter, wizard.decimal_sign),
            ("utf-8", ",", "."),
        )
        self.assertEqual(len(wizard.line_ids), 10)
        self.assertEqual(
            wizard.line_ids[:5].mapped("outcome"),
            ["ready", "ready", "unknown", "invalid", "ready"],
        )
        first = wizard.line_ids[0]
        self.assertEqual((first.partner_id, first.meters), (self.partner, "CPU"))

    def test_test_counts_and_writes_nothing(self):
        self._import(self._rows(range(2)))
        wizard = self._wizard(
            self._rows(range(5)) + "u,nobody,2026-09-01,cpu,1,eu\nbad\n"
        )
        wizard.action_read()
        wizard.action_test()
        self.assertEqual(
            (
                wizard.new_count,
                wizard.duplicate_count,
                wizard.unknown_count,
                wizard.invalid_count,
                wizard.other_count,
            ),
            (3, 2, 1, 1, 0),
        )
        self.assertEqual(wizard.tested_count, 7)
        self.assertEqual(len(self.Delivery.search([])), 1)

    def test_import_ends_on_the_delivery(self):
        wizard = self._wizard(self._rows(range(5)))
        wizard.action_read()
        action = wizard.action_import()
        delivery = self.Delivery.browse(action["res_id"])
        self.assertEqual(delivery.state, "done")
        self.assertCounts(delivery, accepted=5)

    def test_second_upload_says_that_it_is_known(self):
        first = self._import(self._rows(range(5)))
        wizard = self._wizard(self._rows(range(5)))
        wizard.action_read()
        self.assertEqual(wizard.known_delivery_id, first)
        action = wizard.action_import()
        self.assertEqual(action["res_id"], first.id)
        self.assertCounts(first, accepted=5)

    def test_file_nobody_knows_says_what_to_do(self):
        wizard = self._wizard("")
        wizard.data = base64.b64encode(b"a,b\n1,2\n")
        with self.assertRaises(UserError):
            wizard.action_read()
        wizard.data = False
        with self.assertRaises(UserError):
            wizard.action_read()

    def test_user_of_usage_billing_imports(self):
        user = self._new_user("usage_importer", "user")
        wizard = self._wizard(self._rows(range(5))).with_user(user).copy()
        wizard.action_read()
        wizard.action_test()
        self.assertEqual(wizard.new_count, 5)
        delivery = self.Delivery.browse(wizard.action_import()["res_id"])
        self.assertEqual(delivery.state, "done")
        self.assertCounts(delivery, accepted=5)
