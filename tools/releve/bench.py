"""``make bench``: each benchmark on a fresh database of the durable cluster."""

from . import databases, paths
from .ui import Failure

FOLDER = paths.ROOT / "bench"
RUNNER = FOLDER / "run.py"


def names():
    """Names of the modules in ``bench/`` that define ``measure``."""
    return [
        path.stem
        for path in sorted(FOLDER.glob("*.py"))
        if "\ndef measure(" in path.read_text()
    ]


def run(odoo, only, size):
    """Run the named benchmarks, all of them by default.

    :param list only: names
    :param str size: "small" or "full"
    """
    unknown = set(only) - set(names())
    if unknown:
        known = ", ".join(names())
        raise Failure(f"No benchmark {', '.join(sorted(unknown))}; there are: {known}.")
    databases.sweep(odoo)
    template = databases.suite_template(odoo)
    for name in only or names():
        database = databases.temporary("bench")
        databases.copy(odoo, template, database)
        try:
            odoo.script_in(database, RUNNER, name, size, log_level="error")
        finally:
            databases.drop(odoo, database)
