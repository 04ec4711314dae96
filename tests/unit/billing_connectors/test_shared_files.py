# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Real usage files of public sources, checked against a plain csv + Decimal reading.

The files are not part of the project: RELEVE_SHARED or ../shared names their place.
Absent, these tests say so and are skipped; in CI they fail.
"""

import csv
import gzip
import json
import os
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import pytest

from feeds.content import inspect_content
from feeds.mapping import load_mapping, suggest
from feeds.parsers import open_feed, sniff_header
from feeds.parsers.focus_feed import FOCUS_MAPPING
from feeds.survey import currency_for, load_rule, meters_for, survey

ROOT = Path(__file__).resolve().parents[3]
USAGE = (
    Path(os.environ.get("RELEVE_SHARED") or ROOT.parent / "shared") / "data" / "usage"
)
MAPPINGS = ROOT / "addons" / "billing_connectors" / "data" / "mappings"

#: file -> (mapping, customer column or None, cost column or None, rows, ignored)
FILES = {
    "focus_1_0/focus_1_0_sample.csv": ("focus", "SubAccountId", "BilledCost", 500, 0),
    "aws_cur/20231101-20231201/cur-00001.csv.gz": (
        "aws_cur", "lineItem/UsageAccountId", "lineItem/UnblendedCost", 647, 7,
    ),
    "azure_ea_actual.csv": ("azure_ea", "SubscriptionId", "Cost", 11, 0),
    "azure_ea_newer_columns.csv": (
        "azure_ea", "SubscriptionId", "CostInBillingCurrency", 27, 0,
    ),
    **{
        f"llm_code/llm_code_{n:06d}.csv": ("llm_tokens", None, None, rows, 0)
        for n, rows in enumerate((1470, 1470, 1470, 1470, 1470, 1469), 1)
    },
    "smart_meter/uk-electricity-hdd-only-hourly-sample-0.csv.gz": (
        "smart_meter", None, None, 23508, 0,
    ),
    "smart_meter/uk-electricity-hdd-only-hourly-sample-1.csv.gz": (
        "smart_meter", None, None, 22536, 0,
    ),
}  # fmt: skip


def shared(name):
    path = USAGE / name
    if not path.exists():
        message = f"{path} is absent: set RELEVE_SHARED to the folder of shared data"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return path


def specs():
    found = {"focus": load_mapping(FOCUS_MAPPING)}
    for path in sorted(MAPPINGS.glob("*.json")):
        text = path.read_text(encoding="utf-8")
        found[path.stem] = load_mapping(json.loads(text, parse_float=Decimal))
    return found


def independent_rows(path):
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8-sig", newline="") as stream:
        yield from csv.DictReader(stream)


@pytest.mark.parametrize("name", FILES)
def test_mapping_is_recognised_by_its_columns(name):
    known = specs()
    header = sniff_header(inspect_content(shared(name)))
    position = suggest(list(known.values()), header)
    assert list(known)[position] == FILES[name][0]


@pytest.mark.parametrize("name", FILES)
def test_every_row_is_counted_and_costs_agree(name):
    mapping, customer, cost, rows, ignored = FILES[name]
    path = shared(name)
    chunks = list(open_feed(inspect_content(path), specs()[mapping]).chunks())
    assert sum(chunk.read for chunk in chunks) == rows
    assert sum(len(chunk.errors) for chunk in chunks) == 0
    assert sum(len(chunk.ignored) for chunk in chunks) == ignored
    if cost:
        expected, found = defaultdict(Decimal), defaultdict(Decimal)
        for row in independent_rows(path):
            if row.get("lineItem/LineItemType") != "Tax":
                expected[row[customer].lower()] += Decimal(row[cost])
        for chunk in chunks:
            for row in chunk.rows:
                found[row.subject.lower()] += row.amount
        assert found == expected


@pytest.mark.parametrize("name", FILES)
def test_what_must_exist_is_surveyed(name):
    spec = specs()[FILES[name][0]]
    found = survey(open_feed(inspect_content(shared(name)), spec))
    rule = load_rule(spec)
    assert len(currency_for(rule, found)) == 3
    assert {meter.event_type for meter in meters_for(rule, found.types)} == found.types
    assert (
        sum(c.rows for c in found.customers.values()) == FILES[name][3] - FILES[name][4]
    )
    if FILES[name][0] == "focus":
        assert len(found.customers) == 62
        assert found.customers["11353890204"].name == "Atlas Orion"


def test_repeated_meter_readings_are_one_event_each():
    name = "smart_meter/uk-electricity-hdd-only-hourly-sample-1.csv.gz"
    feed = open_feed(inspect_content(shared(name)), specs()["smart_meter"])
    rows = [row for chunk in feed.chunks() for row in chunk.rows]
    assert len(rows) - len({row.event_id for row in rows}) == 15
    first = {}
    for row in rows:  # a repeat says the same thing, so it is a duplicate, no conflict
        same = first.setdefault(row.event_id, row)
        assert same[1:-1] == row[1:-1]


def test_azure_quantity_in_packs_becomes_single_units():
    feed = open_feed(
        inspect_content(shared("azure_ea_actual.csv")), specs()["azure_ea"]
    )
    rows = {row.row_number: row for chunk in feed.chunks() for row in chunk.rows}
    assert rows[3].value == 4  # 0.0004 of 10K operations
    assert rows[3].dimensions["unit"] == "10K"
