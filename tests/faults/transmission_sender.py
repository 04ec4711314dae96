"""Exchanges with one approved platform, each in a process that may be killed."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from tools.releve import paths

sys.path.append(str(paths.ROOT / "addons" / "fr_invoicing" / "tests"))

WORKER = Path(__file__).with_name("transmission_worker.py")


class Sender:
    """A database with documents to exchange, and the platform they go to.

    :param Path script: run once in the database, with the platform's addresses
    """

    def __init__(self, odoo, database, platform, script):
        self.odoo, self.database, self.platform = odoo, database, platform
        self.process = None
        self.later_s = 0
        odoo.script_in(
            database,
            script,
            platform.flow_url,
            platform.directory_url,
            platform.token_url,
            platform.client_id,
            platform.client_secret,
        )

    def start(self, later_s=0, times=1):
        """Begin exchanges in one process, some seconds later on both clocks."""
        self.later_s += later_s
        self.platform.clock.advance(seconds=later_s)
        config = self.odoo.configuration(self.database)
        arguments = (config, self.database, str(self.later_s), str(times))
        self.process = subprocess.Popen(
            [self.odoo.python, "-P", WORKER, *arguments],
            env=self.odoo.variables(),
            cwd=paths.ROOT,
        )
        return self.process

    def exchange(self, later_s=0, times=1):
        """Exchange in a process and give its exit status (negative: killed)."""
        return self.start(later_s, times).wait(timeout=300)

    def kill(self):
        """End the sender at once; called by the platform in the middle of a call."""
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=30)

    def query(self, sql):
        """Rows of the database as tuples of texts."""
        return [tuple(row) for row in self.odoo.server.query(sql, self.database)]

    def states(self):
        return self.query(
            "SELECT tracking_id, state, attempt_count FROM fr_einvoice_flow"
            " WHERE direction = 'out' ORDER BY tracking_id"
        )

    def taken(self):
        return sorted(
            flow.tracking_id
            for flow in self.platform.store.flows.values()
            if flow.direction == "Out" and flow.status != "Error"
        )

    def posts(self):
        names = [name for name, _request in self.platform.store.requests]
        return names.count("createFlow")
