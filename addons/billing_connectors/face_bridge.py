# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Between the records and the pure ``faces`` package."""

from typing import NamedTuple

from odoo import fields

from odoo.addons.usage_billing.metering import EventRow
from odoo.addons.usage_billing.metering.connection import connection
from odoo.addons.usage_billing.metering.identities import known_times, lock_ids
from odoo.addons.usage_billing.metering.keys import (
    DECODERS,
    IdTimeError,
    carried_time,
)

from .faces import reading
from .faces.values import EventProblems, FieldProblem


class Ingested(NamedTuple):
    """What became of the events of a request.

    events: list[FaceEvent], each with its time
    arrived_at: naive UTC
    conflicts: positions of events whose id is taken by another content
    """

    events: list
    arrived_at: object
    conflicts: list


def ingest(env, facts, events, door, time_field):
    """Store a request's events; committed when this returns.

    An event without a time happened when it first arrived: sent again, it keeps that
    time and is a duplicate. Ids that carry a time give it.

    :param KeyFacts facts: of the key that sends
    :param list[FaceEvent] events: of one request
    :param str door: name of the face, for the batch
    :param str time_field: name of an event's time in the client's words
    :rtype: Ingested
    :raise EventProblems: an event needs a time of its own, for its id to be one
    """
    env = env(su=True)
    company = env["res.company"].browse(facts.company_id)
    source = env["usage.source"].with_company(company).browse(facts.source_id)
    arrived_at = fields.Datetime.now()
    timeless = [event for event in events if event.time is None]
    if not timeless:
        return _ingest(source, events, door, arrived_at)
    mode = source._get_key_mode()
    if mode != "strict":
        events = _with_times(events, _carried_times(mode, timeless, time_field))
        return _ingest(source, events, door, arrived_at)
    identity = (
        facts.company_id,
        facts.source_id,
        [event.event_id for event in timeless],
    )
    with connection(env) as locked:
        lock_ids(locked.cr, *identity)
        times = known_times(locked.cr, *identity)
        events = _with_times(
            events,
            {
                event.position: times.get(event.event_id, arrived_at)
                for event in timeless
            },
        )
        return _ingest(source, events, door, arrived_at)


def _with_times(events, times):
    """Events with the times of those that have none, by position."""
    return [
        event if event.time is not None else event._replace(time=times[event.position])
        for event in events
    ]


def _carried_times(mode, events, time_field):
    """Times that ids carry, by position.

    :raise EventProblems: the source's ids are made with the time, which is missing
    """
    times, problems = {}, {}
    for event in events:
        try:
            if mode not in DECODERS:
                raise FieldProblem(time_field, "missing")
            times[event.position] = carried_time(mode, event.event_id)
        except (FieldProblem, IdTimeError, OverflowError):
            problems[event.position] = [FieldProblem(time_field, "missing")]
    if problems:
        raise EventProblems(problems)
    return times


def _ingest(source, events, door, arrived_at):
    name = _batch_name(door, arrived_at)
    result = source._ingest(to_rows(source, events), name=name)
    conflicts = [
        outcome.row_number - 1
        for outcome in result.outcomes
        # sent again while it waits for a decision: a duplicate of a conflict
        if "conflict" in (outcome.status, outcome.code)
    ]
    return Ingested(events, arrived_at, conflicts)


def _batch_name(door, moment):
    return f"{door} {fields.Datetime.to_string(moment)}"


def void(env, facts, event_type, event_id, door):
    """Take an event of the key's source out of all quantities; it stays stored.

    :param KeyFacts facts: of a key that may correct
    :return: whether there is such an event; one that was voided before is one
    :rtype: bool
    """
    company = env["res.company"].browse(facts.company_id)
    source = env["usage.source"].with_company(company).browse(facts.source_id)
    with connection(env(su=True)) as own:
        store = own["usage.batch"].with_company(company)._store()
        found = store.find_by_id(source.with_env(own), event_id)
        if not any(event.type == event_type for event in found):
            return False
        batch = (
            own["usage.batch"]
            .with_company(company)
            .with_context(tracking_disable=True, mail_create_nolog=True)
            .create(
                {
                    "name": _batch_name(door, fields.Datetime.now()),
                    "source_id": source.id,
                    "company_id": company.id,
                }
            )
        )
        store.void(batch, [(event_id, found[0].time)], f"{door}: {event_id}")
        own.flush_all()
    return True


def to_rows(source, events):
    """Events as the store takes them.

    What a meter keeps apart becomes a dimension, everything else a property. A number
    called "value" is the event's value too, for meters that read that.

    :rtype: list[EventRow]
    """
    company = source.company_id
    kept = source._get_dimension_names(company.id)
    currency = company.currency_id.name
    rows = []
    for event in events:
        dimensions, properties = {}, event.data
        if not kept.isdisjoint(event.data):
            names = sorted(kept & event.data.keys())
            dimensions = {key: event.data[key] for key in names}
            properties = {
                key: text for key, text in event.data.items() if key not in kept
            }
        value = event.value
        if value is None:
            value = _number_or_none(event.data.get("value"))
        rows.append(
            EventRow(
                event_id=event.event_id,
                type=event.type,
                subject=event.subject,
                time=event.time,
                value=value,
                amount=event.amount,
                currency=currency if event.amount is not None else None,
                dimensions=dimensions,
                properties=properties,
                row_number=event.position + 1,
            )
        )
    return rows


def _number_or_none(text):
    try:
        return reading.number(text, "value")
    except FieldProblem:
        return None
