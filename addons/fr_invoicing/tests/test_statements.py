# Part of Relevé. See LICENSE file for full copyright and licensing details.
import base64
from datetime import date
from xml.etree import ElementTree

from odoo import Command
from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user, tagged

from .common import FrInvoicingCommon


class StatementCommon(FrInvoicingCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.write({"fr_facturx_auto": False, "fr_seal_active": False})

    def _file(self, action):
        """Give the bytes of the download an action offers."""
        record = int(action["url"].split("/")[4])
        return base64.b64decode(self.env["fr.download"].browse(record).file)


@tagged("post_install", "-at_install")
class TestDes(StatementCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.german.vat = "DE136695976"
        cls.intra = cls._tax("tva_sale_service_intra_0")
        cls.intra_goods = cls._tax("tva_sale_good_intra_0")

    def _sell(self, price, partner=None, product=None, tax=None, **values):
        line = self._line(
            price=price,
            product=product,
            tax_ids=[Command.set((tax or self.intra).ids)],
        )
        return self._make_invoice([line], partner=partner or self.german, **values)

    def _page(self, year=2026, month="11"):
        page = self.env["fr.des"].create({"year": year, "month": month})
        page.action_compute()
        return page

    def test_services_of_the_month_with_their_credit_notes(self):
        invoice = self._sell(1000.30)
        self._sell(500.25)
        self._credit(invoice)
        self._sell(40, invoice_date=date(2026, 10, 31))  # another month
        self._sell(70, product=self.good, tax=self.intra_goods)  # goods
        self._sell(90, post=False)  # a draft
        self._make_invoice([self._line(price=80)])  # a French customer
        page = self._page()
        line = page.line_ids
        self.assertEqual(line.partner_id, self.german)
        self.assertEqual((line.amount, line.credited), (500.25, -1000.30))
        self.assertEqual((line.declared, page.total), (500, 500))
        self.assertEqual((line.document_count, line.problem), (3, False))
        self.assertEqual(len(line.action_open_documents()["domain"][0][2]), 3)
        self.assertEqual(self._page(month="10").line_ids.declared, 40)

    def test_the_month_is_that_of_the_service(self):
        """Directive 2006/112/EC, art. 63 to 65; CGI art. 269-2 and 289 B."""
        # usage of October, billed in November: until 1 November, that day excluded
        usage = self._sell(100, post=False)
        usage.invoice_line_ids.write(
            {
                "usage_period_start": date(2026, 10, 1),
                "usage_period_end": date(2026, 11, 1),
            }
        )
        usage.action_post()
        # a service rendered in September, billed in November
        self._sell(200, delivery_date=date(2026, 9, 15))
        # December billed in advance and not paid: due when the month ends
        ahead = self._sell(400, post=False)
        ahead.invoice_line_ids.write(
            {
                "usage_period_start": date(2026, 12, 1),
                "usage_period_end": date(2027, 1, 1),
            }
        )
        ahead.action_post()
        self._sell(800)  # nothing said: the date of the invoice

        def declared(year, month):
            return self._page(year, month).line_ids.declared

        self.assertEqual(
            [declared(2026, month) for month in ("9", "10", "11", "12")],
            [200, 100, 800, 400],
        )
        # paid whole in November: a payment on account is due at once
        self.env["account.payment.register"].with_context(
            active_model="account.move", active_ids=ahead.ids
        ).create({"payment_date": date(2026, 11, 20)})._create_payments()
        self.assertEqual([declared(2026, m) for m in ("11", "12")], [1200, 0])
        # the credit note counts in its own month
        self._credit(usage)
        self.assertEqual([declared(2026, m) for m in ("10", "11")], [100, 1100])

    def test_the_file(self):
        self._sell(1000.50)
        page = self._page()
        action = page.action_export_xml()
        self.assertIn("DES_100000009_202611.xml", action["url"])
        declaration = ElementTree.fromstring(self._file(action))[0]
        texts = [element.text for element in declaration[:4]]
        self.assertEqual(texts, ["202611", "FR88100000009", "11", "2026"])
        texts = [element.text for element in declaration[4]]
        self.assertEqual(texts, ["1", "1001", "DE136695976"])
        table = self._file(page.action_export_csv()).decode("utf-8-sig")
        self.assertIn("DE136695976", table)
        self.assertIn("1001", table)

    def test_a_later_credit_note_is_negative(self):
        invoice = self._sell(300, invoice_date=date(2026, 10, 15))
        credit = self._credit(invoice)
        self.assertEqual(credit.invoice_date.month, 11)
        page = self._page()
        self.assertEqual((page.line_ids.declared, page.total), (-300, -300))
        declaration = ElementTree.fromstring(self._file(page.action_export_xml()))[0]
        self.assertEqual(declaration[4][1].text, "-300")

    def test_foreign_currency_in_euro(self):
        dollar = self.env.ref("base.USD")
        dollar.active = True
        self.env["res.currency.rate"].create(
            {
                "name": "2026-11-01",
                "rate": 1.25,
                "currency_id": dollar.id,
                "company_id": self.company.id,
            }
        )
        self._sell(1000, currency_id=dollar.id)
        self.assertEqual(self._page().line_ids.amount, 800)

    def test_a_wrong_number_stops_the_file(self):
        self._sell(100)
        self.german.with_context(no_vat_validation=True).vat = False
        page = self._page()
        self.assertEqual(page.line_ids.problem, "missing")
        self.assertEqual((page.problem_count, page.total), (1, 0))
        action = page.line_ids.action_open_partner()
        self.assertEqual(
            (action["res_model"], action["res_id"]), ("res.partner", self.german.id)
        )
        with self.assertRaisesRegex(UserError, "Kunde GmbH"):
            page.action_export_xml()
        self.german.vat = "DE136695976"
        self.assertTrue(page.action_export_xml())

    def test_nothing_to_declare(self):
        with self.assertRaisesRegex(UserError, "Nothing to declare"):
            self._page(2025).action_export_xml()

    def test_months_follow_each_other(self):
        page = self._page(month="1")
        page.action_previous()
        self.assertEqual((page.year, page.month, page.number), (2025, "12", 202512))
        page.action_next()
        self.assertEqual((page.year, page.month, page.number), (2026, "1", 202601))

    def test_who_may_look(self):
        self._sell(100)
        for group, allowed in (
            ("account.group_account_readonly", True),
            ("account.group_account_invoice", True),
            ("base.group_user", False),
        ):
            user = new_test_user(
                self.env,
                f"des_{group}",
                groups=group,
                company_id=self.company.id,
                company_ids=[Command.set(self.company.ids)],
            )
            for model in ("fr.des", "fr.das2"):
                pages = self.env[model].with_user(user)
                if allowed:
                    self.assertTrue(pages.action_open()["res_id"])
                else:
                    with self.assertRaises(AccessError):
                        pages.action_open()
            if allowed:
                page = self.env["fr.des"].with_user(user)
                page = page.create({"year": 2026, "month": "11"})
                page.action_compute()
                self.assertEqual(page.line_ids.declared, 100)
                self.assertTrue(page.action_export_xml())


@tagged("post_install", "-at_install")
class TestDas2(StatementCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        accounts = cls.env["account.account"].with_company(cls.company)
        cls.fees = cls._account(accounts, "622600", "Honoraires")
        cls.commissions = cls._account(accounts, "622200", "Commissions")
        cls.supplies = cls._account(accounts, "606400", "Fournitures")
        cls.purchase_tax = cls.company.account_purchase_tax_id
        cls.bank = cls.company_data["default_journal_bank"]
        for lines in (
            cls.bank.inbound_payment_method_line_ids,
            cls.bank.outbound_payment_method_line_ids,
        ):
            lines.payment_account_id = cls.bank.default_account_id

    @classmethod
    def _account(cls, accounts, code, name):
        found = accounts.search(
            [*accounts._check_company_domain(cls.company), ("code", "=", code)]
        )
        return found or accounts.create(
            {"code": code, "name": name, "account_type": "expense"}
        )

    def _bill(self, *amounts, partner=None, kind="in_invoice", day=date(2026, 3, 1)):
        """Post a bill with 20 % TVA.

        :param amounts: pairs of account and amount without TVA
        """
        move = self.env["account.move"].create(
            {
                "move_type": kind,
                "partner_id": (partner or self.business).id,
                "invoice_date": day,
                "date": day,
                "ref": f"F-{self.env['account.move'].search_count([])}",
                "invoice_line_ids": [
                    Command.create(
                        {
                            "name": "Prestation",
                            "account_id": account.id,
                            "price_unit": amount,
                            "tax_ids": [Command.set(self.purchase_tax.ids)],
                        }
                    )
                    for account, amount in amounts
                ],
            }
        )
        move.action_post()
        return move

    def _pay(self, move, amount, day):
        self.env["account.payment.register"].with_context(
            active_model="account.move", active_ids=move.ids
        ).create(
            {
                "amount": amount,
                "payment_date": day,
                "journal_id": self.bank.id,
                "payment_difference_handling": "open",
            }
        )._create_payments()

    def _page(self, year=2026):
        page = self.env["fr.das2"].create({"year": year})
        page.action_compute()
        return page

    def _found(self, page):
        return {
            (line.partner_id, line.kind): (line.amount, line.is_declared)
            for line in page.line_ids
        }

    def test_what_was_paid_in_the_year(self):
        self.assertEqual(self.purchase_tax.amount, 20)
        bill = self._bill((self.fees, 3000), (self.supplies, 1000))  # 4,800 TTC
        self.assertFalse(self._page().line_ids)  # nothing paid yet
        self._pay(bill, 1000, date(2026, 12, 31))
        self._pay(bill, 3800, date(2027, 1, 2))
        # three quarters of the bill are fees
        page = self._page()
        self.assertEqual(self._found(page), {(self.business, "fee"): (750.0, False)})
        self.assertEqual((page.threshold, page.total), (2400, 0))
        page = self._page(2027)
        self.assertEqual(self._found(page), {(self.business, "fee"): (2850.0, True)})
        line = page.line_ids
        self.assertEqual((line.declared, page.total), (2850, 2850))
        self.assertEqual(line.siret, "20000000800017")
        self.assertFalse(line.problem)
        table = self._file(page.action_export_csv()).decode("utf-8-sig")
        self.assertIn("20000000800017", table)
        self.assertIn("2850", table)

    def test_kinds_together_reach_the_threshold(self):
        bill = self._bill((self.fees, 1500), (self.commissions, 501))
        self._pay(bill, 2401.20, date(2026, 4, 1))
        page = self._page()
        self.assertEqual(
            self._found(page),
            {
                (self.business, "fee"): (1800.0, True),
                (self.business, "commission"): (601.2, True),
            },
        )
        self.assertEqual((page.declared_count, page.total), (1, 2401))

    def test_exactly_the_threshold_is_not_declared(self):
        self._pay(self._bill((self.fees, 2000)), 2400, date(2026, 4, 1))
        self.assertFalse(self._page().line_ids.is_declared)

    def test_credit_notes_and_money_back(self):
        bill = self._bill((self.fees, 3000))
        self._pay(bill, 3600, date(2026, 4, 1))
        refund = self._bill((self.fees, 500), kind="in_refund")
        self._pay(refund, 600, date(2026, 5, 1))
        self.assertEqual(self._page().line_ids.amount, 3000)
        # a credit note that lowers a bill is no payment
        bill = self._bill((self.fees, 100))
        refund = self._bill((self.fees, 100), kind="in_refund")
        (bill + refund).line_ids.filtered(
            lambda line: line.account_type == "liability_payable"
        ).reconcile()
        self.assertEqual(self._page().line_ids.amount, 3000)

    def test_netting_is_shown_apart(self):
        bill = self._bill((self.fees, 3000))
        payable = bill.line_ids.filtered(
            lambda line: line.account_type == "liability_payable"
        )
        receivable = self.business.property_account_receivable_id
        entry = self.env["account.move"].create(
            {
                "date": "2026-06-01",
                "journal_id": self.company_data["default_journal_misc"].id,
                "line_ids": [
                    Command.create(
                        {
                            "account_id": payable.account_id.id,
                            "partner_id": self.business.id,
                            "debit": 3600,
                        }
                    ),
                    Command.create(
                        {
                            "account_id": receivable.id,
                            "partner_id": self.business.id,
                            "credit": 3600,
                        }
                    ),
                ],
            }
        )
        entry.action_post()
        (payable + entry.line_ids.filtered("debit")).reconcile()
        line = self._page().line_ids
        self.assertEqual((line.amount, line.other), (0, 3600))
        self.assertFalse(line.is_declared)

    def test_a_bank_entry_without_a_bill(self):
        self.env["account.move"].create(
            {
                "date": "2026-07-01",
                "journal_id": self.bank.id,
                "line_ids": [
                    Command.create(
                        {
                            "account_id": self.fees.id,
                            "partner_id": self.business.id,
                            "debit": 2500,
                        }
                    ),
                    Command.create(
                        {
                            "account_id": self.bank.default_account_id.id,
                            "partner_id": self.business.id,
                            "credit": 2500,
                        }
                    ),
                ],
            }
        ).action_post()
        self.assertEqual(
            self._found(self._page()), {(self.business, "fee"): (2500.0, True)}
        )

    def test_flags_of_account_and_supplier(self):
        bill = self._bill((self.fees, 1000), (self.supplies, 2000))
        self._pay(bill, 3600, date(2026, 4, 1))
        self.supplies.fr_das2_kind = "other"
        self.assertEqual(
            self._found(self._page()),
            {
                (self.business, "fee"): (1200.0, True),
                (self.business, "other"): (2400.0, True),
            },
        )
        self.fees.fr_das2_kind = "none"
        self.assertEqual(
            self._found(self._page()), {(self.business, "other"): (2400.0, False)}
        )
        self.business.fr_das2_kind = "commission"
        self.assertEqual(
            self._found(self._page()), {(self.business, "commission"): (3600.0, True)}
        )
        self.business.fr_das2_kind = "none"
        self.assertFalse(self._page().line_ids)

    def test_what_the_beneficiary_lacks(self):
        supplier = self._make_partner("Cabinet Exemple", is_company=True, street=False)
        self._pay(
            self._bill((self.fees, 3000), partner=supplier), 3600, date(2026, 4, 1)
        )
        page = self._page()
        self.assertEqual(page.problem_count, 1)
        self.assertEqual(
            page.line_ids.problem, "SIRET missing or wrong, address incomplete"
        )
        self.assertEqual(page.line_ids.action_open_partner()["res_id"], supplier.id)
        supplier.write(
            {
                "street": "1 rue de Là",
                "zip": "75001",
                "city": "Paris",
                "company_registry": "10000000900017",
            }
        )
        page.action_compute()
        self.assertEqual(page.problem_count, 0)


@tagged("post_install", "-at_install")
class TestReminderSettings(StatementCommon):
    def test_reminders_are_set_in_the_settings(self):
        account = self.env["account.account"].search(
            [("company_ids", "in", self.company.ids), ("account_type", "=", "income")],
            limit=1,
        )
        self.env["res.config.settings"].create(
            {
                "fr_reminder_auto": True,
                "fr_reminder_spacing": 9,
                "fr_penalty_account_id": account.id,
                "fr_indemnity_account_id": account.id,
            }
        ).execute()
        self.assertTrue(self.company.fr_reminder_auto)
        self.assertEqual(self.company.fr_reminder_spacing, 9)
        self.assertEqual(self.company.fr_penalty_account_id, account)
        self.assertEqual(self.company.fr_indemnity_account_id, account)
