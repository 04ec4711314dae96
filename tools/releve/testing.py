"""``make test``: every check of the project in order, and the closing lines."""

import subprocess
import time
from pathlib import Path

from . import catalogues, databases, debian, environment, lint, paths
from .odoo import suite_addons
from .ui import Failure, say

# tests that start Odoo processes themselves
PROCESS_TESTS = {
    "tests/lifecycle": "Install, upgrade, uninstall",
    "tests/faults": "Faults",
}
GOLDEN = paths.ROOT / "tests" / "golden"


class Report:
    """Outcome of each stage; a failing stage does not keep later ones from running."""

    def __init__(self):
        self.rows = []
        self.closing = []

    def stage(self, title, function, *arguments):
        say(f"\n==> {title}")
        started = time.monotonic()
        try:
            problem = function(*arguments)
        except Failure as failure:
            problem = str(failure)
        seconds = time.monotonic() - started
        self.rows.append((title, problem, seconds))
        say(f"    {title}: {problem or 'passed'} ({seconds:.0f} s)")

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
    """Run everything.

    :param Odoo odoo: on the test cluster
    :return: exit status
    """
    missing = debian.install(debian.TEST_PACKAGES)
    if missing:
        raise Failure(
            f"Browser tests need {', '.join(missing)}; ask an administrator to install "
            "them. A test run without them would prove too little."
        )
    databases.sweep(odoo)
    report = Report()
    report.stage("Lint", lint.run_all)
    report.stage("Odoo's lint rules", lint.odoo_rules, odoo)
    report.stage("Unit tests", _pytest, odoo, report, _unit(odoo))
    if (GOLDEN / "run.py").exists():
        report.stage("Golden cases, core", golden, odoo, "core")
    report.stage("Odoo tests", _odoo_tests, odoo, report)
    report.stage("Translations", _translations, odoo)
    if (GOLDEN / "run.py").exists():
        report.stage("Golden cases, Odoo", golden, odoo, "odoo")
    for folder, title in PROCESS_TESTS.items():
        if _has_tests(folder):
            command = pytest_command(odoo, "-p", "no:odoo", "-q", folder)
            report.stage(title, _pytest, odoo, report, command)
    return report.end()


def _unit(odoo):
    return pytest_command(odoo, "-p", "no:odoo", "-q", "tests/unit")


def _has_tests(folder):
    return any((paths.ROOT / folder).rglob("test_*.py"))


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
    name = databases.temporary("test")
    databases.copy(odoo, databases.suite_template(odoo), name)
    targets = [f"addons/{addon}" for addon in suite_addons()]
    targets += [part for part in ("tests/flows", "tests/lint") if _has_tests(part)]
    try:
        return _pytest(odoo, report, odoo_pytest(odoo, name, targets, "-q"))
    finally:
        databases.drop(odoo, name)


def _translations(odoo):
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


def warm(odoo):
    """Make ready what the tests need, for those who want to work offline."""
    environment.lint()
    databases.suite_template(odoo)
