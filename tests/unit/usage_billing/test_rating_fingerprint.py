# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""The same usage gives the same bytes: any order, hash seed or zone of the server."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ADDON = Path(__file__).resolve().parents[3] / "addons" / "usage_billing"

PROGRAM = """
import hashlib, json, random, sys
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from rating import Charge, Currency, Tier, Usage, UsagePart, rate
from rating.aggregation import Reading, aggregate
from rating.levels import level_changes
from rating.periods import Period
from rating.pricers import EventPriced, Graduated, GraduatedLevel, Percentage
from datetime import date

start = datetime(2026, 3, 1, tzinfo=timezone.utc)
period = Period.of_dates(date(2026, 3, 1), date(2026, 4, 1), "Europe/Paris")
events = [
    (start + timedelta(minutes=7 * n), f"e{n:04}", Decimal(n * 37 % 1009) / 7)
    for n in range(3000)
]
random.Random(sys.argv[1]).shuffle(events)
tiers = (Tier("1000", "0.0123456789"), Tier("90000", "0.01", "5"), Tier(None, "0.003"))
eur = Currency("EUR", 2)
lines = []
quantity = aggregate("sum", [Reading(at, v, tie=key) for at, key, v in events])
lines.append(rate(Charge("a", Graduated(tiers)), quantity, eur, period=period))
ordered = tuple(v for _at, _key, v in sorted(events))
percent = Charge("b", Percentage("1.3", "0.01", included_amount="500"))
lines.append(rate(percent, Usage(values=ordered), eur, period=period))
parts = {}
for _at, key, v in events:
    parts.setdefault(f"region={key[-1]}", []).append(v)
amounts = tuple(UsagePart(k, 0, v) for k, vs in parts.items() for v in vs)
lines.append(rate(Charge("c", EventPriced()), Usage(parts=amounts), eur, period=period))
changes = [(at, v if v % 2 else -v) for at, _key, v in sorted(events)[:50] if v]
level = level_changes(period, Decimal(9), changes)
lines.append(rate(Charge("d", GraduatedLevel(tiers)), Usage(changes=level), eur))
text = json.dumps(
    [[l.evidence(), [[c.key, str(c.exact), str(c.amount)] for c in l.components]]
     for l in lines]
)
print(hashlib.sha256(text.encode()).hexdigest())
"""


def fingerprint(order, seed, zone):
    environment = {
        **os.environ,
        "PYTHONPATH": str(ADDON),
        "PYTHONHASHSEED": seed,
        "TZ": zone,
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, order],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@pytest.fixture(scope="module")
def expected():
    return fingerprint("0", "0", "UTC")


@pytest.mark.parametrize(
    ("order", "seed", "zone"),
    [
        ("1", "0", "UTC"),
        ("2", "1", "Asia/Kolkata"),
        ("3", "4294967295", "America/New_York"),
        ("4", "random", "Pacific/Chatham"),
    ],
)
def test_results_are_the_same_to_the_byte(expected, order, seed, zone):
    assert len(expected) == 64
    assert fingerprint(order, seed, zone) == expected
