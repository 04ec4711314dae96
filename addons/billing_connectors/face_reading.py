# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""What a key may read, as the values of the pure ``faces`` package."""

from collections import defaultdict

from odoo import fields
from odoo.fields import Domain

from odoo.addons.usage_billing.api import problem as problems
from odoo.addons.usage_billing.metering.finding import Search, as_json
from odoo.addons.usage_billing.metering.jsonform import event_from_json

from .faces.queries import Part
from .faces.reading import check_text
from .faces.values import FaceEvent, FieldProblem

#: of an id: an OpenMeter event's is made of two names, spaces written as three letters
MAX_ID = 2000
#: Subjects read from events for one answer, a statement each.
MAX_SUBJECTS = 500


class Reader:
    """Reads for one key: its source, or all of its company; its customer, or all.

    :param env: superuser's
    :param KeyFacts facts: of a key with the scope "read"
    """

    def __init__(self, env, facts):
        self.company = env["res.company"].browse(facts.company_id)
        self.env = env(context={**env.context, "allowed_company_ids": self.company.ids})
        self.facts = facts

    @property
    def store(self):
        return self.env["usage.batch"].with_company(self.company)._store()

    def sources(self):
        """The key's own source; without one, all of the company."""
        if self.facts.source_id:
            return self.env["usage.source"].browse(self.facts.source_id)
        return (
            self.env["usage.source"]
            .with_context(active_test=False)
            .search([("company_id", "=", self.company.id)])
        )

    def subscriptions(self, subjects=()):
        """Subscriptions that the key may read, all or those with these subjects, now or
        before they moved.
        """
        domain = Domain("company_id", "=", self.company.id)
        domain &= Domain("state", "!=", "draft")
        if self.facts.partner_id:
            domain &= Domain("partner_id", "child_of", self.facts.partner_id)
        if subjects:
            domain &= self.store.of_subjects(subjects)
        return self.env["usage.subscription"].search(domain, order="id")

    # -- events ------------------------------------------------------------------------

    def event(self, event_id):
        """The event with an id, stored or waiting.

        :return: FaceEvent, when it arrived (naive UTC)
        :raise ApiProblem: 404
        """
        _refuse_no_text(event_id)
        sources = self.sources()
        found = self.store.find_by_id(sources, event_id)
        if self.facts.partner_id:
            mine = set(self.subscriptions().ids)
            found = [event for event in found if event.subscription_id in mine]
        for event in found:
            return _face_event(event), event.received_at
        for event, arrived_at, _problem in self._held(
            sources, Domain("event_id", "=", event_id), 1
        ):
            return event, arrived_at
        raise problems.not_found("There is no such event.")

    def newest(self, start, end, limit, subject=None):
        """Newest events of a span of time, those that wait among them.

        :return: list of (FaceEvent, arrived at, what is wrong with it or "")
        """
        sources = self.sources()
        search = Search(
            company_id=self.company.id,
            start=start,
            end=end,
            subject=subject,
            source_ids=sources.ids,
            newest_first=True,
        )
        if self.facts.partner_id:
            search = search._replace(subscription_ids=self.subscriptions().ids)
        found = [
            (_face_event(event), event.received_at, "")
            for event in self.store.find(search, limit)
            if event.is_live
        ]
        domain = Domain("event_time", ">=", start) & Domain("event_time", "<", end)
        if subject is not None:
            domain &= Domain("subject", "=", subject)
        found += self._held(sources, domain, limit)
        found.sort(key=lambda entry: entry[0].time, reverse=True)
        return found[:limit]

    def _held(self, sources, domain, limit):
        """Events that wait for a decision; they belong to no customer yet."""
        if self.facts.partner_id:
            return []
        domain &= Domain("source_id", "in", sources.ids)
        domain &= Domain("state", "=", "open") & Domain("is_event", "=", True)
        rows = self.env["usage.quarantine"].search(
            domain, order="event_time DESC, id DESC", limit=limit
        )
        reasons = dict(rows._fields["reason_code"]._description_selection(self.env))
        return [
            (
                _face_event(event_from_json(row.raw)),
                row.batch_id.received_at,
                reasons.get(row.reason_code, row.reason_code),
            )
            for row in rows
        ]

    # -- meters ------------------------------------------------------------------------

    def meters(self, with_archived=False):
        """Meters of the company, by code."""
        return (
            self.env["usage.meter"]
            .with_context(active_test=not with_archived)
            .search([("company_id", "=", self.company.id)], order="code")
        )

    def meter(self, code, with_archived=False):
        """:raise ApiProblem: 404"""
        _refuse_no_text(code)
        meter = (
            self.env["usage.meter"]
            .with_context(active_test=not with_archived)
            .search([("company_id", "=", self.company.id), ("code", "=", code)])
        )
        if not meter:
            raise problems.not_found("There is no such meter.")
        return meter

    def beginning(self, subscriptions):
        """When the first billing period of these subscriptions begins."""
        [(first,)] = self.env["usage.period"]._read_group(
            [("subscription_id", "in", subscriptions.ids)], [], ["start_at:min"]
        )
        return first or fields.Datetime.now()

    def usage(
        self, meter, subjects, start, end, bucket, keys=(), zone=None, is_apart=True
    ):
        """Quantities of one meter: of subjects, each by itself, or of everybody.

        A subject whose subscription has events of no other is answered from its totals;
        others from their events, which takes longer. Whose events they are is asked of
        the store: billed ones stay when their subject moves to another subscription.

        :param subjects: none for all
        :param keys: what to keep apart
        :param bool is_apart: also keep apart all subjects
        :rtype: list[Part]
        :raise FieldProblem: too many subjects share subscriptions
        """
        subscriptions = self.subscriptions(subjects)
        if subjects or is_apart:
            names = self.store.subjects(subscriptions, meter, start, end)
        else:
            names = {number: {""} for number in subscriptions.ids}
        labels, wanted = {}, defaultdict(list)
        for number, found in names.items():
            asked = found.intersection(subjects) if subjects else found
            if asked and len(found) == 1:
                (labels[number],) = found
                asked = [None]  # the totals are theirs
            for subject in asked:
                wanted[subject].append(number)
        if len(wanted) > MAX_SUBJECTS:
            raise FieldProblem(
                "subject",
                "not_supported",
                f"at most {MAX_SUBJECTS} that share subscriptions; ask for some",
            )
        return [
            Part(
                row.start,
                subject or labels[row.subscription_id],
                row.dimensions,
                row.quantity,
            )
            for subject, some in wanted.items()
            for row in self.store.usage(
                subscriptions.browse(some),
                meter,
                start,
                end,
                bucket,
                keys,
                zone,
                subject,
            )
        ]


def _refuse_no_text(text):
    """What no database keeps is not there.

    :raise ApiProblem: 404
    """
    try:
        check_text(text, "id", MAX_ID)
    except FieldProblem as error:
        raise problems.not_found("There is nothing of this name.") from error


def _face_event(event):
    """A FaceEvent of an EventRow or FoundEvent."""
    data = {**as_json(event.properties), **as_json(event.dimensions)}
    return FaceEvent(
        event_id=event.event_id,
        type=event.type,
        subject=event.subject,
        time=event.time,
        value=event.value,
        amount=event.amount,
        data=data,
    )
