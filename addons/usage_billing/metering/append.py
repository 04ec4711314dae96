"""One append to the PostgreSQL store.

How a chunk of rows goes in
    1. a route for each distinct (type, subject, dimensions): subscription, periods
    2. per row: identity, period by time, encoding; what does not fit is held
    3. identities go straight into the registry by COPY; only when one is there already
       is that undone and the way through a staging table taken, which tells the new
    4. the new rows go by COPY into the tables of their months
    5. rollups are added up from the new rows and written at the end
"""

from collections import defaultdict
from contextlib import contextmanager, suppress
from decimal import Decimal, localcontext
from io import BytesIO
from itertools import compress, islice
from operator import itemgetter
from struct import Struct

import psycopg2.errors

from . import copybin, schema
from .jsonform import event_to_json, properties_to_json
from .keys import event_key, identity_function, payload_bytes, payload_hash
from .rollups import Additions
from .routing import (
    EPOCH,
    EXACT,
    OPEN_END,
    Router,
    from_microseconds,
    to_microseconds,
)
from .store import BatchSpec, HeldRow
from .values import AppendResult, EventRow, RejectedRow, RowOutcome

#: Rollup rows kept in memory before they are written.
ROLLUPS_KEPT = 200_000

_EVENT_COLUMNS = (
    "key, time, payload_hash, id, row_number, event_id, value, amount, currency,"
    " properties, company_id, source_id, batch_id, subscription_id, period_id,"
    " dimset_id, type, subject, kind, received_at"
)
_event_head = Struct(">hi16siqi8siqiii").pack
_identity_row = Struct(">hi16si8siq").pack
_shared_numbers = Struct(">iiiiiiiiiiii").pack
_USAGE = copybin.data(b"u")
_NOTHING_OPTIONAL = copybin.NULL * 3
_type_of = itemgetter(1)
_subject_of = itemgetter(2)
_time_of = itemgetter(3)
_dimensions_of = itemgetter(7)


class Held(Exception):
    """A row that cannot be stored: reason code and detail."""


class Prepared:
    """Rows of a chunk, matched and encoded.

    events, contents, times: parallel to the rows; encoded event, payload hash,
        microseconds; None for rows that failed
    identities: encoded rows for the registry, of unique rows only
    seen: unique key -> index of the first row that shows it
    repeated: (index, index of the first row with the same key, key)
    known: unique key -> payload hash, of events stored by earlier appends
    failures: (index, reason, detail)
    """

    __slots__ = (
        "contents",
        "events",
        "failures",
        "identities",
        "known",
        "repeated",
        "seen",
        "times",
    )

    def __init__(self, size):
        self.events = [None] * size
        self.contents = [None] * size
        self.times = [None] * size
        self.identities = []
        self.seen = {}
        self.known = {}
        self.repeated = []
        self.failures = []


