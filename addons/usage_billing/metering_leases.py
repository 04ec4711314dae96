"""Routers that appends of a process keep, in the hands of one transaction at a time."""

from functools import partial

from .metering.pool import RouterPool

#: Routes of the sources that this process stored events of.
ROUTERS = RouterPool()


class Leases(dict):
    """Routers in use by a transaction, by source; a copy of it begins with none.

    What keeps the state of a transaction aside, to come back to it, must not bring
    back routers that learned something in between.

    is_settled: nothing of what routers know was made or changed in the transaction
    """

    is_settled = True

    def __deepcopy__(self, memo):
        return Leases()

    def take(self, key):
        """The lease of this transaction, one of the pool, or a new one."""
        return self.pop(key, None) or ROUTERS.take(key)

    def keep(self, key, lease, cr, is_for_others=False):
        """Keep a lease that was taken, for this transaction and then for others.

        :param bool is_for_others: only for those: it knows what this one made
        """
        if self.is_settled and is_for_others:
            cr.postcommit.add(partial(ROUTERS.give_back, key, lease))
        elif self.is_settled:
            if not self:
                cr.postcommit.add(partial(_keep_routers, self))
            self[key] = lease


def leases_of(cr):
    """Routers in use by a transaction.

    :rtype: Leases
    """
    return cr.postcommit.data.setdefault("usage_routers", Leases())


def _keep_routers(used):
    """After the commit: give routers back to the pool, each once."""
    while used:
        ROUTERS.give_back(*used.popitem())
