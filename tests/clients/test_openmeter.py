"""``openmeter``, unchanged, with the server as its OpenMeter."""

import pytest
from corehttp.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
)
from openmeter import Client
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
