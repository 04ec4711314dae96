# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo import fields, models
from odoo.tools import SQL


class AccountMove(models.Model):
    """Documents tell e-reporting when they are posted, reopened or cancelled."""

    _inherit = "account.move"

    fr_ereporting_item_ids = fields.One2many(
        "fr.ereporting.item", "move_id", string="E-reporting", readonly=True
    )

    def _post(self, soft=True):
        posted = super()._post(soft)
        posted._fr_ereporting_enqueue()
        return posted

    def button_draft(self):
        result = super().button_draft()
        self._fr_ereporting_enqueue()
        return result

    def button_cancel(self):
        result = super().button_cancel()
        self._fr_ereporting_enqueue()
        return result

    def _fr_ereporting_enqueue(self):
        """Note that e-reporting must look at these documents."""
        moves = self.filtered(
            lambda move: (
                move.is_invoice(include_receipts=True)
                and move.company_id._fr_has_ereporting()
            )
        )
        if moves:
            self.env.cr.execute(
                SQL(
                    "INSERT INTO fr_ereporting_queue (company_id, move_id) VALUES %s",
                    SQL(", ").join(
                        SQL("(%s, %s)", move.company_id.id, move.id) for move in moves
                    ),
                )
            )

    def _fr_ereporting_flow(self):
        """Give the part of flux 10 a document belongs to, and the kind of period.

        Sales as `fr_flow_kind` says; receipts are consumers' sales; purchases from
        suppliers abroad are 10.1, declared as buyer.

        :return: ("2" | "10.1" | "10.3" | "none", "sale" | "purchase"), or ("", "")
        :rtype: tuple[str, str]
        """
        self.ensure_one()
        if self.move_type in ("out_invoice", "out_refund"):
            return self.fr_flow_kind, "sale"
        if self.move_type == "out_receipt":
            return "10.3", "sale"
        supplier = self.commercial_partner_id
        if supplier.country_id and not supplier.fr_is_french:
            return "10.1", "purchase"
        return "", ""

    def action_fr_ereporting(self):
        """Open what e-reporting says of the document."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("E-reporting of %(document)s", document=self.name),
            "res_model": "fr.ereporting.item",
            "view_mode": "list",
            "domain": [("move_id", "=", self.id)],
            "context": {"create": False},
        }


class FrCollected(models.Model):
    """Money that came in or went back is looked at by e-reporting."""

    _inherit = "fr.collected"

    def _after_record(self):
        result = super()._after_record()
        self.move_id._fr_ereporting_enqueue()
        return result
