"""Routes kept in a process from one append to the next.

What a route is made of (subjects, periods, meters) changes seldom and is asked for with
every event. A router that was used comes back here when its transaction commits, and
the next append of the source goes on with it, if nothing changed meanwhile.

That is decided by the database: triggers note the transactions that changed something
(``usage_store_change``), and a router remembers the snapshot it was filled under. A
change that is visible now and was not then sends the router away. So a router is never
older than the transaction that uses it, in whichever process the change was made.
"""

import time
from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock

from .planned import STATE
from .routing import Router

#: Sources whose routes a process keeps, and for how long without a look at all of it.
#: Notes of changes are kept longer than that, see :func:`forget_changes`.
SOURCES_KEPT = 16
#: Routers of one source: threads that store events of it at the same time have their
#: own, the one used last is taken first.
ROUTERS_KEPT = 4
SECONDS_KEPT = 3600
NOTES_KEPT = "1 day"

_OWN = "SELECT FROM usage_store_change WHERE xid = pg_current_xact_id_if_assigned()"

#: A snapshot before everything.
_NEVER = "1:1:"


@dataclass(slots=True)
class Lease:
    """A router, and what it was filled under; None until something is.

    is_read_committed: the transaction that uses it sees what others commit
    is_settled: this transaction changed nothing itself of what routers know
    """

    router: Router | None = None
    database: int = 0
    snapshot: str = _NEVER
    since: float = 0.0
    is_read_committed: bool = False
    is_settled: bool = True

    def is_filled(self):
        """Whether there is a router that need not be filled anew for its age."""
        return self.router is not None and time.monotonic() - self.since <= SECONDS_KEPT


class RouterPool:
    """Routers that nobody uses at the moment, by any key."""

    def __init__(self):
        self._leases = OrderedDict()
        self._lock = Lock()

    def take(self, key):
        """Take a lease out of the pool, or a new one.

        :rtype: Lease
        """
        with self._lock:
            leases = self._leases.get(key)
            return leases.pop() if leases else Lease()

    def give_back(self, key, lease):
        """Keep a lease for the next append. Only once its transaction is committed."""
        with self._lock:
            leases = self._leases.setdefault(key, [])
            if len(leases) < ROUTERS_KEPT:
                leases.append(lease)
            self._leases.move_to_end(key)
            while len(self._leases) > SOURCES_KEPT:
                self._leases.popitem(last=False)


def refresh(cursor, lease):
    """Look whether a lease still stands, before its router is used; empty it if not.

    :param cursor: of the append
    :return: the lease
    """
    cursor.execute(STATE, [lease.snapshot])
    database, snapshot, lease.is_read_committed, is_changed = cursor.fetchone()
    now = time.monotonic()
    if (
        lease.router is None
        or is_changed
        or lease.database != database
        or now - lease.since > SECONDS_KEPT
    ):
        lease.router, lease.since = None, now
        cursor.execute(_OWN)
        lease.is_settled = not cursor.rowcount
    lease.database, lease.snapshot = database, snapshot
    return lease


def forget_changes(cursor):
    """Delete notes that no process can need any more (cron)."""
    for table in ("usage_store_change", "usage_store_remade"):
        cursor.execute(
            f"DELETE FROM {table} WHERE at < now() - %s::interval", [NOTES_KEPT]
        )
