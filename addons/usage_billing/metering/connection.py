"""Database connections of the store."""

from contextlib import contextmanager

import psycopg2.extensions
from psycopg2.extensions import ISOLATION_LEVEL_READ_COMMITTED


@contextmanager
def connection(env):
    """An environment whose transaction runs in READ COMMITTED, committed at the end.

    Odoo's cursors are REPEATABLE READ: two people who send the same batch at once would
    meet as a serialization failure and the whole request would run again. In READ
    COMMITTED the second one waits and counts duplicates. Long imports use this; a small
    append inside a request may stay on its own cursor, Odoo then retries it.

    The cursor comes from the registry, so tests that install a test cursor get theirs
    (one transaction, whose isolation is left alone).

    :param env: environment to copy user and context from
    :return: context manager giving the new environment; nothing is committed on error
    """
    with env.registry.cursor() as cr:
        if isinstance(getattr(cr, "_obj", None), psycopg2.extensions.cursor) and not (
            hasattr(cr, "_cursor")
        ):
            # Said with BEGIN; the next to borrow the connection sets its own.
            cr.connection.set_isolation_level(ISOLATION_LEVEL_READ_COMMITTED)
        yield env(cr=cr)


def exact_cursor(cr, is_open=False):
    """A psycopg2 cursor on the same transaction that returns ``numeric`` as Decimal.

    Odoo registers a float caster for its connections; a caster on one's own cursor wins
    and touches nobody else.

    :param cr: Odoo cursor (or test cursor)
    :param bool is_open: something was executed on it in this transaction
    """
    if not is_open:
        cr.execute("SELECT 1")  # opens the transaction, and a test cursor's savepoint
    cursor = cr.connection.cursor()
    psycopg2.extensions.register_type(psycopg2.extensions.DECIMAL, cursor)
    return cursor
