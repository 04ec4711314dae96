# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""What the directory last said of a customer, told before an invoice is posted."""

from dataclasses import dataclass
from datetime import timedelta

from odoo import api, fields, models

from ..bridge import order_reference
from ..bridge.references import buyer_reference
from ..einvoice.findings import has_fatal
from ..messages import fatal, warning
from ..transmission import directory
from ..transmission.errors import TransmissionError

# verdicts that another open line of the customer mends with one click
MENDABLE = (directory.CLOSED, directory.ADDRESS_MISSING)
CODES = {
    directory.UNKNOWN_COMPANY: "directory_siren_unknown",
    directory.NO_PLATFORM: "directory_none_open",
    directory.CLOSED: "directory_line_closed",
    directory.NOT_YET: "directory_line_upcoming",
    directory.ADDRESS_MISSING: "directory_line_missing",
}
# customers with a draft are looked up again ahead of their invoice, some at a time
REFRESHED = 20


@dataclass(frozen=True)
class Known:
    """What the directory said of a customer when it was last asked.

    is_fresh: young enough for the sending to trust it without asking again
    """

    verdict: str
    address: str
    lines: list
    seen_at: object
    is_fresh: bool

    @property
    def open_count(self):
        """Give how many lines of the customer are open."""
        return sum(line.is_open for line in self.lines)

    @property
    def line(self):
        """Give the line the invoices go to, None when there is none."""
        return next((row for row in self.lines if row.address == self.address), None)


class ResPartner(models.Model):
    _inherit = "res.partner"

    def _fr_get_known_directory(self, company):
        """Give what the directory last said; nothing is asked.

        :return: None when the customer was never looked up, or need not be
        :rtype: Known | None
        """
        self.ensure_one()
        buyer = self.commercial_partner_id.sudo()  # a cache every biller may see
        platform = company.sudo().fr_platform_id  # settings of the company
        if not (
            platform.active
            and platform.directory_url
            and buyer.fr_siren
            and buyer.fr_directory_seen_at
        ):
            return None
        rows = buyer.fr_directory_line_ids.filtered(
            lambda row: row.company_id == platform.company_id
        )
        lines = [row._to_value() for row in rows]
        endpoint = self._fr_get_endpoint()
        address = endpoint.value if endpoint else ""
        return Known(
            verdict=directory.verdict(lines, address),
            address=address,
            lines=lines,
            seen_at=buyer.fr_directory_seen_at,
            is_fresh=directory.is_fresh(
                buyer.fr_directory_seen_at, fields.Datetime.now()
            ),
        )

    def _fr_check_known_directory(self, known, record=None):
        """Give what the directory last said against invoicing this customer.

        It stops an invoice only where the answer is of today and the customer has
        another line that is open: one click mends that. An older answer, or a customer
        without any open line, is told and stops nothing, so that a platform that is
        down keeps nobody from invoicing; the invoice then waits in the outbox.

        :param Known | None known: what it last said
        :param record: whose language and form the finding is for
        :rtype: list[einvoice.findings.Finding]
        """
        self.ensure_one()
        if not known or known.verdict == directory.OPEN:
            return []
        buyer = self.commercial_partner_id
        is_mendable = known.verdict in MENDABLE and known.open_count
        code = CODES[known.verdict]
        if known.verdict in MENDABLE and not known.open_count:
            code = CODES[directory.NO_PLATFORM]
        add = fatal if is_mendable and known.is_fresh else warning
        return [
            add(
                record or self,
                code,
                fix=(buyer, "fr_eaddress"),
                partner=buyer.display_name,
                siren=buyer.fr_siren,
                address=known.address,
                count=known.open_count,
                seen=fields.Datetime.context_timestamp(self, known.seen_at).strftime(
                    "%Y-%m-%d"
                ),
            )
        ]

    def _fr_check(self):
        """Add what the directory last said to what a customer lacks."""
        known = self._fr_get_known_directory(self.env.company)
        return super()._fr_check() + self._fr_check_known_directory(known)


