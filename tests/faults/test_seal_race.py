"""The chain never forks and nobody changes it: real processes, real SQL.

The verifier is run as the command an auditor runs, on the database, without Odoo.
"""

import os
import subprocess
from pathlib import Path

import pytest

from tests.faults.race import Processes
from tools.releve import databases

ROOT = Path(__file__).resolve().parents[2]
COUNT = 6

SETUP = f"""
company = env.company
partner = env["res.partner"].create({{
    "name": "Une Personne", "country_id": env.ref("base.fr").id, "city": "Toulouse",
    "zip": "31000", "street": "1 rue de la Paix", "email": "p@example.com"}})
product = env["product.product"].create({{"name": "Hosting", "type": "service"}})
company.fr_facturx_auto = False
company.fr_check_on_post = False
sale = env["account.journal"].search(
    [("type", "=", "sale"), ("company_id", "=", company.id)], limit=1)
other = sale.copy({{"name": "Ventes B", "code": "VTB"}})
sale.code = "VTA"
for journal in sale + other:
    for number in range({COUNT}):
        env["account.move"].create({{
            "move_type": "out_invoice", "partner_id": partner.id,
            "journal_id": journal.id, "invoice_date": "2026-11-02",
            "invoice_line_ids": [(0, 0, {{
                "product_id": product.id, "quantity": 1, "price_unit": 10}})]}})
"""

LINK = 'env["fr.seal.chain"]._cron_link()'


class Ledger(Processes):
    """A database with drafts in two journals, and what may happen to it."""

    worker = Path(__file__).with_name("seal_worker.py")

    def poster(self, *arguments):
        """Start a process that is about to post."""
        process = self.start(*arguments)
        self.hear(process, "ready")
        return process

    def post(self, *posters):
        """Let them post side by side, and give their exit codes."""
        for poster in posters:
            self.go(poster)
        return [poster.wait(120) for poster in posters]

    def verify(self):
        """Run the command on the database, with nothing of Odoo on its path."""
        variables = {**os.environ, **self.odoo.variables(), "PYTHONPATH": ""}
        done = subprocess.run(
            [
                self.odoo.python,
                "-m",
                "sealing",
                "database",
                f"dbname={self.database}",
            ],
            cwd=ROOT / "addons" / "fr_invoicing",
            env=variables,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert not done.stderr, done.stderr
        return done

    def without_guards(self, sql):
        """Act as the superuser who switches every trigger off for a moment."""
        self.query(
            "set session_replication_role = replica;"
            f" {sql}; set session_replication_role = origin; select 1"
        )


@pytest.fixture(scope="module")
def drafts(odoo, copies, tmp_path_factory):
    name = copies(databases.suite_template(odoo, ["usage_billing", "fr_invoicing"]))
    script = tmp_path_factory.mktemp("seal") / "setup.py"
    script.write_text(SETUP)
    odoo.script_in(name, script)
    return name


@pytest.fixture
def ledger(odoo, copies, drafts, tmp_path):
    found = Ledger(odoo, copies(drafts), tmp_path)
    yield found
    found.end()


def links(ledger):
    return [
        int(row[0])
        for row in ledger.query(
            "select sequence from fr_seal_entry where kind = 'entry' order by sequence"
        )
    ]


def test_two_posters_extend_one_chain_without_fork_or_hole(ledger):
    posters = [ledger.poster(code, COUNT) for code in ("VTA", "VTB")]
    assert ledger.post(*posters) == [0, 0]
    # the first link is the beginning of the chain
    assert links(ledger) == list(range(2, 2 * COUNT + 2))
    ((distinct,),) = ledger.query(
        "select count(distinct previous_hash) from fr_seal_entry"
    )
    assert int(distinct) == 2 * COUNT + 1
    done = ledger.verify()
    assert (done.returncode, "0 problems" in done.stdout) == (0, True), done.stdout


def test_what_a_crash_left_unlinked_is_linked_by_the_schedule(ledger):
    assert ledger.post(ledger.poster("VTA", "2", "unlinked")) == [9]
    ((waiting,),) = ledger.query(
        "select count(*) from fr_seal_entry where sequence is null"
    )
    assert int(waiting) == 2, waiting
    # sealed with the entry all the same: a change is found before the link is made
    ledger.without_guards(
        "update account_move set amount_total = 1 where fr_sealed_at is not null"
    )
    assert "amount_total is 1, sealed as" in ledger.verify().stdout
    ledger.without_guards(
        "update account_move set amount_total = amount_untaxed + amount_tax"
        " where fr_sealed_at is not null"
    )
    ledger.script(LINK)
    assert links(ledger) == [2, 3]
    assert ledger.verify().returncode == 0


def test_the_superuser_with_triggers_off_is_named(ledger):
    assert ledger.post(ledger.poster("VTA", "3")) == [0]
    assert ledger.verify().returncode == 0
    ((move, name),) = ledger.query(
        "select id, name from account_move where fr_sealed_at is not null"
        " order by id limit 1"
    )
    for change, words in (
        (
            f"update account_move_line set price_unit = 1 where move_id = {move}"
            " and display_type = 'product'",
            "price_unit is 1, sealed as 10",
        ),
        (
            f"update account_move set invoice_date = '2026-01-01' where id = {move}",
            "invoice_date is 2026-01-01, sealed as 2026-11-02",
        ),
        ("delete from fr_seal_entry where sequence = 3", "link 3"),
        (
            f"delete from account_move_line where move_id = {move};"
            f" delete from account_move where id = {move}",
            f"Entry {name} (account.move,{move}) was deleted",
        ),
    ):
        ledger.without_guards(change)
        done = ledger.verify()
        assert done.returncode == 1
        assert words in done.stdout, done.stdout


def test_a_dsn_that_does_not_answer_ends_with_two(ledger):
    ledger.database = "no_such_database"
    done = subprocess.run(
        [ledger.odoo.python, "-m", "sealing", "database", "dbname=no_such_database"],
        cwd=ROOT / "addons" / "fr_invoicing",
        env={**os.environ, **ledger.odoo.variables()},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "cannot be read" in done.stderr
