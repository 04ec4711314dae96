# Part of Relevé. See LICENSE file for full copyright and licensing details.
from collections import defaultdict
from decimal import Decimal

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from odoo.addons.usage_billing.fields_exact import Exact

from ..bridge import exact, line_tax, product_lines
from ..einvoice import collected as collecting
from ..einvoice.document import round_half_up

CASH_JOURNALS = ("bank", "cash", "credit")
CASH_ACCOUNTS = ("asset_cash", "liability_credit_card")
# what the statement about money reads
FLUSHED = {
    "account.partial.reconcile": [
        "debit_move_id",
        "credit_move_id",
        "max_date",
        "amount",
        "debit_amount_currency",
        "credit_amount_currency",
    ],
    "account.move.line": ["move_id", "account_id"],
    "account.move": ["origin_payment_id", "statement_line_id", "journal_id"],
    "account.account": ["account_type"],
}
COLLECTED_TYPES = ("out_invoice", "out_refund", "out_receipt")


class FrCollected(models.Model):
    """Money that came in for an invoice whose VAT falls due on payment, or went back.

    Odoo deletes a reconciliation that is undone; status 212 and flux 10 must say that
    the money went back (XP Z12-012). So each reconciliation with money leaves a row
    here, and undoing it leaves a second one with the opposite amount. Rows are only
    added.
    """

    _name = "fr.collected"
    _description = "Collected Amount"
    _order = "date, id"
    _rec_name = "key"
    _check_company_auto = True

    company_id = fields.Many2one("res.company", required=True, readonly=True)
    move_id = fields.Many2one(
        "account.move",
        string="Invoice",
        required=True,
        readonly=True,
        index=True,
        check_company=True,
        ondelete="restrict",
    )
    date = fields.Date(required=True, readonly=True)
    currency_id = fields.Many2one("res.currency", required=True, readonly=True)
    amount = Exact(
        required=True,
        readonly=True,
        help="VAT included, in the currency of the invoice; negative when money went "
        "back (bounced debit, matched by mistake, credit note paid out).",
    )
    amount_company = Exact(
        required=True,
        readonly=True,
        string="Amount in Company Currency",
        help="The same at the rate of the ledger.",
    )
    key = fields.Char(required=True, readonly=True, copy=False)
    reversed_id = fields.Many2one(
        "fr.collected", string="Takes Back", readonly=True, index="btree_not_null"
    )

    _key_unique = models.Constraint(
        "UNIQUE (company_id, key)", "A collected amount is recorded once."
    )
    _reversed_unique = models.UniqueIndex(
        "(reversed_id) WHERE reversed_id IS NOT NULL",
        "A collected amount is taken back once.",
    )

    @api.ondelete(at_uninstall=False)
    def _unlink_except_recorded(self):
        raise UserError(
            self.env._(
                "Collected amounts are kept: they were, or will be, reported to the "
                "tax office. Undo the reconciliation, which adds the opposite amount."
            )
        )

    def write(self, vals):
        if vals.keys() & {"move_id", "date", "amount", "amount_company", "key"}:
            self._unlink_except_recorded()
        return super().write(vals)

    def _to_event(self):
        """Give the row as a value.

        :rtype: CollectedEvent
        """
        self.ensure_one()
        return collecting.CollectedEvent(
            date=self.date,
            amount=self.amount,
            key=self.key,
            currency=self.currency_id.name,
            amount_company=self.amount_company,
        )

    def _after_record(self):
        """Do what newly recorded amounts call for; others extend it."""


