"""A usage file is imported once: a killed import goes on, two at once do not double.

Reliability promises R1 (nothing lost, nothing twice) and R4 (resumable). Real processes
of the command ``odoo billing_import`` on a real database.
"""

import os
import signal
import subprocess

import pytest

from tools.releve import databases, paths

ROWS = 12_000
SLICE = 2_000
AGAIN = sum(number % 1000 == 7 for number in range(ROWS))
BAD = sum(number % 1000 == 9 for number in range(ROWS))
ACCEPTED = ROWS - AGAIN - BAD
MAPPING = """{
  "name": "Export", "match": ["id", "project", "time", "metric", "quantity"],
  "source": {"code": "export"},
  "identity": {"mode": "columns", "parts": ["id"]},
  "fields": {"type": "metric", "subject": "project", "time": "time",
             "value": "quantity"},
  "provision": {"prices": "unit_prices", "default_unit_price": "0.01"}
}"""


class Importer:
    """The command, on a database of its own."""

    def __init__(self, odoo, database, folder):
        self.odoo, self.database, self.folder = odoo, database, folder
        self.mapping = folder / "mapping.json"
        self.mapping.write_text(MAPPING)

    def write(self, name):
        """A file of good rows, some sent again and some that are no number."""
        lines = ["id,project,time,metric,quantity"]
        for number in range(ROWS):
            key = 5 if number % 1000 == 7 else number
            quantity = "bad" if number % 1000 == 9 else 1
            time = f"2026-09-{1 + key % 28:02d}T{key % 24:02d}:00:00Z"
            lines.append(f"{name}{key},p{key % 7},{time},cpu,{quantity}")
        path = self.folder / f"{name}.csv"
        path.write_text("\n".join(lines) + "\n")
        return path

    def start(self, file, *arguments):
        addons = f"--addons-path={paths.ROOT / 'addons'}"
        config = self.odoo.configuration(self.database)
        return subprocess.Popen(
            [
                *(self.odoo.python, self.odoo.script, addons, "billing_import"),
                *("-c", config, "-d", self.database, "--mapping", self.mapping),
                *("--slice-rows", str(SLICE), *arguments, file),
            ],
            env=self.odoo.variables(),
            stdout=subprocess.PIPE,
            text=True,
        )

    def row(self, sql):
        """Values of the only row of a result, numbers as numbers."""
        (row,) = self.odoo.server.query(sql, self.database)
        return [int(value) if value.isdigit() else value for value in row]

    def check(self, name):
        """Every row in one place, every event stored and added up once."""
        delivery = self.row(
            "SELECT state, rows_read, accepted_count, duplicate_count,"
            f" quarantined_count FROM billing_delivery WHERE name = '{name}.csv'"
        )
        assert delivery == ["done", ROWS, ACCEPTED, AGAIN, BAD]
        batch = f"(SELECT id FROM usage_batch WHERE file_name = '{name}.csv')"
        events = self.row(
            "SELECT count(*), sum(value)::int FROM usage_store_event"
            f" WHERE batch_id = {batch}"
        )
        assert events == [ACCEPTED, ACCEPTED]
        held = self.row(
            f"SELECT count(*) FROM usage_quarantine WHERE batch_id = {batch}"
        )
        assert held == [BAD]


@pytest.fixture(scope="module")
def importer(odoo, copies, tmp_path_factory):
    database = copies(databases.suite_template(odoo, ["billing_connectors"]))
    return Importer(odoo, database, tmp_path_factory.mktemp("import"))


def test_killed_import_goes_on_to_the_same_result(importer):
    file = importer.write("killed")
    process = importer.start(file, "--provision")
    for _slice in range(2):
        assert "rows read" in process.stdout.readline()
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    state, read = importer.row("SELECT state, rows_read FROM billing_delivery")
    assert state == "importing"
    assert 2 * SLICE <= read < ROWS
    assert importer.start(file).wait() == 0
    importer.check("killed")


def test_two_imports_of_one_file_at_once_add_it_once(importer):
    file = importer.write("twice")  # of customers the test above created
    processes = [importer.start(file), importer.start(file)]
    assert [process.wait() for process in processes] == [0, 0]
    importer.check("twice")
