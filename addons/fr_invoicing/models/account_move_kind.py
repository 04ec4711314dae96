# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo import Command, api, fields, models

from .. import bridge, preflight
from ..const import DOCUMENT_KINDS, FRAMES
from ..einvoice import kinds


class AccountMove(models.Model):
    """What kind of document an invoice is, and the references its kind calls for.

    Everything has a default read from Odoo's own data (see bridge/kinds.py); the fields
    are for what those cannot tell.
    """

    _inherit = "account.move"

    fr_document_kind = fields.Selection(
        DOCUMENT_KINDS,
        string="Document Kind",
        compute="_compute_fr_document_kind",
        inverse="_inverse_fr_document_kind",
        help="Decides the type code (BT-3) and the billing frame (BT-23) of the "
        "electronic invoice. Found from the lines: only down payments make a deposit, "
        "deducted ones a final invoice. Choose another one where that is wrong.",
    )
    fr_document_kind_id = fields.Many2one(
        "fr.document.kind",
        string="Kind of Document",
        compute="_compute_fr_document_kind_id",
        inverse="_inverse_fr_document_kind_id",
        help="Decides the type code (BT-3) and the billing frame (BT-23) of the "
        "electronic invoice. Found from the lines, the customer and the journal. "
        "Choose another one where that is wrong.",
    )
    fr_kind_choice = fields.Selection(
        DOCUMENT_KINDS, string="Chosen Document Kind", copy=False
    )
    fr_frame_choice = fields.Selection(
        FRAMES,
        string="Special Billing Frame",
        copy=False,
        help="Second character of BT-23 when the invoice is neither normal, already "
        "paid nor final after deposit.",
    )
    fr_type_code = fields.Char(
        string="Type Code",
        compute="_compute_fr_codes",
        help="BT-3, UNTDID 1001: 380 invoice, 381 credit note, 386 deposit, 384 "
        "corrective, 389 and 261 self-billed, 262 global rebate, 393 factored.",
    )
    fr_process_code = fields.Char(
        string="Billing Frame",
        compute="_compute_fr_codes",
        help="BT-23: B goods, S services, M both; 1 normal, 2 already paid, 4 final "
        "after deposit.",
    )
    fr_issued_codes = fields.Char(
        readonly=True,
        copy=False,
        help="Type code and billing frame of the issued document: later payments do "
        "not change them.",
    )
    fr_factor_id = fields.Many2one(
        "res.partner",
        string="Factor",
        compute="_compute_fr_factor_id",
        store=True,
        readonly=False,
        copy=False,
        index="btree_not_null",
        help="Company the claim is assigned to: it is to be paid in our place (BG-10) "
        "on its own account, and the invoice is of type 393.",
    )
    fr_deposit_move_ids = fields.Many2many(
        "account.move",
        "account_move_fr_deposit_rel",
        "final_id",
        "deposit_id",
        string="Deposit Invoices",
        copy=False,
        check_company=True,
        domain="[('move_type', '=', move_type), ('state', '=', 'posted'),"
        " ('commercial_partner_id', '=', commercial_partner_id)]",
        help="Deposit invoices this invoice deducts (BG-3). Empty: those of its sales "
        "order, or those the deducting lines name.",
    )
    fr_period_start = fields.Date(
        string="Period From",
        copy=False,
        help="First day the document is about (BT-73). Empty: that of its lines.",
    )
    fr_period_end = fields.Date(
        string="Period To",
        copy=False,
        help="Last day the document is about (BT-74). Empty: that of its lines.",
    )
    fr_contract_reference = fields.Char(
        string="Contract or Market Number",
        help="BT-12: number of the contract; for a French public buyer the market "
        "number (numéro de marché). Required on a global rebate.",
    )
    fr_buyer_reference = fields.Char(
        string="Service Code",
        help="BT-10: reference the buyer asked for; for a French public buyer the "
        "service code of Chorus Pro. Empty: that of the customer.",
    )

    _check_fr_period = models.Constraint(
        "CHECK (fr_period_start <= fr_period_end)",
        "The period of the invoice ends before it begins.",
    )

    # === Compute === #

    @api.depends("fr_document_kind", "fr_frame_choice", "invoice_date", "partner_id")
    def _compute_fr_document_kind_id(self):
        records = self.env["fr.document.kind"]
        for move in self:
            move.fr_document_kind_id = move.fr_is_concerned and records._get_for(
                move.fr_document_kind,
                move._fr_get_frame(),
                move.invoice_date or move.date or fields.Date.today(),
            )

    def _inverse_fr_document_kind_id(self):
        """Keep what the record does; a frame of its own wins over the usual one."""
        for move in self:
            chosen = move.fr_document_kind_id
            if chosen:
                move.fr_frame_choice = chosen.frame
                move.fr_document_kind = chosen.kind

    def _fr_get_frame(self):
        """Give the special frame chosen, else the usual one of customer or journal.

        :return: second character of BT-23, or ""
        """
        self.ensure_one()
        if self.fr_frame_choice:
            return self.fr_frame_choice
        if self.fr_kind_choice or self.fr_document_kind != kinds.STANDARD:
            return ""
        if bridge.is_credit(self) or bridge.is_self_billed(self):
            return ""
        # a biller may not read the form of the customer
        customer = self.sudo().commercial_partner_id
        usual = customer.fr_document_kind_id or self.journal_id.fr_document_kind_id
        return usual.frame or ""

    @api.depends(
        "move_type",
        "fr_kind_choice",
        "journal_id.is_self_billing",
        "reversed_entry_id",
        "fr_origin_move_id",
        "fr_origin_number",
        "fr_period_start",
        "fr_period_end",
        "fr_contract_reference",
        "invoice_line_ids.account_id",
        "invoice_line_ids.amount_currency",
    )
    def _compute_fr_document_kind(self):
        for move in self:
            if move.fr_is_concerned:
                move.fr_document_kind = move.fr_kind_choice or bridge.detect_kind(move)
            else:
                move.fr_document_kind = move.fr_kind_choice or kinds.STANDARD

    def _inverse_fr_document_kind(self):
        """Keep a kind that the data do not tell; what they tell needs no choice."""
        for move in self:
            chosen = move.fr_document_kind
            is_detected = move.fr_is_concerned and bridge.detect_kind(move) == chosen
            move.fr_kind_choice = False if is_detected else chosen

    @api.depends(
        "move_type",
        "state",
        "fr_document_kind_id",
        "fr_frame_choice",
        "fr_issued_codes",
        "fr_factor_id",
        "partner_bank_id",
        "payment_state",
        "invoice_line_ids.product_id",
        "invoice_line_ids.tax_ids",
    )
    def _compute_fr_codes(self):
        for move in self:
            if not move.fr_is_concerned:
                move.fr_type_code = move.fr_process_code = False
                continue
            if move.fr_issued_codes:
                move.fr_type_code, move.fr_process_code = move.fr_issued_codes.split()
                continue
            is_credit = bridge.is_credit(move)
            roles = {
                "is_credit": is_credit,
                "is_self_billed": bridge.is_self_billed(move),
                "is_factored": bool(bridge.factor(move)),
            }
            # the record in force, else the list of the norm this version knows
            move.fr_type_code = move.fr_document_kind_id._get_type_code(
                **roles
            ) or kinds.type_code(move.fr_document_kind, **roles)
            move.fr_process_code = kinds.frame(
                bridge.nature(move),
                move.fr_document_kind,
                is_credit=is_credit,
                is_paid=bridge.is_paid_at_issue(move),
                chosen=move._fr_get_frame(),
            )

    @api.depends("partner_id", "move_type")
    def _compute_fr_factor_id(self):
        """Take the factor to whom all invoices of the customer are assigned."""
        for move in self:
            if move.move_type in ("out_invoice", "out_refund"):
                move.fr_factor_id = move.commercial_partner_id.fr_factor_id
            else:
                move.fr_factor_id = False

    @api.depends("fr_factor_id")
    def _compute_partner_bank_id(self):
        """Have a factored invoice paid on the factor's account."""
        result = super()._compute_partner_bank_id()
        for move in self:
            factor = move.fr_factor_id
            if move.move_type == "out_invoice" and factor.bank_ids:
                move.partner_bank_id = factor.bank_ids.filtered(
                    lambda bank, move=move: (
                        bank.company_id in (move.company_id, bank.company_id.browse())
                    )
                )[:1]
        return result

    # === Checks === #

    def _fr_preflight_document(self):
        """Add what the kind of the document calls for."""
        found = super()._fr_preflight_document()
        if not self.partner_id:
            return found
        # partners and bank accounts the biller may not read
        return [*found, *preflight.check_kind(self.sudo())]

    def _fr_set_outcome(self, state, findings, **values):
        """Fix the codes and the deposits of the document with its issue."""
        if state == "valid" and not self.fr_issued_codes:
            values |= {
                "fr_issued_codes": f"{self.fr_type_code} {self.fr_process_code}",
                "fr_deposit_move_ids": [Command.set(bridge.deposits(self).ids)],
            }
        return super()._fr_set_outcome(state, findings, **values)

    def button_draft(self):
        """Forget the codes of a document that is not issued any more."""
        result = super().button_draft()
        self.filtered("fr_issued_codes").fr_issued_codes = False
        return result
