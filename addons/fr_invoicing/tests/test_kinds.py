# Part of Relevé. See LICENSE file for full copyright and licensing details.
from datetime import date, timedelta

from freezegun import freeze_time

from odoo import Command, fields
from odoo.tests import tagged

from .common import DAY, FrInvoicingCommon

AGREEMENT = "//ram:ApplicableHeaderTradeAgreement"
SETTLEMENT = "//ram:ApplicableHeaderTradeSettlement"
SUMMATION = "//ram:SpecifiedTradeSettlementHeaderMonetarySummation"
NOTES = "//ram:IncludedNote/ram:Content"
PRECEDING = f"{SETTLEMENT}/ram:InvoiceReferencedDocument/ram:IssuerAssignedID"


class KindsCommon(FrInvoicingCommon):
    """One document of each kind, made as a user of Odoo makes it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env.user.group_ids += cls.env.ref("sales_team.group_sale_manager")

    def _make(self, moves):
        moves._fr_generate_facturx()
        self.assertValid(moves)
        return moves

    def _codes(self, move):
        """Give BT-3 and BT-23 of the stored XML."""
        [type_code] = self._texts(move, "//rsm:ExchangedDocument/ram:TypeCode")
        [frame] = self._texts(
            move, "//ram:BusinessProcessSpecifiedDocumentContextParameter/ram:ID"
        )
        return type_code, frame

    def _sell(self, quantity=10, price=100, product=None):
        order = self.env["sale.order"].create(
            {
                "partner_id": self.business.id,
                "order_line": [
                    Command.create(
                        {
                            "product_id": (product or self.service).id,
                            "product_uom_qty": quantity,
                            "price_unit": price,
                        }
                    )
                ],
            }
        )
        order.action_confirm()
        return order

    def _advance(self, order, percent):
        """Invoice a down payment of a sales order with Odoo's wizard."""
        wizard = self.env["sale.advance.payment.inv"].create(
            {
                "sale_order_ids": [Command.set(order.ids)],
                "advance_payment_method": "percentage",
                "amount": percent,
            }
        )
        move = wizard._create_invoices(order)
        move.invoice_date = DAY
        move.action_post()
        return move

    def _pay(self, move, day=DAY, amount=None):
        """Register a payment with Odoo's wizard."""
        self.env["account.payment.register"].with_context(
            active_model="account.move", active_ids=move.ids
        ).create(
            {"payment_date": day, **({"amount": amount} if amount else {})}
        )._create_payments()


