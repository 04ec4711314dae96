import logging
from contextlib import contextmanager
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..metering.clickhouse import ship
from ..metering.clickhouse.driver import StoreUnavailable
from ..metering.connection import exact_cursor
from ..metering.errors import StoreError
from ..metering_engine import driver_of, explain

_logger = logging.getLogger(__name__)

#: First key of the advisory locks of shipments.
LOCK = 0x73686970  # "ship"
#: Longest wait between two attempts.
LONGEST_WAIT = timedelta(minutes=15)

SHIPMENT_STATES = [
    ("new", "Waiting"),
    ("sending", "Being Sent"),
    ("done", "Arrived"),
]


class UsageShipment(models.Model):
    """Events on their way to ClickHouse: the outbox of the event store.

    Written by the append in the transaction that stores the events, worked off by a
    scheduled job. Until a shipment has arrived and was compared, its events are read
    from PostgreSQL; see ``metering/clickhouse``.
    """

    _name = "usage.shipment"
    _description = "Usage Shipment"
    _order = "id desc"
    _rec_name = "batch_id"
    _log_access = False

    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, ondelete="cascade"
    )
    batch_id = fields.Many2one(
        "usage.batch", required=True, readonly=True, index=True, ondelete="cascade"
    )
    first_row = fields.Integer(
        required=True,
        readonly=True,
        aggregator=None,
        help="Rows of the batch that earlier shipments took.",
    )
    last_row = fields.Integer(required=True, readonly=True, aggregator=None)
    row_count = fields.Integer(
        string="Events", required=True, readonly=True, help="Events that were stored."
    )
    state = fields.Selection(SHIPMENT_STATES, required=True, readonly=True)
    attempt_id = fields.Integer(string="Attempt Number", readonly=True, aggregator=None)
    attempt_count = fields.Integer(string="Attempts", required=True, readonly=True)
    checksum = fields.Char(readonly=True)
    has_wide = fields.Boolean(
        string="Long Numbers",
        readonly=True,
        required=True,
        help="Some number has more than 15 digits before or 12 after the point.",
    )
    is_pruned = fields.Boolean(
        string="In ClickHouse only",
        readonly=True,
        required=True,
        help="Its events are no longer kept in PostgreSQL.",
    )
    error = fields.Text(readonly=True)
    create_date = fields.Datetime(string="Created on", readonly=True)
    next_try_at = fields.Datetime(string="Next Attempt", readonly=True)
    done_at = fields.Datetime(string="Arrived on", readonly=True)

    _waiting_index = models.Index("(company_id, id) WHERE state <> 'done'")
    _wide_index = models.Index("(company_id) WHERE has_wide")
    _company_index = models.Index("(company_id, id)")

    def init(self):
        ship.create(self.env.cr)

    @api.model
    def _drop_store(self):
        """Drop what is not a model's (uninstall)."""
        ship.drop(self.env.cr)

    # ------------------------------------------------------------------
    # actions
    # ------------------------------------------------------------------
    def action_ship_now(self):
        """Try the selected shipments again at once."""
        waiting = self.filtered(lambda shipment: shipment.state != "done")
        try:
            driver = driver_of(self.env)
        except StoreError as error:
            raise UserError(explain(self.env, error)) from error
        # sudo: shipments have no rights to write, this is their one way to change
        waiting.sudo()._ship(driver)
        return True

    # ------------------------------------------------------------------
    # business
    # ------------------------------------------------------------------
    def _ship(self, driver, commit=None):
        """Send these shipments, each by itself; what fails is written on it.

        :param commit: function that commits; the environment's by default
        :return: number of shipments that have arrived
        """
        arrived = 0
        for shipment in self:
            try:
                with shipment._locked() as is_mine:
                    if is_mine:
                        ship.ship(
                            exact_cursor(self.env.cr),
                            driver,
                            shipment.id,
                            commit or self._commit,
                        )
                        arrived += 1
            except StoreUnavailable as error:
                self._fail(shipment, error, commit)
                break
            except (StoreError, ValueError) as error:
                self._fail(shipment, error, commit)
            self.env.invalidate_all()
        return arrived

    def _commit(self):
        self.env.cr.commit()  # pylint: disable=invalid-commit

    def _fail(self, shipment, error, commit=None):
        """Write down why an attempt failed, and when the next one is due."""
        if commit is None:
            self.env.cr.rollback()
        shipment.invalidate_recordset()
        if not shipment.exists():
            return
        text = str(error)
        if isinstance(error, StoreError):
            text = explain(self.env, error)
        wait = min(
            timedelta(seconds=15 * 2 ** min(shipment.attempt_count, 10)), LONGEST_WAIT
        )
        shipment.write({"error": text, "next_try_at": fields.Datetime.now() + wait})
        shipment.flush_recordset()
        (commit or self._commit)()
        _logger.warning("shipment %s waits: %s", shipment.id, text)

    @contextmanager
    def _locked(self):
        """Whether this process may send the shipment: an advisory lock.

        Held by a transaction of its own, because sending commits in between.
        """
        with self.env.registry.cursor() as cr:
            cr.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [LOCK, self.id])
            yield cr.fetchone()[0]

    # ------------------------------------------------------------------
    # cron
    # ------------------------------------------------------------------
    @api.model
    def _cron_ship(self, limit=200):
        """Ship what waits, go on with moves, clean up after broken attempts."""
        for company in self.env["res.company"].search(
            [("usage_store_target", "!=", False)]
        ):
            while company._usage_store_continue():
                if not self.env["ir.cron"]._commit_progress(1):
                    return
        due = [
            ("state", "!=", "done"),
            "|",
            ("next_try_at", "=", False),
            ("next_try_at", "<=", fields.Datetime.now()),
        ]
        shipments = self.search(due, order="id", limit=limit)
        cron = self.env["ir.cron"]
        if not shipments and not self._has_leftovers():
            cron._commit_progress(0, remaining=0)
            return
        try:
            driver = driver_of(self.env)
        except StoreError as error:
            for shipment in shipments[:1]:
                self._fail(shipment, error)
            return
        for shipment in shipments:
            shipment._ship(driver)
            left = self.search_count(due)
            if not cron._commit_progress(1, remaining=left):
                return
            if shipment.error and shipment.state != "done":
                if self._is_away(driver):
                    return
        self._clean(driver)

    def _is_away(self, driver):
        try:
            driver.query("SELECT 1")
        except StoreError:
            return True
        return False

    def _has_leftovers(self):
        self.env.cr.execute("SELECT EXISTS(SELECT FROM usage_store_leftover)")
        return self.env.cr.fetchone()[0]

    def _clean(self, driver, minutes=60):
        """Delete in ClickHouse what broken attempts and erased sources left."""
        self.env.cr.execute("SELECT DISTINCT company_id FROM usage_store_leftover")
        for (company_id,) in self.env.cr.fetchall():
            try:
                ship.clean(exact_cursor(self.env.cr), driver, company_id, minutes)
            except StoreError as error:
                _logger.warning("leftovers stay: %s", explain(self.env, error))
