"""Real processes on a real database: races and kills cannot be seen in one cursor."""

import pytest

from tests.faults.platform import Platform
from tools.releve import cli, databases


@pytest.fixture(scope="session")
def odoo():
    """Everything needed to run Odoo's commands (see ``tools/releve/odoo.py``)."""
    return cli.prepare("test", packages=False)


@pytest.fixture(scope="session")
def copies(odoo):
    """Function that makes a copy of a database; the copies are dropped at the end."""
    made = []

    def copy(source):
        made.append(databases.temporary(f"faults{len(made)}"))
        databases.copy(odoo, source, made[-1])
        return made[-1]

    yield copy
    for name in made:
        databases.drop(odoo, name)


@pytest.fixture(scope="session")
def billing_template(odoo):
    """Database with usage_billing, for the tests to copy."""
    return databases.suite_template(odoo, ["usage_billing"])


@pytest.fixture(scope="session")
def platform(odoo, tmp_path_factory):
    """A served database on a durable PostgreSQL, which tests may kill."""
    found = Platform(odoo, tmp_path_factory.mktemp("platform"))
    try:
        found.start()
        yield found
    finally:
        found.close()
