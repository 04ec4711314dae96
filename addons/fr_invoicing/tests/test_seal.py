# Part of Relevé. See LICENSE file for full copyright and licensing details.
import json

from psycopg2 import Error

from odoo import Command
from odoo.exceptions import UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .seal_common import SealCommon


@tagged("post_install", "-at_install")
class TestSeal(SealCommon):
    """Posted documents are sealed, and nobody changes them: neither model nor SQL."""

    @mute_logger("odoo.sql_db")
    def assertRefusedBySql(self, statement, *parameters):
        with self.assertRaises(Error) as caught, self.env.cr.savepoint():
            self.env.cr.execute(statement, parameters)
        self.assertEqual(caught.exception.pgcode, "23000")

    # === sealing ===

    def test_posting_seals_the_exact_content(self):
        move = self._make_invoice([self._line(quantity=3, price=33.33)])
        entry = self._entries(move, "entry")
        self.assertEqual(len(entry), 1)
        self.assertTrue(move.fr_sealed_at)
        content = json.loads(entry.payload)
        self.assertEqual(content["fields"]["amount_total"], "119.99")
        self.assertEqual(content["fields"]["name"], move.name)
        self.assertEqual(len(content["lines"]), len(move.line_ids))
        line = content["lines"][str(move.invoice_line_ids.id)]
        self.assertEqual(line["price_unit"], "33.33")
        self.assertEqual(line["tax_ids"], str(move.invoice_line_ids.tax_ids.id))

    def test_draft_bill_and_other_countries_are_not_sealed(self):
        self.assertFalse(self._make_invoice([self._line()], post=False).fr_sealed_at)
        bill = self._make_invoice([self._line()], move_type="in_invoice", ref="F1")
        self.assertFalse(bill.fr_sealed_at)

    def test_links_follow_each_other(self):
        for _number in range(3):
            self._make_invoice([self._line()])
        chain = self._chain()
        # the beginning of the chain is its first fact
        self.assertEqual(chain._link(), 4)
        self.assertEqual(chain.last_sequence, 4)
        entries = self.env["fr.seal.entry"].search(
            [("company_id", "=", self.company.id)], order="sequence"
        )
        self.assertEqual(entries.mapped("sequence"), [1, 2, 3, 4])
        self.assertEqual(entries[0].kind, "begin")
        self.assertEqual(
            entries[1:].mapped("previous_hash"), entries[:-1].mapped("hash")
        )
        self.assertEqual(entries[-1].hash, chain.last_hash)
        self.assertEqual(chain._link(), 0)

    def test_files_are_sealed_and_archived_byte_for_byte(self):
        move = self._make_invoice([self._line()])
        move._fr_generate_facturx()
        self.assertValid(move)
        archived = self.env["fr.archive.entry"].search(
            [("model", "=", "account.move"), ("res_id", "=", move.id)]
        )
        self.assertEqual(set(archived.mapped("kind")), {"pdf", "xml"})
        pdf = archived.filtered(lambda entry: entry.kind == "pdf")
        self.assertEqual(pdf._get_attachment().raw, move.invoice_pdf_report_id.raw)
        self.assertEqual(pdf.sha256, self._entries(move, "pdf").payload_sha256)
        self.assertEqual(str(pdf.retention_until), "2036-12-31")

    def test_append_is_harmless_when_repeated(self):
        move = self._make_invoice([self._line()])
        seal = self.env["fr.seal.entry"]
        first = seal._append("status", move, {"code": "205"})
        self.assertEqual(seal._append("status", move, {"code": "205"}), first)
        other = seal._append("status", move, {"code": "212"})
        self.assertNotEqual(other, first)
        self.assertEqual(seal._append("status", move, {"code": "205"}), first)
        message = seal._append("flow", move, b"<CDAR/>", "cdar.xml", "application/xml")
        self.assertEqual(seal._append("flow", move, b"<CDAR/>"), message)
        archived = self.env["fr.archive.entry"].search(
            [("kind", "=", "flow"), ("res_id", "=", move.id)]
        )
        self.assertEqual(archived._get_attachment().raw, b"<CDAR/>")

    def test_payment_and_its_release_are_sealed(self):
        move = self._make_invoice([self._line()], self.person)
        self.env["account.payment.register"].with_context(
            active_model="account.move", active_ids=move.ids
        ).create({"amount": 50})._create_payments()
        partial = move.line_ids.matched_credit_ids
        entry = self._entries(partial, "payment")
        payload = json.loads(entry.payload)
        self.assertEqual(
            (payload["event"], payload["partial"]["amount"], payload["consumer"]),
            ("collected", "50", True),
        )
        partial_id = partial.id
        partial.unlink()
        events = self.env["fr.seal.entry"].search(
            [("kind", "=", "payment"), ("res_id", "=", partial_id)], order="id"
        )
        self.assertEqual(
            [json.loads(event.payload)["event"] for event in events],
            ["collected", "released"],
        )

    # === refused by the models ===

    def test_models_refuse_to_change_a_sealed_document(self):
        move = self._make_invoice([self._line()])
        line = move.invoice_line_ids
        receivable = move.line_ids - line - move.line_ids.filtered("tax_line_id")
        for change in (
            lambda: move.write({"invoice_date": "2026-11-03"}),
            lambda: move.write({"name": "INV/2026/99999"}),
            lambda: move.write({"partner_id": self.person.id}),
            lambda: move.write({"state": "draft"}),
            lambda: move.write({"fr_sealed_at": False}),
            lambda: move.write(
                {"invoice_line_ids": [Command.update(line.id, {"quantity": 2})]}
            ),
            lambda: line.write({"price_unit": 1}),
            lambda: line.write({"name": "Autre chose"}),
            lambda: line.write({"tax_ids": [Command.clear()]}),
            lambda: receivable.write({"account_id": line.account_id.id}),
            lambda: line.with_context(dynamic_unlink=True).unlink(),
            lambda: move.with_context(force_delete=True).unlink(),
            move.button_draft,
            move.button_cancel,
        ):
            with self.assertRaises(UserError), self.env.cr.savepoint():
                change()
        move.invalidate_recordset()
        self.assertEqual((move.state, line.quantity), ("posted", 1))

    def test_nothing_is_switched_off_afterwards(self):
        move = self._make_invoice([self._line()])
        entry = self._entries(move)
        chain = self._chain()
        for change in (
            lambda: self.company.write({"fr_seal_active": False}),
            lambda: entry.sudo().write({"payload": "{}"}),
            lambda: entry.sudo().unlink(),
            lambda: entry.sudo().create({}),
            lambda: chain.write({"last_sequence": 0}),
            lambda: chain.unlink(),
            lambda: self.company.write({"restrictive_audit_trail": False}),
        ):
            with self.assertRaises(UserError), self.env.cr.savepoint():
                change()

    def test_what_may_be_amended_is_sealed_again(self):
        move = self._make_invoice([self._line()])
        move.write({"ref": "Bon 12", "invoice_date_due": "2026-12-31"})
        move.write({"ref": "Bon 12"})
        entries = self._entries(move, "entry")
        self.assertEqual(entries.mapped("revision"), [1, 2])
        fields = json.loads(entries[-1].payload)["fields"]
        self.assertEqual(fields["ref"], "Bon 12")
        self.assertEqual(fields["invoice_date_due"], "2026-12-31")

    def test_ordinary_life_goes_on(self):
        """Paying, sending, crediting a sealed document."""
        move = self._make_invoice([self._line()])
        self.env["account.payment.register"].with_context(
            active_model="account.move", active_ids=move.ids
        ).create({})._create_payments()
        self.assertIn(move.payment_state, ("in_payment", "paid"))
        credit = self._credit(self._make_invoice([self._line()]))
        self.assertTrue(credit.fr_sealed_at)

    def test_customer_of_sealed_documents_is_not_merged_away(self):
        self._make_invoice([self._line()], self.person)
        other = self._make_partner("Une Personne (double)", city="Toulouse")
        merge = self.env["base.partner.merge.automatic.wizard"].create({})
        with self.assertRaisesRegex(UserError, "sealed documents"):
            merge._merge((self.person | other).ids, other, extra_checks=False)
        merge._merge((self.person | other).ids, self.person, extra_checks=False)
        self.assertFalse(other.exists())
        self.assertEqual(self._verify(), [])

    # === refused by the database ===

    def test_database_refuses_to_change_a_sealed_document(self):
        move = self._make_invoice([self._line()])
        move._fr_generate_facturx()
        self.env.flush_all()
        line = move.invoice_line_ids
        refused = self.assertRefusedBySql
        refused("UPDATE account_move SET amount_total = 1 WHERE id = %s", move.id)
        refused("UPDATE account_move SET state = 'draft' WHERE id = %s", move.id)
        refused("UPDATE account_move SET fr_sealed_at = NULL WHERE id = %s", move.id)
        refused("DELETE FROM account_move WHERE id = %s", move.id)
        refused("UPDATE account_move_line SET debit = 1 WHERE id = %s", line.id)
        refused("UPDATE account_move_line SET name = 'x' WHERE id = %s", line.id)
        refused("UPDATE account_move_line SET move_id = 1 WHERE id = %s", line.id)
        refused("DELETE FROM account_move_line WHERE id = %s", line.id)
        refused(
            "INSERT INTO account_move_line (move_id, display_type, currency_id)"
            " VALUES (%s, 'line_note', %s)",
            move.id,
            move.currency_id.id,
        )
        for table in ("account_move_line", "fr_seal_entry", "fr_archive_entry"):
            refused(f"TRUNCATE {table} CASCADE")

    def test_database_refuses_to_change_chain_and_archive(self):
        move = self._make_invoice([self._line()])
        move._fr_generate_facturx()
        self._chain()._link()
        self.env.flush_all()
        refused = self.assertRefusedBySql
        refused("UPDATE fr_seal_entry SET payload = '{}' WHERE res_id = %s", move.id)
        refused("UPDATE fr_seal_entry SET sequence = 99 WHERE res_id = %s", move.id)
        refused("UPDATE fr_seal_entry SET hash = 'x' WHERE res_id = %s", move.id)
        refused("DELETE FROM fr_seal_entry WHERE res_id = %s", move.id)
        refused("DELETE FROM fr_seal_chain")
        refused("DELETE FROM fr_archive_entry WHERE res_id = %s", move.id)
        refused("UPDATE fr_archive_entry SET sha256 = 'x' WHERE res_id = %s", move.id)
        refused(
            "UPDATE fr_archive_entry SET retention_until = '2027-01-01'"
            " WHERE res_id = %s",
            move.id,
        )
        archived = self.env["fr.archive.entry"].search([("res_id", "=", move.id)])
        for attachment in (
            archived[0]._get_attachment(),
            move.invoice_pdf_report_id,
            move._fr_get_xml_attachment(),
        ):
            refused("DELETE FROM ir_attachment WHERE id = %s", attachment.id)
            refused(
                "UPDATE ir_attachment SET checksum = 'x' WHERE id = %s", attachment.id
            )
            refused("UPDATE ir_attachment SET res_id = 0 WHERE id = %s", attachment.id)

    def test_archive_is_guarded_by_its_model(self):
        move = self._make_invoice([self._line()])
        move._fr_generate_facturx()
        archived = self.env["fr.archive.entry"].search([("res_id", "=", move.id)])[:1]
        longer = "2046-12-31"
        archived.sudo().write({"retention_until": longer})
        self.assertEqual(str(archived.retention_until), longer)
        for change in (
            lambda: archived.sudo().write({"retention_until": "2036-12-31"}),
            lambda: archived.sudo().write({"content": False}),
            lambda: archived.sudo().unlink(),
            lambda: archived._get_attachment().unlink(),
            lambda: archived._get_attachment().write({"raw": b"x"}),
        ):
            with self.assertRaises(UserError), self.env.cr.savepoint():
                change()
