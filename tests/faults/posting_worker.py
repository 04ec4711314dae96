"""One process that posts invoices beside others: ``posting_worker.py CONFIG DB IDS``.

Posts one invoice after the other, each in a transaction of its own. Every third one is
posted, thrown away and posted again, as a request does that fails after numbering, and
every fourth one inside a savepoint that is rolled back first. A line on standard output
for each posted invoice; waits for a line on standard input before it begins.
"""

import sys

import psycopg2.errors

TRIES = 20
RETRIED = (
    psycopg2.errors.SerializationFailure,
    psycopg2.errors.DeadlockDetected,
    psycopg2.errors.LockNotAvailable,
)


class Failure(Exception):
    """What a request does that ends badly."""


def post(env, move_id, turn):
    """Post one invoice the way of its turn."""
    move = env["account.move"].browse(move_id)
    if move.state == "posted":
        return
    if turn % 4 == 3:
        try:
            with env.cr.savepoint():
                move.action_post()
                raise Failure
        except Failure:
            env.invalidate_all()
    move.action_post()
    env.flush_all()


def main(config, database, ids):
    import odoo.cli  # noqa: F401  (makes the namespace package complete)
    from odoo import SUPERUSER_ID, api
    from odoo.modules.registry import Registry
    from odoo.tools import config as settings

    settings.parse_config(["-c", config, "-d", database], setup_logging=True)
    registry = Registry(database)
    print("ready", flush=True)
    sys.stdin.readline()
    for turn, move_id in enumerate(int(part) for part in ids.split(",")):
        lost = turn % 3 == 2
        for _attempt in range(TRIES):
            with registry.cursor() as cr:
                try:
                    post(api.Environment(cr, SUPERUSER_ID, {}), move_id, turn)
                    if lost:
                        lost = False
                        cr.rollback()
                        continue
                    cr.commit()
                except RETRIED:
                    cr.rollback()
                    continue
                break
        else:
            raise SystemExit("too many serialization failures")
        print("posted", flush=True)
    print("done", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
