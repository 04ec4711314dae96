"""Orders to correct: what is read, what is refused, in which words."""

from datetime import datetime

import pytest

from api import orders
from api.problem import ApiProblem
from api.words import Sentence, say

GOOD = {
    "from": "2026-09-01T00:00:00+02:00",
    "to": "2026-10-01T00:00:00Z",
    "events": [],
    "reason": "Probe was down",
}


def test_a_backfill_is_read_in_utc_with_its_defaults():
    order = orders.read_backfill(GOOD)
    assert order.start == datetime(2026, 8, 31, 22)
    assert order.end == datetime(2026, 10, 1)
    assert (order.mode, order.is_dry) == ("replace", False)
    assert (order.subscriptions, order.meters) == ([], [])


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"from": None}, "missing_field", "from"),
        ({"from": [1]}, "invalid_time", "from"),
        ({"from": "2026-09-01T00:00:00.1Z"}, "invalid_time", "from"),
        ({"to": "2026-08-31T22:00:00Z"}, "invalid_value", "to"),
        ({"events": {}}, "wrong_shape", "events"),
        ({"events": [{}] * 10_001}, "wrong_shape", "events"),
        ({"mode": "erase"}, "invalid_value", "mode"),
        ({"mode": []}, "invalid_value", "mode"),
        ({"dry_run": 1}, "invalid_value", "dry_run"),
        ({"meters": [1]}, "invalid_value", "meters"),
        ({"subscriptions": ["a\x00"]}, "invalid_value", "subscriptions"),
        ({"reason": "\ud800"}, "missing_reason", "reason"),
        ({"reason": "x" * 501}, "missing_reason", "reason"),
        ({"until": "x"}, "wrong_shape", "until"),
    ],
)
def test_what_is_wrong_is_named(changes, code, field):
    with pytest.raises(ApiProblem) as caught:
        orders.read_backfill({**GOOD, **changes})
    assert (caught.value.status, caught.value.code) == (422, code)
    assert caught.value.field == field


@pytest.mark.parametrize("document", [None, [], "x", {}, {"events": []}])
def test_what_is_no_order_is_refused(document):
    with pytest.raises(ApiProblem):
        orders.read_order(document)


def test_a_sentence_is_said_in_another_language_with_its_facts():
    words = {"is missing": "manque", "%(field)s: %(said)s.": "%(field)s : %(said)s."}
    text = Sentence("%(field)s: %(said)s.", field="100 %", said=Sentence("is missing"))
    assert text == "100 %: is missing."
    assert say(text, lambda s, facts: words[s] % facts) == "100 % : manque."
    assert say("as it is", None) == "as it is"


def test_a_problem_has_its_texts_in_the_language_of_the_reader():
    problem = orders.unknown("meters", 3, "50%s")
    assert problem.body()["detail"] == "There is none with the code “50%s”."
    assert problem.body(lambda text: text.upper())["title"] == (
        "THE ORDER HAS ANOTHER SHAPE"
    )
