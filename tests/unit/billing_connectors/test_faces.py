"""Requests of other systems' clients become events; answers are what they expect."""

import json
from datetime import datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faces import lago, openmeter, stripe
from faces.values import BodyProblem, EventProblems, FieldProblem

NOW = datetime(2026, 9, 2, 8, 30, 1, 999000)
LAGO = {
    "transaction_id": "t1",
    "external_subscription_id": "sub_1",
    "code": "storage",
    "timestamp": "1788220800",
    "precise_total_amount_cents": None,
    "properties": {"gb": 10, "region": "fr"},
}
CLOUD = {
    "id": "e1",
    "source": "/gateway",
    "specversion": "1.0",
    "type": "request",
    "subject": "acme",
    "time": "2026-09-01T00:00:00Z",
    "data": {"tokens": 12, "model": {"name": "small"}},
}
METER = {
    "event_name": "calls",
    "identifier": "id1",
    "timestamp": "2026-09-01T00:00:00Z",
    "payload": {"stripe_customer_id": "cus_1", "value": "25", "region": "fr"},
}


def encode(document):
    return json.dumps(document).encode()


def without(document, *names):
    return {key: value for key, value in document.items() if key not in names}


# -- Lago ------------------------------------------------------------------------------


def test_a_lago_event_is_read():
    event = lago.read_event(encode({"event": LAGO}))
    assert event == (
        *("t1", "storage", "sub_1", datetime(2026, 9, 1), None, None),
        *({"gb": "10", "region": "fr"}, 0),
    )


@pytest.mark.parametrize("cents", ["1234.567", "1" * 20 + "." + "7" * 18, "0", "-5"])
def test_a_lago_amount_in_cents_keeps_its_digits(cents):
    body = encode({"event": LAGO | {"precise_total_amount_cents": cents}})
    event = lago.read_event(body)
    assert event.amount.as_tuple().digits == Decimal(cents).as_tuple().digits
    answer = lago.write_event(1, event, NOW)
    assert answer["precise_total_amount_cents"] == cents


def test_a_lago_event_is_answered_with_what_the_client_needs():
    event = lago.read_event(encode({"event": LAGO}))
    answer = lago.write_event(1, event, NOW)
    assert answer["timestamp"] == "2026-09-01T00:00:00.000Z"
    assert answer["created_at"] == "2026-09-02T08:30:01Z"
    assert answer["properties"] == {"gb": "10", "region": "fr"}
    again = lago.write_event(1, event, NOW)
    assert answer["lago_id"] == again["lago_id"]
    assert answer["lago_id"] != lago.write_event(2, event, NOW)["lago_id"]


@pytest.mark.parametrize(
    ("event", "details"),
    [
        (
            without(LAGO, "transaction_id"),
            {"transaction_id": ["value_is_mandatory"]},
        ),
        (LAGO | {"code": ""}, {"code": ["value_is_mandatory"]}),
        (LAGO | {"timestamp": "soon"}, {"timestamp": ["invalid_format"]}),
        (
            LAGO | {"precise_total_amount_cents": "many"},
            {"precise_total_amount_cents": ["value_is_not_valid_number"]},
        ),
        (LAGO | {"properties": [1]}, {"properties": ["value_is_invalid"]}),
    ],
)
def test_a_wrong_lago_event_is_refused_by_field(event, details):
    with pytest.raises(EventProblems) as caught:
        lago.read_event(encode({"event": event}))
    assert lago.write_problem(caught.value) == (
        422,
        {
            "status": 422,
            "error": "Unprocessable Entity",
            "code": "validation_errors",
            "error_details": details,
        },
    )


def test_one_wrong_event_refuses_a_lago_batch_by_index():
    events = [LAGO, LAGO | {"transaction_id": "t2", "code": None}]
    with pytest.raises(EventProblems) as caught:
        lago.read_batch(encode({"events": events}))
    status, body = lago.write_problem(caught.value, batch=True)
    assert status == 422
    assert body["error_details"] == {"1": {"code": ["value_is_mandatory"]}}


@pytest.mark.parametrize(
    ("events", "code"),
    [([], "no_events"), (None, "no_events"), ([LAGO] * 101, "too_many_events")],
)
def test_a_lago_batch_holds_1_to_100_events(events, code):
    with pytest.raises(BodyProblem) as caught:
        lago.read_batch(encode({"events": events}))
    assert lago.write_problem(caught.value, batch=True)[1]["error_details"] == {
        "events": [code]
    }
    assert len(lago.read_batch(encode({"events": [LAGO] * 100}))) == 100


def test_lago_pages_say_what_comes_before_and_after():
    meta = lago.write_page([], 2, 20, 41)["meta"]
    assert (meta["prev_page"], meta["next_page"], meta["total_pages"]) == (1, 3, 3)
    meta = lago.write_page([], 1, 20, 0)["meta"]
    assert (meta["prev_page"], meta["next_page"], meta["total_pages"]) == (
        None,
        None,
        0,
    )


# -- OpenMeter -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (CLOUD, openmeter.ONE),
        ([CLOUD], openmeter.BATCH),
        (CLOUD, openmeter.EITHER),
        ([CLOUD], openmeter.EITHER),
    ],
)
def test_cloud_events_are_read(body, content_type):
    (event,) = openmeter.read_events(encode(body), content_type)
    assert event == (
        *("/gateway e1", "request", "acme", datetime(2026, 9, 1), None, None),
        *({"tokens": "12", "model.name": "small"}, 0),
    )


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ([CLOUD], openmeter.ONE),
        (CLOUD, openmeter.BATCH),
        ([], openmeter.EITHER),
        (CLOUD, "text/plain"),
        ([CLOUD] * 10_001, openmeter.BATCH),
        (5, openmeter.EITHER),
    ],
)
def test_bodies_of_another_shape_are_refused(body, content_type):
    with pytest.raises((BodyProblem, EventProblems)) as caught:
        openmeter.read_events(encode(body), content_type)
    status, answer = openmeter.write_problem(caught.value, "/api/v1/events")
    assert status == answer["status"] == 400
    assert {"type", "title", "detail", "instance"} <= answer.keys()


