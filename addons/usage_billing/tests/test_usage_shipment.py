"""The outbox: whatever dies and however often, every event is there once."""

import time
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import TransactionCase, new_test_user, tagged
from odoo.tools import mute_logger

from .. import metering_engine
from ..metering.clickhouse import ship
from ..metering.clickhouse.driver import StoreUnavailable
from ..metering_engine import URL, driver_of
from .test_usage_store import SEPTEMBER, StoreCase, event
from .test_usage_store_clickhouse import ClickhouseCase, store_url

LOGGER = "odoo.addons.usage_billing.models.usage_shipment"


class Killed(Exception):
    """The process is gone: nothing after this runs."""


class Broken:
    """A driver that dies at its n-th insert, before or after the rows are stored."""

    def __init__(self, driver, at=1, stores=True):
        self.driver, self.at, self.stores = driver, at, stores
        self.blocks = []

    def __getattr__(self, name):
        return getattr(self.driver, name)

    def insert(self, *arguments):
        self.blocks.append(arguments)
        if len(self.blocks) == self.at:
            if self.stores:
                self.driver.insert(*arguments)
            raise Killed
        self.driver.insert(*arguments)


class Away:
    """A ClickHouse that does not answer."""

    modern = True

    def _fail(self, *_arguments, **_options):
        raise StoreUnavailable("clickhouse_away", detail="connection refused")

    query = execute = insert = _fail

    def close(self):
        """Nothing to close."""


class ShipmentCase(ClickhouseCase, StoreCase):
    """One meter, deliveries that stay on their way until a test ships them."""

    ship_every = 10**9

    def setUp(self):
        super().setUp()
        self.meter = self._create_meter("cpu")
        self.september = self._period("2026-09-01")

    def _total(self):
        (row,) = self.store.aggregate(self.september, self.meter) or [None]
        return row and (row.quantity, row.count)

    def _shipments(self):
        return self.env["usage.shipment"].search(
            [("company_id", "=", self.env.company.id)]
        )

    def _ship(self, driver=None):
        return self._shipments()._ship(
            driver or driver_of(self.env), commit=lambda: None
        )

    def _stored(self):
        ((count,),) = driver_of(self.env).query("SELECT count() FROM usage_event")
        return count


