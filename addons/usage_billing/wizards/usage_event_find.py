from odoo import api, fields, models
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

    @api.depends("event_id", "source_id", "around")
    def _compute_result_html(self):
        for wizard in self:
            wizard.result_html = (
                wizard.env["ir.qweb"]._render(
                    "usage_billing.event_hits",
                    {"hits": wizard._find(), "archived": wizard._find_archived()},
                )
                if wizard.event_id
                else False
            )

    def _get_sources(self):
        return self.source_id or self.env["usage.source"].with_context(
            active_test=False
        ).search([("company_id", "in", self.env.companies.ids)])

    def _find_archived(self):
        """Sentences about events with the id whose month left the store."""
        found = self.env["usage.event.story"]._find_archived(
            self._get_sources(), self.event_id.strip()
        )
        return [
            self.env._(
                "It arrived from %(name)s, happened on %(day)s and left the store "
                "with its month. Its amounts stay. To see the event, bring %(month)s "
                "back under Configuration, Months of Events.",
                name=source.name,
                day=format_date(self.env, time),
                month=f"{time:%Y-%m}",
            )
            for source, time in found
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
                ("state", "!=", "replayed"),
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
