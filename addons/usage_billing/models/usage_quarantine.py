from psycopg2.extras import execute_values

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..fields_exact import Exact
from ..metering.jsonform import event_from_json, event_to_json

REASONS = [
    ("unknown_subject", "Unknown subject"),
    ("unknown_meter", "No meter for this type"),
    ("before_start", "Before the subscription starts"),
    ("after_end", "After the subscription ended"),
    ("no_period", "No billing period"),
    ("future", "In the future"),
    ("conflict", "Same id, other content"),
    ("currency", "Other currency than the subscription"),
    ("invalid_value", "Invalid value"),
    ("invalid_time", "Invalid time"),
    ("id_time", "Time in the id is missing or another"),
    ("missing_field", "Missing field"),
    ("unknown_unit", "Unknown unit"),
    ("unreadable", "Unreadable row"),
]


class UsageQuarantine(models.Model):
    """A row that could not become usage, kept as received until somebody decides.

    What it says never changes. It leaves the quarantine by a replay, when the reason is
    gone, or by being ignored for a reason that a person gives.
    """

    _name = "usage.quarantine"
    _description = "Quarantined Usage"
    _order = "id desc"
    _check_company_auto = True

    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, index=True
    )
    batch_id = fields.Many2one(
        "usage.batch",
        required=True,
        readonly=True,
        index=True,
        check_company=True,
        ondelete="restrict",
    )
    source_id = fields.Many2one(
        "usage.source",
        required=True,
        readonly=True,
        index=True,
        check_company=True,
        ondelete="restrict",
    )
    row_number = fields.Integer(string="Row", readonly=True, aggregator=None)

    # the event, as far as it could be read
    event_id = fields.Char(readonly=True)
    subject = fields.Char(readonly=True, index="btree_not_null")
    event_type = fields.Char(string="Type", readonly=True)
    event_time = fields.Datetime(string="Time", readonly=True)
    amount_at_stake = Exact(
        readonly=True, help="Amount the event brings with it, where it brings one."
    )
    raw = fields.Text(readonly=True, help="As received.")
    is_event = fields.Boolean(
        readonly=True, help="The row could be read; only its match is missing."
    )
    dedupe_key = fields.Char(readonly=True)

    reason_code = fields.Selection(
        REASONS, string="Reason", required=True, readonly=True, index=True
    )
    detail = fields.Char(readonly=True)
    state = fields.Selection(
        [("open", "Open"), ("replayed", "Replayed"), ("ignored", "Ignored")],
        required=True,
        default="open",
        readonly=True,
        index=True,
    )
    resolution_reason = fields.Char(string="Decision", readonly=True)
    resolved_by_id = fields.Many2one("res.users", readonly=True, ondelete="set null")
    resolved_at = fields.Datetime(readonly=True)
    replay_batch_id = fields.Many2one(
        "usage.batch",
        readonly=True,
        index="btree_not_null",
        check_company=True,
        ondelete="restrict",
    )

    # A row sent again while it waits, or after it was ignored, is not held twice.
    _held_once = models.UniqueIndex(
        "(company_id, source_id, dedupe_key) "
        "WHERE dedupe_key IS NOT NULL AND state IN ('open', 'ignored')"
    )

    @api.depends("reason_code", "row_number", "event_id")
    def _compute_display_name(self):
        reasons = dict(self._fields["reason_code"]._description_selection(self.env))
        for row in self:
            row.display_name = self.env._(
                "%(reason)s: %(event)s",
                reason=reasons.get(row.reason_code, ""),
                event=row.event_id or row.row_number,
            )

    @api.ondelete(at_uninstall=False)
    def _unlink_never(self):
        raise UserError(
            self.env._("Quarantined usage is not deleted: replay it or ignore it.")
        )

    # ------------------------------------------------------------------
    # actions
    # ------------------------------------------------------------------
    def action_replay(self):
        """Send the open rows through the store again.

        Those that pass are marked replayed; the others stay open with what holds them
        now.

        :return: notification with the counts
        """
        self.check_access("write")
        rows = self.filtered(lambda row: row.state == "open")
        replayed = rows._replay()
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success" if len(replayed) == len(rows) else "warning",
                "message": self.env._(
                    "%(passed)s of %(total)s rows became usage.",
                    passed=len(replayed),
                    total=len(rows),
                ),
                "next": {"type": "ir.actions.act_window_close"},
            },
        }

    def action_ignore(self):
        """Ask why these rows are left out for good."""
        self.check_access("write")
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Ignore"),
            "res_model": "usage.quarantine.ignore",
            "view_mode": "form",
            "target": "new",
            "context": {
                "default_quarantine_ids": self.filtered(
                    lambda row: row.state == "open"
                ).ids
            },
        }

    # ------------------------------------------------------------------
    # business
    # ------------------------------------------------------------------
    def _prepare_replay_row(self):
        """The event to send again.

        Add-ons that keep rows as their source wrote them override this and read the row
        with the mapping of today.

        :return: EventRow, or None while the row cannot be read
        """
        self.ensure_one()
        return event_from_json(self.raw, self.row_number) if self.is_event else None

    def _replay(self):
        """Replay rows, one batch for each source.

        :return: the rows that are usage now
        """
        passed = self.browse()
        for source, rows in self.try_lock_for_update().grouped("source_id").items():
            events = [(row, row._prepare_replay_row()) for row in rows]
            events = [(row, event) for row, event in events if event is not None]
            if not events:
                continue
            Batch = self.env["usage.batch"].sudo()  # users do not make batches
            batch = Batch.create(
                {
                    "name": self.env._(
                        "Replay of %(count)s rows of %(name)s",
                        count=len(events),
                        name=source.name,
                    ),
                    "source_id": source.id,
                    "company_id": source.company_id.id,
                    "is_replay": True,
                }
            )
            passed += self._replay_into(batch, events)
        return passed

    def _replay_into(self, batch, events):
        """Append events of waiting rows; those held again keep waiting.

        :param usage.batch batch: new
        :param list[tuple] events: (quarantine row, EventRow)
        :return: the rows that are usage now
        """
        held = {}

        def hold(_batch, held_rows):
            held.update({(row.row_number, row.raw): row for row in held_rows})
            return set()

        batch._append([event for _row, event in events], hold=hold)
        passed = self.browse()
        for row, event in events:
            again = held.get((event.row_number, event_to_json(event)))
            if again:
                row.sudo().write({"reason_code": again.reason, "detail": again.detail})
            else:
                passed += row
        passed.sudo().write(
            {
                "state": "replayed",
                "replay_batch_id": batch.id,
                "resolved_by_id": self.env.uid,
                "resolved_at": fields.Datetime.now(),
            }
        )
        return passed

    def _set_ignored(self, reason):
        """Leave open rows out for good.

        :param str reason: why, shown to the auditor
        """
        self.filtered(lambda row: row.state == "open").sudo().write(
            {
                "state": "ignored",
                "resolution_reason": reason,
                "resolved_by_id": self.env.uid,
                "resolved_at": fields.Datetime.now(),
            }
        )

    @api.model
    def _hold(self, batch, rows):
        """Store rows of an append that could not become usage. Called by the store.

        One statement for all, on the unique index: a row that waits already is not held
        twice.

        :param metering.store.BatchSpec batch: where they come from
        :param list[metering.store.HeldRow] rows: at least one
        :return: positions of rows that were held before
        :rtype: set[int]
        """
        reasons = dict(REASONS)
        keys = [
            f"{row.identity}:{row.payload_hash}" if row.identity else None
            for row in rows
        ]
        cursor = self.env.cr.connection.cursor()
        inserted = execute_values(
            cursor,
            "INSERT INTO usage_quarantine (company_id, batch_id, source_id, row_number,"
            " event_id, subject, event_type, event_time, amount_at_stake, raw,"
            " is_event, dedupe_key, reason_code, detail, state, create_uid,"
            " create_date, write_uid, write_date) VALUES %s"
            " ON CONFLICT DO NOTHING RETURNING dedupe_key",
            [
                (
                    batch.company_id,
                    batch.id,
                    batch.source_id,
                    row.row_number,
                    _text(row.event_id),
                    _text(row.subject),
                    _text(row.type),
                    row.time,
                    row.amount,
                    _text(row.raw),
                    row.is_event,
                    key,
                    row.reason if row.reason in reasons else "unreadable",
                    _text(row.detail),
                    self.env.uid,
                    self.env.uid,
                )
                for row, key in zip(rows, keys, strict=True)
            ],
            template="(%s,%s,%s,%s,%s,%s,%s,%s,%s::numeric,%s,%s,%s,%s,%s,'open',"
            "%s,now() AT TIME ZONE 'UTC',%s,now() AT TIME ZONE 'UTC')",
            page_size=1000,
            fetch=True,
        )
        self.invalidate_model()
        new = {key for (key,) in inserted if key}
        repeated = set()
        for position, key in enumerate(keys):
            if key is None:
                continue
            if key in new:
                new.discard(key)  # a second row with this key was not inserted
            else:
                repeated.add(position)
        return repeated


def _text(value):
    """A text that PostgreSQL can hold; what it cannot is shown as an escape."""
    if not value:
        return None
    return value.replace("\x00", "\\0").encode("utf-8", "backslashreplace").decode()
