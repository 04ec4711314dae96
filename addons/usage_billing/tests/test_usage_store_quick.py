"""What goes in quickly is what goes in carefully, row for row."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from unittest.mock import patch

from odoo.tests import tagged

from ..metering import RejectedRow, append, quick
from ..metering.postgres import PostgresStore
from .test_usage_store import StoreCase, event, uuid7

#: The last hours of September in Paris: the turn of a period, within a month of UTC.
EVENING = datetime(2026, 9, 30, 20)
EPOCH = datetime(1970, 1, 1)


@tagged("post_install", "-at_install")
class TestUsageStoreQuick(StoreCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for code in ("cpu", "disk"):
            cls._create_meter(code, dimension_keys="region")
        cls._create_store_subscription("acct-2", date_start="2026-10-01")
        cls.startClassPatcher(patch.object(quick, "BLOCK", 5))
        whole = PostgresStore.append

        def in_chunks(store, batch, rows, **kw):
            return whole(store, batch, rows, 40, **kw)

        cls.startClassPatcher(patch.object(PostgresStore, "append", in_chunks))

    def _rows(self, draw, first, count, keyed=False):
        """Rows of everything that is ordinary."""
        rows = []
        for number in range(first, first + count):
            at = EVENING + timedelta(minutes=7 * (number % 60), microseconds=number)
            milliseconds = (at - EPOCH) // timedelta(milliseconds=1)
            values = Decimal(draw.randrange(10**5)).scaleb(-draw.randrange(5))
            row = event(
                number,
                draw.choice(["0", "0.10", "123456789.5", str(values), str(values)]),
                at,
                type=draw.choice(["cpu", "disk"]),
                dimensions=draw.choice([{}, {"region": "fr"}, {"region": "n\ny"}]),
                properties=draw.choice([{}, {}, {"job": f"j{number}"}]),
            )
            if at >= datetime(2026, 9, 30, 22):
                row = row._replace(subject=draw.choice(["acct-1", "acct-2"]))
            if number == 110:
                row = row._replace(dimensions={"region": "es"})
            if keyed:
                row = row._replace(event_id=str(uuid7(milliseconds)))
            rows.append(row)
        return rows

    def _stored(self, source):
        """All that is stored of a source but what no two sources share."""
        self.env.cr.execute(
            "SELECT event_id, time, payload_hash, type, subject, subscription_id,"
            " period_id, d.dims, row_number, value::text, pg_column_size(value),"
            " amount, properties"
            " FROM usage_store_event e JOIN usage_store_dimset d ON d.id = e.dimset_id"
            " WHERE source_id = %s ORDER BY event_id",
            [source.id],
        )
        return self.env.cr.fetchall()

    def _compare(self, rows, **kw):
        """Send rows in chunks, and to another source by the careful way.

        :return: numbers of rows that went quickly, one for each stretch of them
        """
        quickly = self._create_source(f"quick {kw}", **kw)
        carefully = self._create_source(f"careful {kw}", **kw)
        counts = []
        send = append.Append.send

        def listen(self, *args):
            counts.append(send(self, *args))
            return counts[-1]

        with patch.object(append.Append, "send", listen):
            sent = self._send(rows, quickly)
        with patch.object(append.Append, "_go_ahead", lambda *_args: None):
            kept = self._send(rows, carefully)
        self.assertEqual(self._counts(sent), self._counts(kept))
        self.assertEqual(self._stored(quickly), self._stored(carefully))
        self.assertEqual(len(self._stored(quickly)), kept.accepted_count)
        self.assertRollupsEqualEvents()
        return counts

    def test_ordinary_rows_are_stored_alike_at_the_turn_of_a_period(self):
        draw = Random(3)
        for mode in (
            {"identity_mode": "strict"},
            {"identity_mode": "time_keyed", "id_format": "uuid7"},
        ):
            keyed = mode["identity_mode"] == "time_keyed"
            counts = self._compare(self._rows(draw, 0, 120, keyed), **mode)
            # nothing was left to the careful way, and something had to be asked
            self.assertNotIn(None, counts)
            self.assertEqual(sum(counts), 120)
            self.assertGreater(len(counts), 3)
            self.assertTrue(all(counts[:2]))

    def test_a_row_that_does_not_fit_is_held_and_the_others_are_stored(self):
        rows = self._rows(Random(4), 0, 60)
        rows[41] = rows[41]._replace(subject="nobody")
        rows[52] = rows[52]._replace(value=None)
        counts = self._compare(rows, identity_mode="strict")
        self.assertIn(None, counts)
        self.assertTrue(any(counts))

    def test_rejected_rows_and_times_with_a_zone_stand_among_the_others(self):
        rows = self._rows(Random(5), 0, 160)
        rows[90] = RejectedRow(90, "unreadable", "no JSON", "{")
        rows[130] = rows[130]._replace(time=rows[130].time.replace(tzinfo=UTC))
        self.assertTrue(any(self._compare(rows, identity_mode="strict")))

    def test_a_repetition_across_the_stretches_of_a_delivery_counts_once(self):
        rows = [event(number, at=EVENING) for number in range(20)]
        other = event(100, at=EVENING, type="disk")
        rows += [event(number, at=EVENING) for number in range(20, 60)]
        batch = self._send([*rows, other, rows[7], rows[45], event(101, at=EVENING)])
        self.assertEqual(self._counts(batch), (62, 2, 0, 0))
        self.assertRollupsEqualEvents()

    def test_no_table_is_made_for_a_month_that_nothing_goes_to(self):
        rows = [event(number) for number in range(30)]
        rows[20] = event(20, at=datetime(1999, 5, 5))
        self.assertEqual(self._counts(self._send(rows)), (29, 0, 1, 0))
        self.env.cr.execute("SELECT to_regclass('usage_store_fact_199905')")
        self.assertEqual(self.env.cr.fetchone(), (None,))
