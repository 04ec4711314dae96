# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Form bodies with names in brackets: ``payload[value]=25&cancel[identifier]=a``."""

import re
from urllib.parse import parse_qsl

from .values import BodyProblem

MAX_FIELDS = 1000
_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)").fullmatch
_PART = re.compile(r"\[([^\[\]]*)\]").findall


def load_form(body):
    """Parse a form body into nested dicts of texts.

    :param bytes body: as received
    :rtype: dict
    :raise BodyProblem: ``not_text``, ``wrong_shape``, ``repeated_name``

    >>> load_form(b"a=1&b[c]=2&b[d][e]=%C3%A9")
    {'a': '1', 'b': {'c': '2', 'd': {'e': 'é'}}}
    """
    try:
        pairs = parse_qsl(
            body.decode(),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MAX_FIELDS,
        )
    except UnicodeDecodeError as error:
        raise BodyProblem("not_text") from error
    except ValueError as error:
        raise BodyProblem(
            "wrong_shape", f"a form of at most {MAX_FIELDS} fields"
        ) from error
    found = {}
    for key, value in pairs:
        match = _NAME(key)
        if not match:
            raise BodyProblem("wrong_shape", "a form with names such as payload[value]")
        _put(found, [match.group(1), *_PART(match.group(2))], value)
    return found


def _put(found, path, value):
    *outer, last = path
    for part in outer:
        found = found.setdefault(part, {})
        if not isinstance(found, dict):
            raise BodyProblem("repeated_name", part)
    if last in found:
        raise BodyProblem("repeated_name", last)
    found[last] = value
