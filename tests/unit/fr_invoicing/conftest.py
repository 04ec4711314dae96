# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Makes the hand-made documents importable, and gives one checker to all tests."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))

from einvoice import validate  # noqa: E402


@pytest.fixture(scope="session")
def checker():
    """Give one warm validator process."""
    checker = validate.Checker()
    yield checker
    checker.close()
