"""A database that is not there is told, and none is made in its place."""

from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from tools.releve import cli, databases, postgres
from tools.releve.ui import Failure


@dataclass(frozen=True)
class Server:
    """A server that has some databases."""

    names: tuple

    def query(self, sql):
        return [["1"] for name in self.names if f"'{name}'" in sql]


@dataclass(frozen=True)
class Odoo:
    server: Server
    environment: str = ""

    def configuration(self, *_arguments, **_options):
        pytest.fail("Odoo would have made the database")

    script_in = shell = verify = install = configuration


def test_a_database_that_is_there_is_used():
    databases.require(Odoo(Server(("mine",))), "mine")


def test_a_database_of_another_cluster_is_named_with_its_cluster():
    others = [("faults", Server(())), ("main", Server(("mine",)))]
    with pytest.raises(Failure, match="mine is in the cluster main.*--cluster main"):
        databases.require(Odoo(Server(())), "mine", others)


def test_a_database_that_is_nowhere_is_told_with_how_to_make_it():
    with pytest.raises(Failure, match="no database mine.*releve db mine --addons"):
        databases.require(Odoo(Server(("other",))), "mine")


@pytest.mark.parametrize("command", ["serve", "shell", "verify", "db"])
def test_commands_make_no_empty_database(command, monkeypatch):
    monkeypatch.setattr(cli, "prepare", lambda *_a, **_k: Odoo(Server(())))
    monkeypatch.setattr(postgres, "running", lambda *_a: [], raising=False)
    monkeypatch.setattr(cli.demo, "require_port", lambda _port: None)
    options = SimpleNamespace(
        name="mine", cluster="test", port=1, workers=0, log_level="warn", rest=[],
        script="", drop=False, install="", update="usage_billing", addons="",
    )  # fmt: skip
    with pytest.raises(Failure, match="no database mine"):
        getattr(cli, command)(options)
