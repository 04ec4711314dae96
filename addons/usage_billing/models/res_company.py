from odoo import fields, models

from .usage_subscription import DEFAULT_ZONE


class ResCompany(models.Model):
    _inherit = "res.company"

    usage_hold_amount = fields.Monetary(
        string="Hold Above",
        help="A subscription that a run would bill for more than this is held for a "
        "person to look at. 0: no bound.",
    )
    usage_second_person = fields.Boolean(
        string="Two Persons for Prices",
        help="Who wrote prices does not approve them: another approver does.",
    )
    usage_notice_days = fields.Integer(
        string="Notice of New Prices",
        help="Days before new prices count during which customers know them. Proposed "
        "on each new version; 0: nobody is told.",
    )
    usage_coupon_order = fields.Selection(
        [("given", "In the order of the list"), ("percent_first", "Percentages first")],
        string="Coupons Apply",
        default="given",
        required=True,
        help="Several coupons of a subscription apply one after another, each to what "
        "the ones before it left.",
    )

    def _usage_get_zone(self):
        """Time zone in which the company's documents are dated.

        :return: name of a zone: that of the company's contact, else Paris
        """
        self.ensure_one()
        return self.partner_id.tz or DEFAULT_ZONE

    def _usage_at_home(self, records):
        """Give records the company and its time zone, so that today is the seller's.

        For what no person starts: scheduled actions and jobs have no time zone, so that
        Odoo takes the day of UTC for today, also in all that they call.
        """
        return records.with_company(self).with_context(tz=self._usage_get_zone())

    def _usage_get_today(self):
        """Today where the company is, whoever asks."""
        return fields.Date.context_today(self._usage_at_home(self))
