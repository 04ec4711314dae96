"""A kill at any moment leaves either the whole thing or nothing."""

import os
import signal
import subprocess
import sys
import time

import pytest

from tools.releve import paths, safe
from tools.releve.ui import Failure

HOLD = """
import sys, time
from tools.releve import safe
with safe.locked(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""
FILL = """
import sys, time
from tools.releve import safe
with safe.new_folder(sys.argv[1]) as work:
    (work / "half").write_text("x")
    print("begun", flush=True)
    time.sleep(60)
"""


def start(code, argument):
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(argument)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=paths.ROOT,
    )
    process.stdout.readline()
    return process


def test_folder_appears_only_when_complete(tmp_path):
    target = tmp_path / "thing"
    with pytest.raises(ZeroDivisionError), safe.new_folder(target) as work:
        (work / "half").write_text("x")
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []
    with safe.new_folder(target) as work:
        (work / "whole").write_text("x")
        assert not target.exists()
    assert (target / "whole").exists()


def test_killed_attempt_is_swept_away_by_the_next(tmp_path):
    target = tmp_path / "thing"
    process = start(FILL, target)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not target.exists()
    assert len(list(tmp_path.iterdir())) == 1, "the kill came too early"
    with safe.new_folder(target) as work:
        (work / "whole").write_text("x")
    assert [path.name for path in tmp_path.iterdir()] == ["thing"]


def test_lock_of_a_killed_process_is_free_again(tmp_path):
    lock = tmp_path / "lock"
    process = start(HOLD, lock)
    process.send_signal(signal.SIGKILL)
    process.wait()
    started = time.monotonic()
    with safe.locked(lock):
        pass
    assert time.monotonic() - started < 5


def test_write_replaces_a_file_in_one_step_with_its_mode(tmp_path):
    target = tmp_path / "a" / "secret"
    safe.write(target, "one", 0o600)
    safe.write(target, "two", 0o600)
    assert target.read_text() == "two"
    assert os.stat(target).st_mode & 0o777 == 0o600
    assert [path.name for path in target.parent.iterdir()] == ["secret"]


def test_digest_separates_its_parts():
    assert paths.digest("ab", "c") != paths.digest("a", "bc")


def test_short_disk_is_named_with_the_way_out(monkeypatch, tmp_path):
    monkeypatch.setenv("RELEVE_CACHE", str(tmp_path))
    monkeypatch.setattr(paths, "NEEDED_BYTES", 1 << 62)
    with pytest.raises(Failure, match="GB are free.*RELEVE_CACHE"):
        paths.require_disk_space()
