# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo.tests import tagged
from odoo.tools import mute_logger

from .seal_common import LOGGER, SealedLedger


@tagged("post_install", "-at_install")
class TestSealVerify(SealedLedger):
    """What was changed behind the guards is found and named."""

    @mute_logger(LOGGER)
    def assertFound(self, code, **facts):
        """Exactly one kind of problem, with these facts."""
        problems = self._verify()
        self.assertEqual({problem.code for problem in problems}, {code})
        found = [
            problem
            for problem in problems
            if all(getattr(problem, name) == value for name, value in facts.items())
        ]
        self.assertTrue(found, [str(problem) for problem in problems])
        return found[0]

    def test_untouched_database_has_no_problem(self):
        self._pay(self.other, 20)
        self.env["fr.seal.anchor"]._sign(self._chain())
        self.assertEqual(self._verify(), [])
        chain = self._chain()
        self.assertEqual((chain.state, chain.problem_count), ("intact", 0))

    # === the ledger ===

    def test_changed_amount_is_named(self):
        self._tamper(
            "UPDATE account_move SET amount_total = 1 WHERE id = %s", self.move.id
        )
        problem = self.assertFound("move_altered", what=self.move.name)
        self.assertEqual(
            (problem.field, problem.expected, problem.found),
            ("amount_total", "120", "1"),
        )
        self.assertIn(f"account.move,{self.move.id}", str(problem))

    def test_changed_line_is_named(self):
        line = self.move.invoice_line_ids
        self._tamper(
            "UPDATE account_move_line SET price_unit = 49.99 WHERE id = %s", line.id
        )
        problem = self.assertFound("line_altered", field="price_unit")
        self.assertIn(f"line {line.id}", problem.where)
        self.assertEqual((problem.expected, problem.found), ("50", "49.99"))

    def test_amended_field_changed_by_sql_is_named(self):
        self._tamper("UPDATE account_move SET ref = 'x' WHERE id = %s", self.move.id)
        self.assertFound("move_altered", field="ref", expected="empty", found="x")

    def test_deleted_and_added_lines_are_named(self):
        line = self.move.invoice_line_ids
        self._tamper(
            "INSERT INTO account_move_line (move_id, display_type, currency_id, name,"
            " company_id, account_id, debit, credit, balance, amount_currency)"
            " SELECT move_id, display_type, currency_id, 'Remise', company_id,"
            " account_id, 0, 0, 0, 0 FROM account_move_line WHERE id = %s",
            line.id,
        )
        self.assertIn("Remise", self.assertFound("line_added").where)

    def test_deleted_document_is_named(self):
        name = self.other.name
        with self._unguarded():
            self.env.cr.execute(
                "DELETE FROM account_move_line WHERE move_id = %s", [self.other.id]
            )
            self.env.cr.execute(
                "DELETE FROM account_move WHERE id = %s", [self.other.id]
            )
        self.assertFound("move_missing", what=name)

    def test_changed_tax_is_named(self):
        self._tamper(
            "DELETE FROM account_move_line_account_tax_rel"
            " WHERE account_move_line_id = %s",
            self.move.invoice_line_ids.id,
        )
        self.assertFound("line_altered", field="tax_ids", found="empty")

    def test_document_posted_by_sql_is_named(self):
        draft = self._make_invoice([self._line()], post=False)
        self._tamper(
            "UPDATE account_move SET state = 'posted', name = 'FAUX/1' WHERE id = %s",
            draft.id,
        )
        self.assertFound("move_not_sealed", what="FAUX/1")

    def test_seal_taken_off_is_named(self):
        self._tamper(
            "UPDATE account_move SET fr_sealed_at = NULL WHERE id = %s", self.move.id
        )
        self.assertFound("move_unmarked", what=self.move.name)

    def test_payment_changed_deleted_or_added_is_named(self):
        self._pay(self.other, 20)
        partial = self.other.line_ids.matched_credit_ids
        self._tamper(
            "UPDATE account_partial_reconcile SET amount = 10 WHERE id = %s", partial.id
        )
        self.assertFound("payment_altered", field="amount", expected="20", found="10")
        self._tamper("DELETE FROM account_partial_reconcile WHERE id = %s", partial.id)
        self.assertFound("payment_missing", what=self.other.name)

    # === the chain ===

    def _entry(self):
        return self._entries(self.other, "entry")

    def test_altered_payload_is_named(self):
        self._tamper(
            "UPDATE fr_seal_entry SET payload = replace(payload, '120', '121')"
            " WHERE id = %s",
            self._entry().id,
        )
        self.assertFound("payload_altered", what=self.other.name)

    def test_altered_link_is_named(self):
        self._tamper(
            "UPDATE fr_seal_entry SET sealed_at = '2026-01-01' WHERE id = %s",
            self._entry().id,
        )
        self.assertFound("link_altered", where=f"link {self._entry().sequence}")

    def test_missing_link_is_named(self):
        sequence = self._entries(self.move, "pdf").sequence
        self._tamper(
            "DELETE FROM fr_seal_entry WHERE id = %s",
            self._entries(self.move, "pdf").id,
        )
        with mute_logger(LOGGER):
            problems = self._verify()
        self.assertEqual(
            [problem.code for problem in problems], ["link_missing", "archive_altered"]
        )
        self.assertEqual(problems[0].where, f"link {sequence}")

    def test_exchanged_links_are_named(self):
        first = self._entries(self.move, "pdf")
        second = self._entries(self.move, "xml")
        places = first.sequence, second.sequence
        for entry, sequence in (
            (first, -1),
            (second, places[0]),
            (first, places[1]),
        ):
            self._tamper(
                "UPDATE fr_seal_entry SET sequence = %s WHERE id = %s",
                sequence,
                entry.id,
            )
        with mute_logger(LOGGER):
            codes = {problem.code for problem in self._verify()}
        self.assertIn("link_order", codes)

    def test_links_cut_off_at_the_end_are_named(self):
        self._tamper("DELETE FROM fr_seal_entry WHERE id = %s", self._entry().id)
        with mute_logger(LOGGER):
            codes = {problem.code for problem in self._verify()}
        self.assertEqual(codes, {"head_mismatch", "move_not_sealed"})

    def test_rewritten_chain_contradicts_its_anchor(self):
        """Whoever computes the whole chain anew cannot sign it anew."""
        self.env["fr.seal.anchor"]._sign(self._chain())
        entry = self._entries(self.move, "entry")
        text = entry.payload.replace('"amount_total":"120"', '"amount_total":"12"')
        self.assertNotEqual(text, entry.payload)
        self._tamper(
            "UPDATE account_move SET amount_total = 12 WHERE id = %s", self.move.id
        )
        with self._unguarded():
            self.env.cr.execute(
                "UPDATE fr_seal_entry SET payload = %s, payload_sha256 ="
                " encode(sha256(convert_to(%s, 'UTF8')), 'hex'), size ="
                " octet_length(%s) WHERE id = %s",
                [text, text, text, entry.id],
            )
            self.env.cr.execute(
                "UPDATE fr_seal_entry SET sequence = NULL, previous_hash = NULL,"
                " hash = NULL WHERE company_id = %s",
                [self.company.id],
            )
            self.env.cr.execute(
                "UPDATE fr_seal_chain SET last_sequence = 0, last_hash = %s"
                " WHERE company_id = %s",
                [self._genesis(), self.company.id],
            )
        self.assertFound("anchor_mismatch", field="head")

    def _genesis(self):
        from ..sealing.chain import genesis

        return genesis(self._chain().uuid)

    # === files ===

    def test_changed_bytes_of_archive_and_invoice_are_named(self):
        archived = self.env["fr.archive.entry"].search(
            [("res_id", "=", self.move.id), ("kind", "=", "xml")]
        )
        attachment = archived._get_attachment()
        self._tamper(
            "UPDATE ir_attachment SET store_fname = NULL, db_datas = 'forged'"
            " WHERE id = %s",
            attachment.id,
        )
        self.assertFound("file_altered", where=f"fr.archive.entry,{archived.id}")

    def test_changed_pdf_of_the_invoice_is_named(self):
        attachment = self.move.invoice_pdf_report_id
        self._tamper(
            "UPDATE ir_attachment SET store_fname = NULL, db_datas = 'forged'"
            " WHERE id = %s",
            attachment.id,
        )
        self.assertFound("file_altered", where=f"ir.attachment,{attachment.id}")

    def test_deleted_archive_record_is_named(self):
        self._tamper(
            "DELETE FROM fr_archive_entry WHERE res_id = %s AND kind = 'pdf'",
            self.move.id,
        )
        self.assertFound("archive_missing", field="pdf")

    def test_forged_anchor_is_named(self):
        anchor = self.env["fr.seal.anchor"]._sign(self._chain())
        archived = self.env["fr.archive.entry"].search(
            [("model", "=", "fr.seal.anchor"), ("res_id", "=", anchor.id)]
        )
        self._tamper(
            "UPDATE ir_attachment SET store_fname = NULL, db_datas = '<x/>'"
            " WHERE id = %s",
            archived._get_attachment().id,
        )
        with mute_logger(LOGGER):
            codes = {problem.code for problem in self._verify()}
        self.assertEqual(codes, {"anchor_invalid", "file_altered"})

    # === guards ===

    def test_disabled_or_missing_trigger_is_named(self):
        self.env.cr.execute(
            "ALTER TABLE account_move DISABLE TRIGGER fr_seal_move_guard"
        )
        self.env.cr.execute("DROP TRIGGER fr_seal_entry_keep ON fr_seal_entry")
        with mute_logger(LOGGER):
            found = {problem.code: problem.what for problem in self._verify()}
        self.assertEqual(
            found,
            {
                "guard_disabled": "fr_seal_move_guard",
                "guard_missing": "fr_seal_entry_keep",
            },
        )
        chain = self._chain()
        self.assertEqual(chain.state, "broken")
        self.assertIn("fr_seal_move_guard", chain.problems_html)

    @mute_logger(LOGGER)
    def test_the_night_puts_one_activity_before_a_person(self):
        self._tamper("UPDATE account_move SET ref = 'x' WHERE id = %s", self.move.id)
        chain = self._chain()
        for _night in range(2):
            chain._work_daily()
        self.assertEqual(len(chain.activity_ids), 1)
        self.assertIn(self.move.name, chain.activity_ids.note)
