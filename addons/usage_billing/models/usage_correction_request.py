from typing import NamedTuple

from odoo import api, fields, models

from ..metering import connection
from ..metering.jsonform import event_to_json


class Answer(NamedTuple):
    """What an order of a request did, or would do.

    name, batch_id: of the order and of its rows, None when nothing was written
    moved: see ``usage_correction.Moved``
    differences: vals of ``usage.correction.line``
    """

    name: str | None
    batch_id: int | None
    moved: object
    differences: list


class UsageCorrection(models.Model):
    """Corrections that systems ask for with a key of the API.

    The same orders as those of people, in the same list: an auditor finds every
    correction in one place.
    """

    _inherit = "usage.correction"

    asked_by = fields.Char(
        string="Asked For by",
        readonly=True,
        copy=False,
        help="The system that asked for it: the name of its API key.",
    )

    @api.model
    def _prepare_request_vals(self, source, kind, reason, orders=None, **vals):
        """Values of an order.

        :param usage.source source: of the events
        :param str kind: "void", "amend" or "backfill"
        :param list orders: (event id, time or None) to void, EventRow to amend
        :param vals: further fields
        :rtype: dict
        """
        if kind == "void":
            events = [
                [event_id, time and time.isoformat()] for event_id, time in orders
            ]
            vals["orders"] = [{"source_id": source.id, "void": events}]
        if kind == "amend":
            vals["orders"] = [
                {
                    "source_id": source.id,
                    "amend": [event_to_json(row) for row in orders],
                    "times": [None] * len(orders),
                }
            ]
        company_id = source.company_id.id
        return {"kind": kind, "reason": reason, "company_id": company_id, **vals}

    @api.model
    def _request(self, vals, dry_run=False):
        """Carry out an order that came by request, committed when this returns.

        In a READ COMMITTED transaction of its own, as everything that comes in by
        request; what the caller's transaction has not committed is not seen. An order
        that moves nothing, as one that comes again after it was carried out, leaves no
        trace: a sender without an answer sends again.

        :param dict vals: see :meth:`_prepare_request_vals`
        :param bool dry_run: only look; nothing is kept, not even the order
        :rtype: Answer
        :raise psycopg2.Error: nothing was corrected
        """
        vals = {**vals, "name": "?"}  # numbers are for what was done
        with connection(self.env(su=True)) as env:
            order = (
                env[self._name]
                .with_company(env["res.company"].browse(vals["company_id"]))
                .with_context(tracking_disable=True, mail_create_nolog=True)
                .create(vals)
            )
            moved, lines = order._simulate()
            if not dry_run and any(moved.done.values()):
                order.name = order._next_name()
                moved = order._apply(lines)
            if dry_run or not any(moved.done.values()):
                env.cr.rollback()
                return Answer(None, None, moved, lines)
            answer = Answer(order.name, order.batch_ids[:1].id or None, moved, lines)
            env.flush_all()
        return answer
