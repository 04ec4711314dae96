"""Facts read in ClickHouse: what :mod:`..facts` is for PostgreSQL.

A fact is an event that a meter counts. Whole bills are one query for each meter,
however many customers; only groups come back, and money is never computed here.
"""

from datetime import date, timedelta

from ..errors import StoreError
from ..routing import canonical, to_microseconds
from ..values import StoredEvent
from . import expressions, rows
from .driver import Table, numbers, text
from .expressions import Sets
from .snapshot import Snapshot

#: Periods named in a query. Of more, the query takes the range they lie in, and what it
#: finds of others is left out afterwards: that is cheaper than to look each up.
PERIODS_NAMED = 100
_EPOCH_2000 = 946_684_800_000_000
_DAY_2000 = 10_957
_EVENT_COLUMNS = [
    "id", "event_id", "type", "subject", "time", "value", "amount", "currency",
    "dimset_id", "prop_keys", "prop_values", "source_id", "batch_id", "row_number",
    "received",
]  # fmt: skip


class ClickhouseFacts:
    """Reads the events of one company as a transaction of PostgreSQL sees them.

    :param cursor: exact psycopg2 cursor of that transaction
    :param driver: :class:`~.driver.Driver`
    :param types: event types that will be asked for
    """

    def __init__(self, cursor, driver, company_id, types=()):
        self.cursor = cursor
        self.driver = driver
        self.company_id = company_id
        self.types = set(types)
        self._snapshots = {}
        self._dimsets = {}

    # -- figures -----------------------------------------------------------------------

    def group(
        self, windows, meter, group, names, as_of=None, clocks=None, fallback=True
    ):
        """Figures of facts by window number, bucket and what is kept apart.

        :param list[Window] windows: stretches of billing periods
        :param MeterSpec meter: what counts the events, and what it reads of them
        :param group: keys of dimensions, else properties, to keep apart
        :param names: figures wanted, see :func:`.expressions.figures`
        :param datetime as_of: only what had arrived by then
        :param clocks: by number, the buckets of time; None for none
        :param bool fallback: a key that is no dimension of an event may be a property
        :return: iterable of (number, beginning of the bucket or None, group, count,
            first, last, newest arrival, *figures)
        """
        snapshot = self._snapshot(as_of)
        zoned = (clocks and clocks[0].bucket != "total") or meter.weighting == "day"
        by_zone = {}
        for window in windows:
            zone = clocks[window.number].zone.key if clocks and zoned else ""
            key = (window.period.tz, zone) if zoned else None
            by_zone.setdefault(key, []).append(window)
        for (tz, zone), part in (
            (key or ("UTC", "UTC"), part) for key, part in by_zone.items()
        ):
            query = _Query(self, snapshot, part, meter, as_of)
            yield from query.run(group, names, tz, zone, clocks, fallback)

    def _snapshot(self, as_of=None):
        if as_of not in self._snapshots:
            self._snapshots[as_of] = Snapshot.load(self.cursor, self.company_id, as_of)
        return self._snapshots[as_of]

    def sets(self, snapshot, windows, meter, as_of=None):
        """Dimension sets that the events in these windows have.

        Looked up once for all event types that are asked for.

        :rtype: Sets
        """
        types = self.types | {meter.event_type}
        key = (frozenset(window.period.id for window in windows), as_of)
        found = self._dimsets.get(key)
        if found is None or meter.event_type not in found:
            found = self._dimsets[key] = self._read_dimsets(
                snapshot, windows, sorted(types), as_of
            )
        return Sets(found[meter.event_type], meter)

    def _read_dimsets(self, snapshot, windows, types, as_of):
        """:return: {event type: {id of a dimension set: dimensions}}"""
        where, travelling = self.where(windows, types, as_of)
        source, carried = snapshot.read(
            self.driver,
            ["type", "dimset_id"],
            where,
            {window.period.id for window in windows},
            types,
        )
        pairs = self.driver.query(
            f"SELECT DISTINCT type, dimset_id FROM ({source})", [*travelling, *carried]
        )
        self.cursor.execute(
            "SELECT id, dims FROM usage_store_dimset WHERE id = ANY(%s)",
            [[number for _type, number in pairs]],
        )
        dims = dict(self.cursor.fetchall())
        found = {kind: {} for kind in types}
        for kind, number in pairs:
            found[kind][number] = dims[number]
        return found

    def where(self, windows, types, as_of=None):
        """Condition over events that these windows touch.

        :return: (text, tables that travel with it)
        """
        periods = sorted({window.period.id for window in windows})
        low = rows.microseconds(min(window.start for window in windows))
        high = rows.microseconds(max(window.end for window in windows))
        if len(periods) <= PERIODS_NAMED:
            parts = [f"period_id IN ({numbers(periods)})"]
        else:
            parts = [f"period_id BETWEEN {periods[0]} AND {periods[-1]}"]
        if len(types) == 1:
            parts.append(f"type = {text(types[0])}")
        else:
            parts.append(f"type IN ({', '.join(map(text, types))})")
        parts.append(f"time >= {low} AND time < {high}")
        if as_of is not None:
            parts.append(f"received <= {rows.microseconds(as_of)}")
        return " AND ".join(parts), []

    # -- events ------------------------------------------------------------------------

    def events(self, window, meter, dimensions=None, after=None, limit=None):
        """Events that a meter counts in a window, a page of them.

        :param dict dimensions: only events whose kept dimensions are these
        :param after: (time, id) or (time, event id, source, id) of the event before,
            which decides the order; None for the beginning
        :param int limit: events of the page
        :rtype: list[StoredEvent]
        """
        snapshot = self._snapshot()
        sets = self.sets(snapshot, [window], meter)
        query = _Query(self, snapshot, [window], meter, None, sets)
        return query.events(dimensions, after, limit)


