"""Odoo is served the way `make demo` serves it: console script, prefork, job runner."""

import os
import signal
import subprocess
import time
import urllib.request

import pytest

from tools.releve import databases
from tools.releve.postgres import free_port

ENQUEUE = """
partner = env["res.partner"].create({"name": "Made by a person"})
partner.with_delay(description="rename")._compute_display_name()
"""


@pytest.fixture
def served(odoo, database, tmp_path):
    """A prefork server on a fresh database: its port and its log."""
    databases.create(odoo, database, ["usage_billing"])
    port, log = free_port(), tmp_path / "log"
    config = odoo.configuration(
        database, http_port=port, workers=2, cron=1, log_level="info"
    )
    with open(log, "w") as stream:
        process = subprocess.Popen(
            [odoo.script, "-c", config],
            env=odoo.variables(),
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )
    yield port, log
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def eventually(function, seconds=90):
    """Call until it returns something true, without its errors of the start."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            found = function()
        except OSError:
            found = None
        if found:
            return found
        time.sleep(0.5)
    raise AssertionError(f"nothing after {seconds} s")


def test_prefork_server_answers_and_runs_jobs(odoo, database, served, tmp_path):
    port, log = served

    def health():
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/web/health") as answer:
            return answer.status == 200

    def job_state():
        rows = odoo.server.query("select state from queue_job", database)
        return rows and rows[0][0] in ("done", "failed") and rows[0][0]

    assert eventually(health)
    script = tmp_path / "enqueue.py"
    script.write_text(ENQUEUE)
    odoo.script_in(database, script)
    assert eventually(job_state) == "done", log.read_text()[-2000:]
    text = log.read_text()
    assert "Worker WorkerHTTP" in text, "threaded, not prefork"
    assert "ImportError" not in text
