from odoo import Command, api, fields, models
from odoo.exceptions import UserError

from .. import messages, price_terms
from ..fields_exact import Exact
from ..rating.indexation import index
from ..rating.periods import add_months


class UsageIndex(models.Model):
    """An official index and its published values, such as SYNTEC."""

    _name = "usage.index"
    _description = "Usage Price Index"
    _order = "name, id"

    name = fields.Char(required=True, translate=True)
    code = fields.Char(required=True, help="Short name, such as SYNTEC.")
    source = fields.Char(help="Where its values are published.")
    company_id = fields.Many2one(
        "res.company", required=True, index=True, default=lambda self: self.env.company
    )
    value_ids = fields.One2many("usage.index.value", "index_id", copy=True)

    _code_unique = models.Constraint(
        "UNIQUE(company_id, code)", "This company already has an index of that code."
    )

    def _get_value_at(self, day):
        """Last value published for a day.

        :return: a ``usage.index.value``, empty when there is none yet
        """
        self.ensure_one()
        return self.value_ids.filtered(lambda value: value.date <= day).sorted("date")[
            -1:
        ]


class UsageIndexValue(models.Model):
    _name = "usage.index.value"
    _description = "Usage Price Index Value"
    _order = "date desc"

    index_id = fields.Many2one(
        "usage.index", required=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one(related="index_id.company_id", store=True, index=True)
    date = fields.Date(required=True, help="Day from which the value counts.")
    value = Exact(required=True)

    _date_unique = models.Constraint(
        "UNIQUE(index_id, date)", "An index has one value from one day."
    )


class UsageIndexation(models.Model):
    """A clause of a contract: on its anniversary, prices follow an index.

    It proposes: a draft version reserved to the contract, with the formula as its
    reason and its impact computed; a person approves it like any other.
    """

    _name = "usage.indexation"
    _description = "Usage Price Indexation Clause"
    _inherit = ["mail.thread", "mail.activity.mixin"]
    _order = "next_date, id"
    _check_company_auto = True

    subscription_id = fields.Many2one(
        "usage.subscription",
        required=True,
        index=True,
        ondelete="cascade",
        check_company=True,
    )
    company_id = fields.Many2one(
        related="subscription_id.company_id", store=True, index=True
    )
    active = fields.Boolean(default=True)
    index_id = fields.Many2one(
        "usage.index", required=True, index=True, ondelete="restrict", tracking=True
    )
    base_value = Exact(
        required=True, tracking=True, help="Value of the index the prices stand on."
    )
    cap_percent = Exact(
        string="At Most %", help="Prices never rise by more than this at once."
    )
    floor_percent = Exact(
        string="At Least %", help="0: prices never fall. Empty: they follow."
    )
    next_date = fields.Date(
        string="Next Anniversary",
        required=True,
        tracking=True,
        help="First day of the new prices; afterwards every so many months.",
    )
    every_months = fields.Integer(required=True, default=12)
    lead_days = fields.Integer(
        string="Propose Days Ahead",
        default=45,
        help="The new version is proposed this many days before the anniversary.",
    )
    decimals = fields.Integer(
        default=6, help="Decimals of indexed prices, rounded half up."
    )
    version_ids = fields.One2many("usage.plan.version", "indexation_id")
    formula_text = fields.Char(compute="_compute_formula_text", string="Formula Today")

    _months_positive = models.Constraint(
        "CHECK(every_months > 0)", "An anniversary comes back after some months."
    )
    _decimals_range = models.Constraint(
        "CHECK(decimals BETWEEN 0 AND 12)", "Prices have 0 to 12 decimals."
    )

    @api.depends("subscription_id.name", "index_id.code")
    def _compute_display_name(self):
        for clause in self:
            names = (clause.subscription_id.name, clause.index_id.code)
            clause.display_name = " – ".join(filter(None, names))

    @api.depends(
        "index_id.value_ids.value",
        "base_value",
        "cap_percent",
        "floor_percent",
        "next_date",
    )
    @api.depends_context("lang")
    def _compute_formula_text(self):
        for clause in self:
            found, value = clause._work_out()
            clause.formula_text = clause._say(found, value) if found else ""

    def _work_out(self):
        """The indexation of the next anniversary, None without a value."""
        self.ensure_one()
        value = self.next_date and self.index_id._get_value_at(self.next_date)
        if not value or not self.base_value:
            return None, None
        return (
            index(self.base_value, value.value, self.cap_percent, self.floor_percent),
            value,
        )

    def _say(self, found, value):
        """ "SYNTEC 106.9 (1 Oct 2026) / 104.25 = +2.54 %, capped at 2 %: × 1.02"."""
        text = self.env._(
            "%(index)s %(value)s (%(date)s) / %(base)s: %(percent)s %%",
            index=self.index_id.code,
            value=messages.number(self.env, found.value),
            date=messages.day(self.env, value.date),
            base=messages.number(self.env, found.base),
            percent=messages.number(self.env, round(found.raw, 2)),
        )
        bounds = {
            "cap": self.env._("not above %(percent)s %%", percent=found.percent),
            "floor": self.env._("not below %(percent)s %%", percent=found.percent),
        }
        parts = [text, bounds[found.bound]] if found.bound else [text]
        return "{}; × {}".format(
            ", ".join(parts), messages.number(self.env, found.coefficient)
        )

    def action_propose(self):
        """Make the draft of the next anniversary, with formula and impact."""
        self.ensure_one()
        version = self._propose()
        return {
            "type": "ir.actions.act_window",
            "res_model": "usage.plan.version",
            "view_mode": "form",
            "res_id": version.id,
        }

    def _propose(self):
        """Draft version of this contract with every price multiplied.

        :return: the draft; the one that is there already when proposed twice
        :raise UserError: no value of the index, or no prices to index
        """
        self.ensure_one()
        there = self.version_ids.filtered(
            lambda version: version.valid_from == self.next_date
        )
        if there:
            return there[0]
        found, value = self._work_out()
        before = self.subscription_id._get_version_at(self.next_date)
        if not found or not before:
            raise UserError(
                self.env._(
                    "%(clause)s cannot be worked out: enter a value of %(index)s for "
                    "%(date)s or earlier.",
                    clause=self.display_name,
                    index=self.index_id.name,
                    date=messages.day(self.env, self.next_date),
                )
            )
        version = before.copy(
            {
                "valid_from": self.next_date,
                "based_on_id": before.id,
                "indexation_id": self.id,
                "reserved_subscription_ids": [Command.link(self.subscription_id.id)],
                "note": self._say(found, value),
            }
        )
        self._multiply(version.charge_ids, found)
        version.action_simulate()
        return version

    def _multiply(self, rows, found):
        """Multiply every amount of money of charges and of their tables."""
        for row in rows:
            vals = {}
            for field in price_terms.term_fields(row):
                if field.type == "one2many":
                    self._multiply(row[field.name], found)
                elif price_terms.is_money(field) and row[field.name]:
                    vals[field.name] = found.price(row[field.name], self.decimals)
            if vals:
                row.write(vals)

    def _advance(self, version):
        """After approval: the next anniversary stands on the value used now."""
        for clause in self:
            value = clause.index_id._get_value_at(version.valid_from)
            found, _value = clause._work_out()
            if not found:
                continue
            day = version.valid_from
            clause.write(
                {
                    "base_value": value.value,
                    "next_date": add_months(day, clause.every_months, day.day),
                }
            )

    @api.model
    def _cron_propose(self):
        """Daily: propose what is due; a clause that cannot be worked out stops none."""
        for clause in self.search([("next_date", "!=", False)]):
            clause = clause.company_id._usage_at_home(clause)
            today = fields.Date.context_today(clause)
            due = fields.Date.subtract(clause.next_date, days=clause.lead_days) <= today
            if not due or clause.version_ids.filtered(
                lambda version, clause=clause: version.valid_from == clause.next_date
            ):
                continue
            try:
                version = clause._propose()
            except UserError as error:
                clause._remind(str(error))
            else:
                clause._remind(
                    self.env._(
                        "%(version)s waits for approval.", version=version.display_name
                    )
                )

    def _remind(self, note):
        """One activity for the person in charge."""
        summary = self.env._("Indexation of prices")
        if summary not in self.activity_ids.mapped("summary"):
            self.activity_schedule(
                "mail.mail_activity_data_todo",
                summary=summary,
                note=note,
                user_id=self.create_uid.id,
            )


class UsagePlanVersion(models.Model):
    _inherit = "usage.plan.version"

    indexation_id = fields.Many2one(
        "usage.indexation",
        string="Indexation Clause",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="set null",
    )

    def _publish(self):
        result = super()._publish()
        for version in self.filtered("indexation_id"):
            version.indexation_id._advance(version)
            version.indexation_id.activity_feedback(["mail.mail_activity_data_todo"])
        return result


class UsageSubscription(models.Model):
    _inherit = "usage.subscription"

    indexation_ids = fields.One2many("usage.indexation", "subscription_id")
