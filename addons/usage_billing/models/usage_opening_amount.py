from odoo import fields, models

from ..fields_exact import Exact


class UsageOpeningAmount(models.Model):
    """What another system billed for a charge and period before the move to this one.

    It is subtracted as if it had been billed here, so that a customer who moves in the
    middle of a period pays nothing twice.
    """

    _name = "usage.opening.amount"
    _description = "Usage Billed Elsewhere"
    _order = "subscription_id, period_id, charge_key"
    _check_company_auto = True

    subscription_id = fields.Many2one(
        "usage.subscription",
        required=True,
        index=True,
        ondelete="cascade",
        check_company=True,
    )
    company_id = fields.Many2one(
        related="subscription_id.company_id", store=True, precompute=True, index=True
    )
    period_id = fields.Many2one(
        "usage.period",
        required=True,
        index=True,
        ondelete="cascade",
        domain="[('subscription_id', '=', subscription_id)]",
    )
    charge_key = fields.Char(
        string="Charge", required=True, help="Key of the charge in the plan."
    )
    amount = Exact(required=True, help="Untaxed, as invoiced there.")

    _charge_unique = models.Constraint(
        "UNIQUE(period_id, charge_key)",
        "This charge has an amount billed elsewhere for this period already.",
    )