class _Query:
    """One query over the facts of some windows that share their time zones."""

    def __init__(self, facts, snapshot, windows, meter, as_of, sets=None):
        self.facts = facts
        self.driver = facts.driver
        self.snapshot = snapshot
        self.windows = windows
        self.meter = meter
        self.where, self.travelling = facts.where(windows, [meter.event_type], as_of)
        self.corrected = snapshot.corrected(
            sorted({window.period.id for window in windows}), as_of
        )
        self.sets = sets or facts.sets(snapshot, windows, meter, as_of)

    def run(self, group, names, tz, zone, clocks, fallback):
        if not self.sets.dims:
            return
        arguments = (group, tz, zone, clocks, fallback)
        known = {}
        if self.corrected.gone:
            # what was taken away counts for nothing but how new the figures are
            for number, start, dims, *rest in self._figures((), *arguments, gone=True):
                known[number, start, canonical(dims)] = rest[3]
        for row in self._figures(names, *arguments):
            number, start, dims, count, first, last, known_at, *figures = row
            if known:
                since = known.get((number, start, canonical(dims)), known_at)
                known_at = max(known_at, since)
            yield (number, start, dims, count, first, last, known_at, *figures)

    def _figures(self, names, group, tz, zone, clocks, fallback, gone=False):
        """Rows of :meth:`ClickhouseFacts.group`.

        :param bool gone: of the events that a correction took away, instead
        """
        travelling = self.travelling
        source, value = self._source(set(group) if fallback else ())
        wide = self.sets.is_wide(self.snapshot.wide)
        wanted = expressions.figures(names, wide, self.meter, _axis(self.meter, tz))
        number, joined = self._numbers()
        index, kept = self.sets.groups(group)
        apart = {
            key: expression
            for key in sorted(group if fallback else ())
            if (expression := self.sets.apart(key)) is not None
        }
        bucket = _bucket(clocks[self.windows[0].number].bucket, zone) if clocks else "0"
        keys = [number, bucket, index, *apart.values()]
        outputs = [part for parts, _reader in wanted for part in parts]
        known_at = "received"
        if gone:
            ids, arrivals = self.corrected.gone.keys(), self.corrected.gone.values()
            known_at = (
                f"transform(id, [{numbers(ids)}], [{numbers(arrivals)}], received)"
            )
        sql = (
            f"SELECT {', '.join(f'{key} AS k{n}' for n, key in enumerate(keys))},"
            f" count(), min(time), max(time), max({known_at})"
            f"{''.join(f', {output}' for output in outputs)}"
            f" FROM (SELECT *{value} FROM ({source}){self._conditions(gone)})"
            f" AS f{joined} GROUP BY {', '.join(f'k{n}' for n in range(len(keys)))}"
        )
        found = self.driver.query(sql, self.travelling)
        self.travelling = travelling
        for row in found:
            number, start, index, *row = row
            number = self.number_of(number)
            if number is None:
                continue
            dims = dict(kept[index])
            for key, found in zip(apart, row, strict=False):
                if found:
                    dims[key] = found[1:]
            count, first, last, known_at, *row = row[len(apart) :]
            figures = []
            for parts, reader in wanted:
                figures.append(reader(*row[: len(parts)]))
                row = row[len(parts) :]
            yield (
                number,
                _begin(clocks[number], start) if clocks else None,
                dict(sorted(dims.items())),
                count,
                rows.moment(first),
                rows.moment(last),
                rows.moment(known_at),
                *figures,
            )

    def _source(self, group):
        """Subquery of the events, and the expressions of what the meter reads."""
        needed = {"period_id", "time", "received"} | self.sets.columns
        if any(self.sets.apart(key) for key in group):
            needed |= {"prop_keys", "prop_values"}
        if self.meter.aggregation == "latest":
            needed |= {"event_id", "source_id", "id"}
        if self.corrected.exists:
            needed |= {"kind", "id"}
        source, carried = self.snapshot.read(
            self.driver,
            sorted(needed | self._wide_columns()),
            self.where,
            {window.period.id for window in self.windows},
            [self.meter.event_type],
        )
        self.travelling = [*self.travelling, *carried]
        # the snapshot may have learned of wide values among the pending events
        value = self.sets.value(self.snapshot.wide)
        parts = f", assumeNotNull({value}) AS v" if value else ""
        if self.meter.aggregation == "unique_count":
            within = "".join(f", {part}" for part in self.sets.within())
            parts += f", tuple({self.sets.item()}{within}) AS item"
        return source, parts

    def _wide_columns(self):
        source = self.meter.value_source
        if not self.meter.needs_value or source == "property":
            return set()
        pending = self.snapshot.pending
        if self.driver.modern and (self.snapshot.wide or pending):
            return {f"{source}_wide"}
        return set()

    def _conditions(self, gone=False):
        """Which events the meter counts, and can read something of.

        :param bool gone: only those that a correction took away
        """
        parts = [self.sets.condition()]
        corrected = self.corrected
        if corrected.exists:
            parts.append("kind <> 'v'")
        if corrected.gone:
            parts.append(f"id {'' if gone else 'NOT '}IN ({numbers(corrected.gone)})")
        if corrected.fallen:
            parts.append(f"id NOT IN ({numbers(corrected.fallen)})")
        value = self.sets.value(self.snapshot.wide)
        if value:
            parts.append(f"isNotNull({value})")
        if self.meter.aggregation == "unique_count":
            parts.append(f"notEmpty({self.sets.item()})")
        parts = [part for part in parts if part]
        return f" WHERE {' AND '.join(parts)}" if parts else ""

    def _numbers(self):
        """How a fact finds the number of its window: by its period where it can."""
        by_period = {}
        for window in self.windows:
            by_period.setdefault(window.period.id, []).append(window)
        if all(
            len(found) == 1
            and to_microseconds(found[0].start) <= found[0].period.start
            and to_microseconds(found[0].end) >= found[0].period.end
            for found in by_period.values()
        ):
            by_number = {key: found[0].number for key, found in by_period.items()}
            self.number_of = by_number.get
            return "period_id", ""
        self.number_of = int
        self.travelling = [
            *self.travelling,
            Table(
                "wanted_window",
                [
                    ("period_id", "Int32"),
                    ("number", "Int32"),
                    ("low", "Int64"),
                    ("high", "Int64"),
                ],
                [
                    (
                        window.period.id,
                        window.number,
                        rows.microseconds(window.start),
                        rows.microseconds(window.end),
                    )
                    for window in self.windows
                ],
            ),
        ]
        return "number", (
            " ALL INNER JOIN (SELECT * FROM wanted_window) AS w USING (period_id)"
            " WHERE time >= low AND time < high"
        )

    def events(self, dimensions, after, limit):
        sets = self.sets
        conditions = [self._conditions().removeprefix(" WHERE ")]
        if dimensions is not None:
            conditions.append(self._kept(dimensions))
        order = "time, id"
        if after is not None:
            moment, *rest = after
            order = "time, id" if len(rest) == 1 else "time, event_id, source_id, id"
            marks = [rows.microseconds(moment), *rest]
            shown = ", ".join(
                text(mark) if isinstance(mark, str) else str(int(mark))
                for mark in marks
            )
            conditions.append(f"({order}) > ({shown})")
        if not sets.dims or "0" in conditions:
            return []
        columns = list(_EVENT_COLUMNS)
        if self.driver.modern:
            columns += ["value_wide", "amount_wide"]
        source, carried = self.snapshot.read(
            self.driver, [*columns, "kind"], self.where,
            {self.windows[0].period.id}, [self.meter.event_type],
        )  # fmt: skip
        found = [part for part in conditions if part]
        sql = (
            f"SELECT {', '.join(columns)} FROM ({source})"
            f"{' WHERE ' if found else ''}{' AND '.join(found)}"
            f" ORDER BY {order} LIMIT {int(limit)}"
        )
        return [
            stored_event(row, sets.dims)
            for row in self.driver.query(sql, [*self.travelling, *carried])
        ]

    def _kept(self, dimensions):
        """Condition for events that keep exactly these dimensions apart."""
        parts = []
        keys = self.meter.dimension_keys
        if set(dimensions) - set(keys):
            return "0"
        for number, dims in self.sets.dims.items():
            own = {key: dims[key] for key in keys if key in dims}
            if any(dimensions.get(key) != value for key, value in own.items()):
                continue
            part = [f"dimset_id = {number}"]
            for key in keys:
                if key in own:
                    continue
                value = f"={dimensions[key]}" if key in dimensions else ""
                part.append(f"{self.sets.apart(key)} = {text(value)}")
            parts.append(f"({' AND '.join(part)})")
        return f"({' OR '.join(parts)})" if parts else "0"


