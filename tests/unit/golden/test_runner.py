# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""The golden runner fails when it should: a wrong figure, an unknown word."""

import copy
import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

GOLDEN = Path(__file__).resolve().parents[2] / "golden"
CASES = GOLDEN / "cases"

sys.path.insert(0, str(GOLDEN))

import core_rating  # noqa: E402
import run  # noqa: E402
from harness import BadCase, Fields, Mismatch, Unsupported, compare  # noqa: E402

PRICE = {
    "id": "per_unit-900",
    "family": "per_unit",
    "kind": "price",
    "source": "worked out by hand: 10 x 1.5",
    "title": "ten units",
    "currency": "EUR",
    "period": {
        "start": "2026-03-01T00:00:00Z",
        "end": "2026-04-01T00:00:00Z",
        "timezone": "UTC",
    },
    "charges": [{"key": "c1", "model": "per_unit", "unit_price": "1.5"}],
    "usage": {"c1": "10"},
    "expected": {"amounts": [{"charge": "c1", "amount": "15.00"}], "total": "15.00"},
    "notes": "",
}


def write(folder, case, family="per_unit"):
    (folder / "rating").mkdir(exist_ok=True)
    content = {"schema": 1, "family": family, "cases": [case]}
    (folder / "rating" / f"{family}.json").write_text(json.dumps(content))
    return folder


def command(*arguments):
    """Run the runner as its own process, as a person does."""
    return subprocess.run(
        [sys.executable, str(GOLDEN / "run.py"), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


def edited(**changes):
    return copy.deepcopy(PRICE) | changes


def state(case, unsupported=()):
    (loaded,) = [run.Case(case["id"], "rating", case["family"], case)]
    return run.play_case(loaded, core_rating.play, unsupported)


def test_a_right_case_passes(tmp_path):
    done = command("--cases", write(tmp_path, PRICE))
    assert done.stdout.splitlines()[-1] == "1 passed, 0 failed, 0 skipped"
    assert done.returncode == 0


def test_a_mutated_case_fails_and_says_what_came_out(tmp_path):
    wrong = {"amounts": [{"charge": "c1", "amount": "15.01"}], "total": "15.01"}
    done = command("--cases", write(tmp_path, edited(expected=wrong)))
    assert done.returncode == 1
    assert "FAILED per_unit-900" in done.stdout
    assert "expected 15.01, got 15.0" in done.stdout
    assert done.stdout.splitlines()[-1] == "0 passed, 1 failed, 0 skipped"


def test_an_empty_folder_is_no_success(tmp_path):
    assert command("--cases", tmp_path).returncode == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "barter"},
        {"surprise": "1"},
        {"expected": {}},
        {"expected": {"total": "15.00", "moon_phase": "full"}},
        {"usage": {"c1": 10}},
        {"usage": {"c1": Decimal("10.0")}},
        {"usage": {"c1": "10", "c2": "1"}},
        {"usage": {}},
        {
            "charges": [
                {"key": "c1", "model": "per_unit", "unit_price": "1.5", "x": "1"}
            ]
        },
        {"charges": [{"key": "c1", "model": "barter", "unit_price": "1.5"}]},
        {
            "charges": [
                {"key": "c1", "model": "per_unit", "unit_price": "1.5", "meter": {}}
            ]
        },
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_what_the_readme_does_not_describe_fails(changes):
    assert state(edited(**changes)).state == "failed"


def test_only_listed_features_are_skipped():
    def play(data):
        raise Unsupported("teleport")

    case = run.Case("x-1", "rating", "x", PRICE)
    assert run.play_case(case, play, {"teleport": "why"}).state == "skipped"
    assert run.play_case(case, play, {}).state == "failed"


def test_a_crash_of_the_product_is_a_failure():
    def play(data):
        raise ZeroDivisionError("half of nothing")

    case = run.Case("x-1", "rating", "x", PRICE)
    outcome = run.play_case(case, play, {"teleport": "why"})
    assert (outcome.state, "half of nothing" in outcome.detail) == ("failed", True)


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        '{"schema": 2, "family": "x", "cases": []}',
        '{"schema": 1, "family": "x", "cases": [], "more": 1}',
        '{"schema": 1, "family": "x", "cases": [{"family": "x"}]}',
        '{"schema": 1, "family": "x", "cases": [{"id": "x-1", "family": "y"}]}',
        '{"schema": 1, "schema": 1, "family": "x", "cases": []}',
    ],
)
def test_a_file_that_cannot_be_read_fails(tmp_path, content):
    (tmp_path / "rating").mkdir()
    (tmp_path / "rating" / "x.json").write_text(content)
    done = command("--cases", tmp_path)
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == "0 passed, 1 failed, 0 skipped"


def test_an_id_used_twice_fails(tmp_path):
    write(tmp_path, PRICE)
    (tmp_path / "rating" / "again.json").write_text(
        (tmp_path / "rating" / "per_unit.json").read_text()
    )
    states = [run.play_case(c, core_rating.play, {}) for c in run.load_cases(tmp_path)]
    assert [outcome.state for outcome in states] == ["failed", "failed"]


