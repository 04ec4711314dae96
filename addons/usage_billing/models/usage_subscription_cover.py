from datetime import timedelta

import pytz

from odoo import models

from .. import bridge


class UsageSubscription(models.Model):
    """Let a subscription begin earlier or end later than it was said to."""

    _inherit = "usage.subscription"

    def _cover_times(self, first, last):
        """Lengthen the subscription so that it covers two instants; make its periods.

        Periods that exist keep their instants; those before them are made anew and end
        where the first one begins.

        :param datetime first, last: naive UTC
        :return: sentences of what was changed
        :rtype: list[str]
        """
        self.ensure_one()
        start, end = self._local_day(first), self._local_day(last)
        changes = []
        if start < self.date_start:
            self.date_start = start
            self._prepend_periods()
            changes.append(
                self.env._(
                    "%(subscription)s starts on %(date)s",
                    subscription=self.name,
                    date=start,
                )
            )
        if self.date_end and end >= self.date_end:
            self.date_end = end + timedelta(days=1)
            changes.append(
                self.env._(
                    "%(subscription)s lasts until %(date)s",
                    subscription=self.name,
                    date=end,
                )
            )
        self._ensure_periods(until=last)
        return changes

    def _lacks(self, first, last):
        """Whether an instant lies outside of the subscribed days."""
        self.ensure_one()
        return self._local_day(first) < self.date_start or bool(
            self.date_end and self._local_day(last) >= self.date_end
        )

    def _local_day(self, instant):
        zone = pytz.timezone(self.tz)
        return pytz.utc.localize(instant).astimezone(zone).date()

    def _prepend_periods(self):
        """Make the periods between the start and the first period there is."""
        Period = self.env["usage.period"].sudo()  # made by the system only
        first = Period.search(
            [("subscription_id", "=", self.id)], order="start_at", limit=1
        )
        if first:
            Period._create_missing(bridge.earlier_periods_vals(self, first))