class AccountMove(models.Model):
    _inherit = "account.move"

    def _fr_preflight_document(self):
        """Add the directory to what is looked at before posting."""
        found = super()._fr_preflight_document()
        move = self.sudo()  # partner data the biller may not read
        if not (move.partner_id and move._fr_is_for_platform()):
            return found
        known = move.partner_id._fr_get_known_directory(move.company_id)
        return [
            *found,
            *move.partner_id._fr_check_known_directory(known, move),
            *move._fr_check_public_buyer(known),
        ]

    def _fr_check_public_buyer(self, known):
        """Give the references a public body wants by its line of the directory.

        Chorus Pro turns away an invoice without them (b2gAdditionalData of the line).
        """
        self.ensure_one()
        line = known and known.line
        if not line or self.move_type == "out_refund":
            return []
        findings = []
        buyer = self.commercial_partner_id
        for is_wanted, given, code, field in (
            (
                line.service_code_required,
                buyer_reference(self),
                "public_service_code",
                "fr_buyer_reference",
            ),
            (
                line.commitment_required,
                order_reference(self),
                "public_commitment",
                "ref",
            ),
        ):
            if is_wanted and not given:
                findings.append(
                    fatal(self, code, fix=(self, field), partner=buyer.display_name)
                )
        return findings


class AccountMoveSend(models.AbstractModel):
    _inherit = "account.move.send"

    @api.model
    def _get_alerts(self, moves, moves_data):
        """Say in the dialogue what will keep an invoice from arriving."""
        alerts = super()._get_alerts(moves, moves_data)
        for move in moves:
            if not (move._fr_get_platform() and move._fr_is_for_platform()):
                continue
            known = move.partner_id._fr_get_known_directory(move.company_id)
            found = move.partner_id._fr_check_known_directory(known, move)
            for finding in found:
                alerts[f"fr_directory_{move.id}"] = {
                    "level": "danger" if has_fatal(found) else "warning",
                    "message": finding.message,
                    "action_text": self.env._("View Customer"),
                    "action": move.commercial_partner_id._get_records_action(
                        name=move.commercial_partner_id.display_name
                    ),
                }
        return alerts


class FrPlatform(models.Model):
    _inherit = "fr.platform"

    def _exchange(self, now, checkpoint):
        """Ask ahead for the customers who are about to be invoiced."""
        is_whole = super()._exchange(now, checkpoint)
        if is_whole:
            self.sudo()._refresh_directory(now, checkpoint)
        return is_whole

    def _refresh_directory(self, now, checkpoint):
        """Look up customers with a draft invoice whose answer is no longer fresh.

        So the accountant hears of a closed line while the invoice can still change.
        What goes wrong here is said by the next exchange.
        """
        if not self.directory_url:
            return
        partners = self._get_partners_to_look_up(now)
        if not partners:
            return
        try:
            with self._client() as client:
                for partner in partners:
                    partner._fr_look_up(client, self, now)
                    checkpoint()
        except TransmissionError as error:
            self._note_failure(error, now)
            checkpoint()

    def _get_partners_to_look_up(self, now):
        """Give some customers of drafts never looked up, or not since yesterday.

        :rtype: res.partner
        """
        companies = self.env["res.company"].search([("fr_platform_id", "=", self.id)])
        groups = self.env["account.move"]._read_group(
            [
                ("company_id", "in", companies.ids),
                ("state", "=", "draft"),
                ("move_type", "in", ("out_invoice", "out_refund")),
                ("commercial_partner_id.fr_siren", "!=", False),
                "|",
                ("commercial_partner_id.fr_directory_seen_at", "=", False),
                (
                    "commercial_partner_id.fr_directory_seen_at",
                    "<=",
                    now - timedelta(hours=directory.FRESH_H),
                ),
            ],
            ["commercial_partner_id"],
            limit=REFRESHED,
        )
        return self.env["res.partner"].union(*[partner for (partner,) in groups])
