"""Odoo's own lint tests, applied to the suite's add-ons.

The add-on ``test_lint`` need not be installed: its classes are run here with the list
of add-ons narrowed to ours. Its pylint rules run in ``make lint``.
"""

import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from unittest.mock import patch

from odoo.modules import Manifest
from odoo.tests import tagged

from odoo.addons import test_lint

# The folder's own __init__ imports pylint, which lives in another environment.
TESTS = ModuleType(f"{test_lint.__name__}.tests")
TESTS.__path__ = [str(Path(test_lint.__file__).with_name("tests"))]
sys.modules.setdefault(TESTS.__name__, TESTS)


def load(name):
    return import_module(f"{TESTS.__name__}.{name}")


test_dunderinit = load("test_dunderinit")
test_i18n = load("test_i18n")
test_index = load("test_index")
test_jstranslate = load("test_jstranslate")
test_manifests = load("test_manifests")
test_naming = load("test_naming")
test_onchange_domains = load("test_onchange_domains")
test_orm_import = load("test_orm_import")
test_override_signatures = load("test_override_signatures")
test_pofile = load("test_pofile")
test_routes = load("test_routes")
test_test_holes = load("test_test_holes")

ADDONS = Path(__file__).resolve().parents[2] / "addons"


KNOWN_WITHOUT_INDEX = {
    *test_index.BTREE_INDEX_IGNORE_FIELDS,
    "queue.job.function.channel_id",
}


def our_names():
    return sorted(path.parent.name for path in ADDONS.glob("*/__manifest__.py"))


def our_manifests():
    return [Manifest.for_addon(name) for name in our_names()]


class OnOurAddons:
    """Narrows the list of add-ons and takes warnings of the checks as failures."""

    def setUp(self):
        super().setUp()
        for target in (
            patch.object(Manifest, "all_addon_manifests", our_manifests),
            patch.object(test_pofile, "get_modules", our_names),
            # what a dependency does is not ours to mend
            patch.object(test_override_signatures, "MODULES_TO_IGNORE", {"queue_job"}),
            patch.object(test_index, "BTREE_INDEX_IGNORE_FIELDS", KNOWN_WITHOUT_INDEX),
        ):
            self.startPatcher(target)

    def run(self, result=None):
        with self.assertNoLogs("odoo.addons.test_lint", "WARNING"):
            return super().run(result)


@tagged("post_install", "-at_install")
class TestOurFiles(OnOurAddons, test_dunderinit.TestDunderinit):
    pass


@tagged("post_install", "-at_install")
class TestOurStaticTexts(OnOurAddons, test_i18n.TestI18n):
    pass


@tagged("post_install", "-at_install")
class TestOurIndexes(OnOurAddons, test_index.TestIndex):
    pass


@tagged("post_install", "-at_install")
class TestOurScripts(OnOurAddons, test_jstranslate.TestJsTranslations):
    pass


@tagged("post_install", "-at_install")
class TestOurManifests(OnOurAddons, test_manifests.ManifestLinter):
    pass


@tagged("post_install", "-at_install")
class TestOurParameters(OnOurAddons, test_naming.TestNaming):
    pass


@tagged("post_install", "-at_install")
class TestOurOnchanges(OnOurAddons, test_onchange_domains.TestOnchangeDomains):
    pass


@tagged("post_install", "-at_install")
class TestOurImports(OnOurAddons, test_orm_import.TestDunderinit):
    pass


@tagged("post_install", "-at_install")
class TestOurOverrides(
    OnOurAddons, test_override_signatures.TestLintOverrideSignatures
):
    pass


@tagged("post_install", "-at_install")
class TestOurCatalogues(OnOurAddons, test_pofile.PotLinter):
    pass


@tagged("post_install", "-at_install")
class TestOurRoutes(OnOurAddons, test_routes.RoutesLinter):
    pass


@tagged("post_install", "-at_install")
class TestOurTestFiles(OnOurAddons, test_test_holes.TestTestHoles):
    pass
