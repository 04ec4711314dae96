# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Parsed rows to stored, unique, durable, matched events, a batch of 100,000 a commit.

Floor, on the same rows in the same run: encode them and copy them in binary format into
a bare table without any index, a commit each batch. ``lean`` in the facts compares with
a floor whose table has no jsonb column. Every variant is checked: what is stored is
exactly what was sent, once.

    keyed      ids carry their time (UUID version 7): no register of ids
    strict     an id is unique for ever, whatever its time
    resent     every batch of ``keyed`` sent a second time
    half       each batch sent twice, one right after the other
    stray      one row of the batch before stands in each batch
    two        two connections send the same batch at the same moment
    orm        Odoo's ``create`` of the same rows in a model of its own
    tenth      throughput of the last tenth of the rows to that of the first

Rollups are left to ``ingest_rollup``.
"""

from io import BytesIO
from statistics import median
from threading import Thread

from events import BATCH, Month, create_customers, create_source, send, watch_all
from run import Part, Result

from odoo import SUPERUSER_ID, api
from odoo.tools import SQL

from odoo.addons.usage_billing.metering import copybin
from odoo.addons.usage_billing.metering.instants import to_microseconds

ROWS = {"small": 300_000, "full": 5_000_000}
ORM_ROWS, ORM_ROUNDS = 3000, 5


def encode(rows, lean=False):
    """Rows in PostgreSQL's binary COPY format, by the quickest means there are."""
    text, int8, number, jsonb = (
        copybin.text, copybin.int8, copybin.number, copybin.jsonb,
    )  # fmt: skip
    known = {}
    for row in rows:
        if id(row.dimensions) not in known:
            values = [f'"{k}": "{v}"' for k, v in row.dimensions.items()]
            known[id(row.dimensions)] = (
                b"".join(map(text, row.dimensions.values()))
                if lean
                else jsonb("{" + ", ".join(values) + "}")
            )
    count = (9 if lean else 7).to_bytes(2)
    parts = [
        count
        + text(event_id)
        + text(etype)
        + text(subject)
        + int8(to_microseconds(moment))
        + number(value)[1]
        + known[id(dimensions)]
        + copybin.int4(row_number)
        for event_id, etype, subject, moment, value, _, _, dimensions, _, row_number
        in rows
    ]  # fmt: skip
    return b"".join((copybin.HEADER, *parts, copybin.TRAILER))


def bare(env, month, lean=False):
    """The floor: encode and copy every batch, commit each.

    :return: Watch
    """
    columns = "region text, class text, zone text" if lean else "dimensions jsonb"
    env.cr.execute(
        "CREATE TABLE bench_bare (event_id text, type text, subject text,"
        f" time timestamp, value numeric, {columns}, row_number int)"
    )
    env.cr.commit()
    total = None
    for rows in month.batches():
        with watch_all(env) as spent:
            env.cr.copy_expert(
                "COPY bench_bare FROM STDIN (FORMAT binary)",
                BytesIO(encode(rows, lean)),
                1 << 18,
            )
            env.cr.commit()
        total = add(total, spent)
    env.cr.execute("SELECT count(*) FROM bench_bare")
    if env.cr.fetchone()[0] != month.count:
        raise RuntimeError("the floor does not hold every row")
    env.cr.execute("DROP TABLE bench_bare")
    env.cr.commit()
    return total


def add(total, spent):
    if total is None:
        return spent
    total.wall += spent.wall
    total.cpu += spent.cpu
    return total


def store(env, source, batches, accepted):
    """Send batches and check the counts.

    :param batches: iterable of lists of rows
    :param accepted: function (batch number, rows) -> how many of them are new
    :return: (Watch in all, list of Watch by batch)
    """
    pieces, total = [], None
    for number, rows in enumerate(batches):
        with watch_all(env) as spent:
            result = send(env, source, rows)
        wanted = accepted(number, rows)
        if (result.accepted, result.duplicate) != (wanted, len(rows) - wanted):
            raise RuntimeError(f"batch {number}: {result} and not {wanted} new rows")
        pieces.append(spent)
        total = add(total, type(spent)(spent.wall, spent.cpu))
    return total, pieces


