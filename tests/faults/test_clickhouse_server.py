# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""A ClickHouse server over the wire: kills, silence, wrong passwords, old versions.

Needs the program ``clickhouse-server``: installed, or unpacked somewhere that
``RELEVE_CLICKHOUSE_ROOT`` names (``dpkg -x`` of Debian's clickhouse-server,
clickhouse-common and the libraries they depend on). Debian's is of 2018; everything but
numbers beyond 15 digits before or 12 after the point works on it.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from decimal import Decimal

import pytest

from tools.releve import paths

sys.path.insert(0, str(paths.ADDONS / "usage_billing"))

from metering.clickhouse import server as server_module  # noqa: E402
from metering.clickhouse import tables  # noqa: E402
from metering.clickhouse.driver import StoreUnavailable, Table, connect  # noqa: E402
from metering.clickhouse.rows import Checksum, checksum_sql  # noqa: E402
from metering.errors import StoreError  # noqa: E402

ROOT = os.environ.get("RELEVE_CLICKHOUSE_ROOT")
CONFIG = """<yandex>
<logger><level>warning</level><console>1</console></logger>
<listen_host>127.0.0.1</listen_host><tcp_port>{tcp}</tcp_port><http_port>{http}</http_port>
<path>{folder}/data/</path><tmp_path>{folder}/tmp/</tmp_path>
<users_config>{folder}/users.xml</users_config>
<default_profile>default</default_profile><default_database>default</default_database>
<mark_cache_size>67108864</mark_cache_size></yandex>"""
USERS = """<yandex><profiles><default/></profiles><quotas><default/></quotas><users>
<default><password>pass word/1</password><networks><ip>127.0.0.1</ip></networks>
<profile>default</profile><quota>default</quota></default></users></yandex>"""
HOSTILE = "a\tb\\n'\n\0 é'; DROP TABLE usage_event; --"


def program():
    """Command of the server and its environment, or why there is none."""
    if ROOT:
        found = shutil.which(
            "clickhouse-server", path=f"{ROOT}/usr/sbin:{ROOT}/usr/bin"
        )
    else:
        found = shutil.which("clickhouse-server")
    if not found:
        pytest.skip(
            "no program clickhouse-server on this machine; install it or name an "
            "unpacked one by RELEVE_CLICKHOUSE_ROOT"
        )
    environment = dict(os.environ)
    if ROOT:
        environment["LD_LIBRARY_PATH"] = ":".join(
            f"{ROOT}/{folder}/x86_64-linux-gnu" for folder in ("usr/lib", "lib")
        )
    return found, environment


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A server of its own, on loopback, with its data in a temporary folder."""

    def __init__(self, folder):
        self.folder, self.port = folder, free_port()
        self.command, self.environment = program()
        (folder / "config.xml").write_text(
            CONFIG.format(folder=folder, tcp=self.port, http=free_port())
        )
        (folder / "users.xml").write_text(USERS)
        self.process = None

    @property
    def url(self):
        return f"clickhouse://127.0.0.1:{self.port}/default"

    def start(self):
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [self.command, f"--config-file={self.folder}/config.xml"],
                env=self.environment,
                cwd=self.folder,
                stdout=log,
                stderr=log,
            )
        end = time.monotonic() + 30
        while time.monotonic() < end:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return self
            time.sleep(0.1)
        raise RuntimeError((self.folder / "log").read_text()[-2000:])

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    found = Server(tmp_path_factory.mktemp("clickhouse")).start()
    yield found
    found.kill()


@pytest.fixture
def driver(server):
    driver = connect(server.url, "pass word/1")
    for table in ("usage_event", "usage_owner"):
        driver.execute(f"DROP TABLE IF EXISTS {table}")
    tables.prepare(driver, "mine")
    return driver


def event(number, value="1.5"):
    """A row in the order of the table's columns."""
    return (
        1, 2, HOSTILE, 3, 1_790_000_000_000_000 + number, number, 4, 5, 6, 7, 8,
        number, "u", HOSTILE, f"e{number}", -number, 9,
        value and Decimal(value), None, "EUR", ["k'"], [HOSTILE], None, None,
    )  # fmt: skip


