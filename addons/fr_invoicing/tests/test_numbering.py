# Part of Relevé. See LICENSE file for full copyright and licensing details.
import base64
import csv
import io

from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user, tagged

from .common import FrInvoicingCommon


@tagged("post_install", "-at_install")
class TestNumbering(FrInvoicingCommon):
    """Numbers of customer documents leave no gap; those that do are told."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # a sealed document cannot even be reopened: these are the guards of the others
        cls.company.write({"fr_facturx_auto": False, "fr_seal_active": False})
        cls.invoices = cls.env["account.move"]
        for _number in range(4):
            cls.invoices += cls._make_invoice([cls._line()])
        cls.journal = cls.invoices.journal_id
        cls.Gap = cls.env["fr.number.gap"]

    def _gaps(self):
        """Give the findings on the sale journal."""
        return self.Gap._refresh(self.company).filtered(
            lambda gap: gap.journal_id == self.journal
        )

    def _lose(self, move):
        """Take a move out of the ledger behind the ORM's back."""
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE account_move SET sequence_number = 0, name = '/' WHERE id = %s",
            [move.id],
        )
        self.env.invalidate_all()

    def test_posting_keeps_its_time(self):
        self.assertTrue(all(self.invoices.mapped("fr_posted_at")))
        draft = self._make_invoice([self._line()], post=False)
        self.assertFalse(draft.fr_posted_at)

    def test_a_document_in_the_middle_is_not_deleted_by_a_manager(self):
        second = self.invoices[1]
        second.button_draft()
        self.assertTrue(self.env.user.has_group("account.group_account_manager"))
        with self.assertRaisesRegex(UserError, second.name):
            second.unlink()

    def test_the_last_document_may_be_deleted_while_it_was_not_issued(self):
        last = self.invoices[3]
        last.button_draft()
        name = last.name
        last.unlink()
        self.assertFalse(self._gaps())
        self.assertEqual(self._make_invoice([self._line()]).name, name)

    def test_an_issued_document_is_not_deleted(self):
        last = self.invoices[3]
        last.button_draft()
        last.is_move_sent = True
        with self.assertRaisesRegex(UserError, "issued"):
            last.unlink()

    def test_a_number_in_the_middle_is_not_emptied_nor_changed(self):
        second = self.invoices[1]
        second.button_draft()
        for name in (False, "/", "INV/2026/00999"):
            with self.assertRaisesRegex(UserError, "gap"):
                second.name = name

    def test_the_last_number_may_be_emptied_in_draft(self):
        last = self.invoices[3]
        last.button_draft()
        last.write(
            {
                "name": False,
                "invoice_date": "2027-01-04",
                "date": "2027-01-04",
                "invoice_date_due": "2027-02-04",
            }
        )
        last.action_post()
        self.assertIn("2027", last.name)
        self.assertFalse(self._gaps())

    def test_an_issued_number_does_not_change(self):
        self.invoices[3].is_move_sent = True
        with self.assertRaisesRegex(UserError, "issued"):
            self.invoices[3].name = "INV/2026/00999"

    def test_the_resequence_wizard_cannot_renumber_what_was_issued(self):
        self.invoices[0].is_move_sent = True
        wizard = (
            self.env["account.resequence.wizard"]
            .with_context(active_model="account.move", active_ids=self.invoices.ids)
            .create({"first_name": "INV/2026/00100", "ordering": "keep"})
        )
        with self.assertRaisesRegex(UserError, "issued"):
            wizard.resequence()

    def test_a_missing_number_is_reported_with_its_neighbour(self):
        self._lose(self.invoices[1])
        self._lose(self.invoices[2])
        (gap,) = self._gaps()
        self.assertEqual((gap.kind, gap.count, gap.year), ("missing", 2, 2026))
        self.assertEqual(gap.first_number[-5:], "00002")
        self.assertEqual(gap.last_number[-5:], "00003")
        self.assertEqual(gap.move_id, self.invoices[3])

    def test_an_explanation_stays_with_its_gap(self):
        self._lose(self.invoices[1])
        (gap,) = self._gaps()
        gap.explanation = "Numéro brûlé par une panne"
        self.assertEqual(gap.state, "explained")
        (again,) = self._gaps()
        self.assertEqual((again, again.state), (gap, "explained"))

    def test_back_in_draft_and_cancelled_are_reported(self):
        self.invoices[1].button_draft()
        self.invoices[2].button_draft()
        self.invoices[2].button_cancel()
        kinds = {gap.first_number: gap.kind for gap in self._gaps()}
        self.assertEqual(
            kinds,
            {self.invoices[1].name: "draft", self.invoices[2].name: "cancel"},
        )
        self.invoices[1].action_post()
        self.assertEqual(self._gaps().mapped("kind"), ["cancel"])

    def test_what_was_deleted_by_force_is_told(self):
        second = self.invoices[1]
        name, user = second.name, self.env.user.name
        second.button_draft()
        second.with_context(force_delete=True).unlink()
        (gap,) = self._gaps()
        self.assertIn(name, gap.trace)
        self.assertIn(user, gap.trace)
        self.assertIn(self.business.name, gap.trace)

    def test_a_sequence_that_starts_late(self):
        move = self._make_invoice([self._line()], post=False, invoice_date="2028-01-03")
        move.invoice_date_due = "2028-02-03"
        move.name = "INV/2028/00050"
        move.action_post()
        (gap,) = self._gaps()
        self.assertEqual((gap.kind, gap.first, gap.last), ("start", 1, 49))

    def test_csv(self):
        self._lose(self.invoices[1])
        gap = self._gaps()
        gap.explanation = "=cmd()"
        action = gap.action_export_csv()
        download = self.env["fr.download"].search([], order="id desc", limit=1)
        self.assertIn(str(download.id), action["url"])
        text = download.with_context(bin_size=False).file
        rows = list(csv.reader(io.StringIO(base64.b64decode(text).decode("utf-8-sig"))))
        self.assertEqual(rows[1][4], gap.first_number)
        self.assertEqual(rows[1][-1], "'=cmd()")

    def test_access(self):
        self._lose(self.invoices[1])
        gap = self._gaps()
        auditor = new_test_user(
            self.env,
            "gap_auditor",
            groups="usage_billing.group_usage_billing_auditor,"
            "account.group_account_readonly",
            company_id=self.company.id,
            company_ids=[self.company.id],
        )
        self.Gap.with_user(auditor).action_open_report()
        self.assertEqual(gap.with_user(auditor).first_number, gap.first_number)
        with self.assertRaises(AccessError):
            gap.with_user(auditor).explanation = "no"
        accountant = new_test_user(
            self.env,
            "gap_accountant",
            groups="account.group_account_manager",
            company_id=self.company.id,
            company_ids=[self.company.id],
        )
        gap.with_user(accountant).explanation = "yes"
        with self.assertRaises(UserError):
            gap.with_user(accountant).count = 1
