"""Processes on one database, and what billing ones leave."""

import subprocess
from decimal import Decimal
from pathlib import Path


class Processes:
    """Workers of one kind on a database; the test decides who goes on when.

    A worker says a word for each step on its standard output, and waits for a line
    where it meets the others.
    """

    worker = None  #: path of the program

    def __init__(self, odoo, database, folder):
        self.odoo, self.database, self.folder = odoo, database, folder
        self.processes = []

    def script(self, text, *arguments):
        """Run a script inside Odoo, committed at its end."""
        path = self.folder / "step.py"
        path.write_text(text)
        self.odoo.script_in(self.database, path, *arguments)

    def query(self, sql):
        return self.odoo.server.query(sql, self.database)

    def start(self, *command, variables=None):
        # -P: the folder of the workers has a platform.py of its own
        python = [self.odoo.python, "-P", self.worker]
        config = self.odoo.configuration(self.database)
        process = subprocess.Popen(
            [*python, config, self.database, *map(str, command)],
            env={**self.odoo.variables(), **(variables or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.processes.append(process)
        return process

    def hear(self, process, word):
        """Wait until a process says a word."""
        for line in process.stdout:
            if line.strip() == word:
                return
        raise AssertionError(f"a worker ended before it said {word!r}")

    def go(self, process):
        process.stdin.write("\n")
        process.stdin.flush()

    def end(self):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.communicate()


class Race(Processes):
    """Processes of :mod:`billing_worker`, and the invoices that came out."""

    worker = Path(__file__).with_name("billing_worker.py")

    def invoices(self):
        """(partner, number of posted usage invoices, untaxed total) of each payer."""
        return [
            (partner, int(count), Decimal(total))
            for partner, count, total in self.query(
                "select partner_id, count(*), sum(amount_untaxed) from account_move"
                " where usage_run_id is not null and state = 'posted'"
                " group by partner_id order by partner_id"
            )
        ]

    def count(self, table, state):
        """Rows of a table in a state."""
        ((number,),) = self.query(
            f"select count(*) from {table} where state = '{state}'"
        )
        return int(number)


def run_ids(race):
    return [
        row[0] for row in race.query("select id from usage_billing_run order by id")
    ]
