"""Few events of one request: one statement leaves what ten statements leave."""

from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from random import Random
from threading import Thread
from types import SimpleNamespace
from unittest.mock import patch

from odoo import sql_db
from odoo.tests import get_db_name, tagged

from .. import ingesting, metering_leases
from ..metering import append, sessions
from .test_usage_store import event, uuid7
from .test_usage_store_two_connections import ROWS, TwoConnectionsCase
from .test_usage_store_undone import Undo
from .test_usage_store_ways import TIME_KEYED, WaysCase

NOW = datetime(2026, 10, 2, 8)
NOON = datetime(2026, 9, 15, 12)
SEPTEMBER_MS = int(datetime(2026, 9, 15, 12, tzinfo=UTC).timestamp() * 1000)
#: All that requests leave, without the numbers that sequences gave.
LEFT = (
    "SELECT e.id & 2147483647, key::text, event_id, time, payload_hash, type, subject,"
    " subscription_id, period_id, d.dims, row_number, value::text,"
    " pg_column_size(value), amount::text, currency, properties::text, b.name"
    " FROM usage_store_event e JOIN usage_store_dimset d ON d.id = e.dimset_id"
    " JOIN usage_batch b ON b.id = e.batch_id ORDER BY key",
    "SELECT identity::text, payload_hash, time FROM usage_store_identity ORDER BY 1",
    "SELECT to_jsonb(r) - 'dimset_id', d.dims FROM usage_store_rollup r"
    " JOIN usage_store_dimset d ON d.id = r.dimset_id WHERE bucket IS NOT NULL"
    " ORDER BY period_id, meter_id, d.dims::text, bucket",
    "SELECT to_jsonb(b) - 'id' - 'duration_s' - 'create_date' - 'write_date',"
    " duration_s BETWEEN 0 AND 60, create_date = write_date FROM usage_batch b"
    " ORDER BY name",
    "SELECT source_id, reason_code, event_id, raw, row_number FROM usage_quarantine"
    " ORDER BY raw, row_number",
)


def clock(moment):
    """``odoo.fields`` at a moment."""
    return SimpleNamespace(Datetime=SimpleNamespace(now=lambda: moment))


@contextmanager
def calls():
    """Whether the calls of the statement stored something, by what they relied on; and
    whether new routes were among it.
    """
    found = {"Lease": [], "Leader": [], "routes": []}
    whole = ingesting._store_few

    def store_few(*arguments):
        done = whole(*arguments)
        is_stored = bool(done and done.number)
        found[type(arguments[-1]).__name__].append(is_stored)
        found["routes"].append(is_stored and bool(done.given))
        return done

    with patch.object(ingesting, "_store_few", store_few):
        yield found


