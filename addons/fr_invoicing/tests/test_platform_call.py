# Part of Relevé. See LICENSE file for full copyright and licensing details.
from datetime import timedelta

from freezegun import freeze_time

from odoo import fields
from odoo.exceptions import UserError
from odoo.tests import HttpCase, tagged
from odoo.tools import mute_logger

from .common_transmission import TransmissionCommon


@tagged("post_install", "-at_install")
class TestPlatformCall(TransmissionCommon, HttpCase):
    """A platform rings (XP Z12-013, webhooks); only its own calls count."""

    def setUp(self):
        super().setUp()
        self.env["ir.config_parameter"].set_param("web.base.url", self.base_url())
        self.bell = self.approved.store.bell
        self.platform.action_subscribe()
        self.cron = self.env.ref("fr_invoicing.ir_cron_exchange_flows")
        self._triggers().unlink()

    def _triggers(self):
        return self.env["ir.cron.trigger"].search([("cron_id", "=", self.cron.id)])

    def _signed(self):
        flow = self.approved.store.put("SupplierInvoice", "CII", b"<x/>", "x.xml")
        return self.bell.signed(self.platform.webhook_id, flow.info())

    @property
    def path(self):
        (known,) = self.bell.subscribers.values()
        return known["callbackUrl"].removeprefix(self.base_url())

    def _call(self, body, headers, path=None):
        return self.url_open(path or self.path, data=body, headers=headers)

    def test_signed_call_starts_the_exchange(self):
        answer = self._call(*self._signed())
        self.assertEqual((answer.status_code, answer.content), (200, b""))
        self.assertEqual(len(self._triggers()), 1)
        self.assertTrue(self.platform.called_at)

    @mute_logger("odoo.addons.fr_invoicing.models.fr_platform_webhook")
    def test_calls_of_others_change_nothing(self):
        body, headers = self._signed()
        unsigned = {"Content-Type": "application/json"}
        for given, those, status in (
            (body + b" ", headers, 403),
            (body, {**headers, "Afnor-Signature": "AAAA"}, 403),
            (body, {**headers, "Afnor-Signature-Timestamp": "1"}, 403),
            (body, unsigned, 403),
        ):
            self.assertEqual(self._call(given, those).status_code, status)
        elsewhere = self._call(body, headers, path="/fr_invoicing/platform/unknown")
        self.assertEqual(elsewhere.status_code, 404)
        later = fields.Datetime.now() + timedelta(minutes=10)
        with freeze_time(later):  # recorded and played again
            status = self.env["fr.platform"]._take_call(
                self.path.rpartition("/")[2],
                body,
                headers["Afnor-Signature-Timestamp"],
                headers["Afnor-Signature"],
            )
        self.assertEqual(status, 403)
        self.assertFalse(self._triggers())
        self.assertFalse(self.platform.called_at)

    def test_subscribing_again_leaves_one_webhook(self):
        self.platform.action_subscribe()
        self.assertEqual(list(self.bell.subscribers), [self.platform.webhook_id])
        path = self.path
        self.platform.action_unsubscribe()
        self.assertFalse(self.bell.subscribers)
        self.assertFalse(self.platform.webhook_id)
        answer = self._call(b"{}", {"Content-Type": "application/json"}, path=path)
        self.assertEqual(answer.status_code, 404)

    def test_an_address_that_cannot_be_called_is_said(self):
        self.platform.write(
            {
                "is_test": False,
                "flow_url": "https://a.example.com",
                "directory_url": "https://a.example.com",
                "token_url": "https://a.example.com/t",
            }
        )
        with self.assertRaisesRegex(UserError, "web.base.url"):
            self.platform.action_subscribe()

    def test_keys_are_shown_to_nobody(self):
        self.assertTrue(self.platform.sudo().webhook_key)
        for name in ("webhook_key", "webhook_token"):
            self.assertNotIn(name, self.platform.fields_get())
