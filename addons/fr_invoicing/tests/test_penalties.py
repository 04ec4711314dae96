# Part of Relevé. See LICENSE file for full copyright and licensing details.
from datetime import date
from decimal import Decimal

from freezegun import freeze_time

from odoo import Command
from odoo.exceptions import UserError, ValidationError
from odoo.tests import HttpCase, new_test_user, tagged

from .common import FrInvoicingCommon

DUE = date(2025, 8, 31)
TODAY = date(2025, 9, 30)


class LatePaymentCommon(FrInvoicingCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.write({"fr_facturx_auto": False, "fr_seal_active": False})

    @classmethod
    def _late(cls, price=1000, partner=None, due=DUE, **values):
        """An invoice of 1,200.00 with TVA due on 31 August 2025."""
        return cls._make_invoice(
            [cls._line(price=price)],
            partner=partner,
            invoice_date=date(2025, 8, 1),
            invoice_date_due=due,
            invoice_payment_term_id=False,
            **values,
        )

    def _pay(self, move, amount, day):
        self.env["account.payment.register"].with_context(
            active_model="account.move", active_ids=move.ids
        ).create(
            {
                "amount": amount,
                "payment_date": day,
                "payment_difference_handling": "open",
            }
        )._create_payments()

    def _get_late(self, move, until=TODAY):
        return move._fr_get_late(until).get(move)


@tagged("post_install", "-at_install")
class TestPenalties(LatePaymentCommon):
    def test_interest_and_indemnity(self):
        # 1,200.00 x 12.15 % x 30 / 365 = 11.98
        late = self._get_late(self._late())
        self.assertEqual(late.interest, Decimal("11.98"))
        self.assertEqual(late.indemnity, Decimal(40))
        self.assertEqual(late.days, 30)

    def test_a_partial_payment(self):
        # 1,200 x 10 days + 700 x 20 days at 12.15 %: 3.994521 + 4.660274
        move = self._late()
        journal = self.company_data["default_journal_bank"]
        entry = self.env["account.move"].create(
            {
                "date": "2025-09-10",
                "journal_id": journal.id,
                "line_ids": [
                    Command.create(
                        {
                            "account_id": move.line_ids.filtered(
                                lambda line: line.display_type == "payment_term"
                            ).account_id.id,
                            "partner_id": self.business.id,
                            "credit": 500,
                        }
                    ),
                    Command.create(
                        {"account_id": journal.default_account_id.id, "debit": 500}
                    ),
                ],
            }
        )
        entry.action_post()
        (move + entry).line_ids.filtered(
            lambda line: line.account_type == "asset_receivable"
        ).reconcile()
        self.assertEqual(move.amount_residual, 700)
        late = self._get_late(move)
        self.assertEqual(late.interest, Decimal("8.65"))
        self.assertEqual([piece.days for piece in late.pieces], [10, 20])

    def test_a_credit_note_lowers_the_debt_from_the_beginning(self):
        move = self._late()
        reversal = (
            self.env["account.move.reversal"]
            .with_context(active_model="account.move", active_ids=move.ids)
            .create({"journal_id": move.journal_id.id, "date": TODAY})
        )
        credit = self.env["account.move"].browse(reversal.refund_moves()["res_id"])
        credit.invoice_line_ids.price_unit = 500
        credit.action_post()
        if move.amount_residual == 1200:
            (move + credit).line_ids.filtered(
                lambda line: line.account_type == "asset_receivable"
            ).reconcile()
        # 600.00 for 30 days: 5.99178
        self.assertEqual(self._get_late(move).interest, Decimal("5.99"))

    def test_a_consumer_owes_neither(self):
        late = self._get_late(self._late(partner=self.person))
        self.assertEqual((late.interest, late.indemnity), (0, 0))
        self.assertEqual(late.days, 30)

    def test_the_contract_and_the_public_buyer(self):
        move = self._late()
        self.business.write({"fr_penalty_policy": "legal"})
        self.assertEqual(self._get_late(move).pieces[0].rate, Decimal("8.28"))
        self.business.write({"fr_penalty_policy": "rate", "fr_penalty_rate": "15"})
        self.assertEqual(self._get_late(move).pieces[0].rate, Decimal(15))
        self.business.fr_is_public_buyer = True
        self.assertEqual(self._get_late(move).pieces[0].rate, Decimal("10.15"))

    def test_the_invoice_prints_the_rate_of_the_contract(self):
        def mention():
            move = self._make_invoice([self._line()])
            move._fr_generate_facturx()
            self.assertValid(move)
            return " ".join(self._texts(move, "//ram:IncludedNote/ram:Content"))

        self.business.write({"fr_penalty_policy": "rate", "fr_penalty_rate": "13.5"})
        self.assertIn("13,5 % par an", mention())
        self.business.fr_is_public_buyer = True
        self.assertIn("majoré de 8 points", mention())

    def test_a_rate_below_the_lawful_minimum_is_refused(self):
        with self.assertRaisesRegex(ValidationError, "three times"):
            self.business.write({"fr_penalty_policy": "rate", "fr_penalty_rate": "5"})

    def test_the_debit_note_is_outside_tva_and_valid(self):
        move = self._late()
        self.company.fr_facturx_auto = True
        note = move._fr_charge_penalties(TODAY)
        self.assertEqual(note.amount_total, 51.98)
        self.assertEqual(note.amount_tax, 0)
        accounts = note.invoice_line_ids.mapped("account_id.code")
        self.assertEqual([code[:4] for code in accounts], ["7631", "7581"])
        self.assertIn("12,15", note.invoice_line_ids[0].name)
        note.action_post()
        note._fr_generate_facturx()
        self.assertValid(note)
        self.assertIn(
            "O", self._texts(note, "//ram:ApplicableTradeTax/ram:CategoryCode")
        )

    def test_nothing_is_charged_twice(self):
        move = self._late()
        note = move._fr_charge_penalties(TODAY)
        with self.assertRaises(UserError):
            move._fr_charge_penalties(TODAY)
        # a month later the interest that has grown, without the 40 EUR
        more = move._fr_charge_penalties(date(2025, 10, 31))
        self.assertEqual(len(more.invoice_line_ids), 1)
        # 1,200 x 12.15 % x 61 / 365 = 24.366575 less 11.98
        self.assertEqual(more.amount_total, 12.39)
        note.button_cancel()
        self.assertEqual(self._get_late(move).indemnity_to_charge, Decimal(40))

    def test_a_debit_note_bears_no_interest(self):
        note = self._late()._fr_charge_penalties(TODAY)
        note.invoice_date_due = note.invoice_date
        note.action_post()
        self.assertFalse(self._get_late(note, date(2030, 1, 1)))

    def test_an_unknown_half_year_is_not_charged(self):
        rates = self.env["fr.penalty.rate"]
        rates.sudo().search([("date_start", "=", "2026-07-01")]).unlink()
        move = self._late(due=date(2026, 8, 31))
        late = self._get_late(move, date(2026, 9, 30))
        self.assertTrue(late.is_provisional)
        with self.assertRaisesRegex(UserError, "rates"):
            move._fr_charge_penalties(date(2026, 9, 30))
        rates.create(
            {
                "date_start": "2026-07-01",
                "ecb": "2.15",
                "legal": "2.60",
                "source": "JO",
            }
        )
        self.assertTrue(move._fr_charge_penalties(date(2026, 9, 30)))

    def test_rates_of_the_present_half_year_are_known(self):
        """ECB 2.40 % since 17 June 2026, legal rate 2.75 % (order of 26 June 2026)."""
        rate = self.env["fr.penalty.rate"].search([("date_start", "=", "2026-07-01")])
        self.assertEqual(
            (rate.default_rate, rate.minimum_rate), (Decimal("12.40"), Decimal("8.25"))
        )

    def test_a_disputed_invoice_is_left_alone(self):
        move = self._late()
        move.fr_reminder_stop = True
        with self.assertRaises(UserError):
            move._fr_charge_penalties(TODAY)

    def test_one_note_for_each_customer(self):
        moves = self._late() + self._late() + self._late(partner=self.german)
        notes = moves._fr_charge_penalties(TODAY)
        self.assertEqual(notes.mapped("partner_id"), self.business + self.german)
        self.assertEqual(notes[0].amount_total, 103.96)

    def test_many_invoices_need_few_queries(self):
        moves = self.env["account.move"].union(*[self._late() for _n in range(3)])
        more = moves.union(*[self._late() for _n in range(9)])
        moves._fr_get_late(TODAY)

        def count(records):
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            records._fr_get_late(TODAY)
            return self.env.cr.sql_log_count - before

        count(more)  # settings and caches of the registry
        self.assertEqual(count(more), count(moves))

    def test_a_half_year_begins_in_january_or_july(self):
        with self.assertRaises(ValidationError):
            self.env["fr.penalty.rate"].create(
                {"date_start": "2026-02-01", "ecb": "2", "legal": "2", "source": "x"}
            )


@tagged("post_install", "-at_install")
class TestReminders(LatePaymentCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.gentle, cls.firm, cls.formal = cls.env["fr.reminder.level"]._get_levels(
            cls.company
        )
        cls.move = cls._late()

    def _remind(self, day):
        made = self.env["fr.reminder"]._prepare_for(self.company, day)
        made.action_send()
        return made

    def test_the_levels_follow_each_other_once(self):
        self.assertFalse(self._remind(date(2025, 9, 4)))
        first = self._remind(date(2025, 9, 5))
        self.assertEqual((first.level_id, first.state), (self.gentle, "sent"))
        self.assertFalse(first.interest)
        self.assertFalse(self._remind(date(2025, 9, 6)))
        second = self._remind(date(2025, 9, 15))
        self.assertEqual(second.level_id, self.firm)
        # 1,200 x 12.15 % x 15 / 365 = 5.99
        self.assertEqual((second.interest, second.indemnity), (5.99, 40))
        self.assertEqual(self._remind(date(2025, 9, 30)).level_id, self.formal)
        self.assertFalse(self._remind(date(2025, 12, 30)))
        self.assertEqual(self.move.fr_reminder_level_id, self.formal)

    def test_the_text_is_in_the_language_of_the_customer(self):
        reminder = self._remind(date(2025, 9, 15))
        mail = reminder.message_ids.filtered(lambda m: m.message_type == "email")
        body = str(reminder.message_ids.mapped("body"))
        self.assertIn(self.move.name, body)
        self.assertIn("Code de commerce", body)
        self.assertIn(self.business, reminder.message_ids.partner_ids)
        self.assertTrue(mail or reminder.message_ids)
        self.assertIn("Sent", dict(reminder._fields["state"].selection).values())
        self.assertIn("Second", str(self.move.message_ids.mapped("body")))

    def test_a_disputed_or_paid_invoice_is_left_out(self):
        self.move.fr_reminder_stop = True
        self.assertFalse(self._remind(date(2025, 9, 15)))
        self.move.fr_reminder_stop = False
        made = self.env["fr.reminder"]._prepare_for(self.company, date(2025, 9, 15))
        self.move.fr_reminder_stop = True
        made.action_send()
        self.assertEqual(made.state, "cancel")

    def test_a_customer_without_reminders(self):
        self.business.fr_no_reminder = True
        self.assertFalse(self._remind(date(2025, 9, 15)))

    def test_without_address_the_reason_is_kept(self):
        self.business.email = False
        made = self._remind(date(2025, 9, 15))
        self.assertEqual(made.state, "failed")
        self.assertIn(self.business.name, made.failure)
        self.business.email = "compta@client.example.com"
        made.action_send()
        self.assertEqual(made.state, "sent")

    def test_a_consumer_is_reminded_without_penalties(self):
        self._late(partner=self.person)
        made = self._remind(date(2025, 9, 15))
        own = made.filtered(lambda r: r.partner_id == self.person)
        self.assertEqual((own.interest, own.indemnity, own.total), (0, 0, 1200))

    def test_one_message_for_all_invoices_of_a_customer(self):
        self._late()
        made = self._remind(date(2025, 9, 15))
        self.assertEqual((len(made), len(made.line_ids), made.total), (1, 2, 2400))

    def test_what_was_sent_stays_in_the_log(self):
        made = self._remind(date(2025, 9, 15))
        with self.assertRaises(UserError):
            made.unlink()
        with self.assertRaises(UserError):
            made.action_cancel()

    def test_the_job_sends_for_companies_that_ask(self):
        self.env["fr.reminder"]._cron_remind()
        domain = [("company_id", "=", self.company.id)]
        self.assertFalse(self.env["fr.reminder"].search(domain))

    def test_the_job_counts_days_where_the_company_is(self):
        self._late()
        self.company.fr_reminder_auto = True
        self.company.partner_id.tz = False
        with self.enter_registry_test_mode(), freeze_time("2025-09-14 22:30"):
            self.env.ref("fr_invoicing.ir_cron_fr_reminder").method_direct_trigger()
        made = self.env["fr.reminder"].search([("company_id", "=", self.company.id)])
        self.assertEqual(set(made.mapped("date")), {date(2025, 9, 15)})


@tagged("post_install", "-at_install")
class TestReminderPortal(HttpCase, LatePaymentCommon):
    def test_a_customer_sees_its_own_reminders_only(self):
        self._late()
        made = self.env["fr.reminder"]._prepare_for(self.company, date(2025, 9, 15))
        made.action_send()
        contact = self.env["res.partner"].create(
            {"name": "Contact", "parent_id": self.business.id, "email": "c@example.com"}
        )
        new_test_user(
            self.env,
            "reminded",
            groups="base.group_portal",
            partner_id=contact.id,
            password="reminded",
        )
        new_test_user(
            self.env, "stranger", groups="base.group_portal", password="stranger"
        )
        self.authenticate("reminded", "reminded")
        page = self.url_open("/my/reminders")
        self.assertIn(f"/my/reminders/{made.id}", page.text)
        detail = self.url_open(f"/my/reminders/{made.id}")
        self.assertEqual(detail.status_code, 200)
        self.assertIn(made.line_ids.move_id.name, detail.text)
        self.authenticate("stranger", "stranger")
        self.assertNotIn(
            f"/my/reminders/{made.id}", self.url_open("/my/reminders").text
        )
        self.assertEqual(self.url_open(f"/my/reminders/{made.id}").status_code, 404)
        self.authenticate(None, None)
        refused = self.url_open(f"/my/reminders/{made.id}", allow_redirects=False)
        self.assertEqual(refused.status_code, 303)
