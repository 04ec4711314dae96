# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo import api, models
from odoo.exceptions import UserError

from ..einvoice import mentions
from ..sealing import content
from ..sealing.canonical import canonical, sha256
from .fr_seal_move import is_changed


class AccountPartialReconcile(models.Model):
    """Seals what is paid on a sealed document, and what is taken back.

    CGI art. 286 I 3° bis asks it for customers who are not taxable; all payments are
    sealed, so that nobody has to prove that a customer is one.
    """

    _inherit = "account.partial.reconcile"

    @api.model_create_multi
    def create(self, vals_list):
        partials = super().create(vals_list)
        partials._fr_seal_payments("collected")
        return partials

    def write(self, vals):
        names = [name for name in content.PARTIAL if name in vals]
        if names and any(self._fr_get_sealed_sides()):
            raise UserError(
                self.env._(
                    "The payment of a sealed document cannot be changed: undo its "
                    "matching, then match it anew."
                )
            )
        return super().write(vals)

    def unlink(self):
        self._fr_seal_payments("released")
        return super().unlink()

    def _fr_get_sealed_sides(self):
        """Give (partial, sealed document, line on the other side) of each matching."""
        for partial in self:
            debit, credit = partial.debit_move_id, partial.credit_move_id
            if debit.move_id.fr_sealed_at:
                yield partial, debit.move_id, credit
            elif credit.move_id.fr_sealed_at:
                yield partial, credit.move_id, debit

    def _fr_seal_payments(self, event):
        """Seal matchings made or undone.

        :param str event: "collected" or "released"
        """
        sides = list(self._fr_get_sealed_sides())
        if not sides:
            return
        self.env["account.partial.reconcile"].flush_model()
        self.env["account.move.line"].flush_model()
        read = content.Reader(self.env.cr).partials(self.ids)
        rows = {}
        for partial, move, other in sides:
            text = canonical(
                {
                    "event": event,
                    "partial": read[partial.id],
                    "invoice": move.name,
                    "move_id": move.id,
                    "sale": move.move_type,
                    "consumer": move._fr_is_consumer(),
                    "company_currency": move.company_currency_id.name,
                    "counterpart": {
                        "move_id": other.move_id.id,
                        "name": other.move_id.name,
                        "type": other.move_id.move_type,
                        "date": other.date,
                        "journal": other.journal_id.code,
                        "journal_type": other.journal_id.type,
                        "method": other.payment_id.payment_method_line_id.name or None,
                    },
                }
            )
            rows.setdefault(move.company_id, []).append(
                {
                    "kind": "payment",
                    "key": f"{self._name},{partial.id}",
                    "model": self._name,
                    "res_id": partial.id,
                    "revision": 1 if event == "collected" else 2,
                    "name": move.name,
                    "payload": text.decode(),
                    "payload_sha256": sha256(text),
                    "size": len(text),
                }
            )
        for company, group in rows.items():
            self.env["fr.seal.chain"]._get(company)._insert_entries(group)


class AccountMove(models.Model):
    _inherit = "account.move"

    def write(self, vals):
        names = [name for name in ("name", "date", "journal_id") if name in vals]
        if names:
            self._fr_refuse_settling(vals, names)
        return super().write(vals)

    def _fr_refuse_settling(self, vals, names):
        """Raise when an entry that pays a sealed document would change."""
        for move in self:
            if move.state != "posted" or move.fr_sealed_at:
                continue
            if not any(is_changed(move, name, vals[name]) for name in names):
                continue
            matched = move.line_ids.matched_debit_ids | move.line_ids.matched_credit_ids
            paid = next(matched._fr_get_sealed_sides(), None)
            if paid:
                _partial, document, _other = paid
                raise UserError(
                    self.env._(
                        "%(entry)s pays the sealed document %(document)s: undo their "
                        "matching before you change its number, date or journal.",
                        entry=move.name,
                        document=document.name,
                    )
                )

    def _fr_is_consumer(self):
        """Say whether the buyer is not a taxable person (CGI art. 286 I 3° bis)."""
        self.ensure_one()
        kind = self.commercial_partner_id._fr_get_buyer_kind()
        return kind in (mentions.CONSUMER, mentions.FOREIGN_CONSUMER)