def send(driver, rows):
    columns = tables.columns(driver.modern)
    driver.insert("usage_event", columns, [row[: len(columns)] for row in rows])
    return columns


def test_rows_arrive_as_they_were_sent(driver):
    sent = [event(1), event(2, None), event(3, "-0.000000000001"), event(4, "1E+3")]
    columns = send(driver, sent)
    checksum = Checksum()
    checksum.add(sent)
    select = f"SELECT {checksum_sql(columns)} FROM usage_event"
    assert driver.query(select) == [checksum.figures]
    total = driver.query(
        "SELECT sum(value), any(subject), any(prop_values) FROM usage_event"
    )
    assert total == [(Decimal("1001.499999999999"), HOSTILE, [HOSTILE])]


def test_tables_travel_with_a_query(driver):
    send(driver, [event(number) for number in range(1, 6)])
    wanted = Table("wanted", [("id", "Int64")], [(2,), (3,), (9,)])
    sql = "SELECT count() FROM usage_event WHERE id IN (SELECT id FROM wanted)"
    assert driver.query(sql, [wanted]) == [(2,)]
    with pytest.raises(StoreError):
        driver.query(sql)


def test_a_killed_server_is_unavailable_and_then_complete(server, driver):
    send(driver, [event(1), event(2)])
    server.kill()
    for ask in (
        lambda: driver.query("SELECT 1"),
        lambda: send(driver, [event(3)]),
        lambda: driver.execute("SELECT 1"),
    ):
        with pytest.raises(StoreUnavailable):
            ask()
    server.start()
    assert driver.query("SELECT count() FROM usage_event") == [(2,)]
    send(driver, [event(3)])
    assert driver.query("SELECT count() FROM usage_event") == [(3,)]


def test_a_wrong_password_is_an_error_that_does_not_show_it(server):
    with pytest.raises(StoreError) as caught:
        connect(server.url, "s3cret-guess").query("SELECT 1")
    assert "s3cret-guess" not in str(caught.value)


def test_another_databases_tables_are_refused(driver):
    with pytest.raises(StoreError, match="foreign_store"):
        tables.prepare(driver, "a copy")


def test_a_server_that_is_silent_is_given_up(monkeypatch):
    """It accepts the connection and says nothing."""
    monkeypatch.setattr(server_module, "ANSWER_SECONDS", 1)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        held = []
        thread = threading.Thread(target=lambda: held.append(listener.accept()))
        thread.start()
        begin = time.monotonic()
        with pytest.raises(StoreUnavailable):
            connect(f"clickhouse://127.0.0.1:{listener.getsockname()[1]}").query(
                "SELECT 1"
            )
        assert time.monotonic() - begin < 15
        thread.join()
        for connection, _address in held:
            connection.close()


def test_the_store_works_on_it(server, driver):
    """The store tests of the add-on, with their events on this server."""
    for table in ("usage_event", "usage_owner"):
        driver.execute(f"DROP TABLE IF EXISTS {table}")
    address = server.url.replace("127.0.0.1", "default:pass%20word%2F1@127.0.0.1")
    folder = "addons/usage_billing/tests"
    done = subprocess.run(
        [
            sys.executable, "-m", "tools.releve", "odoo-test",
            "--addon", "usage_billing",
            "--path", f"{folder}/test_usage_store_clickhouse.py",
            "--path", f"{folder}/test_usage_shipment.py",
            "--path", f"{folder}/test_usage_store_agree.py",
            "--path", f"{folder}/test_usage_store_pruned.py",
        ],
        cwd=paths.ROOT,
        env={**os.environ, "RELEVE_CLICKHOUSE_URL": address},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]
    assert " passed" in done.stdout