@tagged("post_install", "-at_install")
class TestUsageStoreFew(WaysCase):
    @contextmanager
    def _way(self, way):
        """ "careful" knows no short way, "kept" keeps what a transaction learned as if
        it were committed; "learned" asks anew each time.
        """
        with (
            patch.object(ingesting, "fields", clock(NOW)),
            patch.object(ingesting, "MANY", 0 if way == "careful" else 20),
            patch.object(
                metering_leases.Leases,
                "is_settled",
                property(lambda _leases: way == "kept", lambda _leases, _value: None),
            ),
        ):
            yield

    def _leave(self, way, portions, source):
        """What requests leave that are stored in a way, and then taken back."""
        cr, left = self.env.cr, []
        self.env.flush_all()
        cr.execute("DELETE FROM usage_store_change")
        with suppress(Undo), cr.savepoint(), self._way(way):
            for number, rows in enumerate(portions):
                [(_id, result)] = ingesting.ingest(
                    self.env, source.id, [(rows, f"{number:04d}")]
                )
                left.append(result)
            self.env.flush_all()
            self.assertRollupsEqualEvents()
            for query in LEFT:
                cr.execute(query)
                left.append(cr.fetchall())
            raise Undo
        self.env.invalidate_all(flush=False)
        metering_leases.leases_of(cr).clear()
        return left

    def test_all_ways_leave_the_same(self):
        stored = {"Lease": 0, "Leader": 0, "routes": 0}
        for seed in range(6):
            draw = Random(seed)
            mode = draw.choice([{"identity_mode": "strict"}, TIME_KEYED])
            source = self._create_source(f"few {seed}", **mode)
            rows = self._rows(draw, 90, mode is TIME_KEYED)
            portions = []
            while rows:
                size = draw.choice([1, 1, 2, 5, 19])
                portions.append(rows[:size])
                if draw.random() < 0.2:
                    portions.append(rows[:size])  # again
                rows = rows[size:]
            careful = self._leave("careful", portions, source)
            for way in ("learned", "kept"):
                with calls() as found:
                    left = self._leave(way, portions, source)
                self.assertEqual(left, careful, (seed, way))
                for name, done in found.items():
                    stored[name] += sum(done)
        self.assertGreater(stored["Lease"], 20)
        self.assertGreater(stored["Leader"], 0)
        self.assertGreater(stored["routes"], 5)

    def test_few_events_do_not_fill_the_memory_with_routes(self):
        source, sizes = self._create_source("few", **TIME_KEYED), []
        self.env.flush_all()
        self.env.cr.execute("DELETE FROM usage_store_change")
        with (
            self._way("kept"),
            patch.object(append, "ROUTES_KEPT", 10),
            calls() as found,
        ):
            for number in range(60):
                zone = {"zone": f"z{number}"}
                row = event(number, dimensions=zone, event_id=str(uuid7(SEPTEMBER_MS)))
                with self._seen_routes(sizes):
                    ingesting.ingest(self.env, source.id, [([row], None)])
        self.assertGreater(sum(found["Leader"]), 40)
        self.assertLess(max(sizes), 13)
        self.assertRollupsEqualEvents()

    @contextmanager
    def _seen_routes(self, sizes):
        whole = ingesting._store_few

        def store_few(cr, router, *arguments):
            done = whole(cr, router, *arguments)
            sizes.append(len(router.routes))
            return done

        with patch.object(ingesting, "_store_few", store_few):
            yield


