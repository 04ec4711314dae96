"""The event store whose events lie in ClickHouse.

What decides stays in PostgreSQL and is inherited: append, identity, quarantine,
rollups, fingerprints. What reads many events is asked of ClickHouse.
"""

from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

from psycopg2.extras import execute_values

from .. import exact, usage
from ..facts import whole
from ..jsonform import event_to_json
from ..planned import COLUMNS
from ..postgres import PostgresStore
from ..texts import canonical
from ..usage import Clock, Part
from ..values import Difference, EventRow, RejectedRow
from . import rows, ship
from .driver import numbers, texts
from .facts import ClickhouseFacts
from .snapshot import Snapshot

PAGE = 5000
_DISTINCT = "SELECT DISTINCT period_id FROM"


class ClickhouseStore(PostgresStore):
    """:class:`~..store.EventStore` of one company, on the caller's transaction.

    :param driver: :class:`~.driver.Driver`, or a function that gives it when it is
        needed: an append is not stopped by a ClickHouse that is away
    :param int company_id: whose events these are
    """

    def __init__(self, cursor, driver, company_id, **options):
        super().__init__(cursor, **options)
        self._driver = driver
        self.company_id = company_id

    @property
    def driver(self):
        if callable(self._driver):
            self._driver = self._driver()
        return self._driver

    @property
    def source(self):
        return self._source()

    def _source(self, meters=()):
        """What figures of events are asked of; one for each question."""
        types = {meter.event_type for meter in meters}
        return ClickhouseFacts(self.cursor, self.driver, self.company_id, types)

    # -- writing -----------------------------------------------------------------------

    def append(self, batch, found, *arguments, **options):
        """Store events in PostgreSQL, and the intent to ship them."""
        properties = {
            meter.value_property
            for meter in self.catalogue.meters()
            if meter.value_source == "property"
        }
        result = super().append(
            batch, _bounded(found, properties), *arguments, **options
        )
        ship.enqueue(self.cursor, batch, result)
        return result

    def _fill_rollups(self, periods, meters):
        made = self._rollups_of_events(periods, meters)
        execute_values(
            self.cursor,
            f"INSERT INTO usage_store_sum ({COLUMNS}) VALUES %s",
            [
                (subscription_id, *key[:3], key[3] or "-infinity", *figures)
                for key, (subscription_id, figures) in made.items()
            ],
            page_size=1000,
        )

    def erase(self, company_id, source_id):
        """Forget a source, in PostgreSQL now, in ClickHouse when it is cleaned up."""
        self.cursor.execute(
            "WITH gone AS (DELETE FROM usage_shipment s USING usage_batch b"
            "  WHERE b.id = s.batch_id AND b.source_id = %s AND b.company_id = %s"
            "  RETURNING s.attempt_id, s.company_id, s.id)"
            " INSERT INTO usage_store_leftover (attempt_id, company_id, shipment_id)"
            " SELECT * FROM gone WHERE attempt_id IS NOT NULL",
            [source_id, company_id],
        )
        return super().erase(company_id, source_id)

    # -- reading -----------------------------------------------------------------------

    def aggregate(self, periods, meters, dimensions=True, as_of=None):
        if not periods or not meters:
            return []
        source, found = self._source(meters), []
        for meter in meters:
            if meter.is_additive:
                found += _additive(source, periods, meter, dimensions, as_of)
            else:
                found += exact.aggregate(source, periods, meter, dimensions, as_of)
        found.sort(
            key=lambda row: (row.period_id, row.meter_id, canonical(row.dimensions))
        )
        return found

    def quantities(self, period_ids, spans, meters, as_of=None):
        if not period_ids or not meters:
            return {}
        return self._summed(spans, meters, as_of)

    def daily(self, periods, meters):
        if not periods or not meters:
            return []
        source, found = self._source(meters), []
        for meter in meters:
            found += usage.daily(source, periods, meter)
        found.sort(
            key=lambda row: (
                row.period_id, row.meter_id, row.day, canonical(row.dimensions),
            )
        )  # fmt: skip
        return found

    def explain(self, period, meter, dimensions=None, limit=80, after=None):
        (window,) = whole([period])
        return self.source.events(window, meter, dimensions, after, limit)

    def stream(self, period, meter, dimensions=None, size=PAGE):
        (window,) = whole([period])
        source = self.source
        after = (datetime(1, 1, 1), "", 0, 0)
        while True:
            page = source.events(window, meter, dimensions, after, size)
            yield from page
            if len(page) < size:
                return
            last = page[-1]
            after = (last.time, last.event_id, last.source_id, last.id)

    def verify(self, periods, meters):
        """Rollups of PostgreSQL against the events in ClickHouse."""
        if not periods or not meters:
            return []
        self.cursor.execute(
            f"SELECT {COLUMNS} FROM usage_store_rollup"
            " WHERE period_id = ANY(%s) AND meter_id = ANY(%s) AND bucket IS NOT NULL",
            [[period.id for period in periods], [meter.id for meter in meters]],
        )
        kept = {
            (*row[1:4], _day(row[4])): (row[0], row[5:])
            for row in self.cursor.fetchall()
        }
        made = self._rollups_of_events(periods, meters)
        keys = [
            key for key in kept.keys() | made.keys() if kept.get(key) != made.get(key)
        ]
        keys.sort(key=lambda key: (*key[:3], key[3] or date.min))
        nothing = (None, None)
        return [
            Difference(
                *key,
                rollup=kept.get(key, nothing)[1],
                events=made.get(key, nothing)[1],
            )
            for key in keys
        ]

    def _rollups_of_events(self, periods, meters):
        """Rollup rows as they should be.

        :return: {(period, meter, dimension set, day or None): (subscription, figures)}
        """
        windows = whole(periods)
        clocks = [Clock(w.start, w.period.tz, "day") for w in windows]
        source, made, projections = self._source(meters), {}, {}
        for meter in meters:
            # levels are weighed when they are read; kept are their changes
            plain = replace(meter, weighting="time")
            names = ("sum", "min", "max") if meter.needs_value else ()
            for (
                number,
                start,
                dims,
                count,
                first,
                last,
                known,
                *figures,
            ) in source.group(
                windows,
                plain,
                meter.dimension_keys,
                names,
                clocks=clocks,
                fallback=False,
            ):
                period = periods[number]
                day = clocks[number].local(max(start, windows[number].start)).date()
                text = canonical(dims)
                projections[text] = dims
                for bucket in (day, None):
                    key = (period.id, meter.id, text, bucket)
                    have = made.setdefault(key, (period.subscription_id, Part(), []))
                    have[1].add(Part(count, *figures))
                    have[2].append((first, last, known))
            if source.is_corrected(windows):
                # a day whose last event was voided is gone, the whole knows of it
                for number, _start, dims, _count, *times in source.group(
                    windows, plain, meter.dimension_keys, (), fallback=False
                ):
                    key = (periods[number].id, meter.id, canonical(dims), None)
                    made[key][2].append(tuple(times))
        ids = self.dimset_ids(projections)
        return {
            (key[0], key[1], ids[key[2]], key[3]): (
                subscription_id,
                (
                    part.count, part.total, part.low, part.high,
                    min(times)[0], max(time[1] for time in times),
                    max(time[2] for time in times),
                ),
            )
            for key, (subscription_id, part, times) in made.items()
        }  # fmt: skip

    # -- where events are --------------------------------------------------------------

    def periods_of_batches(self, batch_ids):
        return self._periods(f"batch_id IN ({numbers(batch_ids)})", batch_ids)

    def periods_of_types(self, company_id, types, meter_ids):
        self.cursor.execute(
            "SELECT DISTINCT period_id FROM usage_store_rollup"
            " WHERE meter_id = ANY(%s)",
            [list(meter_ids)],
        )
        found = {period_id for (period_id,) in self.cursor.fetchall()}
        found.update(self._periods(f"has({texts(types)}, type)", types))
        return sorted(found)

    def _periods(self, condition, wanted):
        """Periods of events in ClickHouse, and of those still on their way."""
        if not wanted:
            return []
        snapshot = Snapshot.load(self.cursor, self.company_id)
        found = {
            period_id
            for (period_id,) in self.driver.query(
                f"{_DISTINCT} usage_event WHERE company_id = {self.company_id}"
                f" AND {condition}"
                + (
                    f" AND attempt_id NOT IN ({numbers(snapshot.leftovers)})"
                    if snapshot.leftovers
                    else ""
                )
            )
        }
        found.update(rows.pending_periods(self.cursor, snapshot.pending))
        self.cursor.execute(
            "SELECT id FROM usage_period WHERE id = ANY(%s) ORDER BY id", [list(found)]
        )
        return [period_id for (period_id,) in self.cursor.fetchall()]


