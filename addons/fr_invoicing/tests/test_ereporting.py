# Part of Relevé. See LICENSE file for full copyright and licensing details.
from datetime import date, timedelta
from decimal import Decimal

from freezegun import freeze_time
from lxml import etree
from psycopg2.errors import UniqueViolation

from odoo import Command
from odoo.exceptions import UserError, ValidationError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import FrInvoicingCommon

TODAY = "2026-11-22"


class EreportingCommon(FrInvoicingCommon):
    """A monthly company whose platform is known, and short ways to report."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.write(
            {
                "fr_facturx_auto": False,
                "fr_ereporting_from": "2026-09-01",
                "fr_ereporting_platform_code": "0000",
                "fr_ereporting_platform_name": "Plateforme d'essai",
                "tax_exigibility": True,
            }
        )
        cls.periods = cls.env["fr.ereporting.period"]

    def _collect(self):
        self.env["fr.ereporting.collector"]._collect(self.company)

    def _period(self, kind, day):
        return self.periods.search(
            [
                ("company_id", "=", self.company.id),
                ("kind", "=", kind),
                ("date_start", "<=", day),
                ("date_end", ">=", day),
            ]
        )

    def _report(self, kind, day, state="ready"):
        """Give the freshly written report of a period, in the state expected."""
        self._collect()
        period = self._period(kind, day)
        period._refresh_state()
        report = period._make_report()
        self.assertEqual(report.state, state, report.findings)
        return report

    def _root(self, report):
        return etree.fromstring(report._get_xml())

    def _sent(self, kind, day):
        report = self._report(kind, day)
        with freeze_time("2026-12-15"):
            report.action_mark_sent()
        return report

    def _pay(self, move, day, amount=None):
        """Register a payment with Odoo's wizard."""
        values = {"payment_date": day, "journal_id": self.bank.id}
        if amount:
            values["amount"] = amount
        wizard = (
            self.env["account.payment.register"]
            .with_context(active_model="account.move", active_ids=move.ids)
            .create(values)
        )
        return wizard._create_payments()

    @property
    def bank(self):
        return self.company_data["default_journal_bank"]

    def _consumer_invoice(self, day=date(2026, 11, 3), lines=None, **values):
        return self._make_invoice(
            lines or [self._line()], partner=self.person, invoice_date=day, **values
        )


