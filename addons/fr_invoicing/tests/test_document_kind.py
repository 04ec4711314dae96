# Part of Relevé. See LICENSE file for full copyright and licensing details.
from datetime import date, timedelta

from freezegun import freeze_time

from odoo import Command
from odoo.exceptions import ValidationError
from odoo.tests import tagged

from ..einvoice import kinds
from ..einvoice.arithmetic import NS
from ..models.fr_document_kind import CREDIT_CODES, INVOICE_CODES
from .common import DAY, FrInvoicingCommon

NOTES = "//ram:IncludedNote/ram:Content"


@tagged("post_install", "-at_install")
class TestDocumentKind(FrInvoicingCommon):
    """Kinds of documents as dated data; the mandate of a self-billed supplier."""

    def kind(self, name):
        return self.env.ref(f"fr_invoicing.fr_document_kind_{name}")

    def test_data_say_what_the_norm_says(self):
        for names, table in (
            (INVOICE_CODES, kinds.INVOICES),
            (CREDIT_CODES, kinds.CREDIT_NOTES),
        ):
            for kind, codes in table.items():
                if kind == kinds.FINAL:
                    continue
                record = self.env["fr.document.kind"]._get_for(kind, "", DAY)
                self.assertEqual(tuple(record[name] for name in names), codes, kind)

    def test_customer_and_journal_say_what_is_usual(self):
        self.business.fr_document_kind_id = self.kind("subcontractor")
        move = self._make_invoice([self._line()])
        self.assertEqual(move.fr_document_kind_id, self.kind("subcontractor"))
        self.assertEqual((move.fr_type_code, move.fr_process_code), ("380", "S5"))
        self.business.fr_document_kind_id = False
        move.journal_id.fr_document_kind_id = self.kind("subcontractor_paid")
        other = self._make_invoice([self._line()])
        (move | other)._fr_generate_facturx()
        self.assertValid(other)
        self.assertEqual(other.fr_process_code, "S3")
        # neither a credit note nor a deposit is one
        credit = self._credit(other)
        self.assertEqual(credit.fr_process_code, "S1")

    def test_kind_chosen_on_the_invoice(self):
        move = self._make_invoice([self._line()], post=False)
        self.assertEqual(move.fr_document_kind_id, self.kind("standard"))
        move.fr_document_kind_id = self.kind("co_contractor")
        self.assertEqual(move.fr_frame_choice, "6")
        self.assertEqual(move.fr_process_code, "S6")
        move.fr_document_kind_id = self.kind("standard")
        self.assertEqual(move.fr_process_code, "S1")
        move.action_post()
        move._fr_generate_facturx()
        self.assertValid(move)

    def test_codes_change_with_the_day_and_issued_ones_do_not(self):
        before = self._make_invoice([self._line()])
        before._fr_generate_facturx()
        old = self.kind("standard")
        old.valid_to = DAY
        old.copy(
            {
                "valid_from": DAY + timedelta(days=1),
                "valid_to": False,
                "invoice_code": "393",
            }
        )
        after = self._make_invoice(
            [self._line()], invoice_date=DAY + timedelta(days=1), post=False
        )
        self.assertEqual((before.fr_type_code, after.fr_type_code), ("380", "393"))

    def test_code_that_no_invoice_may_bear_is_refused(self):
        with self.assertRaisesRegex(ValidationError, "381"):
            self.kind("standard").invoice_code = "381"

    # === Self-billing mandate === #

    def _self_billed(self, **values):
        journal = self.env["account.journal"].search(
            [("code", "=", "AUTO"), ("company_id", "=", self.company.id)]
        ) or self.env["account.journal"].create(
            {
                "name": "Autofactures",
                "code": "AUTO",
                "type": "purchase",
                "is_self_billing": True,
                "default_account_id": self.company_data["default_account_expense"].id,
            }
        )
        return self._make_invoice(
            [
                {
                    "name": "Part de revenu",
                    "quantity": 1,
                    "price_unit": 400,
                    "tax_ids": [Command.set(self._tax("tva_acq_encaissement").ids)],
                }
            ],
            move_type="in_invoice",
            journal_id=journal.id,
            **values,
        )

    def _mandate(self, **values):
        return self.env["fr.billing.mandate"].create(
            {
                "name": "MANDAT-7",
                "company_id": self.company.id,
                "partner_id": self.business.id,
                "signed_date": date(2026, 10, 1),
                **values,
            }
        )

    def test_missing_mandate_is_told_and_opens_the_supplier(self):
        move = self._self_billed()
        [finding] = [f for f in move._fr_preflight() if f.code == "mandate_missing"]
        self.assertFalse(finding.is_fatal)
        self.assertEqual(
            (finding.model, finding.res_id, finding.field),
            ("res.partner", self.business.id, "fr_billing_mandate_ids"),
        )
        self.assertEqual(move.fr_acceptance, "none")

    def test_mandate_in_force_is_named_on_the_document(self):
        self._mandate(valid_to=date(2026, 10, 31), name="ANCIEN")
        self._mandate(valid_from=date(2026, 11, 1))
        move = self._self_billed()
        move._fr_generate_facturx()
        self.assertValid(move)
        notes = self._xml(move).xpath(f"{NOTES}/text()", namespaces=NS)
        self.assertIn(
            f"Facture établie par {self.company.name} au nom et pour le compte de "
            f"{self.business.name}, mandat MANDAT-7 (01/10/2026).",
            notes,
        )
        self.assertFalse(
            [f for f in move._fr_preflight() if f.code == "mandate_missing"]
        )

    def test_two_mandates_for_the_same_days_are_refused(self):
        self._mandate()
        with self.assertRaisesRegex(ValidationError, "MANDAT-7"):
            self._mandate(name="MANDAT-8", signed_date=date(2027, 1, 1))

    def test_acceptance_is_tacit_or_written(self):
        mandate = self._mandate(contest_days=15)
        move = self._self_billed()
        with freeze_time(DAY + timedelta(days=15)):
            move.invalidate_recordset(["fr_acceptance"])
            self.assertEqual(move.fr_acceptance, "waiting")
        with freeze_time(DAY + timedelta(days=16)):
            move.invalidate_recordset(["fr_acceptance"])
            self.assertEqual(move.fr_acceptance, "tacit")
            mandate.acceptance = "written"
            move.invalidate_recordset(["fr_acceptance"])
            self.assertEqual(move.fr_acceptance, "waiting")
        move.action_fr_supplier_disputes()
        self.assertEqual(move.fr_acceptance, "disputed")
        move.action_fr_supplier_accepts()
        self.assertEqual(move.fr_acceptance, "accepted")
        self.assertFalse(move.fr_disputed_date)
