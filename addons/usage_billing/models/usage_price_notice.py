from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import format_date

#: notices rendered and queued in one transaction
NOTICE_BATCH = 50


class UsagePriceNotice(models.Model):
    """A customer was told of new prices: who, when, by which mail, what it said.

    The intent is written with the approval, in its transaction; a scheduled action
    turns it into a mail of Odoo's queue, which sends it. The mail stays as proof.
    """

    _name = "usage.price.notice"
    _description = "Usage Price Change Notice"
    _inherit = ["mail.thread"]
    _order = "effective_date desc, id desc"
    _check_company_auto = True

    version_id = fields.Many2one(
        "usage.plan.version",
        required=True,
        readonly=True,
        index=True,
        ondelete="restrict",
        check_company=True,
    )
    company_id = fields.Many2one(
        related="version_id.company_id", store=True, index=True
    )
    subscription_id = fields.Many2one(
        "usage.subscription",
        required=True,
        readonly=True,
        index=True,
        ondelete="restrict",
        check_company=True,
    )
    partner_id = fields.Many2one(
        "res.partner",
        string="Customer",
        required=True,
        readonly=True,
        index=True,
        ondelete="restrict",
    )
    effective_date = fields.Date(string="New Prices from", required=True, readonly=True)
    previous_version_id = fields.Many2one(
        "usage.plan.version",
        string="Prices until Then",
        readonly=True,
        index="btree_not_null",
        ondelete="restrict",
    )
    mail_id = fields.Many2one(
        "mail.mail", readonly=True, index="btree_not_null", ondelete="set null"
    )
    state = fields.Selection(
        [
            ("new", "To write"),
            ("cancelled", "Cancelled"),
            ("outgoing", "In the mail queue"),
            ("sent", "Sent"),
            ("failed", "Failed"),
            ("no_address", "No mail address"),
        ],
        required=True,
        default="new",
        readonly=True,
        index=True,
    )
    sent_at = fields.Datetime(readonly=True)
    failure_reason = fields.Text(related="mail_id.failure_reason")
    subject = fields.Char(related="mail_id.subject")

    _once = models.Constraint(
        "UNIQUE(version_id, subscription_id)",
        "A customer is told once of the prices of a version.",
    )

    @api.depends("partner_id", "version_id")
    def _compute_display_name(self):
        for notice in self:
            notice.display_name = self.env._(
                "New prices for %(customer)s from %(date)s",
                customer=notice.partner_id.display_name,
                date=format_date(self.env, notice.effective_date),
            )

    # ------------------------------------------------------------------
    # business
    # ------------------------------------------------------------------
    @api.model
    def _prepare_for(self, version, moving):
        """Note whom to tell; the mails are written by the scheduled action.

        :param moving: [(subscription, first day of the new prices)]
        """
        told = version.sudo().notice_ids.subscription_id
        self.sudo().create(  # written by publications only
            [
                {
                    "version_id": version.id,
                    "subscription_id": subscription.id,
                    "partner_id": subscription.payer_id.id,
                    "effective_date": day,
                    "previous_version_id": subscription._get_version_at(
                        day - timedelta(days=1)
                    ).id,
                }
                for subscription, day in moving
                if subscription not in told
            ]
        )
        cron = self.env.ref(
            "usage_billing.ir_cron_send_price_notices", raise_if_not_found=False
        )
        if cron:
            cron.sudo()._trigger()

    def _prepare_changes(self):
        """What moves for this customer, in the language of the environment."""
        self.ensure_one()
        version = self.version_id.sudo()  # the customer reads only what is rendered
        return version._prepare_difference(self.previous_version_id.sudo())

    def _get_effective_text(self):
        """First day of the new prices as the customer reads a date."""
        self.ensure_one()
        return format_date(self.env, self.effective_date, date_format="d MMMM y")

    def _queue_mails(self):
        """Write one mail for each notice and leave it to Odoo's queue."""
        template = self.env.ref("usage_billing.mail_template_price_notice")
        without = self.filtered(lambda notice: not notice.partner_id.email)
        without.state = "no_address"
        for notice in self - without:
            mail_id = template.sudo().send_mail(
                notice.id,
                force_send=False,
                email_values={"auto_delete": False, "model": self._name},
            )
            notice.write({"mail_id": mail_id, "state": "outgoing"})

    def _follow_mails(self):
        """Take over what became of the mails."""
        for notice in self:
            mail = notice.mail_id
            if mail.state == "sent":
                notice.write({"state": "sent", "sent_at": mail.write_date})
            elif mail.state in ("exception", "cancel"):
                notice.state = "failed"

    @api.model
    def _cron_send_notices(self):
        """Write waiting notices, in slices that can be killed; follow the others."""
        cron = self.env["ir.cron"]
        while waiting := self.search([("state", "=", "new")], limit=NOTICE_BATCH):
            waiting = waiting.try_lock_for_update()
            if not waiting:
                break
            waiting._queue_mails()
            left = self.search_count([("state", "=", "new")])
            if not cron._commit_progress(len(waiting), remaining=left):
                return
        self.search([("state", "in", ("outgoing", "failed"))])._follow_mails()

    def action_view_mail(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "mail.mail",
            "view_mode": "form",
            "res_id": self.mail_id.id,
        }


class UsagePlanVersion(models.Model):
    _inherit = "usage.plan.version"

    notice_ids = fields.One2many("usage.price.notice", "version_id", readonly=True)
    notice_count = fields.Integer(compute="_compute_notice_count")

    @api.depends("notice_ids")
    def _compute_notice_count(self):
        for version in self:
            version.notice_count = len(version.notice_ids)

    def _unpublish(self):
        """Notices already written stay as they are; the others are not sent."""
        result = super()._unpublish()
        self.notice_ids.sudo().filtered(  # written by publications only
            lambda notice: notice.state == "new"
        ).state = "cancelled"
        return result

    def action_view_notices(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Notices of %(version)s", version=self.display_name),
            "res_model": "usage.price.notice",
            "view_mode": "list,form",
            "domain": [("version_id", "=", self.id)],
            "context": {"create": False},
        }
