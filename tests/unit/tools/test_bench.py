"""What every benchmark prints, and what ``meets`` is judged on."""

import importlib.util
import json

import pytest

from tools.releve import bench

KEYS = ["bench", "figure", "unit", "floor", "ratio", "cpu_ratio", "goal", "minimum"]


def load(path):
    spec = importlib.util.spec_from_file_location(f"bench_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def run():
    return load(bench.RUNNER)


def result(run, **vals):
    return run.Result(
        **{"figure": 30.0, "unit": "ms", "goal": 1.0, "minimum": 1.25, **vals}
    )


def test_line_is_one_line_of_json_with_every_key(run):
    text = result(run, extra={"events": 7}).line("x", "small")
    facts = json.loads(text)
    assert "\n" not in text
    assert {*KEYS, "size", "meets", "parts", "events"} == facts.keys()


@pytest.mark.parametrize(
    ("vals", "meets"),
    [
        ({"ratio": 9.0, "cpu_ratio": 1.25, "higher_is_better": False}, True),
        ({"ratio": 0.5, "cpu_ratio": 1.26, "higher_is_better": False}, False),
        ({"ratio": 1.3}, True),
        ({"ratio": 1.2}, False),
        ({"minimum": 30.0}, True),
        ({"minimum": 30.1}, False),
        (
            {
                "minimum": 20.0,
                "ratio": 5.0,
                "higher_is_better": False,
                "judges_figure": True,
            },
            False,
        ),
    ],
)
def test_meets_is_judged_on_processor_time_where_there_is_one(run, vals, meets):
    assert json.loads(result(run, **vals).line("x", "small"))["meets"] is meets


def test_watch_counts_the_work_of_python_and_of_the_server(run, monkeypatch):
    seconds = iter([3.0, 5.5])
    monkeypatch.setattr(run, "backend_seconds", lambda pids: next(seconds))

    class Cursor:
        def execute(self, query):
            assert query == "select pg_backend_pid()"

        def fetchone(self):
            return (1,)

    with run.watch(Cursor()) as spent:
        pass
    assert 2.5 <= spent.cpu < 3.5
    assert spent.wall > 0


def test_the_benchmarks_of_the_suite_are_found():
    assert {"billing_run", "current_usage"} <= set(bench.names())


def test_helper_modules_are_no_benchmarks():
    assert "run" not in bench.names()
    assert "scene" not in bench.names()


def test_a_part_that_misses_its_bar_fails_the_line(run):
    good = run.Part(value=0.5, goal=0.6, minimum=0.4)
    bad = run.Part(value=0.5, goal=0.1, minimum=0.4, higher_is_better=False)
    fits = result(run, minimum=20.0, higher_is_better=True, parts={"a": good})
    fails = result(run, minimum=20.0, higher_is_better=True, parts={"a": bad})
    assert json.loads(fits.line("x", "small"))["meets"] is True
    facts = json.loads(fails.line("x", "small"))
    assert facts["meets"] is False
    assert facts["parts"]["a"]["meets"] is False
