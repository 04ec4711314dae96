import json
from contextlib import suppress

from odoo import api, fields, models
from odoo.tools import SQL

from ..api.members import join_id
from .usage_quarantine_cause import LONGEST

#: Rows looked at in one transaction.
SLICE = 5_000
#: Row after which the next run goes on, where the last one had no time left.
PLACE = "usage_billing.superseded_place"


class UsageQuarantine(models.Model):
    """Rows whose event came again, corrected, and was accepted: they wait no longer.

    Looked for from time to time and never while events come in, so that ingestion does
    nothing for it.
    """

    _inherit = "usage.quarantine"

    superseding_batch_id = fields.Many2one(
        "usage.batch",
        string="Sent Again In",
        readonly=True,
        index="btree_not_null",
        check_company=True,
        ondelete="restrict",
        help="Delivery of the event with this id that was accepted later.",
    )

    @api.model
    def _cron_close_superseded(self):
        """Close what was sent again, slice by slice; go on there the next time."""
        cron, parameters = self.env["ir.cron"], self.env["ir.config_parameter"].sudo()
        place = int(parameters.get_param(PLACE) or 0)
        last = place
        while True:
            last, closed = self._close_superseded(last)
            done = SLICE if last else closed
            left = cron._commit_progress(processed=done, remaining=int(bool(last)))
            if not (last and left):
                break
        if place or last:
            parameters.set_param(PLACE, str(last or 0))

    @api.model
    def _close_superseded(self, after=0):
        """Close rows whose source accepted an event with their id later.

        Conflicts stay: the event that has their id was there before them. So does
        whatever came after the event that is stored.

        :param int after: id of the last row that was looked at
        :return: (id to go on after or None, number of rows closed)
        """
        self.env.flush_all()
        self.env.cr.execute(
            SQL(
                """SELECT q.id, q.company_id, q.source_id, q.batch_id, q.row_number,
                          q.event_id, q.event_time,
                          CASE WHEN NOT coalesce(q.is_event, false) THEN q.raw END
                     FROM usage_quarantine q
                    WHERE q.state = 'open' AND q.id > %s AND q.event_id IS NOT NULL
                      AND q.reason_code <> 'conflict' AND length(q.event_id) < %s
                      AND EXISTS (SELECT FROM usage_batch b
                                   WHERE b.source_id = q.source_id
                                     AND b.id >= q.batch_id AND b.accepted_count > 0)
                    ORDER BY q.id LIMIT %s""",
                after,
                LONGEST,  # a longer one is kept in part
                SLICE,
            )
        )
        waiting = self.env.cr.fetchall()
        by_company = {}
        for row in waiting:
            by_company.setdefault(row[1], []).append(row)
        closed = sum(
            self._close_superseded_of(self.env["res.company"].browse(number), rows)
            for number, rows in by_company.items()
        )
        return (waiting[-1][0] if len(waiting) == SLICE else None), closed

    @api.model
    def _close_superseded_of(self, company, rows):
        """Close those of a company's rows whose event is stored by a later delivery.

        :return: how many
        """
        sources = self.env["usage.source"].browse({row[2] for row in rows})
        modes = {source.id: source._get_key_mode() for source in sources}
        wanted = [
            (source, modes[source], _sent_id(event_id, raw), time)
            for _id, _company, source, _batch, _row, event_id, time, raw in rows
        ]
        store = self.env["usage.batch"].with_company(company)._store()
        stored = {
            rows[place][0]: found
            for place, found in store.find_deliveries(wanted).items()
            if found > (rows[place][3], rows[place][4] or 0)
        }
        if stored:  # no other row is locked; who has one now, settles it
            self.env.cr.execute(
                SQL(
                    "SELECT id FROM usage_quarantine WHERE id = ANY(%s)"
                    " AND state = 'open' ORDER BY id FOR NO KEY UPDATE SKIP LOCKED",
                    list(stored),
                )
            )
            stored = {number: stored[number] for (number,) in self.env.cr.fetchall()}
        if not stored:
            return 0
        # What a replay stored came when its own row did.
        self.env.cr.execute(
            SQL(
                """UPDATE usage_quarantine q
                      SET state = 'superseded', superseding_batch_id = b.id,
                          resolved_at = %s
                     FROM unnest(%s::int[], %s::int[]) AS k(id, batch_id)
                     JOIN usage_batch b ON b.id = k.batch_id
                    WHERE q.id = k.id AND q.state = 'open'
                      AND (NOT coalesce(b.is_replay, false) OR EXISTS (
                           SELECT FROM usage_quarantine r
                            WHERE r.replay_batch_id = b.id AND r.id > q.id
                              AND r.source_id = q.source_id
                              AND r.event_id = q.event_id))""",
                fields.Datetime.now(),
                list(stored),
                [batch for batch, _row in stored.values()],
            )
        )
        closed = self.env.cr.rowcount
        self.invalidate_model()
        return closed


def _sent_id(event_id, raw):
    """Id that an event has once it can be read: a CloudEvent's has its source too.

    :param raw: the row as received where it could not be read, else None
    """
    if raw and '"specversion"' in raw:
        with suppress(ValueError, TypeError, KeyError, RecursionError):
            document = json.loads(raw)
            source, number = document["source"], document["id"]
            if isinstance(source, str) and isinstance(number, str):
                return join_id(source, number)
    return event_id
