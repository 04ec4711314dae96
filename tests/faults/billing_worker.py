"""One process of a billing race: ``billing_worker.py CONFIG DATABASE COMMAND ...``.

Says where it is on standard output and goes on when a line comes in, so that the test
decides who does what at the same time. Commits where the job engine would: after each
slice. Like the job engine it tries a slice again after a serialization failure.
"""

import sys

import psycopg2.errors

TRIES = 5


def say(word):
    print(word, flush=True)


def wait():
    sys.stdin.readline()


class Worker:
    """A user of the approver group at work on one database."""

    def __init__(self, config, database):
        import odoo.cli  # noqa: F401  (makes the namespace package complete)
        from odoo.modules.registry import Registry
        from odoo.tools import config as settings

        settings.parse_config(["-c", config, "-d", database], setup_logging=True)
        self.registry = Registry(database)

    def transaction(self, work, *, meet=False):
        """Do work in a transaction of its own, again if the database asks for it.

        meet: take the snapshot, say so, and wait for the others first
        """
        from odoo import SUPERUSER_ID, api

        for attempt in range(TRIES):
            with self.registry.cursor() as cr:
                cr.execute("SELECT 1")  # the snapshot of REPEATABLE READ
                if meet and not attempt:
                    say("ready")
                    wait()
                try:
                    result = work(api.Environment(cr, SUPERUSER_ID, {}))
                    cr.commit()
                except (
                    psycopg2.errors.SerializationFailure,
                    psycopg2.errors.DeadlockDetected,
                    psycopg2.errors.LockNotAvailable,
                ):
                    cr.rollback()
                    say("again")
                    continue
                return result
        raise SystemExit("too many serialization failures")

    # -- commands -----------------------------------------------------------------
    def compute_and_post(self, run_id):
        """The whole run, beside another process that does another run."""

        def compute(env):
            run = env["usage.billing.run"].browse(run_id)
            run._start_computing()
            run._run_to_end("_compute_slice")

        self.transaction(compute, meet=True)
        say("computed")
        wait()
        self.transaction(self._approve(run_id))
        say("approved")
        wait()
        self.post(run_id, limit=50)

    def start_computing(self, run_id):
        """Let a run find what is to be billed."""
        self.transaction(
            lambda env: env["usage.billing.run"].browse(run_id)._start_computing()
        )
        say("started")

    def compute(self, run_id, limit):
        """Slice after slice of computing, a commit after each."""

        def compute(env):
            run = env["usage.billing.run"].browse(run_id)
            return run._compute_slice(limit=int(limit))

        say("ready")
        wait()
        while self.transaction(compute):
            say("slice")
        say("done")

    def compute_and_approve(self, run_id):
        """Get a run to where invoices can be posted."""
        self.transaction(
            lambda env: env["usage.billing.run"].browse(run_id).action_compute()
        )
        self.transaction(self._approve(run_id))
        say("approved")

    def _approve(self, run_id):
        def approve(env):
            run = env["usage.billing.run"].browse(run_id)
            run.action_approve()
            run._set_state("posting")

        return approve

    def post(self, run_id, limit=2):
        """Slice after slice of posting, a commit after each."""

        def post(env):
            return env["usage.billing.run"].browse(run_id)._post_slice(limit=int(limit))

        while self.transaction(post):
            say("slice")
        say("done")


def main(config, database, command, *arguments):
    worker = Worker(config, database)
    getattr(worker, command)(int(arguments[0]), *arguments[1:])


if __name__ == "__main__":
    main(*sys.argv[1:])
