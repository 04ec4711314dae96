"""``make test``: every check of the project in order, and the closing lines."""

import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from . import catalogues, databases, debian, environment, lint, paths
from .odoo import suite_addons
from .ui import Failure, say

# folders beside the add-ons whose tests run inside Odoo
ODOO_TESTS = ["tests/flows", "tests/lint"]
#: add-on whose tests are about as many as all the others'
INVOICING = "fr_invoicing"
GOLDEN = paths.ROOT / "tests" / "golden"


class Report:
    """Outcome of each stage; a failing stage does not keep later ones from running."""

    def __init__(self):
        self.rows = []
        self.closing = []

    def run(self, odoo, names):
        """Run the named stages one after the other."""
        for name in names:
            title, function = STAGES[name]
            say(f"\n==> {title}")
            started = time.monotonic()
            try:
                problem = function(odoo, self)
            except Failure as failure:
                problem = str(failure)
            seconds = time.monotonic() - started
            self.rows.append((title, problem, seconds))
            say(f"    {title}: {problem or 'passed'} ({seconds:.0f} s)")

    def take(self, result):
        """Add the outcome of a lane; a lane that left none has failed."""
        if not result.exists():
            self.rows.append(("Second lane", "it ended early", 0.0))
            return
        rows, closing = json.loads(result.read_text())
        self.rows += rows
        self.closing = closing + self.closing

    def end(self):
        """Print the table and pytest's own last lines.

        :return: 0 when every stage passed, else 1
        """
        say("")
        for title, problem, seconds in self.rows:
            say(f"{'FAILED' if problem else 'passed'}  {title} ({seconds:.0f} s)")
        for line in self.closing:
            say(line)
        return int(any(problem for _title, problem, _seconds in self.rows))


def pytest_command(odoo, *arguments):
    return [str(part) for part in (odoo.python, "-m", "pytest", *arguments)]


def odoo_pytest(odoo, database, targets, *arguments):
    """Command that runs Odoo tests of files and folders on an existing database."""
    return pytest_command(
        odoo,
        f"--odoo-config={odoo.configuration(database)}",
        f"--odoo-database={database}",
        "--odoo-http",
        *targets,
        *arguments,
    )


def run_all(odoo):
    """Run everything, in two lanes of about the same length side by side.

    :param Odoo odoo: on the test cluster
    :return: exit status
    """
    missing = debian.install(debian.TEST_PACKAGES)
    if missing:
        raise Failure(
            f"Browser tests need {', '.join(missing)}; ask an administrator to install "
            "them. A test run without them would prove too little."
        )
    environment.lint()
    databases.sweep(odoo)
    databases.suite_template(odoo)
    report = Report()
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        lane = _start_lane(result)
        report.run(odoo, FIRST_LANE)
        lane.join()
        report.take(result)
    return report.end()


def run_stages(odoo, names, result):
    """Run some stages and leave their outcome in a file: one lane of a test run.

    :param list names: keys of STAGES
    :param Path result: file to write
    """
    report = Report()
    report.run(odoo, names)
    result.write_text(json.dumps([report.rows, report.closing]))


def _start_lane(result):
    """Start the second lane; its lines are shown as they come, marked with a bar.

    :return: thread that ends with the lane
    """
    names = ",".join(name for name in STAGES if name not in FIRST_LANE)
    command = [sys.executable, "-m", "tools.releve", "test-lane", names, str(result)]
    process = subprocess.Popen(
        command,
        cwd=paths.ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )

    def show():
        for line in process.stdout:
            say(f"| {line.rstrip()}")
        process.wait()

    thread = threading.Thread(target=show)
    thread.start()
    return thread


def _lint(_odoo, _report):
    lint.run_all()


def _odoo_rules(odoo, _report):
    return lint.odoo_rules(odoo)


def _unit_tests(odoo, report):
    return _plain_pytest(odoo, report, "tests/unit")


def _lifecycle(odoo, report):
    return _plain_pytest(odoo, report, "tests/lifecycle")


def _api(odoo, report):
    return _plain_pytest(odoo, report, "tests/api")