@tagged("post_install", "-at_install")
class TestUsageShipment(ShipmentCase, TransactionCase):
    # ------------------------------------------------------------------
    # the way
    # ------------------------------------------------------------------
    def test_figures_are_the_same_before_while_and_after(self):
        self._send([event(n, "1.25") for n in range(1, 9)])
        self.assertEqual((self._total(), self._stored()), ((Decimal(10), 8), 0))
        self._send([event(n, "2") for n in range(9, 11)])
        self.assertEqual(self._ship(), 2)
        self.assertEqual((self._total(), self._stored()), ((Decimal(14), 10), 10))
        self._send([event(99, "0.5")])
        self.assertEqual((self._total(), self._stored()), ((Decimal("14.5"), 11), 10))
        self.assertRollupsEqualEvents()

    def test_a_shipment_knows_what_it_is(self):
        if not driver_of(self.env).modern:
            self.skipTest("this server is older than 21.8: no 256-bit numbers")
        self._send([event(1), event(1), event(2, "1E-20"), event(3, subject="nobody")])
        (shipment,) = self._shipments()
        self.assertEqual(
            (shipment.row_count, shipment.first_row, shipment.last_row), (2, 0, 4)
        )
        self._ship()
        self.assertEqual((shipment.state, shipment.attempt_count), ("done", 1))
        self.assertTrue(shipment.has_wide)
        self.assertTrue(shipment.checksum)

    def test_two_appends_of_one_batch_are_two_shipments(self):
        batch = self._send([event(1), event(2)])
        batch._append([event(2), event(3), event(4)])
        self.assertEqual(self._shipments().mapped("row_count"), [2, 2])
        self.assertEqual(self._ship(), 2)
        self.assertEqual((self._total(), self._stored()), ((Decimal(4), 4), 4))

    def test_a_delivery_without_new_events_is_not_shipped(self):
        self._send([event(1)])
        self._send([event(1), event(2, subject="nobody")])
        self.assertEqual(len(self._shipments()), 1)

    # ------------------------------------------------------------------
    # what dies
    # ------------------------------------------------------------------
    def _kill(self, **kw):
        broken = Broken(driver_of(self.env), **kw)
        with patch.object(ship, "PAGE", 4):
            # no assertRaises(): it would take back what was committed before the end
            try:
                self._shipments()._ship(broken, commit=lambda: None)
            except Killed:
                self.env.invalidate_all()
            else:
                self.fail("nobody was killed")
        return broken

    def test_killed_after_everything_arrived_sends_nothing_again(self):
        self._send([event(n) for n in range(1, 11)])
        self._kill(at=3)
        shipment = self._shipments()
        self.assertEqual((shipment.state, self._stored()), ("sending", 10))
        self.assertEqual(self._total(), (Decimal(10), 10))
        self._ship()
        self.assertEqual((shipment.state, shipment.attempt_count), ("done", 1))
        self.assertEqual((self._total(), self._stored()), ((Decimal(10), 10), 10))

    def test_killed_in_the_middle_is_sent_again_and_counts_once(self):
        self._send([event(n) for n in range(1, 11)])
        for stores in (True, False):
            self._kill(at=2, stores=stores)
            self.assertEqual(self._total(), (Decimal(10), 10))
        self.assertEqual(self._stored(), 8 + 4)
        self._ship()
        self.assertEqual(self._shipments().attempt_count, 3)
        self.assertEqual((self._total(), self._stored()), ((Decimal(10), 10), 22))
        self.assertRollupsEqualEvents()
        self._clean()
        self.assertEqual((self._total(), self._stored()), ((Decimal(10), 10), 10))

    def _clean(self):
        end = time.monotonic() + 30  # older servers delete when they like to
        while self.env["usage.shipment"]._has_leftovers() and time.monotonic() < end:
            self.env["usage.shipment"]._clean(driver_of(self.env), minutes=-1)
            time.sleep(0.1)
        self.assertFalse(self.env["usage.shipment"]._has_leftovers())

    def test_a_block_that_arrives_late_counts_nowhere(self):
        """The client died, the server was still busy with its last block."""
        self._send([event(n) for n in range(1, 11)])
        broken = self._kill(at=2, stores=False)
        self._ship()
        self.assertEqual(self._total(), (Decimal(10), 10))
        broken.driver.insert(*broken.blocks[-1])
        self.assertEqual((self._total(), self._stored()), ((Decimal(10), 10), 18))
        self.assertEqual(len(self.store.explain(self.september, self.meter)), 10)
        self._clean()
        self.assertEqual(self._stored(), 10)

    @mute_logger(LOGGER)
    def test_what_arrives_changed_is_not_believed(self):
        self._send([event(n) for n in range(1, 4)])
        driver = driver_of(self.env)
        insert = driver.insert

        def forge(table, columns, sent, token=""):
            at = [name for name, _kind in columns].index("value")
            first = list(sent[0])
            first[at] += Decimal("0.000000000001")
            insert(table, columns, [tuple(first), *sent[1:]], token)

        with patch.object(driver, "insert", forge):
            self.assertEqual(self._ship(driver), 0)
        shipment = self._shipments()
        self.assertEqual(shipment.state, "sending")
        self.assertIn("not what was sent", shipment.error)
        self.assertEqual(self._total(), (Decimal(3), 3))
        self.assertEqual(self._ship(), 1)
        self.assertEqual((shipment.error, self._total()), (False, (Decimal(3), 3)))

    # ------------------------------------------------------------------
    # ClickHouse is away
    # ------------------------------------------------------------------
    @contextmanager
    def _away(self):
        with patch.object(metering_engine, "connect", lambda *_arguments: Away()):
            yield

    @mute_logger(LOGGER)
    def test_usage_is_received_while_clickhouse_is_away_for_days(self):
        with self._away(), patch.object(metering_engine, "tables"):
            for day in range(1, 6):
                self._send([event(10 * day + n, "2") for n in range(10)])
                self.assertEqual(self._shipments()._ship(Away(), lambda: None), 0)
            with self.assertRaises(UserError) as caught:
                self._total()
            self.assertIn("does not answer", str(caught.exception))
            waiting = self._shipments()
            self.assertEqual(len(waiting), 5)
            self.assertEqual(set(waiting.mapped("state")), {"sending"})
        self.assertIn("Nothing is lost", waiting[0].error)
        self.assertEqual(self._ship(), 5)
        self.assertEqual((self._total(), self._stored()), ((Decimal(100), 50), 50))

    @mute_logger(LOGGER)
    def test_attempts_wait_longer_but_never_longer_than_a_quarter_of_an_hour(self):
        self._send([event(1)])
        shipment = self._shipments()
        for count in (0, 3, 500):
            shipment.attempt_count = count
            before = fields.Datetime.now()
            shipment._fail(shipment, StoreUnavailable("x"), lambda: None)
            self.assertLess(before, shipment.next_try_at + timedelta(seconds=1))
            self.assertLessEqual(
                shipment.next_try_at, before + timedelta(minutes=15, seconds=5)
            )

    # ------------------------------------------------------------------
    # limits and isolation
    # ------------------------------------------------------------------
    def test_numbers_that_clickhouse_cannot_hold_are_quarantined(self):
        batch = self._send(
            [
                event(1, "9" * 38),
                event(2, "1E-38"),
                event(3, "1E38"),
                event(4, "1E-39"),
                event(5, "1", amount=Decimal("1" + "0" * 39)),
            ]
        )
        self.assertEqual(self._counts(batch), (2, 0, 3, 0))
        self.assertEqual(
            set(batch.quarantine_ids.mapped("reason_code")), {"invalid_value"}
        )
        self.assertEqual(
            [
                row.detail.partition(":")[0]
                for row in batch.quarantine_ids.sorted("row_number")
            ],
            ["value", "value", "amount"],
        )
        self._ship()
        quantity, count = self._total()
        self.assertEqual(f"{quantity:f}", "9" * 38 + "." + "0" * 37 + "1")

    def test_many_of_the_largest_numbers_add_up_to_the_last_digit(self):
        largest = Decimal("9" * 38 + "." + "9" * 38)
        self._send([event(n, largest) for n in range(1, 101)])
        for _round in range(2):
            quantity, _count = self._total()
            self.assertEqual(Fraction(quantity), 100 * Fraction(largest))
            self._ship()

    def test_hostile_texts_are_only_texts(self):
        hostile = "'; DROP TABLE usage_event; -- \\ \n\t {x} %s"
        meter = self._create_meter(
            hostile,
            dimension_keys="region",
            filter_ids=[(0, 0, {"key": hostile, "value": hostile})],
        )
        self._send(
            [
                event(
                    hostile,
                    "3",
                    row_number=1,
                    type=hostile,
                    dimensions={"region": hostile},
                    properties={hostile: hostile},
                )
            ]
        )
        for _round in range(2):
            (row,) = self.store.aggregate(self.september, meter)
            self.assertEqual((row.quantity, row.dimensions), (3, {"region": hostile}))
            (found,) = self.store.explain(self.september, meter, {"region": hostile})
            self.assertEqual(found.event_id, f"e{hostile}")
            self.assertEqual(found.properties, {hostile: hostile})
            self._ship()

    def test_another_databases_tables_are_refused(self):
        self._send([event(1)])
        self.env["ir.config_parameter"].set_param("database.uuid", "a copy")
        with self.assertRaises(UserError) as caught:
            self._total()
        self.assertIn("another database", str(caught.exception))

    # ------------------------------------------------------------------
    # moving
    # ------------------------------------------------------------------
    def _move(self):
        company = self.env.company
        company.action_usage_store_move()
        with patch.object(type(company), "_usage_store_commit", lambda self: None):
            while company._usage_store_continue():
                pass

    def test_a_company_moves_its_history_and_comes_back(self):
        company = self.env.company
        company.usage_store_engine = "postgres"
        batch = self._send([event(n, "1.5") for n in range(1, 11)])
        self._send([event(50, "1", at=SEPTEMBER - timedelta(days=40))])
        self.assertFalse(self._shipments())
        before = self._total()
        self._move()
        self.assertEqual(
            (company.usage_store_engine, company.usage_store_target),
            ("clickhouse", False),
        )
        self.assertEqual((self._total(), self._stored()), (before, 11))
        self._send([event(60, "1")])
        self._move()
        self.assertEqual(company.usage_store_engine, "postgres")
        self.assertEqual(self._total(), (Decimal(16), 11))
        batch._append([event(70, "4")])  # while PostgreSQL is the engine: no shipment
        self._move()
        self.assertEqual(company.usage_store_engine, "clickhouse")
        self.assertEqual((self._total(), self._stored()), ((Decimal(20), 12), 13))
        self.assertRollupsEqualEvents()

    def test_a_company_does_not_move_while_a_sum_differs(self):
        company = self.env.company
        company.usage_store_engine = "postgres"
        self._send([event(1, "1.5")])
        self.env.cr.execute(
            "UPDATE usage_store_sum SET value_sum = value_sum + 1 WHERE meter_id = %s",
            [self.meter.id],
        )
        with patch.object(self.env.cr, "rollback"):
            self._move()
        self.assertEqual(company.usage_store_engine, "postgres")
        self.assertIn("sums differ", company.usage_store_problem)

    def test_an_event_that_clickhouse_cannot_hold_is_named_to_who_moves(self):
        company = self.env.company
        company.usage_store_engine = "postgres"
        self._send([event(1, "1"), event(2, "9" * 39)])
        self.env.flush_all()  # the outbox reads the batches by SQL
        with patch.object(self.env.cr, "rollback"), mute_logger(LOGGER):
            self._move()
        self.assertEqual(company.usage_store_engine, "postgres")
        self.assertIn("Event e2 has a number", company.usage_store_problem)

    def test_only_the_system_role_moves_a_company(self):
        user = new_test_user(
            self.env, "approver", groups="usage_billing.group_usage_billing_approver"
        )
        with self.assertRaises(AccessError):
            self.env.company.with_user(user).action_usage_store_move()


@tagged("post_install", "-at_install")
class TestUsageClickhouseSettings(TransactionCase):
    def test_a_password_is_written_and_never_shown(self):
        Settings = self.env["res.config.settings"]
        Settings.create({"usage_clickhouse_password": "s3cret"}).execute()
        parameters = self.env["ir.config_parameter"]
        self.assertEqual(parameters.get_param(metering_engine.PASSWORD), "s3cret")
        again = Settings.create({})
        self.assertFalse(again.usage_clickhouse_password)
        again.execute()
        self.assertEqual(parameters.get_param(metering_engine.PASSWORD), "s3cret")

    def test_the_connection_is_tested(self):
        settings = self.env["res.config.settings"].create(
            {"usage_clickhouse_url": store_url()}
        )
        self.env.user.group_ids += self.env.ref(
            "usage_billing.group_usage_billing_system"
        )
        answer = settings.action_usage_store_test()
        self.assertIn("Version", answer["params"]["message"])
        self.assertTrue(self.env["ir.config_parameter"].get_param(URL))
        settings.usage_clickhouse_url = "http://somewhere"
        with self.assertRaises(UserError) as caught:
            settings.action_usage_store_test()
        self.assertIn("no address", str(caught.exception))
