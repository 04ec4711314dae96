# Part of Relevé. See LICENSE file for full copyright and licensing details.
import json
import tempfile
from datetime import datetime
from pathlib import Path

from psycopg2 import Error

from odoo import Command
from odoo.exceptions import UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..sealing import kept
from ..sealing.canonical import canonical, sha256
from .seal_common import LOGGER, SealedLedger

FORGE = """
    INSERT INTO fr_seal_entry (company_id, kind, key, model, res_id, revision, name,
        sealed_at, user_id, payload, payload_sha256, size)
    SELECT company_id, kind, key, model, res_id, revision + 1, name, now(), user_id,
        %s, %s, %s FROM fr_seal_entry WHERE id = %s
"""


@tagged("post_install", "-at_install")
class TestSealAttacks(SealedLedger):
    """Whoever knows how the seal works still leaves a trace."""

    @mute_logger(LOGGER)
    def _found(self):
        return self._verify()

    def assertNamed(self, code, **facts):
        problems = self._found()
        self.assertEqual({problem.code for problem in problems}, {code}, problems)
        for name, value in facts.items():
            self.assertEqual(getattr(problems[0], name), value)
        chain = self._chain()
        # a person reads the sentence, in words of the software
        self.assertTrue(chain.problems_html)
        return problems[0]

    @mute_logger("odoo.sql_db")
    def assertRefusedBySql(self, statement, *parameters):
        with self.assertRaises(Error) as caught, self.env.cr.savepoint():
            self.env.cr.execute(statement, parameters)
        self.assertEqual(caught.exception.pgcode, "23000")

    def assertRefused(self, *changes):
        for change in changes:
            with self.assertRaises(UserError), self.env.cr.savepoint():
                change()

    # === an entry changed and sealed again ===

    def test_a_changed_entry_that_is_sealed_again_is_named(self):
        """Entry and last seal agree; the two seals do not."""
        entry = self._entries(self.other, "entry")
        content = json.loads(entry.payload)
        content["fields"]["amount_total"] = "12"
        text = canonical(content)
        self._tamper(
            "UPDATE account_move SET amount_total = 12 WHERE id = %s", self.other.id
        )
        self.env.cr.execute(FORGE, [text.decode(), sha256(text), len(text), entry.id])
        self.assertNamed(
            "sealed_again", field="amount_total", expected="120", found="12"
        )

    def test_a_true_amendment_is_no_problem(self):
        self.other.write({"ref": "Bon 12", "invoice_date_due": "2026-12-31"})
        self.other.write({"payment_reference": "RF18 5390 0754 7034"})
        self.assertEqual(self._found(), [])

    # === the record of the chain ===

    def test_documents_are_not_hidden_by_the_record_of_the_chain(self):
        chain = self._chain()
        for change in (
            "legacy_move_id = 999999999",
            "uuid = 'another'",
            "last_sequence = 0",
        ):
            self.assertRefusedBySql(
                f"UPDATE fr_seal_chain SET {change} WHERE id = %s", chain.id
            )
        self._tamper(
            "UPDATE fr_seal_chain SET legacy_move_id = 999999999 WHERE id = %s",
            chain.id,
        )
        self.assertNamed("chain_altered", field="legacy_move_id", found="999999999")

    def test_a_fact_filed_under_another_record_is_named(self):
        entry = self._entries(self.other, "entry")
        self._tamper("UPDATE fr_seal_entry SET res_id = 1 WHERE id = %s", entry.id)
        self.assertNamed("key_altered", what=self.other.name)

    # === payments ===

    def test_payment_recorded_and_deleted_leaves_a_trace(self):
        """A payment of a consumer that nobody matched with anything."""
        payment = self.env["account.payment"].create(
            {
                "partner_id": self.person.id,
                "partner_type": "customer",
                "payment_type": "inbound",
                "amount": 80,
                "journal_id": self.company_data["default_journal_bank"].id,
            }
        )
        self.assertFalse(self._entries(payment), "a draft is no payment")
        payment.action_post()
        payment.amount = 70
        payment.action_draft()
        key = payment.id
        with self.assertRaises(UserError), self.env.cr.savepoint():
            payment.unlink()
        payment.with_context(force_delete=True).unlink()
        facts = self.env["fr.seal.entry"].search(
            [("kind", "=", "receipt"), ("res_id", "=", key)], order="revision"
        )
        said = [json.loads(fact.payload) for fact in facts]
        self.assertEqual(
            [
                (fact["event"], fact["payment"]["state"], fact["payment"]["amount"])
                for fact in said
            ],
            [
                ("recorded", "recorded", "80"),
                ("recorded", "recorded", "70"),
                ("recorded", "draft", "70"),
                ("deleted", "draft", "70"),
            ],
        )
        self.assertEqual(said[0]["about"]["customer"], self.person.name)
        self.assertEqual(self._found(), [])

    def test_payment_changed_or_deleted_by_sql_is_named(self):
        payment = self._pay(self.other, 20)
        self.assertEqual(self._found(), [])
        self._tamper(
            "UPDATE account_payment SET date = '2026-01-01' WHERE id = %s", payment.id
        )
        self.assertNamed("payment_altered", field="date", found="2026-01-01")
        self._tamper("DELETE FROM account_payment WHERE id = %s", payment.id)
        self.assertNamed("payment_missing")

    def test_payment_put_in_by_sql_is_named(self):
        payment = self._pay(self.other, 20)
        self._tamper(
            "INSERT INTO account_payment (name, date, amount, currency_id, company_id,"
            " payment_type, partner_type, state, journal_id, payment_method_line_id)"
            " SELECT 'FAUX', date, 99, currency_id, company_id, payment_type,"
            " partner_type, state, journal_id, payment_method_line_id"
            " FROM account_payment WHERE id = %s",
            payment.id,
        )
        self.assertNamed("payment_not_sealed", what="FAUX", found="99")

    def test_entry_that_pays_a_sealed_document_stays(self):
        payment = self._pay(self.other, 20)
        partial = self.other.line_ids.matched_credit_ids
        self.assertRefused(
            lambda: payment.move_id.write({"date": "2026-10-01"}),
            lambda: payment.move_id.write({"name": "PBNK/1"}),
            lambda: partial.sudo().write({"amount": 1}),
        )
        self.assertRefusedBySql(
            "UPDATE account_partial_reconcile SET amount = 1 WHERE id = %s", partial.id
        )
        self.assertRefusedBySql(
            "DELETE FROM account_partial_reconcile WHERE id = %s", partial.id
        )
        self._tamper(
            "UPDATE account_move SET date = '2026-10-01' WHERE id = %s",
            payment.move_id.id,
        )
        self.assertNamed("payment_altered", field="date of the payment")

    # === statuses ===

    def _status(self):
        return self.env["fr.einvoice.status"]._record(
            self.move,
            "205",
            datetime(2026, 11, 3, 10, 0),
            "test/205",
            direction="in",
            reasons=[{"code": "NON_CONFORME", "text": "x", "note": None}],
        )

    def test_status_changed_deleted_or_added_is_refused_and_named(self):
        status = self._status()
        self.assertEqual(self._found(), [])
        self.assertRefusedBySql(
            "UPDATE fr_einvoice_status SET code = '210' WHERE id = %s", status.id
        )
        self.assertRefusedBySql(
            "DELETE FROM fr_einvoice_status WHERE id = %s", status.id
        )
        self._tamper(
            "INSERT INTO fr_einvoice_status (company_id, move_id, code, said_at, key,"
            " direction, create_date) SELECT company_id, move_id, '212', said_at,"
            " 'forged', direction, now() + interval '1 hour' FROM fr_einvoice_status"
            " WHERE id = %s",
            status.id,
        )
        self.assertNamed("status_not_sealed", field="212")
        self._tamper("DELETE FROM fr_einvoice_status WHERE key = 'forged'")
        self._tamper(
            "UPDATE fr_einvoice_status SET code = '210' WHERE id = %s", status.id
        )
        self.assertNamed("status_altered", expected="205", found="210")
        self._tamper("DELETE FROM fr_einvoice_status WHERE id = %s", status.id)
        self.assertNamed("status_missing", what=self.move.name)

    # === files ===

    def test_a_second_file_in_the_place_of_the_issued_one(self):
        values = {
            "name": "facture.pdf",
            "raw": b"%PDF-forged",
            "res_model": "account.move",
            "res_id": self.move.id,
            "res_field": "invoice_pdf_report_file",
        }
        attachments = self.env["ir.attachment"]
        beside = attachments.create({**values, "res_field": False})
        self.assertRefused(
            lambda: attachments.create(values),
            lambda: self.move.write({"invoice_pdf_report_file": b"YWJj"}),
            lambda: self.move.write({"fr_facturx_xml_file": False}),
        )
        self._tamper(
            "UPDATE ir_attachment SET res_field = 'invoice_pdf_report_file'"
            " WHERE id = %s",
            beside.id,
        )
        problem = self.assertNamed("file_added", what="facture.pdf")
        self.assertIn(self.move.name, problem.where)

    # === closings and keys ===

    def test_key_and_closing_are_kept_by_the_database(self):
        anchor = self.env["fr.seal.anchor"]._sign(self._chain())
        self.assertRefusedBySql(
            "UPDATE fr_seal_key SET certificate = 'x' WHERE id = %s", anchor.key_id.id
        )
        self.assertRefusedBySql("DELETE FROM fr_seal_anchor WHERE id = %s", anchor.id)

    # === what is kept outside ===

    def test_a_tail_cut_off_without_a_trace_inside_contradicts_a_kept_anchor(self):
        """Database and head agree: as after an old backup was put back."""
        chain = self._chain()
        last = self._make_invoice([self._line(price=999)])
        self.env["fr.seal.anchor"]._sign(chain)
        anchor = self.env["fr.seal.anchor"].search(
            [("company_id", "=", self.company.id)], limit=1
        )
        archived = self.env["fr.archive.entry"].search(
            [("model", "=", anchor._name), ("res_id", "=", anchor.id)]
        )
        signed, name = archived._get_attachment().raw, f"{anchor.sequence:09d}.xml"
        self.assertEqual(self._found(), [])
        sequence = self._entries(last, "entry").sequence - 1
        with self._unguarded():
            execute = self.env.cr.execute
            execute("DELETE FROM fr_seal_anchor WHERE id = %s", [anchor.id])
            execute("DELETE FROM fr_archive_entry WHERE id = %s", [archived.id])
            execute(
                "DELETE FROM fr_seal_entry WHERE company_id = %s AND"
                " (sequence > %s OR sequence IS NULL)",
                [self.company.id, sequence],
            )
            execute("DELETE FROM account_move_line WHERE move_id = %s", [last.id])
            execute("DELETE FROM account_move WHERE id = %s", [last.id])
            execute(
                "UPDATE fr_seal_chain SET last_sequence = %s, last_hash = (SELECT hash"
                " FROM fr_seal_entry WHERE company_id = %s AND sequence = %s)"
                " WHERE company_id = %s",
                [sequence, self.company.id, sequence, self.company.id],
            )
        self.assertEqual(self._found(), [], "nothing inside shows it")
        with tempfile.TemporaryDirectory() as folder:
            self.patch(
                self.env.registry["fr.seal.chain"],
                "_get_kept_folder",
                lambda self: Path(folder),
            )
            chain._write_kept(Path(folder), name, signed)
            problem = self.assertNamed("anchor_kept", found="no such link")
            self.assertIn("older backup", str(problem))

    def test_anchors_are_kept_in_a_folder_and_mailed(self):
        chain = self._chain()
        self.company.fr_seal_anchor_email = "cabinet@example.com"
        with tempfile.TemporaryDirectory() as folder:
            self.patch(
                self.env.registry["fr.seal.chain"],
                "_get_kept_folder",
                lambda self: Path(folder, "deep"),
            )
            # no other transaction sees the chain of a test
            self.patch(
                self.env.registry["fr.seal.chain"],
                "_link_now",
                staticmethod(lambda registry, chain_ids: None),
            )
            anchor = self.env["fr.seal.anchor"]._sign(chain)
            self.env.cr.postcommit.run()
            (read,) = chain._read_kept()
            self.assertEqual(
                (read.chain, read.sequence, read.head),
                (chain.uuid, anchor.sequence, anchor.head),
            )
        mail = self.env["mail.mail"].search(
            [("email_to", "=", "cabinet@example.com")], limit=1
        )
        self.assertIn(str(anchor.sequence), mail.subject)
        content = mail.attachment_ids.raw
        self.assertEqual(kept.read("a.xml", content).head, anchor.head)
        self.assertIn(str(anchor.sequence), anchor.display_name)
        with self.assertRaises(UserError):
            self.company.fr_seal_anchor_email = "nobody"

    # === through the lists of an invoice ===

    def test_lines_are_not_changed_through_the_invoice(self):
        line = self.move.invoice_line_ids
        self.assertRefused(
            lambda: self.move.write({"line_ids": [Command.delete(line.id)]}),
            lambda: self.move.write({"invoice_line_ids": [Command.clear()]}),
            lambda: self.move.write(
                {"invoice_line_ids": [Command.create(self._line())]}
            ),
            lambda: self.env["account.move.line"].create(
                {"move_id": self.move.id, "display_type": "line_note", "name": "x"}
            ),
            lambda: self.move.write({"currency_id": self.env.ref("base.USD").id}),
            lambda: line.write({"move_id": self.other.id}),
        )
        self.assertEqual(self._found(), [])
