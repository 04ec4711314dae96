"""Which rows of a chunk are stored already, and with the same content."""

from io import BytesIO
from struct import Struct

from . import copybin, schema
from .keys import payload_bytes

#: Up to so many rows an array goes with the question; more go through a table.
_FEW = 500

_row = Struct(">hi16si8sii").pack


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
            return self._compare("usage_store_identity", "identity", rows)
        same = {}
        for month, part in _by_month(rows).items():
            if schema.missing_leaves(self.cursor, [month]):
                continue
            same.update(self._compare(schema.leaf(month), "key", part))
        return same

    def contents(self, uniques):
        """Payload hashes of the events stored under these identities or keys.

        :rtype: dict[bytes, bytes]
        """
        if not uniques:
            return {}
        table, column = "usage_store_fact", "key"
        if self.strict:
            table, column = "usage_store_identity", "identity"
        self.cursor.execute(
            f"SELECT {column}, payload_hash FROM {table}"
            f" WHERE {column} = ANY(%s::uuid[])",
            [[unique.hex() for unique in uniques]],
        )
        return {
            bytes.fromhex(key.replace("-", "")): payload_bytes(number)
            for key, number in self.cursor.fetchall()
        }

    def _compare(self, table, column, rows):
        """Compare many rows with what a table holds; see :meth:`among`.

        One index probe a row, whatever the planner thinks of a table without
        statistics, and one character a row back.
        """
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
            BytesIO(
                b"".join(
                    (
                        copybin.HEADER,
                        *[
                            _row(3, 16, unique, 8, content, 4, index)
                            for unique, content, index in rows
                        ],
                        copybin.TRAILER,
                    )
                )
            ),
        )
        cursor.execute(
            "SELECT string_agg(CASE WHEN t.payload_hash IS NULL THEN '0'"
            " WHEN t.payload_hash = s.payload_hash THEN '1' ELSE '2' END, ''"
            " ORDER BY s.number) FROM usage_stage_key s LEFT JOIN LATERAL ("
            f"   SELECT payload_hash FROM {table} t WHERE t.{column} = s.key LIMIT 1"
            " ) t ON true"
        )
        ((marks,),) = cursor.fetchall()
        return {
            index: mark == "1"
            for (_unique, _content, index), mark in zip(rows, marks, strict=True)
            if mark != "0"
        }


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
