# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo import api, fields, models
from odoo.exceptions import UserError

from ..transmission import statuses

SELLER_CODES = (statuses.COMPLETED,)


class FrStatusAnswer(models.TransientModel):
    """Asks for what goes with a status: the reason, where one is wanted, and words."""

    _name = "fr.status.answer"
    _description = "Answer to an Invoice"

    move_id = fields.Many2one(
        "account.move", string="Invoice", required=True, readonly=True
    )
    is_sale = fields.Boolean(compute="_compute_is_sale")
    code = fields.Selection(selection="_selection_code", string="Status", required=True)
    reason = fields.Selection(selection="_selection_reason")
    note = fields.Text(
        string="Message",
        help="The other side reads it with the status.",
    )
    needs_reason = fields.Boolean(compute="_compute_needs_reason")
    has_reasons = fields.Boolean(compute="_compute_needs_reason")

    @api.model
    def _selection_code(self):
        is_french = (self.env.lang or "").startswith("fr")
        return [
            (code, statuses.label(code, is_french))
            for code in (*statuses.ANSWERS, *SELLER_CODES)
        ]

    @api.model
    def _selection_reason(self):
        """Offer the reasons of the status asked for (context), else all."""
        is_french = (self.env.lang or "").startswith("fr")
        code = self.env.context.get("fr_status_code")
        found = statuses.reasons_for(code) if code else statuses.reasons().values()
        return [
            (reason.code, reason.french if is_french else reason.english)
            for reason in found
        ]

    @api.depends("move_id")
    def _compute_is_sale(self):
        for answer in self:
            answer.is_sale = answer.move_id.is_sale_document(include_receipts=False)

    @api.depends("code")
    def _compute_needs_reason(self):
        for answer in self:
            answer.needs_reason = answer.code in statuses.NEEDS_REASON
            answer.has_reasons = bool(answer.code and statuses.reasons_for(answer.code))

    def action_say(self):
        """Say the status: it leaves with the next exchange."""
        self.ensure_one()
        if self.needs_reason and not self.reason:
            raise UserError(
                self.env._("Choose a reason: this status says nothing without one.")
            )
        allowed = [reason.code for reason in statuses.reasons_for(self.code)]
        if self.reason and self.reason not in allowed:
            labels = dict(self.with_context(fr_status_code=False)._selection_reason())
            raise UserError(
                self.env._(
                    "“%(reason)s” does not go with “%(status)s”. Reasons that do: "
                    "%(allowed)s.",
                    reason=labels[self.reason],
                    status=dict(self._selection_code())[self.code],
                    allowed=", ".join(labels[code] for code in allowed) or "-",
                )
            )
        self.move_id._fr_answer(self.code, self.reason or "", self.note or "")
        return {"type": "ir.actions.act_window_close"}
