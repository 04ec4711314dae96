# Part of Relevé. See LICENSE file for full copyright and licensing details.
from datetime import date

from freezegun import freeze_time

from odoo import Command
from odoo.tests import tagged

from .test_ereporting import TODAY, EreportingCommon

DAY = date(2026, 11, 2)


@freeze_time(TODAY)
@tagged("post_install", "-at_install")
class TestEreportingPurchase(EreportingCommon):
    """Purchases abroad whose VAT the company owes are reported as buyer (CGI 290)."""

    def _make_bill(self, tax, partner, ref, move_type="in_invoice", **values):
        tax = self._tax(tax)
        tax.active = True
        move = self.env["account.move"].create(
            {
                "move_type": move_type,
                "partner_id": partner.id,
                "invoice_date": DAY,
                "ref": ref,
                "invoice_line_ids": [
                    Command.create(
                        {
                            "name": "Achat",
                            "quantity": 1,
                            "price_unit": 300,
                            "tax_ids": [Command.set(tax.ids)],
                        }
                    )
                ],
                **values,
            }
        )
        move.action_post()
        return move

    def test_goods_and_services_from_the_union(self):
        self._make_bill("tva_intra_normale_biens", self.german, "RE-2026-1")
        self._make_bill("tva_intra_normale_services", self.german, "RE.2026 n°2")
        report = self._report("purchase", DAY)
        root = self._root(report)
        self.assertEqual(root.findtext(".//Issuer/RoleCode"), "BY")
        found = {
            invoice.findtext("ID"): (
                invoice.findtext("TaxSubTotal/TaxCategory/Code"),
                invoice.findtext("MonetaryTotal/TaxExclusiveAmount"),
                invoice.findtext("MonetaryTotal/TaxAmount"),
                invoice.findtext("Seller/CompanyId"),
                invoice.findtext("Buyer/CompanyId"),
                invoice.findtext("BusinessProcess/ID"),
            )
            for invoice in root.iter("Invoice")
        }
        self.assertEqual(
            found,
            {
                "RE-2026-1": ("K", "300.00", "0.00", "DE123456788", "100000009", "B1"),
                "RE-2026 n-2": (
                    "AE",
                    "300.00",
                    "0.00",
                    "DE123456788",
                    "100000009",
                    "S1",
                ),
            },
        )

    def test_service_from_outside_the_union(self):
        self._make_bill("tva_purchase_service_20_import", self.american, "INV-9")
        root = self._root(self._report("purchase", DAY))
        self.assertEqual(root.findtext(".//Seller/CompanyId"), "USCUSTOMERINC")
        self.assertEqual(root.find(".//Seller/CompanyId").get("schemeId"), "0227")

    def test_import_and_supplier_vat_stay_out(self):
        goods = self._make_bill("tva_import_outside_eu_20", self.american, "INV-10")
        taxed = self._make_bill("tva_acq_normale", self.german, "RE-2026-3")
        self._make_bill("tva_acq_normale", self.business, "F-1")
        self._collect()
        period = self._period("purchase", DAY)
        self.assertEqual((period.operation_count, period.excluded_count), (0, 2))
        self.assertEqual(goods.fr_ereporting_item_ids.exclusion, "import")
        self.assertEqual(taxed.fr_ereporting_item_ids.exclusion, "not_reverse_charged")

    def test_credit_note_without_its_invoice_is_held(self):
        credit = self._make_bill(
            "tva_intra_normale_biens", self.german, "GS-1", move_type="in_refund"
        )
        self._collect()
        self.assertEqual(credit.fr_ereporting_item_ids.held_reason, "reference")
        period = self._period("purchase", DAY)
        self.assertEqual(period.held_count, 1)

    def test_credit_note_lessens_the_purchases(self):
        bill = self._make_bill("tva_intra_normale_biens", self.german, "RE-2026-4")
        wizard = (
            self.env["account.move.reversal"]
            .with_context(active_model="account.move", active_ids=bill.ids)
            .create({"journal_id": bill.journal_id.id, "date": DAY})
        )
        credit = self.env["account.move"].browse(wizard.refund_moves()["res_id"])
        credit.write({"ref": "GS-2026-4", "invoice_date": DAY})
        credit.action_post()
        report = self._report("purchase", DAY)
        self.assertEqual(report.basis, 0)
        found = {
            invoice.findtext("ID"): invoice
            for invoice in self._root(report).iter("Invoice")
        }
        self.assertEqual(found["GS-2026-4"].findtext("TypeCode"), "381")
        self.assertEqual(
            found["GS-2026-4"].findtext("ReferencedDocument/ID"), "RE-2026-4"
        )
