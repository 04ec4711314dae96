"""Real databases on the fast cluster of this clone, made and dropped by each test."""

import os

import pytest

from tools.releve import cli, databases


@pytest.fixture(scope="session")
def odoo():
    """Everything needed to run Odoo's commands (see ``tools/releve/odoo.py``)."""
    return cli.prepare("test", packages=False)


@pytest.fixture
def database(odoo, request):
    """Name of a database that the test creates; dropped at the end."""
    name = f"life_{os.getpid()}_{abs(hash(request.node.nodeid)) % 10**6}"
    yield name
    databases.drop(odoo, name)
