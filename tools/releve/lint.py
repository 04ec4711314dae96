"""Everything that reads the code without running it."""

import os
import subprocess
from pathlib import Path

from . import environment, paths
from .odoo import suite_addons
from .ui import Failure, say

PYTHON_FOLDERS = ["addons", "native", "tools", "tests", "bench", "conftest.py"]
# readme/ holds the fragments OCA's README.rst is made of; Odoo's own files break the
# others as well
OCA_OFF = [
    "missing-readme",
    "xml-header-wrong",
    "xml-field-numeric-without-eval",
    "xml-tag-position",
]
# rule of pylint-odoo: why it does not hold here
PYLINT_OFF = {
    "missing-readme": "readme/ holds the fragments",
    "missing-return": "compute methods return nothing, nor do those they call",
    "consider-merging-classes-inherited": "a long model is cut by subject",
}
# a sentence in a test is no sentence to a user
PYLINT_OFF_IN_TESTS = {*PYLINT_OFF, "translation-required", "context-overridden"}
# It empties a translation that equals its source, which we count as missing.
PO_OFF = "po-pretty-format"
# but gettext-variable: messages.py looks up sentences by code, each marked with _lt
ODOO_RULES = [
    "used-before-assignment",
    "undefined-variable",
    "eval-used",
    "unreachable",
    "function-redefined",
    "sql-injection",
    "missing-gettext",
    "gettext-placeholders",
    "gettext-repr",
    "raise-unlink-override",
]


def run_all():
    """Run every check, show all findings, and fail when there is any.

    :raise Failure: names the checks with findings
    """
    programs = environment.lint() / "bin"
    addons = [str(paths.ADDONS / name) for name in suite_addons()]
    tests = [f"{addon}/tests" for addon in addons if Path(addon, "tests").is_dir()]
    python = [name for name in PYTHON_FOLDERS if (paths.ROOT / name).exists()]
    catalogues = [str(path) for name in addons for path in _catalogues(name)]
    checks = {
        "ruff check": ["ruff", "check", *python],
        "ruff format": ["ruff", "format", "--check", *python],
        "pylint-odoo": [*_pylint(PYLINT_OFF), "--ignore=tests", *addons],
        "pylint-odoo on tests": [*_pylint(PYLINT_OFF_IN_TESTS), *tests],
        "OCA module checks": [
            "oca-checks-odoo-module",
            f"--disable={','.join(OCA_OFF)}",
            *[f"{addon}/__manifest__.py" for addon in addons],
        ],
    }
    if catalogues:
        checks["OCA translation checks"] = [
            "oca-checks-po",
            f"--disable={PO_OFF}",
            *catalogues,
        ]
    failed = [
        name for name, command in checks.items() if not _passes(name, programs, command)
    ]
    if failed:
        raise Failure(f"Lint found something: {', '.join(failed)}")


def _pylint(off):
    """pylint with the rules for Odoo alone ("all" first: later words correct it)."""
    words = ["pylint", "--rcfile=pyproject.toml", "--disable=all"]
    return [*words, "--enable=odoolint", f"--disable={','.join(sorted(off))}"]


def _catalogues(addon):
    folder = paths.ADDONS / addon / "i18n"
    return [*sorted(folder.glob("*.po")), *sorted(folder.glob("*.pot"))]


def _passes(name, programs, command):
    done = subprocess.run(
        [str(programs / command[0]), *command[1:]],
        cwd=paths.ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    say(f"    {name}: {'ok' if done.returncode == 0 else 'findings'}")
    if done.returncode:
        say(f"{done.stdout}{done.stderr}".rstrip())
    return done.returncode == 0


def odoo_rules(odoo):
    """Run the pylint rules that Odoo's own ``test_lint`` applies to its add-ons."""
    rules = odoo.source.path / "odoo" / "addons" / "test_lint" / "tests"
    program = environment.lint() / "bin" / "pylint"
    plugins = ["sql_injection", "gettext", "unlink_override"]
    command = [
        str(program),
        f"--rcfile={os.devnull}",
        "--disable=all,unknown-option-value",
        f"--enable={','.join(ODOO_RULES)}",
        "--score=n",
        f"--load-plugins={','.join(f'_odoo_checker_{name}' for name in plugins)}",
        *[str(paths.ADDONS / name) for name in suite_addons()],
    ]
    variables = {**os.environ, "PYTHONPATH": str(rules)}
    done = subprocess.run(command, cwd=paths.ROOT, env=variables, check=False)
    return "findings" if done.returncode else None
