from typing import NamedTuple

from odoo import api, fields, models

from ..metering import connection
from ..metering.jsonform import event_to_json
from .usage_correction import Moved


class Answer(NamedTuple):
    """What an order of a request did, or would do.

    name, batch_id: of the order and of its rows, None when nothing was written
    moved: see ``usage_correction.Moved``
    differences: vals of ``usage.correction.line``
    is_repeated: the order was carried out before; this is what it did then
    """

    name: str | None
    batch_id: int | None
    moved: object
    differences: list
    is_repeated: bool = False


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
    def _request(self, vals, dry_run=False, receipt=None):
        """Carry out an order that came by request, committed when this returns.

        In a READ COMMITTED transaction of its own, as everything that comes in by
        request; what the caller's transaction has not committed is not seen. An order
        that moves nothing, as one that comes again after it was carried out, leaves no
        trace: a sender without an answer sends again.

        :param dict vals: see :meth:`_prepare_request_vals`
        :param bool dry_run: only look; nothing is kept, not even the order
        :param tuple receipt: (source id, the sender's key, digest) of an order that is
            carried out once however often it comes, see ``usage.order.receipt``; none
            for a dry run
        :rtype: Answer
        :raise ApiProblem: the key of the receipt came with another order before
        :raise psycopg2.Error: nothing was corrected
        """
        vals = {**vals, "name": "?"}  # numbers are for what was done
        with connection(self.env(su=True)) as env:
            kept = env["usage.order.receipt"]
            if receipt:
                kept, is_new = kept._claim(*receipt)
                if not is_new:
                    return self._repeat(kept)
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
                answer = Answer(None, None, moved, lines)
                if kept:
                    kept, is_new = kept._claim(*receipt)
                    if not is_new:  # the same order came meanwhile
                        return self._repeat(kept)
            else:
                batch_id = order.batch_ids[:1].id or None
                answer = Answer(order.name, batch_id, moved, lines)
            if kept:
                kept._keep(answer)
            env.flush_all()
        return answer

    @api.model
    def _repeat(self, receipt):
        """What an order did when it came first.

        :rtype: Answer
        """
        name, batch_id, moved, lines = receipt._read()
        return Answer(name, batch_id, Moved(**moved), lines, is_repeated=True)
