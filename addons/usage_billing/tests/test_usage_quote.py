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

    def test_a_branch_quotes_the_tax_it_invoices(self):
        tax = self.company.account_sale_tax_id
        self.product.taxes_id = tax
        branch = self.env["res.company"].create(
            {"name": "Branch", "parent_id": self.company.id}
        )
        self.env.user.company_ids |= branch
        quote = (
            self.env["usage.quote"]
            .with_context(allowed_company_ids=(branch | self.company).ids)
            ._quote(branch, [], [(self.product, Decimal(1), Decimal(100))])
        )
        self.assertEqual((quote.untaxed, quote.tax), (100, 20))


@tagged("post_install", "-at_install")
class TestQuoteOfASubscription(ApiCase):
    """What a subscription has already counts in its quotes, as a run counts it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.gb = cls._create_meter("gb")
        cls.sms = cls._create_meter("sms")
        cls.plan = cls._create_plan(
            [
                {
                    "name": "Traffic",
                    "key": "gb",
                    "meter_id": cls.gb.id,
                    "unit_price": "1",
                    "included_units": 100,
                    "rollover_limit": 50,
                },
                {
                    "name": "Messages",
                    "key": "sms",
                    "meter_id": cls.sms.id,
                    "unit_price": "0.1",
                },
            ]
        )
        cls.subscription = cls._create_subscription(cls.plan)

    def _quote(self, day="2026-10-10", gb=180, sms=100, **kw):
        return self.env["usage.quote"]._quote(
            self.company,
            [
                (self.plan.version_ids, rater.Item("gb", Decimal(gb))),
                (self.plan.version_ids, rater.Item("sms", Decimal(sms))),
            ],
            day=date.fromisoformat(day),
            **{"subscription": self.subscription, **kw},
        )

    def _grant(self, amount, **kw):
        return self.env["usage.grant"].create(
            {
                "name": "Credit",
                "subscription_id": self.subscription.id,
                "amount": amount,
                "effective_at": "2026-09-01",
                **kw,
            }
        )

    def _bill_october(self, gb=180, sms=100):
        self._add_usage(self.subscription, "gb", gb, at="2026-10-10 12:00:00")
        self._add_usage(self.subscription, "sms", sms, at="2026-10-10 12:00:00")
        return self._bill("2026-10-31").move_ids.amount_untaxed

    def test_kept_free_units_count(self):
        # September used nothing, 50 of its 100 free units go on: 180 - 150, and 10 for
        # the messages
        self.assertEqual(self._quote().untaxed, 40)
        self._add_usage(self.subscription, "gb", 70)
        # 30 are left: 180 - 130; the same once September is billed
        self.assertEqual(self._quote().untaxed, 60)
        self._bill()
        self.assertEqual(self._quote().untaxed, 60)
        # the first period has nothing to keep, a customer without contract neither
        self.assertEqual(self._quote("2026-09-10").untaxed, 90)
        self.assertEqual(self._quote(subscription=None).untaxed, 90)
        self.assertEqual(self._bill_october(), 60)

    def test_prepaid_units_count(self):
        self._add_usage(self.subscription, "gb", 100)
        self._grant(60, unit="units", meter_id=self.sms.id)
        quote = self._quote()
        # 80 of traffic, 40 messages that no credit covers
        self.assertEqual([line.amount for line in quote.lines], [80, 4])
        self.assertEqual(self._bill_october(), 84)

    def test_prepaid_money_counts_after_coupons(self):
        self._add_usage(self.subscription, "gb", 100)
        self._bill()
        self.env["usage.coupon"].create(
            {"name": "Ten", "subscription_id": self.subscription.id, "percent": 10}
        )
        self._grant(75, charge_keys="gb")
        quote = self._quote()
        # traffic 80 - 8 - 72, messages 10 - 1
        self.assertEqual([line.amount for line in quote.lines], [0, 9])
        self.assertEqual(
            quote.lines[0].steps[-3:],
            [("Ten", "-8.00 EUR"), ("Credit", "-72.00 EUR"), ("Amount", "0.00 EUR")],
        )
        self.assertEqual(self._bill_october(), 9)

    def test_asking_takes_nothing(self):
        credit = self._grant(75)
        self._quote()
        self.assertEqual(credit.left, 75)

    def test_charges_share_their_free_units(self):
        plan = self._create_plan(
            [
                {
                    "name": name,
                    "key": name,
                    "meter_id": meter.id,
                    "unit_price": "1",
                    "included_units": free,
                    "bundle_key": "data",
                }
                for name, meter, free in (("a", self.gb, 100), ("b", self.sms, 0))
            ]
        )
        version = plan.version_ids
        quote = self.env["usage.quote"]._quote(
            self.company,
            [
                (version, rater.Item("a", Decimal(70))),
                (version, rater.Item("b", Decimal(50))),
            ],
        )
        self.assertEqual([line.amount for line in quote.lines], [0, 20])

    def test_a_ramp_is_priced_at_its_step(self):
        plan = self._create_plan(
            [
                {"name": "Start", "model": "flat", "unit_price": 10, "lasts_months": 3},
                {
                    "name": "Later",
                    "model": "flat",
                    "unit_price": 30,
                    "starts_after_months": 3,
                },
            ]
        )
        subscription = self._create_subscription(plan)

        def total(day, subscription=None):
            return (
                self.env["usage.quote"]
                ._quote(
                    self.company,
                    [],
                    day=date.fromisoformat(day),
                    fees_of=plan.version_ids,
                    subscription=subscription,
                )
                .untaxed
            )

        self.assertEqual(total("2026-10-01"), 10)
        self.assertEqual(total("2026-10-01", subscription), 10)
        self.assertEqual(total("2026-12-01", subscription), 30)

    def test_the_screen_takes_what_the_subscription_has(self):
        self._add_usage(self.subscription, "gb", 100)
        self._bill()
        form = Form(self.env["usage.quote.wizard"])
        form.date = "2026-10-10"
        self._grant(30)
        form.subscription_id = self.subscription
        self.assertEqual(form.plan_id, self.plan)
        self.assertEqual(form.partner_id, self.subscription.partner_id)
        with form.line_ids.edit(0) as line:
            line.quantity = "150"
        self.assertIn("20.00 EUR", form.result_html)
