import csv
import io
import re
from datetime import date
from decimal import Decimal

from odoo import Command
from odoo.tests import HttpCase, tagged

from odoo.addons.account.tests.common import AccountTestInvoicingCommon

USAGE_ONLY = "usage_billing.group_usage_billing_portal_usage"
WITH_INVOICES = "usage_billing.group_usage_billing_portal_invoices"


@tagged("post_install", "-at_install")
class TestUsagePortal(AccountTestInvoicingCommon, HttpCase):
    """What customers see of their usage, and what nobody else does.

    The sample month of October 2026 is billed; the studio is the owner in these
    tests, the mill the other customer, the reseller a partner who pays nothing.
    """

    @classmethod
    def get_default_groups(cls):
        groups = super().get_default_groups()
        return groups | cls.env.ref("usage_billing.group_usage_billing_system")

    @classmethod
    @AccountTestInvoicingCommon.setup_country("fr")
    def setUpClass(cls):
        super().setUpClass()
        company = cls.env.company
        sample = cls.env["usage.sample"].sudo()  # as the buttons do
        sample._load(company)
        run = cls.env["usage.billing.run"].create(
            {
                "company_id": company.id,
                "cutoff_date": date(2026, 10, 31),
                "invoice_date": date(2026, 11, 2),
            }
        )
        run.action_compute()
        run.action_approve()
        run.action_post()
        cls.studio = sample._get(company, "partner.studio")
        cls.reseller = sample._get(company, "partner.reseller")
        cls.subscription = sample._get(company, "subscription.STUDIO-PROD")
        cls.period = cls.subscription.period_ids.sorted("start_at")[0]
        cls.meter = sample._get(company, "meter.egress_gb")
        cls.move = run.move_ids.filtered(lambda move: move.partner_id == cls.studio)
        cls.rated = cls.move.usage_rated_line_ids.filtered(
            lambda line: (
                line.meter_id == cls.meter and line.subscription_id == cls.subscription
            )
        )
        cls._create_login("owner", cls.studio)
        cls._create_login("usage_only", cls.studio, USAGE_ONLY)
        cls._create_login("with_invoices", cls.studio, WITH_INVOICES)
        cls._create_login("other", sample._get(company, "partner.mill"))
        cls._create_login("reseller", cls.reseller)

    @classmethod
    def _create_login(cls, login, partner, *groups):
        contact = cls.env["res.partner"].create(
            {"name": f"Contact {login}", "parent_id": partner.id, "lang": "en_US"}
        )
        groups = [cls.env.ref("base.group_portal")] + [
            cls.env.ref(group) for group in groups
        ]
        cls.env["res.users"].create(
            {
                "name": contact.name,
                "login": login,
                "password": login,
                "partner_id": contact.id,
                "company_id": cls.env.company.id,
                "company_ids": [Command.set(cls.env.company.ids)],
                "group_ids": [Command.set([group.id for group in groups])],
            }
        )

    @property
    def usage_urls(self):
        base = f"/my/usage/{self.subscription.id}"
        return [
            f"{base}?period={self.period.id}",
            f"{base}?period={self.period.id}&view=egress_gb",
            f"{base}/csv?period={self.period.id}",
            f"{base}/events?period={self.period.id}&meter={self.meter.id}"
            "&day=2026-10-14",
        ]

    @property
    def invoice_urls(self):
        base = f"/my/invoices/{self.move.id}"
        return [
            f"{base}/usage/{self.rated.id}",
            f"{base}/usage/{self.rated.id}/events?day=2026-10-14",
            f"{base}/usage.csv",
        ]

    def _get_status(self, url):
        return self.url_open(url, allow_redirects=False).status_code

    # ------------------------------------------------------------------
    # three visitors for every route
    # ------------------------------------------------------------------
    def test_owner_reads_every_page(self):
        for login in ("owner", "with_invoices"):
            self.authenticate(login, login)
            for url in ["/my", "/my/usage", *self.usage_urls, *self.invoice_urls]:
                with self.subTest(login=login, url=url):
                    self.assertEqual(self._get_status(url), 200)

    def test_other_customer_gets_not_found(self):
        for login in ("other", "reseller"):
            self.authenticate(login, login)
            for url in [*self.usage_urls, *self.invoice_urls]:
                with self.subTest(login=login, url=url):
                    self.assertEqual(self._get_status(url), 404)

    def test_anonymous_is_sent_to_the_login_page(self):
        for url in ["/my/usage", *self.usage_urls]:
            with self.subTest(url=url):
                response = self.url_open(url, allow_redirects=False)
                self.assertEqual(response.status_code, 303)
                self.assertIn("/web/login", response.headers["Location"])

    def test_anonymous_without_the_secret_link_gets_not_found(self):
        for url in self.invoice_urls:
            sign = "&" if "?" in url else "?"
            with self.subTest(url=url):
                self.assertEqual(self._get_status(url), 404)
                wrong = f"{url}{sign}access_token=wrong"
                self.assertEqual(self._get_status(wrong), 404)

    def test_secret_link_of_the_invoice_opens_its_usage_only(self):
        token = self.move._portal_ensure_token()
        self.env.flush_all()
        for url in self.invoice_urls:
            sign = "&" if "?" in url else "?"
            with self.subTest(url=url):
                self.assertEqual(
                    self._get_status(f"{url}{sign}access_token={token}"), 200
                )
        foreign = self.env["usage.rated.line"].search(
            [("move_id", "!=", self.move.id), ("move_id", "!=", False)], limit=1
        )
        url = f"/my/invoices/{self.move.id}/usage/{foreign.id}?access_token={token}"
        self.assertEqual(self._get_status(url), 404)

    def test_guessed_numbers_get_not_found(self):
        self.authenticate("owner", "owner")
        base = f"/my/usage/{self.subscription.id}"
        foreign = self.env["usage.period"].search(
            [("subscription_id", "!=", self.subscription.id)], limit=1
        )
        stranger = self.env["usage.meter"].create(
            {
                "name": "Not in the plan",
                "code": "stranger",
                "event_type": "network.egress_gb",
                "aggregation": "count",
            }
        )
        self.env.flush_all()
        period = f"period={self.period.id}"
        for url in [
            "/my/usage/999999999",
            f"{base}?period={foreign.id}",
            f"{base}?period=999999999",
            f"{base}?period=1%20OR%201=1",
            f"{base}?period=-1",
            f"{base}/csv?period={foreign.id}",
            f"{base}/events?{period}&meter={stranger.id}",
            f"{base}/events?{period}&meter=x",
            f"{base}/events?{period}",
            f"{base}/events?{period}&meter={self.meter.id}&day=2026-13-01",
            f"{base}/events?{period}&meter={self.meter.id}&day=2026-11-01",
            f"/my/invoices/999999999/usage/{self.rated.id}",
            f"/my/invoices/{self.move.id}/usage/999999999",
        ]:
            with self.subTest(url=url):
                self.assertEqual(self._get_status(url), 404)

    def test_strange_parameters_do_not_break_a_page(self):
        self.authenticate("owner", "owner")
        base = f"/my/usage/{self.subscription.id}"
        events = f"{base}/events?period={self.period.id}&meter={self.meter.id}"
        for url in [
            f"{base}?period={self.period.id}&view=nothing",
            f"{base}?period={self.period.id}&view=%3Cscript%3E",
            f"{events}&after=nothing",
            f"{events}&after=99999999999999999999999.1",
        ]:
            with self.subTest(url=url):
                response = self.url_open(url)
                self.assertEqual(response.status_code, 200)
                self.assertNotIn("<script>nothing", response.text)

    def test_user_for_usage_only_sees_quantities_and_no_money(self):
        self.authenticate("usage_only", "usage_only")
        page = self.url_open(self.usage_urls[0])
        self.assertEqual(page.status_code, 200)
        self.assertNotIn("o_usage_total", page.text)
        self.assertNotIn("€", page.text)
        self.assertNotIn("€", self.url_open("/my/usage").text)
        self.assertNotIn(
            "Currency", self.url_open(self.usage_urls[2]).content.decode("utf-8-sig")
        )
        for url in self.invoice_urls:
            self.assertEqual(self._get_status(url), 404)
        invoices = self.url_open("/my/invoices").text
        self.assertNotIn(self.move.name, invoices)

    def test_meter_of_amounts_is_not_for_those_who_see_no_price(self):
        """What a supplier charges is money, though it is counted as a quantity."""
        self.env.cr.execute(
            "UPDATE usage_meter SET value_source = 'amount' WHERE id = %s",
            [self.meter.id],
        )
        self.env.invalidate_all()
        explorer = self.env["usage.explorer"]
        seen = explorer._get_period_lines(self.period, amounts=True)
        hidden = explorer._get_period_lines(self.period, amounts=False)
        self.assertIn(self.meter.id, [line.meter_id for line in seen])
        self.assertNotIn(self.meter.id, [line.meter_id for line in hidden])
        self.authenticate("usage_only", "usage_only")
        self.assertEqual(self._get_status(self.usage_urls[3]), 404)
        self.authenticate("owner", "owner")
        self.assertEqual(self._get_status(self.usage_urls[3]), 200)

    def test_customer_whose_reseller_pays_sees_no_price(self):
        self.subscription.payer_id = self.reseller
        self.env.flush_all()
        self.authenticate("owner", "owner")
        page = self.url_open(self.usage_urls[0])
        self.assertEqual(page.status_code, 200)
        self.assertNotIn("o_usage_total", page.text)
        self.authenticate("reseller", "reseller")
        page = self.url_open(self.usage_urls[0])
        self.assertIn("o_usage_total", page.text)

    # ------------------------------------------------------------------
    # figures
    # ------------------------------------------------------------------
    def _read_csv(self, url, delimiter=","):
        response = self.url_open(url)
        self.assertEqual(response.status_code, 200)
        self.assertEqual(response.headers["Content-Type"], "text/csv; charset=utf-8")
        self.assertTrue(response.content.startswith(b"\xef\xbb\xbf"))
        text = io.StringIO(response.content.decode("utf-8-sig"), newline="")
        return response, list(csv.DictReader(text, delimiter=delimiter))

    def test_file_of_a_period_adds_up_to_what_was_invoiced(self):
        self.authenticate("owner", "owner")
        response, rows = self._read_csv(self.usage_urls[2])
        self.assertIn(
            "usage_STUDIO-PROD_2026-10.csv", response.headers["Content-Disposition"]
        )
        rated = self.move.usage_rated_line_ids.filtered(
            lambda line: line.subscription_id == self.subscription
        )
        for charge in rated.charge_id:
            lines = rated.filtered(lambda line, charge=charge: line.charge_id == charge)
            cells = [row for row in rows if row["Charge"] == charge.name]
            self.assertEqual(
                sum(Decimal(row["Amount before tax"]) for row in cells),
                sum(line.amount for line in lines),
                charge.name,
            )
        egress = [row for row in rows if row["Charge"] == self.rated.charge_id.name]
        self.assertEqual(
            sum(Decimal(row["Quantity"]) for row in egress), self.rated.quantity
        )
        self.assertEqual(len(egress), 31)

    def test_file_of_an_invoice_adds_up_to_its_untaxed_amount(self):
        self.authenticate("owner", "owner")
        _response, rows = self._read_csv(self.invoice_urls[2])
        total = sum(Decimal(row["Amount before tax"]) for row in rows)
        self.assertEqual(total, Decimal(str(self.move.amount_untaxed)))
        self.assertEqual(
            {row["Subscription"] for row in rows}, {"STUDIO-PROD", "STUDIO-TEST"}
        )

    def test_french_file_uses_semicolon_and_decimal_comma(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        self.env["res.users"].search([("login", "=", "owner")]).lang = "fr_FR"
        self.env.flush_all()
        self.authenticate("owner", "owner")
        _response, rows = self._read_csv(self.usage_urls[2], ";")
        amounts = [list(row.values())[-2] for row in rows]
        self.assertTrue(any("," in amount for amount in amounts))
        total = sum(Decimal(amount.replace(",", ".")) for amount in amounts)
        rated = self.move.usage_rated_line_ids.filtered(
            lambda line: line.subscription_id == self.subscription
        )
        self.assertEqual(total, sum(rated.mapped("amount")))

    def test_chart_and_table_hold_the_same_numbers(self):
        explorer = self.env["usage.explorer"].with_context(lang="en_US")
        for view in ("amount", "egress_gb", "object_gb_peak", "vcpu_hours"):
            page = explorer._prepare_page(self.subscription, self.period, True, view)
            table = page["table"]
            self.assertEqual(page["view"]["key"], view)
            self.assertEqual(len(table["rows"]), 31)
            for number, series in enumerate(table["chart"]["series"]):
                self.assertEqual(
                    series["texts"], [row["cells"][number] for row in table["rows"]]
                )
                self.assertEqual(len(series["values"]), 31)

    def test_days_of_a_sum_meter_add_up_to_the_period(self):
        explorer = self.env["usage.explorer"].with_context(lang="en_US")
        page = explorer._prepare_page(self.subscription, self.period, True, "egress_gb")
        [series] = page["table"]["chart"]["series"]
        total = sum(Decimal(value) for value in series["values"])
        self.assertEqual(total, self.rated.quantity)
        self.assertEqual(
            page["table"]["footer"], [explorer._format_quantity(self.rated.quantity)]
        )

    def test_events_of_a_day_add_up_to_the_day(self):
        explorer = self.env["usage.explorer"].with_context(lang="en_US")
        total, after = Decimal(0), None
        for _page in range(5):
            page = explorer._prepare_events(
                self.period, self.meter, date(2026, 10, 25), after
            )
            total += sum(Decimal(event["value"]) for event in page["events"])
            after = page["next"]
            if not after:
                break
        [day] = [
            row
            for row in self.env["usage.batch"]._store().daily(self.period, self.meter)
            if row.day == date(2026, 10, 25)
        ]
        self.assertEqual(total, day.quantity)
        # three front ends, and the day the clocks go back has 25 hours
        self.assertEqual(day.count, 75)

    def test_details_of_an_event_are_those_the_meter_gives_out(self):
        explorer = self.env["usage.explorer"]
        day = date(2026, 10, 14)
        event = explorer._prepare_events(self.period, self.meter, day)["events"][0]
        self.assertIn("front-01", event["details"])
        self.meter.customer_keys = "region"
        event = explorer._prepare_events(self.period, self.meter, day)["events"][0]
        self.assertEqual(event["details"], "region: fr-par")
        self.meter.customer_keys = False
        event = explorer._prepare_events(self.period, self.meter, day)["events"][0]
        self.assertEqual(event["details"], "")
        self.assertNotIn("amount", event)

    def test_hour_that_comes_twice_is_told_apart(self):
        page = self.env["usage.explorer"]._prepare_events(
            self.period, self.meter, date(2026, 10, 25)
        )
        twice = {
            event["zone"]
            for event in page["events"]
            if event["time"] == "2026-10-25 02:00:00"
        }
        self.assertEqual(twice, {"CEST", "CET"})

    def test_running_period_costs_what_closing_it_now_would(self):
        november = self.subscription.period_ids.sorted("start_at")[1]
        lines = self.env["usage.explorer"]._get_running_lines(november)[november]
        fee = [line for line in lines if line.quantity is None]
        self.assertEqual([line.amount for line in fee], [Decimal(89)])

    def test_overview_costs_the_same_queries_for_one_and_for_many(self):
        explorer = self.env["usage.explorer"]
        user = self.env["res.users"].search([("login", "=", "owner")])
        both = explorer.env["usage.subscription"].search(
            explorer._get_own_domain(user.partner_id)
        )
        self.assertEqual(len(both), 2)
        counts = []
        for subscriptions in (both, both[:1], both):
            self.env.invalidate_all()
            start = self.env.cr.sql_log_count
            rows = explorer._prepare_overview(subscriptions, user)
            self.assertEqual(len(rows), len(subscriptions))
            counts.append(self.env.cr.sql_log_count - start)
        self.assertLessEqual(counts[2], counts[1] + 2)

    # ------------------------------------------------------------------
    # pages
    # ------------------------------------------------------------------
    def test_home_shows_the_amount_so_far(self):
        self.authenticate("owner", "owner")
        self.assertIn("o_usage_amount", self.url_open("/my").text)

    def test_home_of_a_partner_without_subscription_has_no_usage_card(self):
        self.authenticate("reseller", "reseller")
        self.assertNotIn("/my/usage", self.url_open("/my").text)
        self.assertIn("o_usage_empty", self.url_open("/my/usage").text)

    def test_invoice_reaches_single_events_in_three_clicks(self):
        self.authenticate("owner", "owner")
        page = self.url_open(f"/my/invoices/{self.move.id}").text
        line = f"/my/invoices/{self.move.id}/usage/{self.rated.id}"
        self.assertIn(f'href="{line}"', page)  # click 1
        days = self.url_open(line).text
        link = re.search(rf'href="({line}/events\?[^"]*2026-10-14)"', days)
        self.assertTrue(link)  # click 2
        events = self.url_open(link[1].replace("&amp;", "&")).text
        self.assertIn("studio-prod/front-01/egress_gb/20261014T0800", events)

    def test_included_units_are_part_of_how_the_amount_comes_about(self):
        explorer = self.env["usage.explorer"].with_context(lang="en_US")
        page = explorer._prepare_invoice_line_page(self.rated)
        measured, included, priced = (
            row["quantity_text"] for row in page["components"]
        )
        measured = Decimal(measured.replace(",", ""))
        self.assertEqual(measured, self.rated.quantity)
        self.assertEqual(included, "-200")
        self.assertEqual(Decimal(priced.replace(",", "")), measured - 200)

    def test_conversion_is_part_of_how_the_amount_comes_about(self):
        line = self.env["usage.rated.line"].new(
            {
                "evidence": {
                    "steps": [
                        {"step": "convert", "metered": "2500", "quantity": "2.5"},
                        {"step": "included", "before": "2.5", "quantity": "1.5"},
                        {"step": "price", "exact": "3"},
                    ]
                }
            }
        )
        explorer = self.env["usage.explorer"].with_context(lang="en_US")
        self.assertEqual(
            [row["quantity_text"] for row in explorer._prepare_steps(line)],
            ["2,500", "2.5", "-1"],
        )

    def test_page_says_its_language_and_title(self):
        self.authenticate("owner", "owner")
        page = self.url_open(self.usage_urls[0]).text
        self.assertRegex(page, r'<html[^>]* lang="en-US"')
        self.assertIn("<title>Studio Imaginaire – production</title>", page)

    def test_page_names_the_time_zone(self):
        self.authenticate("owner", "owner")
        self.assertIn("Europe/Paris", self.url_open(self.usage_urls[0]).text)

    def test_figures_of_tables_have_headers_for_screen_readers(self):
        self.authenticate("owner", "owner")
        page = self.url_open(self.usage_urls[1]).text
        for table in re.findall(r"<table.*?</table>", page, re.DOTALL):
            self.assertIn('scope="col"', table)
            self.assertIn('scope="row"', table)
        self.assertIn("<figcaption", page)

    def test_customer_finds_the_usage_behind_an_invoice(self):
        self.start_tour("/my", "usage_portal_customer_tour", login="owner")
