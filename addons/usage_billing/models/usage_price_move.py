from odoo import api, fields, models
from odoo.fields import Domain

from .. import bridge


class UsagePriceMove(models.Model):
    """From this day on, a subscription is priced by this version.

    Written by the publication of a version; the pinned version of a subscription wins
    over all of them. Without a version, the subscription follows its plan: the version
    in force on the first day of each period.
    """

    _name = "usage.price.move"
    _description = "Usage Price Move"
    _order = "subscription_id, date_from desc"
    _check_company_auto = True

    subscription_id = fields.Many2one(
        "usage.subscription",
        required=True,
        readonly=True,
        index=True,
        ondelete="cascade",
        check_company=True,
    )
    company_id = fields.Many2one(
        related="subscription_id.company_id", store=True, index=True
    )
    partner_id = fields.Many2one(related="subscription_id.partner_id")
    date_from = fields.Date(
        string="From",
        required=True,
        readonly=True,
        help="First local day; counts for periods that begin on it or later.",
    )
    version_id = fields.Many2one(
        "usage.plan.version",
        string="Prices",
        readonly=True,
        index="btree_not_null",
        ondelete="restrict",
        check_company=True,
        help="Empty: the version of the plan in force.",
    )
    publication_id = fields.Many2one(
        "usage.plan.version",
        string="Published Version",
        required=True,
        readonly=True,
        index=True,
        ondelete="cascade",
        check_company=True,
        help="The version whose publication decided this.",
    )

    _date_unique = models.Constraint(
        "UNIQUE(subscription_id, date_from)",
        "A subscription takes one version from one day.",
    )

    @api.model
    def _set(self, vals_list):
        """Write moves; one that is there for the same day is replaced.

        :param list[dict] vals_list: subscription_id, date_from, version_id,
            publication_id
        """
        wanted = {(vals["subscription_id"], vals["date_from"]) for vals in vals_list}
        self.search(
            Domain("subscription_id", "in", list({sub for sub, _date in wanted}))
            & Domain("date_from", "in", list({date for _sub, date in wanted}))
        ).filtered(
            lambda move: (move.subscription_id.id, move.date_from) in wanted
        ).unlink()
        return self.create(vals_list)


class UsageSubscription(models.Model):
    """Which version prices a subscription, and when it renews."""

    _inherit = "usage.subscription"

    price_move_ids = fields.One2many(
        "usage.price.move", "subscription_id", string="Price Moves", readonly=True
    )
    term_months = fields.Integer(
        string="Term in Months",
        tracking=True,
        help="The contract renews each time this many months are over, counted from "
        "its start; new prices may wait for that day. 0: no term, it renews with "
        "each period.",
    )
    next_renewal_date = fields.Date(
        string="Next Renewal", compute="_compute_next_renewal_date"
    )
    next_version_id = fields.Many2one(
        "usage.plan.version",
        string="Prices in Force",
        compute="_compute_next_version_id",
        help="Version that prices the running period.",
    )

    _term_months_positive = models.Constraint(
        "CHECK(term_months >= 0)", "A term cannot be negative."
    )

    @api.depends("date_start", "term_months", "period_unit", "calendar_aligned")
    def _compute_next_renewal_date(self):
        today = fields.Date.context_today(self)
        for subscription in self:
            subscription.next_renewal_date = (
                subscription.date_start
                and bridge.renewal_after(
                    subscription, max(today, subscription.date_start)
                )
            )

    @api.depends("version_id", "price_move_ids", "plan_id.version_ids.state")
    def _compute_next_version_id(self):
        today = fields.Date.context_today(self)
        for subscription in self:
            day = subscription.current_period_id.local_start or today
            subscription.next_version_id = (
                subscription._get_version_at(day) if subscription.plan_id else False
            )

    def _get_version_at(self, date):
        """The pinned version, else the dated one, else the plan's version in force."""
        self.ensure_one()
        if self.version_id:
            return self.version_id
        move = self.price_move_ids.filtered(lambda move: move.date_from <= date).sorted(
            "date_from"
        )[-1:]
        return move.version_id or self.plan_id._get_version_at(date)
