# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Every refusal is a listed code with the listed facts."""

import ast
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
