# Part of Relevé. See LICENSE file for full copyright and licensing details.
import re
import sys

import odoo.init  # noqa: F401  import first for core setup
from odoo import SUPERUSER_ID, api
from odoo.cli import Command
from odoo.exceptions import UserError
from odoo.modules.registry import Registry
from odoo.tools import config

MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")


class UsageMonth(Command):
    """List the months of the event store, archive one, or bring one back."""

    name = "usage_month"

    def run(self, args):
        self.parser.add_argument("-d", "--database", required=True)
        self.parser.add_argument("-c", "--config", help="configuration file of Odoo")
        self.parser.add_argument("order", choices=("list", "archive", "restore"))
        self.parser.add_argument("month", nargs="?", help="such as 2026-01")
        options = self.parser.parse_args(args)
        if options.order != "list" and not MONTH.fullmatch(options.month or ""):
            self.parser.error("which month? Write it as 2026-01.")
        config.parse_config(["-c", options.config] if options.config else [])
        with Registry(options.database).cursor() as cr:
            months = api.Environment(cr, SUPERUSER_ID, {})["usage.store.month"]
            try:
                self.carry_out(months, options)
            except UserError as error:
                cr.rollback()
                print(error, file=sys.stderr)  # pylint: disable=print-used
                sys.exit(1)

    def carry_out(self, months, options):
        if options.order == "list":
            lines = [
                f"{month.name}  {month.state}  {month.event_count} events"
                f"  {month.size_mb:.1f} MB  {month.path or ''}"
                for month in months.search([])
            ]
        else:
            month = int(options.month.replace("-", ""))
            if month not in months.search([]).ids:
                raise UserError(
                    months.env._(
                        "There is no month %(month)s in the store or its archive.",
                        month=options.month,
                    )
                )
            manifest = months._move(month, f"_{options.order}")
            lines = [f"{options.month}: {manifest['events']} events {options.order}d"]
        print(*lines, sep="\n")  # pylint: disable=print-used
