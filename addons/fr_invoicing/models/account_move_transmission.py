# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo import api, fields, models
from odoo.exceptions import UserError

from ..bridge import exact
from ..const import EAS_FRANCE
from ..transmission import cdar, delivery, statuses
from ..transmission_words import NEXT
from .fr_einvoice_flow import BUSY, LIVE, STATES

# states of an invoice that the platform does not have
NOT_THERE = (delivery.WAITING, delivery.SENDING, delivery.HELD, delivery.CANCELLED)
EXTENSIONS = {"Factur-X": "pdf", "CII": "xml", "UBL": "xml"}


class AccountMove(models.Model):
    """What became of an invoice after it was issued, and of a supplier's bill."""

    _inherit = "account.move"

    fr_flow_ids = fields.One2many(
        "fr.einvoice.flow", "move_id", string="Transmitted Documents", readonly=True
    )
    fr_status_ids = fields.One2many(
        "fr.einvoice.status", "move_id", string="Statuses", readonly=True
    )
    fr_transmission_state = fields.Selection(
        STATES,
        string="Transmission",
        compute="_compute_fr_transmission_state",
        store=True,
        copy=False,
        index="btree_not_null",
    )
    fr_status_code = fields.Char(
        string="Status Code",
        compute="_compute_fr_status_code",
        store=True,
        copy=False,
        index="btree_not_null",
    )
    fr_status_label = fields.Char(
        string="Life Cycle", compute="_compute_fr_status_words"
    )
    fr_status_reasons = fields.Text(string="Why", compute="_compute_fr_status_words")
    fr_next_action = fields.Char(
        string="What to Do", compute="_compute_fr_status_words"
    )
    fr_can_transmit = fields.Boolean(
        string="Can Be Transmitted", compute="_compute_fr_can_transmit"
    )
    fr_is_received_bill = fields.Boolean(
        string="Received by a Platform", compute="_compute_fr_is_received_bill"
    )

    # === Compute === #

    @api.depends("fr_flow_ids.state", "fr_flow_ids.kind")
    def _compute_fr_transmission_state(self):
        for move in self:
            invoices = move.fr_flow_ids.filtered(lambda flow: flow.kind == "invoice")
            latest = invoices.sorted("id")[-1:]
            move.fr_transmission_state = latest.state

    @api.depends(
        "fr_status_ids.code",
        "fr_status_ids.said_at",
        "fr_status_ids.flow_id.state",
        "fr_transmission_state",
    )
    def _compute_fr_status_code(self):
        for move in self:
            # what we say of an invoice that nobody has yet waits for it
            untold = (delivery.CANCELLED, delivery.REJECTED)
            if move.fr_transmission_state in NOT_THERE:
                untold = (*untold, delivery.WAITING)
            told = move.fr_status_ids.filtered(
                lambda status, untold=untold: (
                    status.direction == "in" or status.flow_id.state not in untold
                )
            )
            if told._get_collected() <= 0:
                # the money went back: what stood before stands again
                told = told.filtered(lambda status: status.code != statuses.COLLECTED)
            history = [(status.code, status.said_at) for status in told]
            move.fr_status_code = statuses.current(history) or False

    @api.depends("fr_status_code", "fr_transmission_state", "fr_status_ids.reasons")
    @api.depends_context("lang")
    def _compute_fr_status_words(self):
        is_french = (self.env.lang or "").startswith("fr")
        for move in self:
            code = move.fr_status_code or ""
            standing = move.fr_status_ids.filtered(
                lambda status, code=code: status.code == code
            ).sorted("said_at")[-1:]
            name = statuses.label(code, is_french)
            move.fr_status_label = f"{code} {name}" if code else False
            move.fr_status_reasons = standing.reasons_text
            move.fr_next_action = move._fr_get_next_action(code, standing)

    @api.depends("fr_facturx_state", "state", "fr_transmission_state", "fr_flow_kind")
    def _compute_fr_can_transmit(self):
        for move in self:
            move.fr_can_transmit = (
                move.fr_facturx_state == "valid"
                and move.state == "posted"
                and bool(move._fr_get_platform())
                and move._fr_is_for_platform()
                and move.fr_transmission_state not in LIVE
                and move.fr_transmission_state != delivery.HELD
            )

    @api.depends("fr_flow_ids.direction", "fr_flow_ids.kind")
    def _compute_fr_is_received_bill(self):
        for move in self:
            move.fr_is_received_bill = any(
                flow.direction == "in" and flow.kind == "invoice"
                for flow in move.fr_flow_ids
            )

    def _fr_get_next_action(self, code, standing):
        """Say the next step of the person in charge, in the user's language."""
        if not self.fr_transmission_state and not code:
            return False
        if self.is_purchase_document(include_receipts=False):
            key = f"bill_{code}" if f"bill_{code}" in NEXT else "bill"
            return self.env._(NEXT[key])
        if self.fr_transmission_state in ("waiting", "sending", "held", "rejected"):
            return self.env._(NEXT[self.fr_transmission_state])
        reasons = [reason.get("code") for reason in standing.reasons or []]
        if "NON_TRANSMISE" in reasons:
            return self.env._(NEXT["NON_TRANSMISE"])
        return self.env._(NEXT.get(code, NEXT[""]))

    # === Actions === #

    def action_fr_transmit(self):
        """Put the invoice in the outbox (button)."""
        self.check_access("write")
        for move in self:
            if not move._fr_transmit():
                raise UserError(
                    self.env._(
                        "%(invoice)s cannot be transmitted: its Factur-X is not valid, "
                        "its customer does not receive by a platform, or it is on its "
                        "way already.",
                        invoice=move.name,
                    )
                )
        return True

    def action_fr_answer(self):
        """Open the answer to a supplier's bill, or to our customer."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "fr_invoicing.fr_status_answer_action"
        )
        code = self.env.context.get("fr_status_code")
        return {
            **action,
            "context": {
                "default_move_id": self.id,
                "default_code": code,
                "fr_status_code": code,
            },
        }

    # === Sending === #

    def _fr_after_issue(self, pdf_bytes, xml_bytes):
        """Put the issued document in the outbox, where it leaves at once."""
        result = super()._fr_after_issue(pdf_bytes, xml_bytes)
        if self._fr_get_platform().is_automatic:
            self._fr_transmit()
        return result

    def _fr_get_platform(self):
        """Give the platform of the company, empty when there is none."""
        self.ensure_one()
        platform = self.company_id.sudo().fr_platform_id  # settings of the company
        return platform if platform.active else platform.browse()

    def _fr_is_for_platform(self):
        """Say whether this document goes through the approved platform (flux 2)."""
        self.ensure_one()
        return self.fr_flow_kind == "2"

    def _fr_transmit(self):
        """Put the invoice in the outbox, unless it is there or does not belong there.

        :return: the new row of the outbox, empty when there is none
        :rtype: fr.einvoice.flow
        """
        self.ensure_one()
        flows = self.env["fr.einvoice.flow"]
        platform = self._fr_get_platform()
        if (
            not platform
            or self.state != "posted"
            or self.fr_facturx_state != "valid"
            or not self._fr_is_for_platform()
        ):
            return flows
        invoices = self.sudo().fr_flow_ids.filtered(  # of an invoice the caller has
            lambda flow: flow.kind == "invoice" and flow.direction == "out"
        )
        if any(flow.state in (*LIVE, delivery.HELD) for flow in invoices):
            return flows
        content, profile, syntax = self._fr_get_transmitted_file(platform.syntax)
        number = (self.name or "").replace("/", "_")
        flow = flows._enqueue(
            platform,
            "invoice",
            content,
            f"{number}.{EXTENSIONS[syntax]}",
            syntax,
            self._fr_get_tracking_id(len(invoices) + 1),
            move_id=self.id,
            processing_rule=self._fr_get_processing_rule(),
            profile=profile,
        )
        for event, parts in self._fr_collected_parts():
            self._fr_say_collected(event, parts)
        return flow

    def _fr_get_tracking_id(self, attempt):
        """Give our key of this document: seller, number, and which transmission."""
        siren = self.company_id._fr_get_siren()
        return f"{siren}:{self.name}:{attempt}"[:64]

    def _fr_get_transmitted_file(self, syntax):
        """Give the bytes to hand over, their profile and their syntax.

        :rtype: tuple[bytes, str, str]
        """
        xml = self._fr_get_xml_attachment().raw
        is_extended = b"extended-ctc-fr" in xml[:4000].lower()
        profile = "Extended-CTC-FR" if is_extended else "CIUS"
        if syntax == "Factur-X":
            pdf = self.invoice_pdf_report_id.sudo()  # field of the move
            return pdf.raw, profile, syntax
        if syntax == "UBL":
            try:
                return self._fr_get_ubl(), profile, syntax
            except UserError as error:
                # the same document in the syntax that passed the rules
                self.message_post(
                    body=self.env._(
                        "Transmitted as CII: it cannot be written in UBL. %s", error
                    )
                )
        return xml, profile, "CII"

    def _fr_get_processing_rule(self):
        """Say B2G for public buyers, as the directory knows them, else B2B."""
        lines = self.commercial_partner_id.sudo().fr_directory_line_ids  # cache
        return "B2G" if any(lines.mapped("is_public")) else "B2B"

    def button_draft(self):
        """Refuse to reopen what a platform may have; take back what still waits."""
        for move in self:
            flows = move.sudo().fr_flow_ids.filtered(  # of an invoice the caller has
                lambda flow: flow.direction == "out"
            )
            move._fr_refuse_handed_over(flows)
            for flow in flows:
                if delivery.may_move(flow.state, delivery.CANCELLED):
                    flow._set_state(delivery.CANCELLED)
        return super().button_draft()

    def _fr_refuse_handed_over(self, flows):
        """Raise when the platform may have one of these flows of the invoice."""
        if any(flow.state in BUSY for flow in flows):
            raise UserError(
                self.env._(
                    "%(invoice)s was handed over to the platform: an issued invoice "
                    "cannot be changed. Make a credit note instead.",
                    invoice=self.name,
                )
            )

    # === Statuses of ours === #

    def _fr_say_collected(self, event, parts):
        """Say status 212 for money that came in, or went back (BR-FR-CDV-14).

        Only the part whose VAT falls due on payment, one amount per rate.

        :param CollectedEvent event: the money
        :param parts: its CollectedPart values
        """
        self.ensure_one()
        if not self._fr_may_say(statuses.COLLECTED):
            return
        per_rate = {}
        for part in parts:
            if part.on_payment:
                rate = part.rate or exact(0)
                per_rate[rate] = per_rate.get(rate, exact(0)) + part.gross
        amounts = tuple(
            cdar.Amount(cdar.COLLECTED_AMOUNT, amount, event.currency, rate)
            for rate, amount in sorted(per_rate.items())
            if amount
        )
        if not amounts:
            return
        self.env["fr.einvoice.status"]._say(
            self, statuses.COLLECTED, event.key, (cdar.Why(amounts=amounts),)
        )

    def _fr_may_say(self, code):
        """Say whether a status of ours may follow what stands."""
        return bool(
            self._fr_get_platform()
            and any(
                flow.kind == "invoice"
                and flow.state not in (delivery.REJECTED, delivery.CANCELLED)
                for flow in self.sudo().fr_flow_ids  # of an invoice the caller has
            )
            and statuses.may_follow(code, self.sudo().fr_status_ids.mapped("code"))
        )

    def _fr_build_message(self, code, key, whys, said_at):
        """Build the life-cycle message of a status of ours.

        :rtype: Message
        """
        company = self.company_id._fr_get_legal().partner_id
        other = self.commercial_partner_id
        is_sale = self.is_sale_document(include_receipts=False)
        us = cdar.Actor("SE" if is_sale else "BY", company.fr_siren or "", company.name)
        endpoint = other._fr_get_endpoint()
        them = cdar.Actor(
            "BY" if is_sale else "SE",
            other.fr_siren or "",
            other.name or "",
            endpoint.value if endpoint else other.fr_siren or "",
            endpoint.scheme if endpoint else EAS_FRANCE,
        )
        number = (self.name if is_sale else self.ref) or ""
        stamp = fields.Datetime.now().strftime("%Y%m%d%H%M%S")
        suffix = key.rpartition("/")[2]
        return cdar.Message(
            message_id=f"{number}_{code}_{stamp}_{suffix}"[:100],
            code=code,
            created_at=fields.Datetime.now(),
            said_at=said_at,
            invoice_number=number,
            seller_siren=(company if is_sale else other).fr_siren or "",
            issuer=us,
            recipient=them,
            invoice_type=self._fr_get_bill_type(is_sale),
            invoice_date=self.invoice_date or self.date,
            whys=tuple(whys),
        )

    def _fr_get_bill_type(self, is_sale):
        if is_sale:
            return self.fr_type_code or "380"
        return "381" if self.move_type == "in_refund" else "380"

    def _fr_answer(self, code, reason="", note=""):
        """Say a status of ours about this document; used by the answer dialogue.

        :raise UserError: the status may not be said any more
        """
        self.ensure_one()
        self.check_access("write")
        if not self._fr_may_say(code):
            raise UserError(
                self.env._(
                    "“%(status)s” cannot be said of %(invoice)s: it did not come or "
                    "leave by the platform, or its life has ended.",
                    status=statuses.label(code, (self.env.lang or "").startswith("fr")),
                    invoice=self.display_name,
                )
            )
        whys = ()
        if reason or note:
            text = statuses.reason_label(reason) if reason else ""
            whys = (cdar.Why(code=reason, text=text, note=note),)
        count = len(
            self.fr_status_ids.filtered(
                lambda status: status.direction == "out" and status.code == code
            )
        )
        return self.env["fr.einvoice.status"]._say(self, code, str(count + 1), whys)


class FrCollected(models.Model):
    _inherit = "fr.collected"

    def _after_record(self):
        """Say status 212; money that came and went before it was said is not said."""
        result = super()._after_record()
        for move, rows in self.grouped("move_id").items():
            new = rows.filtered(lambda row: not row._was_not_said_yet())
            if not (new and move._fr_may_say(statuses.COLLECTED)):
                continue
            parts = {event.key: found for event, found in move._fr_known_parts()}
            for row in new:
                move._fr_say_collected(row._to_event(), parts[row.key])
        return result

    def _was_not_said_yet(self):
        """Take back a 212 that still waits instead of saying its opposite.

        :return: whether that was possible
        :rtype: bool
        """
        self.ensure_one()
        if not self.reversed_id:
            return False
        status = (
            self.env["fr.einvoice.status"]
            .sudo()
            .search(
                [
                    ("move_id", "=", self.move_id.id),
                    ("key", "=", f"out/{self.move_id.id}/212/{self.reversed_id.key}"),
                ]
            )
        )
        flow = status.flow_id
        if flow.state != delivery.WAITING or flow.attempt_count:
            return False
        flow._set_state(delivery.CANCELLED)
        return True
