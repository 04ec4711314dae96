# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo import api, fields, models
from odoo.exceptions import ValidationError

from odoo.addons.usage_billing.fields_exact import Exact

from ..const import LATE_PENALTIES
from ..einvoice import mentions
from ..ledger import penalties

#: accounts of the French chart: interest on trade receivables, penalties received
INTEREST_ACCOUNT = "7631"
INDEMNITY_ACCOUNT = "7581"


class ResCompany(models.Model):
    _inherit = "res.company"

    fr_penalty_account_id = fields.Many2one(
        "account.account",
        string="Account of Late-payment Interest",
        check_company=True,
        help="Empty: the account 7631 of the chart.",
    )
    fr_indemnity_account_id = fields.Many2one(
        "account.account",
        string="Account of the Recovery Indemnity",
        check_company=True,
        help="Empty: the account 7581 of the chart.",
    )
    fr_reminder_auto = fields.Boolean(
        string="Send Reminders Automatically",
        help="Every night, for the invoices that reached a new level. Otherwise they "
        "are prepared for you to send.",
    )
    fr_reminder_spacing = fields.Integer(
        string="Days between Reminders",
        default=5,
        help="Least number of days between two reminders to the same customer.",
    )

    def _fr_get_penalty_account(self, code, account):
        """Give the account chosen, or the one of the French chart."""
        self.ensure_one()
        if account:
            return account
        accounts = self.env["account.account"].with_company(self)
        return accounts.search(
            [*accounts._check_company_domain(self), ("code", "=like", f"{code}%")],
            order="code",
            limit=1,
        )


class ResPartner(models.Model):
    _inherit = "res.partner"

    fr_penalty_policy = fields.Selection(
        [("company", "As in the settings"), *LATE_PENALTIES],
        string="Late-payment Rate",
        default="company",
        required=True,
        help="What the contract with this customer says. Public buyers always owe the "
        "European Central Bank rate plus 8 points.",
    )
    fr_penalty_rate = Exact(
        string="Contractual Rate (% per year)",
        help="At least three times the legal interest rate (C. com. L441-10 II).",
    )
    fr_no_reminder = fields.Boolean(
        string="No Reminders", help="Never remind this customer of late invoices."
    )

    @api.constrains("fr_penalty_policy", "fr_penalty_rate")
    def _check_fr_penalty_rate(self):
        partners = self.filtered(lambda p: p.fr_penalty_policy == penalties.FIXED)
        if not partners:
            return
        today = fields.Date.context_today(self)
        rates = self.env["fr.penalty.rate"]._get_rates()
        minimum = penalties.lawful_minimum(rates, today)
        for partner in partners:
            if partner.fr_penalty_rate is None or partner.fr_penalty_rate < minimum:
                raise ValidationError(
                    self.env._(
                        "The late-payment rate of %(partner)s must be at least "
                        "%(minimum)s %%, three times the legal interest rate (C. com. "
                        "L441-10 II).",
                        partner=partner.display_name,
                        minimum=f"{minimum:f}",
                    )
                )

    def _fr_get_penalty_policy(self, company):
        """Give how late payment is penalised.

        :return: (policy of ledger.penalties, rate), or None for a consumer
        """
        partner = self.commercial_partner_id
        if partner._fr_get_buyer_kind() in (
            mentions.CONSUMER,
            mentions.FOREIGN_CONSUMER,
        ):
            return None
        if partner.fr_is_public_buyer:
            return penalties.PUBLIC, None
        if partner.fr_penalty_policy != "company":
            return partner.fr_penalty_policy, partner.fr_penalty_rate
        rate = company.fr_late_penalty_rate
        return company.fr_late_penalty, str(rate) if rate else None
