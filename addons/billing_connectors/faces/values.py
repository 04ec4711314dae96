# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Values handed out by the faces."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import NamedTuple

_EMPTY: Mapping[str, str] = MappingProxyType({})


class FaceEvent(NamedTuple):
    """One usage event as a client of another system describes it.

    event_id: identity within the source
    type: what was measured (code, type, event name)
    subject: who used it (external subscription, subject, customer)
    time: naive UTC; None when the client leaves it to the server
    value: the number sent under the name that the system gives its value
    amount: what the event costs, in units of the company's currency
    data: everything else that was sent, as texts (numbers written in full)
    position: place in the request, from 0
    """

    event_id: str
    type: str
    subject: str
    time: datetime | None = None
    value: Decimal | None = None
    amount: Decimal | None = None
    data: Mapping[str, str] = _EMPTY
    position: int = 0


class FieldProblem(Exception):
    """One field that cannot be used.

    field: its name in the client's vocabulary
    code: one of ``CODES``
    value: the offending text, cut to 200 characters
    """

    def __init__(self, field, code, value=""):
        super().__init__(field, code)
        self.field = field
        self.code = code
        self.value = value if len(value) <= 200 else value[:199] + "…"


class BodyProblem(Exception):
    """The whole body cannot be used: a code of ``CODES``, and a fact about it."""

    def __init__(self, code, value=""):
        super().__init__(code)
        self.code = code
        self.value = value[:200]


class EventProblems(Exception):
    """Events of a request that cannot be used; nothing of it is handed out.

    :param dict problems: position -> list[FieldProblem]
    """

    def __init__(self, problems):
        super().__init__(f"{len(problems)} events")
        self.problems = problems

    @property
    def first(self):
        """(position, problem) of the first one."""
        position = min(self.problems)
        return position, self.problems[position][0]


#: code -> sentence; {field} and {value} are filled in. English, as in the clients.
CODES = {
    "not_json": "The body is not valid JSON ({value}).",
    "repeated_name": "The name {value} stands twice in one object.",
    "too_deep": "The body is nested too deep.",
    "not_text": "The body is not UTF-8 text.",
    "damaged": "The body is cut or damaged ({value}).",
    "too_large": "The body holds more than {value} bytes.",
    "unknown_encoding": "The content encoding {value} is not known; send gzip.",
    "wrong_shape": "The body must be {value}.",
    "no_events": "The request holds no event.",
    "too_many_events": "At most {value} events fit in one request.",
    "missing": "{field} is required.",
    "unknown": "{field} is not known here; known are {value}.",
    "wrong_type": "{field} must be {value}.",
    "bad_text": "{field} holds a character that is no text (NUL or half a pair).",
    "too_long": "{field} is longer than {value} characters.",
    "too_many_names": "{field} holds more than {value} names.",
    "bad_number": "{field} is not a finite decimal number: “{value}”.",
    "out_of_range": "{field} has more than 38 digits before or after the decimal sign.",
    "bad_time": "{field} is not a time that can be billed.",
    "not_supported": "{field} is not supported: {value}.",
}


def sentence(problem):
    """English sentence of a FieldProblem or BodyProblem."""
    return CODES[problem.code].format(
        field=getattr(problem, "field", ""), value=problem.value
    )
