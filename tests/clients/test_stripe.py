"""``stripe``, unchanged, with the server as its Stripe."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
import stripe


def connect(platform, key, session=None):
    address = f"{platform.url}/usage/stripe"
    return stripe.StripeClient(
        platform.tokens.get(key, key),
        base_addresses={"api": address, "meter_events": address},
        max_network_retries=0,
    )


@pytest.fixture(scope="module")
def client(platform):
    return connect(platform, "stripe")


def event(identifier, now, **changes):
    found = {
        "event_name": "calls",
        "identifier": identifier,
        "timestamp": int(now.timestamp()),
        "payload": {"stripe_customer_id": "cus_1", "value": "25.5", "region": "fr"},
    }
    return {key: value for key, value in (found | changes).items() if value is not None}


def event_v2(identifier, now, **changes):
    return event(
        identifier, now, timestamp=now.strftime("%Y-%m-%dT%H:%M:%SZ"), **changes
    )


def test_an_event_is_stored_matched_and_added_up(platform, client, now):
    before = platform.quantity("cus_1", "calls")
    answer = client.v1.billing.meter_events.create(event("one", now))
    assert answer.object == "billing.meter_event"
    assert answer.identifier == "one"
    assert answer.timestamp == int(now.timestamp())
    assert answer.payload["value"] == "25.5"
    assert platform.events("stripe")["one"] == (
        *("calls", "cus_1", "25.5"),
        *({"region": "fr"}, {}),
    )
    assert platform.quantity("cus_1", "calls") - before == Decimal("25.5")


def test_the_style_of_the_module_works_too(platform, now, monkeypatch):
    monkeypatch.setattr(stripe, "api_key", platform.tokens["stripe"])
    monkeypatch.setattr(stripe, "api_base", f"{platform.url}/usage/stripe")
    assert stripe.billing.MeterEvent.create(**event("module", now)).identifier
    assert "module" in platform.events("stripe")


def test_both_versions_store_one_event_once(platform, client, now):
    before = platform.quantity("cus_1", "calls")
    client.v1.billing.meter_events.create(event("both", now))
    answer = client.v2.billing.meter_events.create(event_v2("both", now))
    assert answer.object == "v2.billing.meter_event"
    assert answer.timestamp == now.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    assert platform.quantity("cus_1", "calls") - before == Decimal("25.5")


def test_without_an_identifier_a_retry_is_one_event(platform, client, now):
    before = platform.quantity("cus_1", "calls")
    options = {"idempotency_key": "retry-1"}
    body = event(None, now)
    first = client.v1.billing.meter_events.create(body, options)
    again = client.v1.billing.meter_events.create(body, options)
    assert first.identifier == again.identifier
    assert platform.quantity("cus_1", "calls") - before == Decimal("25.5")
    client.v1.billing.meter_events.create(body)
    assert platform.quantity("cus_1", "calls") - before == 51


def test_another_event_with_the_same_identifier_is_refused(platform, client, now):
    client.v1.billing.meter_events.create(event("conflict", now))
    other = {"stripe_customer_id": "cus_1", "value": "26"}
    for create, body in (
        (client.v1.billing.meter_events.create, event("conflict", now, payload=other)),
        (
            client.v2.billing.meter_events.create,
            event_v2("conflict", now, payload=other),
        ),
    ):
        with pytest.raises(stripe.InvalidRequestError) as caught:
            create(body)
        assert caught.value.http_status == 400
        assert caught.value.code == "duplicate_meter_event"
        assert caught.value.param == "identifier"
    assert ("conflict", "conflict") in platform.held("stripe")


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"event_name": ""}, "event_name"),
        ({"payload": {"value": "1"}}, "payload[stripe_customer_id]"),
        ({"timestamp": "soon"}, "timestamp"),
        (
            {"payload": {"stripe_customer_id": "cus_1", "value": "lots"}},
            "payload[value]",
        ),
    ],
)
def test_a_wrong_parameter_is_named(client, now, changes, param):
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.billing.meter_events.create(event("wrong", now) | changes)
    assert caught.value.param == param


def test_an_unknown_customer_is_accepted_and_waits(platform, client, now):
    payload = {"stripe_customer_id": "cus_nobody", "value": "1"}
    client.v1.billing.meter_events.create(event("stranger", now, payload=payload))
    assert ("stranger", "unknown_subject") in platform.held("stripe")


def test_an_event_is_cancelled(platform, client, now):
    client.v1.billing.meter_events.create(event("cancel-1", now))
    client.v2.billing.meter_events.create(event_v2("cancel-2", now))
    before = platform.quantity("cus_1", "calls")
    order = {"event_name": "calls", "type": "cancel"}
    adjustments = client.v1.billing.meter_event_adjustments
    for _again in range(2):
        answer = adjustments.create(order | {"cancel": {"identifier": "cancel-1"}})
        assert answer.status == "complete"
        assert answer.cancel.identifier == "cancel-1"
    assert before - platform.quantity("cus_1", "calls") == Decimal("25.5")
    answer = client.v2.billing.meter_event_adjustments.create(
        order | {"cancel": {"identifier": "cancel-2"}}
    )
    assert answer.object == "v2.billing.meter_event_adjustment"
    assert before - platform.quantity("cus_1", "calls") == 51
    # what was cancelled stays known: sent again, it is no new event
    client.v1.billing.meter_events.create(event("cancel-1", now))
    assert before - platform.quantity("cus_1", "calls") == 51


def test_an_event_that_never_came_is_not_cancelled(client):
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.billing.meter_event_adjustments.create(
            {
                "event_name": "calls",
                "type": "cancel",
                "cancel": {"identifier": "never"},
            }
        )
    assert caught.value.code == "resource_missing"


def test_a_key_that_may_only_send_cancels_nothing(platform, client, now):
    client.v1.billing.meter_events.create(event("keep-1", now))
    before = platform.quantity("cus_1", "calls")
    with pytest.raises(stripe.PermissionError):
        connect(platform, "sender").v1.billing.meter_event_adjustments.create(
            {
                "event_name": "calls",
                "type": "cancel",
                "cancel": {"identifier": "keep-1"},
            }
        )
    assert platform.quantity("cus_1", "calls") == before


def stream(platform, session):
    return connect(platform, session.authentication_token).v2.billing.meter_event_stream


def test_a_stream_is_stored_with_the_token_of_a_session(platform, client, now):
    before = platform.quantity("cus_1", "calls")
    session = client.v2.billing.meter_event_session.create()
    assert session.object == "v2.billing.meter_event_session"
    assert session.expires_at > session.created
    events = [event_v2(f"stream-{number}", now) for number in range(100)]
    assert stream(platform, session).create({"events": events}) is None
    assert stream(platform, session).create({"events": events}) is None
    assert platform.quantity("cus_1", "calls") - before == 2550


def test_a_stream_holds_at_most_100_events(platform, client, now):
    session = client.v2.billing.meter_event_session.create()
    events = [event_v2(f"long-{number}", now) for number in range(101)]
    with pytest.raises(stripe.InvalidRequestError):
        stream(platform, session).create({"events": events})
    assert "long-0" not in platform.events("stripe")


def test_a_stream_refuses_what_is_no_session(platform, client, now):
    events = {"events": [event_v2("forged", now)]}
    session = client.v2.billing.meter_event_session.create()
    whole = session.authentication_token
    for token in (platform.tokens["stripe"], whole[:-6], "rlv_session_AAAA", "x"):
        session.authentication_token = token
        with pytest.raises(stripe.AuthenticationError):
            stream(platform, session).create(events)
    assert "forged" not in platform.events("stripe")


@pytest.mark.parametrize("key", ["expired", "revoked", "rlv_unknown"])
def test_a_key_that_is_not_in_force_is_refused(platform, now, key):
    with pytest.raises(stripe.AuthenticationError):
        connect(platform, key).v1.billing.meter_events.create(event("key", now))


def test_a_key_that_may_only_read_is_refused(platform, now):
    with pytest.raises(stripe.PermissionError):
        connect(platform, "reader").v1.billing.meter_events.create(event("key", now))


def test_beyond_the_rate_limit_the_client_is_told(platform, now):
    client = connect(platform, "slow")
    with pytest.raises(stripe.RateLimitError):
        for number in range(5):
            client.v1.billing.meter_events.create(event(f"stripe-burst-{number}", now))


# -- reading back ----------------------------------------------------------------------


def test_meters_are_listed(client):
    listed = client.v1.billing.meters.list({"limit": 100})
    assert not listed.has_more
    meters = {meter.id: meter for meter in listed.data}
    assert meters["calls"].event_name == "calls"
    assert meters["calls"].default_aggregation.formula == "sum"
    storage = client.v1.billing.meters.retrieve("storage")
    assert storage.value_settings.event_payload_key == "gb"
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.billing.meters.retrieve("nothing")
    assert caught.value.http_status == 404


def test_meters_are_listed_page_by_page(client):
    list_meters = client.v1.billing.meters.list
    every = [meter.id for meter in list_meters({"limit": 100}).data]
    assert len(every) > 2
    page = list_meters({"limit": 2})
    assert ([meter.id for meter in page.data], page.has_more) == (every[:2], True)
    assert [meter.id for meter in page.auto_paging_iter()] == every
    back = list_meters({"limit": 1, "ending_before": every[2]})
    assert ([meter.id for meter in back.data], back.has_more) == ([every[1]], True)
    active = list_meters({"status": "active", "limit": 100}).data
    (archived,) = list_meters({"status": "inactive"}).data
    assert (archived.id, archived.status) == ("pages", "inactive")
    assert {meter.id for meter in active} == {*every} - {"pages"}
    assert {meter.status for meter in active} == {"active"}
    assert client.v1.billing.meters.retrieve("pages") == archived
    for wrong in (
        {"limit": 101},
        {"status": "gone"},
        {"starting_after": "nothing"},
        {"starting_after": every[0], "ending_before": every[2]},
        {"order": "asc"},
    ):
        with pytest.raises(stripe.InvalidRequestError) as caught:
            list_meters(wrong)
        assert caught.value.http_status == 400


def test_usage_of_a_customer_is_summed_up(client):
    first = int(datetime(2026, 9, 1, tzinfo=UTC).timestamp())
    for number, (hour, value) in enumerate(
        [(1, "1.5"), (1, "2"), (5, "3"), (26, "10")]
    ):
        client.v1.billing.meter_events.create(
            {
                "event_name": "calls",
                "identifier": f"summary-{number}",
                "timestamp": first + hour * 3600,
                "payload": {"stripe_customer_id": "cus_2", "value": value},
            }
        )
    span = {
        "customer": "cus_2",
        "start_time": first,
        "end_time": first + 30 * 86400,
    }
    summaries = client.v1.billing.meters.event_summaries
    whole = summaries.list("calls", span).data
    assert [summary.aggregated_value for summary in whole] == [16.5]
    assert (whole[0].start_time, whole[0].end_time) == (first, first + 30 * 86400)
    days = summaries.list("calls", span | {"value_grouping_window": "day"}).data
    assert [day.aggregated_value for day in days] == [10, 6.5]
    assert days[1].end_time - days[1].start_time == 86400
    hours = summaries.list(
        "calls", span | {"value_grouping_window": "hour", "limit": 2}
    )
    assert hours.has_more
    values = [hour.aggregated_value for hour in hours.auto_paging_iter()]
    assert values == [10, 3, 3.5]


def test_customers_of_one_subscription_are_answered_alone(client):
    first = int(datetime(2026, 9, 1, tzinfo=UTC).timestamp())
    for place, value in (("lyon", "3"), ("paris", "0.5")):
        client.v1.billing.meter_events.create(
            {
                "event_name": "calls",
                "identifier": f"shared-{place}",
                "timestamp": first + 3600,
                "payload": {"stripe_customer_id": f"acme-{place}", "value": value},
            }
        )
    for place, value in (("lyon", 3), ("paris", 0.5)):
        found = client.v1.billing.meters.event_summaries.list(
            "calls",
            {
                "customer": f"acme-{place}",
                "start_time": first,
                "end_time": first + 86400,
            },
        )
        assert [summary.aggregated_value for summary in found.data] == [value]


def test_ids_that_carry_a_time_give_it(platform):
    """A source whose ids are UUIDs of version 7 needs no timestamp."""
    client = connect(platform, "uuid7")
    identifier = "01996000-0000-7000-8000-000000000001"
    body = {
        "event_name": "calls",
        "identifier": identifier,
        "payload": {"stripe_customer_id": "cus_1", "value": "1"},
    }
    first = client.v1.billing.meter_events.create(body)
    assert first.timestamp == 0x019960000000 // 1000
    assert client.v1.billing.meter_events.create(body).timestamp == first.timestamp
    body["identifier"] = "no-uuid"
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.billing.meter_events.create(body)
    assert caught.value.param == "timestamp"


def test_ids_made_with_the_time_need_it(platform, now):
    """Otherwise a retry would be another event."""
    client = connect(platform, "composed")
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.billing.meter_events.create(event("c-1", now, timestamp=None))
    assert caught.value.param == "timestamp"
    client.v1.billing.meter_events.create(event("c-1", now))
