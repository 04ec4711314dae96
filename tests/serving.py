"""Odoo served by real processes, for tests that talk to it over HTTP."""

import json
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import contextmanager

from tools.releve import cli, databases
from tools.releve.postgres import free_port


class Served:
    """One server on one database.

    :param Odoo odoo: what starts it
    :param int workers: 0 for threads in one process, else prefork
    :param Path log: file that takes its output
    """

    def __init__(self, odoo, database, log, workers=0):
        self.odoo, self.database, self.log = odoo, database, log
        self.workers = workers
        self.port = free_port()
        self.process = None

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def start(self):
        config = self.odoo.configuration(
            self.database, http_port=self.port, workers=self.workers, cron=0
        )
        with open(self.log, "a") as stream:
            self.process = subprocess.Popen(
                [self.odoo.script, "-c", config],
                env=self.odoo.variables(),
                stdout=stream,
                stderr=stream,
                start_new_session=True,
            )
        return self

    def wait(self, path="/web/health", seconds=90):
        """Wait until a path answers anything but a server error."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise AssertionError(f"the server ended: {self.tail()}")
            try:
                with urllib.request.urlopen(self.url + path, timeout=10):
                    return self
            except urllib.error.HTTPError as error:
                if error.code < 500:
                    return self
            except OSError:
                pass
            time.sleep(0.1)
        raise AssertionError(f"no answer after {seconds} s: {self.tail()}")

    def pids(self):
        """The master's process id, then its children's."""
        path = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
        with open(path) as stream:
            return [self.process.pid, *map(int, stream.read().split())]

    def memory(self):
        """Resident bytes of all its processes at this moment."""
        total = 0
        for pid in self.pids():
            try:
                with open(f"/proc/{pid}/statm") as stream:
                    total += int(stream.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
            except OSError:
                continue
        return total

    def kill(self):
        """End all its processes at once, without a chance to tidy up."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self):
        if self.process is None or self.process.poll() is not None:
            return
        os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()

    def tail(self):
        return self.log.read_text(errors="replace")[-3000:]


@contextmanager
def served_database(name, addon, setup, folder, workers=0):
    """A new database with an add-on, set up by a script and served; dropped after.

    :param str setup: script that writes its answer as JSON to the path in ``arguments``
    :param Path folder: for the script, its answer and the log
    :return: the server and the script's answer
    """
    odoo = cli.prepare("test", packages=False)
    database = databases.temporary(name)
    databases.copy(odoo, databases.suite_template(odoo, [addon]), database)
    served = Served(odoo, database, folder / "log", workers)
    try:
        (folder / "setup.py").write_text(setup)
        odoo.script_in(database, folder / "setup.py", folder / "answer")
        served.start().wait()
        yield served, json.loads((folder / "answer").read_text())
    finally:
        served.stop()
        databases.drop(odoo, database)