def test_the_list_of_passing_cases_may_only_grow(tmp_path):
    listed = tmp_path / "passing.json"
    listed.write_text(json.dumps({"core": ["gone-001"], "odoo": ["o-1"]}))
    cases = write(tmp_path, PRICE)
    options = ("--cases", cases, "--passing", listed)
    grown = command(*options, "--update-passing")
    assert grown.returncode == 0
    assert json.loads(listed.read_text()) == {
        "core": ["gone-001", "per_unit-900"],
        "odoo": ["o-1"],
    }
    checked = command(*options, "--check-passing")
    assert checked.returncode == 1
    assert "NO LONGER PASSING gone-001" in checked.stdout
    one = command(*options, "--check-passing", "--id", "per_unit-900")
    assert one.returncode == 0


def leaves(value, path=()):
    """Yield (path, leaf) of nested lists and objects."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from leaves(inner, (*path, index))
    else:
        yield path, value


def replaced(value, path, leaf):
    changed = copy.deepcopy(value)
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = leaf
    return changed


def other(leaf):
    """A different leaf, off by one of its last digit where it is a number."""
    if isinstance(leaf, int):
        return leaf + 1
    try:
        exponent = Decimal(leaf).as_tuple().exponent
    except ArithmeticError:
        return leaf + "x"
    return str(Decimal(leaf) + Decimal(1).scaleb(exponent))


PASSING = set(json.loads((GOLDEN / "passing.json").read_text())["core"])
OURS = [c for c in run.load_cases(CASES) if c.area == "rating" and c.id in PASSING]


@pytest.mark.parametrize("case", OURS, ids=lambda case: case.id)
def test_every_expected_figure_is_really_compared(case):
    for path, leaf in leaves(case.data["expected"]):
        wrong = replaced(case.data, ("expected", *path), other(leaf))
        assert state(wrong).state == "failed", path


@pytest.mark.parametrize("case", OURS, ids=lambda case: case.id)
def test_no_figure_depends_on_the_name_of_the_case(case):
    renamed = case.data | {"id": "zz-1", "title": "", "source": "", "notes": ""}
    assert state(renamed).state == "passed"


def test_lines_of_one_label_are_compared_in_any_order():
    def line(amount, label=None):
        return {"charge": "c", "label": label, "amount": Decimal(amount), "exact": None}

    expected = [{"charge": "c", "amount": "1"}, {"charge": "c", "amount": "2"}]
    compare({"amounts": expected}, {"amounts": [line("2"), line("1")]})
    compare(
        {"amounts": [{"charge": "c", "amount": "3"}]},
        {"amounts": [line("5"), line("-2", "discount")]},
    )
    with pytest.raises(Mismatch):
        compare({"amounts": expected}, {"amounts": [line("1"), line("2"), line("3")]})
    labelled = [
        {"charge": "c", "amount": "5"},
        {"charge": "c", "amount": "-1", "label": "discount"},
    ]
    with pytest.raises(Mismatch):
        compare(
            {"amounts": labelled},
            {"amounts": [line("5"), line("-1", "discount"), line("1", "minimum")]},
        )


def test_strict_fields_notice_what_nobody_read():
    fields = Fields({"a": "1", "b": {"c": "2"}}, "case")
    fields.number("a")
    nested = fields.object("b")
    with pytest.raises(BadCase, match="unknown field c"):
        fields.done()
    nested.number("c")
    fields.done()


FILTERED = {
    **PRICE,
    "kind": "filtered",
    "charges": [
        {
            "key": "c1",
            "model": "per_unit",
            "unit_price": "1",
            "meter": {"aggregation": "sum", "property": "gb"},
            "filters": [
                {"match": {"region": "eu"}, "group_by": ["disk"], "unit_price": "10"}
            ],
        }
    ],
    "events": [
        {
            "id": str(index),
            "timestamp": "2026-03-05T00:00:00Z",
            "properties": {"gb": gb} | properties,
        }
        for index, (gb, properties) in enumerate(
            [
                ("1", {"region": "eu", "disk": "ssd"}),
                ("2", {"region": "eu"}),
                ("3", {"region": "eu", "disk": "ssd"}),
                ("4", {"region": "us"}),
            ]
        )
    ],
}
del FILTERED["usage"]


@pytest.mark.parametrize(
    ("amounts", "wanted"),
    [(("40.00", "20.00", "4.00"), "passed"), (("60.00", "4.00"), "failed")],
)
def test_an_event_goes_to_the_first_filter_that_fits_and_groups_apart(amounts, wanted):
    expected = {"amounts": [{"charge": "c1", "amount": a} for a in amounts]}
    assert state(FILTERED | {"expected": expected}).state == wanted


EVENT_PRICED = {
    **PRICE,
    "kind": "event_priced",
    "charges": [{"key": "c1", "model": "event_priced"}],
    "events": [
        {"id": str(i), "timestamp": f"2026-0{month}-05T00:00:00Z", "amount": amount}
        for i, (month, amount) in enumerate([(3, "0.004"), (3, "0.004"), (4, "9")])
    ],
}
del EVENT_PRICED["usage"]


@pytest.mark.parametrize(("amount", "wanted"), [("0.01", "passed"), ("0.00", "failed")])
def test_amounts_of_the_periods_events_are_rounded_once(amount, wanted):
    expected = {"amounts": [{"charge": "c1", "amount": amount, "exact": "0.008"}]}
    assert state(EVENT_PRICED | {"expected": expected}).state == wanted
