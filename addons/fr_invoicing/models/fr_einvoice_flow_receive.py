# Part of Relevé. See LICENSE file for full copyright and licensing details.
import logging

import psycopg2

from odoo import api, models
from odoo.exceptions import UserError, ValidationError

from ..einvoice import validate
from ..einvoice.errors import ValidatorError
from ..einvoice.findings import FATAL
from ..transmission import cdar, delivery
from ..transmission.errors import MessageError
from ..transmission.values import STATUS_TYPES, SUPPLIER_INVOICE

_logger = logging.getLogger(__name__)

SLICE = 40
KINDS = {SUPPLIER_INVOICE: "invoice"}


class FrEinvoiceFlowReceive(models.Model):
    """Keeping what a platform delivers, then working on it.

    Kept first, byte for byte and committed; understood afterwards. What cannot be
    understood stays with its reason and can be tried again.
    """

    _inherit = "fr.einvoice.flow"

    @api.model
    def _receive(self, platform, client, remote, now):
        """Keep one delivered document, once.

        :param RemoteFlow remote: as the platform lists it
        :return: the row, empty when it was kept before
        :rtype: fr.einvoice.flow
        :raise TransmissionError: the file could not be fetched
        """
        flows = self.sudo()  # nobody writes flows but these methods
        if flows.search_count(
            [("platform_id", "=", platform.id), ("remote_id", "=", remote.flow_id)],
            limit=1,
        ):
            return self.browse()
        if remote.flow_type == SUPPLIER_INVOICE and not platform.receives_invoices:
            return self.browse()
        content = client.download(remote.flow_id)
        is_status = remote.flow_type in STATUS_TYPES
        flow = flows.create(
            {
                "company_id": platform.company_id.id,
                "platform_id": platform.id,
                "direction": "in",
                "kind": "status" if is_status else KINDS.get(remote.flow_type, "other"),
                "state": delivery.RECEIVED,
                "raw": content,
                "filename": remote.name or remote.flow_id,
                "syntax": remote.syntax or "CDAR",
                "flow_type": remote.flow_type,
                "remote_id": remote.flow_id,
                "handed_over_at": remote.submitted_at,
                "answered_at": now,
            }
        )
        self._append_to_seal(flow)
        return flow

    @api.model
    def _process_received(self, platform, now, checkpoint):
        """Work on what was kept, each on its own."""
        received = [
            ("platform_id", "=", platform.id),
            ("direction", "=", "in"),
            ("state", "=", delivery.RECEIVED),
        ]
        last = 0
        while flows := self.search(
            [*received, ("id", ">", last)], order="id", limit=SLICE
        ):
            last = flows[-1].id
            findings = flows.filtered(lambda flow: flow.kind == "status")._check_rules()
            for flow in flows:
                flow._process(findings.get(flow), now)
                checkpoint()

    def _check_rules(self):
        """Run the official rules on status messages, outside Odoo's process.

        :return: flow -> (code, facts) of what stops it, for those that are stopped
        :rtype: dict
        """
        contents = {str(flow.id): flow._get_bytes() for flow in self}
        try:
            found = validate.check_rules(validate.CDAR, contents)
        except ValidatorError as error:
            return {flow: ("rules_not_run", {"reason": error.code}) for flow in self}
        stopped = {}
        for flow in self:
            fatal = [row for row in found[str(flow.id)] if row.severity == FATAL]
            if fatal:
                text = "; ".join(f"{row.rule}: {row.message}" for row in fatal[:5])
                stopped[flow] = ("rules_broken", {"text": text[:2000]})
        return stopped

    def _process(self, stopped, now):
        """Work on one document; what goes wrong stays on it as its reason.

        :param stopped: (code, facts) when the rules forbid to go on
        """
        self.ensure_one()
        if stopped:
            code, facts = stopped
            if code != "rules_not_run":  # else it stays received, for the next time
                self._fail(code, facts)
            return
        try:
            with self.env.cr.savepoint():
                problem = self._process_by_kind(now)
        except MessageError as error:
            problem = (error.code, error.facts)
        except (UserError, ValidationError) as error:
            problem = ("bill_unreadable", {"reason": str(error)[:500]})
        except psycopg2.errors.UniqueViolation:
            problem = ("bill_duplicate", {"number": self.filename})
        if problem:
            self._fail(*problem)

    def _process_by_kind(self, now):
        """Do what the document calls for.

        :return: (code, facts) of a problem, None when done
        """
        if self.kind == "status":
            message = cdar.read(self._get_bytes())
            return self.env["fr.einvoice.status"]._take(self, message, now)
        if self.kind == "invoice":
            return self._make_bill()
        return self._process_other(now)

    def _process_other(self, now):
        """Work on documents of other types (answers to reports...); an override may."""
        return ("type_unknown", {"type": self.flow_type or "?"})

    def _fail(self, code, facts):
        _logger.info("Incoming document %s not processed: %s", self.id, code)
        self._set_state(delivery.FAILED, error_code=code, error_facts=facts)
