# Part of Relevé. See LICENSE file for full copyright and licensing details.
from datetime import date, timedelta

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from .. import bridge
from ..dated import in_force

ACCEPTANCES = [
    ("none", "No mandate"),
    ("waiting", "Waiting for the supplier"),
    ("accepted", "Accepted"),
    ("tacit", "Accepted tacitly"),
    ("disputed", "Disputed"),
]


class FrBillingMandate(models.Model):
    """A supplier's mandate to issue its invoices in its name (self-billing).

    The supplier stays answerable for the VAT and its invoices must be issued in its
    name and for its account: it says so beforehand and accepts each one, in writing or
    by letting the days to contest pass (CGI art. 289 I-2, directive 2006/112/CE
    art. 224, BOI-TVA-DECLA-30-20-10).
    """

    _name = "fr.billing.mandate"
    _description = "Self-billing Mandate"
    _order = "valid_from desc, id desc"
    _check_company_auto = True

    name = fields.Char(
        string="Reference",
        required=True,
        help="Number or name of the mandate, written on the invoices.",
    )
    company_id = fields.Many2one(
        "res.company",
        required=True,
        index=True,
        default=lambda self: self.env.company,
    )
    partner_id = fields.Many2one(
        "res.partner",
        string="Supplier",
        required=True,
        index=True,
        ondelete="restrict",
        check_company=True,
        domain="[('parent_id', '=', False)]",
    )
    signed_date = fields.Date(string="Signed on", required=True)
    valid_from = fields.Date(
        required=True,
        compute="_compute_valid_from",
        store=True,
        precompute=True,
        readonly=False,
        help="First day of the invoices it covers.",
    )
    valid_to = fields.Date(help="Last day, included. Empty: until it is revoked.")
    acceptance = fields.Selection(
        [
            ("tacit", "Tacit, once the days to contest are over"),
            ("written", "Each invoice is accepted in writing"),
        ],
        required=True,
        default="tacit",
    )
    contest_days = fields.Integer(
        string="Days to Contest",
        default=15,
        help="Days from the date of an invoice in which the supplier may contest it.",
    )
    document = fields.Binary(string="Signed Mandate", attachment=True)
    document_name = fields.Char()
    note = fields.Text()
    active = fields.Boolean(default=True)

    _check_days = models.Constraint(
        "CHECK (contest_days >= 0)", "The days to contest cannot be negative."
    )
    _check_order = models.Constraint(
        "CHECK (valid_from <= valid_to)", "The mandate ends before it begins."
    )

    @api.depends("signed_date")
    def _compute_valid_from(self):
        for mandate in self:
            mandate.valid_from = mandate.valid_from or mandate.signed_date

    @api.constrains("partner_id", "company_id", "valid_from", "valid_to", "active")
    def _check_overlap(self):
        for mandate in self.filtered("active"):
            others = self.search(
                [
                    ("id", "!=", mandate.id),
                    ("company_id", "=", mandate.company_id.id),
                    ("partner_id", "=", mandate.partner_id.id),
                    ("valid_from", "<=", mandate.valid_to or date.max),
                    "|",
                    ("valid_to", "=", False),
                    ("valid_to", ">=", mandate.valid_from),
                ]
            )
            if others:
                raise ValidationError(
                    self.env._(
                        "%(supplier)s has given the mandate %(other)s for the same "
                        "days already. End it the day before.",
                        supplier=mandate.partner_id.display_name,
                        other=others[0].name,
                    )
                )

    @api.model
    def _get_for(self, company, partner, day):
        """Give the mandate in force, or an empty record.

        :param partner: the supplier or one of its contacts
        :param date day: of the invoice
        """
        return self.search(
            [
                ("company_id", "=", company.id),
                ("partner_id", "=", partner.commercial_partner_id.id),
                *in_force(day),
            ],
            limit=1,
        )


class AccountMove(models.Model):
    """The mandate a self-billed document is issued under, and its acceptance."""

    _inherit = "account.move"

    fr_billing_mandate_id = fields.Many2one(
        "fr.billing.mandate",
        string="Self-billing Mandate",
        compute="_compute_fr_billing_mandate",
        compute_sudo=True,
    )
    fr_accepted_date = fields.Date(
        string="Accepted on",
        copy=False,
        help="Day the supplier accepted the invoice in writing.",
    )
    fr_disputed_date = fields.Date(
        string="Disputed on",
        copy=False,
        help="Day the supplier contested the invoice: make a credit note.",
    )
    fr_acceptance = fields.Selection(
        ACCEPTANCES, compute="_compute_fr_acceptance", string="Supplier's Acceptance"
    )

    @api.depends("partner_id", "invoice_date", "company_id", "journal_id", "move_type")
    def _compute_fr_billing_mandate(self):
        mandates = self.env["fr.billing.mandate"]
        for move in self:
            move.fr_billing_mandate_id = (
                mandates._get_for(
                    move.company_id,
                    move.partner_id,
                    move.invoice_date or move.date or fields.Date.today(),
                )
                if move.partner_id and bridge.is_self_billed(move)
                else mandates
            )

    @api.depends("fr_billing_mandate_id", "fr_accepted_date", "fr_disputed_date")
    def _compute_fr_acceptance(self):
        today = fields.Date.context_today(self)
        for move in self:
            mandate = move.fr_billing_mandate_id
            if not bridge.is_self_billed(move) or move.state != "posted":
                move.fr_acceptance = False
            elif move.fr_disputed_date:
                move.fr_acceptance = "disputed"
            elif move.fr_accepted_date:
                move.fr_acceptance = "accepted"
            elif not mandate:
                move.fr_acceptance = "none"
            elif mandate.acceptance == "tacit" and today > (
                (move.invoice_date or move.date) + timedelta(days=mandate.contest_days)
            ):
                move.fr_acceptance = "tacit"
            else:
                move.fr_acceptance = "waiting"

    def action_fr_supplier_accepts(self):
        """Note that the supplier accepted the documents today, in writing."""
        self._fr_note_answer("fr_accepted_date", "fr_disputed_date")

    def action_fr_supplier_disputes(self):
        """Note that the supplier contested the documents today."""
        self._fr_note_answer("fr_disputed_date", "fr_accepted_date")

    def _fr_note_answer(self, name, other):
        moves = self.filtered("fr_acceptance")
        moves.write({name: fields.Date.context_today(self), other: False})
        texts = {
            "fr_accepted_date": self.env._("The supplier accepted the invoice."),
            "fr_disputed_date": self.env._("The supplier contested the invoice."),
        }
        for move in moves:
            move.message_post(body=texts[name])
