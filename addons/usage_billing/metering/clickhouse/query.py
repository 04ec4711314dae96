"""One question over the facts of some windows, as SQL of ClickHouse."""

from datetime import date, timedelta

from ..errors import StoreError
from ..instants import to_microseconds
from ..texts import canonical
from ..values import StoredEvent
from . import expressions, rows
from .driver import Table, numbers, text

_EPOCH_2000 = 946_684_800_000_000
_DAY_2000 = 10_957
_EVENT_COLUMNS = [
    "id", "event_id", "type", "subject", "time", "value", "amount", "currency",
    "dimset_id", "prop_keys", "prop_values", "source_id", "batch_id", "row_number",
    "received",
]  # fmt: skip


class Query:
    """One query over the facts of some windows that share their time zones."""

    def __init__(self, facts, snapshot, windows, meter, as_of, sets=None):
        self.facts = facts
        self.driver = facts.driver
        self.snapshot = snapshot
        self.windows = windows
        self.meter = meter
        self.where = facts.where(windows, [meter.event_type], as_of)
        if meter.subject is not None:
            self.where += f" AND subject = {text(meter.subject)}"
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
        read = self._read(set(group) if fallback else ())
        wide = self.sets.is_wide(self.snapshot.wide)
        axis = _axis(self.meter, tz)
        wanted = expressions.figures(names, wide, self.meter, axis, self.driver.modern)
        number, windows = self._numbers()
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
                f"transform(id, [{numbers(ids)}], [{numbers(arrivals)}],"
                " toUInt64(received))"
            )
        head = (
            f"SELECT {', '.join(f'{key} AS k{n}' for n, key in enumerate(keys))},"
            f" count(), min(time), max(time), max({known_at})"
            f"{''.join(f', {output}' for output in outputs)}"
        )
        tail = f" GROUP BY {', '.join(f'k{n}' for n in range(len(keys)))}"
        if self.driver.modern:
            # rows lie in the order of the periods: groups need not be kept
            tail += " SETTINGS optimize_aggregation_in_order = 1"
        sql, travelling = self._statement(head, tail, read, windows, gone)
        for row in self.driver.query(sql, travelling):
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

    def _statement(self, head, tail, read, windows, gone):
        """SQL of figures over the facts.

        :param list[str] read: expressions of what the meter reads, with their names
        :param list[Table] windows: what facts are joined with, or nothing
        :return: (text, tables that travel with it)
        """
        conditions = self._conditions(gone)
        if not windows and not self.carried:
            # nothing nested: each node of a cluster adds up what it has
            given = f"WITH {', '.join(read)} " if read else ""
            visible = " AND ".join([self.snapshot.visible(self.where), *conditions])
            return f"{given}{head} FROM usage_event WHERE {visible}{tail}", []
        chosen = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        facts = f"(SELECT {', '.join(['*', *read])} FROM ({self.source}){chosen}) AS f"
        joined = ""
        if windows:
            joined = (
                " ALL INNER JOIN (SELECT * FROM wanted_window) AS w USING (period_id)"
                " WHERE time >= low AND time < high"
            )
        return f"{head} FROM {facts}{joined}{tail}", [*self.carried, *windows]

    def _read(self, group):
        """Find the events, and say what the meter reads of them.

        :return: expressions with their names
        """
        needed = {"period_id", "time", "received"} | self.sets.columns
        if any(self.sets.apart(key) for key in group):
            needed |= {"prop_keys", "prop_values"}
        if self.meter.aggregation == "latest":
            needed |= {"event_id", "source_id", "id"}
        if self.corrected.exists:
            needed |= {"kind", "id"}
        self.source, self.carried = self.snapshot.read(
            self.driver,
            sorted(needed | self._wide_columns()),
            self.where,
            {window.period.id for window in self.windows},
            [self.meter.event_type],
        )
        # the snapshot may have learned of wide values among the pending events
        value, read = self.sets.value(self.snapshot.wide), []
        if value:
            read.append(f"assumeNotNull({value}) AS v")
        if self.meter.aggregation == "unique_count":
            within = "".join(f", {part}" for part in self.sets.within())
            read.append(f"tuple({self.sets.item()}{within}) AS item")
        return read

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
        return [part for part in parts if part]

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
            return "period_id", []
        self.number_of = int
        columns = ["period_id", "number", "low", "high"]
        return "number", [
            Table(
                "wanted_window",
                [(name, "Int32" if name[0] in "pn" else "Int64") for name in columns],
                [
                    (
                        window.period.id,
                        window.number,
                        rows.microseconds(window.start),
                        rows.microseconds(window.end),
                    )
                    for window in self.windows
                ],
            )
        ]

    def events(self, dimensions, after, limit):
        sets = self.sets
        conditions = self._conditions()
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
        found = " AND ".join(conditions)
        if carried:
            found = f"({source})" + (f" WHERE {found}" if found else "")
        else:
            where = self.snapshot.visible(self.where)
            found = f"usage_event WHERE {where}" + (f" AND {found}" if found else "")
        sql = (
            f"SELECT {', '.join(columns)} FROM {found}"
            f" ORDER BY {order} LIMIT {int(limit)}"
        )
        return [stored_event(row, sets.dims) for row in self.driver.query(sql, carried)]

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
