# Part of Relevé. See LICENSE file for full copyright and licensing details.
from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from odoo import api, fields, models
from odoo.tools import SQL

from ..ledger import penalties


@dataclass(frozen=True)
class Late:
    """What one late invoice owes beside its amount, in its currency.

    days: between the first due date passed and the day of the calculation
    interest, indemnity: in all; to_charge: what no debit note holds yet
    """

    days: int
    unpaid: Decimal
    interest: Decimal
    indemnity: Decimal
    interest_to_charge: Decimal
    indemnity_to_charge: Decimal
    pieces: tuple
    is_provisional: bool

    @property
    def to_charge(self):
        """Everything that can be invoiced now."""
        return self.interest_to_charge + self.indemnity_to_charge


NOTHING = Late(0, *[Decimal(0)] * 5, (), False)


class AccountMove(models.Model):
    """Interest and indemnity of customer invoices that are paid late."""

    _inherit = "account.move"

    fr_is_penalty_note = fields.Boolean(
        string="Late-payment Debit Note", readonly=True, copy=False
    )
    fr_penalty_charge_ids = fields.One2many(
        "fr.penalty.charge", "move_id", string="Penalties Charged", readonly=True
    )
    fr_reminder_stop = fields.Boolean(
        string="Disputed: No Reminders",
        copy=False,
        tracking=True,
        help="Reminders and debit notes leave this invoice out until it is settled.",
    )
    fr_reminder_stop_reason = fields.Char(string="Reason of the Dispute", copy=False)
    fr_days_late = fields.Integer(string="Days Late", compute="_compute_fr_late")
    fr_interest = fields.Monetary(string="Interest", compute="_compute_fr_late")
    fr_indemnity = fields.Monetary(string="Indemnity", compute="_compute_fr_late")
    fr_penalty_to_charge = fields.Monetary(
        string="To Charge", compute="_compute_fr_late"
    )

    @api.depends("state", "amount_residual", "invoice_date_due")
    @api.depends_context("uid")
    def _compute_fr_late(self):
        found = self._fr_get_late(fields.Date.context_today(self))
        for move in self:
            late = found.get(move, NOTHING)
            move.fr_days_late = late.days
            move.fr_interest = float(late.interest)
            move.fr_indemnity = float(late.indemnity)
            move.fr_penalty_to_charge = float(late.to_charge)

    def _fr_owes_penalties(self):
        """Say whether late payment of this document is penalised at all."""
        self.ensure_one()
        return (
            self.move_type == "out_invoice"
            and self.state == "posted"
            and not self.fr_is_penalty_note
            and self.company_id._fr_is_french()
        )

    def _fr_get_late(self, until):
        """Work out what late invoices owe, in three statements for any number of them.

        The base is the sum due with TVA of each instalment. A payment counts from its
        own day; a credit note takes its part away from the beginning, as if it had
        never been due. Consumers owe nothing here.

        :param date until: last day counted
        :return: {account.move: Late} of those with at least one day late
        """
        moves = self.filtered(lambda move: move._fr_owes_penalties())
        lines = moves.line_ids.filtered(
            lambda line: (
                line.account_type == "asset_receivable"
                and line.amount_currency > 0
                and line.date_maturity
                and line.date_maturity < until
            )
        )
        if not lines:
            return {}
        payments = lines._fr_get_payments()
        rates = self.env["fr.penalty.rate"]._get_rates()
        charged = moves._fr_get_charged()
        policies, indemnities, found = {}, {}, {}
        for move, own in lines.grouped("move_id").items():
            key = (move.commercial_partner_id, move.company_id._fr_get_legal())
            if key not in policies:
                policies[key] = key[0]._fr_get_penalty_policy(key[1])
            late = move._fr_add_up(
                own.sorted("date_maturity"),
                payments,
                until,
                rates,
                policies[key],
                charged[move.id],
                indemnities,
            )
            if late.days:
                found[move] = late
        return found

    def _fr_add_up(self, lines, payments, until, rates, policy, charged, indemnities):
        """Add up the instalments of one invoice.

        :param dict indemnities: filled and read by the calls for one day
        """
        pieces, days = [], 0
        indemnity = interest = unpaid = Decimal(0)
        provisional = False
        decimals = self.currency_id.decimal_places
        for line in lines:
            amount = Decimal(str(line.amount_currency))
            paid = payments.get(line.id, [])
            result = penalties.interest(
                line.date_maturity,
                amount,
                paid,
                until,
                rates,
                *(policy or (penalties.FIXED, "0")),
                decimals=decimals,
            )
            if not result.slices:
                continue
            days = max(days, (result.slices[-1].end - line.date_maturity).days)
            unpaid += Decimal(str(line.amount_residual_currency))
            if policy:
                pieces += result.slices
                interest += result.amount
                provisional = provisional or result.is_provisional
                indemnity = indemnity or self._fr_get_indemnity(
                    penalties.indemnity(line.date_maturity, amount, paid, until),
                    until,
                    indemnities,
                )
        charged_interest, charged_indemnity = charged
        return Late(
            days,
            unpaid,
            interest,
            indemnity,
            max(interest - charged_interest, Decimal(0)),
            max(indemnity - charged_indemnity, Decimal(0)),
            tuple(pieces),
            provisional,
        )

    def _fr_get_indemnity(self, euros, day, memo):
        """Give the 40 EUR in the currency of the invoice.

        :param dict memo: what was converted for the same currency and company
        """
        if not euros or self.currency_id.name == "EUR":
            return euros
        key = (self.currency_id, self.company_id, euros)
        if key not in memo:
            euro = self.env.ref("base.EUR")
            memo[key] = Decimal(
                str(euro._convert(float(euros), self.currency_id, self.company_id, day))
            )
        return memo[key]

    def _fr_get_charged(self):
        """Give what debit notes hold already: {move id: (interest, indemnity)}."""
        charged = defaultdict(lambda: (Decimal(0), Decimal(0)))
        # sudo: sums of our own records about invoices the caller can read
        for move, interest, indemnity in (
            self.env["fr.penalty.charge"]
            .sudo()
            ._read_group(
                [("move_id", "in", self.ids)],
                ["move_id"],
                ["interest:sum", "indemnity:sum"],
            )
        ):
            charged[move.id] = (Decimal(str(interest)), Decimal(str(indemnity)))
        return charged

    def _fr_is_disputed(self):
        """Say whether reminders and penalties must wait: stopped here, or the buyer's
        platform says “in dispute” or “suspended”."""
        self.ensure_one()
        if self.fr_reminder_stop:
            return True
        status = getattr(self, "fr_status_code", False)
        return status in ("206", "207", "208")

    def button_cancel(self):
        """A debit note that is cancelled charges nothing any more."""
        result = super().button_cancel()
        notes = self.filtered(lambda m: m.fr_is_penalty_note and m.state == "cancel")
        if notes:
            # sudo: whoever may cancel the note sets its charges free
            self.env["fr.penalty.charge"].sudo().search(
                [("debit_note_id", "in", notes.ids)]
            ).unlink()
        return result

    # === Debit notes === #

    def action_fr_charge_penalties(self):
        """Make draft debit notes for the selected late invoices and show them."""
        notes = self._fr_charge_penalties(fields.Date.context_today(self))
        return notes._get_records_action(name=self.env._("Debit Notes"))

    def _fr_charge_penalties(self, until: date):
        """Make one draft debit note for each customer and currency.

        :param date until: last late day charged
        :return: account.move records
        :raise UserError: a rate is missing, or there is nothing to charge
        """
        return self.env["fr.penalty.charge"]._make_notes(self, until)


class AccountMoveLine(models.Model):
    _inherit = "account.move.line"

    def _fr_get_payments(self):
        """Give what reduced receivable lines, from their reconciliation.

        :return: {line id: [ledger.penalties.Payment]}, amounts in the lines' currency
        """
        self.env["account.partial.reconcile"].flush_model()
        found = defaultdict(list)
        for line, day, kind, amount, due in self.env.execute_query(
            SQL(
                """
                SELECT partial.debit_move_id, credit.date, move.move_type,
                       partial.debit_amount_currency, debit.date_maturity
                  FROM account_partial_reconcile partial
                  JOIN account_move_line credit ON credit.id = partial.credit_move_id
                  JOIN account_move_line debit ON debit.id = partial.debit_move_id
                  JOIN account_move move ON move.id = credit.move_id
                 WHERE partial.debit_move_id IN %s
                """,
                tuple(self.ids),
            )
        ):
            if kind == "out_refund":
                day = due
            found[line].append(penalties.Payment(day, Decimal(str(amount))))
        return found
