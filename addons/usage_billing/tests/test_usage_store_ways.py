"""Whatever comes in, and in whatever portions: the ways of the store agree."""

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from unittest.mock import patch

from odoo import Command
from odoo.tests import tagged

from ..ingesting import ingest
from ..metering import (
    EventColumns,
    RejectedRow,
    append,
    known,
    quick,
    resent,
    rollups,
    ways,
)
from ..metering.eventcolumns import Unfit
from ..metering.postgres import PostgresStore
from ..metering.routing import Router
from .test_usage_store import StoreCase, event, uuid7

#: The turn of a period in Paris, and of a month two hours later.
EVENING = datetime(2026, 9, 30, 21)
EPOCH = datetime(1970, 1, 1)
TIME_KEYED = {"identity_mode": "time_keyed", "id_format": "uuid7"}
VALUES = [
    "0", "0.0000", "-0", "-0.00", "-12.50", "1E+3", "1E-9", "7.", "0.10", "9999.9999",
    "10000", "99999999.9999", "100000000", "123456789012.1234", "0.00001",
]  # fmt: skip
TEXTS = ["a", "é", "\n", "|", ",", '"', "\\", ": ", '","', "{}", "%s", "😀", "", " "]


def text(draw):
    return "".join(draw.choices(TEXTS, k=draw.randrange(4)))


def in_columns(rows):
    """Rows as a request hands them over, when there is nothing strange about them."""
    try:
        return EventColumns.of_rows(rows)
    except (Unfit, ValueError, ArithmeticError, TypeError, AttributeError):
        return rows


