"""Requests of every size at once, beside corrections and a meter that is made.

A few events of a request go in one statement, many by COPY; both write the same
registers, months and sums. Eight senders mix them: sources with strict ids and with ids
that carry their time, repetitions of their own events and of the others', ids that are
taken, new subjects and dimensions. Meanwhile events are voided and amended, and a meter
and a customer are made. ``RELEVE_LONG=1`` plays a minute, ``RELEVE_SEED`` repeats what
is sent.
"""

import http.client
import json
import os
import random
import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from tests.serving import served_database

SECONDS = 60 if os.environ.get("RELEVE_LONG") == "1" else 5
SEED = int(os.environ.get("RELEVE_SEED") or time.time())
SOURCES = {"strict-1": "strict", "strict-2": "strict", "keyed": "time_keyed"}
SENDERS = 8
SUBJECTS = [f"s{number}" for number in range(40)]
NEW = [f"new{number}" for number in range(10)]
#: Requests below this go in one statement.
FEW = 20
MOST = 2000
NOW = datetime.now(UTC).replace(microsecond=0)

SETUP = f"""
import json
from pathlib import Path

plan = env["usage.plan"].create({{"name": "Load", "code": "load"}})
for name in {SUBJECTS}:
    subscription = env["usage.subscription"].create(
        {{"partner_id": env["res.partner"].create({{"name": name}}).id,
          "plan_id": plan.id, "date_start": "2026-01-01", "state": "active"}})
    env["usage.subject"].create({{"subject": name, "subscription_id": subscription.id}})
env["usage.meter"].create(
    {{"name": "Load", "code": "load", "event_type": "load", "dimension_keys": "zone"}})
tokens = {{}}
for name, mode in {SOURCES}.items():
    source = env["usage.source"].create(
        {{"name": name, "code": name, "kind": "api", "identity_mode": mode}})
    key = env["usage.api.key"].create(
        {{"name": name, "source_id": source.id, "rate_limit": 0, "can_correct": True}})
    tokens[name] = key._issue_token()
Path(arguments[0]).write_text(json.dumps(tokens))
"""

#: Beside the senders, each step committed for itself.
MEANWHILE = f"""
plan = env["usage.plan"].search([("code", "=", "load")])
for name in {NEW}:
    subscription = env["usage.subscription"].create(
        {{"partner_id": env["res.partner"].create({{"name": name}}).id,
          "plan_id": plan.id, "date_start": "2026-01-01", "state": "active"}})
    env["usage.subject"].create({{"subject": name, "subscription_id": subscription.id}})
    env.cr.commit()
for code, keys in (("plain", ""), ("placed", "zone, rack")):
    env["usage.meter"].create(
        {{"name": code, "code": code, "event_type": "load", "dimension_keys": keys}})
    env.cr.commit()
"""

VERIFY = """
import json
from pathlib import Path

meters = env["usage.meter"].search([("event_type", "=", "load")])
store = env["usage.batch"]._store()
periods = env["usage.period"].search([])
differences = store.verify(periods, meters)
if differences:
    raise SystemExit(f"{len(differences)} differ from events: {differences[:5]}")
totals = {meter.code: "0" for meter in meters}
for row in store.aggregate(periods, meters, dimensions=False):
    code = env["usage.meter"].browse(row.meter_id).code
    totals[code] = str(int(totals[code]) + int(row.quantity))
Path(arguments[0]).write_text(json.dumps(totals))
"""


class Client:
    """A connection that stays open, and what was answered.

    answers: statuses, counted
    """

    def __init__(self, served, token):
        self.token = token
        self.connection = http.client.HTTPConnection(
            "127.0.0.1", served.port, timeout=60
        )
        self.answers = Counter()

    def post(self, path, document):
        """Post until it is not told to come again.

        :return: the answer
        """
        headers = {
            "Authorization": f"Bearer {self.token}",
            "Content-Type": "application/json",
        }
        for _attempt in range(100):
            body = json.dumps(document)
            self.connection.request("POST", path, body, headers)
            response = self.connection.getresponse()
            answer = json.loads(response.read())
            self.answers[response.status] += 1
            if response.status != 503:
                return response.status, answer
            time.sleep(float(response.headers["Retry-After"]) / 10)
        raise AssertionError("never taken")


