# Part of Relevé. See LICENSE file for full copyright and licensing details.
from psycopg2.errors import UniqueViolation

from odoo import Command
from odoo.exceptions import RedirectWarning, UserError, ValidationError
from odoo.tests import tagged

from .common import DAY, ScenarioCase, siren, siret

REFUSALS = (RedirectWarning, UserError, ValidationError)


@tagged("post_install", "-at_install")
class TestScenarioBadData(ScenarioCase):
    """Bad data: a clear refusal or a valid document, never a traceback."""

    def refused(self, move, *words):
        """Post and send; demand a refusal in words, and that nothing was attached."""
        try:
            with self.env.cr.savepoint():
                if move.state == "draft":
                    move.action_post()
                self.send(move)
        except REFUSALS as error:
            text = str(error.args[0])
            self.assertGreater(len(text), 20)
            for word in words:
                self.assertIn(word.lower(), text.lower())
        else:
            self.fail("nothing was refused")
        self.assertFalse(move.invoice_pdf_report_id)

    # === Parties === #

    def test_customer_without_siren(self):
        buyer = self.make_business(
            "Sans SIREN SARL", "71000000", vat=False, company_registry=False
        )
        self.refused(self.invoice(partner=buyer), "siren", buyer.name)

    def test_siren_with_a_wrong_key(self):
        buyer = self.make_business(
            "Clé Fausse SARL", "72000000", vat=False, company_registry=False
        )
        with self.assertRaises(ValidationError):
            buyer.fr_siren = "720000001"

    def test_company_id_that_is_no_siret(self):
        buyer = self.make_business(
            "Registre Faux SARL", "73000000", vat=False, company_registry="73000000X"
        )
        self.refused(self.invoice(partner=buyer), "siren")

    def test_vat_number_of_another_company(self):
        number = siren("74000000")
        try:
            with self.env.cr.savepoint():
                buyer = self.make_business(
                    "Deux Numéros SARL",
                    "74000000",
                    vat="FR37200000008",
                    company_registry=siret(number),
                )
                move = self.invoice(partner=buyer)
                move.action_post()
                self.send(move)
        except REFUSALS:
            return
        self.fail("a VAT number of another company went out")

    def test_seller_without_siren(self):
        self.company.write({"company_registry": False, "vat": False})
        self.company.partner_id.write(
            {"fr_siren": False, "fr_siret": False, "fr_eaddress": False}
        )
        self.refused(self.invoice(), "siren")

    def test_seller_without_address(self):
        self.company.write({"city": False, "street": False, "zip": False})
        self.refused(self.invoice(), "address")

    def test_customer_without_country(self):
        self.business.country_id = False
        move = self.invoice()
        self.refused(move, "country")

    def test_customer_of_the_union_without_vat_number(self):
        self.german.vat = False
        move = self.invoice(
            self.line(tax="tva_sale_service_intra_0"), partner=self.german
        )
        self.refused(move, "vat")

    # === Document === #

    def test_no_line(self):
        move = self.invoice()
        move.invoice_line_ids.unlink()
        self.refused(move)

    def test_notes_only(self):
        move = self.invoice({"display_type": "line_note", "name": "Rien"})
        self.refused(move)

    def test_negative_total(self):
        """Odoo refuses it, or turns it into a credit note."""
        self.refused(self.invoice(self.line(1, -100)))

    def test_negative_credit_note(self):
        self.refused(self.invoice(self.line(1, -100), move_type="out_refund"))

    def test_credit_note_of_nothing(self):
        self.refused(self.invoice(move_type="out_refund"), "invoice")

    def test_due_before_it_is_issued(self):
        move = self.invoice(invoice_date_due="2026-10-01")
        move.invoice_payment_term_id = False
        move.invoice_date_due = "2026-10-01"
        self.refused(move, "due date")

    def test_duplicated_number(self):
        first = self.invoice()
        first.action_post()
        second = self.invoice()
        try:
            with self.env.cr.savepoint():
                second.name = first.name
                second.action_post()
                second.flush_recordset()
        except (*REFUSALS, UniqueViolation):
            second.invalidate_recordset()
        self.assertEqual(
            self.env["account.move"].search_count(
                [("name", "=", first.name), ("company_id", "=", self.company.id)]
            ),
            1,
        )

    def test_number_that_no_invoice_may_bear(self):
        move = self.invoice(name="FACTURE N° 1 (été)")
        self.refused(move, "number")

    def test_line_without_tax(self):
        move = self.invoice()
        move.invoice_line_ids.tax_ids = [Command.clear()]
        self.refused(move, "tax")

    def test_line_with_two_rates(self):
        taxes = self.tax("tva_normale") | self.tax("tva_reduite")
        self.refused(self.invoice(self.line(tax=taxes)), "taxes")

    def test_rate_that_is_not_french(self):
        """A rate of another country never leaves as a French electronic invoice."""
        move = self.invoice(self.line(tax=self.tax_of(19)))
        self.refused(move, "19")

    def test_rate_of_another_time(self):
        move = self.invoice(self.line(tax=self.tax_of(19.6)))
        self.refused(move, "19.6")

    def test_reverse_charge_to_a_person(self):
        move = self.invoice(
            self.line(tax="tva_sale_service_intra_0"), partner=self.person
        )
        self.refused(move)

    def test_currency_of_three_decimals(self):
        currency = self.env.ref("base.KWD")
        currency.active = True
        self.env["res.currency.rate"].create(
            {"currency_id": currency.id, "rate": 0.33, "name": DAY}
        )
        move = self.invoice(self.line(1, 1.234), currency_id=currency.id)
        self.refused(move, "decimals")

    def test_sent_invoice_is_not_reopened(self):
        move = self.invoice()
        self.play(move)
        try:
            move.button_draft()
        except REFUSALS:
            return
        self.fail("an issued invoice was reopened")

    def test_refusal_of_one_does_not_stop_the_others(self):
        """Sent from the list without raising: the good ones leave."""
        good = self.invoice()
        bad = self.invoice(partner=self.german)
        (good | bad).action_post()
        self.german.vat = False
        self.env["account.move.send"]._generate_and_send_invoices(
            good | bad, sending_methods={"manual"}, allow_raising=False
        )
        self.check(good)
        self.assertFalse(bad.invoice_pdf_report_id)

    def test_ten_thousand_lines(self):
        """A document of any size is checked and drawn, or refused in words."""
        lines = [self.line(1, 0.01 * (n % 100 + 1), name=f"L{n}") for n in range(1500)]
        move = self.invoice(*lines)
        self.play(move)
