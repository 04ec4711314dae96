"""One order that many send at the same time, with one key, is carried out once."""

import threading
from decimal import Decimal

import requests

SENDERS = 8


def post(api, path, document, **headers):
    headers["Authorization"] = f"Bearer {api.key}"
    url = f"{api.url}/usage/v1/events{path}"
    return requests.post(url, json=document, headers=headers, timeout=60)


def event(value):
    return {
        "id": "parallel",
        "type": "compute.hours",
        "subject": "project-42",
        "time": "2026-09-15T12:00:00Z",
        "value": value,
    }


def send_at_once(api, order, key):
    """Answers to one order that eight threads send at the same moment."""
    answers = [None] * SENDERS
    start = threading.Barrier(SENDERS)

    def send(number):
        start.wait()
        answers[number] = post(api, "/amend", order, **{"Idempotency-Key": key})

    threads = [threading.Thread(target=send, args=(n,)) for n in range(SENDERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def count_corrections(api):
    return int(api.query("SELECT count(*) FROM usage_correction")[0][0])


def test_an_order_sent_by_many_at_once_is_carried_out_once(api):
    assert post(api, "", event("1")).status_code == 202
    for value in ("2", "3", "4"):
        before = count_corrections(api)
        order = {"events": [event(value)], "reason": "Read wrongly"}
        answers = send_at_once(api, order, f"order-{value}")
        assert [answer.status_code for answer in answers] == [200] * SENDERS
        first = [one for one in answers if "Idempotent-Replayed" not in one.headers]
        assert len(first) == 1
        for answer in answers:
            assert answer.json() == first[0].json()
        assert first[0].json()["results"][0]["status"] == "amended"
        assert count_corrections(api) == before + 1
    ((quantity,),) = api.query(
        "SELECT sum(value_sum) FROM usage_store_rollup WHERE bucket = '-infinity'"
    )
    assert Decimal(quantity) == 4


def test_what_does_nothing_is_told_alike_by_all(api):
    before = count_corrections(api)
    order = {"events": [event("4")], "reason": "Read again"}
    answers = send_at_once(api, order, "nothing")
    assert [answer.status_code for answer in answers] == [200] * SENDERS
    told = {answer.json()["results"][0]["status"] for answer in answers}
    assert told == {"unchanged"}
    assert count_corrections(api) == before
    assert int(api.query("SELECT count(*) FROM usage_order_receipt")[0][0]) == 4