class Append:
    """One append: what is kept from chunk to chunk.

    :param PostgresStore store: gives cursor, catalogue, quarantine and month tables
    """

    def __init__(self, store, batch: BatchSpec):
        self.store = store
        self.cursor = store.cursor
        self.batch = batch
        self.result = AppendResult()
        latest = OPEN_END if batch.latest is None else to_microseconds(batch.latest)
        self.router = Router(
            store.catalogue, batch.source_id, latest, self._encode_shared
        )
        self.identity = identity_function(batch.company_id, batch.source_id)
        self.received = copybin.int8(to_microseconds(batch.received_at))
        self.dimsets = {}
        self.additions = Additions()
        self.months = set()
        self.resent = False
        self.ordinal = (batch.id << 31) + batch.first_row

    def run(self, rows, chunk):
        """:rtype: AppendResult"""
        iterator = iter(rows)
        while taken := list(islice(iterator, chunk)):
            self._take(taken)
        self.additions.write(self.cursor, self.batch.received_at)
        self.result.outcomes.sort(key=itemgetter(0))
        return self.result

    # -- one chunk -------------------------------------------------------------------

    def _take(self, taken):
        self.result.rows += len(taken)
        rejected = [row for row in taken if row.__class__ is RejectedRow]
        rows = taken
        if rejected:
            rows = [row for row in taken if row.__class__ is not RejectedRow]
        held = [_held_as_received(row) for row in rejected]
        if rows:
            rows, newest = _naive(rows)
            keys = _route_keys(rows)
            self._build_routes(keys, newest)
            prepared = Prepared(len(rows))
            self._prepare(rows, keys, prepared)
            if prepared.failures:
                held += self._hold_unless_known(rows, keys, prepared.failures)
            old = self._register(rows, prepared, held)
            self._store(rows, prepared, old, held)
            self._take_repeated(rows, prepared, held)
        if held:
            self._hold(held)

    def _build_routes(self, keys, newest):
        """Make the routes that are missing; ``newest`` is the latest time, or None."""
        router = self.router
        missing = router.missing(keys)
        if newest is not None:
            # It may drop routes, when periods beyond the known ones are needed.
            router.load(missing, min(to_microseconds(newest), router.latest))
            missing = router.missing(keys)
        if not missing:
            return
        wanted = router.dimensions(missing)
        self.dimsets.update(
            self.store.dimset_ids(
                {text: wanted[text] for text in wanted.keys() - self.dimsets.keys()}
            )
        )
        for key in missing:
            router.build(key, self.dimsets.__getitem__)

    def _encode_shared(self, route, segment):
        """Encode once what all rows of a segment share: the last columns."""
        batch = self.batch
        etype, subject, _items = route.key
        numbers = (
            batch.company_id,
            batch.source_id,
            batch.id,
            segment.subscription_id,
            segment.period_id,
            route.dimset_id,
        )
        segment.tail = (
            _shared_numbers(*(part for number in numbers for part in (4, number)))
            + copybin.text(etype)
            + copybin.text(subject)
            + _USAGE
            + self.received
        )
        segment.plain_tail = _NOTHING_OPTIONAL + segment.tail

    def _prepare(self, rows, keys, prepared):
        """Match and encode each row; the loop that decides how fast an import is."""
        route_of = self.router.routes.__getitem__
        identity_of, number_of, ordinal = self.identity, copybin.number, self.ordinal
        time_keyed = self.batch.time_keyed
        events, contents, times = prepared.events, prepared.contents, prepared.times
        first_seen = prepared.seen.setdefault
        add_identity = prepared.identities.append
        for index, row in enumerate(rows):
            event_id, _, _, time, value, amount, currency, _, properties, number = row
            route = route_of(keys[index])
            try:
                if not event_id or time is None:
                    raise Held("missing_field", _missing(row))
                delta = time - EPOCH
                microseconds = (
                    delta.days * 86_400 + delta.seconds
                ) * 1_000_000 + delta.microseconds
                if not route.low <= microseconds < route.high:
                    reason = route.move(microseconds)
                    if reason:
                        raise Held(reason, "")
                segment = route.segment
                raw_id, identity = identity_of(event_id)
                value_text, value_bytes = number_of(value)
                if value is None and segment.needs_value:
                    raise Held("missing_field", "value")
                if amount is None and currency is None and not properties:
                    rest_text, rest = "", segment.plain_tail
                else:
                    rest_text, rest = optional_fields(amount, currency, properties)
                    rest += segment.tail
                if segment.is_strict or currency is not None:
                    _check_meters(segment, row)
            except Held as error:
                prepared.failures.append((index, *error.args))
                continue
            except (ValueError, ArithmeticError) as error:
                prepared.failures.append((index, "invalid_value", str(error)))
                continue
            content = payload_hash(
                f"{route.payload}{microseconds}|{value_text}|{rest_text}"
            )
            key = event_key(microseconds, identity)
            unique = key if time_keyed else identity
            contents[index] = content
            times[index] = microseconds
            if first_seen(unique, index) != index:
                prepared.repeated.append((index, prepared.seen[unique], unique))
                continue
            ordinal += 1
            events[index] = (
                _event_head(
                    20, 16, key, 8, microseconds, 8, content, 8, ordinal, 4, number,
                    len(raw_id),
                )
                + raw_id
                + value_bytes
                + rest
            )  # fmt: skip
            add_identity(_identity_row(3, 16, identity, 8, content, 8, microseconds))
            route.put(index)
        self.ordinal = ordinal

    # -- identity --------------------------------------------------------------------

    def _register(self, rows, prepared, held):
        """Find the rows that are new, and make sure they stay the only ones.

        :return: indexes of rows that are not new
        :rtype: set[int]
        """
        old = set()
        if not prepared.seen:
            return old
        known = self._known(prepared)
        self.resent = bool(known)
        self.result.accepted += len(prepared.seen)
        self._take_all_known(rows, prepared, known, old, held)
        return old

    def _known(self, prepared):
        """Register the rows' identities.

        :return: those that exist: unique key -> payload hash of the event stored
        """
        if self.batch.time_keyed:
            # Their place in the month's table is their registry: see _store().
            return self._existing_keys(prepared) if self.resent else {}
        if self.resent:
            return self._stage_identities(prepared)
        try:
            with self._savepoint():
                self._copy(
                    "usage_store_identity (identity, payload_hash, time)",
                    prepared.identities,
                )
        except psycopg2.errors.UniqueViolation:
            return self._stage_identities(prepared)
        return {}

    def _take_repeated(self, rows, prepared, held):
        """Compare rows with the same key inside the chunk with the event that stays.

        That is the one stored before, else the first of them.
        """
        for index, first, unique in prepared.repeated:
            content = prepared.known.get(unique, prepared.contents[first])
            self._take_known(rows, prepared, index, content, held)

    def _take_all_known(self, rows, prepared, known, old, held):
        """Take rows out of the new ones.

        :param dict known: unique key -> payload hash of the event stored earlier
        """
        self.result.accepted -= len(known)
        prepared.known.update(known)
        for key, content in known.items():
            index = prepared.seen.pop(key)
            old.add(index)
            self._take_known(rows, prepared, index, content, held)

    def _take_known(self, rows, prepared, index, content, held):
        """Count a row whose identity exists: a duplicate, or a conflict to hold."""
        if prepared.contents[index] == content:
            self._count_duplicate(rows[index])
        else:
            held.append(self._held_event(rows[index], "conflict", ""))

    def _count_duplicate(self, row):
        self.result.duplicate += 1
        if self.batch.report:
            self.result.outcomes.append(RowOutcome(row[9], "duplicate"))

    def _stage_identities(self, prepared):
        """Register identities of which some may exist.

        :return: those that exist: identity -> payload hash
        """
        cursor = self.cursor
        cursor.execute(
            "CREATE TEMP TABLE IF NOT EXISTS usage_stage_identity"
            " (LIKE usage_store_identity) ON COMMIT DROP; TRUNCATE usage_stage_identity"
        )
        self._copy(
            "usage_stage_identity (identity, payload_hash, time)", prepared.identities
        )
        cursor.execute(
            "WITH added AS ("
            "   INSERT INTO usage_store_identity (identity, payload_hash, time)"
            "   SELECT identity, payload_hash, time FROM usage_stage_identity"
            "   ORDER BY identity ON CONFLICT (identity) DO NOTHING RETURNING identity)"
            " DELETE FROM usage_stage_identity s USING added a"
            " WHERE s.identity = a.identity"
        )
        cursor.execute(
            "SELECT i.identity, i.payload_hash FROM usage_store_identity i"
            " JOIN usage_stage_identity s ON s.identity = i.identity"
        )
        return _known_rows(cursor)

    def _existing_keys(self, prepared):
        """Of a source with time-keyed ids: the events that the months hold already.

        :return: key -> payload hash
        """
        times = [prepared.times[index] for index in prepared.seen.values()]
        self.cursor.execute(
            "SELECT e.key, e.payload_hash FROM unnest(%s::uuid[]) AS k(key)"
            " JOIN usage_store_event e ON e.key = k.key"
            " AND e.time >= %s AND e.time <= %s",
            [
                [key.hex() for key in prepared.seen],
                from_microseconds(min(times)),
                from_microseconds(max(times)),
            ],
        )
        return _known_rows(self.cursor)

    def _hold_unless_known(self, rows, keys, failures):
        """Hold rows that cannot be matched, but not those stored earlier.

        A re-sent event stays a duplicate when its meter was archived meanwhile.

        :return: list[HeldRow]
        """
        fingerprints = {
            index: self._fingerprint(rows[index], keys[index]) for index, *_ in failures
        }
        known = {}
        wanted = [found[0].hex() for found in fingerprints.values() if found]
        if wanted and not self.batch.time_keyed:
            self.cursor.execute(
                "SELECT identity, payload_hash FROM usage_store_identity"
                " WHERE identity = ANY(%s::uuid[])",
                [wanted],
            )
            known = _known_rows(self.cursor)
        held = []
        for index, reason, detail in failures:
            identity, content = fingerprints[index] or (None, None)
            if identity not in known:
                held.append(self._held_event(rows[index], reason, detail))
            elif known[identity] == content:
                self._count_duplicate(rows[index])
            else:
                held.append(self._held_event(rows[index], "conflict", ""))
        return held

    def _fingerprint(self, row, key):
        """Identity and payload hash of a row outside the fast loop, None without."""
        row = EventRow(*row)
        try:
            _raw, identity = self.identity(row.event_id)
            value_text, _bytes = copybin.number(row.value)
            rest = ""
            if row.amount is not None or row.currency is not None or row.properties:
                rest, _bytes = optional_fields(row.amount, row.currency, row.properties)
            moment = to_microseconds(row.time)
        except (ValueError, ArithmeticError, TypeError, AttributeError):
            return None
        payload = self.router.routes[key].payload
        return identity, payload_hash(f"{payload}{moment}|{value_text}|{rest}")

    # -- events and rollups ------------------------------------------------------------

    def _store(self, rows, prepared, old, held):
        """COPY the new events into their months and add them to the rollups."""
        months = defaultdict(list)
        for segment, (month, day), indexes in self.router.take_buckets():
            months[month].append((segment.period_id, day, segment, indexes))
        self._create_months(months)
        if self.batch.time_keyed:
            self._copy_time_keyed(rows, prepared, months, old, held)
        else:
            self._copy_events(prepared, months, old)
        times = prepared.times
        with localcontext(EXACT):
            for buckets in months.values():
                for _period, day, segment, indexes in buckets:
                    if old:
                        indexes = [index for index in indexes if index not in old]
                    if indexes:
                        self._add_up(
                            segment,
                            day,
                            [rows[index] for index in indexes],
                            [times[index] for index in indexes],
                        )
        if len(self.additions) > ROLLUPS_KEPT:
            self.additions.write(self.cursor, self.batch.received_at)

    def _copy_events(self, prepared, months, old):
        events = prepared.events
        for month, buckets in sorted(months.items()):
            # Period by period, so that the BRIN index of the month can find them.
            buckets.sort(key=itemgetter(0, 1))
            indexes = [index for bucket in buckets for index in bucket[3]]
            if old:
                indexes = [index for index in indexes if index not in old]
            self._copy(
                f"{schema.leaf(month)} ({_EVENT_COLUMNS})",
                [events[index] for index in indexes],
            )

    def _copy_time_keyed(self, rows, prepared, months, old, held):
        """COPY where the unique key of the month is the only registry.

        :raise SerializationFailure: the transaction cannot see the events that stand in
            its way (REPEATABLE READ): it must begin again
        """
        while True:
            try:
                with self._savepoint():
                    self._copy_events(prepared, months, old)
                return
            except psycopg2.errors.UniqueViolation as error:
                known = self._existing_keys(prepared)
                if not known:
                    raise psycopg2.errors.SerializationFailure(
                        "events stored by another transaction meanwhile"
                    ) from error
                self._take_all_known(rows, prepared, known, old, held)
                self.resent = True

    def _add_up(self, segment, day, rows, times):
        """Add events of one segment and local day to the rollups in memory."""
        for meter, dimset_id, filters in segment.meters:
            counted, when = rows, times
            if filters:
                shown = [_shows(row, filters) for row in rows]
                counted = list(compress(rows, shown))
                when = list(compress(times, shown))
                if not counted:
                    continue
            values = None
            if meter.needs_value:
                values = _values(meter, counted)
            self.additions.add(
                (segment.period_id, meter.id, dimset_id, day),
                segment.subscription_id,
                values,
                when,
            )

    def _create_months(self, months):
        new = set(months) - self.months
        missing = new and schema.missing_leaves(self.cursor, new)
        if missing:
            with self.store.partition_cursor() as cursor:
                schema.create_leaves(cursor, missing)
        self.months |= new

    # -- quarantine --------------------------------------------------------------------

    def _held_event(self, row, reason, detail):
        row = EventRow(*row)
        key = (row.type, row.subject, tuple(row.dimensions.items()))
        identity, content = self._fingerprint(row, key) or (b"", b"")
        return HeldRow(
            row_number=row.row_number,
            reason=reason,
            detail=detail,
            raw=event_to_json(row),
            is_event=True,
            event_id=row.event_id or "",
            type=row.type or "",
            subject=row.subject or "",
            time=row.time,
            amount=row.amount,
            identity=identity.hex(),
            payload_hash=content.hex(),
        )

    def _hold(self, held):
        repeated = self.store.hold(self.batch, held)
        self.result.duplicate += len(repeated)
        quarantined = self.result.quarantined
        for position, row in enumerate(held):
            if position not in repeated:
                quarantined[row.reason] = quarantined.get(row.reason, 0) + 1
        if self.batch.report:
            self.result.outcomes += [
                RowOutcome(
                    row.row_number,
                    "duplicate" if position in repeated else _status(row.reason),
                    row.reason,
                    row.detail,
                )
                for position, row in enumerate(held)
            ]

    # -- plumbing ----------------------------------------------------------------------

    def _copy(self, target, rows):
        if rows:
            self.cursor.copy_expert(
                f"COPY {target} FROM STDIN (FORMAT binary)",
                BytesIO(b"".join((copybin.HEADER, *rows, copybin.TRAILER))),
                size=1 << 18,
            )

    @contextmanager
    def _savepoint(self):
        self.cursor.execute("SAVEPOINT usage_store")
        try:
            yield
        except psycopg2.errors.UniqueViolation:
            self.cursor.execute("ROLLBACK TO SAVEPOINT usage_store")
            raise
        self.cursor.execute("RELEASE SAVEPOINT usage_store")


