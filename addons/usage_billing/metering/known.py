"""Which rows of a chunk are stored already, and with the same content."""

from io import BytesIO
from struct import Struct

import numpy as np

from . import copybin, schema
from .keys import payload_bytes

#: Up to so many rows an array goes with the question; more go through a table.
_FEW = 500

#: Months that are looked into by one question.
_MONTHS = 24
_REGISTRY = "usage_store_identity", "identity"
#: An event is not stored, stored with this content, stored with other content.
NEW, SAME, OTHER = b"012"

_row = Struct(">hi16si8sii").pack
_ROW = np.dtype(
    [
        ("fields", ">i2"),
        ("unique_size", ">i4"),
        ("unique", "V16"),
        ("content_size", ">i4"),
        ("content", "V8"),
        ("index_size", ">i4"),
        ("index", ">i4"),
    ]
)


class Known:
    """Asks the registry (strict identity) or the tables of the months.

    :param cursor: of the append
    :param bool strict: events are told apart by the registry
    """

    def __init__(self, cursor, strict):
        self.cursor = cursor
        self.strict = strict

    def among(self, prepared):
        """Rows stored before.

        :return: index -> whether its content is the stored one
        :rtype: dict[int, bool]
        """
        uniques, entries = prepared.uniques, prepared.entries
        if len(prepared.first) <= _FEW:
            stored = self.contents(list(prepared.first))
            return {
                index: stored[unique] == entries[index][2]
                for index, unique in enumerate(uniques)
                if unique in stored
            }
        rows = [
            (unique, entries[index][2], index)
            for index, unique in enumerate(uniques)
            if unique is not None
        ]
        if self.strict:
            return self._indexes(_REGISTRY, rows)
        same = {}
        for month, part in _by_month(rows).items():
            if schema.missing_leaves(self.cursor, [month]):
                continue
            same.update(self._indexes((schema.leaf(month), "key"), part))
        return same

    def _indexes(self, place, rows):
        """See :meth:`among`, of (unique, payload hash, index)."""
        encoded = [
            _row(3, 16, unique, 8, content, 4, index) for unique, content, index in rows
        ]
        marks = self._compare(place, b"".join(encoded))
        return {
            index: mark == SAME
            for (_unique, _content, index), mark in zip(rows, marks, strict=True)
            if mark != NEW
        }

    def marks(self, uniques, contents):
        """Which of many events are stored.

        :param bytes uniques: 16 for each event; contents: 8 for each
        :return: array of NEW, SAME (stored with this content) and OTHER; None when
            their months are too many
        """
        count = len(contents) // 8
        if count <= _FEW:
            parts = [uniques[low : low + 16] for low in range(0, 16 * count, 16)]
            stored, marks = self.contents(parts), []
            for unique, low in zip(parts, range(0, 8 * count, 8), strict=True):
                found = stored.get(unique)
                is_same = found == contents[low : low + 8]
                marks.append(NEW if found is None else SAME if is_same else OTHER)
            return np.array(marks, np.uint8)
        rows = np.empty(count, _ROW)
        rows[...] = (3, 16, b"", 8, b"", 4, 0)
        rows["unique"] = np.frombuffer(uniques, "V16")
        rows["content"] = np.frombuffer(contents, "V8")
        rows["index"] = np.arange(count)
        if self.strict:
            return self._marks(_REGISTRY, rows)
        instants = np.frombuffer(uniques, ">u8")[::2]
        months, marks = _months(instants), np.full(count, NEW, np.uint8)
        if months is None:
            return None
        missing = schema.missing_leaves(self.cursor, [month for month, _low in months])
        ends = [low for _month, low in months[1:]] + [b"\xff" * 8]
        for (month, low), high in zip(months, ends, strict=True):
            low, high = int.from_bytes(low), int.from_bytes(high)
            chosen = np.flatnonzero((instants >= low) & (instants < high))
            if len(chosen) and month not in missing:
                place = schema.leaf(month), "key"
                marks[chosen] = self._marks(place, rows[chosen])
        return marks

    def _marks(self, place, rows):
        return np.frombuffer(self._compare(place, rows.tobytes()), np.uint8)

    def contents(self, uniques):
        """Payload hashes of the events stored under these identities or keys.

        :rtype: dict[bytes, bytes]
        """
        if not uniques:
            return {}
        table, column = _REGISTRY if self.strict else ("usage_store_fact", "key")
        self.cursor.execute(
            f"SELECT {column}, payload_hash FROM {table}"
            f" WHERE {column} = ANY(%s::uuid[])",
            [[unique.hex() for unique in uniques]],
        )
        return {
            bytes.fromhex(key.replace("-", "")): payload_bytes(number)
            for key, number in self.cursor.fetchall()
        }

    def _compare(self, place, rows):
        """Compare many rows with what a table holds.

        One index probe a row, whatever the planner thinks of a table without
        statistics, and one character a row back.

        :param place: names of the table and of its column
        :param bytes rows: encoded, in the order of their numbers
        :return: bytes, a mark for each
        """
        table, column = place
        cursor = self.cursor
        cursor.execute(
            "CREATE TEMP TABLE IF NOT EXISTS usage_stage_key (key uuid NOT NULL,"
            " payload_hash bigint NOT NULL, number integer NOT NULL)"
            " ON COMMIT DELETE ROWS"
        )
        # an append before this one, in the same transaction, may have left its rows
        cursor.execute("TRUNCATE usage_stage_key")
        cursor.copy_expert(
            "COPY usage_stage_key FROM STDIN (FORMAT binary)",
            BytesIO(b"".join((copybin.HEADER, rows, copybin.TRAILER))),
        )
        cursor.execute(
            "SELECT string_agg(CASE WHEN t.payload_hash IS NULL THEN '0'"
            " WHEN t.payload_hash = s.payload_hash THEN '1' ELSE '2' END, ''"
            " ORDER BY s.number) FROM usage_stage_key s LEFT JOIN LATERAL ("
            f"   SELECT payload_hash FROM {table} t WHERE t.{column} = s.key LIMIT 1"
            " ) t ON true"
        )
        ((marks,),) = cursor.fetchall()
        return marks.encode()


def _months(instants):
    """Months of keys.

    :param instants: array of the first eight bytes of the keys, as numbers
    :return: list of (month, what its first key begins with), None when there are many
    """
    first, last = (
        int(instant).to_bytes(8) for instant in (instants.min(), instants.max())
    )
    month, last = schema.month_of_key(first), schema.month_of_key(last)
    months = []
    while month <= last:
        if len(months) == _MONTHS:
            return None
        months.append((month, schema.first_key(month)[:8]))
        month = schema.month_after(month)
    return months


def _by_month(rows):
    """Rows by the month of their key, each in the order of their numbers."""
    months, minutes = {}, {}
    for row in rows:
        minute = row[0][:4]  # of 65 s; months begin with a whole one or inside one
        month = minutes.get(minute)
        if month is None:
            month = schema.month_of_key(row[0])
            if schema.month_of_key(minute + bytes(12)) == schema.month_of_key(
                minute + b"\xff" * 12
            ):
                minutes[minute] = month
        months.setdefault(month, []).append(row)
    return months
