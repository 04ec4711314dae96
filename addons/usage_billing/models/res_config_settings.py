from odoo import api, fields, models
from odoo.exceptions import AccessError


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    usage_currency_id = fields.Many2one(
        related="company_id.currency_id", string="Billing Currency"
    )
    usage_hold_amount = fields.Monetary(
        related="company_id.usage_hold_amount",
        readonly=False,
        currency_field="usage_currency_id",
    )

    usage_second_person = fields.Boolean(
        related="company_id.usage_second_person", readonly=False
    )
    usage_notice_days = fields.Integer(
        related="company_id.usage_notice_days", readonly=False
    )
    usage_coupon_order = fields.Selection(
        related="company_id.usage_coupon_order", readonly=False
    )

    usage_has_sample = fields.Boolean(compute="_compute_usage_has_sample")

    @api.depends("company_id")
    def _compute_usage_has_sample(self):
        Sample = self.env["usage.sample"].sudo()  # a yes or no about the own company
        for settings in self:
            settings.usage_has_sample = Sample._is_loaded(settings.company_id)

    def action_usage_load_sample(self):
        """Load the sample story into the current company."""
        self._check_usage_system()
        # sudo: the story is made of records of many models
        made = self.env["usage.sample"].sudo()._load(self.env.company)
        return self._notify_usage(
            self.env._("Sample data loaded"),
            self.env._(
                "%(count)s records are ready. Open Billing Runs and bill October 2026.",
                count=len(made),
            )
            if made
            else self.env._("The sample data was there already; nothing changed."),
        )

    def action_usage_remove_sample(self):
        """Take the sample story out of the current company again."""
        self._check_usage_system()
        # sudo: the story is made of records of many models
        deleted, kept = self.env["usage.sample"].sudo()._remove(self.env.company)
        if kept:
            message = self.env._(
                "%(deleted)s records were deleted. %(kept)s stay because posted "
                "documents depend on them, and were archived where possible: "
                "%(names)s.",
                deleted=deleted,
                kept=len(kept),
                names=", ".join(kept[:5]) + ("…" if len(kept) > 5 else ""),
            )
        else:
            message = self.env._(
                "%(deleted)s records were deleted; nothing of the sample is left.",
                deleted=deleted,
            )
        return self._notify_usage(
            self.env._("Sample data removed"), message, sticky=bool(kept)
        )

    def _check_usage_system(self):
        if not self.env.user.has_group("usage_billing.group_usage_billing_system"):
            raise AccessError(
                self.env._(
                    "Only a user with the role System of Usage Billing may load or "
                    "remove the sample data. Ask your administrator for the role."
                )
            )

    def _notify_usage(self, title, message, sticky=False):
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "title": title,
                "message": message,
                "type": "warning" if sticky else "success",
                "sticky": sticky,
                "next": {"type": "ir.actions.client", "tag": "soft_reload"},
            },
        }