class AccountMove(models.Model):
    _inherit = "account.move"

    fr_collected_ids = fields.One2many(
        "fr.collected", "move_id", string="Collected Amounts", readonly=True
    )

    def _fr_collected(self):
        """Give the money that came in for this invoice, and that went back.

        Only of posted invoices whose VAT falls due on payment, wholly or in part; a
        credit note or a write-off matched with the invoice is no money. Amounts of a
        credit note paid out are negative. In the order of recording.

        :rtype: list[CollectedEvent]
        """
        self.ensure_one()
        self._fr_sync_collected()
        rows = self.sudo().fr_collected_ids  # figures of an invoice the caller reads
        return [row._to_event() for row in rows.sorted("id")]

    def _fr_collected_parts(self):
        """Give each event with its parts per VAT rate, in the order of recording.

        :rtype: list[tuple[CollectedEvent, tuple[CollectedPart]]]
        """
        self.ensure_one()
        self._fr_sync_collected()
        return self._fr_known_parts()

    def _fr_known_parts(self):
        """Give what is recorded so far, as `_fr_collected_parts` does."""
        shares = self._fr_tax_shares()
        result, before = [], Decimal(0)
        for row in self.sudo().fr_collected_ids.sorted("id"):
            parts = collecting.split(
                row.amount, shares, before, self.currency_id.decimal_places
            )
            before += row.amount
            result.append((row._to_event(), parts))
        return result

    def _fr_tax_shares(self):
        """Give what each VAT rate weighs, split by when VAT falls due.

        :rtype: list[TaxShare]
        """
        self.ensure_one()
        sign = Decimal(self.direction_sign)
        places = self.currency_id.decimal_places
        bases, amounts, keys = defaultdict(Decimal), defaultdict(Decimal), {}
        for line in product_lines(self):
            tax = line_tax(line)
            key = (tax.category, tax.rate, tax.tax.tax_exigibility == "on_payment")
            bases[key] += sign * exact(line.amount_currency)
            keys[tax.tax.id] = key
        for entry in self.line_ids.filtered("tax_line_id"):
            if key := keys.get(entry.tax_line_id.id):
                amounts[key] += sign * exact(entry.amount_currency)
        return [
            collecting.TaxShare(
                category=category,
                rate=rate,
                basis=round_half_up(basis, places),
                amount=round_half_up(amounts[category, rate, on_payment], places),
                on_payment=on_payment,
            )
            for (category, rate, on_payment), basis in bases.items()
        ]

    def _fr_is_collected_for(self):
        """Say whether money for this document is looked at: ours, receipts included.

        A receipt is no electronic invoice, but its payment is told in flux 10.4.
        """
        self.ensure_one()
        return self.fr_is_concerned or (
            self.move_type == "out_receipt" and self.company_id._fr_is_french()
        )

    def _fr_has_vat_on_payment(self):
        """Say whether VAT of a posted invoice of ours falls due on payment."""
        self.ensure_one()
        return (
            self._fr_is_collected_for()
            and self.state == "posted"
            and any(
                tax.tax_exigibility == "on_payment"
                for tax in self.invoice_line_ids.tax_ids.flatten_taxes_hierarchy()
            )
        )

    def _fr_sync_collected(self):
        """Record reconciliations with money not recorded yet, and those undone.

        :return: the new rows
        :rtype: fr.collected
        """
        concerned = self.filtered(lambda move: move._fr_is_collected_for()).sudo()
        concerned = concerned.with_prefetch(self._prefetch_ids)
        # what was recorded once is looked at again, whatever became of the document
        looked_at = concerned.filtered(
            lambda move: move.fr_collected_ids or move._fr_has_vat_on_payment()
        )
        if not looked_at:
            return self.env["fr.collected"]
        found = looked_at._fr_get_cash_partials()
        values = []
        for move in looked_at:
            values += move._prepare_fr_collected_vals(found.get(move.id, {}))
        if not values:
            return self.env["fr.collected"]
        rows = self.env["fr.collected"].sudo().create(values)  # nobody may by hand
        rows._after_record()
        return rows

    def _prepare_fr_collected_vals(self, found):
        """Compare what is reconciled now with what is recorded.

        :param dict found: key -> date, amount, amount_company of the reconciliations
        """
        self.ensure_one()
        today = self.company_id._usage_get_today()
        recorded = self.fr_collected_ids
        open_rows = recorded.filtered(lambda row: not row.reversed_id)
        open_rows -= recorded.reversed_id
        known = set(recorded.mapped("key"))
        values = [
            {
                "company_id": self.company_id.id,
                "move_id": self.id,
                "currency_id": self.currency_id.id,
                "key": key,
                **amounts,
            }
            for key, amounts in found.items()
            if key not in known
        ]
        values += [
            {
                "company_id": row.company_id.id,
                "move_id": self.id,
                "currency_id": row.currency_id.id,
                "key": f"{row.key}/back",
                "date": max(row.date, today),
                "amount": -row.amount,
                "amount_company": -row.amount_company,
                "reversed_id": row.id,
            }
            for row in open_rows
            if row.key not in found
        ]
        return values

    def _fr_get_cash_partials(self):
        """Give the reconciliations of posted documents with money, in one statement.

        Money is a payment, a bank line, an entry of a bank or cash journal, or one that
        moves cash by hand; a credit note or a write-off is none.

        :return: move id -> key -> date, amount (signed), amount_company
        :rtype: dict[int, dict[str, dict]]
        """
        posted = self.filtered(lambda move: move.state == "posted")
        if not posted:
            return {}
        # these fields only: flushing all would make Odoo look for the invoices of every
        # payment in the middle of a reconciliation
        for model, names in FLUSHED.items():
            self.env[model].flush_model(names)
        branches = [
            SQL(
                """
                SELECT line.move_id, partial.id, partial.max_date, %(sign)s AS sign,
                       partial.%(in_currency)s AS in_currency, partial.amount
                  FROM account_move_line AS line
                  JOIN account_account AS account ON account.id = line.account_id
                       AND account.account_type = 'asset_receivable'
                  JOIN account_partial_reconcile AS partial
                       ON partial.%(ours)s = line.id
                  JOIN account_move_line AS other ON other.id = partial.%(theirs)s
                  JOIN account_move AS cash ON cash.id = other.move_id
                  JOIN account_journal AS journal ON journal.id = cash.journal_id
                 WHERE line.move_id IN %(moves)s AND other.move_id != line.move_id
                       AND (cash.origin_payment_id IS NOT NULL
                            OR cash.statement_line_id IS NOT NULL
                            OR journal.type IN %(journals)s
                            OR EXISTS (
                                SELECT FROM account_move_line AS part
                                  JOIN account_account AS cash_account
                                       ON cash_account.id = part.account_id
                                 WHERE part.move_id = cash.id
                                       AND cash_account.account_type IN %(accounts)s))
                """,
                sign=sign,
                in_currency=SQL.identifier(f"{side}_amount_currency"),
                ours=SQL.identifier(f"{side}_move_id"),
                theirs=SQL.identifier(f"{other}_move_id"),
                moves=posted._ids,
                journals=CASH_JOURNALS,
                accounts=CASH_ACCOUNTS,
            )
            for side, other, sign in (("debit", "credit", 1), ("credit", "debit", -1))
        ]
        result = defaultdict(dict)
        for (
            move_id,
            partial_id,
            day,
            sign,
            in_currency,
            amount,
        ) in self.env.execute_query(
            SQL("%s UNION ALL %s ORDER BY 1, 2", branches[0], branches[1])
        ):
            move = self.browse(move_id)
            result[move_id][f"reconciliation/{partial_id}"] = {
                "date": day,
                "amount": sign
                * round_half_up(exact(in_currency), move.currency_id.decimal_places),
                "amount_company": sign
                * round_half_up(exact(amount), move.company_currency_id.decimal_places),
            }
        return result


class AccountPartialReconcile(models.Model):
    _inherit = "account.partial.reconcile"

    @api.model_create_multi
    def create(self, vals_list):
        partials = super().create(vals_list)
        partials._fr_get_invoices()._fr_sync_collected()
        return partials

    def unlink(self):
        moves = self._fr_get_invoices()
        result = super().unlink()
        moves.exists()._fr_sync_collected()
        return result

    def _fr_get_invoices(self):
        """Give the customer invoices these reconciliations touch."""
        moves = self.debit_move_id.move_id | self.credit_move_id.move_id
        return moves.filtered(lambda move: move.move_type in COLLECTED_TYPES)