def _faults(odoo, report):
    return _plain_pytest(odoo, report, "tests/faults")


def _clients(odoo, report):
    """Official clients of other systems, in their own environment."""
    python = environment.clients() / "bin" / "python"
    command = [str(python), "-m", "pytest", "-q", "tests/clients"]
    return _pytest(odoo, report, command)


def _plain_pytest(odoo, report, folder):
    """Tests that do not run inside Odoo; some start Odoo processes themselves."""
    command = pytest_command(odoo, "-p", "no:odoo", "-q", folder)
    return _pytest(odoo, report, command)


def _pytest(odoo, report, command):
    """Run pytest, show its output as it comes and keep its closing line."""
    process = subprocess.Popen(
        command,
        cwd=paths.ROOT,
        env=odoo.variables(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    last = ""
    for line in process.stdout:
        print(line, end="", flush=True)
        last = line.rstrip() or last
    status = process.wait()
    report.closing.append(last)
    return f"pytest ended with status {status}" if status else None


def _odoo_tests(odoo, report):
    """Tests inside Odoo of all add-ons but the one with a stage of its own."""
    others = [addon for addon in suite_addons() if addon != INVOICING]
    return _tests_inside(odoo, report, [f"addons/{a}" for a in others] + ODOO_TESTS)


def _invoicing_tests(odoo, report):
    return _tests_inside(odoo, report, [f"addons/{INVOICING}"])


def _tests_inside(odoo, report, targets):
    name = databases.temporary("test")
    databases.copy(odoo, databases.suite_template(odoo), name)
    try:
        return _pytest(odoo, report, odoo_pytest(odoo, name, targets, "-q"))
    finally:
        databases.drop(odoo, name)


def _translations(odoo, _report):
    return catalogues.check(odoo)


def golden(odoo, engine, cases=None, *arguments):
    """Play the golden cases with one engine.

    Without a folder our own cases are played, and those on the list of passing
    cases must still pass.

    The runner gets the name of a fresh database in ``RELEVE_GOLDEN_CONFIG`` and
    ``RELEVE_GOLDEN_DATABASE`` when the engine needs one.

    :return: None, or what went wrong
    """
    chosen = ["--cases", Path(cases).resolve()] if cases else ["--check-passing"]
    command = [odoo.python, GOLDEN / "run.py", "--engine", engine, *chosen, *arguments]
    command = [str(part) for part in command]
    variables = odoo.variables()
    name = databases.temporary("golden")
    if engine == "odoo":
        databases.copy(odoo, databases.suite_template(odoo), name)
        variables["RELEVE_GOLDEN_CONFIG"] = str(odoo.configuration(name))
        variables["RELEVE_GOLDEN_DATABASE"] = name
    try:
        done = subprocess.run(command, cwd=paths.ROOT, env=variables, check=False)
    finally:
        if engine == "odoo":
            databases.drop(odoo, name)
    return f"status {done.returncode}" if done.returncode else None


def _golden_core(odoo, _report):
    return golden(odoo, "core")


def _golden_odoo(odoo, _report):
    return golden(odoo, "odoo")


def _golden_clickhouse(odoo, _report):
    return golden(odoo, "odoo", None, "--store", "clickhouse")


STAGES = {
    "odoo": ("Odoo tests", _odoo_tests),
    "lint": ("Lint", _lint),
    "rules": ("Odoo's lint rules", _odoo_rules),
    "unit": ("Unit tests", _unit_tests),
    "golden-core": ("Golden cases, core", _golden_core),
    "translations": ("Translations", _translations),
    "invoicing": ("Odoo tests, French invoicing", _invoicing_tests),
    "golden-odoo": ("Golden cases, Odoo", _golden_odoo),
    "golden-clickhouse": ("Golden cases, Odoo on chDB", _golden_clickhouse),
    "lifecycle": ("Install, upgrade, uninstall", _lifecycle),
    "api": ("Native API as documented", _api),
    "clients": ("Official clients", _clients),
    "faults": ("Faults", _faults),
}
FIRST_LANE = ["odoo", "golden-odoo", "golden-clickhouse", "lifecycle"]
