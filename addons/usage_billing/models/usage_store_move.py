from odoo import fields, models
from odoo.exceptions import AccessError, UserError

from ..metering import archive, schema
from ..metering.clickhouse import ship
from ..metering.connection import exact_cursor
from ..metering.errors import StoreError
from ..metering.postgres import PostgresStore
from ..metering_bridge import Store
from ..metering_engine import StoreProblem, clickhouse_of, driver_of, explain

STORE_ENGINES = [("postgres", "PostgreSQL"), ("clickhouse", "ClickHouse")]
#: Periods compared in one question.
SLICE = 2000


class ResCompany(models.Model):
    """Moving a company's events from one engine to the other.

    The history is shipped in slices while everything goes on; then the rollups, which
    never leave PostgreSQL, are compared with what the new engine makes of the events;
    and only when there is no difference does the company change over, in a transaction
    that no append can run beside.
    """

    _inherit = "res.company"

    usage_store_engine = fields.Selection(
        STORE_ENGINES,
        string="Event Store",
        required=True,
        readonly=True,
        default="postgres",
        help="Where questions about usage events are answered. Events are always "
        "received, identified and counted in PostgreSQL.",
    )
    usage_store_target = fields.Selection(
        STORE_ENGINES, string="Event Store Moves to", readonly=True
    )
    usage_store_problem = fields.Text(
        string="Problem of the Event Store",
        readonly=True,
        help="Why the events have not moved yet.",
    )

    def action_usage_store_move(self):
        """Begin to move this company's events to the other engine."""
        self.ensure_one()
        self._check_usage_store_right()
        # sudo: the engine is changed by this door only, after the check above
        company = self.sudo()
        target = (
            "postgres" if company.usage_store_engine == "clickhouse" else "clickhouse"
        )
        if target == "clickhouse":
            company._check_usage_store_whole()
        try:
            driver_of(self.env)
        except StoreError as error:
            raise StoreProblem(self.env, error) from error
        company.write({"usage_store_target": target, "usage_store_problem": False})
        self.env.ref("usage_billing.ir_cron_ship_usage").sudo()._trigger()
        return True

    def action_usage_store_stay(self):
        """Give up a move that is not finished; what was shipped stays shipped."""
        self._check_usage_store_right()
        self.sudo().write({"usage_store_target": False, "usage_store_problem": False})
        return True

    def _check_usage_store_whole(self):
        """What is in the archive cannot be shipped."""
        month = archive.of_company(exact_cursor(self.env.cr), self.id)
        if month:
            raise UserError(
                self.env._(
                    "Events of %(company)s are in the archive. Bring its months back "
                    "to the store first, the newest one, %(month)s, to begin with.",
                    company=self.name,
                    month=schema.month_text(month),
                )
            )

    def _check_usage_store_right(self):
        if not self.env.user.has_group("usage_billing.group_usage_billing_system"):
            raise AccessError(
                self.env._(
                    "Only a user with the role System of Usage Billing may move the "
                    "events. Ask your administrator for the role."
                )
            )

    # ------------------------------------------------------------------
    # business
    # ------------------------------------------------------------------
    def _usage_store_continue(self):
        """One step of a move; commits what it did.

        :return: whether there is something left that can be done now
        """
        self.ensure_one()
        if not self.usage_store_target:
            return False
        try:
            if self.usage_store_target == "clickhouse":
                return self._usage_store_to_clickhouse()
            return self._usage_store_to_postgres()
        except (StoreError, UserError) as error:
            self.env.cr.rollback()
            self.usage_store_problem = (
                explain(self.env, error)
                if isinstance(error, StoreError)
                else str(error)
            )
            self._usage_store_commit()
            return False

    def _usage_store_to_clickhouse(self):
        cursor = exact_cursor(self.env.cr)
        if ship.enqueue_history(cursor, self.id):
            self._usage_store_commit()
            return True
        waiting = self.env["usage.shipment"].search(
            [("company_id", "=", self.id), ("state", "!=", "done")],
            order="id",
            limit=50,
        )
        if waiting:
            arrived = waiting._ship(driver_of(self.env), self._usage_store_commit)
            if arrived < len(waiting):
                problem = waiting.exists().filtered("error")[:1].error
                self.usage_store_problem = problem
                self._usage_store_commit()
            return arrived == len(waiting)
        return self._usage_store_compare(clickhouse_of(self.env, self))

    def _usage_store_to_postgres(self):
        if self.env["usage.shipment"].search_count(
            [("company_id", "=", self.id), ("is_pruned", "=", True)], limit=1
        ):
            raise UserError(
                self.env._(
                    "Some events are kept in ClickHouse only, PostgreSQL has them in "
                    "its archive. Bring the archived months back first."
                )
            )
        return self._usage_store_compare(PostgresStore(exact_cursor(self.env.cr)))

    def _usage_store_compare(self, store):
        """Compare the rollups with the events of an engine, and change over."""
        periods = self.env["usage.period"].search(
            [("subscription_id.company_id", "=", self.id)], order="id"
        )
        records = Store(self.env, self)
        for start in range(0, len(periods), SLICE):
            spans, meters = records._specs(periods[start : start + SLICE], None)
            differences = store.verify(spans, meters)
            if differences:
                raise UserError(
                    self.env._(
                        "%(count)s sums differ from the events of the new engine; the "
                        "first is of meter %(meter)s, period %(period)s. Nothing was "
                        "changed over.",
                        count=len(differences),
                        meter=differences[0].meter_id,
                        period=differences[0].period_id,
                    )
                )
        self._usage_store_commit()
        self._usage_store_change_over()
        return False

    def _usage_store_change_over(self):
        """Change the engine while no append is under way."""
        # first in its transaction: the snapshot must see what the lock waited for
        self.env.cr.execute("LOCK TABLE usage_store_gate IN SHARE ROW EXCLUSIVE MODE")
        self.invalidate_recordset()
        if self.usage_store_target == "clickhouse":
            # events of the last moment are read from PostgreSQL until they are shipped
            cursor = exact_cursor(self.env.cr)
            while ship.enqueue_history(cursor, self.id):
                pass
        self.write(
            {
                "usage_store_engine": self.usage_store_target,
                "usage_store_target": False,
                "usage_store_problem": False,
            }
        )
        self._usage_store_commit()

    def _usage_store_commit(self):
        self.env.flush_all()
        self.env.cr.commit()  # pylint: disable=invalid-commit