def optional_fields(amount, currency, properties):
    """Canonical text and encoded fields of what most events do not have."""
    amount_text, amount_bytes = copybin.number(amount)
    document = properties_to_json(properties) if properties else None
    return (
        f"{amount_text}|{currency or ''}|{document or ''}",
        amount_bytes + copybin.text(currency) + copybin.jsonb(document),
    )


def _route_keys(rows):
    """(type, subject, dimension items) of each row.

    Feeds hand out the same few mappings over and over: each is looked into once.
    """
    mappings = list(map(_dimensions_of, rows))
    numbers = list(map(id, mappings))
    items = {
        number: tuple(dimensions.items())
        for number, dimensions in dict(zip(numbers, mappings, strict=True)).items()
    }
    return list(
        zip(
            map(_type_of, rows),
            map(_subject_of, rows),
            map(items.__getitem__, numbers),
            strict=True,
        )
    )


def _naive(rows):
    """Rows with naive UTC times, and the newest time (None when no row has one)."""
    # TypeError: some have none, or aware and naive ones stand together
    with suppress(TypeError):
        newest = max(map(_time_of, rows))
        if newest is not None and newest.tzinfo is None:
            return rows, newest
    rows = [
        row
        if row[3] is None or row[3].tzinfo is None
        else EventRow(*row)._replace(time=from_microseconds(to_microseconds(row[3])))
        for row in rows
    ]
    return rows, max((row[3] for row in rows if row[3] is not None), default=None)


