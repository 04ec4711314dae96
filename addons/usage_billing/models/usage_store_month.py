import logging
from datetime import timedelta
from functools import partial
from itertools import chain, count
from pathlib import Path

import psycopg2.errors
from dateutil.relativedelta import relativedelta

from odoo import api, fields, models, sql_db
from odoo.exceptions import UserError
from odoo.tools import SQL, config

from ..metering import archive, pool, schema
from ..metering.clickhouse import pruning
from ..metering.connection import connection, exact_cursor
from ..metering.errors import StoreError
from ..metering_engine import driver_of, explain

_logger = logging.getLogger(__name__)

#: Months whose tables are made before they are needed.
MONTHS_AHEAD = 3
#: A table leaves the store under a short lock; who reads for long is not disturbed.
LOCK_TIMEOUT = "10s"


class UsageStoreMonth(models.Model):
    """Months of the event store: where they are, and how big.

    A view for people and the home of the store's own care. A month that no company
    needs any more leaves for a file (see ``metering/archive.py``) and can come back.
    """

    _name = "usage.store.month"
    _description = "Month of the Event Store"
    _auto = False
    _table = "usage_store_months"
    _log_access = False
    _order = "id desc"
    _rec_name = "name"

    name = fields.Char(string="Month", readonly=True)
    state = fields.Selection(
        [
            ("stored", "In the store"),
            ("partial", "Archived in part"),
            ("archived", "Archived"),
        ],
        readonly=True,
        help="Parts come back by themselves when events of them are corrected or "
        "looked at. They leave again when what changed is billed.",
    )
    event_count = fields.Integer(
        string="Events",
        readonly=True,
        help="Of months in the store: as estimated by the database.",
    )
    size_mb = fields.Float(string="Size (MB)", readonly=True, digits=(16, 1))
    archived_at = fields.Datetime(readonly=True)
    path = fields.Char(string="Folder", readonly=True)
    sha256 = fields.Char(string="SHA-256", readonly=True)

    def init(self):
        self.env.cr.execute(
            SQL(
                """
                CREATE OR REPLACE VIEW usage_store_months AS
                SELECT m.*, to_char(m.id, 'FM0000-00') AS name FROM (
                SELECT right(c.relname, 6)::integer AS id, 'stored' AS state,
                       greatest(c.reltuples, pg_stat_get_live_tuples(c.oid))::integer
                           AS event_count,
                       pg_total_relation_size(c.oid) / 1048576.0 AS size_mb,
                       NULL::timestamp AS archived_at, NULL AS path, NULL AS sha256
                  FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
                 WHERE i.inhparent = to_regclass('usage_store_fact')
                   AND NOT EXISTS (SELECT FROM usage_store_month a
                                    WHERE a.month = right(c.relname, 6)::integer)
                UNION ALL
                SELECT month,
                       CASE WHEN to_regclass('usage_store_fact_'
                                             || to_char(month, 'FM000000')) IS NULL
                            THEN 'archived' ELSE 'partial' END,
                       event_count::integer, size / 1048576.0,
                       archived_at, path, sha256
                  FROM usage_store_month) m
                """
            )
        )

    # ------------------------------------------------------------------
    # actions
    # ------------------------------------------------------------------
    def action_archive(self):
        """Take months out of the store now, whatever the retention says."""
        self._check_may_care()
        for month in sorted(self.ids):
            self._move(month, "_archive")

    def action_restore(self):
        """Bring archived months back."""
        self._check_may_care()
        for month in sorted(self.ids, reverse=True):
            self._move(month, "_restore")

    def _check_may_care(self):
        if not self.env.user.has_group("usage_billing.group_usage_billing_system"):
            raise UserError(
                self.env._("Only a usage billing administrator moves months.")
            )

    # ------------------------------------------------------------------
    # business
    # ------------------------------------------------------------------
    def _get_folder(self, month):
        """Folder of a month's archive, in the filestore unless set elsewhere."""
        # sudo: a parameter of the system
        parameters = self.env["ir.config_parameter"].sudo()
        base = parameters.get_param("usage_billing.archive_folder") or str(
            Path(config.filestore(self.env.cr.dbname)) / "usage_archive"
        )
        return Path(base) / schema.month_text(month)

    def _move(self, month, order):
        """Carry out an order about a month in a transaction of its own, and commit.

        It sees what others committed while it waited for them: with a snapshot from
        before, a row that came meanwhile would go with the table and not be in the
        file.

        :param str order: "_archive" or "_restore"
        :return: manifest
        """
        with connection(self.env) as env:
            return getattr(self.with_env(env), order)(month)

    def _archive(self, month):
        """Write a month to its folder and take it out of the store.

        Companies with their events in ClickHouse keep answering from there, so it is
        asked first whether all of the month is there as it was sent.
        """
        cursor = self._plain_cursor()

        def look(leaf):
            for company_id, shipments in pruning.shipments(cursor, leaf).items():
                pruning.check(driver_of(self.env), company_id, shipments)

        try:
            if month in archive.partial_months(cursor):
                return self._put_away(cursor, month, look)
            return archive.archive(cursor, month, self._get_folder(month), look)
        except StoreError as error:
            raise UserError(self._explain(error, month)) from error

    def _put_away(self, cursor, month, look):
        """Archive a month again, beside what is its archive until the commit."""
        ((now, *_rest),) = archive.archived(cursor, [month]).values()
        first = self._get_folder(month)
        folders = (first.with_name(f"{first.name}.{n}") for n in count(2))
        folder = next(place for place in chain([first], folders) if place != now)
        manifest = archive.put_away(cursor, month, folder, look)
        # Elsewhere it may be the archive of the database this one is a copy of.
        if now.parent == first.parent:
            self.env.cr.postcommit.add(partial(archive.forget_files, now))
        return manifest

    def _restore(self, month):
        try:
            return archive.restore(self._plain_cursor(), month)
        except StoreError as error:
            raise UserError(self._explain(error, month)) from error

    def _plain_cursor(self):
        cr = self.env.cr
        self.env.flush_all()
        cr.execute(SQL("SET LOCAL lock_timeout = %s", LOCK_TIMEOUT))
        return cr.connection.cursor()

    def _explain(self, error, month):
        """A sentence for a code of the store."""
        words = {
            "archive_order": self.env._(
                "Month %(month)s cannot leave yet: an older month is still in the "
                "store. Archive the oldest one first."
            ),
            "archive_open": self.env._(
                "Month %(month)s cannot leave: a period that is not billed yet has "
                "events in it."
            ),
            "archive_late": self.env._(
                "Month %(month)s cannot leave: usage of it changed after it was "
                "billed, and the next billing run reads it again."
            ),
            "archive_unshipped": self.env._(
                "Month %(month)s cannot leave yet: events of it have not arrived in "
                "ClickHouse."
            ),
            "archive_lost": self.env._(
                "Month %(month)s stays: ClickHouse does not hold all of its events as "
                "they were sent. Move the company back to PostgreSQL and to "
                "ClickHouse again."
            ),
            "archive_broken": self.env._(
                "The archive of month %(month)s is not what was written. The store was "
                "left as it was; look at the folder %(folder)s."
            ),
            "archive_unknown": self.env._("Month %(month)s is not archived."),
            "restore_order": self.env._(
                "Bring the newest archived month back before month %(month)s."
            ),
        }
        if error.code not in words:
            return explain(self.env, error)
        return words[error.code] % {
            "month": schema.month_text(month),
            "folder": self._get_folder(month),
        }

    # ------------------------------------------------------------------
    # cron
    # ------------------------------------------------------------------
    @api.model
    def _cron_care(self):
        """Daily: months ahead, months to leave, properties to forget, old notes."""
        with sql_db.db_connect(self.env.cr.dbname).cursor() as cr:
            self._make_ahead(cr)
        with sql_db.db_connect(self.env.cr.dbname).cursor() as cr:
            # apart: what was looked at stays locked for the rest of a transaction,
            # and a month that is locked cannot leave
            due = self.with_env(self.env(cr=cr))._due_months()
        for month in due:
            try:
                self._move(month, "_archive")
            except (UserError, psycopg2.errors.LockNotAvailable) as error:
                _logger.warning("Month %s stays in the store: %s", month, error)
                break
            _logger.info("Month %s left the store for its archive", month)
        self._forget_properties()
        pool.forget_changes(self.env.cr)

    def _make_ahead(self, cr):
        """Make the tables of the coming months, so that no import waits for one.

        :param cr: cursor of a transaction of its own
        """
        today = fields.Date.today()
        wanted = [
            (day.year * 100 + day.month)
            for day in (today + relativedelta(months=n) for n in range(MONTHS_AHEAD))
        ]
        if missing := schema.missing_leaves(cr, wanted):
            schema.create_leaves(cr, missing)

    def _due_months(self):
        """Months that no company with events in them keeps any longer, oldest first.

        They leave in order, so the first one that is needed keeps all later ones. Those
        of which parts came back leave again as soon as nobody needs these.
        """
        self.env.flush_all()
        cursor = self.env.cr.connection.cursor()
        due = [
            month
            for month in archive.partial_months(cursor)
            if not any(archive.companies(cursor, month).values())
        ]
        for month in archive.months(cursor):
            needed = archive.companies(cursor, month)
            # sudo: the retention of every company in the store
            companies = self.env["res.company"].sudo().browse(needed)
            if any(needed.values()) or not all(
                company._is_usage_expired(month) for company in companies
            ):
                break
            if not needed and not self._is_past(month):
                break
            due.append(month)
        return due

    def _is_past(self, month):
        """Whether an empty month is old enough that nobody will fill it."""
        today = fields.Date.today()
        return month < (today.year - 1) * 100 + today.month

    def _forget_properties(self):
        """Erase details of events that companies keep for a shorter time."""
        self.env.flush_all()
        # sudo: the privacy settings of every company in the store
        # pylint: disable-next=no-search-all
        for company in self.env["res.company"].sudo().search([]):
            if not company.usage_property_months:
                continue
            before = fields.Datetime.now() - relativedelta(
                months=company.usage_property_months
            )
            count = archive.forget_properties(
                self.env.cr.connection.cursor(), company.id, before
            )
            if company.usage_store_engine == "clickhouse":
                count = max(count, self._forget_in_clickhouse(company, before))
            if count:
                _logger.info("Details of %s events of %s erased", count, company.name)

    def _forget_in_clickhouse(self, company, before):
        """The same where the company's questions are answered; tomorrow if it is away.

        :return: number of events
        """
        try:
            return pruning.forget_properties(
                exact_cursor(self.env.cr), driver_of(self.env), company.id, before
            )
        except StoreError as error:
            _logger.warning(
                "Details of events of %s stay in ClickHouse: %s",
                company.name,
                explain(self.env, error),
            )
            return 0


