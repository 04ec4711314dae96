"""The demo stops early and says what to do."""

import socket
from types import SimpleNamespace

import pytest

from tools.releve import demo
from tools.releve.ui import Failure


@pytest.fixture
def taken():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def test_taken_port_stops_before_any_work(taken):
    options = SimpleNamespace(port=taken, usage="", mapping="", serve=True, workers=0)
    with pytest.raises(Failure, match=f"Port {taken} is taken.*make demo PORT="):
        demo.run(lambda: pytest.fail("work began"), options)


def test_missing_usage_file_is_named():
    options = SimpleNamespace(
        port=None, usage="no/such.csv", mapping="", serve=False, workers=0
    )
    with pytest.raises(Failure, match="no/such.csv"):
        demo.run(lambda: pytest.fail("work began"), options)


def test_each_given_file_has_its_own_database(tmp_path):
    one, two = tmp_path / "one.csv", tmp_path / "two.csv"
    one.write_text("a")
    two.write_text("b")
    names = {demo._database([str(path), ""]) for path in (one, two)}
    assert len(names) == 2
    assert "demo" not in names
    assert demo._database(["", ""]) == "demo"
