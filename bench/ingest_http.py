"""Events over HTTP, 1,000 a request, four requests at a time.

Product: POST /usage/v1/events in a served Odoo (threads): key, rate limit, JSON with
every digit, identity, matching with subscription and period, sums of period and day,
batch record; committed before the answer. The ids carry their time (UUID version 7);
``strict`` among the facts is the same with a register of ids. Floor: a bare werkzeug
application that parses with ``json``, copies text and inserts what is new into one
table (``http_floor.py``); same bodies, same PostgreSQL, same run, turn and turn about.

Processor time counts the serving process and its PostgreSQL backends, not the sender.
"""

import http.client
import json
import random
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from odoo.tools import config

EVENTS = 1_000
AT_ONCE = 4
#: size -> (customers, requests of a round, rounds)
SIZES = {"small": (300, 24, 3), "full": (2_000, 60, 5)}
TICKS = 100
START = datetime(2026, 10, 1)
EPOCH_MS = int((START - datetime(1970, 1, 1)).total_seconds()) * 1000


class Server:
    """A served process and what it costs.

    backends: function giving the ids of its PostgreSQL processes
    """

    def __init__(self, process, port, backends):
        self.process = process
        self.port = port
        self.backends = backends

    def cpu(self):
        """Processor seconds of the process and its backends so far."""
        return sum(map(_seconds, [self.process.pid, *self.backends()]))

    def post(self, path, body, headers):
        """Send one request on a connection of its own; the answer as (status, body)."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        found = answer.status, answer.read()
        connection.close()
        return found


def _seconds(pid):
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return 0.0
    fields = stat.rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def prepare(env, customers):
    """A month of customers on a plan, a source, a key and the floor's table.

    :return: ({identity mode: token of a key}, subjects of the customers)
    """
    import scene

    plan = scene.create_plan(env)
    subscriptions = scene.create_subscriptions(
        env, plan, customers, date_start=START.date()
    )
    env["usage.meter"].search([]).write({"dimension_keys": False})
    tokens = {mode: _issue_token(env, mode) for mode in ("time_keyed", "strict")}
    env.cr.execute(
        "CREATE TABLE bench_floor (id text PRIMARY KEY, type text, subject text,"
        " time timestamp, value numeric, properties jsonb)"
    )
    env.cr.commit()
    return tokens, subscriptions.subject_ids.mapped("subject")


def _issue_token(env, mode):
    """Token of a key to a new source with this identity mode."""
    source = env["usage.source"].create(
        {
            "name": mode,
            "code": f"bench-{mode}",
            "kind": "api",
            "identity_mode": mode,
            "id_format": "uuid7",
            "future_tolerance_min": -1,
        }
    )
    limits = {"rate_limit": 100_000, "rate_burst": 100_000}
    return (
        env["usage.api.key"]
        .create({"name": mode, "source_id": source.id, **limits})
        ._issue_token()
    )


class Bodies:
    """Requests with ever new events: in order of time, customers drawn unevenly."""

    def __init__(self, subjects):
        self.subjects = subjects
        self.random = random.Random(3)
        self.number = 0

    def next(self, events=EVENTS):
        return json.dumps({"events": [self._event() for _event in range(events)]})

    def _event(self):
        self.number += 1
        draw = self.random.random
        customer = int(draw() ** 2 * len(self.subjects))
        moment = START + timedelta(milliseconds=self.number * 900)
        clock = f"{EPOCH_MS + self.number * 900:012x}"
        return {
            "id": f"{clock[:8]}-{clock[8:]}-7000-8000-{self.number:012x}",
            "type": ("compute", "storage", "requests")[self.number % 3],
            "subject": self.subjects[customer],
            "time": f"{moment.isoformat(timespec='milliseconds')}Z",
            "value": round(draw() * 1000, 3),
            "properties": {
                "host": f"vm-{self.number % 50}",
                "zone": "fr-par-1",
                "job": f"{self.number:x}",
            },
        }


@contextmanager
def serving(env):
    """Odoo and the floor, each in a process of its own on this database.

    :return: context manager giving (Odoo's Server, the floor's Server)
    """
    name = env.cr.dbname
    floor_mark = "bench-http-floor"
    parts = {
        "dbname": name,
        "host": config["db_host"],
        "port": config["db_port"],
        "user": config["db_user"],
        "password": config["db_password"],
        "application_name": floor_mark,
    }
    dsn = " ".join(f"{key}={value}" for key, value in parts.items() if value)
    ports = [_free_port(), _free_port()]
    odoo = subprocess.Popen(
        [
            *(sys.executable, Path(sys.executable).with_name("odoo")),
            *("-c", config["config"], "-d", name, "--http-port", str(ports[0])),
            *("--workers", "0", "--max-cron-threads", "0", "--log-level", "error"),
        ]
    )
    floor = subprocess.Popen(
        [
            *(sys.executable, Path(__file__).with_name("http_floor.py")),
            *(str(ports[1]), dsn),
        ],
        stderr=subprocess.DEVNULL,
    )
    env.cr.execute("SELECT pg_backend_pid()")
    [own] = env.cr.fetchone()
    env.cr.commit()

    def backends(mine):
        def find():
            env.cr.execute(
                "SELECT pid FROM pg_stat_activity WHERE datname = %s AND pid <> %s"
                " AND (application_name = %s) = %s AND backend_type = 'client backend'",
                [name, own, floor_mark, mine],
            )
            found = [pid for (pid,) in env.cr.fetchall()]
            env.cr.commit()
            return found

        return find

    try:
        servers = (
            Server(odoo, ports[0], backends(False)),
            Server(floor, ports[1], backends(True)),
        )
        for server in servers:
            _wait(server)
        yield servers
    finally:
        for process in (odoo, floor):
            process.terminate()
        for process in (odoo, floor):
            process.wait(20)


def _free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def _wait(server, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", server.port), 1).close()
            return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError("a server did not start")


def post_all(server, path, bodies, headers, at_once=AT_ONCE):
    """Send bodies, several at a time; processor and wall seconds of the server.

    :return: (processor seconds, wall seconds, seconds of each request)
    """

    def post(body):
        begin = time.perf_counter()
        status, answer = server.post(path, body, headers)
        if status != 202:
            raise RuntimeError(f"{status}: {answer[:300]}")
        return time.perf_counter() - begin, json.loads(answer)

    cpu, wall = server.cpu(), time.perf_counter()
    with ThreadPoolExecutor(at_once) as pool:
        answers = list(pool.map(post, bodies))
    wall = time.perf_counter() - wall
    cpu = server.cpu() - cpu
    for body, (_seconds_spent, answer) in zip(bodies, answers, strict=True):
        expected = len(json.loads(body)["events"])
        if answer["accepted"] != expected:
            raise RuntimeError(f"{answer['accepted']} of {expected} events accepted")
    return cpu, wall, [seconds for seconds, _answer in answers]


def headers_of(token):
    return {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}


def measure(env, size):
    """:rtype: run.Result"""
    from run import Result, p95

    customers, requests, rounds = SIZES[size]
    tokens, subjects = prepare(env, customers)
    bodies = Bodies(subjects)
    with serving(env) as (odoo, floor):
        ways = {
            "odoo": (odoo, "/usage/v1/events", headers_of(tokens["time_keyed"])),
            "strict": (odoo, "/usage/v1/events", headers_of(tokens["strict"])),
            "floor": (floor, "/", {"Content-Type": "application/json"}),
        }
        spent, times = {name: [] for name in ways}, {name: [] for name in ways}
        for round_number in range(rounds + 1):
            sent = [bodies.next() for _request in range(requests)]
            for name, (server, path, headers) in ways.items():
                cpu, wall, each = post_all(server, path, sent, headers)
                if round_number:  # the first one warms up
                    spent[name].append((cpu, wall))
                    times[name] += each
    total = requests * rounds * EVENTS
    cpu = {name: sum(c for c, _w in spent[name]) for name in spent}
    wall = {name: sum(w for _c, w in spent[name]) for name in spent}
    _check_stored(env, bodies)
    return Result(
        figure=total / wall["odoo"],
        unit="events/s",
        floor=total / wall["floor"],
        ratio=wall["floor"] / wall["odoo"],
        cpu_ratio=cpu["floor"] / cpu["odoo"],
        goal=1.3,
        minimum=0.95,
        extra={
            "events": total,
            "customers": customers,
            "body_bytes_per_event": len(sent[-1]) / EVENTS,
            "cpu_us_per_event": cpu["odoo"] / total * 1e6,
            "strict_cpu_us_per_event": cpu["strict"] / total * 1e6,
            "floor_cpu_us_per_event": cpu["floor"] / total * 1e6,
            "strict_cpu_ratio": cpu["floor"] / cpu["strict"],
            "p95_ms": p95(times["odoo"]) * 1e3,
            "floor_p95_ms": p95(times["floor"]) * 1e3,
        },
    )


def _check_stored(env, bodies):
    """Each way stored every event once."""
    for events, ways in (
        ("SELECT source_id AS way, event_id AS id FROM usage_store_event", 2),
        ("SELECT 0 AS way, id FROM bench_floor", 1),
    ):
        env.cr.execute(
            f"SELECT count(*), count(DISTINCT id) FROM ({events}) AS e GROUP BY way"
        )
        found = env.cr.fetchall()
        if found != [(bodies.number, bodies.number)] * ways:
            raise RuntimeError(f"{events}: {found}, {bodies.number} were sent")