@freeze_time(TODAY)
@tagged("post_install", "-at_install")
class TestEreporting(EreportingCommon):
    def test_periods_are_made_ahead_without_hole(self):
        self.periods._ensure(self.company, date(2026, 12, 31))
        for kind, count in (("sale", 12), ("purchase", 12), ("payment", 4)):
            found = self.periods.search(
                [
                    ("company_id", "=", self.company.id),
                    ("kind", "=", kind),
                    ("date_end", "<=", "2026-12-31"),
                ],
                order="date_start",
            )
            self.assertEqual(len(found), count)
            self.assertEqual(found[0].date_start, date(2026, 9, 1))
            for one, following in zip(found, found[1:], strict=False):
                self.assertEqual((following.date_start - one.date_end).days, 1)

    def test_overlapping_period_is_refused(self):
        self.periods._ensure(self.company, date(2026, 9, 30))
        with self.assertRaises(ValidationError):
            self.periods.sudo().create(
                {
                    "company_id": self.company.id,
                    "kind": "sale",
                    "regime": "monthly",
                    "date_start": "2026-09-05",
                    "date_end": "2026-09-12",
                    "deadline": "2026-09-20",
                }
            )

    def test_change_of_regime_holds_from_the_next_period(self):
        self._consumer_invoice()
        self._collect()
        self.company.fr_vat_regime = "quarterly"
        november = self._period("sale", date(2026, 11, 22))
        self.assertEqual(november.regime, "monthly")
        december = self._period("sale", date(2026, 12, 15))
        self.assertEqual(
            (december.regime, december.date_start, december.date_end),
            ("quarterly", date(2026, 12, 1), date(2026, 12, 31)),
        )
        self.assertEqual(december.deadline, date(2027, 1, 10))

    def test_consumer_sales_by_day_and_rate(self):
        self._consumer_invoice()
        self._consumer_invoice(
            lines=[self._line(price=50), self._line(price=20, product=self.good)]
        )
        credit = self._consumer_invoice(
            day=date(2026, 10, 28), lines=[self._line(price=30)]
        )
        credit = self._credit(credit)
        report = self._report("sale", date(2026, 11, 3))
        self.assertEqual(report.type_code, "IN")
        root = self._root(report)
        blocks = [
            tuple(
                block.findtext(tag)
                for tag in (
                    "Date",
                    "CategoryCode",
                    "TaxDueDateTypeCode",
                    "TaxExclusiveAmount",
                    "TaxTotal",
                    "TransactionsCount",
                )
            )
            for block in root.iter("Transactions")
        ]
        # the credit note is dated 2 November: it lessens that day, not October
        self.assertEqual(
            blocks,
            [
                ("20261102", "TPS1", "72", "-30.00", "-6.00", "1"),
                ("20261103", "TLB1", None, "20.00", "4.00", "1"),
                ("20261103", "TPS1", "72", "150.00", "30.00", "2"),
            ],
        )
        self.assertEqual(credit.fr_ereporting_item_ids.basis, -30)

    def test_period_closes_to_the_ledger(self):
        moves = self.env["account.move"]
        for price in (9.99, 0.01, 123.45, 33.33, 7.77):
            moves += self._consumer_invoice(
                lines=[
                    self._line(price=price, quantity=3),
                    self._line(price=price, product=self.good, discount=12.5),
                ]
            )
        self._collect()
        period = self._period("sale", date(2026, 11, 3))
        lines = moves.line_ids
        turnover = -sum(
            lines.filtered(lambda line: line.display_type == "product").mapped(
                "balance"
            )
        )
        tax = -sum(lines.filtered("tax_line_id").mapped("balance"))
        self.assertAlmostEqual(period.basis, turnover, 2)
        self.assertAlmostEqual(period.tax, tax, 2)
        root = self._root(self._report("sale", date(2026, 11, 3)))
        total = sum(
            Decimal(block.findtext("TaxExclusiveAmount"))
            for block in root.iter("Transactions")
        )
        self.assertEqual(total, Decimal(str(round(turnover, 2))))

    def test_business_abroad_invoice_by_invoice(self):
        tax = self._tax("tva_sale_service_intra_0")
        move = self._make_invoice(
            [self._line(price=1000, tax_ids=[Command.set(tax.ids)])],
            partner=self.german,
        )
        report = self._report("sale", move.invoice_date)
        invoice = self._root(report).find(".//Invoice")
        self.assertEqual(invoice.findtext("ID"), move.name)
        self.assertEqual(invoice.findtext("Buyer/CompanyId"), "DE123456788")
        self.assertEqual(invoice.find("Buyer/CompanyId").get("schemeId"), "0223")
        self.assertEqual(invoice.findtext("TaxSubTotal/TaxCategory/Code"), "AE")
        self.assertEqual(
            invoice.findtext("MonetaryTotal/TaxExclusiveAmount"), "1000.00"
        )

    def test_credit_note_abroad_says_what_it_corrects(self):
        tax = self._tax("tva_sale_service_export_0")
        move = self._make_invoice(
            [self._line(price=400, tax_ids=[Command.set(tax.ids)])],
            partner=self.american,
        )
        credit = self._credit(move)
        root = self._root(self._report("sale", move.invoice_date))
        found = {invoice.findtext("ID"): invoice for invoice in root.iter("Invoice")}
        self.assertEqual(found[credit.name].findtext("TypeCode"), "381")
        self.assertEqual(
            found[credit.name].findtext("ReferencedDocument/ID"), move.name
        )
        self.assertEqual(
            found[credit.name].findtext("MonetaryTotal/TaxExclusiveAmount"), "400.00"
        )
        self.assertEqual(
            found[move.name].find("Buyer/CompanyId").get("schemeId"), "0227"
        )
        self.assertEqual(found[move.name].findtext("Buyer/CompanyId"), "USCUSTOMERINC")

    def test_business_abroad_without_number_is_held_and_the_others_leave(self):
        self.company.fr_check_on_post = False  # posted in spite of what is missing
        tax = self._tax("tva_sale_service_intra_0")
        nameless = self._make_partner(
            "Sans Numéro BV", country="base.nl", is_company=True, city="Delft"
        )
        held = self._make_invoice(
            [self._line(tax_ids=[Command.set(tax.ids)])], partner=nameless
        )
        self._consumer_invoice(day=held.invoice_date)
        report = self._report("sale", held.invoice_date)
        period = report.period_id
        self.assertEqual((period.held_count, period.operation_count), (1, 1))
        self.assertIn("buyer_identifier", held.fr_ereporting_item_ids.held_reason)
        self.assertFalse(list(self._root(report).iter("Invoice")))
        report.action_mark_sent()
        self.assertEqual(period.state, "sent")
        nameless.vat = "NL123456782B90"
        rectifying = self._report("sale", held.invoice_date)
        self.assertEqual(rectifying.type_code, "RE")
        self.assertEqual(
            [node.findtext("ID") for node in self._root(rectifying).iter("Invoice")],
            [held.name],
        )

    def test_foreign_currency_has_vat_in_euros(self):
        dollar = self.env.ref("base.USD")
        dollar.active = True
        self.env["res.currency.rate"].create(
            {
                "currency_id": dollar.id,
                "company_id": self.company.id,
                "name": "2026-11-01",
                "rate": 1.25,
            }
        )
        self._consumer_invoice(lines=[self._line(price=100)], currency_id=dollar.id)
        root = self._root(self._report("sale", date(2026, 11, 3)))
        block = root.find(".//Transactions")
        self.assertEqual(block.findtext("TransactionsCurrency"), "USD")
        self.assertEqual(block.findtext("TaxExclusiveAmount"), "100.00")
        self.assertEqual(block.findtext("TaxTotal"), "16.00")

    def test_domestic_business_is_not_reported(self):
        self._make_invoice([self._line()])
        self._collect()
        self.assertFalse(self._period("sale", date(2026, 11, 2)).operation_count)

    def test_exempt_lines_are_left_out(self):
        exempt = self._tax("tva_sale_service_0")
        self._consumer_invoice(
            lines=[
                self._line(price=100),
                self._line(price=40, tax_ids=[Command.set(exempt.ids)]),
            ]
        )
        period = self._report("sale", date(2026, 11, 3)).period_id
        self.assertEqual((period.basis, period.tax), (100, 20))
        self.assertEqual(period.excluded_count, 1)

    def test_late_invoice_makes_a_rectifying_report_of_the_whole_period(self):
        self._consumer_invoice()
        first = self._sent("sale", date(2026, 11, 3))
        period = first.period_id
        self.assertEqual(period.state, "sent")
        self._consumer_invoice(day=date(2026, 11, 5), lines=[self._line(price=60)])
        self._collect()
        self.assertEqual((period.state, period.change_count), ("rectify", 1))
        second = self._sent("sale", date(2026, 11, 3))
        self.assertEqual((second.type_code, second.revision), ("RE", 2))
        self.assertEqual(second.basis, 160)
        self.assertEqual(
            [
                block.findtext("TaxExclusiveAmount")
                for block in self._root(second).iter("Transactions")
            ],
            ["100.00", "60.00"],
        )
        self.assertEqual(period.state, "sent")

    def test_reopened_invoice_leaves_its_period_and_comes_back_once(self):
        self.company.fr_seal_active = False  # a sealed one cannot be reopened
        move = self._consumer_invoice()
        other = self._consumer_invoice(lines=[self._line(price=10)])
        first = self._sent("sale", move.invoice_date)
        period = first.period_id
        move.button_draft()
        self._collect()
        self.assertEqual((period.state, period.basis), ("rectify", 10))
        move.action_post()
        self._collect()
        self.assertEqual((period.state, period.basis), ("sent", 110))
        move.button_draft()
        move.invoice_line_ids.price_unit = 70
        move.action_post()
        self._collect()
        self.assertEqual((period.state, period.basis), ("rectify", 80))
        second = self._sent("sale", move.invoice_date)
        self.assertEqual(second.basis, 80)
        # history: what each report said can be read again
        said = self.env["fr.ereporting.item"].search(
            first.action_view_items()["domain"]
        )
        self.assertEqual(sum(said.mapped("basis")), 110)
        said = self.env["fr.ereporting.item"].search(
            second.action_view_items()["domain"]
        )
        self.assertEqual(sum(said.mapped("basis")), 80)
        self.assertEqual(said.move_id, move | other)

    def test_document_moved_to_another_day_changes_its_period(self):
        self.company.fr_seal_active = False  # a sealed one cannot be reopened
        move = self._consumer_invoice(day=date(2026, 11, 3))
        self._sent("sale", move.invoice_date)
        move.button_draft()
        move.write({"name": False, "invoice_date": "2026-11-13"})
        move.action_post()
        self._collect()
        self.assertEqual(self._period("sale", date(2026, 11, 3)).state, "rectify")
        self.assertEqual(self._period("sale", date(2026, 11, 13)).basis, 100)
        emptied = self._report("sale", date(2026, 11, 3))
        self.assertEqual((emptied.type_code, emptied.operation_count), ("RE", 0))

    def test_a_document_is_live_once_whatever_happens(self):
        move = self._consumer_invoice()
        self._collect()
        for _time in range(3):
            move._fr_ereporting_enqueue()
            self._collect()
        self.assertEqual(len(move.fr_ereporting_item_ids), 1)
        with (
            mute_logger("odoo.sql_db"),
            self.assertRaises(UniqueViolation),
            self.env.cr.savepoint(),
        ):
            self.env.cr.execute(
                """
                INSERT INTO fr_ereporting_item (company_id, period_id, source_key,
                    sequence, flow, day, currency_id, is_live)
                SELECT company_id, period_id, source_key, sequence, flow, day,
                       currency_id, is_live
                  FROM fr_ereporting_item WHERE move_id = %s
                """,
                [move.id],
            )

    def test_sent_report_and_operations_do_not_change(self):
        move = self._consumer_invoice()
        report = self._sent("sale", move.invoice_date)
        with self.assertRaises(UserError):
            report.write({"xml_file": False})
        with self.assertRaises(UserError):
            report.unlink()
        with self.assertRaises(UserError):
            move.fr_ereporting_item_ids.write({"basis": 0})
        with self.assertRaises(UserError):
            report.period_id.unlink()

    def test_refused_report_is_reported_anew_as_initial(self):
        move = self._consumer_invoice()
        report = self._sent("sale", move.invoice_date)
        report.sudo()._set_answer("rejected", "REJ_SEMAN", "SIREN inconnu")
        period = report.period_id
        self.assertEqual((period.state, period.light), ("rejected", "red"))
        again = self._report("sale", move.invoice_date)
        self.assertEqual((again.type_code, again.revision), ("IN", 2))
        again.action_mark_sent()
        again.sudo()._set_answer("accepted")
        self.assertEqual((period.state, period.light), ("accepted", "green"))

    def test_report_of_a_running_period_cannot_leave(self):
        self._consumer_invoice(day=date(2026, 11, 21))
        report = self._report("sale", date(2026, 11, 21))
        with self.assertRaises(UserError):
            report.action_mark_sent()

    def test_missing_platform_number_is_said(self):
        self.company.fr_ereporting_platform_code = False
        self._consumer_invoice()
        report = self._report("sale", date(2026, 11, 3), state="draft")
        self.assertEqual(report.findings[0]["rule"], "platform_code")

    def test_cron_writes_what_is_due(self):
        self._consumer_invoice()
        with self.enter_registry_test_mode():
            self.env.ref("fr_invoicing.ir_cron_ereporting").method_direct_trigger()
        period = self._period("sale", date(2026, 11, 3))
        self.assertEqual(period.state, "to_send")
        self.assertEqual(period.report_ids.state, "ready")
        # 10 November is due on the 20th
        self.assertEqual(period.light, "red")

    def test_cron_waits_until_the_period_is_over_where_the_company_is(self):
        self.company.partner_id.tz = "America/Martinique"
        self._consumer_invoice(day=date(2026, 11, 21))
        period = self._period("sale", date(2026, 11, 21))
        cron = self.env.ref("fr_invoicing.ir_cron_ereporting")
        for hour, count in (("03:30", 0), ("04:30", 1)):
            moment = f"{period.date_end + timedelta(days=1)} {hour}"
            with self.enter_registry_test_mode(), freeze_time(moment):
                cron.method_direct_trigger()
            self.assertEqual(len(period.report_ids), count)

    def test_report_leaves_once_the_period_is_over_where_the_company_is(self):
        self.company.partner_id.tz = "America/Martinique"
        self._consumer_invoice(day=date(2026, 11, 21))
        report = self._report("sale", date(2026, 11, 21))
        after = report.period_id.date_end + timedelta(days=1)
        report = report.with_context(tz="Europe/Paris")
        with freeze_time(f"{after} 03:30"), self.assertRaises(UserError):
            report.action_mark_sent()
        with freeze_time(f"{after} 04:30"):
            report.action_mark_sent()
        self.assertEqual(report.state, "sent")
