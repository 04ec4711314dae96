# Part of Relevé. See LICENSE file for full copyright and licensing details.
import csv
import gzip
import json
import os
from datetime import date
from decimal import Decimal
from pathlib import Path

from odoo.tests import TransactionCase

from odoo.addons.account.tests.common import AccountTestInvoicingCommon

ROOT = Path(__file__).resolve().parents[3]

MAPPING = {
    "format": "csv",
    "name": "Test export",
    "match": ["id", "project", "time", "metric", "quantity"],
    "time_zone": "UTC",
    "source": {"code": "test_files", "name": "Test files"},
    "identity": {"mode": "columns", "parts": ["id"]},
    "fields": {
        "type": "metric",
        "subject": "project",
        "time": "time",
        "value": "quantity",
    },
    "dimensions": {"region": "region"},
    "ignore": [{"name": "internal", "column": "region", "equals": ["internal"]}],
    "provision": {"prices": "unit_prices", "default_unit_price": "0.5"},
}
HEADER = "id,project,time,metric,quantity,region\n"
CPU = "e{n},alpha,2026-09-{day:02d}T10:00:00Z,cpu,{quantity},eu\n"


class ConnectorCase(TransactionCase):
    """A French company with one active subscription that owns the subject "alpha"."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env = cls.env(context={**cls.env.context, "tracking_disable": True})
        cls.company = cls.env.company
        cls.Delivery = cls.env["billing.delivery"]
        cls.mapping = cls._create_mapping()
        cls.source = cls.mapping._get_source()
        cls.meter = cls.env["usage.meter"].create(
            {"name": "CPU", "code": "t_cpu", "event_type": "cpu", "aggregation": "sum"}
        )
        cls.partner = cls.env["res.partner"].create(
            {"name": "Fictive Alpha", "is_company": True}
        )
        cls.product = cls.env["product.product"].create(
            {"name": "Usage", "type": "service"}
        )
        cls.plan = cls.env["usage.plan"].create({"name": "Test", "code": "T-PLAN"})
        version = cls.env["usage.plan.version"].create(
            {
                "plan_id": cls.plan.id,
                "valid_from": date(2020, 1, 1),
                "charge_ids": [
                    (
                        0,
                        0,
                        {
                            "name": "CPU",
                            "model": "per_unit",
                            "meter_id": cls.meter.id,
                            "unit_price": Decimal("0.5"),
                            "product_id": cls.product.id,
                        },
                    )
                ],
            }
        )
        version.sudo().action_approve()
        cls.subscription = cls.env["usage.subscription"].create(
            {
                "partner_id": cls.partner.id,
                "plan_id": cls.plan.id,
                "date_start": date(2026, 1, 1),
                "tz": "Europe/Paris",
            }
        )
        cls.subscription.action_activate()
        cls.env["usage.subject"].create(
            {"subject": "alpha", "subscription_id": cls.subscription.id}
        )

    @classmethod
    def _create_mapping(cls, company=None, **changes):
        definition = json.dumps({**MAPPING, **changes})
        return cls.env["billing.mapping"].create(
            {
                "name": changes.get("name", MAPPING["name"]),
                "definition": definition,
                "company_id": (company or cls.env.company).id,
            }
        )

    @classmethod
    def _rows(cls, numbers, quantity="1"):
        return "".join(
            CPU.format(n=n, day=1 + n % 28, quantity=quantity) for n in numbers
        )

    @classmethod
    def _import(cls, text, name="usage.csv", mapping=None, **options):
        raw = (HEADER + text).encode() if isinstance(text, str) else text
        return cls.Delivery._import_file(
            raw, mapping or cls.mapping, name=name, **options
        )

    @classmethod
    def _new_user(cls, login, group, company=None):
        company = company or cls.env.company
        return cls.env["res.users"].create(
            {
                "name": login,
                "login": login,
                "company_id": company.id,
                "company_ids": [(6, 0, company.ids)],
                "group_ids": [
                    (4, cls.env.ref(f"usage_billing.group_usage_billing_{group}").id)
                ],
            }
        )

    def assertCounts(self, delivery, accepted=0, duplicate=0, held=0, ignored=0):
        """The delivery's counts, and that they add up to the rows read."""
        found = (
            delivery.accepted_count,
            delivery.duplicate_count,
            delivery.quarantined_count,
            delivery.ignored_count,
        )
        self.assertEqual(found, (accepted, duplicate, held, ignored))
        self.assertEqual(delivery.rows_read, sum(found))


class SharedFilesCase(AccountTestInvoicingCommon):
    """Helpers for the public usage files, which are not part of the project.

    RELEVE_SHARED or ../shared names their place; absent, a test says so and is skipped,
    and fails in CI.
    """

    @classmethod
    @AccountTestInvoicingCommon.setup_country("fr")
    def setUpClass(cls):
        super().setUpClass()
        groups = cls.env.ref("usage_billing.group_usage_billing_system")
        cls.env.user.group_ids |= groups
        # Customers made by rule have no SIREN yet; beside fr_invoicing their invoices
        # would be held until it is filled in.
        company = cls.company_data["company"]
        if "fr_check_on_post" in company._fields:
            company.fr_check_on_post = False

    def shared(self, name):
        base = Path(os.environ.get("RELEVE_SHARED") or ROOT.parent / "shared")
        path = base / "data" / "usage" / name
        if not path.exists():
            message = f"{path} is absent: set RELEVE_SHARED to the shared folder"
            if os.environ.get("CI"):
                self.fail(message)
            self.skipTest(message)
        return path

    @staticmethod
    def csv_rows(path):
        """An independent reading: the csv module alone."""
        opener = gzip.open if path.suffix == ".gz" else open
        with opener(path, "rt", encoding="utf-8-sig", newline="") as stream:
            yield from csv.DictReader(stream)
