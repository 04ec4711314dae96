"""Database sessions that stay open from one request to the next.

A connection that comes out of Odoo's pool begins with DISCARD ALL (``reset`` of
psycopg2). The plans of the functions in :mod:`.planned` and of foreign keys are gone
then, and to make them costs more than a request of one event does otherwise. So
requests that store events go on with the cursor that the last one committed. Nothing
but plans and empty temporary tables stays in it.
"""

import atexit
import select
import time
from contextlib import contextmanager
from threading import Lock

from psycopg2.extensions import ISOLATION_LEVEL_READ_COMMITTED

from .connection import connection

#: Sessions that a process keeps, and for how many seconds without use.
SESSIONS_KEPT = 4
SECONDS_KEPT = 60


class Sessions:
    """Cursors that committed, by their databases; the one used last is taken first."""

    def __init__(self):
        self._kept = []
        self._lock = Lock()

    def take(self, dbname):
        """A cursor on a live connection to a database, None if there is none."""
        oldest = time.monotonic() - SECONDS_KEPT
        with self._lock:
            old = [entry for entry in self._kept if entry[0] < oldest]
            fresh = [entry for entry in self._kept if entry[0] >= oldest]
            found = [entry for entry in fresh if entry[1].dbname == dbname][-1:]
            self._kept = [entry for entry in fresh if entry not in found]
        for _since, cr in old:
            cr.close()
        for _since, cr in found:
            if _is_quiet(cr):
                return cr
        return None

    def keep(self, cr):
        """Keep a cursor that committed and whose transaction is done."""
        cr.transaction = None  # its registry may be another one the next time
        cr.cache.clear()
        with self._lock:
            self._kept.append((time.monotonic(), cr))
            surplus = self._kept[:-SESSIONS_KEPT]
            del self._kept[:-SESSIONS_KEPT]
        for _since, old in surplus:
            old.close()

    def close(self):
        """Give all connections back."""
        with self._lock:
            kept, self._kept = self._kept, []
        for _since, cr in kept:
            cr.close()


SESSIONS = Sessions()
atexit.register(SESSIONS.close)


@contextmanager
def kept_connection(env):
    """The same as :func:`connection`, in a session that stays open for the next one."""
    if "cursor" in vars(env.registry):  # a test's, which ends with it
        with connection(env) as own:
            yield own
        return
    cr = SESSIONS.take(env.cr.dbname)
    if cr is None:
        cr = env.registry.cursor()
        cr.connection.set_isolation_level(ISOLATION_LEVEL_READ_COMMITTED)
    try:
        yield env(cr=cr)
        cr.commit()  # its own transaction: pylint: disable=invalid-commit
    except BaseException:
        cr.close()
        raise
    SESSIONS.keep(cr)


def _is_quiet(cr):
    """Whether the server said nothing since the last commit: it has nothing to say but
    that it ended the session.
    """
    if cr.closed:
        return False
    poll = select.poll()
    poll.register(cr.connection.fileno(), select.POLLIN)
    if not poll.poll(0):
        return True
    cr.connection.close()
    cr.close()
    return False
