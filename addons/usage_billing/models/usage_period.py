from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL

from .. import bridge, messages

COLUMNS = (
    "subscription_id",
    "company_id",
    "local_start",
    "local_end",
    "start_at",
    "end_at",
    "tz",
    "anchor_day",
    "state",
)


class UsagePeriod(models.Model):
    """A billing period: a half-open interval of instants, built once and kept.

    ``local_start`` and ``local_end`` are days of the zone, end excluded; the
    instants are naive UTC as Odoo stores them. They are never computed again: a
    change of zone leaves neither hole nor overlap, because each period begins at
    the instant the one before it ended.
    """

    _name = "usage.period"
    _description = "Usage Billing Period"
    _order = "start_at desc, id desc"
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
        "res.company", required=True, readonly=True, index=True
    )
    partner_id = fields.Many2one(related="subscription_id.partner_id")
    local_start = fields.Date(required=True, readonly=True, help="First local day.")
    local_end = fields.Date(
        required=True, readonly=True, help="First local day after the period."
    )
    last_day = fields.Date(compute="_compute_last_day")
    start_at = fields.Datetime(required=True, readonly=True, help="UTC, included.")
    end_at = fields.Datetime(required=True, readonly=True, help="UTC, excluded.")
    tz = fields.Char(string="Time Zone", required=True, readonly=True)
    anchor_day = fields.Integer(readonly=True)
    state = fields.Selection(
        [("open", "Open"), ("billed", "Billed")],
        required=True,
        default="open",
        readonly=True,
        index=True,
    )
    billed_fingerprint = fields.Char(
        readonly=True,
        help="What the quantities were made from when the period was billed; usage "
        "that came later makes it differ, and the next run bills the difference.",
    )
    full_end = fields.Date(
        readonly=True,
        help="End of the period before it was cut by a change of plan or an earlier "
        "end; what was paid for the days after is credited.",
    )
    version_id = fields.Many2one(
        "usage.plan.version",
        string="Prices Decided",
        readonly=True,
        index="btree_not_null",
        ondelete="restrict",
        help="Prices of this period in place of those in force on its first day: a "
        "correction, which credits what was billed and bills it again.",
    )
    rated_line_ids = fields.One2many("usage.rated.line", "period_id", readonly=True)

    _start_unique = models.Constraint(
        "UNIQUE(subscription_id, start_at)",
        "The subscription already has a period that begins there.",
    )
    _instants_order = models.Constraint(
        "CHECK(start_at < end_at AND local_start < local_end)",
        "A period ends after it begins.",
    )
    _end_index = models.Index("(company_id, end_at) WHERE state = 'open'")

    # ------------------------------------------------------------------
    # compute
    # ------------------------------------------------------------------
    @api.depends("local_start", "local_end", "tz")
    @api.depends_context("lang")
    def _compute_display_name(self):
        for period in self:
            period.display_name = messages.period_label(
                self.env, period.local_start, period.local_end, period.tz
            )

    @api.depends("local_end")
    def _compute_last_day(self):
        for period in self:
            period.last_day = bridge.day_before(period.local_end)

    # ------------------------------------------------------------------
    # write / unlink
    # ------------------------------------------------------------------
    def write(self, vals):
        """A period's instants never change once something was billed for it."""
        frozen = {"start_at", "end_at", "local_start", "local_end", "tz"}
        if frozen & vals.keys() and any(period.state == "billed" for period in self):
            raise UserError(
                self.env._("A billed period cannot change: its invoice is posted.")
            )
        return super().write(vals)

    # ------------------------------------------------------------------
    # business
    # ------------------------------------------------------------------
    @api.model
    def _create_missing(self, vals_list):
        """Insert periods; those another process made meanwhile are left alone.

        One statement: ON CONFLICT on the unique key, because "search, then create"
        lets two processes make the same period.

        :param list[dict] vals_list: values of every column of COLUMNS
        :return: the periods that are new
        """
        if not vals_list:
            return self.browse()
        if not self.env.su:
            raise AccessError(self.env._("Billing periods are made by the system."))
        self.env["usage.subscription"].flush_model()
        rows = SQL(", ").join(
            SQL(
                "(%s, %s, (now() AT TIME ZONE 'UTC'), %s, (now() AT TIME ZONE 'UTC'))",
                SQL(", ").join(SQL("%s", vals[column]) for column in COLUMNS),
                self.env.uid,
                self.env.uid,
            )
            for vals in vals_list
        )
        inserted = self.env.execute_query(
            SQL(
                """INSERT INTO usage_period
                          (%s, create_uid, create_date, write_uid, write_date)
                   VALUES %s
                   ON CONFLICT (subscription_id, start_at) DO NOTHING
                   RETURNING id""",
                SQL(", ").join(map(SQL.identifier, COLUMNS)),
                rows,
            )
        )
        self.env["usage.subscription"].browse(
            {vals["subscription_id"] for vals in vals_list}
        ).invalidate_recordset(["period_ids", "current_period_id"])
        return self.browse(id_ for [id_] in inserted)

    def _unlink_unused(self):
        """Delete periods that nothing refers to yet; the others stay."""
        used = self.env["usage.rated.line"]._read_group(
            [("period_id", "in", self.ids)], ["period_id"]
        )
        unused = self - self.browse([period.id for [period] in used])
        unused.filtered(lambda period: not period._has_usage()).unlink()

    def _has_usage(self):
        """Whether the event store holds usage of the period."""
        self.ensure_one()
        store = self.env["usage.batch"]._store()
        return bool(store.aggregate(self, dimensions=False))

    def _shorten(self, local_end):
        """End the period earlier, at local midnight of a day inside it."""
        self.ensure_one()
        self.write(
            {
                "full_end": self.full_end or self.local_end,
                "local_end": local_end,
                "end_at": bridge.midnight(local_end, self.tz),
            }
        )

    def _cut(self, local_day):
        """End the period at local midnight of a day inside it; the rest is another.

        :return: the period of the rest
        """
        self.ensure_one()
        rest = {
            column: self[column].id if column.endswith("_id") else self[column]
            for column in COLUMNS
        }
        self._shorten(local_day)
        self.flush_recordset()
        rest.update(local_start=local_day, start_at=self.end_at, state="open")
        return self._create_missing([rest])

    def _mark_billed(self):
        """The usage of the periods is on posted invoices."""
        self.filtered(lambda period: period.state == "open").write({"state": "billed"})
