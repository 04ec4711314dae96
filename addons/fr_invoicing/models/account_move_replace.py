# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo import fields, models

from .. import bridge
from ..einvoice import kinds

CLAIMS = ("asset_receivable", "liability_payable")


class AccountMove(models.Model):
    """What a corrective invoice does in the ledger.

    The customer gets one document (384) that replaces the first. In the ledger the
    first one is cancelled by a reversal that is no document of its own: it leaves no
    PDF, no flow and no report, and the corrective invoice takes over its payments.
    """

    _inherit = "account.move"

    fr_cancels_for_id = fields.Many2one(
        "account.move",
        string="Cancelled For",
        readonly=True,
        copy=False,
        index="btree_not_null",
        check_company=True,
        help="Corrective invoice that replaces the invoice cancelled here. This entry "
        "is not issued: the corrective invoice is the document.",
    )

    def _compute_fr_is_concerned(self):
        """An entry that only cancels in the ledger is not issued."""
        result = super()._compute_fr_is_concerned()
        self.filtered("fr_cancels_for_id").fr_is_concerned = False
        return result

    def _post(self, soft=True):
        """Cancel in the ledger what a corrective invoice replaces."""
        posted = super()._post(soft)
        for move in posted:
            if (
                move.move_type in ("out_invoice", "in_invoice")
                and move.fr_is_concerned
                and move.fr_document_kind == kinds.CORRECTIVE
            ):
                move._fr_cancel_replaced()
        return posted

    def _fr_cancel_replaced(self):
        """Reverse the replaced invoice and take over its payments.

        Nothing is done for an invoice that is not in Odoo, or that a credit note
        reversed already.

        :return: the reversal, or an empty recordset
        """
        self.ensure_one()
        origin = self._fr_get_corrected_moves()
        if len(origin) != 1 or origin.state != "posted":
            return self.browse()
        if origin.reversal_move_ids.filtered(
            lambda move: bridge.is_credit(move) and move.state == "posted"
        ):
            return self.browse()
        payments = origin._fr_get_payment_lines()
        reversal = origin._reverse_moves(
            [
                {
                    "date": self.date,
                    "invoice_date": self.invoice_date,
                    "invoice_date_due": self.invoice_date,
                    "invoice_payment_term_id": False,
                    "ref": self.env._(
                        "%(origin)s replaced by %(corrective)s",
                        origin=origin.name,
                        corrective=self.name,
                    ),
                    "fr_cancels_for_id": self.id,
                }
            ],
            cancel=True,
        )
        self._fr_take_over(payments)
        origin.message_post(
            body=self.env._(
                "Replaced by the corrective invoice %(corrective)s; cancelled in the "
                "ledger by %(reversal)s, which is not issued.",
                corrective=self.name,
                reversal=reversal.name,
            )
        )
        return reversal

    def _fr_take_over(self, payments):
        """Settle this invoice with the payments of the one it replaces.

        :param payments: account.move.line records, freed by the reversal
        """
        claims = self.line_ids.filtered(
            lambda line: line.account_id.account_type in CLAIMS
        )
        by_account = claims.grouped("account_id")
        for account, lines in payments.grouped("account_id").items():
            both = lines | by_account.get(account, lines.browse())
            both.filtered(lambda line: not line.reconciled).reconcile()

    def _fr_get_payment_lines(self):
        """Give the lines of payments that settle an invoice, credit notes left out."""
        claims = self.line_ids.filtered(
            lambda line: line.account_id.account_type in CLAIMS
        )
        counterparts = (
            claims.matched_debit_ids.debit_move_id
            | claims.matched_credit_ids.credit_move_id
        )
        return counterparts.filtered(
            lambda line: not line.move_id.is_invoice(include_receipts=True)
        )
