"""Translation catalogues: exported from a database, merged, and checked.

The template (``<addon>.pot``) holds every sentence of the add-on in its present state;
``fr.po`` must translate each of them and nothing else.
"""

import tempfile
from pathlib import Path

from . import databases, paths
from .odoo import suite_addons
from .ui import say

MERGE = Path(__file__).with_name("merge_catalogues.py")


def update(odoo):
    """Write the catalogues again.

    :return: None, or which catalogues changed or lack a translation
    """
    return _compare(odoo, write=True)


def check(odoo):
    """Compare without writing.

    :return: None, or which catalogues are stale or lack a translation
    """
    return _compare(odoo, write=False)


def _compare(odoo, write):
    addons = suite_addons()
    name = databases.temporary("i18n")
    databases.copy(odoo, databases.suite_template(odoo), name)
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report"
        mode = "write" if write else "check"
        script = (MERGE, paths.ADDONS, report, mode, *addons)
        try:
            odoo.script_in(name, *script)
        finally:
            databases.drop(odoo, name)
        problems = report.read_text().splitlines()
    for line in problems:
        say(f"    {line}")
    if not problems:
        return None
    advice = "" if write else "; run make i18n and translate what is new"
    return f"{len(problems)} findings in the catalogues{advice}"
