"""The main job of ``make demo`` on the sample story: file to paid invoice, twice."""

import contextlib
import io
from importlib import util
from pathlib import Path
from unittest.mock import patch

from odoo.tests import TransactionCase, tagged

ROOT = Path(__file__).resolve().parents[2]


def _load_job():
    """The job's module, which is a script and no package of the add-ons."""
    path = ROOT / "tools" / "releve" / "demo_job.py"
    spec = util.spec_from_file_location("releve_demo_job", path)
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@tagged("post_install", "-at_install")
class TestMainJob(TransactionCase):
    def _run_job(self):
        """Run the job in the test's transaction.

        :return: the job and what it printed
        """
        job = _load_job().Job(self.env)
        printed = io.StringIO()
        with (
            contextlib.redirect_stdout(printed),
            patch.object(self.env.cr, "commit", self.env.flush_all),
        ):
            job.run()
        return job, printed.getvalue()

    def test_sample_goes_from_file_to_shared_valid_invoices_and_stays_so(self):
        job, first = self._run_job()
        self.assertEqual([name for name, good in job.checks.items() if not good], [])
        self.assertEqual(len(job.checks), 8)
        self.assertNotIn("changed nothing", first)
        self.assertIn("61,543", first)
        credited = job._get_invoice_of(job._get_invoices(), "garden")
        paid = job._get_invoice_of(job._get_invoices(), "studio")
        self.assertEqual(credited.payment_state, "reversed")
        self.assertIn(paid.payment_state, ("paid", "in_payment"))
        job, second = self._run_job()
        self.assertEqual([name for name, good in job.checks.items() if not good], [])
        self.assertIn("this run changed nothing", second)
        self._move_a_cent(job._get_invoices().usage_rated_line_ids[0])
        with self.assertRaisesRegex(SystemExit, "rated = posted untaxed"):
            self._run_job()

    def _move_a_cent(self, line):
        """Falsify a posted rated line behind the back of the models."""
        self.env.cr.execute(
            "UPDATE usage_rated_line SET amount = amount + 0.01 WHERE id = %s",
            [line.id],
        )
        self.env.invalidate_all()