class ResCompany(models.Model):
    _inherit = "res.company"

    usage_retention_months = fields.Integer(
        string="Keep Events (months)",
        help="Months of events older than this leave the store for an archive file, "
        "once all their periods are billed. Amounts stay as they are, and an archive "
        "can be brought back. Events in ClickHouse stay there. 0: they stay for ever.",
    )
    usage_property_months = fields.Integer(
        string="Keep Event Details (months)",
        help="Further properties of events, which may say something about persons, are "
        "erased after so many months, once their period is billed. Quantities and "
        "amounts do not change. 0: they stay as long as the event.",
    )

    _usage_retention_range = models.Constraint(
        "CHECK(coalesce(usage_retention_months, 0) >= 0"
        " AND coalesce(usage_property_months, 0) >= 0)",
        "Events are kept for a number of months, or 0 for ever.",
    )

    def _is_usage_expired(self, month):
        """Whether events of a month need not be kept in the store any longer.

        :param int month: year * 100 + month
        """
        self.ensure_one()
        if not self.usage_retention_months:
            return False
        last = fields.Date.today() - relativedelta(months=self.usage_retention_months)
        first = last.replace(day=1) - timedelta(days=1)
        return month <= first.year * 100 + first.month


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    usage_retention_months = fields.Integer(
        related="company_id.usage_retention_months", readonly=False
    )
    usage_property_months = fields.Integer(
        related="company_id.usage_property_months", readonly=False
    )
