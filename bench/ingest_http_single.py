"""One event a request: what an event costs beside the request that carries it.

Product: POST /usage/v1/events with one event in a served Odoo. Floor: the same route
with no event: same key, rate limit, cursor and commit. Processor time of Odoo and its
PostgreSQL backends, requests in turn on one connection each.
"""

import importlib.util
import json
import sys
from pathlib import Path

#: size -> (customers, requests of a round, rounds)
SIZES = {"small": (100, 100, 4), "full": (500, 300, 8)}
NOTHING = json.dumps({"events": []})


def _common():
    path = Path(__file__).with_name("ingest_http.py")
    if "ingest_http" not in sys.modules:
        spec = importlib.util.spec_from_file_location("ingest_http", path)
        sys.modules["ingest_http"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules["ingest_http"])
    return sys.modules["ingest_http"]


def measure(env, size):
    """:rtype: run.Result"""
    from run import Result

    common = _common()
    customers, requests, rounds = SIZES[size]
    tokens, subjects = common.prepare(env, customers)
    bodies = common.Bodies(subjects)
    cpu, wall = {"one": 0.0, "none": 0.0}, {"one": 0.0, "none": 0.0}
    with common.serving(env) as (odoo, _floor):
        headers = common.headers_of(tokens["strict"])
        for round_number in range(rounds + 1):
            ways = {
                "one": [bodies.next(1) for _request in range(requests)],
                "none": [NOTHING] * requests,
            }
            for name, sent in ways.items():
                spent = common.post_all(odoo, "/usage/v1/events", sent, headers, 1)
                if round_number:  # the first one warms up
                    cpu[name] += spent[0]
                    wall[name] += spent[1]
    total = requests * rounds
    return Result(
        figure=total / wall["one"],
        unit="requests/s",
        floor=total / wall["none"],
        ratio=wall["one"] / wall["none"],
        cpu_ratio=cpu["one"] / cpu["none"],
        goal=1.6,
        minimum=2.0,
        higher_is_better=False,
        extra={
            "requests": total,
            "cpu_ms_per_request": cpu["one"] / total * 1e3,
            "floor_cpu_ms_per_request": cpu["none"] / total * 1e3,
        },
    )
