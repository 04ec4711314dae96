from datetime import date, timedelta
from decimal import Decimal

from freezegun import freeze_time
from psycopg2 import IntegrityError

from odoo import Command, fields
from odoo.exceptions import UserError
from odoo.tests import Form, tagged
from odoo.tools import mute_logger

from .. import price_terms
from .common import UsageCase

FEE = {"name": "Fee", "model": "flat", "unit_price": "10"}


class PriceCase(UsageCase):
    """A plan with a fee and calls, and a subscription from September 2026."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.meter = cls._create_meter("api")
        cls.plan = cls._create_plan(
            [
                FEE,
                {
                    "name": "Calls",
                    "model": "graduated",
                    "meter_id": cls.meter.id,
                    "tier_ids": [
                        Command.create({"up_to": "100", "unit_price": "1"}),
                        Command.create({"unit_price": "0.5"}),
                    ],
                },
            ]
        )
        cls.first = cls.plan.version_ids
        cls.subscription = cls._create_subscription(cls.plan)

    @classmethod
    def _new_version(cls, valid_from="2026-11-01", fee="20", **kw):
        vals = {"valid_from": valid_from, "note": "Costs rose", **kw}
        version = cls.first.copy(vals | {"based_on_id": cls.first.id})
        cls._charge(version, "fee").unit_price = fee
        return version

    @classmethod
    def _charge(cls, version, key):
        return version.charge_ids.filtered(lambda charge: charge.key == key)

    def _fee_on(self, day, subscription=None):
        """Fee of the version that prices a period from this day."""
        subscription = subscription or self.subscription
        version = subscription._get_version_at(fields.Date.to_date(day))
        return self._charge(version, "fee").unit_price


@tagged("post_install", "-at_install")
class TestPriceVersions(PriceCase):
    # -- frozen ----------------------------------------------------------------------
    def test_the_database_itself_keeps_approved_prices(self):
        charge = self._charge(self.first, "calls")
        for statement in (
            "UPDATE usage_charge SET unit_price = 0 WHERE id = %(charge)s",
            "DELETE FROM usage_charge_tier WHERE charge_id = %(charge)s",
            "UPDATE usage_charge_tier SET unit_price = 9 WHERE charge_id = %(charge)s",
            "INSERT INTO usage_charge_tier (charge_id) VALUES (%(charge)s)",
            "UPDATE usage_plan_version SET valid_from = now() WHERE id = %(version)s",
            "DELETE FROM usage_plan_version WHERE id = %(version)s",
        ):
            with (
                self.subTest(statement=statement),
                self.assertRaises(IntegrityError),
                mute_logger("odoo.sql_db"),
                self.env.cr.savepoint(),
            ):
                self.env.cr.execute(
                    statement, {"charge": charge.id, "version": self.first.id}
                )

    def test_a_draft_may_be_written_in_the_database_too(self):
        draft = self._new_version()
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE usage_charge SET unit_price = 7 WHERE version_id = %s", [draft.id]
        )
        self.assertEqual(self.env.cr.rowcount, 2)

    def test_words_of_an_approved_charge_may_be_translated(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        charge = self._charge(self.first, "fee")
        charge._update_field_translations("name", {"fr_FR": "Abonnement"})
        self.assertEqual(charge.with_context(lang="fr_FR").name, "Abonnement")

    def test_a_new_column_can_be_filled_on_approved_prices(self):
        charge = self._charge(self.first, "fee")
        self.env.flush_all()
        self.env.cr.execute("UPDATE usage_charge SET sequence = NULL")
        self.env["usage.charge"]._init_column("sequence")
        charge.invalidate_recordset()
        self.assertEqual(charge.sequence, 10)

    # -- approval --------------------------------------------------------------------
    def test_a_change_of_price_needs_a_reason(self):
        version = self._new_version(note=False)
        with self.assertRaisesRegex(UserError, "why"):
            version.action_approve()
        version.note = "Costs rose"
        version.action_approve()

    def test_who_wrote_prices_does_not_approve_them_where_two_persons_are_wanted(self):
        self.company.usage_second_person = True
        author = self.users["approver"]
        version = self._new_version()
        self._charge(version, "fee").with_user(author).unit_price = "21"
        with self.assertRaisesRegex(UserError, "second"):
            version.with_user(author).action_approve()
        version.with_user(self.users["system"]).action_approve()
        self.assertEqual(version.approved_by_id, self.users["system"])

    def test_states_follow_the_calendar(self):
        version = self._new_version(valid_from=fields.Date.today() + timedelta(days=40))
        version.action_approve()
        self.assertEqual((self.first.state, version.state), ("active", "scheduled"))
        self.plan.invalidate_recordset()
        version.sudo().env.cr.execute(
            "ALTER TABLE usage_plan_version DISABLE TRIGGER usage_version_guard"
        )
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE usage_plan_version SET valid_from = %s WHERE id = %s",
            [fields.Date.today(), version.id],
        )
        version.invalidate_recordset()
        self.env["usage.plan"]._cron_update_versions()
        self.assertEqual((self.first.state, version.state), ("retired", "active"))

    def test_prices_begin_at_midnight_where_the_company_is(self):
        tomorrow = date(2027, 1, 1)
        with freeze_time("2026-12-31 12:00:00"):
            version = self._new_version(valid_from=tomorrow)
            version.action_approve()
        plans = self.env["usage.plan"].with_context(tz=False)  # as a scheduled action
        for zone, moment, state in (
            ("America/Martinique", "2027-01-01 03:30:00", "scheduled"),
            ("America/Martinique", "2027-01-01 04:30:00", "active"),
        ):
            self.company.partner_id.tz = zone
            with freeze_time(moment):
                plans._cron_update_versions()
            self.assertEqual(version.state, state)

    def test_prices_begin_at_midnight_of_paris_by_default(self):
        self.company.partner_id.tz = False
        with freeze_time("2026-12-31 12:00:00"):
            version = self._new_version(valid_from=date(2027, 1, 1))
            version.action_approve()
            self.assertEqual(version.state, "scheduled")
        with freeze_time("2026-12-31 23:30:00"):
            self.env["usage.plan"].with_context(tz=False)._cron_update_versions()
        self.assertEqual(version.state, "active")

    # -- difference and log ----------------------------------------------------------
    def test_the_difference_is_said_in_words(self):
        version = self._new_version()
        tier = self._charge(version, "calls").tier_ids[1]
        tier.unit_price = "0.4"
        html = version.difference_html
        for text in ("10 EUR", "20 EUR", "+100 %", "Last tier, unit price", "-20 %"):
            self.assertIn(text, html)
        self.assertNotIn("Tier up to 100", html)
        self.env["res.lang"]._activate_lang("fr_FR")
        self.assertIn("0,4", version.with_context(lang="fr_FR").difference_html)

    def test_the_change_log_says_who_what_when_and_why(self):
        version = self._new_version()
        version.with_user(self.users["approver"]).action_approve()
        [row] = version.price_change_ids
        self.assertEqual(row.user_id, self.users["approver"])
        self.assertEqual(row.author_id, self.env.user)
        self.assertEqual((row.old_value, row.new_value), ("10 EUR", "20 EUR"))
        self.assertEqual(row.reason, "Costs rose")
        self.assertEqual(row.effective_date, date(2026, 11, 1))
        for change in (
            lambda: row.write({"reason": "Other"}),
            lambda: row.unlink(),
            lambda: row.sudo().write({"reason": "Other"}),
            lambda: row.create({"date": "2026-01-01"}),
        ):
            with self.assertRaises(UserError):
                change()

    def test_the_change_log_speaks_the_language_of_its_reader(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        version = self._new_version()
        tier = self._charge(version, "calls").tier_ids[1]
        tier.unit_price = "0.4"
        version.with_context(lang="fr_FR").action_approve()
        row = version.price_change_ids.filtered(lambda one: one.charge_key == "calls")
        self.assertIn("0,4", row.new_value)  # as it was approved
        said = row.with_context(lang="en_US")
        self.assertEqual(
            (said.term_words, said.old_words, said.new_words, said.percent_words),
            ("Last tier, unit price", "0.50 EUR", "0.40 EUR", "-20 %"),
        )
        french = row.with_context(lang="fr_FR")
        self.assertEqual(french.new_words, "0,40 EUR")
        self.assertNotEqual(french.term_words, said.term_words)

    def test_only_prices_are_compared_and_frozen(self):
        names = {field.name for field in price_terms.term_fields(self.first.charge_ids)}
        self.assertLess({"unit_price", "tier_ids", "price_ids", "model"}, names)
        self.assertFalse(names & {"id", "create_date", "write_date", "version_id"})
        self._charge(self.first, "fee").sequence = 5
        self.env.flush_all()
        self.env.cr.execute("UPDATE usage_charge SET write_date = now()")
        log = self.first.price_change_ids.filtered(lambda row: row.charge_key == "fee")
        self.assertEqual(set(log.mapped("term")), {"model", "product_id", "unit_price"})

    def test_the_first_prices_are_logged_too(self):
        self.assertIn(
            ("Fee", "added", "10 EUR"),
            [
                (row.charge_name, row.kind, row.new_value)
                for row in self.first.price_change_ids
            ],
        )

    # -- who moves -------------------------------------------------------------------
    def test_by_default_everybody_moves_when_the_version_comes_into_force(self):
        self._new_version().action_approve()
        self.assertEqual(self._fee_on("2026-10-01"), Decimal(10))
        self.assertEqual(self._fee_on("2026-11-01"), Decimal(20))

    def test_existing_subscriptions_may_keep_their_version(self):
        self._new_version(existing_policy="keep").action_approve()
        self.assertEqual(self._fee_on("2027-11-01"), Decimal(10))
        newcomer = self._create_subscription(self.plan, date_start="2026-11-05")
        self.assertEqual(self._fee_on("2026-11-05", newcomer), Decimal(20))

    def test_a_kept_version_stays_until_a_publication_says_otherwise(self):
        self._new_version(existing_policy="keep").action_approve()
        third = self._new_version(valid_from="2026-12-01", fee="30")
        self.assertFalse(third.concerned_count)
        third.action_approve()
        self.assertEqual(self._fee_on("2027-01-01"), Decimal(10))
        fourth = self._new_version("2027-01-01", fee="40", include_kept=True)
        self.assertEqual(fourth.concerned_count, 1)
        fourth.action_approve()
        self.assertEqual(self._fee_on("2026-12-01"), Decimal(10))
        self.assertEqual(self._fee_on("2027-01-01"), Decimal(40))

    def test_they_may_move_on_a_date(self):
        version = self._new_version(existing_policy="date")
        with self.assertRaises(UserError):
            version.action_approve()
        version.move_date = "2027-01-15"
        version.action_approve()
        self.assertEqual(self._fee_on("2027-01-01"), Decimal(10))
        self.assertEqual(self._fee_on("2027-02-01"), Decimal(20))

    def test_they_may_move_when_their_contract_renews(self):
        self.subscription.term_months = 12
        self._new_version(existing_policy="renewal").action_approve()
        self.assertEqual(self._fee_on("2027-08-01"), Decimal(10))
        self.assertEqual(self._fee_on("2027-09-01"), Decimal(20))

    def test_a_pilot_group_goes_first(self):
        tag = self.env["res.partner.category"].create({"name": "Pilots"})
        pilot = self._create_subscription(self.plan)
        pilot.partner_id.category_id = tag
        version = self._new_version("2026-10-01", pilot_category_id=tag.id)
        self.assertEqual(version._get_concerned_subscriptions(), pilot)
        version.action_approve()
        self.assertEqual(version.state, "approved")
        self.assertEqual(self._fee_on("2026-10-01", pilot), Decimal(20))
        self.assertEqual(self._fee_on("2027-10-01"), Decimal(10))
        self.assertEqual(self.plan.current_version_id, self.first)

        version.action_release()
        today = fields.Date.today()
        following = (today.replace(day=1) + timedelta(days=32)).replace(day=1)
        self.assertIn(version.state, ("active", "scheduled"))
        self.assertEqual(self._fee_on("2026-10-01"), Decimal(10))
        self.assertEqual(self._fee_on(following), Decimal(20))

    def test_prices_may_be_reserved_to_some_contracts(self):
        other = self._create_subscription(self.plan)
        version = self._new_version(
            "2026-10-01", reserved_subscription_ids=[Command.link(self.subscription.id)]
        )
        version.action_approve()
        self.assertEqual(self._fee_on("2026-10-01"), Decimal(20))
        self.assertEqual(self._fee_on("2026-10-01", other), Decimal(10))
        with self.assertRaises(UserError):
            version.action_release()

    def test_a_pinned_version_is_left_alone(self):
        self.subscription.version_id = self.first
        version = self._new_version()
        self.assertFalse(version.concerned_count)
        version.action_approve()
        self.assertEqual(self._fee_on("2027-01-01"), Decimal(10))

    def test_reopening_takes_the_moves_back(self):
        version = self._new_version(existing_policy="keep")
        version.action_approve()
        version.action_draft()
        self.assertFalse(self.subscription.price_move_ids)
        self.assertEqual(version.state, "draft")

    # -- notices ---------------------------------------------------------------------
    def test_customers_are_told_and_their_new_prices_wait(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        self.subscription.partner_id.write(
            {"email": "customer@example.com", "lang": "fr_FR"}
        )
        silent = self._create_subscription(self.plan)
        silent.payer_id.email = False
        version = self._new_version(fields.Date.today(), notice_days=60)
        version.action_approve()
        told = version.notice_ids.filtered(
            lambda notice: notice.subscription_id == self.subscription
        )
        self.assertGreaterEqual(
            told.effective_date, fields.Date.today() + timedelta(days=60)
        )
        self.assertEqual(
            self._fee_on(told.effective_date - timedelta(days=1)), Decimal(10)
        )
        self.assertEqual(self._fee_on(told.effective_date), Decimal(20))

        version.notice_ids.sudo()._queue_mails()
        self.assertEqual(told.state, "outgoing")
        mail = told.mail_id.sudo()
        self.assertFalse(mail.auto_delete)
        self.assertEqual(mail.recipient_ids, self.subscription.partner_id)
        self.assertIn("20 EUR", mail.body_html)
        self.assertEqual((version.notice_ids - told).state, "no_address")
        mail.state = "sent"
        version.notice_ids.sudo()._follow_mails()
        self.assertEqual(told.state, "sent")
        self.assertTrue(told.sent_at)
        self.assertIn("20 EUR", told.message_ids.body or mail.body)

    # -- screens ---------------------------------------------------------------------
    def test_the_form_shows_who_is_concerned_before_it_is_saved(self):
        form = Form(
            self.env["usage.plan.version"].with_context(default_plan_id=self.plan.id)
        )
        form.valid_from = "2026-11-01"
        self.assertIn(self.subscription.name, str(form.concerned_html))
        form.existing_policy = "keep"
        self.assertIn("keeps its prices", str(form.concerned_html))


@tagged("post_install", "-at_install")
class TestPriceOverrides(PriceCase):
    @classmethod
    def _override(cls, approve=True, **kw):
        override = cls.env["usage.override"].create(
            {"name": "Deal", "note": "Negotiated", "date_from": "2026-01-01", **kw}
        )
        if approve:
            override.action_approve()
        return override

    def _in_force(self, day="2026-09-01", subscription=None):
        subscription = subscription or self.subscription
        period = subscription._get_period_at(
            fields.Datetime.to_datetime(day + " 12:00:00")
        )
        return subscription._overrides_in_force(period)

    def test_an_exception_needs_an_approver_a_reason_and_terms(self):
        partner = self.subscription.partner_id
        for vals in ({"note": False, "price": "5"}, {}):
            with self.assertRaises(UserError):
                self._override(partner_id=partner.id, **vals)
        draft = self._override(False, partner_id=partner.id, discount_percent="10")
        with self.assertRaises(UserError):
            draft.with_user(self.users["manager"]).action_approve()
        draft.with_user(self.users["approver"]).action_approve()
        with self.assertRaises(UserError):
            draft.price = "3"
        with self.assertRaises(UserError):
            draft.unlink()

    def test_what_does_not_fit_the_charge_is_refused(self):
        with self.assertRaisesRegex(UserError, "Calls"):
            self._override(
                partner_id=self.subscription.partner_id.id,
                plan_id=self.plan.id,
                charge_key="calls",
                price="5",
            )

    def test_customer_group_product_and_dates(self):
        tag = self.env["res.partner.category"].create({"name": "Big"})
        product = self._create_usage_product()
        base = {"plan_id": self.plan.id, "charge_key": "fee"}
        own = self._override(
            partner_id=self.subscription.partner_id.id,
            price="7",
            date_to="2026-10-01",
            **base,
        )
        group = self._override(category_id=tag.id, price="8", **base)
        self._override(product_id=product.id, price="1")
        everybody = self._override(product_id=self.product.id, discount_percent="5")
        found = {value.id for value in self._in_force()}
        self.assertEqual(found, {own.id, everybody.id})
        self.subscription.partner_id.category_id = tag
        self.assertEqual(
            {value.id for value in self._in_force("2026-10-01")},
            {group.id, everybody.id},
        )
        other = self._create_subscription(self.plan)
        self.assertEqual(
            {value.id for value in self._in_force(subscription=other)}, {everybody.id}
        )

    def test_the_subscription_says_which_price_wins_and_why(self):
        self._override(
            name="Launch price",
            partner_id=self.subscription.partner_id.id,
            plan_id=self.plan.id,
            charge_key="fee",
            price="7",
        )
        self._override(name="All", product_id=self.product.id, discount_percent="5")
        html = str(self.subscription.prices_html)
        self.assertIn("Launch price, agreed with this customer, on this charge", html)
        self.assertIn("All (Discount % 5) does not count", html)

    def test_an_exception_ends_and_both_are_logged(self):
        override = self._override(
            partner_id=self.subscription.partner_id.id, discount_percent="10"
        )
        override.action_end()
        self.assertEqual(override.date_to, fields.Date.today())
        log = self.env["usage.price.change"].search([("term_name", "like", "Deal%")])
        self.assertEqual(set(log.mapped("kind")), {"override", "override_end"})
        begun = log.filtered(lambda row: row.kind == "override")
        self.assertEqual((begun.old_words, begun.new_words), ("–", override.terms_text))

    def test_the_database_freezes_an_approved_exception(self):
        override = self._override(
            False,
            partner_id=self.subscription.partner_id.id,
            plan_id=self.plan.id,
            charge_key="calls",
            tier_ids=[Command.create({"unit_price": "1"})],
        )
        self.env.cr.execute(
            "UPDATE usage_override_tier SET unit_price = 2 WHERE override_id = %s",
            [override.id],
        )
        override.invalidate_recordset()
        override.action_approve()
        self.env.flush_all()
        for statement in (
            "UPDATE usage_override SET price = 3 WHERE id = %s",
            "UPDATE usage_override SET state = 'draft' WHERE id = %s",
            "UPDATE usage_override SET date_to = '2026-02-01' WHERE id = %s",
            "UPDATE usage_override SET date_from = '2020-01-01' WHERE id = %s",
            "UPDATE usage_override_tier SET unit_price = 3 WHERE override_id = %s",
            "DELETE FROM usage_override_tier WHERE override_id = %s",
            "INSERT INTO usage_override_tier (override_id, unit_price) VALUES (%s, 1)",
            "DELETE FROM usage_override WHERE id = %s",
        ):
            with (
                self.subTest(statement),
                self.assertRaises(IntegrityError),
                mute_logger("odoo.sql_db"),
                self.env.cr.savepoint(),
            ):
                self.env.cr.execute(statement, [override.id])
        override.action_end()
        self.env.flush_all()
        self.assertEqual(override.state, "ended")

    def test_other_companies_exceptions_do_not_count(self):
        other = self.env["res.company"].create({"name": "Other"})
        self._override(
            partner_id=self.subscription.partner_id.id,
            discount_percent="10",
            company_id=other.id,
        )
        self.assertFalse(self._in_force())
