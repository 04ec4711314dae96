from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

#: What becomes of an event outside of the time it may have. It is never lost: what is
#: set aside stays in the quarantine too, decided already.
POLICIES = [("hold", "Wait for a decision"), ("ignore", "Set aside")]
#: What an event's identity depends on.
IDENTITY = {"identity_mode", "id_format", "company_id"}


class UsageSource(models.Model):
    """A system that usage events come from.

    (company, source, event id) identifies an event for ever, so a source is archived
    and never deleted once it delivered something.
    """

    _name = "usage.source"
    _description = "Usage Source"
    _inherit = ["mail.thread"]
    _order = "name, id"
    _check_company_auto = True

    name = fields.Char(required=True, tracking=True)
    code = fields.Char(
        required=True,
        copy=False,
        help="Short technical name, unique in the company; imports and the API use it.",
    )
    company_id = fields.Many2one(
        "res.company", required=True, index=True, default=lambda self: self.env.company
    )
    active = fields.Boolean(default=True, tracking=True)
    kind = fields.Selection(
        [
            ("file", "Files"),
            ("api", "API"),
            ("manual", "Manual"),
            ("sample", "Sample data"),
        ],
        required=True,
        default="file",
        tracking=True,
    )
    identity_mode = fields.Selection(
        [("strict", "Strict"), ("time_keyed", "The id carries its time")],
        required=True,
        default="strict",
        tracking=True,
        help="Strict: an event id comes once for ever, whatever its time. The id "
        "carries its time: needs no register of ids and is faster, for sources that "
        "make their ids from the time of the event.",
    )
    id_format = fields.Selection(
        [
            ("composed", "Id and time together identify"),
            ("uuid7", "UUID version 7"),
            ("ulid", "ULID"),
        ],
        string="Format of Ids",
        required=True,
        default="composed",
        tracking=True,
        help="Of ids that carry their time. UUID version 7 and ULID: the time is read "
        "from the id, so the same id comes once for ever. Id and time together "
        "identify: the same id with another time is another event.",
    )
    id_tolerance_min = fields.Integer(
        string="Id Time Tolerance (minutes)",
        required=True,
        default=1440,
        help="An event whose time and the time in its id differ by more than this "
        "waits in the quarantine.",
    )
    delivery_mode = fields.Selection(
        [("append", "Adds to what is there"), ("overwrite", "Replaces its scope")],
        required=True,
        default="append",
        tracking=True,
        help="Replaces its scope: a new version of a delivery takes the place of the "
        "version before, as cloud providers do for a month that is not final.",
    )
    future_tolerance_min = fields.Integer(
        string="Future Tolerance (minutes)",
        required=True,
        default=1440,
        help="Events later than their arrival by more than this wait in the "
        "quarantine. -1, or more than 366 days: those more than 366 days ahead, since "
        "the periods up to there would have to be made.",
    )
    late_tolerance_days = fields.Integer(
        string="Late Tolerance (days)",
        required=True,
        default=-1,
        help="Events older than this on arrival are too late. -1: not checked, late "
        "usage is billed as the contract says.",
    )
    future_policy = fields.Selection(
        POLICIES, string="In the Future", required=True, default="hold"
    )
    late_policy = fields.Selection(
        POLICIES, string="Too Late", required=True, default="hold"
    )
    before_start_policy = fields.Selection(
        POLICIES, string="Before the Subscription", required=True, default="hold"
    )
    after_end_policy = fields.Selection(
        POLICIES, string="After the Subscription", required=True, default="hold"
    )
    batch_ids = fields.One2many("usage.batch", "source_id")
    batch_count = fields.Integer(compute="_compute_batch_count")

    _code_unique = models.Constraint(
        "UNIQUE(company_id, code)",
        "Another source of this company already has this code.",
    )
    _future_tolerance_range = models.Constraint(
        "CHECK(future_tolerance_min >= -1)",
        "The future tolerance is a number of minutes, or -1.",
    )
    _late_tolerance_range = models.Constraint(
        "CHECK(late_tolerance_days >= -1)",
        "The late tolerance is a number of days, or -1.",
    )
    _id_tolerance_range = models.Constraint(
        "CHECK(id_tolerance_min >= 0)",
        "The id time tolerance is a number of minutes.",
    )

    # ------------------------------------------------------------------
    # compute
    # ------------------------------------------------------------------
    @api.depends("batch_ids")
    def _compute_batch_count(self):
        counts = dict(
            self.env["usage.batch"]._read_group(
                [("source_id", "in", self.ids)], ["source_id"], ["__count"]
            )
        )
        for source in self:
            source.batch_count = counts.get(source, 0)

    # ------------------------------------------------------------------
    # write / unlink
    # ------------------------------------------------------------------
    def write(self, vals):
        """Refuse what would change the identity of events already stored."""
        if IDENTITY & vals.keys():
            for source in self:
                if source.batch_count and any(
                    vals[name]
                    != source._fields[name].convert_to_write(source[name], source)
                    for name in IDENTITY
                    if name in vals
                ):
                    raise UserError(
                        self.env._(
                            "Source %(name)s has delivered events: its company and "
                            "how it identifies events cannot change any more. Make a "
                            "new source.",
                            name=source.name,
                        )
                    )
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_used(self):
        for source in self:
            if source.batch_count:
                raise UserError(
                    self.env._(
                        "Source %(name)s has delivered events and cannot be deleted. "
                        "Archive it instead.",
                        name=source.name,
                    )
                )

    # ------------------------------------------------------------------
    # actions
    # ------------------------------------------------------------------
    def action_view_batches(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "usage_billing.usage_batch_action"
        )
        return {**action, "domain": [("source_id", "=", self.id)], "context": {}}

    # ------------------------------------------------------------------
    # business
    # ------------------------------------------------------------------
    def _get_key_mode(self):
        """How the store tells this source's events apart.

        :return: see :func:`metering.keys.key_function`
        """
        self.ensure_one()
        return "strict" if self.identity_mode == "strict" else self.id_format

    def _erase(self):
        """Forget all that these sources delivered, as if it had never come.

        For sample data and rehearsals. A source of which anything was billed is the
        evidence of invoices and stays whole.

        :raise UserError: a billed period holds usage of the source
        """
        Batch = self.env["usage.batch"].with_context(active_test=False)
        for source in self:
            store = Batch.with_company(source.company_id)._store()
            batches = Batch.search([("source_id", "=", source.id)])
            if "billed" in store.periods_of(batches).mapped("state"):
                raise UserError(
                    self.env._(
                        "Usage of source %(name)s was invoiced and is kept as the "
                        "evidence of the invoices. Archive the source instead.",
                        name=source.name,
                    )
                )
            store.erase(source)
            self._erase_held_rows(batches)
            source._erase_batches(batches)

    def _erase_batches(self, batches):
        """Delete the records of batches whose events are gone.

        An override takes away first what it keeps about them.
        """
        batches.write(
            {
                "rows_read": 0,
                "accepted_count": 0,
                "duplicate_count": 0,
                "quarantined_count": 0,
                "ignored_count": 0,
            }
        )
        batches.unlink()

    def _erase_held_rows(self, batches):
        """Held rows go with their source only, never one by one: hence no unlink()."""
        self.env["usage.quarantine"].flush_model()
        self.env.cr.execute(
            SQL("DELETE FROM usage_quarantine WHERE batch_id = ANY(%s)", batches.ids)
        )
        self.env["usage.quarantine"].invalidate_model()
