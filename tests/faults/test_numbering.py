"""Numbers without gaps: processes post at once, fail, and one is killed.

CGI ann. II art. 242 nonies A I 7°: a unique number from a continuous sequence. Two
processes post the invoices of one journal; some transactions are rolled back after
their invoice had its number, some savepoints too, and one process is killed while it
posts. What is posted at the end is numbered 1, 2, 3, ... and the gap report is empty.
"""

from pathlib import Path

import pytest

from tests.faults.race import Processes
from tools.releve import databases

INVOICES = 24

SETUP = f"""
company = env.company
company.write({{"vat": "FR88100000009", "company_registry": "10000000900017",
               "city": "Paris", "street": "1 rue", "fr_facturx_auto": False}})
partner = env["res.partner"].create({{
    "name": "Client", "is_company": True, "country_id": env.ref("base.fr").id,
    "vat": "FR37200000008", "city": "Lyon", "email": "client@example.com"}})
tax = env["account.tax"].search(
    [("company_id", "=", company.id), ("type_tax_use", "=", "sale"),
     ("amount", "=", 20), ("price_include", "=", False)], limit=1)
for number in range({INVOICES}):
    env["account.move"].create({{
        "move_type": "out_invoice", "partner_id": partner.id,
        "invoice_date": "2026-11-02",
        "invoice_line_ids": [
            (0, 0, {{"name": "Service", "price_unit": 10 + number,
                     "tax_ids": tax.ids}})]}})
"""

REPORT = """
gaps = env["fr.number.gap"]._refresh(env.company)
assert not gaps, gaps.mapped("display_name")
"""


@pytest.fixture(scope="module")
def template(odoo):
    return databases.suite_template(odoo, ["usage_billing", "fr_invoicing"])


class Posting(Processes):
    """Processes of :mod:`posting_worker`."""

    worker = Path(__file__).with_name("posting_worker.py")

    def drafts(self):
        return [
            int(number)
            for (number,) in self.query(
                "select id from account_move where move_type = 'out_invoice'"
                " and state = 'draft' order by id"
            )
        ]

    def post(self, ids):
        """Start a process that posts these invoices in their order."""
        return self.start(",".join(map(str, ids)))

    def numbers(self):
        return [
            int(number)
            for (number,) in self.query(
                "select sequence_number from account_move where state = 'posted'"
                " and move_type = 'out_invoice' order by sequence_number"
            )
        ]


@pytest.fixture
def posting(odoo, copies, template, tmp_path):
    found = Posting(odoo, copies(template), tmp_path)
    found.script(SETUP)
    yield found
    found.end()


def test_two_processes_that_fail_now_and_then_leave_no_gap(posting):
    ids = posting.drafts()
    workers = [posting.post(ids[0::2]), posting.post(ids[1::2])]
    for worker in workers:
        posting.hear(worker, "ready")
    for worker in workers:
        posting.go(worker)
    for worker in workers:
        posting.hear(worker, "done")
        assert worker.wait(60) == 0
    assert posting.numbers() == list(range(1, INVOICES + 1))
    posting.script(REPORT)


def test_two_processes_on_the_same_invoices_number_each_once(posting):
    ids = posting.drafts()[:8]
    workers = [posting.post(ids), posting.post(ids)]
    for worker in workers:
        posting.hear(worker, "ready")
        posting.go(worker)
    for worker in workers:
        posting.hear(worker, "done")
    assert posting.numbers() == list(range(1, 9))
    posting.script(REPORT)


def test_a_killed_process_gives_its_number_back(posting):
    ids = posting.drafts()
    first, second = posting.post(ids[0::2]), posting.post(ids[1::2])
    for worker in (first, second):
        posting.hear(worker, "ready")
        posting.go(worker)
    for _turn in range(3):
        posting.hear(first, "posted")
    first.kill()
    posting.hear(second, "done")
    posted = posting.numbers()
    assert posted == list(range(1, len(posted) + 1))
    again = posting.post(posting.drafts())
    posting.hear(again, "ready")
    posting.go(again)
    posting.hear(again, "done")
    assert posting.numbers() == list(range(1, INVOICES + 1))
    posting.script(REPORT)
