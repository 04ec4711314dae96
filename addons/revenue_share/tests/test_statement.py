from datetime import date

from freezegun import freeze_time

from odoo import Command
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from .common import RevenueShareCommon


@tagged("post_install", "-at_install")
class TestStatement(RevenueShareCommon):
    """From the shares of a period to what a partner is told."""

    def _prepare(self, agreement):
        agreement.action_prepare_statements()
        return agreement.statement_ids.filtered(lambda s: s.state == "draft")

    def test_statement_adds_up_the_shares_of_its_period(self):
        agreement = self._create_agreement([(self.reseller, "percent", "10")])
        self._create_invoice((self.music, 100), day="2026-03-10")
        self._create_invoice((self.music, 50), day="2026-04-01")
        march, april = self._prepare(agreement).sorted("period_start")
        self.assertEqual(
            (march.period_start, march.period_end), (date(2026, 3, 1), date(2026, 4, 1))
        )
        self.assertEqual((march.amount_total, march.amount_due), (10, 10))
        self.assertEqual(april.amount_total, 5)
        self.assertEqual((march.base_amount, march.residual_amount), (100, 90))

    def test_percentage_and_fixed_amount_on_one_statement(self):
        agreement = self._create_agreement(
            [(self.author, "percent", "20"), (self.author, "fixed", "150")]
        )
        move = self._create_invoice((self.music, 1000))
        self.assertEqual(self._shares(move), {self.author: 200})
        statement = self._prepare(agreement)
        self.assertEqual(statement.amount_total, 350)
        self.assertEqual(statement.residual_amount, 650)

    def test_fixed_amount_of_a_version_in_force_for_half_the_period(self):
        agreement = self._create_agreement(
            [(self.author, "fixed", "500")], date_from=date(2026, 6, 16)
        )
        self._create_invoice((self.music, 2000), day="2026-06-20")
        # 15 of 30 days
        self.assertEqual(self._prepare(agreement).amount_total, 250)

    def test_rounding_once_per_statement_adds_the_cent_to_a_line(self):
        agreement = self._create_agreement(
            [(self.reseller, "percent", "10")], granularity="settlement"
        )
        for _ in range(3):
            self._create_invoice((self.music, 0.04))
        # each line rounds 0.004 to nothing; the period gives 0.012
        statement = self._prepare(agreement)
        self.assertEqual(statement.amount_total, 0.01)
        self.assertEqual(statement.residual_amount, 0.11)
        self.assertIn("rounding", statement.line_ids.mapped("kind"))

    def test_credit_note_after_the_rounding_cent_still_returns_zero(self):
        agreement = self._create_agreement([(self.reseller, "percent", "10")])
        moves = self.env["account.move"].concat(
            *(self._create_invoice((self.music, 0.04)) for _ in range(3))
        )
        self._prepare(agreement).with_user(self.approver).action_send()
        for move in moves:
            self._reverse(move, day="2026-04-02")
        april = self._prepare(agreement)
        self.assertEqual(str(sum(april.line_ids.mapped("basis"))), "-0.04")
        self.assertEqual(april.amount_total, -0.01)
        self.assertEqual((april.amount_due, april.amount_carried), (0, -0.01))

    def test_credit_note_follows_what_the_settlement_adds_to_its_sale(self):
        agreement = self._create_agreement(
            [
                (
                    self.reseller,
                    "tiered_percent",
                    None,
                    {
                        "tier_mode": "volume",
                        "tier_ids": [
                            Command.create({"up_to": "100", "rate": "10"}),
                            Command.create({"rate": "20"}),
                        ],
                    },
                )
            ]
        )
        first = self._create_invoice((self.music, 80))
        self._create_invoice((self.music, 120))
        self._reverse(first)
        # 200 reach 20 %: 16 + 24; the credit note takes the 16 back
        statement = self._prepare(agreement)
        self.assertEqual((statement.amount_shares, statement.amount_credits), (40, -16))
        self.assertEqual(statement.amount_total, 24)
        # 80 + 120 - 80, each told once
        self.assertEqual(sum(statement.line_ids.mapped("basis")), 120)

    def test_preparing_again_changes_nothing(self):
        agreement = self._create_agreement(
            [(self.author, "percent", "20"), (self.author, "fixed", "150")]
        )
        self._create_invoice((self.music, 0.03), (self.music, 0.03))
        statement = self._prepare(agreement)
        lines, total = statement.line_ids, statement.amount_total
        self.assertEqual(self._prepare(agreement), statement)
        self.assertEqual((statement.line_ids, statement.amount_total), (lines, total))

    def test_draft_follows_what_is_posted_later(self):
        agreement = self._create_agreement(
            [(self.author, "fixed", "150"), (self.author, "percent", "50")]
        )
        self._create_invoice((self.music, 100))
        statement = self._prepare(agreement)
        self._create_invoice((self.music, 100))
        statement.action_refresh()
        self.assertEqual(statement.amount_total, 250)

    def test_late_revenue_goes_to_the_next_open_period(self):
        agreement = self._create_agreement([(self.reseller, "percent", "10")])
        self._create_invoice((self.music, 100), day="2026-03-10")
        march = self._prepare(agreement)
        march.with_user(self.approver).action_send()
        self._create_invoice((self.music, 70), day="2026-03-31")
        april = self._prepare(agreement)
        self.assertEqual(april.period_start, date(2026, 4, 1))
        self.assertEqual((march.amount_total, april.amount_total), (10, 7))

    def test_negative_balance_is_carried_and_never_due(self):
        agreement = self._create_agreement([(self.reseller, "percent", "10")])
        move = self._create_invoice((self.music, 1000), day="2026-03-10")
        self._prepare(agreement).with_user(self.approver).action_send()
        self._reverse(move, day="2026-04-10")
        april = self._prepare(agreement)
        self.assertEqual((april.amount_due, april.amount_carried), (0, -100))
        april.with_user(self.approver).action_send()
        self._create_invoice((self.music, 3000), day="2026-05-10")
        may = self._prepare(agreement)
        self.assertEqual((may.amount_opening, may.amount_due), (-100, 200))

    def test_new_version_applies_from_its_first_day(self):
        agreement = self._create_agreement([(self.reseller, "percent", "10")])
        version = agreement.version_ids.copy({"date_from": date(2026, 3, 16)})
        version.rule_ids.value = "12"
        version.action_activate()
        self.assertEqual(
            agreement.version_ids.sorted("number")[0].date_to, date(2026, 3, 15)
        )
        old = self._create_invoice((self.music, 1000), day="2026-03-15")
        new = self._create_invoice((self.music, 1000), day="2026-03-16")
        self.assertEqual(self._shares(old), {self.reseller: 100})
        self.assertEqual(self._shares(new), {self.reseller: 120})
        self.assertEqual(self._prepare(agreement).amount_total, 220)

    def test_each_partner_has_its_own_statement(self):
        agreement = self._create_agreement(
            [(self.reseller, "weight", "1"), (self.author, "weight", "2")]
        )
        self._create_invoice((self.music, 100))
        statements = self._prepare(agreement)
        self.assertEqual(
            {s.partner_id: s.amount_total for s in statements},
            {self.reseller: 33.33, self.author: 66.67},
        )

    def test_each_currency_has_its_own_statement(self):
        dollar = self.env.ref("base.USD")
        dollar.active = True
        agreement = self._create_agreement(
            [(self.reseller, "percent", "10"), (self.reseller, "fixed", "5")]
        )
        self._create_invoice((self.music, 100))
        self._create_invoice((self.music, 50), currency_id=dollar.id)
        statements = self._prepare(agreement)
        self.assertEqual(
            {s.currency_id.name: s.amount_total for s in statements},
            {"EUR": 15, "USD": 5},
        )

    def test_yearly_scale_pays_the_difference_when_a_tier_is_reached(self):
        agreement = self._create_agreement(
            [
                (
                    self.reseller,
                    "tiered_percent",
                    None,
                    {
                        "tier_mode": "volume",
                        "tier_reset": "year",
                        "tier_ids": [
                            Command.create({"up_to": "1000", "rate": "10"}),
                            Command.create({"rate": "20"}),
                        ],
                    },
                )
            ]
        )
        self._create_invoice((self.music, 800), day="2026-03-10")
        self._create_invoice((self.music, 700), day="2026-04-10")
        march, april = self._prepare(agreement).sorted("period_start")
        # 800 at 10 %; then 1 500 at 20 % less the 80
        self.assertEqual((march.amount_total, april.amount_total), (80, 220))

    def test_fixed_amount_limited_to_what_is_left_reports_what_is_missing(self):
        agreement = self._create_agreement(
            [
                (self.reseller, "percent", "20", {"priority": 10}),
                (
                    self.author,
                    "fixed",
                    "300",
                    {"priority": 20, "limited_to_available": True},
                ),
            ]
        )
        self._create_invoice((self.music, 250))
        author = self._prepare(agreement).filtered(
            lambda statement: statement.partner_id == self.author
        )
        # 250 less 20 % leaves 200 of the 300
        self.assertEqual((author.amount_total, author.shortfall_amount), (200, 100))
        self.assertEqual(author.residual_amount, 0)

    def test_usage_of_last_month_counts_for_last_month_where_agreed(self):
        agreement = self._create_agreement(
            [(self.reseller, "percent", "10")], date_basis="usage"
        )
        self._create_invoice(
            (self.music, 100, {"usage_period_start": date(2026, 2, 1)}),
            (self.movie, 50),
            day="2026-03-02",
        )
        february, march = self._prepare(agreement).sorted("period_start")
        self.assertEqual((february.amount_total, march.amount_total), (10, 5))

    def test_amount_per_unit_counts_the_billed_units_not_the_shown_ones(self):
        agreement = self._create_agreement([(self.author, "per_unit", "0.0125")])
        # shown as 12.345 thousands, billed as 12 345 units
        self._create_invoice((self.music, 600, {"usage_quantity": "12345"}))
        self.assertEqual(self._prepare(agreement).amount_total, 154.31)

    # life cycle

    def test_sent_statement_is_numbered_dated_and_final(self):
        agreement = self._create_agreement([(self.reseller, "percent", "10")])
        self._create_invoice((self.music, 100))
        statement = self._prepare(agreement)
        statement.with_user(self.approver).action_send()
        self.assertRegex(statement.name, r"^RS/\d{4}/\d{5}$")
        self.assertTrue(statement.sent_at and statement.due_date)
        with self.assertRaises(UserError):
            statement.amount_due = 1
        with self.assertRaises(UserError):
            statement.line_ids.statement_id = False
        with self.assertRaises(UserError):
            statement.unlink()
        statement.with_user(self.approver).action_cancel()
        self.assertEqual(statement.state, "sent")
        statement.action_accept()
        self.assertEqual(statement.state, "accepted")

    def test_only_an_approver_sends(self):
        agreement = self._create_agreement([(self.reseller, "percent", "10")])
        self._create_invoice((self.music, 100))
        statement = self._prepare(agreement)
        manager = self._create_user("rs_manager_only", "manager")
        with self.assertRaises(AccessError):
            statement.with_user(manager).action_send()

    def test_cancelled_draft_frees_its_shares(self):
        agreement = self._create_agreement([(self.reseller, "percent", "10")])
        self._create_invoice((self.music, 100))
        first = self._prepare(agreement)
        first.action_cancel()
        self.assertFalse(first.line_ids)
        agreement._settle(first.period_start, first.period_end)
        second = agreement.statement_ids - first
        self.assertEqual(second.amount_total, 10)

    def test_manager_prepares_statements_without_more_rights(self):
        agreement = self._create_agreement([(self.reseller, "percent", "10")])
        self._create_invoice((self.music, 100))
        manager = self._create_user("rs_manager", "manager")
        agreement.with_user(manager).action_prepare_statements()
        self.assertEqual(agreement.statement_ids.amount_total, 10)

    def test_ended_periods_only_are_prepared_by_themselves(self):
        agreement = self._create_agreement([(self.reseller, "percent", "10")])
        self._create_invoice((self.music, 100), day="2026-03-10")
        agreement._prepare_ended_periods(date(2026, 3, 31))
        self.assertFalse(agreement.statement_ids)
        agreement._prepare_ended_periods(date(2026, 4, 1))
        self.assertEqual(agreement.statement_ids.period_start, date(2026, 3, 1))

    def test_cron_prepares_statements(self):
        agreement = self._create_agreement([(self.reseller, "percent", "10")])
        self._create_invoice((self.music, 100), day="2026-03-10")
        cron = self.env.ref("revenue_share.ir_cron_prepare_statements")
        with self.enter_registry_test_mode():
            cron.method_direct_trigger()
        self.assertEqual(agreement.statement_ids.amount_total, 10)

    def test_period_ends_at_midnight_where_the_company_is(self):
        agreement = self._create_agreement([(self.reseller, "percent", "10")])
        agreement.company_id.partner_id.tz = "America/Martinique"
        self._create_invoice((self.music, 100), day="2026-03-10")
        cron = self.env.ref("revenue_share.ir_cron_prepare_statements")
        for moment, count in (("2026-04-01 03:30", 0), ("2026-04-01 04:30", 1)):
            with self.enter_registry_test_mode(), freeze_time(moment):
                cron.method_direct_trigger()
            self.assertEqual(len(agreement.statement_ids), count)

    # documents

    def _send_one(self, **values):
        agreement = self._create_agreement([(self.reseller, "percent", "10")], **values)
        self.customer.name = "=Customer of the tests"
        self._create_invoice((self.music, 1234.56), (self.movie, 0.05))
        statement = self._prepare(agreement)
        statement.with_user(self.approver).action_send()
        return statement

    def test_csv_adds_up_to_the_statement(self):
        statement = self._send_one(show_customers=True)
        text = statement._render_csv().decode("utf-8-sig")
        header, *rows = text.splitlines()
        self.assertEqual(header.split(",")[0], "Date")
        self.assertAlmostEqual(
            sum(float(row.split(",")[-1]) for row in rows), statement.amount_total
        )
        self.assertIn("'=Customer of the tests", text)

    def test_csv_in_french_uses_semicolons_and_commas(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        statement = self._send_one().with_context(lang="fr_FR")
        row = statement._render_csv().decode("utf-8-sig").splitlines()[1]
        self.assertIn(";123,46", row)

    def test_customer_names_stay_hidden_unless_agreed(self):
        statement = self._send_one()
        self.assertNotIn("Customer of the tests", statement._render_csv().decode())
        self.assertNotIn("Customer of the tests", str(statement._get_document_values()))

    def test_document_never_tells_what_the_operator_keeps(self):
        statement = self._send_one()
        self.assertEqual(statement.residual_amount, 1111.15)
        text = str(statement._get_document_values())
        self.assertNotIn("1,111.15", text)

    def test_pdf_is_rendered(self):
        from ..report import statement_pdf

        content = statement_pdf.render(self._send_one())
        self.assertTrue(content.startswith(b"%PDF"))
