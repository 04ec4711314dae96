import json
from collections import defaultdict
from datetime import UTC, datetime

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..api.problem import ApiProblem
from ..fields_exact import Exact
from ..metering import EventRow, RejectedRow
from ..metering.jsonform import event_from_json, event_to_json
from ..row_words import in_language


class UsageCorrection(models.Model):
    """Orders to correct: from the list of events, and from other systems."""

    _inherit = "usage.correction"

    # one event, amended on the form
    amended_row = fields.Json(readonly=True)
    amended_event_id = fields.Char(string="Event", readonly=True)
    amended_time = fields.Datetime(string="Time")
    amended_subject = fields.Char(string="Subject")
    amended_value = Exact(string="Value")
    amended_amount = Exact(string="Amount")

    def write(self, vals):
        """Another event on the form is another difference."""
        if any(name.startswith("amended_") for name in vals) and "state" not in vals:
            for correction in self:
                correction._check_open()
            if "amended_count" not in vals:
                vals = {**vals, "state": "draft"}
        return super().write(vals)

    def _get_orders(self):
        orders = super()._get_orders()
        if self.amended_row:
            row = event_from_json(json.dumps(self.amended_row["event"]))
            orders.append(
                {
                    "source_id": self.amended_row["source_id"],
                    "amend": [
                        row._replace(
                            time=self._get_amended_time(row),
                            subject=self.amended_subject or "",
                            value=self.amended_value,
                            amount=self.amended_amount,
                        )
                    ],
                    "times": [row.time],
                }
            )
        return orders

    def _get_amended_time(self, row):
        """The form knows whole seconds: an unchanged time keeps its fraction."""
        if row.time and self.amended_time == row.time.replace(microsecond=0):
            return row.time
        return self.amended_time

    def _read_order(self, order):
        """An order as kept in JSON, as the store takes it."""
        read = {"source_id": order["source_id"]}
        if order.get("rows"):
            read["void"] = order["rows"]
        if order.get("void"):
            read["void"] = [
                (event_id, time and datetime.fromisoformat(time))
                for event_id, time in order["void"]
            ]
        if order.get("amend"):
            read["amend"] = [event_from_json(text) for text in order["amend"]]
            read["times"] = [
                time and datetime.fromisoformat(time) for time in order["times"]
            ]
        return read

    # ------------------------------------------------------------------
    # from the list of events
    # ------------------------------------------------------------------
    @api.model
    def _create_void(self, events):
        """A checked order to void rows of ``usage.event``."""
        by_source = defaultdict(list)
        for event in events:
            by_source[event.source_id.id].append(event.id)
        correction = self.create(
            {
                "kind": "void",
                "company_id": events.company_id.id,
                "orders": [
                    {"source_id": source_id, "rows": rows}
                    for source_id, rows in by_source.items()
                ],
            }
        )
        correction.action_check()
        return correction

    @api.model
    def _create_amendment(self, event):
        """An order to amend one row of ``usage.event``, to be filled in."""
        store = self.env["usage.batch"].with_company(event.company_id)._store()
        (stored,) = store.rows([event.id])
        row = EventRow(
            stored.event_id, stored.type, stored.subject, stored.time, stored.value,
            stored.amount, stored.currency, stored.dimensions, stored.properties,
        )  # fmt: skip
        return self.create(
            {
                "kind": "amend",
                "company_id": event.company_id.id,
                "amended_row": {
                    "source_id": event.source_id.id,
                    "event": json.loads(event_to_json(row)),
                },
                "amended_event_id": row.event_id,
                "amended_time": row.time.replace(microsecond=0),
                "amended_subject": row.subject,
                "amended_value": row.value,
                "amended_amount": row.amount,
            }
        )

    # ------------------------------------------------------------------
    # from other systems
    # ------------------------------------------------------------------
    @api.model
    def void_events(self, source, events, reason, dry_run=False):
        """Void events of a source; for calls over RPC by billing managers.

        :param str source: code of the source
        :param list events: event ids, or, where the source's ids are made of the time,
            pairs of event id and time (ISO 8601); also objects of both, as the API
            takes them
        :param str reason: kept with the events
        :param bool dry_run: only say what would move
        :return: see :meth:`_answer`
        :rtype: dict
        :raise UserError: an entry is none of these; nothing was done
        """
        found = self._find_source(source)
        pairs = [self._read_void(entry) for entry in events]
        return self._answer(
            {
                "kind": "void",
                "reason": reason,
                "company_id": found.company_id.id,
                "orders": [
                    {
                        "source_id": found.id,
                        "void": [
                            [event_id, time and self._read_time(time)]
                            for event_id, time in pairs
                        ],
                    }
                ],
            },
            dry_run,
        )

    def _read_void(self, entry):
        """(event id, time or None) of an entry of an order to void."""
        match entry:
            case str():
                return entry, None
            case {"id": str(event_id)} if len(entry) == 1:
                return event_id, None
            case {"id": str(event_id), "time": str(time)} if len(entry) == 2:
                return event_id, time
            case [str(event_id), str(time) | (None as time)]:
                return event_id, time
        raise UserError(
            self.env._(
                "“%(entry)s” names no event to void: give its id, or its id and time.",
                entry=entry,
            )
        )

    @api.model
    def amend_events(self, source, events, reason, dry_run=False):
        """Amend events of a source; for calls over RPC by billing managers.

        :param str source: code of the source
        :param list events: events as the API takes them, complete and right, each with
            the id of the event it stands for
        :param str reason: kept with the events
        :param bool dry_run: only say what would move
        :return: see :meth:`_answer`
        :rtype: dict
        :raise UserError: an event cannot be read; nothing was done
        """
        found = self._find_source(source)
        rows = self._read_rows(found, json.dumps(events).encode())
        bad = [row for row in rows if isinstance(row, RejectedRow)]
        if bad:
            problem = self._say_problem(
                {
                    "event_id": bad[0].event_id or str(bad[0].row_number),
                    "status": "unreadable",
                    "code": bad[0].reason,
                    "detail": bad[0].detail,
                }
            )
            raise UserError(
                self.env._(
                    "Event %(number)s of the list cannot be read: %(detail)s",
                    number=bad[0].row_number,
                    detail=problem,
                )
            )
        return self._answer(
            {
                "kind": "amend",
                "reason": reason,
                "company_id": found.company_id.id,
                "orders": [
                    {
                        "source_id": found.id,
                        "amend": [event_to_json(row) for row in rows],
                        "times": [None] * len(rows),
                    }
                ],
            },
            dry_run,
        )

    def _read_time(self, text):
        """ISO 8601 with or without zone, as naive UTC text."""
        try:
            moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
        except ValueError as error:
            raise UserError(
                self.env._("%(text)s is not a time in ISO 8601.", text=text)
            ) from error
        if moment.tzinfo:
            moment = moment.astimezone(UTC).replace(tzinfo=None)
        return moment.isoformat()

    def _find_source(self, code):
        source = self.env["usage.source"].search(
            [("code", "=", code), ("company_id", "=", self.env.company.id)], limit=1
        )
        if not source:
            raise UserError(
                self.env._(
                    "%(company)s has no source with the code %(code)s.",
                    company=self.env.company.name,
                    code=code,
                )
            )
        return source

    def _read_rows(self, source, data, content_type="application/json"):
        """Events of a text, as the API reads them.

        :return: list of EventRow and RejectedRow
        """
        reader = source._get_event_reader(source.company_id.id)
        try:
            reading = reader.read(data, content_type)
        except ApiProblem as problem:
            said = in_language(self.env.lang or "en_US", problem.detail)
            raise UserError(said) from problem
        return self.env["usage.alias"]._in_source_units(
            source.company_id.id, source.id, reading.rows
        )

    @api.model
    def _answer(self, vals, dry_run):
        """Make, check or apply an order and say what came of it.

        :return: dict: ``name``, ``state``; ``voided``, ``amended``, ``added``, numbers;
            ``left_out``, list of sentences; ``differences``, list of dicts with
            ``subscription``, ``period``, ``meter`` and, as texts, quantities and
            amounts before and after
        """
        correction = self.create(vals)
        if dry_run:
            correction.action_check()
        else:
            correction.action_apply()
        return {
            "id": correction.id,
            "name": correction.name,
            "state": correction.state,
            "voided": correction.voided_count,
            "amended": correction.amended_count,
            "added": correction.added_count,
            "left_out": (correction.problems or "").splitlines(),
            "differences": [
                {
                    "subscription": line.subscription_id.code,
                    "period": line.period_id.display_name,
                    "meter": line.meter_id.code,
                    **line.read(
                        [
                            "quantity_before",
                            "quantity_after",
                            "amount_before",
                            "amount_after",
                        ],
                        load=None,
                    )[0],
                }
                for line in correction.line_ids
            ],
        }