def stored_event(row, dims):
    """A row of ``_EVENT_COLUMNS`` (and wide columns) as a value."""
    (
        number, event_id, kind, subject, time, value, amount, currency, dimset,
        keys, values, source, batch, line, received, *wide,
    ) = row  # fmt: skip
    value_wide, amount_wide = wide or (None, None)
    return StoredEvent(
        id=number,
        event_id=event_id,
        type=kind,
        subject=subject,
        time=rows.moment(time),
        value=value if value_wide is None else value_wide,
        amount=amount if amount_wide is None else amount_wide,
        currency=currency or None,
        dimensions=dims[dimset],
        properties=dict(zip(keys, values, strict=True)),
        source_id=source,
        batch_id=batch,
        row_number=line,
        received_at=rows.moment(received),
    )


def _axis(meter, tz):
    if meter.weighting != "day":
        return f"(time - {_EPOCH_2000})"
    return f"(toInt64(toRelativeDayNum({_local(tz)})) - {_DAY_2000})"


def _local(zone):
    return f"toDateTime(intDiv(time, 1000000), {text(zone)})"


def _bucket(bucket, zone):
    match bucket:
        case "total":
            return "0"
        case "hour":
            return f"toInt64(toUnixTimestamp(toStartOfHour({_local(zone)})))"
        case "day":
            return f"toInt64(toRelativeDayNum({_local(zone)}))"
        case "month":
            return f"toInt64(toRelativeDayNum(toStartOfMonth({_local(zone)})))"
    raise StoreError("bucket", bucket=bucket)


def _begin(clock, number):
    if clock.bucket == "total":
        return clock.start
    if clock.bucket == "hour":
        return rows.moment(number * 1_000_000)
    return clock.midnight(date(1970, 1, 1) + timedelta(days=number))
