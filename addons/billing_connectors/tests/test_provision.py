# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""From a public usage file to posted invoices, against csv + Decimal alone."""

from collections import defaultdict
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from odoo.exceptions import UserError
from odoo.tests import tagged

from ..bridge import read_definition, write_definition
from .common import HEADER, ConnectorCase, SharedFilesCase

CENT = Decimal("0.01")


def cents(amount):
    return amount.quantize(CENT, rounding=ROUND_HALF_UP)


@tagged("post_install", "-at_install")
class TestProvisionOfPublicFiles(SharedFilesCase):
    def _bill(self, name, accepted, duplicate=0, ignored=0):
        """Provision, import and bill a file; return posted untaxed total by customer.

        Credit notes count negative, as the ledger has them.
        """
        path = self.shared(name)
        Delivery = self.env["billing.delivery"]
        content = Delivery._inspect(path)
        mapping = Delivery._mapping_for(content, self.env.company)
        provision = mapping._provision(path)
        delivery = Delivery._import_file(path, mapping)
        self.assertEqual(delivery.state, "done", delivery.problem)
        counts = (
            delivery.accepted_count,
            delivery.duplicate_count,
            delivery.quarantined_count,
            delivery.ignored_count,
        )
        self.assertEqual(counts, (accepted, duplicate, 0, ignored))
        self.assertEqual(delivery.rows_read, accepted + duplicate + ignored)
        run = self.env["usage.billing.run"].create(
            {
                "cutoff_date": provision.cutoff_date,
                "subscription_ids": [(6, 0, provision.subscriptions.ids)],
            }
        )
        run.action_compute()
        self.assertFalse(run.line_ids.filtered(lambda line: line.state == "held"))
        run.action_approve()
        run.action_post()
        held = run.line_ids.filtered(lambda line: line.state == "held")
        self.assertFalse(held, held.mapped("reason"))
        self.assertEqual(run.state, "posted")
        self.assertEqual(set(run.move_ids.mapped("state")) - {"posted"}, set())
        totals = {}
        for move in run.move_ids:
            self.assertNotIn(move.partner_id.ref, totals, "one invoice for each payer")
            sign = -1 if move.move_type == "out_refund" else 1
            totals[move.partner_id.ref] = sign * Decimal(str(move.amount_untaxed))
        return totals, run

    def _expected_costs(self, name, customer, cost):
        """Sum of the costs by customer, rounded once; customers who owe nothing out."""
        exact = defaultdict(Decimal)
        for row in self.csv_rows(self.shared(name)):
            if row.get("lineItem/LineItemType") != "Tax":
                exact[row[customer]] += Decimal(row[cost])
        return {key: cents(total) for key, total in exact.items() if cents(total)}

    def test_focus_costs_are_invoiced_to_the_cent(self):
        name = "focus_1_0/focus_1_0_sample.csv"
        totals, run = self._bill(name, accepted=500)
        self.assertEqual(
            totals, self._expected_costs(name, "SubAccountId", "BilledCost")
        )
        self.assertEqual(run.move_ids.currency_id.name, "USD")
        refund = run.move_ids.filtered(lambda move: move.move_type == "out_refund")
        self.assertEqual(
            refund.partner_id.ref,
            "/subscriptions/64e355d7-997c-491d-b0c1-8414dccfcf42",
        )

    def test_aws_costs_without_the_supplier_s_tax(self):
        name = "aws_cur/20231101-20231201/cur-00001.csv.gz"
        totals, _run = self._bill(name, accepted=640, ignored=7)
        expected = self._expected_costs(
            name, "lineItem/UsageAccountId", "lineItem/UnblendedCost"
        )
        self.assertEqual(totals, expected)

    def test_azure_export_with_older_columns(self):
        name = "azure_ea_actual.csv"
        totals, _run = self._bill(name, accepted=11)
        self.assertEqual(totals, self._expected_costs(name, "SubscriptionId", "Cost"))

    def test_azure_export_with_newer_columns(self):
        name = "azure_ea_newer_columns.csv"
        totals, run = self._bill(name, accepted=27)
        self.assertEqual(
            totals,
            self._expected_costs(name, "SubscriptionId", "CostInBillingCurrency"),
        )
        self.assertEqual(run.move_ids.currency_id.name, "CAD")

    def test_tokens_of_six_customers(self):
        for number, rows in enumerate((1470, 1470, 1470, 1470, 1470, 1469), 1):
            name = f"llm_code/llm_code_{number:06d}.csv"
            totals, _run = self._bill(name, accepted=rows)
            read = written = Decimal(0)
            for row in self.csv_rows(self.shared(name)):
                read += Decimal(row["ContextTokens"])
                written += Decimal(row["GeneratedTokens"])
            # one line for each meter, rounded once each
            expected = cents(read * Decimal("0.0000025")) + cents(
                written * Decimal("0.00001")
            )
            self.assertEqual(totals, {f"llm_code_{number:06d}": expected})

    def _expected_energy(self, name):
        """Price of each month's energy, an interval counted once."""
        months, seen = defaultdict(Decimal), set()
        for row in self.csv_rows(self.shared(name)):
            if row["start"] not in seen:
                seen.add(row["start"])
                months[row["start"][:7]] += Decimal(row["value"])
        return sum(cents(energy * Decimal("0.2016")) for energy in months.values())

    def test_meter_readings_with_a_zone(self):
        name = "smart_meter/uk-electricity-hdd-only-hourly-sample-0.csv.gz"
        totals, _run = self._bill(name, accepted=23508)
        key = "uk-electricity-hdd-only-hourly-sample-0"
        self.assertEqual(totals, {key: self._expected_energy(name)})

    def test_repeated_meter_readings_are_billed_once(self):
        name = "smart_meter/uk-electricity-hdd-only-hourly-sample-1.csv.gz"
        totals, _run = self._bill(name, accepted=22521, duplicate=15)
        key = "uk-electricity-hdd-only-hourly-sample-1"
        self.assertEqual(totals, {key: self._expected_energy(name)})


