from psycopg2 import IntegrityError

from odoo import Command
from odoo.exceptions import UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import RevenueShareCommon


@tagged("post_install", "-at_install")
class TestInvoiceShares(RevenueShareCommon):
    """What a posted invoice shares, and what takes it back."""

    def test_posted_invoice_shares_its_lines_with_its_partners(self):
        # SAP's example: 75 % of the flat rate, 90 % of each movie, line by line
        self._create_agreement(
            [
                (self.author, "percent", "75", {"product_ids": self.music.ids}),
                (self.author, "percent", "90", {"product_ids": self.movie.ids}),
            ],
            granularity="line",
        )
        move = self._create_invoice(
            (self.music, 15.99),
            (self.movie, 3.99),
            (self.movie, 4.99),
            (self.movie, 2.99),
        )
        # 11.99 + 3.59 + 4.49 + 2.69
        self.assertEqual(self._shares(move), {self.author: 22.76})
        items = move.revenue_share_item_ids
        self.assertEqual(len(items), 4)
        self.assertAlmostEqual(sum(items.mapped("residual")), 5.20)

    def test_share_keeps_the_exact_amount_and_how_it_was_made(self):
        self._create_agreement([(self.reseller, "percent", "10")])
        move = self._create_invoice((self.music, 1234.56))
        line = move.revenue_share_item_ids.line_ids
        self.assertEqual(str(line.exact_amount), "123.456")
        self.assertEqual(line.amount, 123.46)
        self.assertEqual(line.trace["exact"], "123.456")
        self.assertEqual(line.version_id.number, 1)

    def test_draft_invoice_shares_nothing(self):
        self._create_agreement([(self.reseller, "percent", "10")])
        move = self._create_invoice((self.music, 100), post=False)
        self.assertFalse(move.revenue_share_item_ids)

    def test_invoice_of_another_customer_shares_nothing(self):
        self._create_agreement([(self.reseller, "percent", "10")])
        other = self._create_partner("Someone else")
        move = self._create_invoice((self.music, 100), partner_id=other.id)
        self.assertFalse(move.revenue_share_item_ids)

    def test_invoice_to_a_contact_counts_for_its_company(self):
        self._create_agreement([(self.reseller, "percent", "10")])
        contact = self.env["res.partner"].create(
            {"name": "Accounting", "parent_id": self.customer.id}
        )
        move = self._create_invoice((self.music, 100), partner_id=contact.id)
        self.assertEqual(self._shares(move), {self.reseller: 10})

    def test_agreement_with_all_customers_takes_only_matching_lines(self):
        self._create_agreement(
            [(self.author, "percent", "50", {"product_ids": self.movie.ids})],
            applies_to="all",
            customers=[],
        )
        move = self._create_invoice((self.music, 100), (self.movie, 30))
        self.assertEqual(move.revenue_share_item_ids.product_id, self.movie)
        self.assertEqual(self._shares(move), {self.author: 15})

    def test_rule_on_a_category_takes_the_products_below_it(self):
        parent = self.env["product.category"].create({"name": "Media"})
        child = self.env["product.category"].create(
            {"name": "Films", "parent_id": parent.id}
        )
        self.movie.categ_id = child
        self._create_agreement(
            [(self.author, "percent", "50", {"categ_ids": parent.ids})]
        )
        move = self._create_invoice((self.music, 100), (self.movie, 30))
        self.assertEqual(self._shares(move), {self.author: 15})

    def test_gross_base_shares_the_amount_with_vat(self):
        self._create_agreement([(self.reseller, "percent", "15")], base="gross")
        tax = self.env["account.tax"].create(
            {"name": "20 %", "amount": 20, "type_tax_use": "sale"}
        )
        move = self._create_invoice(
            (self.music, 100, {"tax_ids": [Command.set(tax.ids)]})
        )
        self.assertEqual(self._shares(move), {self.reseller: 18})

    def test_margin_base_shares_what_is_above_the_cost(self):
        self.music.standard_price = 180
        self._create_agreement([(self.reseller, "percent", "40")], base="margin")
        move = self._create_invoice((self.music, 250))
        self.assertEqual(self._shares(move), {self.reseller: 28})
        self.assertEqual(move.revenue_share_item_ids.base, 70)

    def test_second_recording_adds_nothing(self):
        self._create_agreement([(self.reseller, "percent", "10")])
        move = self._create_invoice((self.music, 100))
        move.action_record_revenue_shares()
        self.assertEqual(len(move.revenue_share_item_ids), 1)
        self.assertEqual(self._shares(move), {self.reseller: 10})

    def test_recording_later_adds_what_the_agreement_missed(self):
        move = self._create_invoice((self.music, 100))
        self._create_agreement([(self.reseller, "percent", "10")])
        move.action_record_revenue_shares()
        self.assertEqual(self._shares(move), {self.reseller: 10})

    def test_database_refuses_the_same_source_twice(self):
        self._create_agreement([(self.reseller, "percent", "10")])
        item = self._create_invoice((self.music, 100)).revenue_share_item_ids
        with mute_logger("odoo.sql_db"), self.assertRaises(IntegrityError):
            self.env.cr.execute(
                "INSERT INTO revenue_share_item (agreement_id, company_id, version_id,"
                " source, source_key, date, currency_id) SELECT agreement_id,"
                " company_id, version_id, source, source_key, date, currency_id"
                " FROM revenue_share_item WHERE id = %s",
                [item.id],
            )

    def test_two_agreements_share_the_same_line(self):
        self._create_agreement([(self.reseller, "percent", "10")])
        self._create_agreement([(self.author, "percent", "5")])
        move = self._create_invoice((self.music, 100))
        self.assertEqual(self._shares(move), {self.reseller: 10, self.author: 5})

    def test_share_carved_out_of_another(self):
        self._create_agreement(
            [
                (self.reseller, "percent", "20", {"priority": 10}),
                (
                    self.author,
                    "percent",
                    "60",
                    {
                        "priority": 20,
                        "on": "share",
                        "on_partner_id": self.reseller.id,
                        "deduct": True,
                    },
                ),
            ]
        )
        move = self._create_invoice((self.music, 1000))
        self.assertEqual(self._shares(move), {self.reseller: 80, self.author: 120})
        self.assertEqual(move.revenue_share_item_ids.residual, 800)

    # credit notes

    def test_full_credit_note_returns_exactly_zero(self):
        self._create_agreement([(self.reseller, "percent", "30")])
        move = self._create_invoice((self.music, 83.33), (self.movie, 0.05))
        refund = self._reverse(move)
        self.assertEqual(self._shares(move), {self.reseller: 25.02})
        self.assertEqual(self._shares(refund), {self.reseller: -25.02})
        self.assertEqual(sum(refund.revenue_share_item_ids.mapped("base")), -83.38)

    def test_partial_credit_notes_add_up_to_the_share(self):
        self._create_agreement([(self.reseller, "percent", "33.33")])
        move = self._create_invoice((self.music, 100))
        refunds = self.env["account.move"]
        for net in (33.33, 33.33, 33.34):
            refund = self._reverse(move, post=False)
            refund.invoice_line_ids.price_unit = net
            refund.action_post()
            refunds |= refund
        # cumulative: 11.11, then 22.22, then all 33.33
        self.assertEqual(
            [self._shares(refund)[self.reseller] for refund in refunds],
            [-11.11, -11.11, -11.11],
        )
        self.assertEqual(self._shares(move | refunds), {self.reseller: 0})

    def test_credit_note_mirrors_the_stored_share_after_the_terms_changed(self):
        agreement = self._create_agreement([(self.reseller, "percent", "30")])
        move = self._create_invoice((self.music, 100))
        agreement.version_ids.action_retire()
        agreement.action_end()
        refund = self._reverse(move)
        self.assertEqual(self._shares(refund), {self.reseller: -30})

    def test_credit_note_of_one_line_leaves_the_other_alone(self):
        self._create_agreement(
            [(self.author, "percent", "50", {"product_ids": self.movie.ids})]
        )
        move = self._create_invoice((self.music, 100), (self.movie, 30))
        refund = self._reverse(move, post=False)
        refund.invoice_line_ids.filtered(
            lambda line: line.product_id == self.movie
        ).unlink()
        refund.action_post()
        self.assertEqual(self._shares(refund), {})

    def test_credit_note_beyond_the_invoice_takes_back_the_share_only(self):
        self._create_agreement([(self.reseller, "percent", "30")])
        move = self._create_invoice((self.music, 100))
        refund = self._reverse(move, post=False)
        refund.invoice_line_ids.price_unit = 500
        refund.action_post()
        self.assertEqual(self._shares(refund), {self.reseller: -30})

    def test_credit_note_without_an_invoice_shares_a_negative_amount(self):
        self._create_agreement([(self.reseller, "percent", "30")])
        refund = self._create_invoice((self.music, 100), move_type="out_refund")
        self.assertEqual(self._shares(refund), {self.reseller: -30})

    def test_invoice_set_back_to_draft_and_posted_again_is_shared_once(self):
        self._create_agreement([(self.reseller, "percent", "10")])
        move = self._create_invoice((self.music, 100))
        move.button_draft()
        self.assertEqual(self._shares(move), {self.reseller: 0})
        move.invoice_line_ids.price_unit = 200
        move.action_post()
        self.assertEqual(self._shares(move), {self.reseller: 20})
        self.assertEqual(len(move.revenue_share_item_ids), 3)

    def test_credit_note_set_back_to_draft_gives_the_share_back(self):
        self._create_agreement([(self.reseller, "percent", "10")])
        move = self._create_invoice((self.music, 100))
        refund = self._reverse(move)
        refund.button_draft()
        self.assertEqual(self._shares(move | refund), {self.reseller: 10})
        refund.invoice_line_ids.price_unit = 50
        refund.action_post()
        self.assertEqual(self._shares(move | refund), {self.reseller: 5})

    # what cannot be changed

    def test_shares_and_items_cannot_be_changed_or_deleted(self):
        self._create_agreement([(self.reseller, "percent", "10")])
        item = self._create_invoice((self.music, 100)).revenue_share_item_ids
        with self.assertRaises(UserError):
            item.line_ids.amount = 99
        with self.assertRaises(UserError):
            item.line_ids.unlink()
        with self.assertRaises(UserError):
            item.base = 99
        with self.assertRaises(UserError):
            item.unlink()

    # cost

    def test_queries_do_not_grow_with_the_number_of_invoices(self):
        self._create_agreement([(self.reseller, "percent", "10")])
        few = self._count_queries(2)
        many = self._count_queries(12)
        self.assertLessEqual(many, few + 10)

    def _count_queries(self, number):
        moves = self.env["account.move"].concat(
            *(
                self._create_invoice((self.music, 100), (self.movie, 5), post=False)
                for _ in range(number)
            )
        )
        moves.state = "posted"
        self.env.flush_all()
        self.env.invalidate_all()
        before = self.env.cr.sql_log_count
        moves._record_revenue_shares()
        self.env.flush_all()
        self.assertEqual(len(moves.revenue_share_item_ids), 2 * number)
        return self.env.cr.sql_log_count - before
