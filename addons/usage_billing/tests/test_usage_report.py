"""The usage report says to the last digit what the invoice says."""

import csv
import io
from datetime import date, datetime
from decimal import Decimal

from odoo import Command
from odoo.exceptions import AccessError, UserError
from odoo.tests import HttpCase, new_test_user, tagged

from ..models.usage_report import BY_CUSTOMER, BY_SUBSCRIPTION, ReportQuery
from .common import UsageCase

OCTOBER = (date(2026, 10, 1), date(2026, 11, 1))


@tagged("post_install", "-at_install")
class TestUsageReport(UsageCase, HttpCase):
    """Machines in two data centres, through the hour that comes twice in October."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.meter = cls._create_meter(
            "cpu", dimension_keys="region", customer_keys="resource"
        )
        cls.level = cls._create_meter("gb", aggregation="max")
        cls.plan = cls._create_plan(
            [
                {
                    "name": "CPU",
                    "model": "per_unit",
                    "meter_id": cls.meter.id,
                    "unit_price": "0.0137",
                },
                {
                    "name": "Storage",
                    "model": "per_unit",
                    "meter_id": cls.level.id,
                    "unit_price": "2",
                },
            ]
        )
        cls.subscription = cls._create_subscription(cls.plan, tz="Europe/Paris")
        cls.other = cls._create_subscription(cls.plan, tz="Europe/Paris")
        for subscription, scale in ((cls.subscription, 1), (cls.other, 7)):
            for number, hour in enumerate(
                (datetime(2026, 10, 25, 0, 30), datetime(2026, 10, 25, 1, 30))
            ):  # 02:30 in summer time, 02:30 in winter time
                for machine in range(3):
                    cls._add_usage(
                        subscription,
                        "cpu",
                        f"{scale}.{machine}{number}7",
                        at=hour,
                        dimensions={"region": f"dc-{machine % 2}"},
                        properties={"resource": f"=vm-{machine}"},
                    )
            cls._add_usage(subscription, "gb", 5, 9 * scale, at=datetime(2026, 10, 3))
        cls.run_record = cls._bill("2026-10-31")
        cls.period = cls.subscription.period_ids.filtered(
            lambda period: str(period.local_start) == "2026-10-01"
        )
        cls.report = cls.env["usage.report"]
        cls._create_portal_user("report-owner", cls.subscription.partner_id)
        cls._create_portal_user(
            "report-usage-only",
            cls.subscription.partner_id,
            "usage_billing.group_usage_billing_portal_usage",
        )
        cls._create_portal_user("report-stranger", cls._create_customer())
        cls.users["user"].password = "usage-user"

    @classmethod
    def _create_portal_user(cls, login, partner, *groups):
        contact = cls.env["res.partner"].create(
            {"name": login, "parent_id": partner.id}
        )
        cls.env["res.users"].create(
            {
                "name": login,
                "login": login,
                "password": login,
                "partner_id": contact.id,
                "company_id": cls.env.company.id,
                "company_ids": [Command.set(cls.env.company.ids)],
                "group_ids": [
                    Command.set(
                        [cls.env.ref(g).id for g in ("base.group_portal", *groups)]
                    )
                ],
            }
        )

    def _query(self, meter=None, bucket="hour", group="", subscriptions=None):
        return ReportQuery(
            subscriptions or self.subscription,
            meter or self.meter,
            *OCTOBER,
            bucket,
            group,
        )

    def _read_file(self, query, amounts=True):
        text = "".join(self.report._iter_file(query, amounts))
        return list(csv.DictReader(io.StringIO(text)))

    def _rated(self, subscription, meter):
        return self.env["usage.rated.line"].search(
            [
                ("subscription_id", "=", subscription.id),
                ("meter_id", "=", meter.id),
                ("state", "=", "posted"),
                ("period_id.local_start", "=", "2026-10-01"),
            ]
        )

    # ------------------------------------------------------------------
    # figures
    # ------------------------------------------------------------------
    def test_hours_add_up_to_the_invoice(self):
        both = self.subscription | self.other
        for group in ("", "region", "resource", BY_SUBSCRIPTION):
            with self.subTest(group=group):
                lines = self._read_file(self._query(group=group, subscriptions=both))
                for subscription in both:
                    own = [x for x in lines if x["subscription"] == subscription.code]
                    by_kind = {
                        kind: sum(
                            Decimal(x["quantity"]) for x in own if x["line"] == kind
                        )
                        for kind in ("hour", "total", "rated")
                    }
                    rated = self._rated(subscription, self.meter)
                    self.assertEqual(by_kind["hour"], rated.quantity)
                    self.assertEqual(by_kind["total"], rated.quantity)
                    self.assertEqual(by_kind["rated"], rated.quantity)
                    [foot] = [x for x in own if x["line"] == "rated"]
                    self.assertEqual(Decimal(foot["amount"]), rated.amount)
                    self.assertEqual(foot["invoice"], rated.move_id.name)

    def test_the_hour_that_comes_twice_is_two_hours(self):
        lines = [x for x in self._read_file(self._query()) if x["line"] == "hour"]
        self.assertEqual(
            [(x["start"], x["quantity"], x["events"]) for x in lines],
            [
                ("2026-10-25T02:00:00+02:00", "3.321", "3"),
                ("2026-10-25T02:00:00+01:00", "3.351", "3"),
            ],
        )
        page = self.report._prepare_report(self._query())
        labels = [row["label"] for row in page["rows"] if row["cells"] != ["0"]]
        self.assertEqual(labels, ["10/25/2026 02:00 CEST", "10/25/2026 02:00 CET"])

    def test_a_level_is_not_added_up(self):
        page = self.report._prepare_report(self._query(self.level, "day"))
        self.assertEqual(page["footer"], ["9"])
        self.assertEqual(page["total"], "")
        self.assertEqual(page["rated"]["rows"][0]["quantity"], "9")
        self.assertEqual(page["rated"]["rows"][0]["difference"], "")

    def test_the_page_shows_the_same_numbers(self):
        both = self.subscription | self.other
        page = self.report._prepare_report(
            self._query(bucket="day", group="region", subscriptions=both)
        )
        self.assertEqual(page["columns"], ["dc-0", "dc-1"])
        # machines 0 and 2: 1.007 + 1.017 + 1.207 + 1.217, and the same with 7 for 1
        self.assertEqual(page["footer"], ["32.896", "16.448"])
        total = sum((self._rated(s, self.meter).quantity for s in both), Decimal(0))
        self.assertEqual(Decimal(page["total"]), total)
        self.assertEqual(
            sum(Decimal(cell) for cell in page["footer"]), Decimal(page["total"])
        )
        series = page["chart"]["series"]
        self.assertEqual(
            sum(Decimal(value) for item in series for value in item["values"]), total
        )

    def test_usage_after_the_invoice_is_named(self):
        self._add_usage(
            self.subscription,
            "cpu",
            "4",
            at=datetime(2026, 10, 30),
            dimensions={"region": "dc-0"},
        )
        [row] = self.report._prepare_report(self._query())["rated"]["rows"]
        rated = self._rated(self.subscription, self.meter)
        self.assertEqual(Decimal(row["quantity"]), rated.quantity)
        self.assertEqual(Decimal(row["used"]), rated.quantity + 4)
        self.assertEqual(row["difference"], "-4")

    def test_many_groups_are_put_together_on_screen_only(self):
        for number in range(15):
            self._add_usage(
                self.subscription,
                "cpu",
                "1",
                at=datetime(2026, 10, 5),
                properties={"resource": f"vm-{number:02d}"},
            )
        query = self._query(bucket="day", group="resource")
        page = self.report._prepare_report(query)
        self.assertEqual(len(page["columns"]), 9)
        self.assertEqual(page["columns"][-1], "Others")
        self.assertEqual(
            sum(Decimal(cell) for cell in page["footer"]), Decimal(page["total"])
        )
        totals = [x for x in self._read_file(query) if x["line"] == "total"]
        self.assertEqual(len(totals), 18)

    def test_who_has_the_same_name_is_not_taken_for_another(self):
        both = self.subscription | self.other
        both.write({"name": "Production"})
        both.partner_id.write({"name": "Acme", "ref": False})
        self.other.partner_id.ref = "C-2"
        own = [self._rated(each, self.meter).quantity for each in both]
        first = self.subscription.partner_id
        for group, names in (
            (BY_SUBSCRIPTION, [f"Production ({each.code})" for each in both]),
            (BY_CUSTOMER, [f"Acme (#{first.id})", "Acme (C-2)"]),
        ):
            query = self._query(bucket="day", group=group, subscriptions=both)
            page = self.report._prepare_report(query)
            self.assertEqual(page["columns"], names[::-1])  # the largest first
            self.assertEqual([*map(Decimal, page["footer"])], own[::-1])
            self.assertEqual([s["name"] for s in page["chart"]["series"]], names[::-1])
            lines = [x for x in self._read_file(query) if x["line"] == "total"]
            self.assertEqual(
                {x["group"]: Decimal(x["quantity"]) for x in lines},
                dict(zip(names, own, strict=True)),
            )
        self.assertEqual(
            {row["subscription"] for row in page["rated"]["rows"]},
            {f"Production ({each.code})" for each in both},
        )
        twin = self._create_meter("cpu2", name=self.meter.name)
        called = {m["id"]: m["name"] for m in self.report.get_choices()["meters"]}
        for meter in self.meter | twin:
            self.assertEqual(called[meter.id], f"{meter.name} ({meter.code})")
        self.assertEqual(called[self.level.id], self.level.name)

    def test_a_machine_may_be_called_as_our_own_words_are(self):
        machines = ["Others", "–", *(f"vm-{number:02d}" for number in range(12))]
        for size, machine in enumerate(reversed(machines), 1):
            self._add_usage(
                self.other,
                "cpu",
                str(100 * size),
                at=datetime(2026, 10, 5),
                dimensions={"region": machine},
            )
        self._add_usage(self.other, "cpu", "5000", at=datetime(2026, 10, 5))
        query = self._query(group="region", subscriptions=self.other)
        page = self.report._prepare_report(query)
        found = dict(zip(page["columns"], page["footer"], strict=True))
        self.assertEqual(len(found), 9)
        self.assertEqual(
            [found[name] for name in ("–", "“Others”", "“–”")],
            ["5,000", "1,400", "1,300"],
        )
        self.assertEqual(page["columns"][-1], "Others")
        lines = [x for x in self._read_file(query) if x["line"] == "total"]
        groups = {x["group"]: x["quantity"] for x in lines}
        self.assertEqual(len(groups), len(lines))
        self.assertEqual(
            [groups[name] for name in ("–", "Others", "“–”")],
            ["5000", "1400", "1300"],
        )

    def test_names_that_a_spreadsheet_would_run_are_inert(self):
        lines = self._read_file(self._query(group="resource"))
        self.assertEqual(
            {x["group"] for x in lines if x["line"] == "hour"},
            {"'=vm-0", "'=vm-1", "'=vm-2"},
        )

    # ------------------------------------------------------------------
    # back office
    # ------------------------------------------------------------------
    def _options(self, **kw):
        return {
            "meter_id": self.meter.id,
            "start": "2026-10-01",
            "end": "2026-10-31",
            "bucket": "hour",
            **kw,
        }

    def test_a_user_asks_and_downloads(self):
        user = self.users["user"]
        report = self.report.with_user(user)
        self.assertIn(self.meter.id, [m["id"] for m in report.get_choices()["meters"]])
        page = report.get_page(self._options(subscription_id=self.subscription.id))
        self.assertEqual(len(page["rated"]["rows"]), 1)
        page = report.get_page(self._options(partner_id=self.other.partner_id.id))
        self.assertEqual(page["rated"]["rows"][0]["subscription"], self.other.name)
        self.authenticate(user.login, "usage-user")
        response = self.url_open(
            f"/usage/report.csv?meter_id={self.meter.id}&start=2026-10-01"
            "&end=2026-10-31&bucket=hour"
        )
        self.assertEqual(response.status_code, 200)
        lines = list(csv.DictReader(io.StringIO(response.text)))
        self.assertEqual(sum(x["line"] == "rated" for x in lines), 2)
        self.assertEqual(self.url_open("/usage/report.csv?meter_id=0").status_code, 400)

    def test_the_page_in_a_browser(self):
        self.start_tour(
            "/odoo/usage-report", "usage_report_tour", login=self.users["user"].login
        )
        self.start_tour("/my/usage", "usage_report_portal_tour", login="report-owner")

    def test_questions_without_sense_are_refused(self):
        for bad in (
            {"meter_id": 0},
            {"bucket": "minute"},
            {"start": "x"},
            {"end": "2026-09-01"},
        ):
            with self.subTest(bad=bad), self.assertRaises(UserError):
                self.report.get_page(self._options(**bad))

    def test_employees_without_a_role_read_nothing(self):
        nobody = new_test_user(self.env, login="report-nobody")
        for method, arguments in (
            ("get_choices", ()),
            ("get_page", (self._options(),)),
        ):
            with self.assertRaises(AccessError):
                getattr(self.report.with_user(nobody), method)(*arguments)
        portal = self.env["res.users"].search([("login", "=", "report-owner")])
        with self.assertRaises(AccessError):
            self.report.with_user(portal).get_page(self._options())

    # ------------------------------------------------------------------
    # portal
    # ------------------------------------------------------------------
    def _url(self, suffix="", **options):
        options = {"period": self.period.id, "meter": self.meter.code, **options}
        query = "&".join(f"{key}={value}" for key, value in options.items())
        return f"/my/usage/{self.subscription.id}/report{suffix}?{query}"

    def _status(self, url):
        return self.url_open(url, allow_redirects=False).status_code

    def test_the_customer_reads_the_own_report_and_nobody_elses(self):
        amount = str(self._rated(self.subscription, self.meter).amount)
        self.authenticate("report-owner", "report-owner")
        page = self.url_open(self._url(bucket="hour", group="resource")).text
        self.assertIn(amount, page)
        self.assertIn("=vm-0", page)
        lines = list(csv.DictReader(io.StringIO(self.url_open(self._url(".csv")).text)))
        self.assertEqual({x["subscription"] for x in lines}, {self.subscription.code})
        self.assertIn(amount, {x["amount"] for x in lines})
        for bad in (
            {"group": "secret"},
            {"meter": "other"},
            {"bucket": "week"},
            {"period": 0},
        ):
            with self.subTest(bad=bad):
                self.assertEqual(self._status(self._url(**bad)), 404)
                self.assertEqual(self._status(self._url(".csv", **bad)), 404)
        self.authenticate("report-stranger", "report-stranger")
        self.assertEqual(self._status(self._url()), 404)
        self.assertEqual(self._status(self._url(".csv")), 404)
        self.assertEqual(self._status("/usage/report.csv?meter_id=1"), 404)

    def test_a_reader_of_usage_alone_learns_no_price(self):
        amount = str(self._rated(self.subscription, self.meter).amount)
        self.authenticate("report-usage-only", "report-usage-only")
        self.assertNotIn(amount, self.url_open(self._url()).text)
        lines = list(csv.DictReader(io.StringIO(self.url_open(self._url(".csv")).text)))
        self.assertEqual({x["amount"] for x in lines}, {""})
        self.assertEqual({x["currency"] for x in lines}, {""})
