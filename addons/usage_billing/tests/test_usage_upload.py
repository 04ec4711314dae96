# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""The file of a backfill comes as it is: who may send it, how large, to whom."""

from decimal import Decimal
from pathlib import Path

from odoo import http
from odoo.exceptions import AccessError
from odoo.tests import HttpCase, new_test_user, tagged

from .common import UsageCase

HEADER = "id,type,subject,time,value\n"


@tagged("post_install", "-at_install")
class TestUsageUpload(UsageCase, HttpCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        meter = cls._create_meter("api")
        plan = cls._create_metered_plan(meter, "0.50", key="api", name="API")
        cls.subscription = cls._create_subscription(plan, tz="Europe/Paris")
        cls._add_usage(cls.subscription, "api", 100)
        cls.event = cls.env["usage.event"].search(
            [("subscription_id", "=", cls.subscription.id)]
        )
        for role in ("manager", "user"):
            new_test_user(
                cls.env,
                f"upload-{role}",
                groups=f"usage_billing.group_usage_billing_{role}",
                password=f"upload-{role}",
            )

    def _send(self, content, model="usage.correction", **kw):
        return self.url_open(
            f"/usage/upload/{model}",
            data={"csrf_token": http.Request.csrf_token(self), **kw},
            files={"ufile": ("september.csv", content)},
        )

    def _login(self, role):
        self.authenticate(f"upload-{role}", f"upload-{role}")
        return self.env["res.users"].search([("login", "=", f"upload-{role}")])

    def _correction(self, user, kept):
        return (
            self.env["usage.correction"]
            .with_user(user)
            .create(
                {
                    "reason": "Probe was down",
                    "source_id": self.event.source_id.id,
                    "start_at": "2026-09-01",
                    "end_at": "2026-10-01",
                    "attachment_id": kept,
                    "file_name": "september.csv",
                }
            )
        )

    def test_a_sent_file_fills_the_span(self):
        user = self._login("manager")
        content = f"{HEADER}new,api,{self.event.subject},2026-09-16T12:00:00Z,5\n"
        kept = self._send(content.encode()).json()
        self.assertEqual(kept["name"], "september.csv")
        correction = self._correction(user, kept["id"])
        self.assertEqual(correction.attachment_id.res_id, correction.id)
        self.assertIsInstance(correction.attachment_id._get_kept(), Path)
        self.assertIn("up to 200 MB", correction.upload_text)
        correction.action_check()
        self.assertEqual((correction.added_count, correction.voided_count), (1, 1))
        self.assertEqual(correction.line_ids.quantity_after, Decimal(5))
        correction.attachment_id = self._send(HEADER.encode()).json()["id"]
        self.assertEqual(correction.state, "draft")  # found anew, with the other file
        correction.action_check()
        self.assertEqual((correction.added_count, correction.voided_count), (0, 1))

    def test_a_draft_is_named_and_goes_with_its_file(self):
        user = self._login("manager")
        Correction = self.env["usage.correction"].with_user(user)
        self.assertEqual(Correction.new({}).display_name, "New")
        correction = self._correction(user, self._send(b"x").json()["id"])
        self.assertEqual(correction.display_name, correction.name)
        kept = correction.attachment_id
        correction.unlink()
        self.assertFalse(kept.sudo().exists())

    def test_a_file_is_its_senders(self):
        self._login("manager")
        kept = self._send(b"x").json()["id"]
        other = new_test_user(
            self.env, "other", groups="usage_billing.group_usage_billing_manager"
        )
        with self.assertRaises(AccessError):
            self._correction(other, kept)

    def test_who_may_not_correct_sends_nothing(self):
        self._login("user")
        self.assertIn("error", self._send(b"x").json())

    def test_only_forms_with_a_file_take_one(self):
        self._login("manager")
        for model in ("res.partner", "usage.upload.mixin", "no.such.model"):
            self.assertEqual(self._send(b"x", model).status_code, 404)

    def test_what_is_too_large_is_refused_unread(self):
        parameters = self.env["ir.config_parameter"].sudo()
        parameters.set_param("usage_billing.backfill_bytes", 3 << 20)
        self._login("manager")
        self.assertEqual(self._send(b"x" * (5 << 20)).status_code, 413)
