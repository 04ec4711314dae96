"""Set-up makes what it promises, and makes it once."""

import os
import socket
import subprocess
import sys

import pytest

from tools.releve import databases, environment, odoo_source, paths, postgres

FACTS = """
company = env.company
print("country", company.country_id.code)
print("currency", company.currency_id.name)
print("chart", company.chart_template)
print("languages", *sorted(env["res.lang"].search([]).mapped("code")))
demo = env["ir.module.module"].search_count([("demo", "=", True)])
print("demo", demo)
account = env["account.account"].search([("code", "=", "411100")])
print("customers", account.with_context(lang="fr_FR").name)
"""


def test_second_set_up_does_nothing(odoo):
    databases.base_template(odoo)
    done = subprocess.run(
        [sys.executable, "-m", "tools.releve", "setup"],
        cwd=paths.ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "==>" not in done.stdout
    assert f"127.0.0.1:{odoo.server.port}" in done.stdout


def test_base_is_french_before_its_chart_and_has_no_demo_data(odoo, database, tmp_path):
    databases.create(odoo, database, [])
    script = tmp_path / "facts.py"
    script.write_text(FACTS)
    done = subprocess.run(
        [
            *[odoo.python, paths.ROOT / "tools" / "releve" / "inside.py"],
            *[odoo.configuration(database), database, script],
        ],
        env=odoo.variables(),
        capture_output=True,
        text=True,
        check=True,
    )
    facts = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    assert facts == {
        "country": "FR",
        "currency": "EUR",
        "chart": "fr",
        "languages": "en_US fr_FR",
        "demo": "0",
        "customers": facts["customers"],
    }
    assert "Clients" in facts["customers"]


def test_copies_sign_their_sessions_with_their_own_key(odoo, database):
    def identity(name):
        return odoo.server.query(
            "select key, value from ir_config_parameter"
            " where key in ('database.uuid', 'database.secret') order by key",
            name,
        )

    template = databases.base_template(odoo)
    databases.copy(odoo, template, database)
    one, two = identity(template), identity(database)
    assert len(one) == len(two) == 2
    assert not {value for _key, value in one} & {value for _key, value in two}


def test_databases_of_dead_processes_are_swept_and_no_others(odoo, database):
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    dead, client = f"tmp_test_{process.pid}", f"client_{process.pid}"
    try:
        for name in (dead, client, database):
            odoo.server.program("createdb", name)
        databases.sweep(odoo)
        assert not databases.exists(odoo, dead)
        assert databases.exists(odoo, client)
        assert databases.exists(odoo, database), "this process lives"
    finally:
        databases.drop(odoo, client)


def test_comment_is_not_inherited_by_a_copy(odoo, database):
    odoo.server.program("createdb", database)
    databases.set_comment(odoo, database, "key")
    assert databases.comment(odoo, database) == "key"
    other = f"{database}_copy"
    try:
        odoo.server.query(f'create database "{other}" template "{database}"')
        assert databases.comment(odoo, other) == ""
    finally:
        databases.drop(odoo, other)


@pytest.fixture
def other_clone(tmp_path, monkeypatch):
    """Paths of a clone in a folder that only its owner may enter."""
    tmp_path.chmod(0o700)
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    monkeypatch.setattr(paths, "VAR", tmp_path / ".var")
    home = environment.suite(odoo_source.obtain())
    yield home
    for kind in postgres.SETTINGS:
        postgres.destroy(home, kind)


def test_server_moves_when_its_port_was_taken_meanwhile(other_clone):
    first = postgres.start(other_clone, "test")
    assert postgres.start(other_clone, "test").port == first.port
    postgres.stop(other_clone, "test")
    with socket.socket() as thief:
        thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        thief.bind(("127.0.0.1", first.port))
        thief.listen()
        second = postgres.start(other_clone, "test")
        assert second.port != first.port
        assert second.query("select 1") == [["1"]]


def test_server_comes_back_after_a_crash_with_its_data(other_clone):
    server = postgres.start(other_clone, "main")
    server.query("create table kept as select 42 as answer")
    ((folder,),) = server.query("show data_directory")
    with open(f"{folder}/postmaster.pid") as note:
        os.kill(int(note.readline()), 9)
    again = postgres.start(other_clone, "main")
    assert again.query("select answer from kept") == [["42"]]


def test_server_asks_for_a_password(other_clone):
    server = postgres.start(other_clone, "test")
    variables = {**server.environment(), "PGPASSFILE": os.devnull, "PGPASSWORD": "no"}
    done = subprocess.run(
        [server.bin / "psql", "-w", "-c", "select 1"],
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode
    assert "password authentication failed" in done.stderr


@pytest.mark.parametrize(("kind", "fsync"), [("main", "on"), ("test", "off")])
def test_only_the_test_cluster_gives_up_durability(kind, fsync):
    settings = postgres.SETTINGS[kind]
    assert settings.get("fsync", "on") == fsync
    assert settings.get("synchronous_commit", "on") == fsync
    assert settings.get("full_page_writes", "on") == fsync
