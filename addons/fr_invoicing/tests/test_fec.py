# Part of Relevé. See LICENSE file for full copyright and licensing details.
import base64
from datetime import date, datetime
from decimal import Decimal

from odoo import Command
from odoo.exceptions import UserError
from odoo.tests import new_test_user, tagged

from ..ledger import fec
from .common import FrInvoicingCommon


@tagged("post_install", "-at_install")
class TestFec(FrInvoicingCommon):
    """The FEC of a French company: complete, in order, and checked."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.fr_facturx_auto = False

    def _make(self, year=2026, **values):
        wizard = self.env["l10n_fr.fec.export.wizard"].create(
            {"date_from": f"{year}-01-01", "date_to": f"{year}-12-31", **values}
        )
        action = wizard.create_fec_report_action()
        return self.env["fr.fec.export"].browse(action["res_id"])

    def _rows(self, export):
        """Give the lines of a file as dicts."""
        text = base64.b64decode(export.file).decode()
        self.assertTrue(text.endswith("\r\n"))
        header, *lines = text.rstrip("\r\n").split("\r\n")
        self.assertEqual(tuple(header.split("|")), fec.COLUMNS)
        return [dict(zip(fec.COLUMNS, line.split("|"), strict=True)) for line in lines]

    def test_an_invoice(self):
        move = self._make_invoice(
            [self._line(name="Serveur | mois\nd'octobre")], ref="PO 7"
        )
        move.fr_posted_at = datetime(2026, 11, 3, 23, 30)  # 4 November in Paris
        export = self._make()
        rows = self._rows(export)
        self.assertEqual(export.name, "100000009FEC20261231.txt")
        self.assertEqual(export.state, "valid", export.finding_ids.mapped("message"))
        self.assertEqual({row["PieceRef"] for row in rows}, {move.name})
        self.assertEqual({row["EcritureNum"] for row in rows}, {move.name})
        self.assertEqual({row["ValidDate"] for row in rows}, {"20261104"})
        self.assertEqual({row["EcritureDate"] for row in rows}, {"20261102"})
        self.assertEqual({row["PieceDate"] for row in rows}, {"20261102"})
        self.assertEqual({row["Montantdevise"] + row["Idevise"] for row in rows}, {""})
        by_account = {row["CompteNum"][:3]: row for row in rows}
        self.assertEqual(by_account["411"]["Debit"], "120,00")
        self.assertEqual(by_account["411"]["Credit"], "0,00")
        self.assertEqual(by_account["411"]["CompAuxNum"], str(self.business.id))
        self.assertEqual(by_account["411"]["CompAuxLib"], self.business.name)
        income = next(row for row in rows if row["CompteNum"].startswith("7"))
        self.assertEqual(income["EcritureLib"], "Serveur   mois d'octobre")
        self.assertEqual(income["Credit"], "100,00")

    def test_a_supplier_bill_keeps_the_number_of_the_supplier(self):
        bill = self.env["account.move"].create(
            {
                "move_type": "in_invoice",
                "partner_id": self.business.id,
                "ref": "F-2026-77",
                "invoice_date": "2026-10-28",
                "date": "2026-11-05",
                "invoice_line_ids": [
                    Command.create({"name": "Loyer", "price_unit": 10, "tax_ids": []})
                ],
            }
        )
        bill.action_post()
        rows = self._rows(self._make())
        self.assertEqual({row["PieceRef"] for row in rows}, {"F-2026-77"})
        self.assertEqual({row["PieceDate"] for row in rows}, {"20261028"})
        self.assertEqual({row["EcritureDate"] for row in rows}, {"20261105"})

    def test_a_foreign_currency(self):
        dollar = self.env.ref("base.USD")
        dollar.active = True
        self.env["res.currency.rate"].create(
            {
                "currency_id": dollar.id,
                "name": "2026-01-01",
                "rate": 1.25,
                "company_id": self.company.id,
            }
        )
        self._make_invoice(
            [
                self._line(
                    price=1000,
                    tax_ids=[Command.set(self._tax("tva_sale_service_export_0").ids)],
                )
            ],
            partner=self.american,
            currency_id=dollar.id,
        )
        rows = self._rows(self._make())
        found = {
            (row["Debit"], row["Credit"], row["Montantdevise"], row["Idevise"])
            for row in rows
        }
        self.assertEqual(
            found,
            {
                ("800,00", "0,00", "1000,00", "USD"),
                ("0,00", "800,00", "-1000,00", "USD"),
            },
        )

    def test_lines_follow_the_order_of_validation(self):
        late = self._make_invoice([self._line()], invoice_date=date(2026, 3, 1))
        early = self._make_invoice([self._line()], invoice_date=date(2026, 3, 2))
        early.fr_posted_at = datetime(2026, 3, 3)
        late.fr_posted_at = datetime(2026, 3, 9)
        export = self._make()
        numbers = list(dict.fromkeys(r["EcritureNum"] for r in self._rows(export)))
        self.assertEqual(numbers, [early.name, late.name])
        self.assertNotIn("order", export.finding_ids.mapped("code"))

    def test_opening_balances_and_result(self):
        invoice = self._make_invoice(
            [self._line(price=1000)], invoice_date=date(2025, 12, 5)
        )
        self._make_invoice([self._line()], invoice_date=date(2026, 1, 5))
        export = self._make()
        opening = [r for r in self._rows(export) if r["JournalCode"] == "OUV"]
        balances = {
            row["CompteNum"][:3]: Decimal(row["Debit"].replace(",", "."))
            - Decimal(row["Credit"].replace(",", "."))
            for row in opening
        }
        self.assertEqual(balances.pop("411"), Decimal("1200.00"))
        self.assertEqual(balances.pop("120"), Decimal("-1000.00"))  # a profit
        self.assertEqual(list(balances.values()), [Decimal("-200.00")])  # TVA
        self.assertEqual({row["EcritureNum"] for row in opening}, {"OUV/2026"})
        self.assertEqual(export.state, "valid", export.finding_ids.mapped("message"))
        self.assertTrue(invoice)

    def test_two_partners_with_one_reference(self):
        twin = self._make_partner(
            "Jumeau SARL", is_company=True, city="Lyon", vat="FR37200000008", ref="C1"
        )
        self.business.ref = "C1"
        self._make_invoice([self._line()])
        self._make_invoice([self._line()], partner=twin)
        rows = self._rows(self._make())
        codes = {row["CompAuxNum"] for row in rows} - {""}
        self.assertEqual(codes, {str(self.business.id), str(twin.id)})

    def test_the_year_is_locked_only_when_asked(self):
        self._make_invoice([self._line()])
        self._make()
        self.assertFalse(self.company.fiscalyear_lock_date)
        self._make(fr_lock_year=True, test_file=True)
        self.assertFalse(self.company.fiscalyear_lock_date)
        self._make(fr_lock_year=True)
        self.assertEqual(self.company.fiscalyear_lock_date, date(2026, 12, 31))

    def test_drafts_stand_in_the_unofficial_file_only(self):
        draft = self._make_invoice([self._line()], post=False)
        self.assertFalse(self._rows(self._make()))
        other = self._make(export_type="nonofficial", test_file=True)
        self.assertIn(draft.line_ids[0].account_id.code, str(self._rows(other)))
        self.assertTrue(other.name.endswith("-NONOFFICIAL.txt"))

    def test_a_file_of_another_program_is_checked(self):
        export = self.env["fr.fec.export"].create(
            {"name": "compta.txt", "file": base64.b64encode(b"a;b;c\r\n1;2;3\r\n")}
        )
        export.action_check()
        self.assertEqual(export.state, "error")
        codes = export.finding_ids.mapped("code")
        self.assertIn("separator", codes)
        finding = export.finding_ids.filtered(lambda f: f.code == "separator")
        self.assertIn("only a tab", finding.message)
        self.assertIn("seuls", finding.with_context(lang="fr_FR").message)

    def test_an_official_file_is_kept_as_it_is(self):
        self._make_invoice([self._line()])
        export = self._make()
        with self.assertRaises(UserError):
            export.file = base64.b64encode(b"other")
        with self.assertRaises(UserError):
            export.unlink()

    def test_the_last_year_is_proposed(self):
        wizard = self.env["l10n_fr.fec.export.wizard"].create({})
        self.assertEqual((wizard.date_to.month, wizard.date_to.day), (12, 31))
        self.assertLess(wizard.date_to, date.today())

    def test_an_accountant_may(self):
        self._make_invoice([self._line()])
        accountant = new_test_user(
            self.env,
            "fec_accountant",
            groups="account.group_account_manager",
            company_id=self.company.id,
            company_ids=[self.company.id],
        )
        wizard = (
            self.env["l10n_fr.fec.export.wizard"]
            .with_user(accountant)
            .create({"date_from": "2026-01-01", "date_to": "2026-12-31"})
        )
        action = wizard.create_fec_report_action()
        export = self.env["fr.fec.export"].browse(action["res_id"])
        self.assertEqual(export.state, "valid")
