import base64
import csv
import io
from decimal import Decimal

from freezegun import freeze_time

from odoo import fields
from odoo.exceptions import UserError
from odoo.tests import tagged

from .test_price_versions import PriceCase


# the impact is that of the last month that is over: October
@freeze_time("2026-11-22 12:00:00")
@tagged("post_install", "-at_install")
class TestIndexation(PriceCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.index = cls.env["usage.index"].create(
            {
                "name": "Labour costs",
                "code": "SYNTEC",
                "value_ids": [
                    (0, 0, {"date": "2026-08-01", "value": "300"}),
                    (0, 0, {"date": "2026-10-01", "value": "312"}),
                    (0, 0, {"date": "2027-02-01", "value": "400"}),
                ],
            }
        )
        cls.clause = cls.env["usage.indexation"].create(
            {
                "subscription_id": cls.subscription.id,
                "index_id": cls.index.id,
                "base_value": "300",
                "cap_percent": "3",
                "floor_percent": "0",
                "next_date": "2027-01-01",
            }
        )
        cls._add_usage(cls.subscription, "api", 150, at="2026-10-15 12:00:00")

    def test_the_clause_proposes_a_version_with_formula_and_impact(self):
        version = self.clause._propose()
        # 312 / 300 = +4 %, not above 3 %: 10 x 1.03, tiers at 1.03 and 0.515
        self.assertEqual(self._charge(version, "fee").unit_price, Decimal("10.3"))
        self.assertEqual(
            self._charge(version, "calls").tier_ids.mapped("unit_price"),
            [Decimal("1.03"), Decimal("0.515")],
        )
        for text in ("SYNTEC", "312", "300", "4", "not above 3 %", "1.03"):
            self.assertIn(text, version.note)
        self.assertEqual(version.state, "simulated")
        # October: 10 + 100 + 25 = 135.00 becomes 139.05
        self.assertEqual(version.simulation_id.delta_amount, Decimal("4.05"))
        self.assertEqual(self.clause._propose(), version)

    def test_only_this_contract_moves_and_the_next_anniversary_is_set(self):
        other = self._create_subscription(self.plan)
        self.clause._propose().action_approve()
        self.assertEqual(self._fee_on("2026-12-01"), Decimal(10))
        self.assertEqual(self._fee_on("2027-01-01"), Decimal("10.3"))
        self.assertEqual(self._fee_on("2027-01-01", other), Decimal(10))
        self.assertEqual(self.clause.base_value, Decimal(312))
        self.assertEqual(self.clause.next_date, fields.Date.to_date("2028-01-01"))

    def test_prices_never_fall_below_the_floor(self):
        self.index.value_ids.filtered(lambda v: v.value == 312).value = "290"
        version = self.clause._propose()
        self.assertEqual(self._charge(version, "fee").unit_price, Decimal(10))
        self.assertIn("not below 0 %", version.note)

    def test_what_is_due_is_proposed_by_itself(self):
        self.clause.lead_days = 60
        self.env["usage.indexation"]._cron_propose()
        self.env["usage.indexation"]._cron_propose()
        self.assertEqual(len(self.clause.version_ids), 1)
        self.assertEqual(len(self.clause.activity_ids), 1)

    def test_a_clause_without_a_value_says_so_and_stops_nobody(self):
        self.index.value_ids.unlink()
        with self.assertRaises(UserError):
            self.clause._propose()
        self.clause.lead_days = 60
        self.env["usage.indexation"]._cron_propose()
        self.assertIn("cannot be worked out", self.clause.activity_ids.note)


@tagged("post_install", "-at_install")
class TestPriceExport(PriceCase):
    def _rows(self, day, lang="en_US"):
        wizard = (
            self.env["usage.price.export"]
            .with_context(lang=lang)
            .create({"date": day, "file_format": "csv"})
        )
        wizard.action_export()
        text = base64.b64decode(wizard.file).decode("utf-8-sig")
        rows = csv.DictReader(
            io.StringIO(text), delimiter=";" if lang == "fr_FR" else ","
        )
        return [row for row in rows if self.plan.code in row.values()]

    def test_every_price_in_force_on_a_day_is_in_the_file(self):
        self._new_version("2026-11-01", fee="20").action_approve()
        rows = self._rows("2026-10-31")
        self.assertEqual(
            [(row["Key"], row["Version"], row["Unit Price"]) for row in rows],
            [("fee", "1", "10"), ("calls", "1", ""), ("calls", "1", "")],
        )
        self.assertEqual(
            [(row["Tier: Up To"], row["Tier: Unit Price"]) for row in rows[1:]],
            [("100", "1"), ("", "0.5")],
        )
        self.assertEqual(rows[0]["Approved by"], self.env.user.name)
        self.assertEqual(self._rows("2026-11-01")[0]["Unit Price"], "20")

    def test_numbers_are_the_users(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        row = self._rows("2026-10-31", "fr_FR")
        self.assertTrue(any("0,5" in cell for cell in row[2].values() if cell))

    def test_a_name_is_never_a_formula(self):
        draft = self._new_version("2026-11-01")
        self._charge(draft, "fee").name = "=1+1"
        draft.action_approve()
        self.assertEqual(self._rows("2026-11-01")[0]["Charge"], "'=1+1")

    def test_the_spreadsheet_has_numbers(self):
        wizard = self.env["usage.price.export"].create({"date": "2026-10-31"})
        wizard.action_export()
        self.assertTrue(base64.b64decode(wizard.file).startswith(b"PK"))
        self.assertEqual(wizard.file_name, "prices_2026-10-31.xlsx")
