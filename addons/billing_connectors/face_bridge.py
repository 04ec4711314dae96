# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Between the records and the pure ``faces`` package."""

from typing import NamedTuple

from odoo import fields

from odoo.addons.usage_billing.metering import EventRow
from odoo.addons.usage_billing.metering.connection import connection
from odoo.addons.usage_billing.metering.identities import known_times, lock_ids

from .faces import reading
from .faces.values import FieldProblem


class Ingested(NamedTuple):
    """What became of the events of a request.

    events: list[FaceEvent], each with its time
    arrived_at: naive UTC
    conflicts: positions of events whose id is taken by another content
    """

    events: list
    arrived_at: object
    conflicts: list


def ingest(env, facts, events, door):
    """Store a request's events; committed when this returns.

    An event without a time happened when it first arrived: sent again, it keeps that
    time and is a duplicate.

    :param KeyFacts facts: of the key that sends
    :param list[FaceEvent] events: of one request
    :param str door: name of the face, for the batch
    :rtype: Ingested
    """
    env = env(su=True)
    arrived_at = fields.Datetime.now()
    timeless = [event.event_id for event in events if event.time is None]
    if not timeless:
        return _ingest(env, facts, events, door, arrived_at)
    identity = (facts.company_id, facts.source_id, timeless)
    with connection(env) as locked:
        lock_ids(locked.cr, *identity)
        times = known_times(locked.cr, *identity)
        events = [
            event
            if event.time is not None
            else event._replace(time=times.get(event.event_id, arrived_at))
            for event in events
        ]
        return _ingest(env, facts, events, door, arrived_at)


def _ingest(env, facts, events, door, arrived_at):
    company = env["res.company"].browse(facts.company_id)
    source = env["usage.source"].with_company(company).browse(facts.source_id)
    rows = to_rows(env, company, events)
    name = f"{door} {fields.Datetime.to_string(arrived_at)}"
    result = source._ingest(rows, name=name)
    conflicts = [
        outcome.row_number - 1
        for outcome in result.outcomes
        # sent again while it waits for a decision: a duplicate of a conflict
        if "conflict" in (outcome.status, outcome.code)
    ]
    return Ingested(events, arrived_at, conflicts)


def to_rows(env, company, events):
    """Events as the store takes them.

    What a meter keeps apart becomes a dimension, everything else a property. A number
    called "value" is the event's value too, for meters that read that.

    :rtype: list[EventRow]
    """
    names = dimension_names(env, company, {event.type for event in events})
    currency = company.currency_id.name
    rows = []
    for event in events:
        kept = names.get(event.type)
        dimensions, properties = {}, event.data
        if kept and not kept.isdisjoint(event.data):
            dimensions = {
                key: event.data[key] for key in sorted(kept & event.data.keys())
            }
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


def dimension_names(env, company, types):
    """Names that meters of a company keep apart, by event type.

    Archived meters count too: an event sent again looks as it did.

    :rtype: dict[str, frozenset]
    """
    meters = (
        env["usage.meter"]
        .with_context(active_test=False)
        .search_fetch(
            [("company_id", "=", company.id), ("event_type", "in", list(types))],
            ["event_type", "dimension_keys"],
        )
    )
    names = {}
    for meter in meters:
        found = {key.strip() for key in (meter.dimension_keys or "").split(",")} - {""}
        names[meter.event_type] = names.get(meter.event_type, frozenset()) | found
    return names
