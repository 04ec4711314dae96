"""A failing stage or lane fails the run; a passing one does not hide it."""

import json

import pytest

from tools.releve import testing
from tools.releve.ui import Failure


@pytest.fixture
def stages(monkeypatch):
    def fails(_odoo, _report):
        raise Failure("broken")

    def passes(_odoo, report):
        report.closing.append("3 passed in 1 s")

    found = {
        "good": ("Good", passes),
        "bad": ("Bad", fails),
        "ill": ("Ill", lambda _odoo, _report: "status 2"),
    }
    monkeypatch.setattr(testing, "STAGES", found)


@pytest.mark.parametrize(
    ("names", "status"),
    [(["good"], 0), (["bad", "good"], 1), (["good", "ill"], 1)],
)
def test_any_failing_stage_fails_the_run(stages, names, status, capsys):
    report = testing.Report()
    report.run(None, names)
    assert report.end() == status
    lines = capsys.readouterr().out.splitlines()
    assert ("3 passed in 1 s" == lines[-1]) == ("good" in names)


def test_lane_brings_its_outcome_and_closing_lines(stages, tmp_path, capsys):
    result = tmp_path / "result.json"
    testing.run_stages(None, ["good", "bad"], result)
    report = testing.Report()
    report.run(None, ["good"])
    report.take(result)
    assert report.end() == 1
    assert "FAILED  Bad" in capsys.readouterr().out
    assert json.loads(result.read_text())[1] == ["3 passed in 1 s"]


def test_lane_without_outcome_has_failed(stages, tmp_path):
    report = testing.Report()
    report.run(None, ["good"])
    report.take(tmp_path / "none.json")
    assert report.end() == 1


def test_every_folder_of_tests_belongs_to_a_stage():
    known = {"unit", "lifecycle", "api", "clients", "faults", "golden"}
    known |= {name.partition("/")[2] for name in testing.ODOO_TESTS}
    folders = {
        path.name
        for path in (testing.paths.ROOT / "tests").iterdir()
        if path.is_dir() and any(path.rglob("test_*.py"))
    }
    assert folders <= known
