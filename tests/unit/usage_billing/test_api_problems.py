"""Whatever the API refuses, it says what the sender can do about it."""

import ast
from pathlib import Path
from types import SimpleNamespace

import pytest

from api import outcomes, problem

ADD_ON = Path(problem.__file__).parents[1]
FILES = sorted((*ADD_ON.glob("api/*.py"), *ADD_ON.glob("controllers/*.py")))
ROW = SimpleNamespace(event_id="e", dimensions={"zone": "a"})


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_problem_says_what_to_do(file):
    for node in ast.walk(ast.parse(file.read_text())):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        if name == "ApiProblem":
            named = {keyword.arg for keyword in node.keywords}
            assert len(node.args) >= 6 or "action" in named, node.lineno


def literal_keys(file, name):
    """Keys of the dictionary that a file assigns to a name."""
    [found] = (
        node.value
        for node in ast.parse((ADD_ON / file).read_text()).body
        if isinstance(node, ast.Assign) and node.targets[0].id == name
    )
    return {key.value for key in found.keys}


def test_the_documentation_has_every_code():
    """The type of a problem is a place on the page of the documentation."""
    known = literal_keys("controllers/api_problems.py", "PROBLEMS")
    known |= literal_keys("controllers/api_reasons.py", "REASONS")
    used = set()
    for file in (*FILES, *sorted(ADD_ON.glob("models/*.py"))):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                place = {"ApiProblem": 1, "_refused": 0, "unauthorized": 1}.get(name)
                if place is not None and len(node.args) > place:
                    used.add(getattr(node.args[place], "value", None))
    assert {code for code in used if isinstance(code, str)} - known == set()


@pytest.mark.parametrize(
    "found",
    [
        problem.not_found("There is none."),
        problem.invalid_parameter("limit", "Too many."),
        problem.unauthorized("No key."),
        problem.forbidden("read"),
        problem.too_many_requests(1),
        problem.unavailable(),
        problem.unsupported_type("text/plain", ["application/json"]),
    ],
    ids=lambda found: found.code,
)
def test_common_problems_say_what_to_do(found):
    assert found.body()["action"]


@pytest.mark.parametrize(
    ("code", "detail", "own", "cloud"),
    [
        ("unknown_subject", "", "subject", "subject"),
        ("missing_field", "value", "value", "data.value"),
        ("missing_field", "user", "properties.user", "data.user"),
        ("missing_field", "zone", "dimensions.zone", "data.zone"),
        ("invalid_value", "zone: x is not a decimal number", "dimensions.zone",
         "data.zone"),
        ("invalid_value", "something", "", ""),
        ("unreadable", "an event is a JSON object", "", ""),
    ],
)  # fmt: skip
def test_the_member_that_an_event_is_held_for(code, detail, own, cloud):
    assert outcomes.field_of(ROW, code, detail) == own
    assert outcomes.field_of(ROW, code, detail, is_cloud=True) == cloud
