from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import format_date


class UsageEventFind(models.TransientModel):
    """Ask for an event by its id: wherever it is, its story opens."""

    _name = "usage.event.find"
    _description = "Find a Usage Event"

    event_id = fields.Char(required=True, help="As the source names it.")
    source_id = fields.Many2one("usage.source", help="Empty: every source.")
    around = fields.Datetime(
        string="When It Happened",
        help="Needed only for sources whose ids mean nothing without a time.",
    )
    result_html = fields.Html(compute="_compute_result_html", sanitize=False)
    is_archived = fields.Boolean(compute="_compute_result_html")

    @api.depends("event_id", "source_id", "around")
    def _compute_result_html(self):
        for wizard in self:
            if not wizard.event_id:
                wizard.update({"result_html": False, "is_archived": False})
                continue
            archived = wizard._get_archived()
            wizard.is_archived = bool(archived)
            wizard.result_html = wizard.env["ir.qweb"]._render(
                "usage_billing.event_hits",
                {"hits": wizard._find(), "archived": wizard._say_archived(archived)},
            )

    def _get_sources(self):
        return self.source_id or self.env["usage.source"].with_context(
            active_test=False
        ).search([("company_id", "in", self.env.companies.ids)])

    def _get_archived(self):
        """Events with the id whose month left the store.

        :return: list of (usage.source, time)
        """
        if not self.event_id:
            return []
        return self.env["usage.event.story"]._find_archived(
            self._get_sources(), self.event_id.strip(), self.around or None
        )

    def _say_archived(self, found):
        """Sentences about them."""
        return [
            self.env._(
                "It arrived from %(name)s, happened on %(day)s and left the store "
                "with its month, %(month)s. Its amounts stay. “Bring It Back” brings "
                "the events of its period back and opens its story.",
                name=source.name,
                day=format_date(self.env, time),
                month=f"{time:%Y-%m}",
            )
            for source, time, _event in found
        ]

    def _find(self):
        """Stored events and quarantined rows with this id that the user may see.

        :return: list of dicts of texts: ``url``, ``title``, ``when``, ``what``,
            ``state``
        """
        sources = self._get_sources()
        event_id = self.event_id.strip()
        Story = self.env["usage.event.story"]
        stored = Story._find_stored(sources, event_id, self.around or None)
        rows = self.env["usage.quarantine"].search(
            [
                ("event_id", "=", event_id),
                ("source_id", "in", sources.ids),
                ("state", "in", ("open", "ignored")),
            ],
            limit=20,
        )
        states = dict(rows._fields["state"]._description_selection(self.env))
        reasons = dict(rows._fields["reason_code"]._description_selection(self.env))
        return [
            {
                "url": f"/odoo/usage.event/{event.id}",
                "title": event.event_id,
                "what": f"{event.subject}, {event.type}",
                "when": event.time,
                "source": event.source_id.name,
                "state": self.env._("Stored"),
                "is_open": False,
            }
            for event in stored
        ] + [
            {
                "url": f"/odoo/usage.quarantine/{row.id}",
                "title": row.event_id,
                "what": reasons.get(row.reason_code, ""),
                "when": row.event_time,
                "source": row.source_id.name,
                "state": states.get(row.state, ""),
                "is_open": True,
            }
            for row in rows
        ]

    def action_bring_back(self):
        """Bring the periods of the archived events back, and open their story."""
        self.ensure_one()
        event_id = self.event_id.strip()
        for source, _time, _event in self._get_archived():
            # sudo: what is stored stays what it is, it is only where it was before
            store = self.env["usage.batch"].with_company(source.company_id).sudo()
            store._store().bring_back(source, [(event_id, self.around or None)])
        self.invalidate_recordset()
        if self._get_archived():
            raise UserError(
                self.env._(
                    "Month %(month)s is too large to be looked through, or its archive "
                    "is damaged. Ask a usage billing administrator to bring it back "
                    "under Configuration, Months of Events.",
                    month=f"{self._get_archived()[0][1]:%Y-%m}",
                )
            )
        return self.action_find()

    def action_find(self):
        """Open the one hit, or stay and show them all."""
        self.ensure_one()
        hits = self._find()
        if len(hits) == 1:
            model, record_id = hits[0]["url"].rsplit("/", 2)[1:]
            return {
                "type": "ir.actions.act_window",
                "res_model": model,
                "res_id": int(record_id),
                "views": [(False, "form")],
            }
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Find an Event"),
            "res_model": self._name,
            "res_id": self.id,
            "views": [(False, "form")],
            "target": "new",
        }
