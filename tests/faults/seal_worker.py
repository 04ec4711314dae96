"""One poster of a race: ``seal_worker.py CONFIG DATABASE JOURNAL COUNT [unlinked]``.

Posts invoices one transaction each. With ``unlinked`` it dies after the last commit,
before the facts get their links.
"""

import os
import sys

import psycopg2.errors

TRIES = 20
CONFLICTS = (
    psycopg2.errors.SerializationFailure,
    psycopg2.errors.DeadlockDetected,
    psycopg2.errors.LockNotAvailable,
    psycopg2.errors.UniqueViolation,
)


def main(config, database, journal, count, mode="linked"):
    import odoo.cli  # noqa: F401  (makes the namespace package complete)
    from odoo import SUPERUSER_ID, api
    from odoo.modules.registry import Registry
    from odoo.tools import config as settings

    settings.parse_config(["-c", config, "-d", database], setup_logging=True)
    registry = Registry(database)
    print("ready", flush=True)
    sys.stdin.readline()
    for _number in range(int(count)):
        for attempt in range(TRIES):
            try:
                with registry.cursor() as cr:
                    env = api.Environment(cr, SUPERUSER_ID, {})
                    move = env["account.move"].search(
                        [("state", "=", "draft"), ("journal_id.code", "=", journal)],
                        limit=1,
                        order="id",
                    )
                    move.action_post()
                    if mode == "unlinked":
                        cr.postcommit.clear()
                break
            except CONFLICTS:
                if attempt == TRIES - 1:
                    raise
    print("done", flush=True)
    if mode == "unlinked":
        os._exit(9)


if __name__ == "__main__":
    main(*sys.argv[1:])
