"""What an order to void or amend is about: the rows that count for its events now.

Events that are not there, were corrected or replaced already, or lie in an archive that
cannot be read, are told about and left.
"""

from dataclasses import dataclass, replace

from . import archive, parts, schema
from .errors import StoreError
from .values import CorrectionOutcome

_COLUMNS = (
    "e.id, e.key, e.period_id, e.batch_id, e.event_id, e.type, e.kind,"
    " e.subscription_id, e.dimset_id, e.currency, e.subject"
)


@dataclass(slots=True)
class Target:
    """A row to correct: of an event, or of the last amendment of it.

    root_id: row of the event as it was received; origin_batch_id: its batch
    """

    id: int
    key: str
    period_id: int
    batch_id: int
    event_id: str
    type: str
    kind: str
    subscription_id: int
    dimset_id: int
    currency: str | None
    subject: str
    root_id: int = 0
    origin_batch_id: int = 0


class Targets:
    """Finds the rows to correct; part of :class:`.corrections.Corrections`.

    outcomes: what became of each event, by its position in the order
    away: positions of events that are in an archive

    :param BatchSpec batch: of the correction; its source is that of the events
    """

    def __init__(self, cursor, batch):
        self.cursor = cursor
        self.batch = batch
        self.outcomes = {}
        self.away = set()

    def _tell(self, number, event_id, status, code="", detail=""):
        self.outcomes[number] = CorrectionOutcome(
            number, str(event_id), status, code, detail
        )

    def _targets(self, events):
        """The rows that count for these events now; others are told about.

        :return: {position: Target}
        """
        if not events:
            return {}
        if isinstance(events[0], int):
            names = dict(enumerate(events))
            rows = self._rows("e.id = ANY(%s)", list(set(events)))
            found = {
                number: rows[row_id]
                for number, row_id in names.items()
                if row_id in rows
            }
        else:
            names = {number: event_id for number, (event_id, _t) in enumerate(events)}
            found = self._by_event_id(events)
        if found.keys() != names.keys():
            schema.be_current(self.cursor)
        for number, name in names.items():
            if number in found:
                continue
            if number in self.away:
                self._tell(number, name, "refused", "archived")
            else:
                self._tell(number, name, "unknown")
        self._follow(found, by_row=isinstance(events[0], int))
        self._leave_replaced(found)
        self._leave_archived(found)
        seen = set()
        for number, target in list(found.items()):
            if target.id in seen:
                self._tell(number, target.event_id, "already")
                del found[number]
            seen.add(target.id)
        return found

    def _rows(self, condition, values):
        """:return: {row number: Target} of rows of the batch's source"""
        self.cursor.execute(
            f"SELECT {_COLUMNS} FROM usage_store_event e WHERE {condition}"
            " AND e.company_id = %s AND e.source_id = %s AND e.kind <> 'v'",
            [values, self.batch.company_id, self.batch.source_id],
        )
        return {row[0]: Target(*row) for row in self.cursor.fetchall()}

    def _by_event_id(self, events):
        """Rows as received, found by the keys of their ids.

        :return: {position: Target}
        """
        keys = parts.keys_of(self.cursor, self.batch, events)
        rows = self._rows("e.key = ANY(%s::uuid[])", list(keys))
        here = {target.key.replace("-", "") for target in rows.values()}
        for key in self._archived(keys.keys() - here):
            self.away.update(keys[key])
        return {
            number: target
            for target in rows.values()
            for number in keys[target.key.replace("-", "")]
        }

    def _archived(self, keys):
        """Those of these keys that are in an archive, or may be in one that is broken.

        The registry of strict sources knows what came; of others the archive does.
        """
        months = archive.archived(self.cursor, map(parts.month_of, keys))
        keys = [key for key in keys if parts.month_of(key) in months]
        if self.batch.mode == "strict":
            return keys
        try:
            return parts.seek(self.cursor, keys)
        except StoreError:
            return keys

    def _follow(self, found, by_row):
        """Go from each row to the one that counts in its place now.

        :param bool by_row: a row that was corrected meanwhile is not what the caller
            saw: it is told, and left
        """
        for target in found.values():
            target.root_id, target.origin_batch_id = target.id, target.batch_id
        amended = [t.id for t in found.values() if t.kind == "a"]
        self.cursor.execute(
            "SELECT row_id, root_id, origin_batch_id FROM usage_store_correction"
            " WHERE row_id = ANY(%s)",
            [amended],
        )
        roots = {row_id: rest for row_id, *rest in self.cursor.fetchall()}
        for target in found.values():
            if target.id in roots:
                target.root_id, target.origin_batch_id = roots[target.id]
        self.cursor.execute(
            "SELECT c.root_id, c.row_id, c.kind FROM usage_store_correction c"
            " WHERE c.root_id = ANY(%s) AND NOT EXISTS ("
            "   SELECT FROM usage_store_correction d WHERE d.target_id = c.row_id)",
            [[target.root_id for target in found.values()]],
        )
        last = {root_id: rest for root_id, *rest in self.cursor.fetchall()}
        newest = self._rows(
            "e.id = ANY(%s)", [row_id for row_id, kind in last.values() if kind == "a"]
        )
        for number, target in list(found.items()):
            row_id, kind = last.get(target.root_id, (target.id, "u"))
            if row_id == target.id:
                continue
            if kind == "v" or by_row:
                self._tell(number, target.event_id, "already")
                del found[number]
            else:
                found[number] = replace(
                    newest[row_id],
                    root_id=target.root_id,
                    origin_batch_id=target.origin_batch_id,
                )

    def _leave_replaced(self, found):
        """Events of a delivery that a newer version replaced do not count anyway."""
        self.cursor.execute(
            "SELECT id FROM usage_batch WHERE id = ANY(%s) AND state = 'superseded'",
            [list({target.origin_batch_id for target in found.values()})],
        )
        replaced = {batch_id for (batch_id,) in self.cursor.fetchall()}
        for number, target in list(found.items()):
            if target.origin_batch_id in replaced:
                self._tell(number, target.event_id, "replaced")
                del found[number]

    def _leave_archived(self, found):
        """Quantities that archived events are part of cannot be added up again."""
        period_ids = {target.period_id for target in found.values()}
        archived = period_ids and archive.periods(self.cursor, period_ids)
        for number, target in list(found.items()):
            if target.period_id in archived:
                self._tell(number, target.event_id, "refused", "archived")
                del found[number]
