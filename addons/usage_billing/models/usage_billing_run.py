from odoo import api, fields, models

from ..fields_exact import Exact

RUN_STATES = [
    ("new", "New"),
    ("computing", "Computing"),
    ("review", "Review"),
    ("approved", "Approved"),
    ("posting", "Posting"),
    ("posted", "Posted"),
]

LINE_STATES = [
    ("pending", "Pending"),
    ("rated", "Rated"),
    ("held", "Held"),
    ("approved", "Approved"),
    ("invoiced", "Invoiced"),
]


class UsageBillingRun(models.Model):
    """One execution of billing over many subscriptions.

    new -> computing -> review -> approved -> posting -> posted, with a result for
    each subscription: a bad one is held with its reason and the others go on.
    """

    _name = "usage.billing.run"
    _description = "Usage Billing Run"
    _inherit = ["mail.thread", "mail.activity.mixin"]
    _order = "cutoff_date desc, id desc"
    _check_company_auto = True

    name = fields.Char(
        required=True,
        readonly=True,
        copy=False,
        index=True,
        default=lambda self: self.env._("New"),
    )
    company_id = fields.Many2one(
        "res.company",
        required=True,
        index=True,
        default=lambda self: self.env.company,
    )
    currency_id = fields.Many2one(related="company_id.currency_id")
    cutoff_date = fields.Date(
        required=True,
        tracking=True,
        help="Every period whose last day is this one or earlier is billed, once its "
        "grace days are over.",
    )
    invoice_date = fields.Date(
        tracking=True, help="Date of the invoices. Empty: the day of posting."
    )
    is_dry_run = fields.Boolean(
        string="Dry Run",
        tracking=True,
        help="Shows what the run would bill and keeps nothing.",
    )
    subscription_ids = fields.Many2many(
        "usage.subscription",
        check_company=True,
        string="Only These Subscriptions",
        help="Empty: every subscription of the company with something to bill.",
    )
    state = fields.Selection(
        RUN_STATES,
        required=True,
        default="new",
        readonly=True,
        copy=False,
        index=True,
        tracking=True,
    )
    line_ids = fields.One2many("usage.billing.run.line", "run_id", readonly=True)
    rated_line_ids = fields.One2many("usage.rated.line", "run_id", readonly=True)


class UsageBillingRunLine(models.Model):
    """What a run did for one subscription."""

    _name = "usage.billing.run.line"
    _description = "Usage Billing Run Line"
    _order = "run_id, id"
    _check_company_auto = True

    run_id = fields.Many2one(
        "usage.billing.run",
        required=True,
        readonly=True,
        index=True,
        ondelete="cascade",
    )
    company_id = fields.Many2one(related="run_id.company_id", store=True, index=True)
    subscription_id = fields.Many2one(
        "usage.subscription",
        required=True,
        readonly=True,
        index=True,
        ondelete="restrict",
        check_company=True,
    )
    partner_id = fields.Many2one(related="subscription_id.partner_id", store=True)
    currency_id = fields.Many2one(related="subscription_id.currency_id", store=True)
    state = fields.Selection(
        LINE_STATES, required=True, default="pending", readonly=True, index=True
    )
    reason = fields.Text(readonly=True)
    amount = Exact(readonly=True)

    _subscription_unique = models.Constraint(
        "UNIQUE(run_id, subscription_id)",
        "A subscription appears once in a billing run.",
    )
