# Part of Relevé. See LICENSE file for full copyright and licensing details.
import base64
import os
from pathlib import Path

from odoo.exceptions import UserError
from odoo.tests import Form, tagged

from ..transmission import cdar
from .common_transmission import TransmissionCommon

# ruff: noqa: E501 - an invoice as it comes
SUPPLIER = "732829320"
CII = """<rsm:CrossIndustryInvoice
 xmlns:rsm="urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100"
 xmlns:ram="urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100"
 xmlns:udt="urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100">
<rsm:ExchangedDocumentContext><ram:GuidelineSpecifiedDocumentContextParameter>
<ram:ID>urn:cen.eu:en16931:2017</ram:ID>
</ram:GuidelineSpecifiedDocumentContextParameter></rsm:ExchangedDocumentContext>
<rsm:ExchangedDocument><ram:ID>{number}</ram:ID><ram:TypeCode>{kind}</ram:TypeCode>
<ram:IssueDateTime><udt:DateTimeString format="102">20261105</udt:DateTimeString>
</ram:IssueDateTime></rsm:ExchangedDocument>
<rsm:SupplyChainTradeTransaction>
<ram:IncludedSupplyChainTradeLineItem>
<ram:AssociatedDocumentLineDocument><ram:LineID>1</ram:LineID>
</ram:AssociatedDocumentLineDocument>
<ram:SpecifiedTradeProduct><ram:Name>Transit</ram:Name></ram:SpecifiedTradeProduct>
<ram:SpecifiedLineTradeAgreement><ram:NetPriceProductTradePrice>
<ram:ChargeAmount>250.00</ram:ChargeAmount></ram:NetPriceProductTradePrice>
</ram:SpecifiedLineTradeAgreement>
<ram:SpecifiedLineTradeDelivery><ram:BilledQuantity unitCode="C62">2</ram:BilledQuantity>
</ram:SpecifiedLineTradeDelivery>
<ram:SpecifiedLineTradeSettlement><ram:ApplicableTradeTax><ram:TypeCode>VAT</ram:TypeCode>
<ram:CategoryCode>S</ram:CategoryCode>
<ram:RateApplicablePercent>20</ram:RateApplicablePercent></ram:ApplicableTradeTax>
<ram:SpecifiedTradeSettlementLineMonetarySummation>
<ram:LineTotalAmount>500.00</ram:LineTotalAmount>
</ram:SpecifiedTradeSettlementLineMonetarySummation></ram:SpecifiedLineTradeSettlement>
</ram:IncludedSupplyChainTradeLineItem>
<ram:ApplicableHeaderTradeAgreement>
<ram:SellerTradeParty><ram:Name>Fournisseur Exemple SAS</ram:Name>
<ram:SpecifiedLegalOrganization><ram:ID schemeID="0002">{seller}</ram:ID>
</ram:SpecifiedLegalOrganization>
<ram:PostalTradeAddress><ram:CountryID>FR</ram:CountryID></ram:PostalTradeAddress>
</ram:SellerTradeParty>
<ram:BuyerTradeParty><ram:Name>Nous</ram:Name>
<ram:SpecifiedLegalOrganization><ram:ID schemeID="0002">{buyer}</ram:ID>
</ram:SpecifiedLegalOrganization></ram:BuyerTradeParty>
</ram:ApplicableHeaderTradeAgreement>
<ram:ApplicableHeaderTradeDelivery/>
<ram:ApplicableHeaderTradeSettlement>
<ram:InvoiceCurrencyCode>EUR</ram:InvoiceCurrencyCode>
<ram:ApplicableTradeTax><ram:CalculatedAmount>100.00</ram:CalculatedAmount>
<ram:TypeCode>VAT</ram:TypeCode><ram:BasisAmount>500.00</ram:BasisAmount>
<ram:CategoryCode>S</ram:CategoryCode>
<ram:RateApplicablePercent>20</ram:RateApplicablePercent></ram:ApplicableTradeTax>
<ram:SpecifiedTradeSettlementHeaderMonetarySummation>
<ram:LineTotalAmount>500.00</ram:LineTotalAmount>
<ram:TaxBasisTotalAmount>500.00</ram:TaxBasisTotalAmount>
<ram:TaxTotalAmount currencyID="EUR">100.00</ram:TaxTotalAmount>
<ram:GrandTotalAmount>600.00</ram:GrandTotalAmount>
<ram:DuePayableAmount>600.00</ram:DuePayableAmount>
</ram:SpecifiedTradeSettlementHeaderMonetarySummation>
</ram:ApplicableHeaderTradeSettlement>
</rsm:SupplyChainTradeTransaction></rsm:CrossIndustryInvoice>"""
UBL = """<Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"
 xmlns:cac="urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"
 xmlns:cbc="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2">
<cbc:CustomizationID>urn:cen.eu:en16931:2017</cbc:CustomizationID>
<cbc:ID>{number}</cbc:ID><cbc:IssueDate>2026-11-05</cbc:IssueDate>
<cbc:InvoiceTypeCode>380</cbc:InvoiceTypeCode>
<cbc:DocumentCurrencyCode>EUR</cbc:DocumentCurrencyCode>
<cac:AccountingSupplierParty><cac:Party><cac:PartyName>
<cbc:Name>Fournisseur Exemple SAS</cbc:Name></cac:PartyName>
<cac:PostalAddress><cac:Country><cbc:IdentificationCode>FR</cbc:IdentificationCode>
</cac:Country></cac:PostalAddress>
<cac:PartyLegalEntity><cbc:RegistrationName>Fournisseur Exemple SAS</cbc:RegistrationName>
<cbc:CompanyID schemeID="0002">{seller}</cbc:CompanyID></cac:PartyLegalEntity>
</cac:Party></cac:AccountingSupplierParty>
<cac:AccountingCustomerParty><cac:Party><cac:PartyLegalEntity>
<cbc:RegistrationName>Nous</cbc:RegistrationName>
<cbc:CompanyID schemeID="0002">{buyer}</cbc:CompanyID></cac:PartyLegalEntity>
</cac:Party></cac:AccountingCustomerParty>
<cac:TaxTotal><cbc:TaxAmount currencyID="EUR">100.00</cbc:TaxAmount></cac:TaxTotal>
<cac:LegalMonetaryTotal>
<cbc:LineExtensionAmount currencyID="EUR">500.00</cbc:LineExtensionAmount>
<cbc:TaxExclusiveAmount currencyID="EUR">500.00</cbc:TaxExclusiveAmount>
<cbc:TaxInclusiveAmount currencyID="EUR">600.00</cbc:TaxInclusiveAmount>
<cbc:PayableAmount currencyID="EUR">600.00</cbc:PayableAmount></cac:LegalMonetaryTotal>
<cac:InvoiceLine><cbc:ID>1</cbc:ID>
<cbc:InvoicedQuantity unitCode="C62">2</cbc:InvoicedQuantity>
<cbc:LineExtensionAmount currencyID="EUR">500.00</cbc:LineExtensionAmount>
<cac:Item><cbc:Name>Transit</cbc:Name><cac:ClassifiedTaxCategory><cbc:ID>S</cbc:ID>
<cbc:Percent>20</cbc:Percent><cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme>
</cac:ClassifiedTaxCategory></cac:Item>
<cac:Price><cbc:PriceAmount currencyID="EUR">250.00</cbc:PriceAmount></cac:Price>
</cac:InvoiceLine></Invoice>"""


