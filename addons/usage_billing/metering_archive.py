"""Archived events in terms of records: where they are, and how they come back.

What a correction needs comes back by itself, see :mod:`.metering.parts`; here is what
whoever prepares one, or looks for an event, asks beforehand.
"""

from odoo import fields
from odoo.exceptions import UserError
from odoo.tools import SQL

from .metering import finding, parts
from .metering.corrections import wanted_of
from .metering.errors import StoreError
from .metering.store import BatchSpec


class ArchivedEvents:
    """Part of :class:`.metering_bridge.Store`."""

    env = company = None

    def has_archive(self):
        """Whether months are archived, of whichever company."""
        return parts.is_any(self._finding_cursor())

    def find_archived(self, sources, event_id, around=None):
        """Events of an id in archived months; see :func:`.finding.archived`.

        :param usage.source sources: of this company
        :return: list of (usage.source, datetime, finding.FoundEvent or None)
        """
        found = finding.archived(
            self._finding_cursor(),
            self.company.id,
            [(source.id, source._get_key_mode()) for source in sources],
            event_id,
            around,
        )
        return [(sources.browse(number), *rest) for number, *rest in found]

    def bring_back(self, source, events=(), rows=(), times=None):
        """Bring back what is archived of the periods of these events.

        Their corrections do it themselves; whoever compares before and after must have
        it before. Afterwards the events are in the store, their months still archived.

        :param usage.source source: of the events
        :param events: as :meth:`void` takes them; rows, times: as :meth:`amend` does
        """
        if not self.has_archive():
            return
        self.env.flush_all()
        spec = BatchSpec(
            id=0,
            company_id=self.company.id,
            source_id=source.id,
            received_at=fields.Datetime.now(),
            mode=source._get_key_mode(),
        )
        order = self._corrections(spec)
        order.bring_back(list(events))
        order.bring_back(wanted_of(rows, times))
        self.env["usage.event"].invalidate_model()

    def bring_back_span(self, start, end):
        """Bring back what is archived of all periods that touch a span of time.

        :param datetime start, end: naive UTC, half-open
        """
        self.env.flush_all()
        found = parts.periods_of_span(
            self._finding_cursor(), self.company.id, start, end
        )
        self.bring_back_periods(self.env["usage.period"].browse(found))

    def have_events(self, periods):
        """Have the events behind what these periods count at hand, archived ones too.

        Nothing to do for a company in ClickHouse, which has them.
        """
        if self.company.usage_store_engine == "postgres":
            self.bring_back_periods(periods)

    def bring_back_periods(self, periods):
        """Bring back what is archived of these periods."""
        try:
            parts.bring(self._here(), periods.ids)
        except StoreError as error:
            raise UserError(
                self.env._("The archive of a month of these periods is damaged.")
            ) from error

    def _following(self, period_ids):
        """Later periods, which levels of these are carried into."""
        carrying = (
            self.env["usage.meter"]
            .with_context(active_test=False)
            .search_count(
                [
                    ("company_id", "=", self.company.id),
                    ("aggregation", "=", "weighted_sum"),
                    ("carries_over", "=", True),
                ],
                limit=1,
            )
        )
        if not carrying:
            return []
        rows = self.env.execute_query(
            SQL(
                "SELECT DISTINCT l.id FROM usage_period p"
                "  JOIN usage_period l ON l.subscription_id = p.subscription_id"
                "   AND l.start_at > p.start_at"
                "  JOIN usage_store_month_period m ON m.period_id = l.id"
                " WHERE p.id = ANY(%s)",
                period_ids,
            )
        )
        return [period_id for (period_id,) in rows]
