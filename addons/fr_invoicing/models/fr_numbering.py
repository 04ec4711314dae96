# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo import api, fields, models
from odoo.exceptions import UserError


class AccountMove(models.Model):
    """Numbers that follow each other, and the day a document was validated.

    Odoo's own numbering takes the next number under the lock of a unique index, so two
    processes that post at once wait for each other and leave no gap, and a rollback
    gives the number back. What makes gaps is what people do afterwards: deleting,
    renaming, emptying the number of a document reset to draft. French law wants a
    continuous sequence (CGI ann. II art. 242 nonies A I 7°), so these are refused for
    customer documents and told by the gap report for the others.
    """

    _inherit = "account.move"

    fr_posted_at = fields.Datetime(
        string="Validated on",
        readonly=True,
        copy=False,
        help="When the entry was posted for the last time: the ValidDate of the FEC.",
    )

    def write(self, vals):
        """Keep the time of posting; refuse to take a number away."""
        if vals.get("state") == "posted":
            vals = {**vals, "fr_posted_at": fields.Datetime.now()}
        if "name" in vals:
            self._fr_check_number_kept(vals["name"])
        return super().write(vals)

    def _fr_has_number_to_keep(self):
        """Say whether the number of the document belongs to the customers' sequence."""
        self.ensure_one()
        return (
            self.posted_before
            and self.name
            and self.name != "/"
            and self.is_sale_document(include_receipts=True)
            and self.company_id._fr_is_french()
        )

    def _fr_get_issued(self):
        """Give the documents that left the house, or have a file that may."""
        return self.filtered(
            lambda move: move.is_move_sent or move.fr_facturx_state == "valid"
        )

    def _fr_check_number_kept(self, name):
        """Refuse to change the number of a document when a gap would stay behind."""
        moves = self.filtered(
            lambda move: move.name != (name or "/") and move._fr_has_number_to_keep()
        )
        if not moves:
            return
        if issued := moves._fr_get_issued():
            raise UserError(
                self.env._(
                    "%(invoice)s was issued: its number cannot be changed. Make a "
                    "credit note and a new invoice instead.",
                    invoice=issued[0].name,
                )
            )
        if not moves._is_end_of_seq_chain():
            raise UserError(
                self.env._(
                    "The number %(invoice)s cannot be changed: invoices after it bear "
                    "the following numbers and a gap would stay behind. Post it again "
                    "and make a credit note instead.",
                    invoice=moves[0].name,
                )
            )

    @api.ondelete(at_uninstall=False)
    def _unlink_except_fr_numbered(self):
        """Refuse to delete a customer document that others follow, or that was issued.

        Odoo lets an accounting manager do it; the law does not.
        """
        if self.env.context.get("force_delete"):
            return
        moves = self.filtered(lambda move: move._fr_has_number_to_keep())
        if issued := moves._fr_get_issued():
            raise UserError(
                self.env._(
                    "%(invoice)s was issued and cannot be deleted. Make a credit note "
                    "instead.",
                    invoice=issued[0].name,
                )
            )
        if moves and not moves._is_end_of_seq_chain():
            raise UserError(
                self.env._(
                    "%(invoice)s cannot be deleted: invoices after it bear the "
                    "following numbers and a gap would stay behind. Post it again and "
                    "make a credit note instead.",
                    invoice=moves[0].name,
                )
            )

    def unlink(self):
        """Tell the gap report what was deleted, when numbers disappear with it."""
        lost = self.filtered(
            lambda move: (
                move.posted_before
                and move.name
                and move.name != "/"
                and move.company_id._fr_is_french()
            )
        )
        notes = [
            {
                "company_id": move.company_id.id,
                "journal_id": move.journal_id.id,
                "number": move.name,
                "prefix": move.sequence_prefix,
                "counter": move.sequence_number,
                "note": self.env._(
                    "Deleted on %(day)s by %(user)s: %(partner)s, %(amount)s "
                    "%(currency)s",
                    day=fields.Date.context_today(self),
                    user=self.env.user.name,
                    partner=move.commercial_partner_id.name or "–",
                    amount=f"{move.amount_total:.2f}",
                    currency=move.currency_id.name,
                ),
            }
            for move in lost
        ]
        result = super().unlink()
        # Odoo remembers the last number it gave in this transaction: after a deletion
        # it would go on behind the freed one and leave a gap
        self._get_sequence_cache().clear()
        if notes:
            # whoever may delete the entry leaves a trace, without rights on the trace
            self.env["fr.number.loss"].sudo().create(notes)
        return result