def check(env, source, month):
    """What a source stored is the month, each event once."""
    env.cr.execute(
        "SELECT count(*), count(DISTINCT event_id), sum(value) FROM usage_store_event"
        " WHERE source_id = %s",
        [source.id],
    )
    found = env.cr.fetchone()
    total = sum(float(row.value) for rows in month.batches() for row in rows)
    if found[:2] != (month.count, month.count) or abs(found[2] - total) > 0.01:
        raise RuntimeError(f"{source.code} holds {found} of {month.count} rows")
    env.cr.commit()


def strays(month):
    """Batches of which each repeats one row of the batch before."""
    before = None
    for rows in month.batches():
        middle = len(rows) // 2
        yield [*rows[:middle], *([before] if before else []), *rows[middle:]]
        before = rows[7]


def twice(month):
    for rows in month.batches():
        yield rows
        yield rows


def send_at_once(env, month):
    """Two connections send one batch; what is stored is the batch, once."""
    source = create_source(env, "two")
    rows = month.rows(0, 20_000)
    results = []

    def run():
        with env.registry.cursor() as cr:
            own = api.Environment(cr, SUPERUSER_ID, {})
            results.append(send(own, source.with_env(own), rows))

    threads = [Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counts = sorted((result.accepted, result.duplicate) for result in results)
    if counts != [(0, len(rows)), (len(rows), 0)]:
        raise RuntimeError(f"two connections: {counts}")


def compare_with_orm(env, month):
    """How many times quicker than Odoo's ``create`` of the same rows.

    1,000 rows a commit, in a plain model with a unique id, an indexed customer and the
    fields of the log. The two take turns, so that both meet the same load of the
    machine. Like every comparison, it is the median of five rounds, which are spread
    evenly over the month; in the first, the source is new and each route is asked for
    and numbered.

    :return: (by the clock, by processor time, microseconds of ours and of theirs a row
        by the clock): medians of the rounds; then the first round by the clock
    """
    Model, source = create_model(env), create_source(env, "orm")
    batches = -(-month.count // BATCH)
    step = max(1, (batches - 1) // (ORM_ROUNDS - 1))
    rounds = []
    for number in range(step * (ORM_ROUNDS - 1) + 1):
        start = number * BATCH % month.count
        if not start:
            forget(env)
        rows = month.rows(start, start + BATCH)
        with watch_all(env) as ours:
            send(env, source, rows)
        if number % step:
            continue
        low = len(rounds) * ORM_ROWS
        part = rows[low : low + ORM_ROWS]
        with watch_all(env) as theirs:
            create_by_orm(Model, part)
        share = len(rows) / len(part)
        rounds.append(
            (
                share * theirs.wall / ours.wall,
                share * theirs.cpu / ours.cpu,
                ours.wall / len(rows) * 1e6,
                theirs.wall / len(part) * 1e6,
            )
        )
    return *map(median, zip(*rounds, strict=True)), rounds[0][0]


def create_model(env):
    """A model of the user interface's kind, with the columns of an event."""
    model = env["ir.model"].create(
        {
            "name": "Bench event",
            "model": "x_bench_event",
            "field_id": [
                (0, 0, {"name": f"x_{name}", "field_description": name, **vals})
                for name, vals in {
                    "event_id": {"ttype": "char"},
                    "type": {"ttype": "char"},
                    "subject": {"ttype": "char", "index": True},
                    "time": {"ttype": "datetime"},
                    "value": {"ttype": "float"},
                    "dimensions": {"ttype": "char"},
                    "row_number": {"ttype": "integer"},
                }.items()
            ],
        }
    )
    env.cr.execute("CREATE UNIQUE INDEX ON x_bench_event (x_event_id)")
    env.cr.commit()
    return env[model.model]


def create_by_orm(Model, rows):
    env = Model.env
    for low in range(0, len(rows), 1000):
        Model.create(
            [
                {
                    "x_event_id": row.event_id,
                    "x_type": row.type,
                    "x_subject": row.subject,
                    "x_time": row.time.replace(microsecond=0),
                    "x_value": float(row.value),
                    "x_dimensions": str(dict(row.dimensions)),
                    "x_row_number": row.row_number,
                }
                for row in rows[low : low + 1000]
            ]
        )
        env.cr.commit()
        env.invalidate_all()


def forget(env):
    """Empty the store, so that each variant finds it alike."""
    env.cr.execute(
        SQL("SELECT relname FROM pg_class WHERE relname ~ '^usage_store_fact_[0-9]+$'")
    )
    for (name,) in env.cr.fetchall():
        env.cr.execute(SQL("TRUNCATE %s", SQL.identifier(name)))
    env.cr.execute("TRUNCATE usage_store_identity")
    env.cr.commit()


def measure(env, size):
    """Floor, then each variant, on an emptied store."""
    month = Month(ROWS[size])
    count, batches = month.count, -(-month.count // BATCH)
    create_customers(env, month.customers)
    send(env, create_source(env, "warm"), month.rows(0, 1000))
    floor, lean = bare(env, month), bare(env, month, lean=True)

    def every(_number, rows):
        return len(rows)

    forget(env)
    keyed_source = create_source(env, "keyed")
    keyed, pieces = store(env, keyed_source, month.batches(), every)
    check(env, keyed_source, month)
    resent, _pieces = store(env, keyed_source, month.batches(), lambda *_: 0)
    check(env, keyed_source, month)
    forget(env)

    strict_source = create_source(env, "strict", strict=True)
    strict, _pieces = store(env, strict_source, month.batches(), every)
    check(env, strict_source, month)
    strict_resent, _pieces = store(env, strict_source, month.batches(), lambda *_: 0)
    forget(env)

    source = create_source(env, "half")
    half, _pieces = store(
        env, source, twice(month), lambda number, rows: 0 if number % 2 else len(rows)
    )
    check(env, source, month)
    forget(env)

    source = create_source(env, "stray")
    stray, _pieces = store(
        env,
        source,
        strays(month),
        lambda number, rows: len(rows) - 1 if number else len(rows),
    )
    check(env, source, month)
    forget(env)

    send_at_once(env, month)
    orm_wall, orm_cpu, own_us, orm_us, orm_new = compare_with_orm(env, month)
    tenth = max(1, len(pieces) // 10)
    first = median(piece.cpu for piece in pieces[:tenth])
    last = median(piece.cpu for piece in pieces[-tenth:])
    return Result(
        figure=count / keyed.wall,
        unit="rows/s",
        floor=count / floor.wall,
        ratio=floor.wall / keyed.wall,
        cpu_ratio=floor.cpu / keyed.cpu,
        goal=0.45,
        minimum=0.33,
        parts={
            "strict": Part(floor.cpu / strict.cpu, 0.25, 0.15),
            "resent": Part(floor.cpu / resent.cpu, 0.50, 0.33),
            "half_resent": Part(2 * floor.cpu / half.cpu, 0.50, 0.33),
            "strict_resent": Part(floor.cpu / strict_resent.cpu, 0.50, 0.33),
            "stray": Part(floor.cpu / stray.cpu, 0.25, 0.15),
            "times_orm_wall": Part(orm_wall, 40, 20),
            "last_tenth": Part(first / last, 0.8, 0.8),
        },
        extra={
            "rows": count,
            "batches": batches,
            "customers": month.customers,
            "cpu_us_per_row": keyed.cpu / count * 1e6,
            "floor_cpu_us_per_row": floor.cpu / count * 1e6,
            "strict_cpu_us_per_row": strict.cpu / count * 1e6,
            "resent_cpu_us_per_row": resent.cpu / count * 1e6,
            "stray_cpu_us_per_row": stray.cpu / count * 1e6,
            "lean_floor_cpu_us_per_row": lean.cpu / count * 1e6,
            "cpu_ratio_to_lean_floor": lean.cpu / keyed.cpu,
            "times_orm_cpu": orm_cpu,
            "times_orm_wall_of_a_new_source": orm_new,
            "wall_us_per_row_beside_orm": own_us,
            "orm_wall_us_per_row": orm_us,
        },
    )
