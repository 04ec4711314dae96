import base64
import csv
import io
import json
from datetime import UTC
from itertools import chain, islice
from pathlib import Path

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..metering import RejectedRow
from ..metering.corrections import is_same
from .usage_quarantine_cause import BY_DETAIL

#: Largest file: its events are compared in memory, about nine times its size.
#: ``usage_billing.backfill_bytes`` says otherwise.
BACKFILL_BYTES = 200 << 20
#: Events the reader takes at once.
_PAGE = 10_000
_OWN = ("id", "type", "subject", "time", "value", "unit", "amount", "currency")


class UsageCorrection(models.Model):
    """Backfill: say what a source should have sent for a span of time.

    The file is compared with what counts now. What is missing is added, what differs is
    amended; with "replaces", what is not in the file is voided.
    """

    _inherit = "usage.correction"

    source_id = fields.Many2one("usage.source", check_company=True)
    start_at = fields.Datetime(string="From", help="Included.")
    end_at = fields.Datetime(string="Until", help="Excluded.")
    subscription_ids = fields.Many2many(
        "usage.subscription", check_company=True, help="Empty: of all subscriptions."
    )
    meter_ids = fields.Many2many(
        "usage.meter",
        check_company=True,
        string="Meters",
        help="Only events of the types these meters count. Empty: all.",
    )
    mode = fields.Selection(
        [("replace", "Replaces the span"), ("add", "Adds and amends")],
        required=True,
        default="replace",
        help="Replaces the span: events of the source that are not in the file are "
        "voided.",
    )
    attachment_id = fields.Many2one(string="Usage File")
    data = fields.Binary(
        string="Content",
        attachment=True,
        copy=False,
        help="For programs: instead of a file.",
    )

    def write(self, vals):
        """What is filled in decides the difference: changed, it must be found anew."""
        decisive = {
            "source_id", "start_at", "end_at", "subscription_ids", "meter_ids", "mode",
            "attachment_id", "data",
        }  # fmt: skip
        if decisive & vals.keys():
            for correction in self:
                correction._check_open()
            vals = {**vals, "state": "draft"}
        return super().write(vals)

    @api.model
    def backfill_events(self, source, start, end, events, reason, mode="replace", **kw):
        """Fill a span of time; for calls over RPC by billing managers.

        :param str source: code of the source
        :param str start, end: ISO 8601, end excluded
        :param list events: events as the API takes them
        :param str reason: kept with the events
        :param str mode: "replace" voids what is not in the list, "add" does not
        :param bool dry_run: only say what would move
        :return: see :meth:`_answer`
        :rtype: dict
        """
        found = self._find_source(source)
        lines = "\n".join(json.dumps(event) for event in events)
        return self._answer(
            {
                "kind": "backfill",
                "reason": reason,
                "company_id": found.company_id.id,
                "source_id": found.id,
                "start_at": self._read_time(start).replace("T", " ")[:19],
                "end_at": self._read_time(end).replace("T", " ")[:19],
                "mode": mode,
                "data": base64.b64encode(lines.encode()),
                "file_name": "events.ndjson",
            },
            kw.get("dry_run", False),
        )

    @api.model
    def _get_upload_limit(self):
        parameters = self.env["ir.config_parameter"].sudo()  # a number, no secret
        most = int(parameters.get_param("usage_billing.backfill_bytes", BACKFILL_BYTES))
        return min(super()._get_upload_limit(), most)

    def _say_upload_limit(self, size):
        return self.env._(
            "A file of up to %(size)s; fill in a long span of time in several parts.",
            size=size,
        )

    # ------------------------------------------------------------------
    # business
    # ------------------------------------------------------------------
    def _get_orders(self):
        orders = super()._get_orders()
        if self.kind == "backfill":
            orders.append(self._get_backfill_order())
        return orders

    def _get_backfill_order(self):
        """Compare the file with what counts now.

        :return: see :meth:`_get_orders`
        """
        has_file = self.attachment_id or self.data
        if not (self.source_id and self.start_at and self.end_at and has_file):
            raise UserError(
                self.env._("Give the source, the span of time and the file.")
            )
        if self.start_at >= self.end_at:
            raise UserError(self.env._("The span of time ends before it begins."))
        rows, problems = self._read_file()
        self._get_store().bring_back_span(self.start_at, self.end_at)
        found = self._get_store().live_events(
            self.source_id,
            self.start_at,
            self.end_at,
            self.subscription_ids,
            set(self.meter_ids.mapped("event_type")),
        )
        stored = {event.event_id: event for event in found}
        # what the file names and cannot be used is told, and stays as it was
        seen = {problem["event_id"] for problem in problems}
        add, amend, times = [], [], []
        for row in rows:
            seen.add(row.event_id)
            if row.event_id not in stored:
                add.append(row)
            elif not is_same(row, stored[row.event_id]):
                amend.append(row)
                times.append(stored[row.event_id].time)
        void = [
            (event.event_id, event.time)
            for event in found
            if self.mode == "replace" and event.event_id not in seen
        ]
        return {
            "source_id": self.source_id.id,
            "void": void,
            "amend": amend,
            "times": times,
            "add": add,
            "problems": problems,
        }

    def _read_file(self):
        """Events of the file that are of the span, and what is wrong with the others.

        :return: (list of EventRow, list of outcomes)
        """
        rows, problems = [], []
        for row in self._read_documents():
            if isinstance(row, RejectedRow):
                problems.append(
                    {
                        "event_id": row.event_id or str(row.row_number),
                        "status": "unreadable",
                        "code": row.reason,
                        "detail": row.detail,
                    }
                )
                continue
            if row.time.tzinfo:
                row = row._replace(time=row.time.astimezone(UTC).replace(tzinfo=None))
            if self.start_at <= row.time < self.end_at:
                rows.append(row)
            else:
                problems.append(
                    {
                        "event_id": row.event_id,
                        "status": "outside",
                        "code": "",
                        "detail": "",
                    }
                )
        return rows, problems

    def _read_documents(self):
        """Rows of the file, page by page: JSON lines, or CSV with a header.

        Columns of a CSV are those of an event; others are properties, and those that
        begin with "dimensions." dimensions.
        """
        is_csv = (self.file_name or "").lower().endswith(".csv")
        with self._open_file() as file:
            text = io.TextIOWrapper(
                file, encoding="utf-8-sig", newline="" if is_csv else None
            )
            lines = _csv_lines(text) if is_csv else filter(str.strip, text)
            start = 0
            try:
                while page := list(islice(lines, _PAGE)):
                    document = "\n".join(page).encode()
                    for row in self._read_rows(
                        self.source_id, document, "application/x-ndjson"
                    ):
                        yield row._replace(row_number=row.row_number + start)
                    start += len(page)
            except UnicodeDecodeError as error:
                raise UserError(self.env._("The file is not in UTF-8.")) from error

    def _open_file(self):
        """:rtype: BinaryIO"""
        content = self.attachment_id and self.attachment_id._get_kept()
        if isinstance(content, Path):
            return content.open("rb")
        return io.BytesIO(content or base64.b64decode(self.data))

    def _say_problem(self, outcome):
        """A sentence for an event that was left out."""
        reasons = dict(
            self.env["usage.quarantine"]
            ._fields["reason_code"]
            ._description_selection(self.env)
        )
        said = self.env["usage.quarantine"]._say_detail(
            outcome["code"], outcome["detail"]
        )
        facts = {
            "event": outcome["event_id"],
            "reason": reasons.get(outcome["code"], outcome["code"]),
            "detail": said or outcome.get("about", ""),
        }
        sentences = {
            "already": self.env._("%(event)s: it was corrected already.", **facts),
            "unchanged": self.env._(
                "%(event)s: it counts with this content already.", **facts
            ),
            "unknown": self.env._("%(event)s: the source never sent it.", **facts),
            "replaced": self.env._(
                "%(event)s: its delivery was replaced by a newer version.", **facts
            ),
            "known": self.env._(
                "%(event)s: the id was used before, for an event that is voided or of "
                "another time.",
                **facts,
            ),
            "outside": self.env._(
                "%(event)s: its time is outside the span that is filled.", **facts
            ),
        }
        if outcome["status"] == "unreadable" and outcome["code"] not in BY_DETAIL:
            return self.env._("%(event)s: %(detail)s", **facts)
        if outcome["status"] in sentences:
            return sentences[outcome["status"]]
        if facts["detail"]:
            return self.env._("%(event)s: %(reason)s (%(detail)s).", **facts)
        return self.env._("%(event)s: %(reason)s.", **facts)


def _csv_lines(text):
    """Rows of a CSV as JSON lines, one after the other."""
    header = text.readline()
    dialect = ";" if header.count(";") else ","
    for record in csv.DictReader(chain([header], text), delimiter=dialect):
        yield json.dumps(_own_form(record))


def _own_form(record):
    """A row of a CSV as an event in the API's own form."""
    event = {name: record[name] for name in _OWN if record.get(name)}
    dimensions, properties = {}, {}
    for name, value in record.items():
        if name is None or name in _OWN or not value:
            continue
        if name.startswith("dimensions."):
            dimensions[name.removeprefix("dimensions.")] = value
        else:
            properties[name.removeprefix("properties.")] = value
    return event | {"dimensions": dimensions, "properties": properties}
