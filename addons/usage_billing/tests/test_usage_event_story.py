"""Every event tells what became of it, on one page, and lists of events stay quick."""

from datetime import date, datetime, timedelta
from decimal import Decimal

from odoo import Command
from odoo.fields import Domain
from odoo.tests import HttpCase, new_test_user, tagged

from ..metering import EventRow
from .common import UsageCase
from .test_usage_inbox import InboxCase
from .test_usage_store import event


@tagged("post_install", "-at_install")
class TestEventStory(UsageCase, HttpCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.meter = cls._create_meter("cpu", customer_keys="resource")
        cls.plan = cls._create_plan(
            [
                {
                    "name": "CPU",
                    "model": "per_unit",
                    "meter_id": cls.meter.id,
                    "unit_price": "0.50",
                }
            ]
        )
        cls.subscription = cls._create_subscription(cls.plan, tz="Europe/Paris")
        cls.subject = cls.subscription.subject_ids.subject

    def _events(self, **kw):
        domain = [(name, "=", value) for name, value in kw.items()]
        return self.env["usage.event"].search(domain)

    def _titles(self, record):
        Story = self.env["usage.event.story"]
        steps = (
            Story._get_event_steps(record)
            if record._name == "usage.event"
            else Story._get_held_steps(record)
        )
        return [step.title for step in steps]

    def test_from_the_delivery_to_the_paid_invoice(self):
        self._add_usage(self.subscription, "cpu", 5)
        stored = self._events(subject=self.subject)
        self.assertEqual(
            self._titles(stored), ["Received", "Matched", "Measured", "Not rated yet"]
        )
        self._bill()
        stored.invalidate_recordset()
        self.assertEqual(
            self._titles(stored),
            ["Received", "Matched", "Measured", "Rated", "Invoiced"],
        )
        html = stored.story_html
        self.assertIn("2.50", html)
        move = (
            self.env["usage.rated.line"]
            .search([("subscription_id", "=", self.subscription.id)])
            .move_id
        )
        self.assertIn(move.name, html)
        self.assertIn(f"/odoo/account.move/{move.id}", html)

    def test_what_it_costs_is_told_in_the_language_of_the_reader(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        meter = self._create_meter("calls", unit_label="call")
        charge = {"name": "Calls", "model": "per_unit", "meter_id": meter.id}
        plan = self._create_plan([{**charge, "unit_price": "1"}], approve=False)
        french = plan.version_ids.charge_ids.with_context(lang="fr_FR")
        french.unit_label = "appel"
        plan.version_ids.sudo().action_approve()
        subscription = self._create_subscription(plan, tz="Europe/Paris")
        self._add_usage(subscription, "calls", *([5] * 1200))
        self._bill()
        stored = self._events(subject=subscription.subject_ids.subject)[:1]
        stored = stored.with_context(lang="fr_FR")
        steps = self.env["usage.event.story"].with_context(lang="fr_FR")
        rated = next(
            step
            for step in steps._get_event_steps(stored)
            if step.icon == "fa-calculator"
        )
        self.assertIn("6\u202f000 appels", rated.lines[0])
        self.assertNotIn("call", rated.lines[0])
        self.assertIn("1\u202f200", rated.lines[0])

    def test_what_came_after_the_invoice_says_so(self):
        self._add_usage(self.subscription, "cpu", 5)
        self._bill()
        self._add_usage(self.subscription, "cpu", 7)
        late = self._events(subject=self.subject).filtered(
            lambda item: item.value == Decimal(7)
        )
        self.env.cr.execute(
            "UPDATE usage_batch SET received_at = received_at + interval '1 hour'"
            " WHERE id = %s",
            [late.batch_id.id],
        )
        self.env.invalidate_all()
        self.assertEqual(self._titles(late)[-1], "Came after the invoice")

    def test_a_filter_that_leaves_it_out_is_named(self):
        self.env["usage.meter"].create(
            {
                "name": "Disk in Lyon",
                "code": "disk",
                "event_type": "disk",
                "filter_ids": [Command.create({"key": "region", "value": "lyon"})],
            }
        )
        self._add_usage(self.subscription, "disk", 5, dimensions={"region": "paris"})
        stored = self._events(type="disk")
        self.assertEqual(self._titles(stored)[-1], "Not measured")
        self.assertIn("region = lyon", stored.story_html)

    def test_a_subscription_without_a_price_for_it_says_so(self):
        self._create_meter("gpu")
        self._add_usage(self.subscription, "gpu", 5)
        self.assertEqual(self._titles(self._events(type="gpu"))[-1], "Costs nothing")

    def _correct(self, stored, **amended):
        """Void or amend an event an hour after all that happened until now."""
        action = stored.action_amend() if amended else stored.action_void()
        correction = self.env["usage.correction"].browse(action["res_id"])
        correction.write({"reason": "Probe was wrong", **amended})
        correction.action_check()
        correction.action_apply()
        self.env.flush_all()
        for table in ("usage_store_correction", "usage_batch"):
            self.env.cr.execute(
                f"UPDATE {table} SET received_at = received_at + interval '1 hour'"
                f" WHERE {'id' if table == 'usage_batch' else 'batch_id'} = ANY(%s)",
                [correction.batch_ids.ids],
            )
        self.env.invalidate_all()
        return self.env["usage.event"].search(
            [("batch_id", "in", correction.batch_ids.ids)]
        )

    def test_a_void_before_the_bill_is_told_on_both_sides(self):
        self._add_usage(self.subscription, "cpu", 5)
        stored = self._events(subject=self.subject)
        void = self._correct(stored)
        self.assertEqual(self._titles(stored), ["Received", "Matched", "It was voided"])
        self.assertEqual(self._titles(void), ["Received", "It is a void"])
        for html in (stored.story_html, void.story_html):
            self.assertIn("Reason: Probe was wrong.", html)
        self.assertIn(f"/odoo/usage.event/{stored.id}", void.story_html)
        self.assertIn(f"/odoo/usage.event/{void.id}", stored.story_html)

    def test_a_void_after_the_bill_tells_the_bill_and_the_difference(self):
        self._add_usage(self.subscription, "cpu", 5, 3)
        stored = self._events(subject=self.subject).filtered(lambda e: e.value == 5)
        self._bill()
        self._correct(stored)
        told = ["Received", "Matched", "Rated", "Invoiced", "It was voided"]
        self.assertEqual(self._titles(stored), [*told, "Difference not billed yet"])
        self._bill()
        delta = self.env["usage.rated.line"].search(
            [("subscription_id", "=", self.subscription.id), ("revision", ">", 0)]
        )
        self.assertTrue(delta)
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE usage_rated_line SET create_date = create_date + interval '2 hours'"
            " WHERE id = ANY(%s)",
            [delta.ids],
        )
        self.env.invalidate_all()
        self.assertEqual(self._titles(stored), [*told, "Difference billed"])
        self.assertIn(f"/odoo/account.move/{delta.move_id.id}", stored.story_html)

    def test_an_amendment_is_told_on_both_sides(self):
        self._add_usage(self.subscription, "cpu", 5)
        stored = self._events(subject=self.subject)
        amendment = self._correct(stored, amended_value="4")
        self.assertEqual(
            self._titles(stored), ["Received", "Matched", "It was amended"]
        )
        self.assertEqual(
            self._titles(amendment),
            ["Received", "It is an amendment", "Matched", "Measured", "Not rated yet"],
        )
        self.assertIn(f"/odoo/usage.event/{stored.id}", amendment.story_html)
        self.assertIn("4 cpu", amendment.story_html)

    def test_an_event_of_a_replaced_delivery_says_so(self):
        self._add_usage(self.subscription, "cpu", 5)
        stored = self._events(subject=self.subject)
        self._add_usage(self.subscription, "cpu", 6)
        newer = self._events(subject=self.subject) - stored
        stored.batch_id.sudo().write(
            {"state": "superseded", "superseded_by_id": newer.batch_id.id}
        )
        self.assertEqual(
            self._titles(stored), ["Received", "Matched", "It was replaced"]
        )
        self.assertIn(newer.batch_id.name, stored.story_html)

    def test_texts_of_a_source_are_inert(self):
        evil = "<img src=x onerror=alert(1)>"
        self.env["usage.subject"].create(
            {"subject": evil, "subscription_id": self.subscription.id}
        )
        self._add_usage(self.subscription, "cpu", 1)  # makes the source
        source = self.env["usage.source"].search([("code", "=", "test")])
        batch = (
            self.env["usage.batch"]
            .sudo()  # a batch is made by an import, not by a user
            .create({"name": evil, "source_id": source.id, "file_name": evil})
        )
        batch._append([EventRow(evil, "cpu", evil, datetime(2026, 9, 15), Decimal(1))])
        stored = self._events(event_id=evil)
        self.assertNotIn("<img", stored.story_html)
        finder = self.env["usage.event.find"].create({"event_id": evil})
        self.assertNotIn("<img", finder.result_html)

    # ------------------------------------------------------------------
    # portal
    # ------------------------------------------------------------------
    def test_the_customer_reads_its_own_part(self):
        self._add_usage(
            self.subscription,
            "cpu",
            5,
            properties={"resource": "vm-1", "supplier": "secret"},
        )
        self._bill()
        for login, groups in (
            ("story-owner", ""),
            ("story-usage", "usage_billing.group_usage_billing_portal_usage"),
        ):
            new_test_user(
                self.env,
                login=login,
                groups=f"base.group_portal,{groups}".strip(","),
                partner_id=self.env["res.partner"]
                .create({"name": login, "parent_id": self.subscription.partner_id.id})
                .id,
            )
        new_test_user(self.env, login="story-stranger", groups="base.group_portal")
        period = self.subscription.period_ids.filtered(
            lambda item: item.local_start == date(2026, 9, 1)
        )
        url = (
            f"/my/usage/{self.subscription.id}/events?period={period.id}"
            f"&meter={self.meter.id}"
        )
        self.authenticate("story-owner", "story-owner")
        page = self.url_open(url).text
        [link] = {
            part.split('"')[0].replace("&amp;", "&")
            for part in page.split('href="')[1:]
            if "/event?" in part.split('"')[0]
        }
        story = self.url_open(link).text
        for text in ("vm-1", "Invoiced", "2.50", "INV/"):
            self.assertIn(text, story)
        for text in ("secret", "Batch", "/odoo/"):
            self.assertNotIn(text, story.partition("o_usage_story")[2])
        self.assertEqual(self.url_open(link + "1").status_code, 404)
        self.authenticate("story-usage", "story-usage")
        story = self.url_open(link).text
        self.assertNotIn("2.50", story)
        self.assertNotIn("INV/", story)
        self.authenticate("story-stranger", "story-stranger")
        self.assertEqual(self.url_open(link).status_code, 404)


@tagged("post_install", "-at_install")
class TestEventLists(InboxCase):
    def test_a_row_that_waited_tells_the_wait(self):
        self._send([event(1, subject="garden_site"), event(2, subject="xyzzy")])
        waiting = self.env["usage.quarantine"].search([("subject", "=", "xyzzy")])
        self.assertIn("Waits in the quarantine", waiting.story_html)
        self._inbox("unknown_subject", "garden_site").action_accept()
        row = self.env["usage.quarantine"].search([("subject", "=", "garden_site")])
        stored = self.env["usage.event"].search([("subject", "=", "garden_site")])
        for record in (row, stored):
            self.assertIn("Waited in the quarantine", record.story_html)
            self.assertIn(self.manager.name, record.story_html)
        waiting._set_ignored("test account")
        self.assertIn("test account", waiting.story_html)

    def test_an_event_is_found_by_its_id_wherever_it_is(self):
        self._send([event(1), event(2, subject="xyzzy")])
        finder = self.env["usage.event.find"].with_user(self.manager)
        stored = self.env["usage.event"].search([("event_id", "=", "e1")])
        action = finder.create({"event_id": " e1 "}).action_find()
        self.assertEqual(
            (action["res_model"], action["res_id"]), ("usage.event", stored.id)
        )
        action = finder.create({"event_id": "e2"}).action_find()
        self.assertEqual(action["res_model"], "usage.quarantine")
        nothing = finder.create({"event_id": "e3"})
        self.assertEqual(nothing.action_find()["res_model"], "usage.event.find")
        self.assertIn("No event with this id", nothing.result_html)

    def test_pages_are_the_same_as_without_narrowing(self):
        start = datetime(2026, 9, 1)
        self._send(
            [event(n, at=start + timedelta(minutes=n**2 % 40_000)) for n in range(300)]
        )
        Event = self.env["usage.event"]
        everything = Event.search([], order="time desc, id desc, event_id")
        self.assertEqual(len(everything), 300)
        for offset, limit in ((0, 1), (0, 80), (80, 80), (250, 80), (299, 5)):
            with self.subTest(offset=offset):
                page = Event.search([], offset=offset, limit=limit)
                self.assertEqual(page.ids, everything.ids[offset : offset + limit])
        early = [("time", "<", "2026-09-05 00:00:00")]
        self.assertEqual(
            Event.search(early, limit=10).ids,
            Event.search(early, order="time desc, id desc, event_id").ids[:10],
        )
        self.assertFalse(Event.search([("time", "<", "2020-01-01")], limit=10))
        self.assertEqual(
            Event.search([("event_id", "in", ["e7", "zz"])]).event_id, "e7"
        )

    def test_a_page_reads_the_newest_minutes_only(self):
        start = datetime(2026, 9, 1)
        self._send([event(n, at=start + timedelta(minutes=n)) for n in range(500)])
        Event = self.env["usage.event"]
        since = Event._find_since(Event._use_keys(Domain([])), 80)
        self.assertGreater(since, start + timedelta(minutes=300))
        found = Event.search([("time", "<", "2026-09-01 02:00:00")], limit=5)
        self.assertEqual(
            found.mapped("event_id"), ["e119", "e118", "e117", "e116", "e115"]
        )
