# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo.tests import TransactionCase, tagged

from odoo.addons.usage_billing.sample import usage_file


@tagged("post_install", "-at_install")
class TestUsageSampleFile(TransactionCase):
    """The sample month is imported as a file, and every fault of it is found."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company = cls.env.company
        cls.sample = cls.env["usage.sample"]
        cls.files_before = cls._count_files()
        cls.sample._load(cls.company)

    @classmethod
    def _count_files(cls):
        return (
            cls.env["billing.delivery"].search_count([]),
            cls.env["ir.attachment"].search_count(
                [("res_model", "=", "billing.delivery")]
            ),
        )

    def test_every_row_ends_where_the_generator_says(self):
        month = usage_file.build()
        delivery = self.sample._get(self.company, "delivery.2026-10")
        self.assertEqual(delivery.state, "done")
        self.assertEqual(delivery.rows_read, month.rows)
        self.assertEqual(delivery.accepted_count, month.accepted)
        self.assertEqual(delivery.duplicate_count, month.duplicates)
        self.assertEqual(delivery.quarantined_count, month.quarantined)
        reasons = dict(
            self.env["usage.quarantine"]._read_group(
                [("batch_id", "=", delivery.batch_id.id)], ["reason_code"], ["__count"]
            )
        )
        self.assertEqual(reasons["unknown_subject"], month.unknown)
        self.assertEqual(reasons["conflict"], month.conflicts)
        # an empty cell is a missing field, whichever number or time it stands for
        self.assertEqual(
            reasons["invalid_value"]
            + reasons["invalid_time"]
            + reasons["missing_field"],
            month.bad_number + month.bad_time,
        )

    def test_loading_again_imports_nothing(self):
        delivery = self.sample._get(self.company, "delivery.2026-10")
        self.assertFalse(self.sample._load(self.company))
        self.assertEqual(self.sample._get(self.company, "delivery.2026-10"), delivery)
        self.assertEqual(delivery.resent_count, 0)

    def test_removing_takes_the_file_away_too(self):
        _deleted, kept = self.sample._remove(self.company)
        self.assertEqual(kept, [])
        self.assertEqual(self._count_files(), self.files_before)
