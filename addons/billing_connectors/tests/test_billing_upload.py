# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Files from the browser, as they are: who may send them, how large, to whom."""

from datetime import timedelta
from pathlib import Path

from odoo import fields, http
from odoo.exceptions import AccessError
from odoo.tests import HttpCase, tagged

from .common import HEADER, ConnectorCase


@tagged("post_install", "-at_install")
class TestBillingUpload(ConnectorCase, HttpCase):
    def _login(self, name, role):
        user = self._new_user(name, role)
        user.password = name
        self.authenticate(name, name)
        return user

    def _send(self, content, **kw):
        return self.url_open(
            "/usage/upload/billing.import.wizard",
            data={"csrf_token": http.Request.csrf_token(self), **kw},
            files={"ufile": ("usage.csv", content)},
        )

    def _wizard(self, user, kept, **vals):
        wizards = self.env["billing.import.wizard"].with_user(user)
        return wizards.create(
            {"attachment_id": kept, "file_name": "usage.csv", **vals}
        ).with_user(user)

    def test_a_sent_file_is_read_tried_and_imported(self):
        user = self._login("upload_user", "user")
        answer = self._send((HEADER + self._rows(range(5))).encode()).json()
        self.assertEqual(answer["name"], "usage.csv")
        wizard = self._wizard(user, answer["id"])
        self.assertIsInstance(wizard._get_raw(), Path)
        self.assertEqual(wizard.attachment_id.res_id, wizard.id)
        wizard.action_read()
        wizard.action_test()
        self.assertEqual(wizard.new_count, 5)
        delivery = self.Delivery.browse(wizard.action_import()["res_id"])
        self.assertCounts(delivery, accepted=5)
        self.assertNotEqual(delivery.attachment_id, wizard.attachment_id)
        wizard.sudo().unlink()
        self.assertTrue(delivery.attachment_id.raw)

    def test_files_of_others_cannot_be_imported(self):
        kept = self._login("upload_first", "user") and self._send(b"x").json()["id"]
        other = self._new_user("upload_second", "user")
        with self.assertRaises(AccessError):
            self._wizard(other, kept)
        foreign = self.env["ir.attachment"].create({"name": "any", "raw": b"x"})
        with self.assertRaises(AccessError):
            self._wizard(self.env.user, foreign.id)

    def test_who_may_not_import_is_told_so(self):
        self._login("upload_auditor", "auditor")
        self.assertIn("error", self._send(b"x").json())
        self.authenticate(None, None)
        answer = self._send(b"x")
        self.assertIn("/web/login", answer.url)

    def test_no_other_page_can_send_files(self):
        self._login("upload_user", "user")
        self.assertEqual(self._send(b"x", csrf_token="guess").status_code, 400)

    def test_what_is_too_large_is_refused_unread(self):
        parameters = self.env["ir.config_parameter"].sudo()
        parameters.set_param("usage_billing.upload_bytes", 3 << 20)
        user = self._login("upload_user", "user")
        wizard = self.env["billing.import.wizard"].with_user(user).new({})
        self.assertEqual(wizard.upload_limit, 3 << 20)
        self.assertIn("up to 3 MB", wizard.upload_text)
        self.assertEqual(self._send(b"x" * (3 << 20)).status_code, 200)
        self.assertEqual(self._send(b"x" * (5 << 20)).status_code, 413)

    def test_what_nobody_reads_is_forgotten(self):
        kept = self._login("upload_user", "user") and self._send(b"x").json()["id"]
        attachment = self.env["ir.attachment"].browse(kept)
        self.env["billing.import.wizard"]._gc_uploads()
        self.assertTrue(attachment.exists())
        self.env.cr.execute(
            "UPDATE ir_attachment SET create_date = %s WHERE id = %s",
            [fields.Datetime.now() - timedelta(days=2), kept],
        )
        self.env.invalidate_all()
        self.env["billing.import.wizard"]._gc_uploads()
        self.assertFalse(attachment.exists())
