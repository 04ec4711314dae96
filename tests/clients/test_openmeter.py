"""``openmeter``, unchanged, with the server as its OpenMeter."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from corehttp.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceNotFoundError,
)
from openmeter import Client
from openmeter.aio import Client as AsyncClient
from openmeter.models import Event


def connect(platform, key, **options):
    return Client(
        endpoint=f"{platform.url}/usage/openmeter",
        token=platform.tokens.get(key, key),
        retry_total=0,
        **options,
    )


@pytest.fixture(scope="module")
def client(platform):
    with connect(platform, "openmeter") as found:
        yield found


def event(event_id, now, **changes):
    found = {
        "id": event_id,
        "source": "gateway",
        "specversion": "1.0",
        "type": "request",
        "subject": "acme",
        "time": now,
        "data": {"tokens": 12, "model": {"name": "small"}, "path": "/v1"},
    }
    return Event(**(found | changes))


def test_an_event_is_stored_matched_and_added_up(platform, client, now):
    before = platform.quantity("acme", "tokens"), platform.quantity("acme", "requests")
    assert client.events.ingest_event(event("one", now)) is None
    assert platform.events("openmeter")["gateway one"] == (
        *("request", "acme", ""),
        *({"model.name": "small"}, {"tokens": "12", "path": "/v1"}),
    )
    assert platform.quantity("acme", "tokens") - before[0] == 12
    assert platform.quantity("acme", "requests") - before[1] == 1


def test_a_batch_is_stored_once(platform, client, now):
    before = platform.quantity("acme", "tokens")
    events = [event(f"batch-{number}", now) for number in range(500)]
    assert client.events.ingest_events(events) is None
    assert client.events.ingest_events(events) is None
    assert platform.quantity("acme", "tokens") - before == 6000


def test_plain_json_is_taken_as_one_or_as_a_list(platform, client, now):
    client.events.ingest_events_json(event("plain-1", now))
    client.events.ingest_events_json([event("plain-2", now), event("plain-3", now)])
    stored = platform.events("openmeter").keys()
    assert {f"gateway plain-{number}" for number in (1, 2, 3)} <= stored


def test_the_asynchronous_client_works_too(platform, now):
    async def send():
        async with AsyncClient(
            endpoint=f"{platform.url}/usage/openmeter",
            token=platform.tokens["openmeter"],
        ) as client:
            await client.events.ingest_event(event("later", now))

    asyncio.run(send())
    assert "gateway later" in platform.events("openmeter")


def test_the_same_id_of_two_sources_is_two_events(platform, client, now):
    client.events.ingest_event(event("shared", now, source="gateway-a"))
    client.events.ingest_event(event("shared", now, source="gateway-b"))
    stored = platform.events("openmeter").keys()
    assert {"gateway-a shared", "gateway-b shared"} <= stored


def test_an_event_without_a_time_sent_again_adds_nothing(platform, client, now):
    client.events.ingest_event(event("timeless", now, time=None))
    before = platform.quantity("acme", "requests")
    client.events.ingest_event(event("timeless", now, time=None))
    assert platform.quantity("acme", "requests") == before
    assert ("gateway timeless", "conflict") not in platform.held("openmeter")


def test_another_event_with_the_same_id_is_a_conflict(platform, client, now):
    client.events.ingest_event(event("conflict", now))
    with pytest.raises(ResourceExistsError) as caught:
        client.events.ingest_event(event("conflict", now, data={"tokens": 13}))
    assert caught.value.status_code == 409
    assert ("gateway conflict", "conflict") in platform.held("openmeter")


def test_conflicts_of_a_batch_are_told_by_position(platform, client, now):
    client.events.ingest_event(event("mixed-1", now))
    events = [event("mixed-0", now), event("mixed-1", now, data={"tokens": 1})]
    with pytest.raises(ResourceExistsError) as caught:
        client.events.ingest_events(events)
    problem = caught.value.response.json()
    assert problem["extensions"]["conflicts"] == [1]
    assert "gateway mixed-0" in platform.events("openmeter")


def test_a_wrong_event_refuses_the_batch_and_is_named(platform, client, now):
    events = [event("wrong-0", now), event("wrong-1", now, specversion="0.3")]
    with pytest.raises(HttpResponseError) as caught:
        client.events.ingest_events(events)
    assert caught.value.status_code == 400
    assert caught.value.model.title == "Bad Request"
    assert "specversion" in caught.value.model.detail
    assert "gateway wrong-0" not in platform.events("openmeter")


def test_an_unknown_subject_is_accepted_and_waits(platform, client, now):
    client.events.ingest_event(event("stranger", now, subject="nobody"))
    assert ("gateway stranger", "unknown_subject") in platform.held("openmeter")


@pytest.mark.parametrize("key", ["expired", "revoked", "rlv_unknown"])
def test_a_key_that_is_not_in_force_is_refused(platform, now, key):
    with (
        connect(platform, key) as client,
        pytest.raises(ClientAuthenticationError) as caught,
    ):
        client.events.ingest_event(event("key", now))
    assert caught.value.status_code == 401


def test_a_key_that_may_only_read_is_refused(platform, now):
    with (
        connect(platform, "reader") as client,
        pytest.raises(HttpResponseError) as caught,
    ):
        client.events.ingest_event(event("key", now))
    assert caught.value.status_code == 403


def test_beyond_the_rate_limit_the_client_is_told_when_to_come_again(platform, now):
    with (
        connect(platform, "slow") as client,
        pytest.raises(HttpResponseError) as caught,
    ):
        for number in range(5):
            client.events.ingest_event(event(f"openmeter-burst-{number}", now))
    assert caught.value.status_code == 429
    assert int(caught.value.response.headers["Retry-After"]) >= 1


# -- reading back ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def sent(client):
    """Usage of one customer on three hours of two days, of two models."""
    for number, (hour, tokens, model) in enumerate(
        [(9, 10, "small"), (9, 5, "large"), (10, 7, "small"), (33, 100, "large")]
    ):
        moment = datetime(2026, 9, 1, tzinfo=UTC) + timedelta(hours=hour)
        client.events.ingest_event(
            event(
                f"read-{number}",
                moment,
                subject="reader",
                data={"tokens": tokens, "model": {"name": model}},
            )
        )


SPAN = {
    "from_parameter": datetime(2026, 9, 1, tzinfo=UTC),
    "to": datetime(2026, 10, 1, tzinfo=UTC),
}


def answers(result):
    return [
        (row.window_start.strftime("%d %H"), row.value, dict(row.group_by))
        for row in result.data
    ]


def test_meters_are_listed(client):
    meters = {meter.slug: meter for meter in client.meters.list()}
    assert meters["tokens"].aggregation == "SUM"
    assert meters["tokens"].event_type == "request"
    assert meters["tokens"].value_property == "$.tokens"
    assert meters["tokens"].group_by == {"model.name": "$.model.name"}
    assert client.meters.get("requests").aggregation == "COUNT"
    with pytest.raises(ResourceNotFoundError):
        client.meters.get("nothing")


@pytest.mark.parametrize(
    ("size", "rows"),
    [
        (None, [("01 00", 122, {})]),
        ("HOUR", [("01 09", 15, {}), ("01 10", 7, {}), ("02 09", 100, {})]),
        ("DAY", [("01 00", 22, {}), ("02 00", 100, {})]),
        ("MONTH", [("01 00", 122, {})]),
    ],
)
def test_usage_is_answered_by_window(client, sent, size, rows):
    result = client.meters.query_json(
        "tokens", subject=["reader"], window_size=size, **SPAN
    )
    assert answers(result) == rows
    assert {row.subject for row in result.data} == {"reader"}
    assert result.window_size == size


def test_windows_are_of_the_zone_that_is_asked_for(client, sent):
    result = client.meters.query_json(
        "tokens",
        subject=["reader"],
        window_size="DAY",
        window_time_zone="Asia/Tokyo",
        **SPAN,
    )
    # 10:00 UTC is still the first of September in Tokyo, 33:00 the second
    assert answers(result) == [("31 15", 22, {}), ("01 15", 100, {})]
    assert [row.window_end.strftime("%d %H") for row in result.data] == [
        "01 15",
        "02 15",
    ]


def test_usage_is_kept_apart_by_group(client, sent):
    result = client.meters.query_json(
        "tokens", subject=["reader"], group_by=["model.name"], **SPAN
    )
    assert answers(result) == [
        ("01 00", 105, {"model.name": "large"}),
        ("01 00", 17, {"model.name": "small"}),
    ]


def test_usage_is_filtered_by_group_in_a_body(client, sent):
    body = {
        "from": "2026-09-01T00:00:00Z",
        "to": "2026-10-01T00:00:00Z",
        "subject": ["reader"],
        "filterGroupBy": {"model.name": ["small"]},
    }
    assert answers(client.meters.query("tokens", body)) == [("01 00", 17, {})]


def test_usage_of_all_subjects_is_added_up(client, sent):
    before = client.meters.query_json("requests", **SPAN)
    assert before.data[0].subject is None
    apart = client.meters.query_json("requests", group_by=["subject"], **SPAN)
    assert sum(row.value for row in apart.data) == before.data[0].value
    assert 4 in [row.value for row in apart.data if row.subject == "reader"]


def test_subjects_of_one_subscription_are_answered_alone(client):
    for number, (place, tokens) in enumerate([("lyon", 10), ("paris", 4), ("lyon", 1)]):
        client.events.ingest_event(
            event(
                f"shared-{number}",
                datetime(2026, 9, 3, number, tzinfo=UTC),
                subject=f"acme-{place}",
                data={"tokens": tokens, "model": {"name": "small"}},
            )
        )

    def ask(**asked):
        found = client.meters.query_json("tokens", **SPAN, **asked)
        return [(row.subject, row.value) for row in found.data]

    assert ask(subject=["acme-paris"]) == [("acme-paris", 4)]
    both = [("acme-lyon", 11), ("acme-paris", 4)]
    assert ask(subject=["acme-paris", "acme-lyon", "acme-paris"]) == both
    assert ask(subject=["nobody", "acme-lyon"]) == both[:1]
    days = ask(subject=["acme-lyon"], window_size="HOUR")
    assert days == [("acme-lyon", 10), ("acme-lyon", 1)]
    assert set(both) <= set(ask(group_by=["subject"]))


@pytest.mark.parametrize(
    "wrong",
    [
        {"window_size": "MINUTE"},
        {"window_time_zone": "Mars/Phobos"},
        {"filter_customer_id": ["1"]},
    ],
)
def test_a_question_that_cannot_be_answered_is_refused(client, wrong):
    with pytest.raises(HttpResponseError) as caught:
        client.meters.query_json("tokens", **wrong)
    assert caught.value.status_code == 400


def test_a_file_is_refused_and_not_answered_with_json(client):
    with pytest.raises(HttpResponseError) as caught:
        client.meters.query_csv("tokens", **SPAN)
    assert caught.value.status_code == 400
    assert "application/json is" in str(caught.value)


def test_events_are_listed_newest_first_with_what_is_wrong(client, now):
    client.events.ingest_event(event("list-1", now, subject="lister"))
    client.events.ingest_event(event("list-2", now + timedelta(minutes=30)))
    mine = client.events.list(subject="lister")
    assert [entry.event.id for entry in mine] == ["list-1"]
    assert mine[0].event.source == "gateway"
    assert mine[0].validation_error == "Unknown subject"
    newest = client.events.list(limit=2)
    assert newest[0].event.id == "list-2"
    assert newest[0].validation_error is None
    assert newest[0].event.data["model.name"] == "small"
    assert newest[0].event.time > newest[1].event.time
