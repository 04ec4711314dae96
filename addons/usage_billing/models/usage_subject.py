from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError


class UsageSubject(models.Model):
    """Who a source's name for a user of something is, from when to when.

    A subject has at most one subscription at an instant (and, where a source is named,
    that mapping wins over one for every source). Events already stored keep the
    subscription they were matched with.
    """

    _name = "usage.subject"
    _description = "Usage Subject"
    _order = "subject, valid_from, id"
    _rec_name = "subject"
    _check_company_auto = True

    subject = fields.Char(
        required=True,
        index=True,
        help="The text by which the source calls the customer, account or device.",
    )
    company_id = fields.Many2one(
        "res.company", required=True, index=True, default=lambda self: self.env.company
    )
    source_id = fields.Many2one(
        "usage.source",
        index="btree_not_null",
        check_company=True,
        ondelete="restrict",
        help="Empty: the subject means the same in every source.",
    )
    subscription_id = fields.Many2one(
        "usage.subscription",
        required=True,
        index=True,
        check_company=True,
        ondelete="cascade",
    )
    partner_id = fields.Many2one(related="subscription_id.partner_id")
    valid_from = fields.Datetime(help="Included. Empty: always was.")
    valid_to = fields.Datetime(help="Excluded. Empty: still is.")

    # int8range of a hash instead of the text itself: no extension is needed for it
    _one_subscription_at_a_time = models.Constraint(
        "EXCLUDE USING gist ("
        "int8range(hashtextextended(company_id::text || ' ' || coalesce(source_id, 0)"
        "::text || ' ' || subject, 0), hashtextextended(company_id::text || ' ' || "
        "coalesce(source_id, 0)::text || ' ' || subject, 0), '[]') WITH &&, "
        "tsrange(valid_from, valid_to) WITH &&)",
        "This subject already belongs to a subscription at that time.",
    )

    @api.constrains("valid_from", "valid_to")
    def _check_order(self):
        for record in self:
            if (
                record.valid_from
                and record.valid_to
                and record.valid_from >= record.valid_to
            ):
                raise ValidationError(
                    self.env._(
                        "Subject %(subject)s would end before it begins: correct one "
                        "of the dates.",
                        subject=record.subject,
                    )
                )

    @api.model_create_multi
    def create(self, vals_list):
        """Ends written just before must stand when the successor is inserted."""
        self.flush_model(["valid_from", "valid_to"])
        return super().create(vals_list)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_used(self):
        for record in self:
            if self.env["usage.event"].search_count(
                [
                    ("company_id", "=", record.company_id.id),
                    ("subscription_id", "=", record.subscription_id.id),
                    ("subject", "=", record.subject),
                ],
                limit=1,
            ):
                raise UserError(
                    self.env._(
                        "Usage of %(subject)s is stored for %(subscription)s. End the "
                        "mapping by a date instead of deleting it.",
                        subject=record.subject,
                        subscription=record.subscription_id.display_name,
                    )
                )
