import csv
import io
import math
from collections import defaultdict
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from odoo.tests import TransactionCase, tagged

from odoo.addons.account.tests.common import AccountTestInvoicingCommon

from ..sample import story, usage_file

MODELS = (
    "res.partner",
    "product.product",
    "usage.meter",
    "usage.plan",
    "usage.plan.version",
    "usage.charge",
    "usage.subscription",
    "usage.period",
    "usage.subject",
    "usage.source",
    "usage.batch",
    "usage.quarantine",
    "usage.billing.run",
    "usage.rated.line",
    "usage.sample",
)


@tagged("post_install", "-at_install")
class TestUsageSample(AccountTestInvoicingCommon, TransactionCase):
    """The story loads once, bills what its own file says, and goes away again."""

    @classmethod
    def get_default_groups(cls):
        groups = super().get_default_groups()
        return groups | cls.env.ref("usage_billing.group_usage_billing_system")

    @classmethod
    @AccountTestInvoicingCommon.setup_country("fr")
    def setUpClass(cls):
        super().setUpClass()
        cls.company = cls.env.company
        cls.sample = cls.env["usage.sample"].sudo()  # as the buttons do
        cls.name_before = cls.company.name
        cls.count_before = cls._count()
        cls.events_before = cls._count_events()
        cls.sample._load(cls.company)

    @classmethod
    def _count(cls):
        cls.env.flush_all()
        return {
            model: cls.env[model].with_context(active_test=False).search_count([])
            for model in MODELS
            if model in cls.env
        }

    @classmethod
    def _count_events(cls):
        """Events, identities and sums in the store."""
        cls.env.cr.execute(
            """SELECT (SELECT COUNT(*) FROM usage_store_event),
                      (SELECT COUNT(*) FROM usage_store_identity),
                      (SELECT COUNT(*) FROM usage_store_rollup)"""
        )
        return cls.env.cr.fetchone()

    def _run(self):
        run = self.env["usage.billing.run"].create(
            {
                "company_id": self.company.id,
                "cutoff_date": date(2026, 10, 31),
                "invoice_date": date(2026, 11, 2),
            }
        )
        run.action_compute()
        return run

    def test_loading_twice_makes_nothing_the_second_time(self):
        before, events = self._count(), self._count_events()
        self.assertFalse(self.sample._load(self.company))
        self.assertEqual(self._count(), before)
        self.assertEqual(self._count_events(), events)

    def test_story_stands_on_records(self):
        subscriptions = self.env["usage.subscription"].search(
            [("company_id", "=", self.company.id)]
        )
        self.assertEqual(
            set(subscriptions.mapped("code")),
            {facts.code for facts in story.SUBSCRIPTIONS},
        )
        self.assertEqual(set(subscriptions.mapped("state")), {"active"})
        studio = subscriptions.filtered(lambda sub: sub.code == "STUDIO-PROD")
        self.assertEqual(studio.reseller_id.name, story.RESELLER.name)
        charge = studio.plan_id.version_ids.charge_ids.filtered(
            lambda charge: charge.key == "compute"
        )
        self.assertEqual(
            [tier.unit_price for tier in charge.tier_ids],
            [Decimal(tier.unit_price) for tier in story.COMPUTE_TIERS],
        )
        self.assertTrue(charge.product_id.taxes_id)

    def test_real_company_keeps_its_identity(self):
        self.company.write({"name": "Mine", "vat": False, "street": "1 rue Vraie"})
        self.sample._load_settings(self.company)
        self.assertEqual(self.company.name, "Mine")
        self.assertEqual(self.company.street, "1 rue Vraie")

    def test_month_is_billed_as_an_independent_sum_says(self):
        run = self._run()
        self.assertEqual(run.state, "review")
        self.assertFalse(run.line_ids.filtered(lambda line: line.state == "held"))
        expected = _price_month(usage_file.build(faults=False).content)
        got = {line.subscription_id.code: line.amount for line in run.line_ids}
        self.assertEqual(got, expected)

    def test_removing_leaves_no_trace_while_nothing_is_posted(self):
        self.assertGreater(self._count_events(), self.events_before)
        run = self._run()
        self.assertTrue(run.rated_line_ids)
        _deleted, kept = self.sample._remove(self.company)
        self.assertEqual(kept, [])
        self.assertEqual(self._count(), self.count_before)
        self.assertEqual(self._count_events(), self.events_before)
        self.assertEqual(self.company.name, self.name_before)
        self.assertFalse(self.sample._is_loaded(self.company))

    def test_removing_keeps_what_is_posted(self):
        run = self._run()
        run.action_approve()
        run.action_post()
        moves = run.move_ids
        totals = {move: (move.name, move.amount_total) for move in moves}
        self.assertTrue(totals)
        _deleted, kept = self.sample._remove(self.company)
        self.assertTrue(kept)
        for move, figures in totals.items():
            self.assertEqual((move.name, move.amount_total), figures)
            self.assertEqual(move.state, "posted")
            self.assertTrue(move.usage_rated_line_ids)
        self.assertFalse(moves.partner_id.filtered("active"))


def _price_month(content):
    """What each subscription owes, from the file and the story alone.

    Written without the rating core: csv, Decimal and the price list in words.
    """
    text = io.StringIO(content.decode(usage_file.ENCODING), newline="")
    sums, peaks, counts = defaultdict(Decimal), defaultdict(Decimal), defaultdict(int)
    for row in csv.DictReader(text, delimiter=usage_file.DELIMITER):
        key = row["project"], row["metric"]
        value = Decimal(row["quantity"].replace(",", "."))
        sums[key] += value
        peaks[key] = max(peaks[key], value)
        counts[key] += 1
    bill = {}
    for subscription in story.SUBSCRIPTIONS:
        subject = subscription.subject
        is_asso = subscription.plan == "CLOUD-ASSO"
        vcpu = sums[subject, "compute.vcpu_hours"]
        calls = sums[subject, "api.calls"] - 500_000
        egress = sums[subject, "network.egress_gb"] - (50 if is_asso else 200)
        packages = max(0, math.ceil(calls / 100_000))
        parts = [
            Decimal("9.90") if is_asso else Decimal(89),
            min(vcpu, Decimal(5000)) * Decimal("0.0245")
            + max(Decimal(0), min(vcpu, Decimal(20000)) - 5000) * Decimal("0.0210")
            + max(Decimal(0), vcpu - 20000) * Decimal("0.0175"),
            sums[subject, "storage.block_gb_hours"] * Decimal("0.000137"),
            peaks[subject, "storage.object_gb"] * Decimal("0.0119"),
            packages * Decimal("0.35"),
            max(Decimal(0), egress) * Decimal("0.045"),
            counts[subject, "storage.snapshot"] * Decimal("0.08"),
        ]
        bill[subscription.code] = sum(
            part.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP) for part in parts
        )
    return bill
