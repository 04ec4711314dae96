# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""The embedded engine: exact values, one process for all, and what kills do."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import pytest

from metering.clickhouse import rows, tables
from metering.clickhouse.driver import Table, connect, text
from metering.clickhouse.embedded import EmbeddedDriver
from metering.errors import StoreError

HOSTILE = "a\tb\\n'\n\r\0 \u2028 é'; DROP TABLE t; -- \x1f"
COLUMNS = (
    ("id", "Int64"),
    ("name", "String"),
    ("value", "Nullable(Decimal(38, 12))"),
    ("wide", "Nullable(Decimal(76, 38))"),
    ("items", "Array(String)"),
)


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    driver = EmbeddedDriver(tmp_path_factory.mktemp("chdb"))
    yield driver
    driver.stop()


@pytest.fixture
def table(driver):
    driver.execute("DROP TABLE IF EXISTS t")
    body = ", ".join(" ".join(column) for column in COLUMNS)
    driver.execute(
        f"CREATE TABLE t ({body}) ENGINE = MergeTree ORDER BY id"
        " SETTINGS non_replicated_deduplication_window = 100"
    )
    return "t"


def some(number, value="1.5"):
    return (number, HOSTILE, Decimal(value), None, ["x", HOSTILE])


def test_values_come_back_as_they_went_in(driver, table):
    largest = Decimal("9" * 38 + "." + "9" * 38)
    sent = [
        (1, HOSTILE, Decimal("-0.000000000001"), None, []),
        (2, "", None, largest, [HOSTILE, ""]),
        (-(2**63), "é", Decimal("1E+3"), Decimal("-1e-38"), ["'"]),
    ]
    driver.insert(table, COLUMNS, sent)
    assert sorted(driver.query("SELECT * FROM t")) == sorted(sent)
    assert driver.query(f"SELECT id FROM t WHERE name = {text(HOSTILE)}") == [(1,)]


def test_tables_travel_with_a_query_and_are_gone_after_it(driver, table):
    driver.insert(table, COLUMNS, [some(1), some(2)])
    wanted = Table("wanted", COLUMNS, [some(2), some(3)])
    sql = "SELECT id FROM t WHERE id IN (SELECT id FROM wanted)"
    assert driver.query(sql, [wanted]) == [(2,)]
    with pytest.raises(StoreError):
        driver.query(sql)


def test_a_block_under_the_same_token_is_stored_once(driver, table):
    for _attempt in range(2):
        driver.insert(table, COLUMNS, [some(1), some(2)], "token-1")
    driver.insert(table, COLUMNS, [some(1)], "token-2")
    assert driver.query("SELECT count() FROM t") == [(3,)]


def test_an_error_of_sql_is_told_and_the_connection_stays(driver):
    with pytest.raises(StoreError, match="nonsense"):
        driver.query("SELECT nonsense")
    assert driver.query("SELECT 1") == [(1,)]


@pytest.mark.parametrize(
    "address",
    [
        "chdb:usage",  # beside wherever a process was started
        "chdb://srv/usage",  # a slash is missing: /usage was meant by nobody
        "clickhouse://host:port/usage",
        "http://host/usage",
        "",
    ],
)
def test_an_address_that_could_mean_two_places_is_refused(address, tmp_path):
    with pytest.raises(StoreError) as caught:
        connect(address, directory=str(tmp_path))
    assert caught.value.code == "store_address"


def test_many_threads_and_processes_share_one_worker(driver):
    def ask(_number):
        return connect("chdb:", directory=driver.directory).query("SELECT 7")

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(40))) == [[(7,)]] * 40
    child = os.fork()
    if not child:
        same = connect("chdb:", directory=driver.directory)
        os._exit(0 if same.query("SELECT 8") == [(8,)] else 1)
    assert os.waitpid(child, 0)[1] == 0
    code = (
        "import sys; sys.path[:] = [sys.argv[2]] + sys.path\n"
        "from metering.clickhouse.driver import connect\n"
        "print(connect('chdb:', directory=sys.argv[1]).query('SELECT 9'))"
    )
    path = str(Path(tables.__file__).parents[2])
    out = subprocess.run(
        [sys.executable, "-c", code, driver.directory, path],
        capture_output=True,
        text=True,
        check=True,
    )
    assert out.stdout == "[(9,)]\n"


def test_a_killed_worker_is_started_again_and_stored_rows_are_there(driver, table):
    driver.insert(table, COLUMNS, [some(1)])
    pid = int(Path(driver.directory, "pid").read_text())
    os.kill(pid, signal.SIGKILL)
    end = time.monotonic() + 10
    while not _ended(pid) and time.monotonic() < end:
        time.sleep(0.02)
    assert driver.query("SELECT id FROM t") == [(1,)]
    assert int(Path(driver.directory, "pid").read_text()) != pid


def _ended(pid):
    try:
        return (
            "Z" in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[:1]
        )
    except FileNotFoundError:
        return True


def test_the_directory_is_nobody_elses(driver):
    for name in (".", "data", "s"):
        assert not os.stat(Path(driver.directory, name)).st_mode & 0o077, name


def test_tables_belong_to_one_database(driver):
    tables.prepare(driver, "mine")
    tables.prepare(driver, "mine")
    with pytest.raises(StoreError, match="foreign_store"):
        tables.prepare(driver, "a copy")


@pytest.mark.parametrize(
    ("number", "narrow"),
    [
        ("1.50", True),
        ("-999999999999999.999999999999", True),
        ("0", True),
        ("1E-20", False),
        ("1.1000000000000000", True),
        ("1000000000000000", False),
        ("9" * 38, False),
        ("0." + "0" * 37 + "1", False),
    ],
)
def test_numbers_go_where_they_fit(number, narrow):
    number = Decimal(number)
    found = rows.split(number)
    assert found[0 if narrow else 1] == number
    assert found[1 if narrow else 0] is None


@pytest.mark.parametrize("number", ["1E38", "1E-39", "-1" + "0" * 38, "9" * 39])
def test_numbers_beyond_the_widest_column_are_refused(number):
    assert not rows.fits(Decimal(number))
    with pytest.raises(ValueError, match="more than 38 digits"):
        rows.split(Decimal(number))


def event_row(number, value, properties):
    narrow, wide = rows.split(value)
    return (
        1, 2, HOSTILE, 3, 10**15 + number, number, 4, 5, 6, 7, 8, number, "u", HOSTILE,
        f"e{number}", -number, 9, narrow, None, "EUR",
        list(properties), list(properties.values()), wide, None,
    )  # fmt: skip


def test_checksum_is_the_same_on_both_sides_and_sees_every_change(driver):
    tables.prepare(driver, "mine")
    columns = tables.columns()
    values = [None, "1.50", "-0.000000000001", "1E+3", "0", "9" * 38, "1E-38", "100"]
    sent = [
        event_row(number, value and Decimal(value), {"k'": HOSTILE, "z": ""})
        for number, value in enumerate(values)
    ]
    driver.insert("usage_event", columns, sent)
    checksum = rows.Checksum()
    checksum.add(sent)
    select = f"SELECT {rows.checksum_sql(columns)} FROM usage_event"
    assert driver.query(select) == [checksum.figures]
    for index in (*range(9), *range(11, len(columns))):
        if index == 18 or sent[1][index] is None:
            continue
        changed = list(sent[1])
        changed[index] = {
            str: "other", int: -77, Decimal: Decimal(7), list: ["", ""],
        }[type(changed[index])]  # fmt: skip
        other = rows.Checksum()
        other.add([sent[0], tuple(changed), *sent[2:]])
        assert other.figures != checksum.figures, columns[index]