def _known_rows(cursor):
    """Rows (uuid, bigint) of a query as {key: payload hash}, both bytes."""
    return {
        bytes.fromhex(key.replace("-", "")): payload_bytes(number)
        for key, number in cursor.fetchall()
    }


def _missing(row):
    """Names of the required fields a row lacks."""
    row = EventRow(*row)
    return ", ".join(
        name
        for name in ("event_id", "type", "subject", "time")
        if not getattr(row, name)
    )


def _check_meters(segment, row):
    """Check what the meters of a segment need of this very event.

    :raise Held: something is missing or does not fit
    :raise ValueError, ArithmeticError: a property is not a number
    """
    for meter, _dimset, filters in segment.meters:
        if filters and not _shows(row, filters):
            continue
        if meter.unique_property and _property(meter.unique_property, row) is None:
            raise Held("missing_field", meter.unique_property)
        if not meter.needs_value:
            continue
        if meter.value_source == "amount":
            if row[5] is None:
                raise Held("missing_field", "amount")
            if row[6] and segment.currency and row[6] != segment.currency:
                raise Held("currency", f"{row[6]}, {segment.currency}")
        elif meter.value_source == "property":
            text = _property(meter.value_property, row)
            if text is None:
                raise Held("missing_field", meter.value_property)
            copybin.number(Decimal(text))
        elif row[4] is None:
            raise Held("missing_field", "value")


def _shows(row, filters):
    """Whether an event's properties show all these (name, value) pairs."""
    return all(row[8].get(key) == value for key, value in filters)


def _property(name, row):
    text = row[8].get(name)
    return row[7].get(name) if text is None else text


def _values(meter, rows):
    """Numbers that a meter reads from events."""
    if meter.value_source == "value":
        return [row[4] for row in rows]
    if meter.value_source == "amount":
        return [row[5] for row in rows]
    return [Decimal(_property(meter.value_property, row)) for row in rows]


def _status(reason):
    """Status of a row that is held for a reason."""
    return "conflict" if reason == "conflict" else "quarantined"


def _held_as_received(row):
    return HeldRow(
        row_number=row.row_number,
        reason=row.reason,
        detail=row.detail,
        raw=row.raw,
        is_event=False,
        event_id=row.event_id,
        type=row.type,
        subject=row.subject,
        time=row.time,
        amount=row.amount,
    )
