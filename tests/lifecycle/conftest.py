"""Real databases on the fast cluster of this clone, made and dropped by each test."""

import pytest

from tools.releve import cli, databases


@pytest.fixture(scope="session")
def odoo():
    """Everything needed to run Odoo's commands (see ``tools/releve/odoo.py``)."""
    return cli.prepare("test", packages=False)


@pytest.fixture
def database(odoo):
    """Name of a database that the test creates; dropped at the end."""
    name = databases.temporary("life")
    yield name
    databases.drop(odoo, name)
