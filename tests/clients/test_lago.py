"""``lago-python-client``, unchanged, with the server as its Lago."""

from decimal import Decimal

import httpx
import pytest
from lago_python_client import Client
from lago_python_client.exceptions import LagoApiError
from lago_python_client.models import BatchEvent, Event
from lago_python_client.services.rate_limit import parse_rate_limit_info


@pytest.fixture(scope="module")
def client(platform):
    return Client(api_key=platform.tokens["lago"], api_url=platform.url)


def event(transaction_id, now, **changes):
    found = {
        "transaction_id": transaction_id,
        "external_subscription_id": "sub_1",
        "code": "storage",
        "timestamp": int(now.timestamp()),
        "properties": {"gb": 10.5, "region": "fr", "host": "a1"},
    }
    return Event(**(found | changes))


def refused(call, *arguments):
    with pytest.raises(LagoApiError) as caught:
        call(*arguments)
    return caught.value


def test_an_event_is_stored_matched_and_added_up(platform, client, now):
    before = platform.quantity("sub_1", "storage")
    answer = client.events.create(event("create-1", now))
    assert answer.transaction_id == "create-1"
    assert answer.code == "storage"
    assert answer.external_subscription_id == "sub_1"
    assert answer.timestamp == now.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    assert answer.lago_id
    assert platform.events("lago")["create-1"] == (
        *("storage", "sub_1", ""),
        *({"region": "fr"}, {"gb": "10.5", "host": "a1"}),
    )
    assert platform.quantity("sub_1", "storage") - before == Decimal("10.5")


def test_the_same_event_again_adds_nothing(platform, client, now):
    client.events.create(event("again-1", now))
    before = platform.quantity("sub_1", "storage")
    assert client.events.create(event("again-1", now)).transaction_id == "again-1"
    assert platform.quantity("sub_1", "storage") == before


def test_an_event_without_a_time_sent_again_adds_nothing(platform, client, now):
    first = client.events.create(event("timeless-1", now, timestamp=None))
    again = client.events.create(event("timeless-1", now, timestamp=None))
    assert again.timestamp == first.timestamp
    assert ("timeless-1", "conflict") not in platform.held("lago")


def test_another_event_with_the_same_id_is_refused_and_kept_for_a_decision(
    platform, client, now
):
    client.events.create(event("conflict-1", now))
    before = platform.quantity("sub_1", "storage")
    error = refused(
        client.events.create, event("conflict-1", now, properties={"gb": 99})
    )
    assert error.status_code == 422
    assert error.response["code"] == "validation_errors"
    assert error.response["error_details"] == {
        "transaction_id": ["value_already_exist"]
    }
    assert platform.quantity("sub_1", "storage") == before
    assert ("conflict-1", "conflict") in platform.held("lago")


def test_a_batch_is_stored(platform, client, now):
    before = platform.quantity("sub_2", "storage")
    events = [
        event(f"batch-{number}", now, external_subscription_id="sub_2")
        for number in range(100)
    ]
    assert client.events.batch_create(BatchEvent(events=events)) is None
    assert platform.quantity("sub_2", "storage") - before == 1050
    client.events.batch_create(BatchEvent(events=events))
    assert platform.quantity("sub_2", "storage") - before == 1050


def test_one_event_that_cannot_be_read_refuses_the_batch(platform, client, now):
    events = [event("half-1", now), event("half-2", now, timestamp="soon")]
    error = refused(client.events.batch_create, BatchEvent(events=events))
    assert error.status_code == 422
    assert error.response["error_details"] == {"1": {"timestamp": ["invalid_format"]}}
    assert not {"half-1", "half-2"} & platform.events("lago").keys()


