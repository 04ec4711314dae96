from odoo import api, fields, models
from odoo.exceptions import ValidationError


class RevenueShareAttribution(models.Model):
    """Says that what a customer buys is shared under an agreement, and when."""

    _name = "revenue.share.attribution"
    _description = "Revenue Share Attribution"
    _order = "agreement_id, customer_id, date_from, id"
    _rec_name = "customer_id"
    _check_company_auto = True

    agreement_id = fields.Many2one(
        "revenue.share.agreement",
        required=True,
        ondelete="cascade",
        index=True,
        check_company=True,
    )
    company_id = fields.Many2one(
        related="agreement_id.company_id", store=True, index=True, readonly=True
    )
    customer_id = fields.Many2one(
        "res.partner", required=True, ondelete="restrict", index=True
    )
    subscription_id = fields.Many2one(
        "usage.subscription",
        ondelete="restrict",
        index="btree_not_null",
        check_company=True,
        help="Only what this subscription is billed for. Empty: all the customer buys.",
    )
    date_from = fields.Date(string="From")
    date_to = fields.Date(
        string="To", help="Last day on which purchases of the customer are shared."
    )
    is_first_purchase_only = fields.Boolean(
        string="First purchase only",
        help="Only the first invoice of the customer is shared.",
    )
    first_move_id = fields.Many2one(
        "account.move",
        string="First invoice",
        readonly=True,
        copy=False,
        ondelete="set null",
        index="btree_not_null",
    )

    _dates_in_order = models.Constraint(
        "CHECK (date_to IS NULL OR date_from IS NULL OR date_from <= date_to)",
        "The last day of an attribution cannot be before its first day.",
    )

    @api.constrains("customer_id")
    def _check_customer(self):
        for attribution in self:
            customer = attribution.customer_id
            if customer != customer.commercial_partner_id:
                raise ValidationError(
                    self.env._(
                        "%(partner)s is a contact of %(company)s: attribute the "
                        "company itself.",
                        partner=customer.display_name,
                        company=customer.commercial_partner_id.display_name,
                    )
                )

    @api.constrains("customer_id", "subscription_id")
    def _check_subscription(self):
        for attribution in self:
            subscription = attribution.subscription_id
            customer = subscription.partner_id.commercial_partner_id
            if subscription and customer != attribution.customer_id:
                raise ValidationError(
                    self.env._(
                        "The subscription %(subscription)s belongs to %(owner)s, "
                        "not to %(customer)s.",
                        subscription=subscription.display_name,
                        owner=customer.display_name,
                        customer=attribution.customer_id.display_name,
                    )
                )

    @api.constrains(
        "agreement_id", "customer_id", "subscription_id", "date_from", "date_to"
    )
    def _check_overlap(self):
        for attribution in self:
            others = attribution.agreement_id.attribution_ids - attribution
            for other in others.filtered(
                lambda other, own=attribution: (
                    other.customer_id == own.customer_id
                    and other.subscription_id == own.subscription_id
                )
            ):
                if attribution._overlaps(other):
                    raise ValidationError(
                        self.env._(
                            "%(customer)s is attributed twice at the same time in the "
                            "agreement %(agreement)s.",
                            customer=attribution.customer_id.display_name,
                            agreement=attribution.agreement_id.name,
                        )
                    )

    def _overlaps(self, other):
        ends_before = (
            self.date_to and other.date_from and self.date_to < other.date_from
        )
        starts_after = (
            self.date_from and other.date_to and self.date_from > other.date_to
        )
        return not (ends_before or starts_after)

    def _covers(self, line, customer, day):
        """Say whether an invoice line of a day belongs to the attribution.

        Remembers the first invoice where only that one counts.

        :param customer: company that used what the line bills
        """
        self.ensure_one()
        subscription = self.subscription_id
        if self.customer_id != customer or (
            subscription and subscription != line.usage_rated_line_id.subscription_id
        ):
            return False
        if (self.date_from and day < self.date_from) or (
            self.date_to and day > self.date_to
        ):
            return False
        if self.is_first_purchase_only:
            if not self.first_move_id:
                self.first_move_id = line.move_id
            return self.first_move_id == line.move_id
        return True