class WaysCase(StoreCase):
    """Meters of all kinds, two customers, and rows of all kinds for them.

    start: time of the first row; subjects: of ordinary rows; steps: microseconds from
        one to the next, one of these
    """

    start = EVENING
    subjects = ["acct-1"] * 9 + ["acct-2"]
    steps = 999_983, 60_000_017, 500_000_003

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for code in ("cpu", "disk"):
            cls._create_meter(code, dimension_keys="region")
        cls._create_meter("cpu_max", event_type="cpu", aggregation="max")
        cls._create_meter("calls", aggregation="count")
        cls._create_meter(
            "some_calls",
            event_type="calls",
            aggregation="count",
            filter_ids=[Command.create({"key": "job", "value": "x"})],
        )
        cls._create_store_subscription("acct-2", date_start="2026-10-01")

    def _rows(self, draw, count, is_keyed):
        """Rows of all kinds, most of them ordinary."""
        rows, strange = [], draw.choice([0, 0.01, 0.05])
        step = timedelta(microseconds=draw.choice(self.steps))
        for number in range(count):
            at = self.start + step * number
            values = str(Decimal(draw.randrange(10**6)).scaleb(-draw.randrange(6)))
            properties = [{}, {"job": draw.choice("xy")}, {text(draw): text(draw)}]
            row = event(
                number,
                draw.choice([values] * 9 + VALUES),
                at,
                type=draw.choice(["cpu", "disk", "calls"]),
                dimensions=draw.choice([{}, {"region": "fr"}, {"zone": "é|", "a": ""}]),
                properties=draw.choice(properties if draw.random() < 0.3 else [{}]),
                subject=draw.choice(self.subjects),
            )
            milliseconds = (at - EPOCH) // timedelta(milliseconds=1)
            event_id = uuid7(milliseconds) if is_keyed else f"{number}{text(draw)}é"
            row = row._replace(event_id=str(event_id))
            if draw.random() < strange:
                row = self._strange(draw, row, at, (rows or [row])[-1])
            rows.append(row)
        return rows

    def _strange(self, draw, row, at, before):
        """Something else instead of a row."""
        number = row.row_number
        return draw.choice(
            [
                row._replace(value=None),
                row._replace(subject="nobody"),
                row._replace(type="nothing"),
                row._replace(event_id=""),
                row._replace(event_id="\0"),
                row._replace(event_id="\ud800"),
                row._replace(amount=Decimal("1.50"), currency="EUR"),
                row._replace(properties={"job": None, "n": 1}),
                row._replace(properties={"job": "\0"}),
                row._replace(time=None),
                row._replace(time=at.replace(tzinfo=UTC)),
                row._replace(time=datetime(1999, 5, 5)),
                row._replace(time=datetime(2026, 9, 2, 3)),
                RejectedRow(number, "unreadable", "no JSON", "{"),
                before,
                before._replace(row_number=number),
            ]
        )

    def _stored(self, source):
        self.env.cr.execute(
            "SELECT e.id & 2147483647, event_id, time, payload_hash, type, subject,"
            " subscription_id, period_id, d.dims, row_number, value::text,"
            " pg_column_size(value),"
            " amount, currency, properties"
            " FROM usage_store_event e JOIN usage_store_dimset d ON d.id = e.dimset_id"
            " WHERE source_id = %s ORDER BY event_id, time",
            [source.id],
        )
        return self.env.cr.fetchall()

    def _held(self, source):
        held = self.env["usage.quarantine"].search([("source_id", "=", source.id)])
        return sorted(
            (each.reason_code, each.event_id or "", each.raw, each.row_number)
            for each in held
        )

    def _deliver(self, draw, rows, source, way):
        """Send rows as a delivery that is stored in chunks, or as requests.

        :return: numbers of accepted, repeated and held rows
        """
        if way not in ("requests", "columns"):
            batch = self._send(rows, source)
            return list(self._counts(batch)[:3])
        requests, low = [], 0
        while low < len(rows):
            size = draw.choice([1, 2, 19, 20, 50, 200])
            part = rows[low : low + size]
            requests.append((in_columns(part) if way == "columns" else part, None))
            low += size
        results = []
        while requests:
            size = draw.choice([1, 1, 2, 5])
            results += [
                each for _id, each in ingest(self.env, source.id, requests[:size])
            ]
            del requests[:size]
        return [
            sum(each.accepted for each in results),
            sum(each.duplicate for each in results),
            sum(each.quarantined_count for each in results),
        ]

    @contextmanager
    def _way(self, way, block, chunk, kept=10**9):
        """Blocks and chunks of so many rows; "careful" knows no quick way.

        :param int kept: routes and ways that are kept
        """
        whole = PostgresStore.append

        def in_chunks(store, batch, rows, **kw):
            return whole(store, batch, rows, chunk, **kw)

        with (
            patch.object(quick, "BLOCK", block),
            patch.object(PostgresStore, "append", in_chunks),
            patch.object(append, "ROUTES_KEPT", kept),
            patch.object(ways, "WAYS_KEPT", kept),
            patch.object(append, "MANY", 10**9 if way == "careful" else append.MANY),
            patch.object(rollups, "FEW", 0 if chunk == 100 else rollups.FEW),
        ):
            yield

    def _check(self, seed):
        draw = Random(seed)
        mode = draw.choice([{"identity_mode": "strict"}, TIME_KEYED])
        count = draw.choice([19, 20, 81, 150])
        rows = self._rows(draw, count, mode is TIME_KEYED)
        seen = []
        for way, block, chunk in (
            ("careful", 1, 40),
            ("delivery", 5, 40),
            ("delivery", draw.choice([1, 3, 20]), 100),
            ("requests", 7, 60),
            ("columns", 8, 60),
        ):
            source = self._create_source(f"{seed} {len(seen)}", **mode)
            with self._way(way, block, chunk, draw.choice([3, 10**9])):
                counts = self._deliver(draw, rows, source, way)
            stored = self._stored(source)
            self.assertEqual(counts[0], len(stored))
            self.assertEqual(sum(counts), count)
            if way in ("requests", "columns"):  # their rows are counted batch by batch
                stored = [each[1:] for each in stored]
                if way == "requests":
                    seen[0] = [each[1:] for each in seen[0][0]], *seen[0][1:]
            seen.append((stored, counts, self._held(source)))
            self.assertEqual(seen[-1], seen[0], (seed, way, block, chunk))

    def _again(self, draw, rows, first):
        """Rows that repeat others, or say something else under their ids, or are new.

        :param int first: number of rows that were sent already
        """
        share, sent = draw.choice([0, 0.02, 0.5]), []
        for row in rows[:first]:
            if not isinstance(row, RejectedRow) and draw.random() < share:
                row = draw.choice(
                    [
                        row._replace(value=Decimal(draw.randrange(10**6))),
                        row._replace(dimensions={"region": f"r{draw.randrange(3)}"}),
                        row._replace(properties={"job": text(draw)}),
                        row._replace(subject="acct-2"),
                    ]
                )
            sent.append(row)
        part = draw.choice([0, 0, len(sent) // 2, len(sent) - 1])
        sent = [*sent[part:], *rows[first:]]
        if draw.random() < 0.5:
            draw.shuffle(sent)
        return sent

    def _check_again(self, seed):
        draw = Random(seed)
        mode = draw.choice([{"identity_mode": "strict"}, TIME_KEYED])
        rows = self._rows(draw, draw.choice([60, 150]), mode is TIME_KEYED)
        first = draw.choice([len(rows), len(rows) - 1, len(rows) // 2])
        deliveries = [rows[:first]]
        for _ in range(3):
            deliveries.append(self._again(draw, rows, first))
        deliveries.append(rows)
        seen = []
        for way, block, chunk, few in (
            ("careful", 1, 40, 500),
            ("delivery", 5, 40, 500),
            ("delivery", draw.choice([1, 3, 20]), 100, 5),
        ):
            source = self._create_source(f"{seed} again {len(seen)}", **mode)
            told = []
            with (
                self._way(way, block, chunk, draw.choice([3, 10**9])),
                patch.object(known, "_FEW", few),
                patch.object(resent, "LOOKED_AT", draw.choice([20, 10**9])),
            ):
                for sent in deliveries:
                    batch = self.env["usage.batch"].create(
                        {"name": "Again", "source_id": source.id}
                    )
                    result = batch._append(sent, report=True)
                    self.assertEqual(
                        result.rows,
                        result.accepted + result.duplicate + result.quarantined_count,
                    )
                    told.append(
                        (
                            result.accepted,
                            result.duplicate,
                            sorted(result.quarantined.items()),
                            sorted(map(str, result.outcomes)),
                        )
                    )
            seen.append((told, self._stored(source), self._held(source)))
            self.assertEqual(seen[-1], seen[0], (seed, way, block, chunk))


@tagged("post_install", "-at_install")
class TestUsageStoreWays(WaysCase):
    def test_ways_and_portions_agree(self):
        for seed in (0, 8, 11):
            self._check(seed)
        self.assertRollupsEqualEvents()

    def test_rows_sent_again_are_dealt_with_alike(self):
        for seed in (0, 1, 2, 3, 4, 5):
            self._check_again(seed)
        self.assertRollupsEqualEvents()

    def test_rows_sent_again_are_compared_by_column(self):
        rows = [event(number, at=EVENING) for number in range(60)]
        changed = rows[7]._replace(value=Decimal(5))
        for mode in ("strict", "time_keyed"):
            source = self.source
            if mode == "time_keyed":
                source = self._create_source("keyed", **TIME_KEYED)
                milliseconds = (EVENING - EPOCH) // timedelta(milliseconds=1)
                ids = [str(uuid7(milliseconds)) for _row in rows]
                rows = [
                    row._replace(event_id=id_)
                    for row, id_ in zip(rows, ids, strict=True)
                ]
                changed = changed._replace(event_id=ids[7])
            self._send(rows[:40], source)
            with patch.object(append, "prepare", side_effect=AssertionError):
                again = [*rows[:7], changed, *rows[8:]]
                self.assertEqual(
                    self._counts(self._send(again, source)), (20, 39, 1, 0)
                )
                self.assertEqual(self._counts(self._send(rows, source)), (0, 60, 0, 0))
                self.assertEqual(
                    self._counts(self._send(rows[:20], source)), (0, 20, 0, 0)
                )
        self.assertRollupsEqualEvents()

    def test_an_event_without_a_time_says_nothing_of_its_customer(self):
        rows = [event(1)._replace(time=None), event(2)]
        self.assertEqual(self._counts(self._send(rows[:1])), (0, 0, 1, 0))
        self.assertEqual(self._counts(self._send(rows[1:])), (1, 0, 0, 0))

    def test_requests_do_not_fill_the_memory_with_routes(self):
        with patch.object(append, "ROUTES_KEPT", 30):
            self.assertEqual(self._kept_of_requests(3, "z"), [40, 40, 40])

    def test_routes_of_long_dimensions_do_not_fill_the_memory(self):
        with patch.object(append, "TEXTS_KEPT", 30_000):
            # 20,000 characters are few enough for others to follow
            kept = self._kept_of_requests(4, "z" * 500)
        self.assertEqual(kept, [40, 80, 40, 80])

    def _kept_of_requests(self, count, text):
        """How many routes are kept after each of some requests with forty new ones.

        :param str text: what their dimensions begin with
        """
        store, kept = self.store._here(), []
        router = Router(store.catalogue, self.env.company.id, self.source.id)
        for low in range(0, 40 * count, 40):
            rows = [
                event(number, dimensions={"zone": f"{text}{number:03}"})
                for number in range(low, low + 40)
            ]
            batch = self.env["usage.batch"].create(
                {"name": "Requests", "source_id": self.source.id}
            )
            (result,) = store.append_all(
                [(self.store._batch_spec(batch), rows)], router
            )
            self.assertEqual(result.accepted, 40)
            kept.append(len(router.routes))
        self.assertRollupsEqualEvents()
        return kept