@tagged("post_install", "-at_install")
class TestReceivedBills(TransmissionCommon):
    def _deliver(self, number="FA-1", template=CII, syntax="CII", **values):
        facts = {
            "number": number,
            "kind": "380",
            "seller": SUPPLIER,
            "buyer": self.company.partner_id.fr_siren,
            **values,
        }
        content = template.format(**facts).encode()
        self.approved.store.put("SupplierInvoice", syntax, content, f"{number}.xml")
        self._exchange(seconds=10)
        return self.env["fr.einvoice.flow"].search(
            [("direction", "=", "in"), ("kind", "=", "invoice")], limit=1
        )

    def test_cii_and_ubl_become_draft_bills(self):
        for number, template, syntax in (("A", CII, "CII"), ("B", UBL, "UBL")):
            flow = self._deliver(number, template, syntax)
            bill = flow.move_id
            self.assertEqual((flow.state, flow.error), ("processed", ""), syntax)
            self.assertEqual((bill.move_type, bill.state), ("in_invoice", "draft"))
            self.assertEqual(bill.ref, number)
            self.assertEqual(str(bill.invoice_date), "2026-11-05")
            self.assertEqual((bill.amount_untaxed, bill.amount_total), (500, 600))
            self.assertEqual(bill.partner_id.fr_siren, SUPPLIER)
            self.assertTrue(bill.partner_id.fr_needs_review)
            self.assertTrue(bill.fr_is_received_bill)

    def test_facturx_pdf_becomes_a_draft_bill_and_stays_as_it_came(self):
        base = os.environ.get("RELEVE_SHARED")
        root = Path(__file__).resolve().parents[3]
        folder = Path(base) if base else root.parent / "shared"
        path = folder / "data/einvoice/samples/good/fr_service_380.pdf"
        if not path.is_file():
            self.skipTest(f"{path} is absent: set RELEVE_SHARED to the shared folder")
        # the sample is addressed to 200000008
        self.company.partner_id.write(
            {
                "company_registry": False,
                "vat": False,
                "fr_siret": False,
                "fr_siren": "200000008",
                "fr_eaddress": False,
            }
        )
        content = path.read_bytes()
        self.approved.store.put("SupplierInvoice", "Factur-X", content, "facture.pdf")
        self._exchange(seconds=10)
        flow = self.env["fr.einvoice.flow"].search([("direction", "=", "in")], limit=1)
        self.assertEqual((flow.state, flow.error), ("processed", ""))
        self.assertTrue(flow.move_id.invoice_line_ids)
        self.assertEqual(flow._get_bytes(), content)
        self.assertEqual(base64.b64decode(flow.content), content)

    def test_supplier_with_a_wrong_vat_key_is_created_without_it(self):
        seller = f'<ram:ID schemeID="0002">{SUPPLIER}</ram:ID>'
        template = CII.replace("{seller}", SUPPLIER).replace(
            "</ram:SellerTradeParty>",
            '<ram:SpecifiedTaxRegistration><ram:ID schemeID="VA">FR00732829320'
            "</ram:ID></ram:SpecifiedTaxRegistration></ram:SellerTradeParty>",
        )
        self.assertIn(seller, template)
        bill = self._deliver(template=template).move_id
        self.assertEqual(bill.partner_id.fr_siren, SUPPLIER)
        self.assertFalse(bill.partner_id.vat)
        self.assertTrue(bill.partner_id.fr_needs_review)

    def test_known_supplier_is_used(self):
        known = self._make_partner(
            "Fournisseur", is_company=True, city="Lille", fr_siren=SUPPLIER
        )
        bill = self._deliver().move_id
        self.assertEqual(bill.partner_id, known)
        self.assertFalse(known.fr_needs_review)

    def test_credit_note_becomes_a_refund(self):
        self.assertEqual(self._deliver(kind="381").move_id.move_type, "in_refund")

    def test_the_same_invoice_is_refused_however_it_comes(self):
        first = self._deliver()
        for template, syntax in ((CII, "CII"), (UBL, "UBL")):
            flow = self._deliver(template=template, syntax=syntax)
            self.assertEqual(
                (flow.state, flow.error_code), ("failed", "bill_duplicate")
            )
            self.assertIn("FA-1", flow.error)
        bills = self.env["account.move"].search([("ref", "=", "FA-1")])
        self.assertEqual(bills, first.move_id)

    def test_bill_entered_by_hand_before_is_not_doubled(self):
        supplier = self._make_partner(
            "Fournisseur", is_company=True, city="Lille", fr_siren=SUPPLIER
        )
        by_hand = self.env["account.move"].create(
            {"move_type": "in_invoice", "partner_id": supplier.id, "ref": "FA-1"}
        )
        flow = self._deliver()
        self.assertEqual(flow.error_code, "bill_duplicate")
        self.assertEqual(
            self.env["account.move"].search([("ref", "=", "FA-1")]), by_hand
        )

    def test_bills_of_others_and_self_billed_ones_are_not_entered(self):
        for values, code in (
            ({"buyer": "200000008"}, "bill_other_buyer"),
            ({"kind": "389"}, "bill_self_billed"),
        ):
            flow = self._deliver(**values)
            self.assertEqual((flow.state, flow.error_code), ("failed", code))
            self.assertTrue(flow.error)

    def test_unreadable_files_are_kept(self):
        for content in (b"", b"%PDF-1.4 broken", b"<a/>", b"\x00\xff"):
            self.approved.store.put("SupplierInvoice", "Factur-X", content, "x.pdf")
        self._exchange(seconds=10)
        flows = self.env["fr.einvoice.flow"].search([("direction", "=", "in")])
        self.assertEqual(set(flows.mapped("error_code")), {"bill_unreadable"})
        self.assertEqual(len(flows), 4)

    def test_answers_leave_with_reason(self):
        bill = self._deliver().move_id
        for code, reason in (
            ("204", ""),
            ("207", "QTE_ERR"),
            ("205", ""),
            ("211", ""),
        ):
            self._answer(bill, code, reason)
        self._exchange(seconds=30)
        taken = self.approved.store.taken("status", "FA-1")
        messages = [cdar.read(flow.content) for flow in taken]
        self.assertEqual([m.code for m in messages], ["204", "207", "205", "211"])
        dispute = messages[1]
        self.assertEqual((dispute.issuer.role, dispute.recipient.role), ("BY", "SE"))
        self.assertEqual(dispute.seller_siren, SUPPLIER)
        self.assertEqual(dispute.whys[0].code, "QTE_ERR")
        self.assertEqual({flow.flow_type for flow in taken}, {"SupplierInvoiceLC"})
        self.assertEqual(bill.fr_status_code, "211")

    def test_refusal_needs_a_reason_and_ends_the_life(self):
        bill = self._deliver().move_id
        with self.assertRaisesRegex(UserError, "reason"):
            self._answer(bill, "210", "")
        with self.assertRaisesRegex(UserError, "does not go with"):
            self._answer(bill, "210", "JUSTIF_ABS")
        self._answer(bill, "210", "DOUBLE_FACT", "Déjà facturé")
        self.assertEqual(bill.fr_status_code, "210")
        self.assertIn("Cancel the draft", bill.fr_next_action)

    def test_dialogue_offers_the_reasons_of_the_status(self):
        bill = self._deliver().move_id
        action = bill.with_context(fr_status_code="208").action_fr_answer()
        wizard = self.env["fr.status.answer"].with_context(**action["context"])
        codes = [code for code, _label in wizard._selection_reason()]
        self.assertIn("JUSTIF_ABS", codes)
        self.assertNotIn("TX_TVA_ERR", codes)
        form = Form(wizard)
        form.reason = "JUSTIF_ABS"
        form.save().action_say()
        self.assertEqual(bill.fr_status_code, "208")

    def test_bill_that_came_by_mail_is_not_answered(self):
        bill = self.env["account.move"].create(
            {"move_type": "in_invoice", "partner_id": self.business.id, "ref": "X"}
        )
        with self.assertRaises(UserError):
            bill._fr_answer("205")

    def _answer(self, bill, code, reason, note=""):
        self.env["fr.status.answer"].create(
            {
                "move_id": bill.id,
                "code": code,
                "reason": reason or False,
                "note": note,
            }
        ).action_say()
