from decimal import Decimal
from unittest.mock import patch

import psycopg2

from odoo import Command
from odoo.tests import tagged
from odoo.tools import SQL, mute_logger

from .. import bulk
from .common import UsageCase

#: columns that two writings of the same result may not share
OWN = {
    "id",
    "run_id",
    "run_line_id",
    "rated_line_id",
    "create_date",
    "write_date",
    "write_uid",  # recomputing writes as the superuser
}


@tagged("post_install", "-at_install")
class TestBulk(UsageCase):
    """What COPY writes is what the ORM would have written."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.meter = cls._create_meter("api", dimension_keys="region")
        cls.plan = cls._create_plan(
            [
                {"name": "Fee", "model": "flat", "unit_price": "12.50"},
                {
                    "name": "Calls",
                    "model": "graduated",
                    "unit_label": "tab\there, back\\slash, line\nbreak, \\N, \\.",
                    "meter_id": cls.meter.id,
                    "group_by_dimensions": True,
                    "tier_ids": [
                        Command.create({"up_to": "10", "unit_price": "0.01"}),
                        Command.create({"unit_price": "0.0000004"}),
                    ],
                },
            ],
        )
        cls.subscription = cls._create_subscription(cls.plan)
        for region in ("fr", 'de\\"\n', None):
            dimensions = {"region": region} if region else {}
            cls._add_usage(cls.subscription, "api", 12, 5, dimensions=dimensions)

    def _compute(self):
        run = self.env["usage.billing.run"].create(
            {"cutoff_date": "2026-09-30", "is_dry_run": True}
        )
        run._start_computing()
        run._compute_slice()
        self.assertFalse(run.held_line_ids.mapped("reason"))
        self.env.flush_all()
        return run

    def _rows(self, records):
        """Stored columns of records, without those of one writing."""
        table = SQL.identifier(records._table)
        rows = self.env.execute_query_dict(
            SQL("SELECT * FROM %s WHERE id = ANY(%s) ORDER BY id", table, records.ids)
        )
        return [{name: row[name] for name in row if name not in OWN} for row in rows]

    def _by_orm(self):
        """The same run, its rated lines created by the ORM."""

        def create_rated(lines, rows):
            return lines.create(
                [
                    {
                        **{k: v for k, v in row.items() if k != "components"},
                        "component_ids": [
                            Command.create({"company_id": row["company_id"], **part})
                            for part in row["components"]
                        ],
                    }
                    for row in rows
                ]
            )

        def write_each(records, rows):
            for record, row in zip(records, rows, strict=True):
                record.write(row)

        with (
            patch.object(
                type(self.env["usage.rated.line"]), "_create_rated", create_rated
            ),
            patch.object(bulk, "update_records", write_each),
        ):
            return self._compute()

    def test_a_run_stores_what_the_orm_would_store(self):
        fast, slow = self._compute(), self._by_orm()

        self.assertGreater(len(fast.rated_line_ids), 3)
        self.assertEqual(
            self._rows(fast.rated_line_ids.sorted("id")),
            self._rows(slow.rated_line_ids.sorted("id")),
        )
        self.assertEqual(
            self._rows(fast.rated_line_ids.component_ids),
            self._rows(slow.rated_line_ids.component_ids),
        )
        self.assertEqual(self._rows(fast.line_ids), self._rows(slow.line_ids))

    def test_signs_of_the_copy_format_are_kept(self):
        run = self._compute()

        lines = run.rated_line_ids.filtered("meter_id")
        charge = self.plan.version_ids.charge_ids.filtered("meter_id")
        self.assertEqual(set(lines.mapped("unit_label")), {charge.unit_label})
        self.assertIn(
            'de\\"\n', [(line.dimensions or {}).get("region") for line in lines]
        )

    def test_collections_read_before_know_the_new_lines(self):
        run = self.env["usage.billing.run"].create(
            {"cutoff_date": "2026-09-30", "is_dry_run": True}
        )
        run._start_computing()
        line = run.line_ids
        self.assertFalse(line.rated_line_ids)
        self.assertEqual(line.amount_currency, 0)

        run._compute_slice()

        self.assertTrue(line.rated_line_ids)
        self.assertEqual(line.state, "rated")
        self.assertEqual(line.amount, sum(line.rated_line_ids.mapped("amount")))
        self.assertEqual(line.amount_currency, float(line.amount))

    def test_other_stored_fields_follow_an_update(self):
        line = self._compute().line_ids.sudo()  # no group may write one
        bulk.update_records(line, [{"amount": Decimal("3.25")}])
        self.assertEqual(line.amount_currency, 3.25)
        self.env.flush_all()
        self.assertEqual(self._rows(line)[0]["amount_currency"], Decimal("3.25"))

    def test_the_database_and_the_types_still_refuse(self):
        lines = self._compute().rated_line_ids.sudo()  # no group may create one
        component = lines.component_ids[:1]
        row = {
            "rated_line_id": component.rated_line_id.id,
            "company_id": component.company_id.id,
            "key": component.key,
        }
        with self.assertRaisesRegex(ValueError, "keeps no nonsense"):
            bulk.copy_records(component.browse(), [{**row, "nonsense": 1}])
        with self.assertRaises(ValueError):
            bulk.copy_records(component.browse(), [{**row, "amount": Decimal("NaN")}])
        with (
            self.assertRaises(psycopg2.IntegrityError),
            mute_logger("odoo.sql_db"),
            self.env.cr.savepoint(),
        ):
            bulk.copy_records(component.browse(), [row])
