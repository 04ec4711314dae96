"""A rated line says which exception gave its price, and keeps it."""

from odoo import Command

from .common import UsageCase, tagged


@tagged("post_install", "-at_install")
class TestUsageOverrideLines(UsageCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["res.lang"]._activate_lang("fr_FR")
        cls.meter = cls._create_meter("gb", dimension_keys="region")
        cls.plan = cls._create_plan(
            [
                {
                    "name": "Traffic",
                    "key": "gb",
                    "meter_id": cls.meter.id,
                    "unit_price": 4,
                    "price_ids": [
                        Command.create(
                            {
                                "name": "Europe",
                                "match_text": "region = eu",
                                "unit_price": 3,
                            }
                        )
                    ],
                }
            ]
        )
        cls.tag = cls.env["res.partner.category"].create({"name": "Schools"})
        cls.subscription = cls._create_subscription(cls.plan, late_policy="open")
        cls.partner = cls.subscription.partner_id

    def _allow(self, **terms):
        override = self.env["usage.override"].create(
            {
                "name": "Deal 7",
                "note": "Negotiated",
                "plan_id": self.plan.id,
                "charge_key": "gb",
                "date_from": "2026-01-01",
                **terms,
            }
        )
        override.action_approve()
        return override

    def _rate(self, *usage):
        for quantity, region in usage:
            dimensions = {"region": region} if region else {}
            self._add_usage(self.subscription, "gb", quantity, dimensions=dimensions)
        run = self._bill(subscription_ids=[Command.set(self.subscription.ids)])
        self.assertFalse(run.held_line_ids, run.held_line_ids.mapped("reason"))
        return run.rated_line_ids

    def test_the_line_names_the_exception_and_the_customer_reads_of_it(self):
        override = self._allow(partner_id=self.partner.id, price="2")
        line = self._rate((10, None))
        self.assertEqual(line.override_id, override)
        self.assertEqual(line.amount, 20)
        told = line._get_explanation()
        self.assertIn(
            ("override", "note", "0"),
            [(row["code"], row["kind"], row["value"]) for row in told["rows"]],
        )
        self.assertEqual(told["residual"], "0")
        self.assertIn("the terms agreed with you since", told["sentence"])
        # its name is for the house
        self.assertNotIn("Deal 7", told["sentence"])
        french = line.with_context(lang="fr_FR")._get_explanation()["sentence"]
        self.assertIn("convenues avec vous depuis", french)
        self.assertIn("agreed with you", str(line.explanation_html))

    def test_list_prices_name_none(self):
        line = self._rate((10, None))
        self.assertFalse(line.override_id)
        self.assertNotIn(
            "note", [row["kind"] for row in line._get_explanation()["rows"]]
        )

    def test_special_prices_stay_unless_told(self):
        self._allow(partner_id=self.partner.id, price="2")
        lines = self._rate((10, None), (10, "eu"))
        self.assertEqual(sorted(lines.mapped("amount")), [20, 30])

    def test_an_own_price_may_stand_for_special_prices_too(self):
        override = self._allow(
            partner_id=self.partner.id, price="2", replaces_special=True
        )
        self.assertIn("instead of special prices", override.terms_text)
        lines = self._rate((10, None), (10, "eu"))
        self.assertEqual(lines.mapped("amount"), [40])

    def test_a_tag_taken_away_later_changes_nothing_billed(self):
        self.partner.category_id = self.tag
        override = self._allow(category_id=self.tag.id, price="2")
        self.assertEqual(self._rate((10, None)).amount, 20)
        self.partner.category_id = False
        late = self._rate((1, None))
        self.assertEqual((late.amount, late.override_id), (2, override))

    def test_a_tag_given_later_changes_nothing_billed(self):
        self._allow(category_id=self.tag.id, price="2")
        self.assertEqual(self._rate((10, None)).amount, 40)
        self.partner.category_id = self.tag
        late = self._rate((1, None))
        self.assertEqual((late.amount, late.revision), (4, 1))
        self.assertFalse(late.override_id)
