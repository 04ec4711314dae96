from decimal import Decimal

from odoo.exceptions import UserError
from odoo.tests import tagged

from .test_price_versions import PriceCase


@tagged("post_install", "-at_install")
class TestPriceSimulation(PriceCase):
    """150 calls in September: 100 x 1 + 50 x 0.5 = 125.00, and the fee of 10.00."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls._add_usage(cls.subscription, "api", 100, 50)
        cls.other = cls._create_subscription(cls.plan)

    def _simulate(self, version, **kw):
        simulation = self.env["usage.simulation"].create(
            {
                "plan_id": version.plan_id.id,
                "version_id": version.id,
                "date_from": "2026-09-01",
                "date_to": "2026-09-30",
                **kw,
            }
        )
        simulation.action_compute()
        return simulation

    def test_the_impact_is_known_before_approval(self):
        version = self._new_version("2026-12-01")
        simulation = self._simulate(version)
        self.assertEqual((simulation.state, version.state), ("done", "simulated"))
        self.assertEqual(simulation.before_amount, Decimal(145))
        self.assertEqual(simulation.after_amount, Decimal(165))
        self.assertEqual(simulation.delta_amount, Decimal(20))
        self.assertIn("+20.00 EUR, +13.8 %", simulation.impact_text)
        by_customer = {
            result.subscription_id: result.delta_amount
            for result in simulation.result_ids
        }
        self.assertEqual(
            by_customer, {self.subscription: Decimal(10), self.other: Decimal(10)}
        )
        self.assertIn(self.subscription.partner_id.name, str(version.impact_html))
        self.assertEqual(version.simulation_id, simulation)

    def test_it_changes_nothing(self):
        self._bill()
        before = self.env["usage.rated.line"].search_count([])
        self._simulate(self._new_version())
        self.assertEqual(self.env["usage.rated.line"].search_count([]), before)
        moves = self._bill("2026-10-31").move_ids
        self.assertEqual(moves.mapped("amount_untaxed"), [10, 10])

    def test_what_was_billed_does_not_change_the_answer(self):
        version = self._new_version()
        before = self._simulate(version).delta_amount
        self._bill()
        self.assertEqual(self._simulate(version).delta_amount, before)

    def test_a_change_of_price_makes_it_stale_and_the_version_a_draft(self):
        version = self._new_version()
        simulation = self._simulate(version)
        self.assertFalse(simulation.is_stale)
        self._charge(version, "fee").unit_price = "21"
        self.assertEqual(version.state, "draft")
        simulation.invalidate_recordset()
        self.assertTrue(simulation.is_stale)
        simulation.action_compute()
        self.assertEqual(simulation.delta_amount, Decimal(22))

    def test_what_one_customer_would_pay_on_another_plan(self):
        plan = self._create_plan(
            [
                {
                    "name": "All calls",
                    "model": "per_unit",
                    "meter_id": self.meter.id,
                    "unit_price": "0.2",
                }
            ]
        )
        simulation = self._simulate(
            plan.version_ids, subscription_ids=[(6, 0, self.subscription.ids)]
        )
        self.assertEqual(simulation.before_amount, Decimal(135))
        self.assertEqual(simulation.after_amount, Decimal(30))
        self.assertEqual(plan.version_ids.state, "active")

    def test_one_subscription_that_cannot_be_rated_stops_nobody(self):
        self._add_usage(self.other, "api", -5)
        simulation = self._simulate(self._new_version())
        self.assertEqual(simulation.held_count, 1)
        self.assertEqual(simulation.delta_amount, Decimal(10))
        [held] = simulation.result_ids.filtered(lambda line: line.state == "held")
        self.assertIn("negative", held.reason)

    def test_other_currencies_are_not_compared(self):
        plan = self._create_plan(
            [{"name": "Fee", "model": "flat", "unit_price": "10"}],
            currency_id=self.env.ref("base.USD").id,
        )
        with self.assertRaises(UserError):
            self._simulate(
                plan.version_ids, subscription_ids=[(6, 0, self.subscription.ids)]
            )

    def test_slices_can_be_cut_anywhere(self):
        version = self._new_version()
        simulation = self.env["usage.simulation"].create(
            {
                "plan_id": self.plan.id,
                "version_id": version.id,
                "date_from": "2026-09-01",
                "date_to": "2026-09-30",
            }
        )
        simulation._start()
        self.assertEqual(simulation._simulate_slice(limit=1), 1)
        self.assertEqual((simulation.state, simulation.done_count), ("running", 1))
        self.assertEqual(simulation.progress, 50)
        simulation._run_to_end()
        self.assertEqual(simulation.delta_amount, Decimal(20))
        self.assertEqual(len(simulation.line_ids), 3)


@tagged("post_install", "-at_install")
class TestPriceCorrection(PriceCase):
    """The fee of September should have been 12.00 and was billed at 10.00."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls._add_usage(cls.subscription, "api", 100)

    def _correct(self, policy):
        action = self.first.action_correct()
        version = self.env["usage.plan.version"].browse(action["res_id"])
        version.write(
            {"valid_from": "2026-09-01", "note": "Typo", "correction_policy": policy}
        )
        self._charge(version, "fee").unit_price = "12"
        version.action_approve()
        return version

    def test_drafts_are_rated_again(self):
        run = self._create_run()
        run.action_compute()
        run.action_approve()
        self.assertEqual(run.line_ids.amount, Decimal(110))
        version = self._correct("rerate")
        self.assertEqual(run.state, "review")
        self.assertEqual(run.line_ids.amount, Decimal(112))
        self.assertEqual(run.rated_line_ids.version_id, version)

    def test_only_drafts_when_so_chosen(self):
        self._bill()
        self._correct("rerate")
        self.assertEqual(self._bill("2026-10-31").move_ids.amount_untaxed, 12)

    def test_the_difference_comes_with_the_next_invoice(self):
        self._bill()
        self._correct("next")
        move = self._bill("2026-10-31").move_ids
        # October 12.00, September 112.00 less 110.00 billed
        self.assertEqual(move.amount_untaxed, 14)
        self.assertEqual(self._bill("2026-11-21").move_ids.mapped("amount_untaxed"), [])

    def test_credit_and_invoice_again(self):
        first = self._bill().move_ids
        version = self._correct("rebill")
        moves = version.correction_run_id.move_ids
        credit = moves.filtered(lambda move: move.move_type == "out_refund")
        invoice = moves - credit
        self.assertEqual(credit.amount_untaxed, 110)
        self.assertEqual(credit.reversed_entry_id, first)
        self.assertEqual(invoice.amount_untaxed, 112)
        self.assertEqual(moves.mapped("state"), ["posted", "posted"])
        self.assertEqual(credit.usage_rated_line_ids.mapped("state"), ["posted"] * 2)
        self.assertEqual(invoice.usage_rated_line_ids.version_id, version)
        self.assertEqual(self._bill("2026-10-31").move_ids.amount_untaxed, 12)

    def test_usage_that_comes_later_has_the_corrected_prices(self):
        self._bill()
        self._correct("next")
        self._bill("2026-10-31")
        self._add_usage(self.subscription, "api", 10)
        # units 101 to 110 at 0.50 and October's next fee has not begun
        self.assertEqual(self._bill("2026-11-21").move_ids.amount_untaxed, 5)

    def test_a_correction_may_begin_on_the_day_of_the_wrong_prices(self):
        wrong = self._new_version("2026-09-01", fee="13")
        wrong.action_approve()
        action = wrong.action_correct()
        version = self.env["usage.plan.version"].browse(action["res_id"])
        version.write({"valid_from": "2026-09-01", "note": "Typo"})
        version.action_approve()
        self.assertEqual(wrong.state, "retired")
        self.assertEqual(version.state, "active")
