"""One bad record never stops the others.

One savepoint covers a batch; when it fails the batch is cut in two until the bad
record stands alone (a savepoint for each record costs four times as much).
"""

import psycopg2

from odoo.exceptions import UserError
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY

from . import messages
from .rating import RatingError

#: what one customer's data can cause: a rule of ours or of the ledger, a figure the
#: core refuses, a constraint of the database. Anything else is a bug and stops.
EXPECTED = (
    UserError,
    RatingError,
    ArithmeticError,
    psycopg2.IntegrityError,
    psycopg2.DataError,
)


def in_batch(env, items, work, hold):
    """Work on items together; the ones that fail are held and the rest done.

    Serialization and deadlock errors always escape: the whole transaction is tried
    again by whoever started it.

    :param list items: what to work on, in order
    :param work: callable that takes a list of items and writes
    :param hold: callable(item, reason) that stores why an item cannot be done
    :return: the items that were done
    :rtype: list
    """
    if not items:
        return []
    try:
        with env.cr.savepoint():
            work(items)
        return items
    except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
        raise
    except EXPECTED as error:
        if len(items) > 1:
            middle = len(items) // 2
            return in_batch(env, items[:middle], work, hold) + in_batch(
                env, items[middle:], work, hold
            )
        hold(items[0], reason_of(env, error))
        return []


def reason_of(env, error):
    """Sentence for a person of what went wrong."""
    if isinstance(error, RatingError):
        return messages.sentence(env, error)
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, ArithmeticError):
        return env._("A figure is too large or is no number. Check the usage sent.")
    constraint = getattr(error.diag, "constraint_name", None) or ""
    if constraint == "usage_rated_line_live_unique":
        return env._(
            "Another run has just billed this subscription for the same period. Retry "
            "once that run is finished."
        )
    return env._(
        "The database refused the result (%(constraint)s). Nothing was kept.",
        constraint=constraint or error.diag.message_primary or "",
    )
