# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""What was said of a row is found again, with its facts."""

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.phrasebook import Phrasebook
from api.words import Sentence, say

ADDON = Path(__file__).resolve().parents[3] / "addons/usage_billing"


def literals(path):
    """Sentences that a file marks for translation."""
    return {
        node.args[0].value
        for node in ast.walk(ast.parse((ADDON / path).read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "_lt"
    }


KNOWN = literals("row_words.py")
BOOK = Phrasebook(KNOWN)


def test_every_sentence_about_a_row_is_known():
    said = literals("api/jsontext.py") | {
        text
        for name in ("events", "members")
        for text in literals(f"api/{name}.py")
        if not text[0].isupper()
    }
    # sentences about the whole request end with a full stop
    assert {text for text in said if not text.endswith(".")} <= KNOWN


@pytest.mark.parametrize(
    "text, source, facts",
    [
        ("is missing", "is missing", {}),
        (
            "abc is not a decimal number",
            "%(text)s is not a decimal number",
            {"text": "abc"},
        ),
        (
            "value: abc is not a decimal number",
            "%(field)s: %(sentence)s",
            {"field": "value", "sentence": "abc is not a decimal number"},
        ),
        (
            "time: “hier”: not a date and time as in RFC 3339",
            "%(field)s: %(sentence)s",
            {
                "field": "time",
                "sentence": "“hier”: not a date and time as in RFC 3339",
            },
        ),
        (
            "line 2, column 93: NaN and Infinity are no numbers in JSON",
            "line %(line)s, column %(column)s: %(what)s",
            {
                "line": "2",
                "column": "93",
                "what": "NaN and Infinity are no numbers in JSON",
            },
        ),
        ("dimensions: ", None, {}),
        ("time: somebody else's words", None, {}),
        ("is missing " * 200, None, {}),
        ("", None, {}),
    ],
)
def test_a_sentence_is_found_with_its_facts(text, source, facts):
    found = BOOK.find(text)
    if source is None:
        assert found is None
        return
    assert (found, found.source, found.facts) == (text, source, facts)


@given(
    st.sampled_from(["is missing", "is longer than %(most)s characters"]),
    st.text(max_size=60),
    st.integers(0, 99_999),
)
def test_what_is_said_in_another_language_has_the_same_facts(source, name, most):
    inner = Sentence(source, most=most) if "%" in source else Sentence(source)
    text = Sentence("%(field)s: %(sentence)s", field=name, sentence=inner)

    found = BOOK.find(str(text))

    assert found == text
    upper = say(found, lambda source, facts: _loud(source) % facts)
    assert upper == f"{name}: {_loud(source) % {'most': most}}"


def _loud(source):
    """A language that is easily learnt: words in capitals, facts as they are."""
    return source.replace("is ", "IS ").replace("missing", "MISSING")


@given(st.text(max_size=300))
def test_any_text_is_looked_at(text):
    found = BOOK.find(text)
    assert found is None or str(found) == text


def test_texts_made_to_take_long_take_no_time():
    assert BOOK.find(": " * 499) is None
    assert BOOK.find("“" + "”: " * 300) is None
