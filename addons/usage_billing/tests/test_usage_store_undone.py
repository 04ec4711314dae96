"""What a transaction takes back is in no router that comes after it."""

from odoo.tests import tagged

from .test_usage_store import StoreCase, event


class Undo(Exception):
    """Ends a savepoint."""


@tagged("post_install", "-at_install")
class TestUsageStoreUndone(StoreCase):
    def setUp(self):
        super().setUp()
        self.meter = self._create_meter("cpu")
        self.env.flush_all()
        self._forget_notes()

    def _forget_notes(self):
        """As if all of it had been made by transactions of long ago."""
        self.env.cr.execute("DELETE FROM usage_store_change")

    def _sum(self):
        self.assertRollupsEqualEvents()
        found = self._quantities(self._period("2026-09-01"), self.meter)
        return sum(found.values())

    def test_numbers_of_routes_that_were_taken_back(self):
        try:
            with self.env.cr.savepoint():
                self._send([event(1)])  # makes the route
                self._send([event(2)])  # finds it
                raise Undo
        except Undo:
            self.env.invalidate_all(flush=False)
        self._send([event(number) for number in range(1, 31)])
        self._send([event(31)])
        self.env.cr.execute(
            "SELECT count(*) FROM usage_store_event WHERE source_id = %s",
            [self.source.id],
        )
        self.assertEqual(self.env.cr.fetchone(), (31,))
        self.assertEqual(self._sum(), 31)

    def test_a_meter_that_was_archived_and_is_not(self):
        other = self._create_meter("cpu")
        self.env.flush_all()
        self._forget_notes()
        self._send([event(1)])
        try:
            with self.env.cr.savepoint():
                other.active = False
                self._send([event(2)])
                self._send([event(3)])
                raise Undo
        except Undo:
            self.env.invalidate_all(flush=False)
        self.assertTrue(other.active)
        self._send([event(4)])
        self.assertEqual(self._sum(), 2)
        found = self._quantities(self._period("2026-09-01"), other)
        self.assertEqual(sum(found.values()), 2)
