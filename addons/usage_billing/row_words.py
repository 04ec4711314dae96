"""What is wrong with a row that waits, in the language of who reads it.

It is kept in English, as it was said when the row came: by the readers of requests, by
files, by the store in a few signs. Here the sentence is found again and said anew. What
nobody here ever said, as in rows of an older version, is shown as it is.
"""

import re
from datetime import timedelta
from functools import partial

from babel.dates import format_timedelta

from odoo.tools import babel_locale_parse
from odoo.tools.translate import LazyGettext, LazyTranslate, get_translation

from .api import words
from .api.phrasebook import Phrasebook

_lt = LazyTranslate(__name__)
_GAP = re.compile(r"(-?\d+) s").fullmatch
_STRANGE = re.compile(r"(\S+): (\\u[0-9a-f]{4})").fullmatch

#: said of a row by the readers of requests (a test compares), then by the store
SENTENCES = (
    _lt("%(field)s: %(sentence)s"),
    _lt("“%(text)s”: %(said)s"),
    _lt("line %(line)s, column %(column)s: %(what)s"),
    _lt("%(text)s is not a decimal number"),
    _lt("%(text)s is not a number"),
    _lt("JSON has no comments"),
    _lt("NaN and Infinity are no numbers in JSON"),
    _lt("a colon is missing after the name"),
    _lt("a comma is missing"),
    _lt("a control character must be escaped, as \\n"),
    _lt("an event is a JSON object"),
    _lt("half a character stands here (\\ud800 to \\udfff)"),
    _lt("has a NUL character (\\u0000), which cannot be stored: leave it out"),
    _lt("has a name that is too long"),
    _lt("has more than %(most)s digits on one side"),
    _lt("has more than %(most)s members"),
    _lt("is empty"),
    _lt("is longer than %(most)s characters"),
    _lt("is missing"),
    _lt("is not a number"),
    _lt("it cannot be read"),
    _lt("it ends too early"),
    _lt("it is nested too deeply"),
    _lt("it is not UTF-8"),
    _lt("it is too large to be read"),
    _lt("must be a JSON object"),
    _lt("must be a code such as EUR (ISO 4217)"),
    _lt("must be a text"),
    _lt("must be a text as in RFC 3339"),  # of earlier versions
    _lt("must be a text as in RFC 3339, such as 2026-09-15T12:00:00Z"),
    _lt("must be “1.0”"),
    _lt("names stand between double quotes"),
    _lt("no JSON value begins like this"),
    _lt("not a date and time as in RFC 3339"),  # of earlier versions
    _lt(
        "not a date and time as in RFC 3339, such as 2026-09-15T12:00:00Z or "
        "2026-09-15T14:00:00+02:00"
    ),
    _lt("send JSON in “data”"),
    _lt("something follows the end of the document"),
    _lt("stands twice in one object, and only one can count: send it once"),
    _lt("texts stand between double quotes"),
    _lt("the number is too long: write it as a text"),  # of earlier versions
    _lt("the zone is missing: end with Z or an offset as +02:00"),
    _lt("there is a comma too many"),
    _lt("there is no such day or hour"),
    _lt("there is no such member"),  # of rows that came before the next one
    _lt("there is no such member; anything else goes into “properties”"),
    _lt("this is no escape sequence of JSON"),
    _lt("this is not UTF-8"),
    _lt("this is not how JSON writes a number"),
    _lt("two zones"),  # of earlier versions
    _lt("write true, false or null"),
    # of the store
    _lt("%(text)s is not a finite number"),
    _lt("NUL character"),
    _lt("NUL character in the event id"),
    _lt("more than %(most)s digits before or after the decimal point"),
    _lt("more than %(most)s digits before or %(decimals)s after the point"),
    _lt("more than %(most)s digits beside the decimal point"),
)

#: members of an event, as people call them
MEMBERS = {
    "id": _lt("id"),
    "event_id": _lt("id"),
    "type": _lt("type"),
    "subject": _lt("subject"),
    "time": _lt("time"),
    "value": _lt("value"),
    "amount": _lt("amount"),
    "currency": _lt("currency"),
    "quantity": _lt("quantity"),
    "unit": _lt("unit"),
}

_NO_UUID7 = _lt("the id is no UUID of version 7")
_NO_ULID = _lt("the id is no ULID")
_EARLIER = _lt("the id carries a time %(gap)s earlier than that of the event")
_LATER = _lt("the id carries a time %(gap)s later than that of the event")
_CURRENCIES = _lt("the amount is in %(event)s, the subscription in %(subscription)s")
_CHARACTER = _lt("%(field)s: the character %(character)s cannot be stored")


class RowWords:
    """Says again what was said of rows.

    :param list[LazyGettext] sentences: all that rows are held with
    """

    def __init__(self, sentences):
        self._modules = {text._source: text._module for text in sentences}
        self._book = Phrasebook(self._modules)

    def say(self, code, detail, lang):
        """What is wrong with a row.

        :param str code: reason of the row
        :param str detail: as it is kept
        :param str lang: such as "fr_FR"
        """
        if not detail:
            return ""
        if (short := _in_short(code, detail, lang)) is not None:
            return short
        sentence = self._book.find(detail)
        if sentence is None:
            return detail
        return words.say(sentence, partial(self._translate, lang))

    def _translate(self, lang, source, facts):
        return get_translation(self._modules[source], lang, source, facts)


def in_language(lang, text):
    """A sentence in a language: lazy, of the core, or a text as it is.

    :param str lang: such as "fr_FR"
    """
    if isinstance(text, LazyGettext):
        return text._translate(lang)
    return words.say(text, partial(get_translation, "usage_billing", lang))


def name_of(member, lang):
    """A member of an event as people call it, with the name that its source writes.

    >>> name_of("value", "en_US")
    'value'
    """
    text = MEMBERS.get(member)
    name = text._translate(lang) if text is not None else member
    return name if name == member else f"{name} ({member})"


def _in_short(code, detail, lang):
    """Words for what the store notes in a few signs, None for anything else."""
    text, facts = None, {}
    if code == "missing_field":
        return ", ".join(name_of(name, lang) for name in detail.split(", "))
    if code == "id_time":
        if gap := _GAP(detail):
            seconds = int(gap[1])
            text = _LATER if seconds > 0 else _EARLIER
            facts["gap"] = _say_gap(abs(seconds), lang)
        else:
            text = {"UUID v7": _NO_UUID7, "ULID": _NO_ULID}.get(detail)
    elif code == "currency" and detail.count(", ") == 1:
        text = _CURRENCIES
        facts["event"], facts["subscription"] = detail.split(", ")
    elif strange := _STRANGE(detail):
        text = _CHARACTER
        facts["field"], facts["character"] = strange.groups()
    if text is None:
        return None
    return text._translate(lang) % facts


def _say_gap(seconds, lang):
    """A span of time in its largest unit: "3 days", « 3 jours »."""
    try:
        span = timedelta(seconds=seconds)
    except OverflowError:
        span = timedelta.max
    return format_timedelta(span, threshold=1, locale=babel_locale_parse(lang))
