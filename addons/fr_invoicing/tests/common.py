# Part of Relevé. See LICENSE file for full copyright and licensing details.
from datetime import date

from lxml import etree

from odoo import Command

from odoo.addons.account.tests.common import AccountTestInvoicingCommon

from ..einvoice.arithmetic import NS

SELLER_SIRET = "10000000900017"
BUYER_SIRET = "20000000800017"
DAY = date(2026, 11, 2)


class FrInvoicingCommon(AccountTestInvoicingCommon):
    """A French company able to issue, and one customer of each kind.

    SIREN 100000009 and 200000008 are the fictive ones of XP Z12-014 annex B.
    """

    @classmethod
    @AccountTestInvoicingCommon.setup_country("fr")
    def setUpClass(cls):
        super().setUpClass()
        cls.company = cls.company_data["company"]
        cls.company.write(
            {
                "name": "Hébergeur Exemple SAS",
                "street": "12 rue des Serveurs",
                "zip": "75010",
                "city": "Paris",
                "vat": "FR88100000009",
                "company_registry": SELLER_SIRET,
                "email": "facturation@example.com",
                "fr_legal_form": "SAS",
                "fr_share_capital": 50000,
                "fr_registry_city": "Paris",
            }
        )
        cls.env["res.partner.bank"].create(
            {
                "acc_number": "FR7630006000011234567890189",
                "partner_id": cls.company.partner_id.id,
                "allow_out_payment": True,
            }
        )
        cls.business = cls._make_partner(
            "Client Exemple SARL",
            is_company=True,
            zip="69001",
            city="Lyon",
            vat="FR37200000008",
            company_registry=BUYER_SIRET,
            email="compta@client.example.com",
        )
        cls.person = cls._make_partner(
            "Une Personne", city="Toulouse", email="une.personne@example.com"
        )
        cls.german = cls._make_partner(
            "Kunde GmbH",
            country="base.de",
            is_company=True,
            city="Hamburg",
            vat="DE123456788",
            lang="en_US",
        )
        cls.american = cls._make_partner(
            "Customer Inc",
            country="base.us",
            is_company=True,
            city="New York",
            email="ap@example.com",
            lang="en_US",
        )
        cls.service = cls._make_product("Machine virtuelle", "service")
        cls.good = cls._make_product("Routeur", "consu")

    @classmethod
    def _make_partner(cls, name, country="base.fr", **values):
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
    def _make_product(cls, name, kind):
        name_of_tax = "tva_normale_encaissement" if kind == "service" else "tva_normale"
        return cls.env["product.product"].create(
            {
                "name": name,
                "type": kind,
                "lst_price": 100,
                "taxes_id": [Command.set(cls._tax(name_of_tax).ids)],
            }
        )

    @classmethod
    def _tax(cls, name):
        """Give a sale tax of the French chart by its template name."""
        return cls.env.ref(f"account.{cls.company_data['company'].id}_{name}")

    @classmethod
    def _make_invoice(cls, lines, partner=None, post=True, **values):
        """Create an invoice through Odoo's ordinary models.

        :param list[dict] lines: values of account.move.line
        """
        move = cls.env["account.move"].create(
            {
                "move_type": "out_invoice",
                "partner_id": (partner or cls.business).id,
                "invoice_date": DAY,
                "invoice_line_ids": [Command.create(line) for line in lines],
                **values,
            }
        )
        if post:
            move.action_post()
        return move

    @classmethod
    def _line(cls, quantity=1, price=100, product=None, **values):
        return {
            "product_id": (product or cls.service).id,
            "quantity": quantity,
            "price_unit": price,
            **values,
        }

    @classmethod
    def _credit(cls, move):
        """Reverse a posted invoice with Odoo's wizard and post the credit note."""
        wizard = (
            cls.env["account.move.reversal"]
            .with_context(active_model="account.move", active_ids=move.ids)
            .create(
                {
                    "journal_id": move.journal_id.id,
                    "date": max(DAY, move.invoice_date),
                }
            )
        )
        credit_note = cls.env["account.move"].browse(wizard.refund_moves()["res_id"])
        credit_note.action_post()
        return credit_note

    def _receivable(self, move):
        return move.line_ids.filtered(
            lambda line: line.account_id.account_type == "asset_receivable"
        )

    def _bank_line(self, move, amount):
        """Match money on the bank account with an invoice."""
        line = self.env["account.bank.statement.line"].create(
            {
                "journal_id": self.company_data["default_journal_bank"].id,
                "date": "2026-11-20",
                "payment_ref": move.name,
                "amount": amount,
                "partner_id": move.partner_id.id,
            }
        )
        suspense = line.move_id.line_ids.filtered(
            lambda entry: entry.account_id == line.journal_id.suspense_account_id
        )
        suspense.account_id = self._receivable(move).account_id
        (suspense + self._receivable(move)).reconcile()
        return line

    def _xml(self, move):
        """Give the root of the stored XML."""
        return etree.fromstring(move._fr_get_xml_attachment().raw)

    def _texts(self, move, path):
        """Give the texts found in the stored XML."""
        return self._xml(move).xpath(f"{path}/text()", namespaces=NS)

    def _rules(self, move):
        """Give the ids of the fatal findings."""
        return [
            finding["rule"]
            for finding in move.fr_facturx_findings or []
            if finding["severity"] == "fatal"
        ]

    def assertValid(self, moves):
        """Fail with the findings of the invoices that are not valid."""
        problems = {
            move.name: (move.fr_facturx_state, move.fr_facturx_findings)
            for move in moves
            if move.fr_facturx_state != "valid"
        }
        self.assertEqual(problems, {})
