# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""The cores stay pure: the standard library and themselves, nothing else."""

import ast
import sys
from pathlib import Path

import pytest

ADDONS = Path(__file__).resolve().parents[2] / "addons"

#: core package -> what it may import beside the standard library and itself
CORES = {
    "usage_billing/rating": {"holidays"},
    "usage_billing/rating_reference": set(),
    "usage_billing/metering": {
        "psycopg2",
        "clickhouse_driver",
        "releve_native",
        "chdb",
        "msgspec",
        "numpy",
        "xxhash",
    },
    "usage_billing/api": {"msgspec"},
    "revenue_share/splitting": set(),
    "billing_connectors/faces": set(),
    "billing_connectors/feeds": set(),
    "fr_invoicing/ereporting": {"pyfrctc"},
    "fr_invoicing/einvoice": {
        "facturx",
        "fontTools",
        "lxml",
        "babel",
        "pikepdf",
        "pydyf",
        "pyfrctc",
        "pypdf",
        "qrcode",
        "saxonche",
        "stdnum",
        "weasyprint",
        "xmlsec",
    },
    "fr_invoicing/sealing": {"cryptography", "lxml", "psycopg2", "xmlsec"},
    "fr_invoicing/ledger": {"stdnum"},
    "fr_invoicing/transmission": {"lxml", "requests"},
}

#: these decide about money, so no float may ever appear in them
MONEY_CORES = (
    "usage_billing/rating",
    "revenue_share/splitting",
    "fr_invoicing/ereporting",
    "fr_invoicing/ledger",
)


def imported(path):
    """Yield (line, top-level module) for each absolute import of a file, and
    (line, "..") for a relative one that leaves the package."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name.partition(".")[0]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.lineno, node.module.partition(".")[0]


def climbs_out(path, package):
    """Lines of relative imports that reach above the core package."""
    depth = len(path.relative_to(package).parts)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level > depth:
            yield node.lineno


@pytest.mark.parametrize("core", [c for c in sorted(CORES) if (ADDONS / c).is_dir()])
def test_core_imports_only_standard_library_and_itself(core):
    package = ADDONS / core
    allowed = sys.stdlib_module_names | CORES[core] | {package.name}
    files = sorted(package.rglob("*.py"))
    assert files
    found = [
        f"{path.relative_to(ADDONS)}:{line} imports {module}"
        for path in files
        for line, module in imported(path)
        if module not in allowed
    ]
    found += [
        f"{path.relative_to(ADDONS)}:{line} imports from outside the core"
        for path in files
        for line in climbs_out(path, package)
    ]
    assert not found


def test_the_golden_adapters_of_odoo_do_not_touch_the_cores():
    """They act as a person at the screens; the cores would only repeat themselves."""
    cores = {Path(core).name for core in CORES}
    found = [
        f"{path.name}:{line} imports {module}"
        for path in sorted((ADDONS.parent / "tests" / "golden").glob("odoo_*.py"))
        for line, module in imported(path)
        if module in cores
    ]
    assert not found


def test_the_check_sees_a_foreign_import(tmp_path):
    package = tmp_path / "core"
    package.mkdir()
    bad = package / "bad.py"
    bad.write_text("import odoo\nfrom psycopg2 import sql\nfrom ..bridge import x\n")
    assert [module for _line, module in imported(bad)] == ["odoo", "psycopg2"]
    assert list(climbs_out(bad, package)) == [3]


@pytest.mark.parametrize("core", MONEY_CORES)
def test_core_that_counts_money_keeps_no_float(core):
    """No float literal and no call of float()."""
    package = ADDONS / core
    found = []
    for path in sorted(package.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            literal = isinstance(node, ast.Constant) and isinstance(node.value, float)
            call = isinstance(node, ast.Call) and (
                isinstance(node.func, ast.Name) and node.func.id == "float"
            )
            if literal or call:
                found.append(f"{path.relative_to(ADDONS)}:{node.lineno}")
    assert not found
