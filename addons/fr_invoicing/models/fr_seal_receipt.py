# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo import api, models

from ..sealing import records
from ..sealing.canonical import canonical, sha256


class AccountPayment(models.Model):
    """Seals what customers paid as it is recorded, matched with a document or not.

    CGI art. 286 I 3° bis is about recorded payments: one that is recorded, then deleted
    before anybody matched it, must leave a trace. A change or a deletion stays
    possible, as a further sealed revision.
    """

    _inherit = "account.payment"

    @api.model_create_multi
    def create(self, vals_list):
        payments = super().create(vals_list)
        payments._fr_seal_receipts()
        return payments

    def write(self, vals):
        result = super().write(vals)
        if not vals.keys().isdisjoint({"state", *records.RECEIPT}):
            self._fr_seal_receipts()
        return result

    def unlink(self):
        self._fr_seal_receipts(records.DELETED)
        return super().unlink()

    def _fr_seal_receipts(self, event=records.RECORDED):
        """Seal payments of customers that stand, and what becomes of sealed ones.

        :param str event: records.RECORDED (as they are now) or records.DELETED
        """
        payments = self.filtered(lambda payment: payment.partner_type == "customer")
        chains = {
            company: self.env["fr.seal.chain"]._get(company)
            for company in payments.company_id
            if company._fr_is_sealing()
        }
        payments = payments.filtered(lambda payment: payment.company_id in chains)
        latest = payments._fr_get_sealed_receipts()
        payments = payments.filtered(
            lambda payment: (
                payment.id in latest
                or (event == records.RECORDED and payment.state in records.STANDING)
            )
        )
        if not payments:
            return
        payments.flush_recordset()
        read = records.receipts(self.env.cr, payments.ids)
        rows = {}
        for payment in payments:
            text = canonical(
                {
                    "event": event,
                    "payment": read[payment.id],
                    "about": payment._fr_describe_receipt(),
                }
            )
            revision, digest = latest.get(payment.id, (0, ""))
            if digest == sha256(text):
                continue
            rows.setdefault(chains[payment.company_id], []).append(
                {
                    "kind": "receipt",
                    "key": f"{self._name},{payment.id}",
                    "model": self._name,
                    "res_id": payment.id,
                    "revision": revision + 1,
                    "name": payment.name
                    or payment.memo
                    or f"{self._name},{payment.id}",
                    "payload": text.decode(),
                    "payload_sha256": sha256(text),
                    "size": len(text),
                }
            )
        for chain, group in rows.items():
            chain._insert_entries(group)

    def _fr_get_sealed_receipts(self):
        """Give {id: (revision, SHA-256)} of the last seal of these payments."""
        seals = self.env["fr.seal.entry"].sudo()  # whether there is one, no more
        found = seals.search(
            [
                ("kind", "=", "receipt"),
                ("model", "=", self._name),
                ("res_id", "in", self.ids),
            ],
            order="revision",
        )
        return {entry.res_id: (entry.revision, entry.payload_sha256) for entry in found}

    def _fr_describe_receipt(self):
        """Give the names a person needs to read the fact without the database."""
        self.ensure_one()
        journal = self.journal_id
        return {
            "customer": self.partner_id.commercial_partner_id.name or "",
            "currency": self.currency_id.name,
            "journal": journal.name,
            "journal_type": journal.type,
            "method": self.payment_method_line_id.name or "",
        }
