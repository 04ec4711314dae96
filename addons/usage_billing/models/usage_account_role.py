from odoo import fields, models
from odoo.exceptions import UserError

ACCOUNT_ROLES = [
    ("unbilled_revenue", "Unbilled revenue (418)"),
    ("prepayment", "Customer prepayments (4191)"),
    ("deferred_revenue", "Deferred revenue (487)"),
    ("partner_debt", "Debts to partners (401 or 467)"),
    ("commission", "Commissions (622)"),
    ("revenue_share", "Revenue shared with partners (65)"),
]


class UsageAccountRole(models.Model):
    """Which account plays which part: the one map every add-on of the suite reads.

    No account number is written in code; a missing role is an error that says
    which one to set.
    """

    _name = "usage.account.role"
    _description = "Account by Role"
    _order = "company_id, role"
    _check_company_auto = True

    company_id = fields.Many2one(
        "res.company",
        required=True,
        index=True,
        default=lambda self: self.env.company,
    )
    role = fields.Selection(ACCOUNT_ROLES, required=True)
    account_id = fields.Many2one(
        "account.account",
        required=True,
        index=True,
        check_company=True,
        ondelete="restrict",
    )

    _role_unique = models.Constraint(
        "UNIQUE(company_id, role)", "This role already has an account."
    )

    def _get_account(self, company, role):
        """Account of a role.

        :param res.company company: whose account
        :param str role: one of ACCOUNT_ROLES
        :return: ``account.account``, empty when the role is not set
        """
        return (
            self.sudo()  # the map is configuration; callers post with their own rights
            .search([("company_id", "=", company.id), ("role", "=", role)])
            .account_id
        )

    def _require_account(self, company, role):
        """Account of a role that an entry cannot do without.

        The down payment account of the company (Odoo's own setting) stands in for
        customer prepayments.

        :rtype: account.account
        :raise UserError: nobody has set it
        """
        account = self._get_account(company, role)
        if not account and role == "prepayment":
            account = company.sudo().downpayment_account_id  # of the same set-up
        if not account:
            labels = dict(self._fields["role"]._description_selection(self.env))
            raise UserError(
                self.env._(
                    "%(company)s has no account for “%(role)s”. Choose it in "
                    "Configuration / Accounts by Role.",
                    company=company.name,
                    role=labels[role],
                )
            )
        return account
