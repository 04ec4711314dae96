# Part of Relevé. See LICENSE file for full copyright and licensing details.
import random
from datetime import timedelta

from odoo import models

from ..transmission import delivery
from ..transmission.errors import REFUSED, UNKNOWN, TransmissionError
from ..transmission.values import ERROR, OK

CHECK_LATER = timedelta(minutes=15)


class FrEinvoiceFlowSend(models.Model):
    """Handing one document over, exactly once."""

    _inherit = "fr.einvoice.flow"

    def _is_due(self, now):
        """Say whether it is this document's turn (read again under its lock)."""
        self.ensure_one()
        return self.state in (delivery.WAITING, delivery.SENDING) and not (
            self.next_attempt_at and self.next_attempt_at > now
        )

    def _send_one(self, client, now, checkpoint):
        """Hand a document over, or find out whether that happened already.

        The state `sending` is committed before the call. Whoever finds it afterwards
        asks the platform and never just sends.

        :param checkpoint: called to commit before the network is touched
        :return: what went wrong, None when it went well
        :rtype: TransmissionError | None
        """
        self.ensure_one()
        if self.state == delivery.SENDING:
            try:
                if not self._ask(client, now):
                    return None
            except TransmissionError as error:
                self._log("", now, error)
                return error
        try:
            if not self._check_before_sending(client, now):
                return None
        except TransmissionError as error:
            return error
        self._set_state(
            delivery.SENDING,
            attempt_count=self.attempt_count + 1,
            attempted_at=now,
            next_attempt_at=False,
        )
        content = self._get_bytes()
        checkpoint()
        try:
            remote = client.send(
                content,
                self.filename,
                self.syntax,
                self.tracking_id,
                self.request_id,
                self.sha256,
                processingRule=self.platform_id.gives_rule and self.processing_rule,
                flowProfile=self.profile,
            )
        except TransmissionError as error:
            self._note_error(error, now)
            return error
        self._log("sent", now)
        self._set_state(
            delivery.SENT,
            remote_id=remote.flow_id,
            handed_over_at=now,
            asked_at=now,
        )
        return None

    def _ask(self, client, now):
        """Ask whether the platform has a document whose answer is unknown.

        :return: whether it may be sent now
        :rtype: bool
        """
        self.ensure_one()
        if not self.platform_id.can_find:
            self._hold("uncertain")
            return False
        if self.attempt_ids[:1].at != self.attempted_at:
            self._log("resumed", self.attempted_at)
        found = delivery.adopt(client.find(self.tracking_id))
        if found:
            self._log("found", now)
            self._set_state(
                delivery.SENT,
                remote_id=found.flow_id,
                handed_over_at=found.submitted_at or now,
                asked_at=now,
            )
            self._note_remote(found, now)
            return False
        settled_at = self.attempted_at + timedelta(seconds=delivery.SETTLING_S)
        if now < settled_at:
            # it may take it a moment to show what it took
            self.sudo().next_attempt_at = settled_at
            return False
        self._log("not_found", now)
        return True

    def _check_before_sending(self, client, now):
        """Look for what forbids the sending of this document.

        :return: whether it may leave; else its state or next attempt says why not
        :rtype: bool
        """
        self.ensure_one()
        if not self._is_unchanged():
            self._hold("content_changed")
            return False
        if self.kind == "status":
            return self._check_status(now)
        if self.kind == "invoice":
            other = self.move_id._fr_get_other_transmitter()
            if other:
                self._hold("other_transmitter", invoice=self.move_id.name, other=other)
                return False
            problem = self.move_id._fr_check_directory(client, self.platform_id, now)
            if problem:
                code, facts = problem
                self._hold(code, **facts)
                return False
        return True

    def _check_status(self, now):
        """Let a status wait for its invoice; drop it when that was never taken."""
        invoice = self.search(
            [
                ("move_id", "=", self.move_id.id),
                ("kind", "=", "invoice"),
                ("direction", "=", self.move_id.is_sale_document() and "out" or "in"),
            ],
            order="id desc",
            limit=1,
        )
        if invoice.state in (delivery.ACCEPTED, delivery.PROCESSED):
            return True
        if not invoice or invoice.state in (delivery.REJECTED, delivery.CANCELLED):
            self._set_state(delivery.CANCELLED)
            return False
        self.sudo().next_attempt_at = now + CHECK_LATER
        return False

    # === Outcomes === #

    def _note_error(self, error, now):
        """Store what a failed call means for the document."""
        self.ensure_one()
        self._log("", now, error)
        told = {"error_code": error.code, "error_facts": error.facts}
        if error.kind == REFUSED:
            self._set_state(delivery.REJECTED, answered_at=now, **told)
        elif error.kind == UNKNOWN:
            self._set_state(
                delivery.SENDING,
                next_attempt_at=delivery.next_try(
                    now, self.attempt_count, error.retry_after_s, random.random()
                ),
                **told,
            )
        else:
            # nothing was handed over; the platform's own pause decides when
            self._set_state(delivery.WAITING, **told)

    def _note_answer(self, platform, remote, now):
        """Store the platform's answer to one of our documents, if it is ours."""
        flow = self.search(
            [
                ("platform_id", "=", platform.id),
                ("remote_id", "=", remote.flow_id),
                ("direction", "=", "out"),
            ]
        )
        if flow:
            flow._note_remote(remote, now)

    def _note_remote(self, remote, now):
        """Store an acknowledgement; the same one again changes nothing."""
        self.ensure_one()
        if self.state != delivery.SENT or remote.acknowledgement not in (OK, ERROR):
            return
        values = {
            "answered_at": remote.updated_at or now,
            "flow_type": remote.flow_type,
            "answer": {
                "status": remote.acknowledgement,
                "details": [
                    [detail.level, detail.item, detail.code, detail.message]
                    for detail in remote.details
                ],
            },
        }
        if remote.acknowledgement == OK:
            self._set_state(delivery.ACCEPTED, **values)
            self._let_statuses_follow()
            return
        text = "; ".join(
            f"{detail.code} {detail.message}".strip() for detail in remote.details
        )
        self._set_state(
            delivery.REJECTED,
            error_code="acknowledged_with_error",
            error_facts={"text": text},
            **values,
        )

    def _let_statuses_follow(self):
        """Let what was to be said of the invoice leave with the next exchange."""
        if self.kind == "invoice" and self.move_id:
            self.search(
                [
                    ("move_id", "=", self.move_id.id),
                    ("kind", "=", "status"),
                    ("direction", "=", "out"),
                    ("state", "=", delivery.WAITING),
                ]
            ).sudo().next_attempt_at = False

    def _hold(self, code, **facts):
        """Stop a document until a person repaired what the reason names."""
        self._set_state(delivery.HELD, error_code=code, error_facts=facts)

    def _log(self, outcome, now, error=None):
        """Add an attempt to the record."""
        self.env["fr.einvoice.flow.attempt"].sudo().create(  # written here only
            {
                "flow_id": self.id,
                "company_id": self.company_id.id,
                "at": now,
                "outcome": outcome or error.code,
                "http_status": error.facts.get("status", 0) if error else 0,
                "facts": error.facts if error else False,
            }
        )