def _additive(source, periods, meter, dimensions, as_of):
    names = {
        "count": (),
        "sum": ("sum",),
        "average": ("sum",),
        "max": ("max",),
        "min": ("min",),
    }[meter.aggregation]
    group = meter.dimension_keys if dimensions else ()
    found = []
    for number, _start, dims, count, first, last, known_at, *figures in source.group(
        whole(periods), meter, group, names, as_of, fallback=False
    ):
        figure = figures[0] if figures else Decimal(count)
        if meter.aggregation == "average":
            figure = Part(count, figure).figure("average")
        period = periods[number]
        found.append(
            exact.aggregate_of(
                period, meter, dims, figure, count, first, last, known_at
            )
        )
    return found


def _bounded(found, properties):
    """Hold events with numbers that no column of ClickHouse can keep exactly.

    :param properties: names of properties that meters read as numbers
    """
    for row in found:
        if row.__class__ is RejectedRow:
            yield row
            continue
        sent = {"value": row[4], "amount": row[5]}
        for name in properties:
            text = row[8].get(name) or row[7].get(name)
            try:
                sent[f"properties.{name}"] = text and Decimal(text)
            except ArithmeticError:
                continue  # the append says what is wrong with it
        wrong = next(
            (
                name
                for name, number in sent.items()
                if number is not None and not _fits(number)
            ),
            None,
        )
        if wrong is None:
            yield row
            continue
        event = EventRow(*row)
        yield RejectedRow(
            row_number=event.row_number,
            reason="invalid_value",
            detail=f"{wrong}: more than 38 digits before or after the decimal point",
            raw=event_to_json(event),
            event_id=event.event_id or "",
            type=event.type or "",
            subject=event.subject or "",
            time=event.time,
        )


def _fits(number):
    return (
        number.__class__ is not Decimal or not number.is_finite() or rows.fits(number)
    )


def _day(bucket):
    """A rollup's bucket: None for the whole period."""
    return bucket if bucket.__class__ is date and bucket.year > 1 else None
