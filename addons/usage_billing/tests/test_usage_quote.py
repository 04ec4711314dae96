import json
from datetime import date, datetime
from decimal import Decimal

from odoo import Command
from odoo.tests import Form, HttpCase, tagged

from .. import rater
from .common_api import ApiCase


@tagged("post_install", "-at_install")
class TestUsageQuote(ApiCase, HttpCase):
    """Rail by kilometre in tiers, buses by ride, a plan with a fee."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.tax = cls.env["account.tax"].create(
            {"name": "Quote 10 %", "amount": 10, "type_tax_use": "sale"}
        )
        cls.product.taxes_id = cls.tax
        cls.km = cls._create_meter("km")
        cls.rides = cls._create_meter("ride", dimension_keys="zone")
        cls.rail = cls._create_plan(
            [
                {
                    "name": "Kilometres",
                    "key": "km",
                    "model": "graduated",
                    "meter_id": cls.km.id,
                    "tier_ids": [
                        Command.create({"up_to": "100", "unit_price": "0.2"}),
                        Command.create({"unit_price": "0.1"}),
                    ],
                },
                {"name": "Card", "key": "card", "model": "flat", "unit_price": "3"},
            ],
            code="rail",
        )
        cls.bus = cls._create_plan(
            [
                {
                    "name": "Rides",
                    "key": "rides",
                    "model": "per_unit",
                    "meter_id": cls.rides.id,
                    "unit_price": "1.9",
                    "price_ids": [
                        Command.create(
                            {
                                "name": "Zone 2",
                                "unit_price": "2.5",
                                "match": {"zone": "2"},
                            }
                        )
                    ],
                }
            ],
            code="city-bus",
        )
        cls.bike = cls._create_usage_product(
            name="Bike day", default_code="BIKE-DAY", list_price=5, taxes_id=cls.tax.ids
        )

    def _ticket(self, **kw):
        return self.env["usage.quote"]._quote(
            self.company,
            [
                (self.rail.version_ids, rater.Item("km", Decimal(120))),
                (
                    self.bus.version_ids,
                    rater.Item("rides", Decimal(2), {"zone": "2"}),
                ),
            ],
            [(self.bike, Decimal(1), None)],
            **kw,
        )

    def test_a_ticket_of_several_operators_is_one_quote(self):
        quote = self._ticket()
        # 100 x 0.20 + 20 x 0.10, 2 x 2.50, 1 x 5.00
        self.assertEqual(
            [line.amount for line in quote.lines],
            [Decimal("22.00"), Decimal("5.00"), Decimal("5.00")],
        )
        self.assertEqual(
            (quote.untaxed, quote.tax, quote.total),
            (32, Decimal("3.2"), Decimal("35.2")),
        )
        self.assertIn("Zone 2", quote.lines[1].name)
        self.assertEqual(quote.lines[0].steps[-1], ("Amount", "22.00 EUR"))

    def test_fees_count_where_they_are_wanted(self):
        quote = self._ticket(fees_of=self.rail.version_ids)
        self.assertEqual(quote.untaxed, 35)

    def test_the_customers_exceptions_count(self):
        partner = self._create_customer()
        self.env["usage.override"].create(
            {
                "name": "Half",
                "note": "Agreed",
                "partner_id": partner.id,
                "date_from": "2026-01-01",
                "discount_percent": "50",
            }
        ).action_approve()
        self.assertEqual(self._ticket().untaxed, 32)
        # the exception is on usage; the bike is a fixed item
        self.assertEqual(self._ticket(partner=partner).untaxed, Decimal("18.50"))

    def test_the_quote_is_what_a_run_bills(self):
        subscription = self._create_subscription(self.rail)
        self._add_usage(subscription, "km", 120)
        quote = self.env["usage.quote"]._quote(
            self.company,
            [(self.rail.version_ids, rater.Item("km", Decimal(120)))],
            partner=subscription.partner_id,
            fees_of=self.rail.version_ids,
        )
        move = self._bill().move_ids
        self.assertEqual(float(quote.untaxed), move.amount_untaxed)
        self.assertEqual(float(quote.total), move.amount_total)

    def test_prices_by_hour_need_a_time(self):
        meter = self._create_meter("kwh")
        plan = self._create_plan(
            [
                {
                    "name": "Energy",
                    "key": "kwh",
                    "meter_id": meter.id,
                    "unit_price": "0.2",
                    "price_ids": [
                        Command.create(
                            {
                                "name": "Night",
                                "hour_from": 22,
                                "hour_to": 6,
                                "unit_price": "0.1",
                            }
                        )
                    ],
                }
            ]
        )

        def price(at):
            item = rater.Item("kwh", Decimal(100), at=at)
            return (
                self.env["usage.quote"]
                ._quote(self.company, [(plan.version_ids, item)])
                .untaxed
            )

        self.assertEqual(price(None), 20)
        self.assertEqual(price(datetime(2026, 11, 30, 12)), 20)
        self.assertEqual(price(datetime(2026, 11, 30, 23)), 10)

    def test_the_coupons_of_a_subscription_count(self):
        subscription = self._create_subscription(self.rail)
        self.env["usage.coupon"].create(
            {
                "name": "A tenth",
                "subscription_id": subscription.id,
                "percent": "10",
                "period_count": 1,
            }
        )
        self._add_usage(subscription, "km", 120)

        def quote(day):
            return self.env["usage.quote"]._quote(
                self.company,
                [(self.rail.version_ids, rater.Item("km", Decimal(120)))],
                day=day,
                partner=subscription.partner_id,
                fees_of=self.rail.version_ids,
                subscription=subscription,
            )

        first = quote(date(2026, 9, 1))
        move = self._bill().move_ids
        self.assertEqual(float(first.untaxed), move.amount_untaxed)
        self.assertEqual(float(first.total), move.amount_total)
        self.assertIn("A tenth", [name for name, _figure in first.lines[0].steps])
        self.assertGreater(quote(date(2026, 10, 1)).untaxed, first.untaxed)

    def test_the_wizard_prices_what_is_typed(self):
        form = Form(self.env["usage.quote.wizard"])
        form.plan_id = self.rail
        with form.line_ids.edit(0) as line:
            line.quantity = "120"
        self.assertIn("25.00 EUR", str(form.result_html))
        self.assertIn("27.50 EUR", str(form.result_html))

    # -- the API -----------------------------------------------------------------------
    def _post(self, document, scope="quote"):
        key = self.env["usage.api.key"].create(
            {
                "name": "Quotes",
                "rate_limit": 0,
                "company_id": self.company.id,
                "can_ingest": False,
                f"can_{scope}": True,
            }
        )
        return self.url_open(
            "/usage/v1/quotes",
            data=json.dumps(document),
            headers={
                "Authorization": f"Bearer {key._issue_token()}",
                "Content-Type": "application/json",
            },
        )

    def test_one_call_prices_a_ticket(self):
        answer = self._post(
            {
                "fees": False,
                "items": [
                    {"plan": "rail", "charge": "km", "quantity": "120"},
                    {
                        "plan": "city-bus",
                        "charge": "rides",
                        "quantity": 2,
                        "dimensions": {"zone": "2"},
                    },
                ],
                "products": [{"product": "BIKE-DAY"}],
            }
        )
        self.assertEqual(answer.status_code, 200, answer.text)
        document = answer.json()
        self.assertEqual((document["untaxed"], document["total"]), ("32.00", "35.20"))
        self.assertIn("Tier 1", document["lines"][0]["explanation"])

    def test_what_cannot_be_priced_is_refused_with_its_place(self):
        for body, status, code in (
            ({"items": [{"plan": "none", "charge": "km"}]}, 404, "not_found"),
            ({"plan": "rail", "items": [{"charge": "km", "quantity": "x"}]}, 422, None),
            (
                {"plan": "rail", "items": [{"charge": "x", "quantity": 1}]},
                422,
                "refused",
            ),
            ({"plan": "rail", "item": []}, 422, "invalid_quote"),
            ({}, 422, "invalid_quote"),
        ):
            with self.subTest(body=body):
                answer = self._post(body)
                self.assertEqual(answer.status_code, status, answer.text)
                if code:
                    self.assertEqual(answer.json()["code"], code)

    def test_a_key_needs_the_scope(self):
        self.assertEqual(self._post({"plan": "rail"}, scope="read").status_code, 403)