@tagged("post_install", "-at_install")
class TestProvision(ConnectorCase):
    TEXT = HEADER + (
        "a,p-one,2026-08-30T10:00:00Z,gpu,2,eu\n"
        "b,p-one,2026-09-30T10:00:00Z,cpu,1,eu\n"
        "c,p-two,2026-09-02T10:00:00Z,cpu,1,eu\n"
    )

    def _provision(self, mapping=None, text=None):
        raw = (text or self.TEXT).encode()
        return (mapping or self.mapping)._provision(raw, "usage.csv")

    def test_what_is_missing_is_created_by_rule(self):
        found = self._provision()
        self.assertEqual(found.cutoff_date, date(2026, 9, 30))
        starts = {sub.partner_id.ref: sub.date_start for sub in found.subscriptions}
        self.assertEqual(starts, {"p-one": date(2026, 8, 1), "p-two": date(2026, 9, 1)})
        self.assertEqual(set(found.subscriptions.mapped("state")), {"active"})
        charges = found.plan._get_version_at(date.max).charge_ids
        self.assertEqual(
            {charge.meter_id.event_type: charge.unit_price for charge in charges},
            {"cpu": Decimal("0.5"), "gpu": Decimal("0.5")},
        )
        delivery = self._import(self.TEXT.partition("\n")[2])
        self.assertCounts(delivery, accepted=3)

    def test_running_again_creates_nothing(self):
        first = self._provision()
        again = self._provision()
        self.assertEqual(again.created, {})
        self.assertEqual(again.subscriptions, first.subscriptions)

    def test_new_kind_of_usage_is_priced_by_a_new_version(self):
        first = self._provision()
        before = first.plan._get_version_at(date.max)
        more = self._provision(text=self.TEXT + "d,p-two,2026-09-02,disk,1,eu\n")
        after = more.plan._get_version_at(date.max)
        self.assertNotEqual(after, before)
        self.assertEqual(len(before.charge_ids), 2)
        self.assertEqual(
            set(after.charge_ids.meter_id.mapped("event_type")), {"cpu", "gpu", "disk"}
        )

    def test_unknown_currency_is_refused(self):
        data = read_definition(self.mapping.definition)
        data["provision"]["currency"] = "ZZZ"
        self.mapping.definition = write_definition(data)
        with self.assertRaises(UserError):
            self._provision()

    def test_mapping_without_rule_says_so(self):
        mapping = self._create_mapping(name="No rule", provision={})
        with self.assertRaises(UserError) as caught:
            self._provision(mapping)
        self.assertIn("provision.prices", str(caught.exception))

    def test_prices_need_an_approver(self):
        manager = self._new_user("provision_manager", "manager")
        with self.assertRaises(UserError):
            self._provision(self.mapping.with_user(manager))
