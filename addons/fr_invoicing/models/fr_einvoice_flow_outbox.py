# Part of Relevé. See LICENSE file for full copyright and licensing details.
import hashlib
import uuid
from datetime import timedelta

import psycopg2

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import mute_logger

from ..transmission import delivery
from .fr_einvoice_flow import PROBLEMS

MAX_NAME = 255


class FrEinvoiceFlowOutbox(models.Model):
    """How a document gets into the outbox, and the one place where its state moves."""

    _inherit = "fr.einvoice.flow"

    @api.model
    def _enqueue(self, platform, kind, content, filename, syntax, key, **more):
        """Put a document in the outbox, in the transaction that issues it.

        Harmless when done again: the key is unique in the database.

        :param fr.platform platform: where it will go
        :param str kind: "invoice", "status" or "report"
        :param bytes content: the file as it will leave
        :param str syntax: FlowSyntax ("Factur-X", "CII", "UBL", "CDAR", "FRR")
        :param str key: what the document is, stable for ever within the company; at
            most 64 characters of ASCII
        :param more: move_id, record_model, record_id, processing_rule, profile,
            deadline_at (naive UTC; by default the platform's limit for late ones)
        :return: the row of this key, new or not
        :rtype: fr.einvoice.flow
        """
        flows = self.sudo()  # the outbox is nobody's to write
        known = [("company_id", "=", platform.company_id.id), ("tracking_id", "=", key)]
        if found := flows.search(known):
            return found
        now = fields.Datetime.now()
        values = {
            "company_id": platform.company_id.id,
            "platform_id": platform.id,
            "direction": "out",
            "kind": kind,
            "state": delivery.WAITING,
            "raw": content,
            "filename": filename[-MAX_NAME:],
            "syntax": syntax,
            "tracking_id": key,
            "request_id": str(uuid.uuid4()),
            "deadline_at": now + timedelta(hours=platform.alert_after_h or 24),
            **more,
        }
        try:
            with mute_logger("odoo.sql_db"), self.env.cr.savepoint():
                flow = flows.create(values)
        except psycopg2.errors.UniqueViolation:
            return flows.search(known)
        self._append_to_seal(flow)
        self.env["fr.platform"]._trigger()
        return flow

    @api.model
    def _append_to_seal(self, flow):
        """Let the sealed chain know the bytes, where it is kept."""
        if "fr.seal.entry" in self.env:
            self.env["fr.seal.entry"]._append("flow", flow, flow._get_bytes())

    def _get_bytes(self):
        """Give the file as stored.

        :rtype: bytes
        """
        self.ensure_one()
        # the file belongs to the field of a row the caller reads
        attachment = self.env["ir.attachment"].sudo()._fr_of_field(self, "content")
        return attachment.raw or b""

    def _is_unchanged(self):
        """Say whether the stored file is still the one that was put in."""
        self.ensure_one()
        return hashlib.sha256(self._get_bytes()).hexdigest() == self.sha256

    def _set_state(self, state, **values):
        """Move to a state, if that is allowed; the only place that does.

        Harmless when already there. Tells the record the document is of.
        """
        self.ensure_one()
        if state != self.state and not delivery.may_move(self.state, state):
            raise UserError(
                self.env._(
                    "%(flow)s does not go from “%(old)s” to “%(new)s”.",
                    flow=self.filename,
                    old=self.state,
                    new=state,
                )
            )
        if state not in PROBLEMS and "error_code" not in values:
            values = {**values, "error_code": False, "error_facts": False}
        self.sudo().write({**values, "state": state})
        self._after_state()

    def _after_state(self):
        """Tell who wants to know: one activity while a person must act."""
        self.ensure_one()
        if self.state in PROBLEMS:
            self._ask_for_help()
        else:
            # whoever was asked need not act any more
            self.sudo().activity_unlink(["mail.mail_activity_data_warning"])
        if self.record_model and self.record_id:
            record = self.env[self.record_model].browse(self.record_id).exists()
            if hasattr(record, "_fr_flow_state_changed"):
                record._fr_flow_state_changed(self)

    def _ask_for_help(self):
        if self.activity_ids:
            return
        user = self.move_id.invoice_user_id or self.move_id.create_uid
        if not user or user.id == api.SUPERUSER_ID or not user.active:
            return
        self.sudo().activity_schedule(  # for the one in charge, whoever found it
            "mail.mail_activity_data_warning",
            summary=self.env._("Transmission: %s", self.filename),
            note=self.error,
            user_id=user.id,
        )
