"""``odoo usage_verify -d DATABASE``: do the rollups equal the events?"""

import argparse
import sys

from odoo import SUPERUSER_ID, api, fields
from odoo.cli import Command
from odoo.modules.registry import Registry
from odoo.tools import config


def _moment(text):
    """Naive UTC datetime of an argument."""
    try:
        return fields.Datetime.to_datetime(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"{text} is no day such as 2026-11-01"
        ) from error


class UsageVerify(Command):
    """Add up all stored usage again and compare it with the rollups that bills use.

    Prints each difference and their number, by company. Nothing is changed, unless
    --repair is given. The exit status is 0 when there is no difference, else 1.
    """

    name = "usage_verify"

    def run(self, args):
        parser = argparse.ArgumentParser(
            prog=self.prog, description=(self.__doc__ or "").strip()
        )
        parser.add_argument("-c", "--config", help="configuration file")
        parser.add_argument("-d", "--database", required=True)
        parser.add_argument("--company", type=int, help="id of one company only")
        parser.add_argument(
            "--since",
            type=_moment,
            help="only periods with usage received since (YYYY-MM-DD, UTC)",
        )
        parser.add_argument(
            "--repair", action="store_true", help="make wrong rollups again"
        )
        options = parser.parse_args(args)
        arguments = ["-d", options.database]
        if options.config:
            arguments += ["-c", options.config]
        config.parse_config(arguments, setup_logging=True)
        found = 0
        with Registry(options.database).cursor() as cr:
            env = api.Environment(cr, SUPERUSER_ID, {})
            companies = env["res.company"].search(
                [("id", "=", options.company)] if options.company else []
            )
            if not companies:
                parser.error(f"there is no company {options.company}")
            for company in companies:
                found += self._verify(env, company, options)
        sys.exit(1 if found else 0)

    def _verify(self, env, company, options):
        verification = env["usage.verification"]._run(
            company, since=options.since, commit=True, say=self._say
        )
        self._say(
            f"{company.name}: {verification.difference_count} differences in"
            f" {verification.period_count} periods"
        )
        if verification.difference_count and options.repair:
            verification._repair()
            env.cr.commit()  # the work of a command is kept: pylint: disable=E8102
            self._say(f"{company.name}: the rollups were made again")
        return verification.difference_count

    def _say(self, text):
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
