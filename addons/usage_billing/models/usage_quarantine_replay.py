from collections import defaultdict

from odoo import fields, models
from odoo.tools import SQL

from ..metering.jsonform import event_to_json


class UsageQuarantine(models.Model):
    """How rows go out: sent through the store again, by the thousand."""

    _inherit = "usage.quarantine"

    def _replay(self, decision):
        """Send rows that the caller holds locked through the store again.

        One batch for each source and decision. Rows that are held again keep waiting,
        with what holds them now.

        :param usage.quarantine.decision decision: who wants it
        :return: number of rows that are usage now
        :rtype: int
        """
        passed, failed = self.browse(), {}
        for source, rows in self.grouped("source_id").items():
            events, unread = rows._read_events(source)
            failed.update(unread)
            if events:
                batch = self._get_replay_batch(source, decision)
                failed.update(self._replay_into(batch, events))
        passed = self.filtered(lambda row: row.id not in failed)
        passed._set_replayed(decision)
        self.browse(failed)._keep_waiting(failed, decision)
        return len(passed)

    def _read_events(self, source):
        """The events of rows of one source.

        :return: ([(row id, EventRow)], {id of a row that cannot be read: None})
        """
        alias = self.env["usage.alias"]._get_translation(source)
        events, unread = [], {}
        for row in self:
            event = row._prepare_replay_row()
            if event is None:
                unread[row.id] = None
            else:
                events.append((row.id, alias(event) if alias else event))
        return events, unread

    def _get_replay_batch(self, source, decision):
        Batch = self.env["usage.batch"].sudo()  # users do not make batches
        batch = Batch.search(
            [("decision_id", "=", decision.id), ("source_id", "=", source.id)]
        )
        return batch or Batch.create(
            {
                "name": self.env._(
                    "Replay of %(count)s rows of %(name)s",
                    count=decision.total_count,
                    name=source.name,
                ),
                "source_id": source.id,
                "company_id": source.company_id.id,
                "is_replay": True,
                "decision_id": decision.id,
            }
        )

    def _replay_into(self, batch, events):
        """Append events of waiting rows.

        :param usage.batch batch: of the replay
        :param list[tuple] events: (id of the row, EventRow)
        :return: {id of a row that is held again: metering.store.HeldRow}
        """
        waiting = defaultdict(list)
        for row_id, event in events:
            waiting[event.row_number, event_to_json(event)].append(row_id)
        failed = {}

        def hold(_batch, held_rows):
            for held in held_rows:
                for row_id in waiting.get((held.row_number, held.raw), ())[:1]:
                    failed[row_id] = held
                    waiting[held.row_number, held.raw].remove(row_id)
            return set()

        batch._append([event for _row_id, event in events], hold=hold)
        return failed

    def _set_replayed(self, decision):
        batches = (
            self.env["usage.batch"]
            .sudo()
            .search_fetch([("decision_id", "=", decision.id)], ["source_id"])
        )
        self.env.flush_all()
        self.env.cr.execute(
            SQL(
                """UPDATE usage_quarantine q SET state = 'replayed', decision_id = %s,
                          replay_batch_id = b.id, resolved_by_id = %s, resolved_at = %s
                     FROM usage_batch b
                    WHERE q.id = ANY(%s) AND b.id = ANY(%s)
                      AND b.source_id = q.source_id""",
                decision.id,
                self.env.uid,
                fields.Datetime.now(),
                self.ids,
                batches.ids,
            )
        )
        self.invalidate_model()

    def _keep_waiting(self, failed, decision):
        """Rows that are held again say why now, under the cause of today.

        :param dict failed: {row id: HeldRow, or None when it could not be read}
        """
        self.env.flush_all()
        again = {id_: held for id_, held in failed.items() if held}
        self.env.cr.execute(
            SQL(
                """UPDATE usage_quarantine q
                      SET decision_id = %s,
                          reason_code = coalesce(f.reason, q.reason_code),
                          detail = CASE WHEN f.id IS NULL THEN q.detail
                                        ELSE nullif(f.detail, '') END
                     FROM unnest(%s::int[]) AS k(id)
                     LEFT JOIN unnest(%s::int[], %s::text[], %s::text[])
                          AS f(id, reason, detail) ON f.id = k.id
                    WHERE q.id = k.id""",
                decision.id,
                list(failed),
                list(again),
                [held.reason for held in again.values()],
                [held.detail for held in again.values()],
            )
        )
        self.invalidate_model()
        if again:
            self.env["usage.quarantine.cause"]._assign(list(again))


class UsageBatch(models.Model):
    """A replay is a batch; the decision says who wanted it."""

    _inherit = "usage.batch"

    decision_id = fields.Many2one(
        "usage.quarantine.decision",
        readonly=True,
        index="btree_not_null",
        check_company=True,
        ondelete="restrict",
    )
