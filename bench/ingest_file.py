# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Import of a mapped CSV file, from received bytes to stored and added-up events.

Product: what the wizard, the command line and the jobs do for a file: keep it, detect,
parse, map, identify, match, store, add up, count; committed. Floor: the very same rows,
already parsed into Python values, put into PostgreSQL's binary format and copied into a
table without any index or key; committed. ``copy_only`` is the same without the putting
into binary format: what the server alone needs. All on a durable server in the same
run; processor time counts Python and PostgreSQL together.
"""

import importlib.util
import sys
from datetime import datetime, timedelta
from decimal import Decimal
from io import BytesIO
from pathlib import Path

ROWS = {"small": 100_000, "full": 1_000_000}
CUSTOMERS = 200
START = datetime(2026, 10, 1)
MAPPING = """{
  "format": "csv", "name": "Bench export",
  "identity": {"mode": "columns", "parts": ["id"]},
  "fields": {"type": "metric", "subject": "account", "time": "time",
             "value": "quantity"},
  "dimensions": {"region": "region", "class": "class"},
  "source": {"code": "bench_file"},
  "provision": {"prices": "unit_prices", "default_unit_price": "0.01",
    "meters": [{"code": "b_cpu", "event_type": "cpu",
                "dimension_keys": ["region", "class"]},
               {"code": "b_net", "event_type": "net", "dimension_keys": ["region"]}]}
}"""


def _run():
    """The runner's own module, for its watch and result."""
    if "bench_run" not in sys.modules:
        path = Path(__file__).with_name("run.py")
        spec = importlib.util.spec_from_file_location("bench_run", path)
        sys.modules["bench_run"] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules["bench_run"]


def rows(count):
    """Events of a month in the order of their time, as a platform exports them."""
    step = timedelta(days=30) / count
    for number in range(count):
        moment = START + number * step
        yield (
            f"evt-{number:012d}",
            f"account-{number % CUSTOMERS:05d}",
            moment.replace(microsecond=0),
            "net" if number % 3 else "cpu",
            f"{number % 9973}.{number % 1000:03d}",
            ("fr-par", "fr-lyo", "nl-ams")[number % 3],
            ("s", "m")[number % 2],
        )


def usage_file(count):
    """The file to import."""
    lines = ["id,account,time,metric,quantity,region,class"]
    lines += [
        f"{i},{a},{t:%Y-%m-%dT%H:%M:%SZ},{m},{q},{r},{c}"
        for i, a, t, m, q, r, c in rows(count)
    ]
    return ("\n".join(lines) + "\n").encode()


def parsed(count):
    """The same rows as Python values, as they come out of a parser."""
    return [(i, a, t, m, Decimal(q), r, c) for i, a, t, m, q, r, c in rows(count)]


def encode(values):
    """Python values in PostgreSQL's binary COPY format."""
    from odoo.addons.usage_billing.metering import copybin

    epoch, micro = datetime(2000, 1, 1), timedelta(microseconds=1)
    text, int8, numeric = copybin.text, copybin.int8, copybin.numeric
    count = (7).to_bytes(2)
    parts = [copybin.HEADER]
    for key, account, moment, metric, quantity, region, kind in values:
        parts += (
            count,
            text(key),
            text(account),
            int8((moment - epoch) // micro),
            text(metric),
            numeric(quantity),
            text(region),
            text(kind),
        )
    parts.append(copybin.TRAILER)
    return b"".join(parts)


def measure_floor(env, count):
    """Encode and copy the rows into a bare table.

    :return: time spent in all, and by the copy alone
    """
    values = parsed(count)
    cr = env.cr
    cr.execute(
        "CREATE TABLE bench_bare (key text, subject text, at timestamp, type text,"
        " value numeric, region text, class text)"
    )
    cr.commit()
    watch = _run().watch
    with watch(cr) as spent:
        stream = BytesIO(encode(values))
        with watch(cr) as copy_only:
            cr.copy_expert("COPY bench_bare FROM STDIN (FORMAT binary)", stream)
            cr.commit()
    cr.execute("SELECT count(*), sum(value) FROM bench_bare")
    found, _total = cr.fetchone()
    if found != count:
        raise RuntimeError(f"the floor holds {found} rows of {count}")
    cr.execute("DROP TABLE bench_bare")
    cr.commit()
    return spent, copy_only


def measure(env, size):
    """Import, then the floor with the same rows."""
    count = ROWS[size]
    raw = usage_file(count)
    mapping = env["billing.mapping"]._from_text(MAPPING, env.company)
    mapping._provision(raw, "bench.csv")
    env.cr.commit()
    with _run().watch(env.cr) as spent:
        delivery = env["billing.delivery"]._import_file(raw, mapping, name="bench.csv")
        env.cr.commit()
    if (delivery.state, delivery.accepted_count) != ("done", count):
        raise RuntimeError(
            f"{delivery.state}: {delivery.accepted_count} of {count} rows accepted"
        )
    floor, copy_only = measure_floor(env, count)
    return _run().Result(
        figure=count / spent.wall,
        unit="rows/s",
        floor=count / floor.wall,
        ratio=floor.wall / spent.wall,
        cpu_ratio=floor.cpu / spent.cpu,
        goal=0.20,
        minimum=0.10,
        extra={
            "rows": count,
            "cpu_us_per_row": spent.cpu / count * 1e6,
            "floor_cpu_us_per_row": floor.cpu / count * 1e6,
            "copy_only_rows_per_s": count / copy_only.wall,
            "copy_only_cpu_us_per_row": copy_only.cpu / count * 1e6,
        },
    )
