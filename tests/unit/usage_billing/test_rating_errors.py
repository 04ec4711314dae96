# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Every refusal is a listed code with the listed facts."""

import ast
import re
from pathlib import Path

from rating import errors

PACKAGE = Path(errors.__file__).parent


def raised():
    """Yield (place, code, names of the facts) of each RatingError built."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and (
                getattr(node.func, "id", "") == "RatingError"
            ):
                code = node.args[0].value
                facts = {keyword.arg for keyword in node.keywords}
                yield f"{path.name}:{node.lineno}", code, facts


def test_every_raised_code_is_listed_with_its_facts():
    wrong = [
        (place, code, facts)
        for place, code, facts in raised()
        if facts != set(errors.CODES.get(code, ("not listed",)))
    ]
    assert not wrong


def test_no_listed_code_is_dead():
    assert {code for _place, code, _facts in raised()} == set(errors.CODES)


def sentences():
    """Code -> placeholders of its sentence, read from the add-on's source."""
    source = (PACKAGE.parent / "messages.py").read_text(encoding="utf-8")
    (table,) = (
        node.value
        for node in ast.parse(source).body
        if isinstance(node, ast.Assign) and node.targets[0].id == "ERRORS"
    )
    return {
        key.value: set(re.findall(r"%\((\w+)\)", value.args[0].value))
        for key, value in zip(table.keys, table.values, strict=True)
    }


def test_every_code_has_a_sentence_that_uses_only_its_facts():
    told = sentences()
    assert told.keys() == errors.CODES.keys()
    for code, facts in errors.CODES.items():
        assert told[code] <= set(facts), code
