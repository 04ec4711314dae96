from psycopg2.extras import execute_values

from odoo import api, models

from .usage_quarantine import REASONS
from .usage_quarantine_cause import LONGEST, what_of

_COLUMNS = (
    "company_id, batch_id, source_id, row_number, event_id, subject, event_type,"
    " event_time, amount_at_stake, raw, is_event, dedupe_key, reason_code, detail,"
    " cause_id, state, resolution_reason, create_uid, create_date, write_uid,"
    " write_date"
)
_NOW = "now() AT TIME ZONE 'UTC'"


class UsageQuarantine(models.Model):
    """How rows come in: set-based, in the transaction of the append."""

    _inherit = "usage.quarantine"

    @api.model
    def _hold(self, batch, rows):
        """Store rows of an append that could not become usage. Called by the store.

        One statement for all, on the unique index: a row that waits already is not held
        twice. Rows of a cause that is ignored from now on are ignored at once.

        :param metering.store.BatchSpec batch: where they come from
        :param list[metering.store.HeldRow] rows: at least one
        :return: positions of rows that were held before
        :rtype: set[int]
        """
        reasons = dict(REASONS)
        rule = self.env._("Rule of the source")
        codes = [row.reason if row.reason in reasons else "unreadable" for row in rows]
        whats = [
            what_of(code, _text(row.subject), _text(row.type), _text(row.detail))
            for code, row in zip(codes, rows, strict=True)
        ]
        causes = self.env["usage.quarantine.cause"]._find_or_create(
            batch.company_id, batch.source_id, zip(codes, whats, strict=True)
        )
        keys = [
            f"{row.identity}:{row.payload_hash}" if row.identity else None
            for row in rows
        ]
        cursor = self.env.cr.connection.cursor()
        inserted = execute_values(
            cursor,
            f"INSERT INTO usage_quarantine ({_COLUMNS}) VALUES %s"
            " ON CONFLICT DO NOTHING RETURNING dedupe_key",
            [
                (
                    batch.company_id,
                    batch.id,
                    batch.source_id,
                    row.row_number,
                    _text(row.event_id, LONGEST),
                    _text(row.subject, LONGEST),
                    _text(row.type, LONGEST),
                    row.time,
                    row.amount,
                    _text(row.raw),
                    row.is_event,
                    key,
                    code,
                    _text(row.detail),
                    *_decision(row, causes[code, what], rule),
                    self.env.uid,
                    self.env.uid,
                )
                for row, key, code, what in zip(rows, keys, codes, whats, strict=True)
            ],
            template="(%s,%s,%s,%s,%s,%s,%s,%s,%s::numeric,%s,%s,%s,%s,%s,%s,%s,%s,"
            f"%s,{_NOW},%s,{_NOW})",
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


def _decision(row, found, rule):
    """(cause, state, reason): as its cause says, unless its source has a rule.

    :param str rule: reason of rows that a rule of the source sets aside
    """
    return (found[0], "ignored", rule) if row.is_ignored else found


def _text(value, longest=None):
    """A text that PostgreSQL can hold; what it cannot is shown as an escape.

    :param int longest: characters kept of what is only shown and searched: an index
        holds no entry of more than 2,700 bytes
    """
    if not value:
        return None
    text = value.replace("\x00", "\\0").encode("utf-8", "backslashreplace").decode()
    return text[:longest]
