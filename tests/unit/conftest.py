"""Pure tests import an add-on's core package by its name: ``from rating import
engine``.
"""

import os
import sys
from pathlib import Path

import pytest
from hypothesis import settings

# no deadline: a busy machine is no reason to fail; --hypothesis-profile=thorough
# tries every property on many more examples
settings.register_profile("suite", deadline=None)
settings.register_profile("thorough", deadline=None, max_examples=3000)
settings.load_profile("suite")

ROOT = Path(__file__).resolve().parents[2]
for addon in sorted((ROOT / "addons").iterdir()):
    if (addon / "__manifest__.py").exists():
        sys.path.append(str(addon))


@pytest.fixture(scope="session")
def shared():
    """Folder of the files provided for testing; its absence is a failure in CI."""
    folder = Path(os.environ.get("RELEVE_SHARED") or ROOT.parent / "shared")
    if folder.is_dir():
        return folder
    problem = f"provided files not found in {folder}; name their folder: RELEVE_SHARED"
    if os.environ.get("CI"):
        pytest.fail(problem)
    pytest.skip(problem)
