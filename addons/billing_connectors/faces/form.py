# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Form bodies with names in brackets: ``payload[value]=25&cancel[identifier]=a``."""

import re

from .values import BodyProblem

_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)").fullmatch
_PART = re.compile(r"\[([^\[\]]*)\]").findall


def nest(pairs):
    """Nested dicts of the fields of a form.

    :param pairs: iterable of (name, text)
    :rtype: dict
    :raise BodyProblem: ``wrong_shape``, ``repeated_name``

    >>> nest([("a", "1"), ("b[c]", "2"), ("b[d][e]", "é")])
    {'a': '1', 'b': {'c': '2', 'd': {'e': 'é'}}}
    """
    found = {}
    for key, value in pairs:
        match = len(key) < 1000 and _NAME(key)
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
