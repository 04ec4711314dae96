# Part of Relevé. See LICENSE file for full copyright and licensing details.
from collections import defaultdict
from decimal import Decimal

from odoo import Command, api, fields, models
from odoo.exceptions import UserError
from odoo.tools import format_date

from . import fr_penalty_party as party


class FrPenaltyCharge(models.Model):
    """Interest and indemnity of one late invoice that stand on a debit note.

    The next debit note takes what has grown since; the indemnity is due once, which
    the database enforces.
    """

    _name = "fr.penalty.charge"
    _description = "Late-payment Penalty Charged"
    _order = "id desc"
    _check_company_auto = True

    company_id = fields.Many2one("res.company", required=True, index=True)
    currency_id = fields.Many2one("res.currency", required=True)
    move_id = fields.Many2one(
        "account.move",
        string="Late Invoice",
        required=True,
        index=True,
        ondelete="restrict",
        check_company=True,
    )
    debit_note_id = fields.Many2one(
        "account.move",
        required=True,
        index=True,
        ondelete="cascade",
        check_company=True,
    )
    until = fields.Date(string="Charged until", required=True)
    interest = fields.Monetary()
    indemnity = fields.Monetary()

    _indemnity_once = models.UniqueIndex(
        "(move_id) WHERE indemnity > 0",
        "The recovery indemnity of an invoice is due once.",
    )

    @api.model
    @api.private
    def _make_notes(self, moves, until):
        """Make draft debit notes; see account.move._fr_charge_penalties."""
        concerned = moves.filtered(lambda move: not move._fr_is_disputed())
        late = {
            move: found
            for move, found in concerned._fr_get_late(until).items()
            if found.to_charge
        }
        if not late:
            raise UserError(
                self.env._(
                    "Nothing to charge: these invoices are not late, are disputed, "
                    "were charged already or belong to consumers."
                )
            )
        for move, found in late.items():
            if found.is_provisional and found.interest_to_charge:
                raise UserError(
                    self.env._(
                        "The reference rates of the half-year of %(day)s are not "
                        "recorded yet: the interest of %(invoice)s would be "
                        "provisional. Enter them in French Invoicing, Ledger Duties, "
                        "Late-payment Rates.",
                        day=format_date(self.env, until),
                        invoice=move.name,
                    )
                )
        groups = defaultdict(self.env["account.move"].browse)
        for move in late:
            key = (move.company_id, move.commercial_partner_id, move.currency_id)
            groups[key] += move
        notes = self.env["account.move"]
        for (company, partner, currency), own in groups.items():
            notes += self.with_company(company)._make_note(
                company, partner, currency, own.sorted("invoice_date_due"), late, until
            )
        return notes

    def _make_note(self, company, partner, currency, moves, late, until):
        tax = self._get_tax(company)
        lines, charges = [], []
        lang_self = self.with_context(lang=partner.lang or self.env.lang)
        for move in moves:
            found = late[move]
            lines += lang_self._prepare_lines(company, move, found, until, tax)
            charges.append(
                {
                    "company_id": company.id,
                    "currency_id": currency.id,
                    "move_id": move.id,
                    "until": until,
                    "interest": float(found.interest_to_charge),
                    "indemnity": float(found.indemnity_to_charge),
                }
            )
        note = self.env["account.move"].create(
            {
                "move_type": "out_invoice",
                "company_id": company.id,
                "journal_id": moves[0].journal_id.id,
                "partner_id": moves[0].partner_id.id,
                "currency_id": currency.id,
                "invoice_date": fields.Date.context_today(self),
                "invoice_payment_term_id": False,
                "invoice_date_due": fields.Date.context_today(self),
                "fiscal_position_id": False,
                "fr_is_penalty_note": True,
                "ref": lang_self.env._("Late-payment penalties"),
                "invoice_line_ids": [Command.create(line) for line in lines],
            }
        )
        # sudo: whoever may invoice writes down what was charged
        self.sudo().create([{**c, "debit_note_id": note.id} for c in charges])
        return note

    def _prepare_lines(self, company, move, found, until, tax):
        """Give the lines of one late invoice, in the customer's language."""
        lines = []
        common = {"quantity": 1, "tax_ids": [Command.set(tax.ids)]}
        if found.interest_to_charge:
            rates = sorted({piece.rate for piece in found.pieces})
            lines.append(
                {
                    **common,
                    "name": self.env._(
                        "Late-payment interest on %(invoice)s due on %(due)s, until "
                        "%(until)s (%(days)s days, %(rates)s %% a year)",
                        invoice=move.name,
                        due=_day(self.env, found.pieces[0].start, -1),
                        until=_day(self.env, until),
                        days=found.days,
                        rates=" / ".join(_rate(self.env, rate) for rate in rates),
                    ),
                    "price_unit": float(found.interest_to_charge),
                    "account_id": company._fr_get_penalty_account(
                        party.INTEREST_ACCOUNT, company.fr_penalty_account_id
                    ).id,
                }
            )
        if found.indemnity_to_charge:
            lines.append(
                {
                    **common,
                    "name": self.env._(
                        "Fixed indemnity for recovery costs, invoice %(invoice)s (C. "
                        "com. D441-5)",
                        invoice=move.name,
                    ),
                    "price_unit": float(found.indemnity_to_charge),
                    "account_id": company._fr_get_penalty_account(
                        party.INDEMNITY_ACCOUNT, company.fr_indemnity_account_id
                    ).id,
                }
            )
        return lines

    def _get_tax(self, company):
        """Find the tax “outside the scope”: penalties are damages (CGI 256)."""
        tax = (
            self.env["account.tax"]
            .with_context(active_test=False)
            .search(
                [
                    *self.env["account.tax"]._check_company_domain(company),
                    ("type_tax_use", "=", "sale"),
                    ("fr_tax_profile_id.code", "=", "out_of_scope"),
                ],
                order="active desc, sequence, id",
                limit=1,
            )
        )
        if not tax:
            raise UserError(
                self.env._(
                    "Company %(company)s has no sale tax outside the scope of TVA. "
                    "Open the French set-up and apply the taxes.",
                    company=company.name,
                )
            )
        if not tax.active:
            tax.sudo().active = True  # it stands ready in the chart, unused until now
        return tax


def _day(env, day, shift=0):
    return fields.Date.add(day, days=shift).strftime(
        "%d/%m/%Y" if (env.lang or "").startswith("fr") else "%Y-%m-%d"
    )


def _rate(env, rate):
    text = f"{Decimal(rate).normalize():f}"
    return text.replace(".", ",") if (env.lang or "").startswith("fr") else text
