# Part of Relevé. See LICENSE file for full copyright and licensing details.
import base64
from datetime import date

from odoo.tests import tagged

from odoo.addons.usage_billing.tests.common import UsageFactory

from .common import FrInvoicingCommon


@tagged("post_install", "-at_install")
class TestUsage(UsageFactory, FrInvoicingCommon):
    """From measured usage to a valid Factur-X, through a billing run."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env.user.group_ids += cls.env.ref(
            "usage_billing.group_usage_billing_system"
        )
        cls.meter = cls._create_meter("api", unit_code="C62")
        cls.product = cls.service
        cls.plan = cls._create_plan(
            [
                {"name": "Forfait", "model": "flat", "unit_price": "12.50"},
                {
                    "name": "Appels",
                    "model": "graduated",
                    "meter_id": cls.meter.id,
                    "tier_ids": [
                        (0, 0, {"up_to": "1000", "unit_price": "0.01"}),
                        (0, 0, {"unit_price": "0.0000004"}),
                    ],
                },
            ]
        )

    def test_run_ends_with_valid_documents_and_holds_who_cannot_be_invoiced(self):
        nameless = self._make_partner("Sans SIREN", is_company=True, email="a@b.fr")
        good = self._create_subscription(self.plan, partner_id=self.business.id)
        held = self._create_subscription(self.plan, partner_id=nameless.id)
        for subscription in (good, held):
            self._add_usage(subscription, "api", 12000, 345678)
        run = self._bill()
        move = run.move_ids
        self.assertEqual(move.partner_id, self.business)
        line = run.line_ids.filtered(lambda item: item.subscription_id == held)
        self.assertEqual(line.state, "held")
        self.assertIn("SIREN", line.reason)
        self.assertEqual(move.fr_facturx_state, "pending")
        move._fr_generate_facturx()
        self.assertValid(move)
        period = "//ram:ApplicableHeaderTradeSettlement/ram:BillingSpecifiedPeriod"
        self.assertEqual(
            self._texts(move, f"{period}//*[@format]"), ["20260901", "20260930"]
        )
        prices = self._texts(move, "//ram:NetPriceProductTradePrice/ram:ChargeAmount")
        self.assertIn("12.5", prices)
        [annex] = self._xml(move).findall(".//{*}AttachmentBinaryObject")
        self.assertEqual(annex.get("mimeCode"), "text/csv")
        name, content = self.env["usage.explorer"]._prepare_invoice_file(move)
        self.assertEqual(annex.get("filename"), name)
        self.assertEqual(base64.b64decode(annex.text), content)
        self.assertIn(b"357678", content)

    def test_service_period_ends_the_day_before_the_excluded_end(self):
        move = self._make_invoice([self._line()], post=False)
        move.invoice_line_ids.write(
            {
                "usage_period_start": date(2026, 10, 1),
                "usage_period_end": date(2026, 11, 1),
            }
        )
        move.action_post()
        move._fr_generate_facturx()
        self.assertValid(move)
        period = "//ram:BillingSpecifiedPeriod/ram:EndDateTime/*"
        self.assertEqual(set(self._texts(move, period)), {"20261031"})

    def test_credit_note_of_a_usage_invoice_keeps_its_periods(self):
        subscription = self._create_subscription(self.plan, partner_id=self.business.id)
        self._add_usage(subscription, "api", 5000)
        move = self._bill().move_ids
        credit_note = self._credit(move)
        (move | credit_note)._fr_generate_facturx()
        self.assertValid(move | credit_note)
        self.assertEqual(
            self._texts(credit_note, "//ram:InvoiceReferencedDocument/*[1]"),
            [move.name],
        )
        start = "//ram:IncludedSupplyChainTradeLineItem//ram:StartDateTime/*"
        self.assertEqual(set(self._texts(credit_note, start)), {"20260901"})