def test_a_conflict_in_a_batch_is_told_by_index_and_the_others_are_stored(
    platform, client, now
):
    client.events.create(event("mixed-1", now))
    events = [
        event("mixed-0", now),
        event("mixed-1", now, properties={"gb": 1}),
        event("mixed-2", now),
    ]
    error = refused(client.events.batch_create, BatchEvent(events=events))
    assert error.response["error_details"] == {
        "1": {"transaction_id": ["value_already_exist"]}
    }
    stored = platform.events("lago")
    assert {"mixed-0", "mixed-2"} <= stored.keys()
    assert stored["mixed-1"][4]["gb"] == "10.5"


@pytest.mark.parametrize(
    ("count", "code"), [(0, "no_events"), (101, "too_many_events")]
)
def test_a_batch_holds_1_to_100_events(client, now, count, code):
    events = [event(f"many-{number}", now) for number in range(count)]
    error = refused(client.events.batch_create, BatchEvent(events=events))
    assert error.status_code == 422
    assert error.response["error_details"] == {"events": [code]}


def test_a_missing_field_is_named(client, now):
    error = refused(client.events.create, event("", now))
    assert error.response["error_details"] == {"transaction_id": ["value_is_mandatory"]}


def test_an_unknown_subscription_is_accepted_and_waits(platform, client, now):
    client.events.create(event("stranger-1", now, external_subscription_id="nobody"))
    assert ("stranger-1", "unknown_subject") in platform.held("lago")


def test_a_stored_event_is_found(client, now):
    sent = client.events.create(event("find-1", now))
    found = client.events.find("find-1")
    assert (found.lago_id, found.timestamp) == (sent.lago_id, sent.timestamp)
    assert found.properties == {"gb": "10.5", "host": "a1", "region": "fr"}


def test_an_event_that_waits_is_found(client, now):
    client.events.create(event("wait-1", now, external_subscription_id="nobody"))
    assert client.events.find("wait-1").external_subscription_id == "nobody"


def test_an_event_that_never_came_is_not_found(client):
    error = refused(client.events.find, "never")
    assert error.status_code == 404
    assert error.response["code"] == "event_not_found"


def test_a_key_that_may_only_send_finds_nothing(platform, client, now):
    client.events.create(event("secret-1", now))
    sender = Client(api_key=platform.tokens["sender"], api_url=platform.url)
    assert refused(sender.events.find, "secret-1").status_code == 403


def test_an_amount_in_cents_keeps_its_digits(platform, client, now):
    answer = client.events.create(
        event("cost-1", now, code="costs", precise_total_amount_cents="1234.5678901")
    )
    assert answer.precise_total_amount_cents == "1234.5678901"
    ((amount, currency),) = platform.query(
        "SELECT amount, currency FROM usage_store_event WHERE event_id = 'cost-1'"
    )
    assert (amount, currency) == ("12.345678901", "EUR")


@pytest.mark.parametrize(
    ("key", "status"),
    [("expired", 401), ("revoked", 401), ("reader", 403), (None, 401)],
)
def test_a_key_that_may_not_send_is_refused(platform, now, key, status):
    token = platform.tokens.get(key, "rlv_unknown")
    client = Client(api_key=token, api_url=platform.url)
    error = refused(client.events.create, event("key-1", now))
    assert error.status_code == error.response["status"] == status
    assert "key-1" not in platform.events("lago")


def test_beyond_the_rate_limit_the_client_waits_and_succeeds(platform, now):
    client = Client(api_key=platform.tokens["slow"], api_url=platform.url)
    for number in range(3):
        client.events.create(event(f"slow-{number}", now))
    assert {"slow-0", "slow-1", "slow-2"} <= platform.events("lago").keys()


def test_beyond_the_rate_limit_the_answer_tells_the_client_what_it_reads(platform):
    headers = {"Authorization": f"Bearer {platform.tokens['slow']}"}
    answers = [
        httpx.post(f"{platform.url}/api/v1/events", headers=headers, json={})
        for _number in range(3)
    ]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert refused[0].json()["code"] == "too_many_requests"
    told = parse_rate_limit_info(refused[0], "POST", "")
    assert (told.remaining, told.reset) == (0, 1)
