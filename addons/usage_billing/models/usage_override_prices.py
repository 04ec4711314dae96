from odoo import Command, api, fields, models

from .. import messages, price_terms
from ..rating.overrides import ranked


class UsageSubscription(models.Model):
    """Which price wins for this customer, and why."""

    _inherit = "usage.subscription"

    prices_html = fields.Html(
        string="Prices", compute="_compute_prices_html", sanitize=False
    )
    override_ids = fields.Many2many(
        "usage.override", compute="_compute_override_ids", string="Exceptions"
    )

    @api.depends("partner_id", "plan_id", "version_id", "price_move_ids")
    def _compute_override_ids(self):
        today = fields.Date.context_today(self)
        records = self.env["usage.override"].search([("state", "=", "approved")])
        for subscription in self:
            subscription.override_ids = [
                Command.set(
                    records.filtered(
                        lambda found, sub=subscription: found._reaches(sub, today)
                    ).ids
                )
            ]

    def _overrides_in_force(self, period, version=None):
        """Exceptions that count for a period of this subscription.

        For many periods use ``usage.override._for_periods``, which is one query.

        :param usage.period period: of this subscription
        :param usage.plan.version version: that prices it; found when not given
        :rtype: tuple[rating.overrides.Override, ...]
        """
        self.ensure_one()
        version = version or self._get_version_at(period.local_start)
        found = self.env["usage.override"]._for_periods([(period, version)])
        return found.get(period.id, ())

    @api.depends("partner_id", "plan_id", "version_id", "price_move_ids")
    @api.depends_context("lang")
    def _compute_prices_html(self):
        for subscription in self:
            subscription.prices_html = self.env["ir.qweb"]._render(
                "usage_billing.subscription_prices",
                {"rows": subscription._prepare_price_rows()},
            )

    def _prepare_price_rows(self):
        """One row for each charge: list price, the price that wins, and why."""
        self.ensure_one()
        version = self.next_version_id
        day = self.current_period_id.local_start or fields.Date.context_today(self)
        records = self.env["usage.override"].search(
            [("state", "!=", "draft"), ("company_id", "=", self.company_id.id)]
        )
        values = []
        for record in records:
            if record._reaches(self, day):
                values.append(record._to_value(version))
        values = [value for value in values if value is not None]
        rows = []
        for charge in version.charge_ids:
            order = ranked(charge.key, values)
            won = self.env["usage.override"].browse([value.id for value in order[:1]])
            lost = self.env["usage.override"].browse([value.id for value in order[1:]])
            rows.append(
                {
                    "name": charge.name,
                    "list": charge._get_price_text(),
                    "won": won.terms_text or "",
                    "why": self._why_text(order[0], won) if order else "",
                    "lost": [
                        self.env._(
                            "%(override)s (%(terms)s) does not count",
                            override=other.name,
                            terms=other.terms_text,
                        )
                        for other in lost
                    ],
                }
            )
        return rows

    def _why_text(self, value, override):
        """Why an exception wins, in a sentence."""
        facts = {
            "override": override.name,
            "date": messages.day(self.env, override.date_from),
            "group": override.category_id.name or "",
            "product": override.product_id.display_name or "",
        }
        who = {
            "customer": self.env._("agreed with this customer"),
            "group": self.env._("for the group %(group)s", **facts),
            "everybody": self.env._("for every customer"),
        }[value.who]
        what = {
            "charge": self.env._("on this charge"),
            "product": self.env._("on product %(product)s", **facts),
            "plan": self.env._("on the whole plan"),
            "anything": self.env._("on everything"),
        }[value.what]
        return self.env._(
            "%(override)s, %(who)s, %(what)s, since %(date)s",
            override=facts["override"],
            who=who,
            what=what,
            date=facts["date"],
        )


class UsageCharge(models.Model):
    _inherit = "usage.charge"

    override_count = fields.Integer(compute="_compute_override_count")

    def _get_overrides(self):
        """Exceptions that change this charge for somebody."""
        self.ensure_one()
        records = self.env["usage.override"].search([("state", "=", "approved")])
        return records.filtered(
            lambda record: (
                (value := record._to_value(self.version_id)) is not None
                and value.reaches(self.key)
            )
        )

    @api.depends("key", "version_id", "product_id")
    def _compute_override_count(self):
        for charge in self:
            charge.override_count = len(charge._get_overrides()) if charge.key else 0

    def action_view_overrides(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Exceptions to %(charge)s", charge=self.name),
            "res_model": "usage.override",
            "view_mode": "list,form",
            "domain": [("id", "in", self._get_overrides().ids)],
            "context": {
                "default_plan_id": self.plan_id.id,
                "default_charge_key": self.key,
            },
        }

    def _get_price_text(self):
        """The price of the charge in a few words: "0.01 EUR / call", "3 tiers"."""
        self.ensure_one()
        if self.tier_ids:
            return self.env._("%(count)s tiers", count=len(self.tier_ids))
        for name in ("unit_price", "package_price", "rate_percent", "multiplier"):
            value = self[name] if name in self._fields else None
            if value:
                words = price_terms.words(
                    self.env, self._fields[name], value, self.currency_id
                )
                unit = self._get_price_unit(name)
                return f"{words} / {unit}" if unit else words
        return dict(self._fields["model"]._description_selection(self.env))[self.model]

    def _get_price_unit(self, name):
        """What one price of the charge buys: "call", "100,000 calls" for a package.

        :param str name: the field that holds the price
        """
        if name == "package_price" and self.package_size:
            return messages.with_unit(self.env, self.package_size, self.unit_label)
        return self.unit_label if name == "unit_price" else ""
