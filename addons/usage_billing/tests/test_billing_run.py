from decimal import Decimal
from unittest.mock import patch

from freezegun import freeze_time

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from .. import isolation
from .common import UsageCase


@tagged("post_install", "-at_install")
class TestBillingRun(UsageCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.meter = cls._create_meter("api")
        cls.plan = cls._create_plan(
            [
                {"name": "Fee", "model": "flat", "unit_price": "12.50"},
                {
                    "name": "Calls",
                    "model": "graduated",
                    "meter_id": cls.meter.id,
                    "tier_ids": [
                        (0, 0, {"up_to": "1000", "unit_price": "0.01"}),
                        (0, 0, {"up_to": "10000", "unit_price": "0.005"}),
                        (0, 0, {"unit_price": "0.0000004"}),
                    ],
                },
            ],
        )

    def _amounts(self, run):
        return {line.subscription_id: line.amount for line in run.line_ids}

    # -- from usage to a posted invoice -----------------------------------------------
    def test_invoices_bear_the_day_of_the_seller_whoever_posts(self):
        subscription = self._create_subscription(self.plan)
        self._add_usage(subscription, "api", 1)
        run = self._create_run()
        run.action_compute()
        run.action_approve()

        # half past midnight in Paris, and the one who posts has no time zone
        with freeze_time("2026-12-31 23:30:00"):
            run.with_context(tz=False).action_post()

        self.assertEqual(run.move_ids.state, "posted")
        self.assertEqual(str(run.move_ids.invoice_date), "2027-01-01")

    def test_a_run_bills_usage_line_by_line(self):
        subscription = self._create_subscription(self.plan)
        self._add_usage(subscription, "api", 12000, 345)

        run = self._bill()

        # 12.50 + 1000 x 0.01 + 9000 x 0.005 + 2345 x 0.0000004 = 67.500938
        self.assertEqual(run.state, "posted")
        move = run.move_ids
        self.assertEqual(move.state, "posted")
        self.assertEqual(move.partner_id, subscription.partner_id)
        self.assertRecordValues(
            move.invoice_line_ids,
            [
                {"quantity": 1, "price_unit": 12.5, "price_subtotal": 12.5},
                {"quantity": 1000, "price_unit": 0.01, "price_subtotal": 10},
                {"quantity": 9000, "price_unit": 0.005, "price_subtotal": 45},
            ],
        )
        self.assertEqual(move.amount_untaxed, 67.5)
        rated = run.rated_line_ids.filtered(lambda line: line.charge_id.key == "calls")
        self.assertEqual(rated.quantity, Decimal(12345))
        self.assertEqual(rated.exact_amount, Decimal("55.000938"))
        self.assertEqual(rated.amount, Decimal("55.00"))
        self.assertEqual(rated.event_count, 2)
        self.assertTrue(rated.watermark)
        self.assertEqual(rated.version_id.state, "active")
        self.assertEqual(rated.evidence["cumulative"], "55.00")
        self.assertEqual(rated.state, "posted")
        line = move.invoice_line_ids[2]
        self.assertEqual(line.usage_rated_line_id, rated)
        self.assertEqual(line.usage_component_id.move_line_id, line)
        self.assertEqual(
            line.name,
            "Calls, tier 2 (1,001–10,000), Sep 1 – 30, 2026, Europe/Paris",
        )
        self.assertEqual(subscription.period_ids.sorted("start_at")[0].state, "billed")

    def test_lines_are_in_the_language_of_the_payer(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        partner = self._create_customer(lang="fr_FR")
        subscription = self._create_subscription(self.plan, partner_id=partner.id)
        self._add_usage(subscription, "api", 5000)

        line = self._bill().move_ids.invoice_line_ids[2]

        self.assertIn("1\u202f001–10\u202f000", line.name)
        self.assertIn("1–30 sept. 2026", line.name)

    def test_price_below_a_cent_is_scaled_and_the_true_figures_are_kept(self):
        subscription = self._create_subscription(self.plan)
        self._add_usage(subscription, "api", 100_010_000)

        line = self._bill().move_ids.invoice_line_ids[-1]

        # 100,000,000 x 0.0000004 = 40.00; the law allows 6 decimals on a price
        self.assertEqual((line.quantity, line.price_unit), (100000, 0.0004))
        self.assertEqual(line.price_subtotal, 40)
        self.assertEqual(line.usage_quantity, Decimal(100_000_000))
        self.assertEqual(line.usage_unit_price, Decimal("0.0000004"))
        self.assertIn("per 1,000 api", line.name)

    def test_untaxed_total_is_the_sum_of_the_lines(self):
        """With taxes rounded globally, 3 lines of 8.3333… must not give 25.00."""
        plan = self._create_plan(
            [
                {"name": f"C{n}", "model": "per_unit", "meter_id": meter.id}
                | {"unit_price": "0.3333"}
                for n, meter in enumerate(
                    self._create_meter(code) for code in ("a", "b", "c")
                )
            ]
        )
        self.env.company.tax_calculation_rounding_method = "round_globally"
        subscription = self._create_subscription(plan)
        for event_type in ("a", "b", "c"):
            self._add_usage(subscription, event_type, "24.765")

        move = self._bill().move_ids

        # 24.765 x 0.3333 = 8.2541745 each: 3 x 8.25 = 24.75, unrounded sum 24.76
        self.assertEqual(move.invoice_line_ids.mapped("price_subtotal"), [8.25] * 3)
        self.assertEqual(move.amount_untaxed, 24.75)
        ledger = move.line_ids.filtered(
            lambda line: line.account_id.internal_group == "income"
        )
        self.assertEqual(round(-sum(ledger.mapped("balance")), 2), 24.75)

    def test_first_period_is_prorated_by_days(self):
        subscription = self._create_subscription(self.plan, date_start="2026-09-11")
        run = self._bill(subscription_ids=subscription.ids)
        # 12.50 x 20 / 30 = 8.333…
        self.assertEqual(self._amounts(run)[subscription], Decimal("8.33"))
        line = run.move_ids.invoice_line_ids
        self.assertEqual((line.quantity, line.price_unit), (1, 8.33))

    def test_subscriptions_of_one_payer_share_an_invoice(self):
        payer = self._create_customer()
        one = self._create_subscription(self.plan, payer_id=payer.id)
        two = self._create_subscription(self.plan, payer_id=payer.id)
        other = self._create_subscription(
            self.plan, payer_id=payer.id, po_number="PO-7"
        )

        run = self._bill()

        self.assertEqual(len(run.move_ids), 2)
        shared = run.line_ids.filtered(lambda line: line.subscription_id in one | two)
        self.assertEqual(len(shared.move_id), 1)
        self.assertEqual(shared.move_id.amount_untaxed, 25)
        apart = run.line_ids.filtered(lambda line: line.subscription_id == other)
        self.assertEqual(apart.move_id.ref, "PO-7")

    def test_fee_in_advance_is_billed_before_its_period_and_once(self):
        plan = self._create_plan(
            [{"name": "Rent", "model": "flat", "unit_price": "30", "timing": "advance"}]
        )
        subscription = self._create_subscription(plan)
        first = self._bill("2026-08-31")
        second = self._bill("2026-09-30")
        self.assertEqual(first.rated_line_ids.period_id.local_start.month, 9)
        self.assertEqual(second.rated_line_ids.period_id.local_start.month, 10)
        self.assertEqual(first.move_ids.amount_untaxed, 30)
        self.assertEqual(second.move_ids.amount_untaxed, 30)
        self.assertFalse(self._bill("2026-09-30").line_ids)
        self.assertEqual(
            subscription.period_ids.filtered(lambda p: p.state == "billed").local_start,
            first.rated_line_ids.period_id.local_start,
        )

    def test_grace_days_wait_for_late_usage(self):
        self._create_subscription(self.plan, grace_days=3)
        self.assertFalse(self._bill("2026-10-02").line_ids)
        self.assertEqual(len(self._bill("2026-10-03").line_ids), 1)

    def test_pass_through_adds_up_the_amounts_of_the_events(self):
        meter = self._create_meter(
            "cloud", value_source="amount", dimension_keys="service"
        )
        plan = self._create_plan(
            [{"name": "Cloud", "model": "pass_through", "meter_id": meter.id}]
        )
        subscription = self._create_subscription(plan)
        for service, amount in (("vm", "1.005"), ("disk", "2.004"), ("vm", "1.000")):
            self._add_usage(
                subscription,
                "cloud",
                1,
                amount=Decimal(amount),
                currency="EUR",
                dimensions={"service": service},
            )

        run = self._bill()

        # 1.005 + 2.004 + 1.000 = 4.009, rounded once; parts by largest remainder
        self.assertEqual(run.rated_line_ids.amount, Decimal("4.01"))
        self.assertEqual(
            sorted(run.move_ids.invoice_line_ids.mapped("price_subtotal")),
            [2.0, 2.01],
        )

    def test_dimension_sets_are_rated_apart_when_the_charge_says_so(self):
        meter = self._create_meter("gb", dimension_keys="region")
        plan = self._create_plan(
            [
                {
                    "name": "Storage",
                    "model": "package",
                    "meter_id": meter.id,
                    "package_size": "10",
                    "package_price": "1",
                    "group_by_dimensions": True,
                }
            ]
        )
        subscription = self._create_subscription(plan)
        for region in ("fr", "de"):
            self._add_usage(subscription, "gb", 11, dimensions={"region": region})
        run = self._bill()
        # each region: 11 GB are 2 packages; together they would be 3
        self.assertEqual(run.rated_line_ids.mapped("amount"), [Decimal(2), Decimal(2)])
        self.assertEqual(len(set(run.rated_line_ids.mapped("dimension_key"))), 2)

    # -- twice is once ------------------------------------------------------------
    def test_running_again_bills_nothing_twice(self):
        self._create_subscription(self.plan)
        self._bill()
        again = self._bill()
        self.assertFalse(again.line_ids)
        self.assertFalse(again.move_ids)

    def test_slices_pressed_again_change_nothing(self):
        subscription = self._create_subscription(self.plan)
        self._add_usage(subscription, "api", 10)
        run = self._bill()
        self.assertEqual(run._compute_slice(), 0)
        self.assertEqual(run._post_slice(), 0)
        self.assertEqual(len(run.move_ids), 1)

    def test_computing_again_in_review_replaces_the_result(self):
        subscription = self._create_subscription(self.plan)
        run = self._create_run()
        run.action_compute()
        self._add_usage(subscription, "api", 100)
        run.action_compute()
        self.assertEqual(self._amounts(run)[subscription], Decimal("13.50"))
        self.assertEqual(len(run.rated_line_ids), 2)

    def test_a_period_in_another_open_run_is_left_to_it(self):
        self._create_subscription(self.plan)
        first, second = self._create_run(), self._create_run()
        first.action_compute()
        second.action_compute()
        self.assertEqual(len(first.line_ids), 1)
        self.assertFalse(second.line_ids)

    # -- late usage ------------------------------------------------------------
    def test_late_usage_is_billed_as_the_difference(self):
        subscription = self._create_subscription(self.plan)
        self._add_usage(subscription, "api", 900)
        self._bill()
        self._add_usage(subscription, "api", 200)

        run = self._bill()

        # 1100 calls are 10.00 + 0.50 = 10.50; 9.00 was billed
        rated = run.rated_line_ids
        self.assertEqual(rated.revision, 1)
        self.assertEqual(rated.amount, Decimal("1.50"))
        self.assertEqual(rated.already_billed, Decimal("9.00"))
        self.assertEqual(run.move_ids.move_type, "out_invoice")
        self.assertEqual(run.move_ids.amount_untaxed, 1.5)
        self.assertFalse(self._bill().line_ids)

    def test_usage_taken_back_after_billing_becomes_a_credit_note(self):
        subscription = self._create_subscription(self.plan)
        self._add_usage(subscription, "api", 5000)
        self._bill()
        self._add_usage(subscription, "api", -4500)

        run = self._bill()

        # 5000 calls were 10 + 20; 500 are 5: 25 are given back
        self.assertEqual(run.rated_line_ids.amount, Decimal(-25))
        self.assertEqual(run.move_ids.move_type, "out_refund")
        self.assertEqual(run.move_ids.amount_untaxed, 25)
        self.assertIn("tier 2 (1,001–10,000)", run.move_ids.invoice_line_ids[1].name)

    def test_later_usage_keeps_the_prices_of_its_period(self):
        subscription = self._create_subscription(self.plan)
        self._add_usage(subscription, "api", 100)
        self._bill()
        version = self.plan.version_ids.copy(
            {"valid_from": "2026-08-01", "note": "Costs rose"}
        )
        version.charge_ids.filtered("tier_ids").tier_ids[0].unit_price = "5"
        version.action_approve()
        self._add_usage(subscription, "api", 100)
        self.assertEqual(self._bill().rated_line_ids.amount, Decimal("1.00"))

    # -- isolation ------------------------------------------------------------
    def test_one_bad_subscription_is_held_and_the_others_are_billed(self):
        good = [self._create_subscription(self.plan) for _n in range(3)]
        bad = self._create_subscription(self.plan)
        self._add_usage(bad, "api", -5)

        run = self._create_run()
        run.action_compute()

        held = run.held_line_ids
        self.assertEqual(held.subscription_id, bad)
        self.assertIn("negative (-5)", held.reason)
        self.assertEqual(run.state, "review")
        self.assertEqual(len(run.activity_ids), 1)
        run.action_approve()
        run.action_post()
        self.assertCountEqual(
            run.move_ids.partner_id,
            self.env["usage.subscription"].concat(*good).partner_id,
        )

        # corrected and run again: only the held one is left
        self._add_usage(bad, "api", 105)
        self.assertEqual(self._bill().move_ids.amount_untaxed, 13.5)

    def test_a_held_line_is_retried_by_its_button(self):
        bad = self._create_subscription(self.plan)
        self._add_usage(bad, "api", -5)
        run = self._create_run()
        run.action_compute()
        self._add_usage(bad, "api", 105)
        run.held_line_ids.action_retry()
        self.assertEqual(run.line_ids.state, "rated")
        self.assertEqual(run.line_ids.amount, Decimal("13.50"))
        self.assertFalse(run.activity_ids)

    def test_an_invoice_the_ledger_refuses_holds_its_customer_only(self):
        good = self._create_subscription(self.plan)
        bad = self._create_subscription(self.plan)
        run = self._create_run()
        run.action_compute()
        run.action_approve()
        bad.payer_id.active = False
        prepare = type(run)._prepare_move_vals

        def refuse(self, key, lines, rated):
            if bad in lines.subscription_id:
                raise UserError("the ledger says no")
            return prepare(self, key, lines, rated)

        with patch.object(type(run), "_prepare_move_vals", refuse):
            run.action_post()
        self.assertEqual(run.held_line_ids.subscription_id, bad)
        self.assertEqual(run.held_line_ids.reason, "the ledger says no")
        self.assertEqual(run.move_ids.partner_id, good.partner_id)
        self.assertEqual(run.state, "posted")

        run.held_line_ids.action_retry()
        self.assertEqual(len(run.move_ids), 2)
        self.assertFalse(run.held_line_ids)

    def test_what_was_left_out_is_billed_by_the_next_run(self):
        bad = self._create_subscription(self.plan)
        run = self._create_run()
        run.action_compute()
        run.action_approve()
        with patch.object(type(run), "_prepare_move_vals", side_effect=UserError("no")):
            run.action_post()
        run.held_line_ids.action_leave_out()
        again = self._bill()
        self.assertEqual(again.line_ids.subscription_id, bad)
        self.assertEqual(again.move_ids.amount_untaxed, 12.5)

    def test_a_failing_batch_is_cut_until_the_bad_one_stands_alone(self):
        partners = self.env["res.partner"].create([{"name": str(n)} for n in range(9)])
        held = []

        def work(batch):
            for partner in batch:
                partner.comment = "done"
                if partner == partners[4]:
                    raise UserError("bad")

        done = isolation.in_batch(
            self.env, list(partners), work, lambda item, why: held.append((item, why))
        )
        self.assertEqual(held, [(partners[4], "bad")])
        self.assertEqual(len(done), 8)
        self.assertFalse(partners[4].comment)
        self.assertTrue(all(partner.comment for partner in partners - partners[4]))

    def test_an_absurd_amount_halts_the_customer(self):
        subscription = self._create_subscription(self.plan)
        self.env.company.usage_hold_amount = 1000
        self._add_usage(subscription, "api", "1e12")
        run = self._create_run()
        run.action_compute()
        self.assertEqual(run.line_ids.state, "held")
        self.assertIn("above the bound", run.line_ids.reason)

    # -- dry run, variance, states -----------------------------------------------------
    def test_a_dry_run_shows_figures_and_bills_nothing(self):
        subscription = self._create_subscription(self.plan)
        self._add_usage(subscription, "api", 100)
        dry = self._create_run(is_dry_run=True)
        dry.action_compute()
        self.assertEqual(dry.line_ids.amount, Decimal("13.50"))
        with self.assertRaises(UserError):
            dry.action_approve()
        # it stands in nobody's way
        self.assertEqual(self._bill().move_ids.amount_untaxed, 13.5)

    def test_a_dry_run_made_real_is_computed_again(self):
        self._create_subscription(self.plan)
        run = self._create_run(is_dry_run=True)
        run.action_compute()
        run.is_dry_run = False
        self.assertEqual(run.state, "new")
        run.action_compute()
        run.action_approve()
        run.action_post()
        self.assertEqual(run.move_ids.amount_untaxed, 12.5)

    def test_variance_against_the_period_before(self):
        subscription = self._create_subscription(self.plan)
        self._bill("2026-09-30")
        self._add_usage(subscription, "api", 1000, at="2026-10-10 00:00:00")
        run = self._create_run("2026-10-31")
        run.action_compute()
        line = run.line_ids
        self.assertEqual(line.previous_amount, Decimal("12.50"))
        self.assertEqual(line.variance, Decimal("10.00"))
        self.assertEqual(line.variance_percent, 80)

    def test_only_an_approver_approves_and_posts(self):
        self._create_subscription(self.plan)
        manager, approver = self.users["manager"], self.users["approver"]
        run = self._create_run().with_user(manager)
        run.action_compute()
        self.assertEqual(run.state, "review")
        with self.assertRaises(AccessError):
            run.action_approve()
        run.with_user(approver).action_approve()
        with self.assertRaises(AccessError):
            run.action_post()
        with self.assertRaises(AccessError):
            run._post_slice()
        run.with_user(approver).action_post()
        self.assertEqual(run.state, "posted")
        self.assertEqual(run.approved_by_id, approver)

    def test_states_follow_one_another(self):
        run = self._create_run()
        with self.assertRaises(UserError):
            run.action_approve()
        with self.assertRaises(UserError):
            run.action_post()

    def test_a_run_in_the_background_is_one_job_per_slice(self):
        from odoo.addons.queue_job.tests.common import trap_jobs

        for _n in range(3):
            self._create_subscription(self.plan)
        module = "odoo.addons.usage_billing.models.usage_billing_run"
        with (
            patch(f"{module}.SMALL_RUN", 2),
            patch.dict(
                f"{module}_job.SLICES",
                {"_compute_slice": ("computing", 2), "_post_slice": ("posting", 2)},
            ),
            patch.object(
                type(self.env["usage.billing.run"])._compute_slice,
                "__defaults__",
                (2,),
            ),
            trap_jobs() as trap,
        ):
            run = self._create_run()
            run.action_compute()
            self.assertEqual(run.state, "computing")
            self.assertEqual((run.done_count, run.total_count), (0, 3))
            trap.assert_jobs_count(2, only=run._job_slice)
            trap.perform_enqueued_jobs()
            self.assertEqual(run.state, "review")
            self.assertEqual(run.progress, 100)

    # -- immutability ------------------------------------------------------------
    def test_what_was_posted_cannot_change(self):
        subscription = self._create_subscription(self.plan)
        self._add_usage(subscription, "api", 100)
        run = self._bill()
        rated = run.rated_line_ids[0]
        with self.assertRaises(UserError):
            rated.amount = "1"
        with self.assertRaises(UserError):
            rated.unlink()
        with self.assertRaises(UserError):
            rated.component_ids[0].amount = "1"
        with self.assertRaises(UserError):
            rated.component_ids.unlink()
        with self.assertRaises(UserError):
            rated.charge_id.unit_price = "1"
        with self.assertRaises(UserError):
            rated.version_id.action_draft()
        with self.assertRaises(UserError):
            rated.period_id.write({"local_end": "2026-12-01"})
        with self.assertRaises(UserError):
            run.move_ids.button_draft()
        with self.assertRaises(UserError):
            run.unlink()

    def test_a_credit_note_keeps_the_way_to_the_usage(self):
        subscription = self._create_subscription(self.plan)
        self._add_usage(subscription, "api", 100)
        move = self._bill().move_ids
        note = move._reverse_moves(cancel=True)
        self.assertEqual(
            note.invoice_line_ids.usage_rated_line_id,
            move.invoice_line_ids.usage_rated_line_id,
        )
        self.assertFalse(note.usage_run_id)
        self.assertEqual(note.amount_untaxed, move.amount_untaxed)
        self.assertFalse(move.copy().invoice_line_ids.usage_rated_line_id)

    # -- query count ------------------------------------------------------------
    def test_queries_grow_with_batches_not_with_subscriptions(self):
        def queries(number):
            for _n in range(number):
                subscription = self._create_subscription(self.plan)
                self._add_usage(subscription, "api", 10)
            run = self._create_run()
            run._start_computing()
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            run._compute_slice()
            self.env.flush_all()
            used = self.env.cr.sql_log_count - before
            self.assertEqual(set(run.line_ids.mapped("state")), {"rated"})
            run.action_approve()
            run.action_post()
            return used

        few, many = queries(3), queries(30)
        self.assertLess(many - few, 27, f"{few} queries for 3, {many} for 30")
