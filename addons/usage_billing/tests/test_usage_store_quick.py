"""What goes in quickly is what goes in carefully, row for row."""

from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from unittest.mock import patch

from odoo.tests import tagged

from ..metering import append, quick
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
        """Send rows in two deliveries, and to another source by the careful way."""
        quickly = self._create_source(f"quick {kw}", **kw)
        carefully = self._create_source(f"careful {kw}", **kw)
        half = len(rows) // 2
        asked = []
        go_quickly = append.Append.go_quickly

        def listen(self, *args, **kwargs):
            asked.append(go_quickly(self, *args, **kwargs))
            return asked[-1]

        with patch.object(append.Append, "go_quickly", listen):
            sent = [self._send(part, quickly) for part in (rows[:half], rows[half:])]
        with patch.object(append.Append, "go_quickly", lambda *_args, **_kw: None):
            kept = [self._send(part, carefully) for part in (rows[:half], rows[half:])]
        self.assertEqual(
            [self._counts(batch) for batch in sent],
            [self._counts(batch) for batch in kept],
        )
        self.assertEqual(self._stored(quickly), self._stored(carefully))
        accepted = sum(batch.accepted_count for batch in kept)
        self.assertEqual(len(self._stored(quickly)), accepted)
        self.assertRollupsEqualEvents()
        return asked

    def test_ordinary_rows_are_stored_alike_at_the_turn_of_a_period(self):
        draw = Random(3)
        for mode in (
            {"identity_mode": "strict"},
            {"identity_mode": "time_keyed", "id_format": "uuid7"},
        ):
            keyed = mode["identity_mode"] == "time_keyed"
            asked = self._compare(self._rows(draw, 0, 120, keyed), **mode)
            # nothing was left to the careful way, and something had to be asked
            self.assertNotIn(None, asked)
            self.assertEqual(sum(asked), 120)
            self.assertGreater(len(asked), 2)

    def test_a_row_that_does_not_fit_is_held_and_the_others_are_stored(self):
        rows = self._rows(Random(4), 0, 60)
        rows[41] = rows[41]._replace(subject="nobody")
        rows[52] = rows[52]._replace(value=None)
        self.assertIn(None, self._compare(rows, identity_mode="strict"))

    def test_a_repetition_across_the_stretches_of_a_delivery_counts_once(self):
        rows = [event(number, at=EVENING) for number in range(20)]
        self._send(rows[:2])  # what these rows need is known
        other = event(30, at=EVENING, subject="acct-1", type="disk")
        batch = self._send([*rows[2:], other, rows[7], event(31, at=EVENING)])
        self.assertEqual(self._counts(batch), (20, 1, 0, 0))
        self.assertRollupsEqualEvents()

    def test_no_table_is_made_for_a_month_that_nothing_goes_to(self):
        self._send([event(1)])
        far = event(2, at=datetime(1999, 5, 5))
        self.assertEqual(self._counts(self._send([event(3), far])), (1, 0, 1, 0))
        self.env.cr.execute("SELECT to_regclass('usage_store_fact_199905')")
        self.assertEqual(self.env.cr.fetchone(), (None,))
