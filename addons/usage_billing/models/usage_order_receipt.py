import json
from collections import defaultdict
from datetime import timedelta
from decimal import Decimal

from odoo import api, fields, models
from odoo.tools import SQL

from ..api import orders
from ..fields_exact import to_text
from ..metering.values import CorrectionOutcome

#: Days after which a receipt is forgotten: an order that comes again later is new.
KEPT_DAYS = 30
#: Of a line of the difference: records, and exact numbers.
RECORDS = {
    "subscription_id": "usage.subscription",
    "period_id": "usage.period",
    "meter_id": "usage.meter",
}
FIGURES = ("quantity_before", "quantity_after", "amount_before", "amount_after")


class UsageOrderReceipt(models.Model):
    """An order that came by request with a key of its sender, and what it did.

    A sender who got no answer sends again, perhaps after somebody else corrected the
    same events: the order must not be carried out a second time. The receipt is
    written in the transaction that carries it out, so there is one if and only if
    the order was done (draft-ietf-httpapi-idempotency-key-header-07).
    """

    _name = "usage.order.receipt"
    _description = "Receipt of an Order"
    _order = "id desc"
    _rec_name = "request_key"
    _log_access = False

    source_id = fields.Many2one(
        "usage.source", required=True, readonly=True, ondelete="cascade"
    )
    request_key = fields.Char(required=True, readonly=True)
    digest = fields.Char(
        required=True, readonly=True, help="SHA-256 of what was ordered."
    )
    result = fields.Json(readonly=True, help="What the order did.")
    received_at = fields.Datetime(required=True, readonly=True, index=True)

    _source_request_key = models.UniqueIndex("(source_id, request_key)")

    @api.model
    def _claim(self, source_id, request_key, digest):
        """Take a key for the order of this transaction.

        Waits for another transaction that has taken it; needs READ COMMITTED to see
        what that one did.

        :return: the receipt, and whether it is new
        :raise ApiProblem: 422, the key came with another order before
        """
        vals = (source_id, request_key, digest, fields.Datetime.now())
        found = self.env.execute_query(
            SQL(
                """INSERT INTO usage_order_receipt
                               (source_id, request_key, digest, received_at)
                        VALUES %s
                   ON CONFLICT (source_id, request_key) DO NOTHING
                     RETURNING id""",
                vals,
            )
        )
        if found:
            return self.browse(found[0]), True
        return self._find(source_id, request_key, digest), False

    @api.model
    def _find(self, source_id, request_key, digest):
        """The receipt of an order that was carried out, else an empty one.

        :raise ApiProblem: 422, the key came with another order before
        """
        receipt = self.search(
            [("source_id", "=", source_id), ("request_key", "=", request_key)]
        )
        if receipt and receipt.digest != digest:
            raise orders.reused_key(request_key)
        return receipt

    def _keep(self, answer):
        """Keep what an order did.

        :param answer: see ``usage_correction_request.Answer``
        """
        self.ensure_one()
        moved = answer.moved
        self.result = {
            "name": answer.name,
            "batch_id": answer.batch_id,
            "done": dict(moved.done),
            "outcomes": moved.outcomes,
            "results": [list(outcome) for outcome in moved.results],
            "differences": [
                {
                    **{name: line[name] for name in RECORDS},
                    **{
                        name: None if line[name] is None else to_text(line[name])
                        for name in FIGURES
                    },
                }
                for line in answer.differences
            ],
        }

    def _read(self):
        """What :meth:`_keep` kept, differences in records that are gone left out.

        :return: name, batch id, fields of ``usage_correction.Moved``, differences
        """
        self.ensure_one()
        kept = json.loads(json.dumps(self.result))  # the cache's own stays as it is
        lines = kept["differences"]
        for name, model in RECORDS.items():
            named = self.env[model].browse({line[name] for line in lines})
            there = set(named.exists().ids)
            lines = [line for line in lines if line[name] in there]
        for line in lines:
            for name in FIGURES:
                line[name] = None if line[name] is None else Decimal(line[name])
        moved = {
            "outcomes": kept["outcomes"],
            "results": [CorrectionOutcome(*outcome) for outcome in kept["results"]],
        }
        moved["done"] = defaultdict(int, kept["done"])
        return kept["name"], kept["batch_id"], moved, lines

    @api.autovacuum
    def _gc_receipts(self):
        """Forget old receipts."""
        before = fields.Datetime.now() - timedelta(days=KEPT_DAYS)
        self.search([("received_at", "<", before)]).unlink()
