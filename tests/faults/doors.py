"""The doors that usage comes in by, as plain HTTP requests."""

import http.client
import json
from typing import NamedTuple
from urllib.parse import urlencode

EPOCH = "%Y-%m-%dT%H:%M:%SZ"


class Event(NamedTuple):
    """One event to send; ``time`` is aware, None where the door allows it."""

    id: str
    subject: str
    value: int
    time: object


class Door(NamedTuple):
    """One way in.

    source: code of the source that its key is for
    most: events that fit in one request
    encode: function list[Event] -> bytes
    stored_id: function id as sent -> id as stored
    conflict: status of an answer to an id taken by another content
    """

    name: str
    source: str
    path: str
    content_type: str
    most: int
    encode: object
    stored_id: object
    conflict: int


def _native(events):
    documents = [
        {
            "id": event.id,
            "type": "calls",
            "subject": event.subject,
            "time": event.time.strftime(EPOCH),
            "value": event.value,
        }
        for event in events
    ]
    return json.dumps(
        documents[0] if len(documents) == 1 else {"events": documents}
    ).encode()


def _lago(events):
    return json.dumps(
        {
            "events": [
                {
                    "transaction_id": event.id,
                    "external_subscription_id": event.subject,
                    "code": "calls",
                    "timestamp": event.time and int(event.time.timestamp()),
                    "properties": {"value": event.value},
                }
                for event in events
            ]
        }
    ).encode()


def _openmeter(events):
    return json.dumps(
        [
            {
                "id": event.id,
                "source": "gw",
                "specversion": "1.0",
                "type": "calls",
                "subject": event.subject,
                "time": event.time and event.time.strftime(EPOCH),
                "data": {"value": event.value},
            }
            for event in events
        ]
    ).encode()


def _stripe(events):
    (event,) = events
    return urlencode(
        {
            "event_name": "calls",
            "identifier": event.id,
            "timestamp": int(event.time.timestamp()),
            "payload[stripe_customer_id]": event.subject,
            "payload[value]": event.value,
        }
    ).encode()


def _same(event_id):
    return event_id


DOORS = (
    Door(
        *("native", "native", "/usage/v1/events", "application/json", 10_000),
        *(_native, _same, 409),
    ),
    Door(
        *("lago", "lago", "/api/v1/events/batch", "application/json", 100),
        *(_lago, _same, 422),
    ),
    Door(
        *("openmeter", "openmeter", "/usage/openmeter/api/v1/events"),
        *("application/cloudevents-batch+json", 10_000),
        *(_openmeter, lambda event_id: f"gw {event_id}", 409),
    ),
    Door(
        *("stripe", "stripe", "/usage/stripe/v1/billing/meter_events"),
        *("application/x-www-form-urlencoded", 1, _stripe, _same, 400),
    ),
)


def post(port, path, body, headers, timeout=30):
    """Send one request on a connection of its own.

    :return: status and body
    :raise OSError, http.client.HTTPException: no whole answer came
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def get(port, path, headers, timeout=30):
    """Read from a path; see :func:`post`."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def send(port, token, door, events):
    """Send events through a door; see :func:`post`."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": door.content_type}
    return post(port, door.path, door.encode(events), headers)