class Sender(threading.Thread):
    """One client of a source, with a connection of its own.

    values: {id: value} of all that it sent; counts: of what was answered
    conflicts: how many ids it sent with another value
    """

    def __init__(self, load, number):
        super().__init__(daemon=True)
        self.load, self.number = load, number
        self.source = list(SOURCES)[number % len(SOURCES)]
        self.client = Client(load.served, load.tokens[self.source])
        self.random = random.Random(f"{SEED}/{number}")
        self.values, self.events, self.counts = {}, [], Counter()
        self.corrected, self.conflicts, self.sent = {}, 0, 0
        self.problem = None

    def run(self):
        try:
            while not self.load.ended.is_set():
                self._send()
                if self.random.random() < 0.1:
                    self._correct()
        except Exception as error:
            self.problem = repr(error)

    def _new(self):
        """An event that nobody sent; of few hours, so that all add to the same sums."""
        self.sent += 1
        subjects = SUBJECTS + (NEW if self.load.has_new.is_set() else [])
        minutes = self.random.randrange(180 if self.random.random() < 0.9 else 86_400)
        return {
            "id": f"{self.number}-{self.sent}",
            "type": "load",
            "subject": self.random.choice(subjects),
            "time": (NOW - timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "value": str(self.random.randrange(1000)),
            "dimensions": {
                "zone": f"z{self.random.randrange(3)}",
                "rack": f"r{self.random.randrange(4) + self.sent // 5000}",
            },
        }

    def _shared(self):
        """An event that every sender of the source sends, some at the same moment."""
        number = self.load.turn(self.source) + self.random.randrange(30)
        return {
            "id": f"shared-{number}",
            "type": "load",
            "subject": SUBJECTS[number % len(SUBJECTS)],
            "time": (NOW - timedelta(seconds=number)).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "value": str(number % 1000),
        }

    def _send(self):
        few = self.random.random() < 0.7
        size = self.random.randrange(1, FEW if few else MOST + 1)
        events, taken = {}, 0
        for _position in range(size):
            what = self.random.random()
            if what < 0.03 and self.events:
                event = self.random.choice(self.events)
            elif what < 0.06:
                event = self._shared()
            else:
                event = self._new()
            events[event["id"]] = event
        if self.random.random() < 0.1 and self.events:
            old = self.random.choice(self.events)
            self.conflicts, taken = self.conflicts + 1, 1
            self.sent += 1
            events[old["id"]] = {**old, "value": str(10_000 + self.sent)}
        events = list(events.values())
        self.random.shuffle(events)
        status, answer = self.client.post("/usage/v1/events", {"events": events})
        assert status == 202, (status, answer)
        for name in ("received", "accepted", "duplicate", "conflict", "quarantined"):
            self.counts[name] += answer[name]
        assert answer["received"] == len(events)
        assert not answer["quarantined"], answer["results"]
        assert answer["conflict"] == taken, answer
        for event in events:
            if int(event["value"]) < 10_000 and event["id"] not in self.values:
                self.values[event["id"]] = int(event["value"])
                self.events.append(event)

    def _correct(self):
        """Void or amend an event of one's own."""
        mine = [event for event in self.events[-200:] if event["id"][0] != "s"]
        mine = [event for event in mine if event["id"] not in self.corrected]
        if not mine:
            return
        event = self.random.choice(mine)
        what, value = "void", None
        body = {key: event[key] for key in ("id", "time")}
        if self.random.random() < 0.5:
            what, value = "amend", self.random.randrange(1000)
            body = {**event, "value": str(value)}
        order = {"events": [body], "reason": "Load"}
        status, answer = self.client.post(f"/usage/v1/events/{what}", order)
        assert status == 200, (status, answer)
        assert answer["corrected"] == 1, answer
        self.corrected[event["id"]] = value


class Load:
    """Senders at work on a server."""

    def __init__(self, served, tokens):
        self.served, self.tokens = served, tokens
        self.ended, self.has_new = threading.Event(), threading.Event()
        self.started = time.monotonic()
        self.senders = [Sender(self, number) for number in range(SENDERS)]

    def turn(self, _source):
        """A number that grows with time: what all of a source send now."""
        return int((time.monotonic() - self.started) * 50)

    def play(self, folder):
        for sender in self.senders:
            sender.start()
        try:
            script = folder / "meanwhile.py"
            script.write_text(MEANWHILE)
            self.served.odoo.script_in(self.served.database, script)
            self.has_new.set()
            time.sleep(max(1, SECONDS - (time.monotonic() - self.started)))
        finally:
            self.ended.set()
            for sender in self.senders:
                sender.join(90)
        for sender in self.senders:
            assert not sender.is_alive()
            assert sender.problem is None, sender.problem


@pytest.fixture
def load(tmp_path):
    with served_database("mixed", "usage_billing", SETUP, tmp_path, 4) as found:
        yield Load(*found)


def test_mixed_load_stores_each_event_once(load, tmp_path):
    print(f"seed {SEED}, {SECONDS} s")
    load.play(tmp_path)
    query = load.served.odoo.server.query
    total = 0
    for source in SOURCES:
        senders = [sender for sender in load.senders if sender.source == source]
        values = {key: n for sender in senders for key, n in sender.values.items()}
        corrected = {k: v for sender in senders for k, v in sender.corrected.items()}
        rows = query(
            "SELECT r.kind, f.event_id, f.value FROM usage_store_fact f"
            " JOIN usage_store_route r ON r.id = f.route_id"
            " JOIN usage_source s ON s.id = r.source_id"
            f" WHERE s.code = '{source}'",
            load.served.database,
        )
        stored = [(key, int(value)) for kind, key, value in rows if kind == "u"]
        assert len(stored) == len(values), "an event is stored twice, or not at all"
        assert dict(stored) == values
        amended = {key: int(value) for kind, key, value in rows if kind == "a"}
        voided = {key for kind, key, _value in rows if kind == "v"}
        assert amended == {k: v for k, v in corrected.items() if v is not None}
        assert voided == {k for k, v in corrected.items() if v is None}
        counts = sum((sender.counts for sender in senders), Counter())
        assert counts["accepted"] == len(values)
        conflicts = sum(sender.conflicts for sender in senders)
        assert counts["conflict"] == conflicts
        ((held,),) = query(
            "SELECT count(*) FROM usage_quarantine q"
            " JOIN usage_source s ON s.id = q.source_id"
            f" WHERE s.code = '{source}' AND q.reason_code = 'conflict'",
            load.served.database,
        )
        assert int(held) == conflicts
        print(source, dict(counts), f"{len(corrected)} corrected")
        total += sum(corrected.get(key, n) or 0 for key, n in values.items())
    script = tmp_path / "verify.py"
    script.write_text(VERIFY)
    load.served.odoo.script_in(load.served.database, script, tmp_path / "totals")
    totals = json.loads((tmp_path / "totals").read_text())
    assert totals == dict.fromkeys(("load", "plain", "placed"), str(total))
    answers = sum((sender.client.answers for sender in load.senders), Counter())
    print("answers", dict(answers))
    assert answers.keys() <= {200, 202, 503}
    log = load.served.log.read_text(errors="replace")
    print("deadlocks", log.count("deadlock detected"))
    assert "Traceback" not in log, load.served.tail()