@tagged("post_install", "-at_install")
class TestUsageStoreFewAtOnce(TwoConnectionsCase):
    def setUp(self):
        super().setUp()
        self.addCleanup(sessions.SESSIONS.close)

    def _ingest(self, rows, mode="strict"):
        with self._transaction() as env:
            return env["usage.source"].browse(self.sources[mode])._ingest(rows)

    def _ingest_into(self, results, *arguments):
        results.append(self._ingest(*arguments))

    def _warm(self, mode):
        """Let the process know the way of the events."""
        for row in ROWS[:2]:
            self._ingest([row], mode)

    def test_what_is_known_is_used_and_the_session_stays(self):
        for mode in self.sources:
            self._warm(mode)
            backends = set()
            with (
                calls() as found,
                patch.object(sessions.SESSIONS, "keep", self._keeping(backends)),
            ):
                for row in ROWS[2:6]:
                    self.assertEqual(self._ingest([row], mode).accepted, 1)
            self.assertEqual((found["Lease"], found["Leader"]), ([True] * 4, []))
            self.assertEqual(len(backends), 1)
        self.assertEqual(self._total(), (12, 2 * sum(range(1, 7))))

    def _keeping(self, backends):
        whole = sessions.SESSIONS.keep

        def keep(cr):
            backends.add(cr.connection.get_backend_pid())
            self.assertEqual(
                cr.connection.get_transaction_status(), 0, "nothing is left open"
            )
            whole(cr)

        return keep

    def test_a_session_that_the_server_ended_is_replaced(self):
        self._warm("strict")
        with sql_db.db_connect(get_db_name()).cursor() as cr:
            cr.execute(
                "SELECT count(pg_terminate_backend(%s, 5000))",
                [sessions.SESSIONS._kept[-1][1].connection.get_backend_pid()],
            )
        self.assertEqual(self._ingest([ROWS[2]]).accepted, 1)
        self.assertEqual(self._total(), (3, 6))

    def test_sessions_are_given_back_after_a_while(self):
        self._warm("strict")
        [(_since, cr)] = sessions.SESSIONS._kept
        with patch.object(sessions, "SECONDS_KEPT", -1):
            self.assertIsNone(sessions.SESSIONS.take(get_db_name()))
        self.assertTrue(cr.closed)
        self.assertFalse(sessions.SESSIONS._kept)

    def test_an_error_keeps_nothing(self):
        self._warm("strict")
        with self.assertRaises(ZeroDivisionError), self._transaction() as env:
            with sessions.kept_connection(env(su=True)) as own:
                own.cr.execute("DELETE FROM usage_store_identity")
                raise ZeroDivisionError
        self.assertFalse(sessions.SESSIONS._kept)
        self.assertEqual(self._ingest([ROWS[0]]).duplicate, 1)

    def test_an_event_sent_again_and_one_with_other_content(self):
        for mode in self.sources:
            self._warm(mode)
            self.assertEqual(self._ingest([ROWS[1]], mode).duplicate, 1)
            other = ROWS[1]._replace(value=ROWS[5].value)
            self.assertEqual(self._ingest([other], mode).conflict, 1)
            self.assertEqual(self._ingest([ROWS[2], ROWS[2]], mode).duplicate, 1)
            result = self._ingest([ROWS[3], ROWS[1], ROWS[4]], mode)
            self.assertEqual((result.accepted, result.duplicate), (2, 1))
        self.assertEqual(self._total(), (10, 2 * 15))

    def test_what_changed_meanwhile_counts(self):
        self._warm("strict")
        with self._transaction() as env:
            env["usage.meter"].browse(self.meter_id).active = False
        with calls() as found:
            self.assertEqual(self._ingest([ROWS[2]]).quarantined, 1)
        self.assertEqual(found["Lease"], [False])
        with self._transaction() as env:
            env["usage.meter"].browse(self.meter_id).active = True
        self.assertEqual(self._ingest([ROWS[3]]).accepted, 1)
        self.assertEqual(self._total(), (3, 1 + 2 + 4))

    def test_the_same_few_events_by_two_connections(self):
        """The second one waits for the first, and finds duplicates."""
        for mode in self.sources:
            self._warm(mode)
            self._ingest([ROWS[2]], mode)
            rows, seen = ROWS[3:6], []
            again = Thread(target=self._ingest_into, args=(seen, rows[::-1], mode))
            with self._transaction("READ COMMITTED") as env:
                with calls() as found:
                    ingesting.ingest(env, self.sources[mode], [(rows, None)])
                self.assertEqual(found["Lease"], [True])
                again.start()
                again.join(0.5)
                self.assertTrue(again.is_alive())
            again.join()
            self.assertEqual((seen[0].accepted, seen[0].duplicate), (0, 3))
        self.assertEqual(self._total(), (12, 2 * 21))

    def test_a_route_that_two_connections_meet_first_is_one(self):
        for mode, source_id in self.sources.items():
            self._warm(mode)
            rows, seen = [row._replace(currency="EUR") for row in ROWS[2:5]], []
            again = Thread(target=self._ingest_into, args=(seen, rows[1:2], mode))
            with self._transaction("READ COMMITTED") as env:
                with calls() as found:
                    ingesting.ingest(env, source_id, [(rows[:1], None)])
                self.assertEqual(found["routes"], [True])
                again.start()
                again.join(0.5)
                self.assertTrue(again.is_alive())
            again.join()
            self.assertEqual(seen[0].accepted, 1)
            self.assertEqual(self._ingest(rows[2:], mode).accepted, 1)
            with self._transaction() as env:
                env.cr.execute(
                    "SELECT r.id FROM usage_store_route r JOIN usage_store_fact f"
                    " ON f.route_id = r.id WHERE source_id = %s AND currency = 'EUR'",
                    [source_id],
                )
                found = env.cr.fetchall()
                self.assertEqual((len(found), len(set(found))), (3, 1))
        self.assertEqual(self._total(), (10, 2 * 15))

    def test_an_event_beyond_the_tolerance_of_its_source_is_held(self):
        with self._transaction() as env:
            source = env["usage.source"].browse(self.sources["strict"])
            source.write({"future_tolerance_min": 0, "late_tolerance_days": 0})
        for number, hours, reasons in (
            (0, (0, 0), ()),
            (1, (0, 1), ("future",)),
            (2, (0, -1), ("late",)),
            (3, (2, 1), ("late",)),
            (4, (2, 2), ()),
            (5, (2, 3), ("future",)),
        ):
            arrival, moment = (NOON + timedelta(hours=each) for each in hours)
            row = ROWS[number]._replace(time=moment)
            with patch.object(ingesting, "fields", clock(arrival)):
                outcomes = self._ingest([row]).outcomes
            self.assertEqual(tuple(each.code for each in outcomes), reasons, number)