@tagged("post_install", "-at_install")
class TestKinds(KindsCommon):
    def test_deposit_and_final_invoice_of_a_sales_order(self):
        order = self._sell(10, 100)
        deposit = self._advance(order, 30)
        order.order_line.filtered(
            lambda line: not line.is_downpayment
        ).qty_delivered = 10
        final = order._create_invoices(final=True)
        final.invoice_date = DAY
        final.action_post()
        undone = self._credit(deposit)
        self._make(deposit | final | undone)
        self.assertEqual(self._codes(deposit), ("386", "S1"))
        self.assertEqual(self._codes(final), ("380", "S4"))
        self.assertEqual(self._codes(undone), ("503", "S1"))
        self.assertEqual(self._texts(final, PRECEDING), [deposit.name])
        self.assertEqual(self._texts(undone, PRECEDING), [deposit.name])
        # 1 000.00 less the deposit of 300.00, VAT of 20 % on the rest
        self.assertEqual(
            self._texts(final, f"{SUMMATION}/ram:TaxBasisTotalAmount"), ["700.00"]
        )
        self.assertEqual(
            self._texts(final, f"{SUMMATION}/ram:GrandTotalAmount"), ["840.00"]
        )

    def test_deposit_by_account_without_sales_order(self):
        account = self.env["account.account"].search(
            [("company_ids", "in", self.company.ids), ("code", "=like", "4191%")],
            limit=1,
        )
        tax = self._tax("tva_normale_encaissement")
        advance = {
            "name": "Acompte de 30 %",
            "account_id": account.id,
            "tax_ids": [Command.set(tax.ids)],
        }
        deposit = self._make_invoice([{**advance, "price_unit": 300}])
        final = self._make_invoice(
            [
                self._line(10, 100),
                {**advance, "quantity": -1, "price_unit": 300},
            ]
        )
        self.assertEqual(deposit.fr_document_kind, "deposit")
        self.assertEqual(final.fr_document_kind, "final")
        self._make(deposit | final)
        self.assertEqual(self._codes(deposit), ("386", "S1"))
        self.assertEqual(self._codes(final), ("380", "S4"))
        self.assertEqual(self._texts(final, PRECEDING), [deposit.name])

    def test_corrective_invoice_replaces_another(self):
        origin = self._make_invoice([self._line(3, 100)])
        corrective = self._make_invoice(
            [self._line(2, 100)],
            fr_document_kind="corrective",
            fr_origin_move_id=origin.id,
        )
        by_link = self._make_invoice([self._line(2, 90)], reversed_entry_id=origin.id)
        self._make(corrective | by_link)
        for move in (corrective, by_link):
            self.assertEqual(self._codes(move), ("384", "S1"))
            self.assertEqual(self._texts(move, PRECEDING), [origin.name])

    def test_corrective_invoice_cancels_the_first_in_the_ledger(self):
        origin = self._make_invoice([self._line(3, 100)])
        self._pay(origin, amount=60)
        corrective = self._make_invoice(
            [self._line(2, 100)],
            fr_document_kind="corrective",
            fr_origin_move_id=origin.id,
        )
        reversal = origin.reversal_move_ids
        self.assertEqual(reversal.fr_cancels_for_id, corrective)
        self.assertEqual(reversal.state, "posted")
        self.assertFalse(reversal.fr_is_concerned)
        self.assertEqual(origin.payment_state, "reversed")
        # 240.00, of which 60.00 were paid on the first invoice
        self.assertEqual(corrective.amount_residual, 180)
        moves = origin | corrective | reversal
        self.assertEqual(sum(moves.mapped("amount_tax_signed")), 40)
        self._make(corrective)
        self.assertEqual(
            self._texts(corrective, f"{SUMMATION}/ram:TotalPrepaidAmount"), ["60.00"]
        )
        self.assertEqual(reversal.fr_facturx_state, "none")

    def test_credit_note_is_not_proposed_before_its_invoice(self):
        tomorrow = fields.Date.context_today(self.env.user) + timedelta(days=1)
        invoice = self._make_invoice([self._line()], invoice_date=tomorrow)
        wizard = (
            self.env["account.move.reversal"]
            .with_context(active_model="account.move", active_ids=invoice.ids)
            .create({"journal_id": invoice.journal_id.id})
        )
        self.assertEqual(wizard.date, tomorrow)

    def test_credit_note_of_today_is_posted_around_midnight(self):
        # in Paris the new day has begun, for a job without a time zone it has not
        with freeze_time("2026-11-30 23:30:00"):
            invoice = self._make_invoice([self._line()], invoice_date="2026-12-01")
            wizard = (
                self.env["account.move.reversal"]
                .with_context(
                    active_model="account.move", active_ids=invoice.ids, tz=False
                )
                .create({"journal_id": invoice.journal_id.id})
            )
            wizard.reverse_moves()
            credit = invoice.reversal_move_ids
            credit.action_post()
        self.assertEqual(credit.state, "posted")
        self.assertEqual(str(credit.invoice_date), "2026-12-01")

    def test_invoice_after_a_credit_note_is_no_corrective_one(self):
        origin = self._make_invoice([self._line(3, 100)])
        self._credit(origin)
        corrective = self._make_invoice(
            [self._line(2, 100)],
            fr_document_kind="corrective",
            fr_origin_move_id=origin.id,
        )
        rules = [finding.rule for finding in corrective._fr_preflight()]
        self.assertEqual(rules, ["CORRECTIVE-AFTER-CREDIT-NOTE"])
        self.assertEqual(len(origin.reversal_move_ids), 1)

    def test_two_deposits_and_one_final_invoice(self):
        order = self._sell(10, 100)
        first, second = self._advance(order, 30), self._advance(order, 20)
        order.order_line.filtered(
            lambda line: not line.is_downpayment
        ).qty_delivered = 10
        final = order._create_invoices(final=True)
        final.invoice_date = DAY
        final.action_post()
        self._make(final)
        self.assertEqual(self._texts(final, PRECEDING), [first.name, second.name])
        self.assertEqual(final.fr_deposit_move_ids, first | second)
        self.assertEqual(
            self._texts(final, f"{SUMMATION}/ram:TaxBasisTotalAmount"), ["500.00"]
        )

    def test_corrective_invoice_without_origin_is_refused(self):
        self.company.fr_check_on_post = False
        move = self._make_invoice([self._line()], fr_document_kind="corrective")
        move._fr_generate_facturx()
        self.assertEqual(self._rules(move), ["CORRECTIVE-ORIGIN"])

    def test_global_rebate_names_contract_and_period(self):
        rebate = self._make_invoice(
            [self._line(1, 250)],
            move_type="out_refund",
            fr_contract_reference="CTR-2026-17",
            fr_period_start=date(2026, 1, 1),
            fr_period_end=date(2026, 10, 31),
        )
        self.assertEqual(rebate.fr_document_kind, "rebate")
        self._make(rebate)
        self.assertEqual(self._codes(rebate), ("262", "S1"))
        self.assertEqual(self._texts(rebate, PRECEDING), [])
        self.assertEqual(
            self._texts(rebate, f"{AGREEMENT}/ram:ContractReferencedDocument/*"),
            ["CTR-2026-17"],
        )
        self.assertEqual(
            self._texts(rebate, f"{SETTLEMENT}/ram:BillingSpecifiedPeriod//udt:*"),
            ["20260101", "20261031"],
        )

    def test_self_billed_invoice_and_credit_note(self):
        journal = self.env["account.journal"].create(
            {
                "name": "Autofactures",
                "code": "AUTO",
                "type": "purchase",
                "is_self_billing": True,
                "refund_sequence": True,
                "default_account_id": self.company_data["default_account_expense"].id,
            }
        )
        tax = self._tax("tva_acq_encaissement")
        supplier = self.business
        bank = self.env["res.partner.bank"].create(
            {
                "acc_number": "FR1420041010050500013M02606",
                "partner_id": supplier.id,
                "allow_out_payment": True,
            }
        )
        bill = self._make_invoice(
            [
                {
                    "name": "Part de revenu, octobre",
                    "quantity": 1,
                    "price_unit": 400,
                    "tax_ids": [Command.set(tax.ids)],
                }
            ],
            supplier,
            move_type="in_invoice",
            journal_id=journal.id,
            partner_bank_id=bank.id,
        )
        refund = self._credit(bill)
        self._make(bill | refund)
        self.assertEqual(self._codes(bill), ("389", "S1"))
        self.assertEqual(self._codes(refund), ("261", "S1"))
        seller = f"{AGREEMENT}/ram:SellerTradeParty"
        self.assertEqual(self._texts(bill, f"{seller}/ram:Name"), [supplier.name])
        self.assertEqual(
            self._texts(bill, f"{AGREEMENT}/ram:BuyerTradeParty/ram:Name"),
            [self.company.name],
        )
        self.assertEqual(self._texts(refund, PRECEDING), [bill.name])
        for document in (bill, refund):
            self.assertIn("Autofacturation", self._texts(document, NOTES))
        self.assertEqual(
            self._texts(bill, "//ram:PayeePartyCreditorFinancialAccount/ram:IBANID"),
            ["FR1420041010050500013M02606"],
        )
        self.assertEqual(
            self._texts(bill, f"{SUMMATION}/ram:GrandTotalAmount"), ["480.00"]
        )
        self.env["account.move.send"]._generate_and_send_invoices(
            bill | refund, sending_methods={"email"}
        )
        self.assertEqual((bill | refund).mapped("is_move_sent"), [True, True])

    def test_factored_invoice_is_paid_to_the_factor(self):
        factor = self._make_partner(
            "Affacturage Exemple SA",
            is_company=True,
            city="Paris",
            company_registry="30000000700017",
        )
        bank = self.env["res.partner.bank"].create(
            {"acc_number": "FR1420041010050500013M02606", "partner_id": factor.id}
        )
        by_account = self._make_invoice([self._line()], partner_bank_id=bank.id)
        self.business.fr_factor_id = factor
        by_customer = self._make_invoice([self._line()])
        credit_note = self._credit(by_customer)
        self._make(by_account | by_customer | credit_note)
        for move in (by_account, by_customer):
            self.assertEqual(self._codes(move), ("393", "S1"))
            self.assertEqual(
                self._texts(move, f"{SETTLEMENT}/ram:PayeeTradeParty/ram:Name"),
                [factor.name],
            )
            self.assertEqual(
                self._texts(
                    move, "//ram:PayeePartyCreditorFinancialAccount/ram:IBANID"
                ),
                ["FR1420041010050500013M02606"],
            )
            [note] = [
                text for text in self._texts(move, NOTES) if "affacturage" in text
            ]
            self.assertIn(factor.name, note)
        self.assertEqual(self._codes(credit_note), ("396", "S1"))

    def test_paid_invoice_says_so(self):
        paid = self._make_invoice([self._line()])
        self._pay(paid)
        partly = self._make_invoice([self._line()])
        self._pay(partly, amount=20)
        later = self._make_invoice([self._line()])
        self._pay(later, day=date(2026, 11, 20))
        self._make(paid | partly | later)
        self.assertEqual(self._codes(paid), ("380", "S2"))
        self.assertEqual(self._codes(partly), ("380", "S1"))
        self.assertEqual(self._codes(later), ("380", "S1"))
        due = f"{SUMMATION}/ram:DuePayableAmount"
        prepaid = f"{SUMMATION}/ram:TotalPrepaidAmount"
        self.assertEqual(self._texts(paid, due), ["0.00"])
        self.assertEqual(self._texts(paid, prepaid), ["120.00"])
        self.assertEqual(self._texts(partly, due), ["100.00"])
        self.assertEqual(self._texts(partly, prepaid), ["20.00"])
        self.assertEqual(self._texts(later, due), ["120.00"])
        self.assertEqual(self._texts(later, prepaid), [])

    def test_payment_after_issue_does_not_change_the_codes(self):
        move = self._make(self._make_invoice([self._line()]))
        self._pay(move)
        self.assertEqual(move.fr_process_code, "S1")


