from odoo import api, fields, models
from odoo.tools import SQL

from ..fields_exact import Exact
from ..metering import schema


class UsageEvent(models.Model):
    """The event store, to look at. Events are written by ``usage.batch`` only.

    A view on tables that are not the ORM's, see ``metering/schema.py``. Lists should be
    narrowed to a period, a batch or a span of time: that is what the store is indexed
    by.
    """

    _name = "usage.event"
    _description = "Usage Event"
    _auto = False
    _log_access = False
    _order = "time desc, id desc"
    _rec_name = "event_id"

    event_id = fields.Char(readonly=True)
    type = fields.Char(readonly=True)
    subject = fields.Char(readonly=True)
    time = fields.Datetime(readonly=True, help="When the usage happened.")
    value = Exact(readonly=True)
    amount = Exact(readonly=True, help="What the event itself costs.")
    currency = fields.Char(readonly=True)
    dimensions = fields.Char(readonly=True)
    properties = fields.Char(readonly=True)
    kind = fields.Selection(
        [("u", "Usage"), ("v", "Void"), ("a", "Amendment")], readonly=True
    )
    company_id = fields.Many2one("res.company", readonly=True)
    source_id = fields.Many2one("usage.source", readonly=True)
    batch_id = fields.Many2one("usage.batch", readonly=True)
    row_number = fields.Integer(string="Row", readonly=True, aggregator=None)
    subscription_id = fields.Many2one("usage.subscription", readonly=True)
    period_id = fields.Many2one("usage.period", readonly=True)
    received_at = fields.Datetime(string="Received", readonly=True)
    is_live = fields.Boolean(
        string="Counts",
        readonly=True,
        help="No: it was voided or amended, or its delivery was replaced by a newer "
        "version.",
    )
    corrected_by_id = fields.Many2one("usage.batch", readonly=True)

    def init(self):
        self._create_store()
        # once all models have their tables
        self.pool.post_init(schema.watch, self.env.cr)

    @api.model
    def _create_store(self):
        """Create the tables of the store, or bring them to the layout of today."""
        schema.create(self.env.cr)
        schema.create_view(self.env.cr)
        self.env.cr.execute(
            SQL(
                """
                CREATE OR REPLACE VIEW usage_event AS
                SELECT e.id, e.event_id, e.type, e.subject, e.time, e.value, e.amount,
                       e.currency, e.kind::varchar AS kind, e.company_id, e.source_id,
                       e.batch_id, e.row_number, e.subscription_id, e.period_id,
                       e.received_at,
                       (SELECT string_agg(d.key || ' = ' || d.value, ', '
                                          ORDER BY d.key)
                          FROM usage_store_dimset s, jsonb_each_text(s.dims) d
                         WHERE s.id = e.dimset_id) AS dimensions,
                       (SELECT string_agg(p.key || ' = ' || p.value, ', '
                                          ORDER BY p.key)
                          FROM jsonb_each_text(e.properties) p) AS properties,
                       e.kind <> 'v' AND gone.target_id IS NULL
                       AND coalesce(made.origin_batch_id, e.batch_id) NOT IN (
                           SELECT b.id FROM usage_batch b
                            WHERE b.state = 'superseded') AS is_live,
                       gone.batch_id AS corrected_by_id
                  FROM usage_store_event e
             LEFT JOIN usage_store_correction gone ON gone.target_id = e.id
             LEFT JOIN usage_store_correction made ON made.row_id = e.id
                """
            )
        )

    @api.model
    def _drop_store(self):
        """Drop the tables of the store, with everything in them (uninstall)."""
        schema.drop(self.env.cr)

    # ------------------------------------------------------------------
    # actions
    # ------------------------------------------------------------------
    def action_void(self):
        """Prepare to void these events: the difference is shown before."""
        self.env["usage.correction"].check_access("create")
        self.check_access("read")
        return self._open_correction(self.env["usage.correction"]._create_void(self))

    def action_amend(self):
        """Prepare to amend this event."""
        self.ensure_one()
        self.env["usage.correction"].check_access("create")
        self.check_access("read")
        return self._open_correction(
            self.env["usage.correction"]._create_amendment(self)
        )

    def _open_correction(self, correction):
        return {
            "type": "ir.actions.act_window",
            "name": correction.name,
            "res_model": "usage.correction",
            "res_id": correction.id,
            "view_mode": "form",
            "views": [(False, "form")],
        }
