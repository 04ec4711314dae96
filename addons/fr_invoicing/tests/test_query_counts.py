# Part of Relevé. See LICENSE file for full copyright and licensing details.
from datetime import date

from freezegun import freeze_time

from odoo import Command
from odoo.tests import tagged

from .test_ereporting import TODAY, EreportingCommon

# Odoo looks for the last number of each invoice it posts: three queries
NUMBERING = 3


@freeze_time(TODAY)
@tagged("post_install", "-at_install")
class TestQueryCounts(EreportingCommon):
    """What is done for many documents takes no query for each of them."""

    def _make(self, count):
        return self.env["account.move"].create(
            [
                {
                    "move_type": "out_invoice",
                    "partner_id": self.person.id,
                    "invoice_date": date(2026, 10, 2),
                    "invoice_line_ids": [
                        Command.create(self._line()),
                        Command.create(self._line(product=self.good)),
                    ],
                }
                for _number in range(count)
            ]
        )

    def _count(self, function):
        """Give how many queries a call takes when nothing is cached."""
        self.env.flush_all()
        self.env.invalidate_all()
        before = self.env.cr.sql_log_count
        function()
        self.env.flush_all()
        return self.env.cr.sql_log_count - before

    def _count_collecting(self, count):
        moves = self._make(count)
        moves.action_post()
        for move in moves:
            self._pay(move, date(2026, 10, 12))
        return self._count(self._collect)

    def test_collecting_sales_and_their_payments(self):
        self._count_collecting(1)  # settings and caches of the registry
        few, many = self._count_collecting(3), self._count_collecting(12)
        self.assertEqual(many, few)
        period = self._period("payment", date(2026, 10, 12))
        self.assertEqual(period.operation_count, 16)

    def test_posting(self):
        self._count(self._make(1).action_post)
        few = self._count(self._make(3).action_post)
        many = self._count(self._make(12).action_post)
        self.assertEqual(many - few, 9 * NUMBERING)