@tagged("post_install", "-at_install")
class TestStructures(KindsCommon):
    def test_document_level_allowances_and_charges_per_rate(self):
        discount = self._make_product("Remise globale", "service")
        discount.fr_is_document_level = True
        freight = self._make_product("Frais de port", "service")
        freight.fr_is_document_level = True
        low = [Command.set(self._tax("tva_reduite").ids)]
        move = self._make_invoice(
            [
                self._line(10, 33.33),
                self._line(1, 200, tax_ids=low),
                self._line(1, -33.33, product=discount),
                self._line(1, -20, product=discount, tax_ids=low),
                self._line(1, 12.5, product=freight),
            ]
        )
        self._make(move)
        self.assertEqual(
            self._texts(move, f"{SUMMATION}/ram:AllowanceTotalAmount"), ["53.33"]
        )
        self.assertEqual(
            self._texts(move, f"{SUMMATION}/ram:ChargeTotalAmount"), ["12.50"]
        )
        self.assertEqual(
            self._texts(move, f"{SUMMATION}/ram:LineTotalAmount"), ["533.30"]
        )
        self.assertEqual(
            self._texts(move, f"{SUMMATION}/ram:TaxBasisTotalAmount"), ["492.47"]
        )
        self.assertEqual(
            len(self._xml(move).findall(".//{*}IncludedSupplyChainTradeLineItem")), 2
        )
        credit_note = self._credit(move)
        self._make(credit_note)
        self.assertEqual(
            self._texts(credit_note, f"{SUMMATION}/ram:AllowanceTotalAmount"), ["53.33"]
        )

    def test_direct_debit(self):
        self.company.fr_creditor_identifier = "FR00ZZZ123456"
        self.business.fr_mandate_reference = "RUM-2026-0042"
        bare = self._make_invoice([self._line()])
        self.env["res.partner.bank"].create(
            {
                "acc_number": "FR1420041010050500013M02606",
                "partner_id": self.business.id,
            }
        )
        full = self._make_invoice([self._line()])
        self._make(bare | full)
        means = "//ram:SpecifiedTradeSettlementPaymentMeans"
        for move in (bare, full):
            self.assertEqual(self._texts(move, f"{means}/ram:TypeCode"), ["59"])
            self.assertEqual(
                self._texts(move, "//ram:DirectDebitMandateID"), ["RUM-2026-0042"]
            )
            self.assertEqual(
                self._texts(move, f"{SETTLEMENT}/ram:CreditorReferenceID"),
                ["FR00ZZZ123456"],
            )
        self.assertEqual(
            self._texts(full, f"{means}//ram:IBANID"), ["FR1420041010050500013M02606"]
        )

    def test_sales_order_and_global_discount_of_odoo(self):
        """Odoo's discount wizard adds a line of its own product per tax."""
        order = self._sell(10, 100, self.good)
        self.env["sale.order.discount"].create(
            {
                "sale_order_id": order.id,
                "discount_type": "so_discount",
                "discount_percentage": 0.1,
            }
        ).action_apply_discount()
        order.order_line.qty_delivered = 10
        move = order._create_invoices()
        move.invoice_date = DAY
        move.action_post()
        self._make(move)
        self.assertEqual(
            self._texts(move, f"{SUMMATION}/ram:AllowanceTotalAmount"), ["100.00"]
        )
        self.assertEqual(
            self._texts(move, f"{SUMMATION}/ram:TaxBasisTotalAmount"), ["900.00"]
        )
        self.assertEqual(
            self._texts(move, f"{AGREEMENT}/ram:SellerOrderReferencedDocument/*"),
            [order.name],
        )

    def test_credit_note_in_dollars_says_its_vat_in_euro(self):
        usd = self.env.ref("base.USD")
        usd.active = True
        self.env["res.currency.rate"].create(
            {"currency_id": usd.id, "rate": 1.1, "name": DAY}
        )
        move = self._make_invoice([self._line(3, 33.33)], currency_id=usd.id)
        credit_note = self._credit(move)
        self._make(move | credit_note)
        for document in (move, credit_note):
            # 20.00 USD at 1.1
            self.assertEqual(
                self._texts(document, "//ram:TaxTotalAmount[@currencyID='EUR']"),
                ["18.18"],
            )

    def test_public_buyer(self):
        self.business.write({"fr_is_public_buyer": True, "fr_service_code": "SVC-INFO"})
        move = self._make_invoice(
            [self._line()], ref="ENG-4500001", fr_contract_reference="MARCHE-26-03"
        )
        self._make(move)
        self.assertEqual(
            self._texts(move, f"{AGREEMENT}/ram:BuyerReference"), ["SVC-INFO"]
        )
        self.assertEqual(
            self._texts(move, f"{AGREEMENT}/ram:BuyerOrderReferencedDocument/*"),
            ["ENG-4500001"],
        )
        self.assertEqual(
            self._texts(move, f"{AGREEMENT}/ram:ContractReferencedDocument/*"),
            ["MARCHE-26-03"],
        )
        self.assertEqual(
            self._texts(
                move,
                f"{AGREEMENT}/ram:BuyerTradeParty/ram:URIUniversalCommunication/*",
            ),
            ["200000008_20000000800017_SVC-INFO"],
        )

    def test_odd_lines_give_a_valid_document(self):
        name = "Serveur \N{ROCKET} " + "x" * 1000
        odd = self._make_invoice(
            [
                self._line(1, 100, name=name),
                self._line(1, 0, name="Offert\x07"),
                self._line(0, 10),
                self._line(1, -30),
                self._line(3, 0.123456),
            ]
        )
        nothing = self._make_invoice([self._line(1, 0)])
        balanced = self._make_invoice([self._line(1, 50), self._line(1, -50)])
        self._make(odd | nothing | balanced)
        self.assertIn(
            "\N{ROCKET}", self._texts(odd, "//ram:SpecifiedTradeProduct/ram:Name")[0]
        )
        self.assertEqual(
            self._texts(nothing, f"{SUMMATION}/ram:DuePayableAmount"), ["0.00"]
        )

    def test_negative_total_is_refused_with_what_to_do(self):
        self.company.fr_check_on_post = False
        refund = self._make_invoice(
            [self._line(1, 10), self._line(1, -50)],
            move_type="out_refund",
            fr_origin_number="OLD-1",
            fr_origin_date=DAY,
            post=False,
        )
        rules = [finding.rule for finding in refund._fr_preflight()]
        self.assertIn("NEGATIVE-CREDIT", rules)
