# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Makes the hand-made documents importable, and gives one checker to all tests."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))

sys.path.append(
    str(Path(__file__).resolve().parents[3] / "addons" / "fr_invoicing" / "tests")
)

from approved_platform import ApprovedPlatform  # noqa: E402

from einvoice import validate  # noqa: E402


@pytest.fixture(scope="session")
def checker():
    """Give one warm validator process."""
    checker = validate.Checker()
    yield checker
    checker.close()


@pytest.fixture
def approved():
    """Give an approved platform that listens, and look at its own answers after."""
    with ApprovedPlatform() as platform:
        yield platform
    assert platform.own_mistakes == []
