# Part of Relevé. See LICENSE file for full copyright and licensing details.
import sys
import time
from pathlib import Path

import psycopg2

import odoo.init  # noqa: F401  import first for core setup
from odoo import SUPERUSER_ID, api
from odoo.cli import Command
from odoo.exceptions import LockError, UserError
from odoo.modules.registry import Registry
from odoo.tools import config

#: another process took the delivery or its slice: wait for it and look again
CONTENTION = (
    LockError,
    psycopg2.errors.SerializationFailure,
    psycopg2.errors.DeadlockDetected,
    psycopg2.errors.UniqueViolation,
)
PATIENCE_S = 600


class BillingImport(Command):
    """Import usage files, through the same code as the back office.

    Each slice of a file is committed; stopped at any moment, the same command goes on.
    Ends with status 1 when a file could not be imported.
    """

    name = "billing_import"

    def run(self, args):
        self.parser.add_argument("-d", "--database", required=True)
        self.parser.add_argument("-c", "--config", help="configuration file of Odoo")
        self.parser.add_argument("--mapping", help="name of a mapping, or a JSON file")
        self.parser.add_argument("--source", help="code of the source")
        self.parser.add_argument("--company", type=int, help="id of the company")
        self.parser.add_argument(
            "--provision",
            action="store_true",
            help="create missing customers, meters and prices by the mapping's rule",
        )
        self.parser.add_argument("--slice-rows", type=int, help="rows of a transaction")
        self.parser.add_argument("files", nargs="+")
        options = self.parser.parse_args(args)
        config.parse_config(["-c", options.config] if options.config else [])
        registry = Registry(options.database)
        is_good = True
        for name in options.files:
            with registry.cursor() as cr:
                env = api.Environment(cr, SUPERUSER_ID, {})
                try:
                    self.import_patiently(env, Path(name), options)
                except UserError as error:
                    cr.rollback()
                    print(f"{name}: {error}", file=sys.stderr)  # pylint: disable=print-used
                    is_good = False
        if not is_good:
            sys.exit(1)

    def import_patiently(self, env, path, options):
        """Import one file; where another process is at it, wait and go on after it."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                return self.import_file(env, path, options)
            except CONTENTION:
                env.cr.rollback()
                env.invalidate_all()
                if time.monotonic() > deadline:
                    raise
                time.sleep(1)

    def import_file(self, env, path, options):
        """Import one file and print its counts.

        :raise UserError: the file could not be imported
        """
        company = env.company
        if options.company:
            company = env["res.company"].search([("id", "=", options.company)])
        if not company:
            raise UserError(
                env._("There is no company %(number)s.", number=options.company)
            )
        env = env(context={**env.context, "allowed_company_ids": company.ids})
        mapping = env["billing.mapping"]._find(options.mapping, company)
        source = env["usage.source"].search(
            [("company_id", "=", company.id), ("code", "=", options.source)]
        )
        if options.source and not source:
            # ids are unique within a source: another one would bill the rows again
            raise UserError(
                env._(
                    "%(company)s has no source with the code %(code)s. Make it under "
                    "Usage Billing, Configuration, Sources, or correct the code.",
                    company=company.name,
                    code=options.source,
                )
            )
        Delivery = env["billing.delivery"]
        if options.provision:
            mapping = mapping or Delivery._mapping_for(Delivery._inspect(path), company)
            mapping._provision(path)
        delivery = Delivery._receive(path, mapping, source, company=company)
        env.cr.commit()  # pylint: disable=invalid-commit  # a command of its own: slices
        if delivery.state == "done":
            print(f"{path.name}: already imported, nothing added")  # pylint: disable=print-used
            return
        has_more = True
        while has_more:
            has_more = delivery._import_committed_slice(options.slice_rows)
            env.cr.commit()  # pylint: disable=invalid-commit  # see the committed slice
            env.invalidate_all()
            # flushed: whoever watches the command sees how far it is
            print(f"{path.name}: {self._counts(delivery)}", flush=True)  # pylint: disable=print-used
        if delivery.state == "failed":
            raise UserError(delivery.problem)

    @staticmethod
    def _counts(delivery):
        return (
            f"{delivery.rows_read} rows read = {delivery.accepted_count} accepted"
            f" + {delivery.duplicate_count} duplicate"
            f" + {delivery.quarantined_count} held"
            f" + {delivery.ignored_count} ignored"
        )
