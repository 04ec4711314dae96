from datetime import datetime, timedelta

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL

from ..metering.keys import MS_BEFORE_2000

#: the first look back from the newest event, and how much farther each next one goes
FIRST_LOOK = timedelta(minutes=15)
FARTHER = 8
#: conditions that the store is indexed by: nothing has to be narrowed beside them
INDEXED = {"id", "batch_id", "period_id"}
NEWEST_FIRST = "time desc, id desc"


class UsageEvent(models.Model):
    """Lists of events that answer at once, however many events there are."""

    _inherit = "usage.event"

    story_html = fields.Html(
        string="Story", compute="_compute_story_html", sanitize=False
    )

    @api.depends_context("lang", "tz")
    def _compute_story_html(self):
        Story = self.env["usage.event.story"]
        for event in self:
            event.story_html = Story._render(Story._get_event_steps(event))

    @api.model
    def _search(self, domain, offset=0, limit=None, order=None, **kwargs):
        """Narrow what is asked for to where the answer lies.

        An event id is looked up by its key. A page of a list, newest first, is looked
        for in the last minutes, then hours, then days, until it is full: the answer is
        the same, but the events before it are neither read nor sorted.
        """
        domain = self._use_keys(Domain(domain))
        if limit and (order or self._order) == NEWEST_FIRST:
            names = {one.field_expr for one in domain.iter_conditions()}
            if not names & INDEXED:
                since = self._find_since(domain, offset + limit)
                if since:
                    domain &= Domain("time", ">=", since)
        return super()._search(domain, offset, limit, order, **kwargs)

    def _use_keys(self, domain):
        """Replace conditions on the event id by the events they mean.

        Not where a source has ids that mean nothing without a time: only a reading of
        all finds those.
        """
        if not any(
            one.field_expr == "event_id" and one.operator in ("=", "in")
            for one in domain.iter_conditions()
        ):
            return domain
        sources = (
            self.env["usage.source"]
            .sudo()  # only to know where to look; what is found is filtered by rule
            .with_context(active_test=False)
            .search([("company_id", "in", self.env.companies.ids)])
        )
        if any(source._get_key_mode() == "composed" for source in sources):
            return domain
        Story = self.env["usage.event.story"]

        def use(condition):
            if condition.field_expr != "event_id":
                return condition
            if condition.operator not in ("=", "in"):
                return condition
            values = condition.value
            if condition.operator == "=" or isinstance(values, str):
                values = [values]
            ids = [
                event_id
                for value in values
                if value
                for event_id in Story._find_stored(sources, value).ids
            ]
            return Domain("id", "in", ids + self._get_correction_ids(ids))

        return domain.map_conditions(use)

    def _get_correction_ids(self, ids):
        """Rows that void or amend these events, or their amendments."""
        if not ids:
            return []
        rows = self.env.execute_query(
            SQL(
                "SELECT row_id FROM usage_store_correction WHERE root_id = ANY(%s)", ids
            )
        )
        return [row_id for [row_id] in rows]

    def _find_since(self, domain, wanted):
        """An instant after which there are enough events, None to look at all.

        :param int wanted: events, newest first
        """
        newest = self._get_newest_time()
        if newest is None:
            return None
        for one in domain.iter_conditions():
            if one.field_expr == "time" and one.operator in ("<", "<="):
                newest = min(newest, fields.Datetime.to_datetime(one.value))
        look = FIRST_LOOK
        while look < timedelta(days=800):
            since = newest - look
            # our own question below our own _search: pylint: disable-next=W8164
            found = super()._search(domain & Domain("time", ">=", since), limit=wanted)
            found.order = None  # whichever come first: only how many there are matters
            if len(found) >= wanted:
                return since
            look *= FARTHER
        return None

    def _get_newest_time(self):
        """About when the newest event happened: its key begins with milliseconds."""
        rows = self.env.execute_query(
            SQL("SELECT key::text FROM usage_store_fact ORDER BY key DESC LIMIT 1")
        )
        if not rows:
            return None
        milliseconds = int(rows[0][0].replace("-", "")[:12], 16) - MS_BEFORE_2000
        return datetime(2000, 1, 1) + timedelta(milliseconds=milliseconds + 1)
