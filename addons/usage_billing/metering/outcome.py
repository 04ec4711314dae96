"""What became of the rows of an append."""

from operator import itemgetter

from .held import held_event, status_of
from .keys import identity_function
from .prepare import fingerprint
from .values import AppendResult, RowOutcome


class Outcome:
    """Counts rows, and holds those that cannot be stored.

    :param BatchSpec batch: of the rows
    :param Known known: what is stored
    :param quarantine: see :class:`.postgres.PostgresStore`
    """

    def __init__(self, batch, known, quarantine):
        self.batch = batch
        self.known = known
        self.quarantine = quarantine
        self.identity_of = identity_function(batch.company_id, batch.source_id)
        self.result = AppendResult()

    def told(self):
        """:rtype: AppendResult"""
        self.result.outcomes.sort(key=itemgetter(0))
        return self.result

    def count_same(self, numbers):
        """Count rows whose event is stored as they say.

        :param list numbers: of the rows
        """
        self.result.duplicate += len(numbers)
        if self.batch.report:
            self.result.outcomes += [
                RowOutcome(number, "duplicate") for number in numbers
            ]

    def count_known(self, rows, routes, prepared, same, held):
        """Count what is new, duplicate or in conflict."""
        result, first = self.result, prepared.first
        repeated = dict(prepared.repeated)
        known = sum(1 for index in same if index not in repeated)
        result.accepted += len(first) - known
        for index, is_same in same.items():
            self._count_row(rows[index], routes[index], is_same, held)
        entries = prepared.entries
        for index, unique in prepared.repeated:
            if index not in same:
                is_same = entries[index][2] == entries[first[unique]][2]
                self._count_row(rows[index], routes[index], is_same, held)

    def _count_row(self, row, route, is_same, held):
        """Count a row whose event exists: a duplicate, or a conflict to hold."""
        if not is_same:
            held.append(self.held_event(row, route, "conflict", ""))
            return
        self.count_same([row[9]])

    def hold_unless_known(self, rows, routes, failures):
        """Hold rows that cannot be matched, but not those stored earlier.

        A re-sent event stays a duplicate when its meter was archived meanwhile.

        :return: list[HeldRow]
        """
        prints = {
            index: fingerprint(rows[index], routes[index], self.identity_of)
            for index, *_ in failures
        }
        wanted = [found[0] for found in prints.values() if found]
        known = self.known.contents(wanted) if self.batch.mode == "strict" else {}
        held = []
        for index, reason, detail in failures:
            identity, content = prints[index] or (None, None)
            row, route = rows[index], routes[index]
            if identity in known:
                self._count_row(row, route, known[identity] == content, held)
            else:
                held.append(self.held_event(row, route, reason, detail))
        return held

    def held_event(self, row, route, reason, detail):
        print_of = fingerprint(row, route, self.identity_of) or (b"", b"")
        is_ignored = reason in self.batch.ignored
        return held_event(row, print_of, reason, detail, is_ignored)

    def hold(self, held):
        repeated = self.quarantine(self.batch, held)
        self.result.duplicate += len(repeated)
        quarantined = self.result.quarantined
        for position, row in enumerate(held):
            if position not in repeated:
                quarantined[row.reason] = quarantined.get(row.reason, 0) + 1
        if self.batch.report:
            self.result.outcomes += [
                RowOutcome(
                    row.row_number,
                    "duplicate" if position in repeated else status_of(row),
                    row.reason,
                    row.detail,
                )
                for position, row in enumerate(held)
            ]