@pytest.mark.parametrize(
    "change",
    [
        {"specversion": "0.3"},
        {"subject": None},
        {"id": ""},
        {"time": "2026-09-01 00:00"},
        {"data": [1]},
        {"datacontenttype": "text/xml"},
    ],
)
def test_a_wrong_cloud_event_refuses_all_and_is_named(change):
    with pytest.raises(EventProblems) as caught:
        openmeter.read_events(encode([CLOUD, CLOUD | change]), openmeter.BATCH)
    _status, answer = openmeter.write_problem(caught.value, "/api/v1/events")
    (field,) = change
    (found,) = answer["extensions"]["validationErrors"]
    assert found["field"].startswith(f"[1].{field}")
    assert answer["detail"].startswith("Event 1: ")


@given(st.tuples(st.text(), st.text()), st.tuples(st.text(), st.text()))
def test_two_cloud_events_never_share_an_id(first, second):
    assert openmeter.split_id(openmeter.join_id(*first)) == first
    same = openmeter.join_id(*first) == openmeter.join_id(*second)
    assert same == (first == second)


# -- Stripe ----------------------------------------------------------------------------

FORM = (
    ("event_name", "calls"),
    ("payload[stripe_customer_id]", "cus_1"),
    ("payload[value]", "25"),
    ("payload[region]", "fr"),
    ("identifier", "id1"),
    ("timestamp", "1788220800"),
)


def test_both_versions_of_a_meter_event_are_one_event():
    first = stripe.read_event(FORM, "r")
    assert first == stripe.read_event_v2(encode(METER), "r")
    assert first == (
        *("id1", "calls", "cus_1", datetime(2026, 9, 1), Decimal(25), None),
        *({"region": "fr"}, 0),
    )


def test_a_meter_event_is_answered_in_its_version():
    event = stripe.read_event(FORM, "r")
    first = stripe.write_event(event, NOW, 1)
    assert first["timestamp"] == 1788220800
    assert first["payload"]["value"] == "25"
    second = stripe.write_event(event, NOW, 2)
    assert second["timestamp"] == "2026-09-01T00:00:00.000Z"
    assert second["object"] == "v2.billing.meter_event"


def test_without_identifier_a_retry_is_the_same_event():
    body = [pair for pair in FORM if pair[0] != "identifier"]
    first, again = stripe.read_event(body, "key1"), stripe.read_event(body, "key1")
    assert first.event_id == again.event_id != stripe.read_event(body, "key2").event_id
    events = encode({"events": [without(METER, "identifier")] * 2})
    one, two = stripe.read_stream(events, "key1")
    assert one.event_id != two.event_id


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ("", "event_name"),
        ("", "payload[stripe_customer_id]"),
        ("lots", "payload[value]"),
        ("soon", "timestamp"),
    ],
)
def test_a_wrong_meter_event_is_refused_by_parameter(wrong, param):
    body = (dict(FORM) | {param: wrong}).items()
    with pytest.raises(EventProblems) as caught:
        stripe.read_event(body, "r")
    status, answer = stripe.write_problem(caught.value)
    assert status == 400
    assert answer["error"]["param"] == param
    assert answer["error"]["type"] == "invalid_request_error"


def test_a_name_that_is_misspelled_is_not_passed_over():
    """Without its time, an event would count now."""
    body = [pair for pair in FORM if pair[0] != "timestamp"]
    with pytest.raises(EventProblems) as caught:
        stripe.read_event([*body, ("timestmap", "1788220800")], "r")
    status, answer = stripe.write_problem(caught.value)
    assert status == 400
    assert answer["error"]["code"] == "parameter_unknown"
    assert answer["error"]["param"] == "timestmap"
    assert stripe.read_event([*FORM, ("expand[]", "customer")], "r")
    with pytest.raises(FieldProblem):
        stripe.read_stream(encode({"events": [METER], "event": METER}), "r")


def test_a_stream_takes_100_events():
    body = {"events": [METER | {"identifier": f"i{n}"} for n in range(100)]}
    assert len(stripe.read_stream(encode(body), "r")) == 100
    body["events"].append(METER)
    with pytest.raises(BodyProblem):
        stripe.read_stream(encode(body), "r")


def test_cancelling_names_the_event():
    form = [
        ("event_name", "calls"),
        ("type", "cancel"),
        ("cancel[identifier]", "id1"),
    ]
    assert stripe.read_cancel(form, 1) == ("calls", "id1")
    document = {
        "event_name": "calls",
        "type": "cancel",
        "cancel": {"identifier": "id1"},
    }
    assert stripe.read_cancel(encode(document), 2) == ("calls", "id1")
    with pytest.raises(FieldProblem):
        stripe.read_cancel(encode(document | {"type": "replace"}), 2)
    with pytest.raises(FieldProblem):
        stripe.read_cancel(encode(without(document, "cancel")), 2)
    with pytest.raises(FieldProblem):
        stripe.read_cancel(encode(document | {"identifier": "id2"}), 2)
