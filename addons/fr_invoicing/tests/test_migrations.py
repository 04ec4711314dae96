# Part of Relevé. See LICENSE file for full copyright and licensing details.
import importlib.util
from pathlib import Path

from odoo.tests import tagged
from odoo.tools import sql

from .seal_common import SealCommon

MIGRATIONS = Path(__file__).parents[1] / "migrations"


@tagged("post_install", "-at_install")
class TestMigrations(SealCommon):
    """Each script, on the tables as the version before left them."""

    def _migrate(self, version, name, before="19.0.1.0.0"):
        path = MIGRATIONS / version / f"{name}.py"
        spec = importlib.util.spec_from_file_location(name.replace("-", "_"), path)
        script = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(script)
        self.env.flush_all()
        script.migrate(self.env.cr, before)
        self.env.invalidate_all()

    def _column(self, move, name):
        self.env.cr.execute(
            f"SELECT {name} FROM account_move WHERE id = %s",  # noqa: S608
            [move.id],
        )
        return self.env.cr.fetchone()[0]

    def test_document_kinds_chosen_before_they_were_computed(self):
        """19.0.1.1.0: a choice is kept, the former default is no choice."""
        plain = self._make_invoice([self._line()], post=False)
        chosen = self._make_invoice([self._line()], post=False)
        self.env.flush_all()
        cr = self.env.cr
        if sql.column_exists(cr, "account_move", "fr_document_kind"):
            cr.execute("ALTER TABLE account_move DROP COLUMN fr_document_kind")
        sql.rename_column(cr, "account_move", "fr_kind_choice", "fr_document_kind")
        cr.execute("UPDATE account_move SET fr_document_kind = 'standard'")
        cr.execute(
            "UPDATE account_move SET fr_document_kind = 'deposit' WHERE id = %s",
            [chosen.id],
        )
        self._migrate("19.0.1.1.0", "pre-document_kind")
        self.assertIsNone(self._column(plain, "fr_kind_choice"))
        self.assertEqual(self._column(chosen, "fr_kind_choice"), "deposit")
        # run again, and at a first installation, it does nothing
        self._migrate("19.0.1.1.0", "pre-document_kind")
        self._migrate("19.0.1.1.0", "pre-document_kind", before=None)
        self.assertEqual(self._column(chosen, "fr_kind_choice"), "deposit")

    def test_rates_entered_by_hand_are_kept(self):
        """19.0.1.2.0: the half-year we ship now is not recorded twice."""
        rates = self.env["fr.penalty.rate"].sudo()
        shipped = rates.search([("date_start", "=", "2026-07-01")])
        shipped.unlink()
        self.env["ir.model.data"].search(
            [("name", "=", "fr_penalty_rate_2026_2")]
        ).unlink()
        own = rates.create(
            {"date_start": "2026-07-01", "ecb": "2.40", "legal": "2.7", "source": "x"}
        )
        self._migrate("19.0.1.2.0", "pre-penalty_rate", before="19.0.1.1.0")
        found = self.env.ref("fr_invoicing.fr_penalty_rate_2026_2")
        self.assertEqual((found, str(found.legal)), (own, "2.7"))

    def test_chains_that_began_before_get_their_beginning(self):
        """19.0.1.2.0: once, and what was sealed before stays verified."""
        move = self._make_invoice([self._line()])
        self._pay(move, 20)
        chain = self._chain()
        with self._unguarded():
            # as before: no fact of the beginning, payments sealed when matched only
            self.env.cr.execute(
                "DELETE FROM fr_seal_entry WHERE company_id = %s"
                " AND kind IN ('begin', 'receipt')",
                [self.company.id],
            )
        self.assertEqual(self._verify(), [])
        for _time in range(2):
            self._migrate("19.0.1.2.0", "post-seal_beginning", before="19.0.1.1.0")
        facts = self._entries(chain, "begin")
        self.assertEqual(len(facts), 1)
        self.assertEqual(self._verify(), [])
