"""The sample story keeps its promises: same bytes, believable keys, known faults."""

import csv
import datetime
import hashlib
import io
from collections import Counter, defaultdict
from decimal import Decimal

import pytest

from sample import story, usage_file


@pytest.fixture(scope="module")
def month():
    return usage_file.build()


@pytest.fixture(scope="module")
def rows(month):
    text = io.StringIO(month.content.decode("utf-8"), newline="")
    return list(csv.DictReader(text, delimiter=";"))


def _luhn(number):
    digits = [int(digit) for digit in reversed(number)]
    return (
        sum(d if i % 2 == 0 else sum(divmod(2 * d, 10)) for i, d in enumerate(digits))
        % 10
        == 0
    )


@pytest.mark.parametrize(
    "company", [story.SELLER, *story.PARTNERS], ids=lambda c: c.key
)
def test_company_keys_are_valid(company):
    assert len(company.siren) == 9 and _luhn(company.siren)
    assert len(company.siret) == 14 and _luhn(company.siret)
    assert company.siret.startswith(company.siren)
    if company.vat:
        key = (12 + 3 * (int(company.siren) % 97)) % 97
        assert company.vat == f"FR{key:02d}{company.siren}"


def test_company_keys_are_all_different():
    companies = [story.SELLER, *story.PARTNERS]
    assert len({company.siren for company in companies}) == len(companies)


def test_story_refers_to_itself_only():
    partners = {company.key for company in story.PARTNERS}
    meters = {meter.code for meter in story.METERS}
    plans = {plan.code for plan in story.PLANS}
    for plan in story.PLANS:
        assert {charge.meter for charge in plan.charges if charge.meter} <= meters
    for subscription in story.SUBSCRIPTIONS:
        assert subscription.customer in partners
        assert not subscription.reseller or subscription.reseller in partners
        assert subscription.plan in plans
    subjects = {subscription.subject for subscription in story.SUBSCRIPTIONS}
    assert subjects == {project.subject for project in usage_file.PROJECTS}


def test_file_is_the_same_every_time(month):
    again = usage_file.build()
    assert again.content == month.content
    # the bytes themselves are part of the promise: another Python or machine, same file
    assert hashlib.sha256(month.content).hexdigest() == (
        "14e5914d9581d31c9cbfb21f7c83c5596259912b36aa1e6ff7b47570edd16d77"
    )


def test_file_holds_a_month_of_realistic_size(month, rows):
    assert month.rows == len(rows) >= 50_000
    assert month.accepted + month.duplicates + month.quarantined == month.rows


def test_running_month_follows_without_gap_or_repeat(rows):
    running = usage_file.build(story.END, story.RUNNING_END, faults=False)
    lines = running.content.decode("utf-8").splitlines()[1:]
    ids = {line.partition(";")[0] for line in lines}
    assert len(ids) == len(lines) == running.rows
    assert not ids & {row["id"] for row in rows}
    first = min(line.split(";")[1] for line in lines)
    assert first == "2026-10-31T23:00:00Z"


def test_every_clean_event_lies_in_the_local_month(rows):
    zone_start = datetime.datetime(2026, 9, 30, 22, tzinfo=datetime.UTC)
    zone_end = datetime.datetime(2026, 10, 31, 23, tzinfo=datetime.UTC)
    times = []
    for row in rows:
        try:
            times.append(datetime.datetime.fromisoformat(row["time"]))
        except ValueError:
            continue
    assert min(times) == zone_start
    assert max(times) < zone_end


def test_announced_faults_are_the_ones_in_the_file(month, rows):
    """Counted again from the bytes, with rules of this test's own."""
    by_id = defaultdict(list)
    bad_time = bad_number = unknown = 0
    for row in rows:
        try:
            datetime.datetime.strptime(row["time"], "%Y-%m-%dT%H:%M:%SZ")
        except ValueError:
            bad_time += 1
            continue
        text = row["quantity"].replace(",", ".")
        if text.count(".") > 1 or not text.replace(".", "").isdigit():
            bad_number += 1
        elif row["project"] == usage_file.UNKNOWN_SUBJECT:
            unknown += 1
        else:
            by_id[row["id"]].append(tuple(row.values()))
    repeats = Counter()
    for versions in by_id.values():
        first, *others = versions
        repeats.update("same" if other == first else "other" for other in others)
    assert bad_time == month.bad_time == usage_file.BAD_TIME_COUNT
    assert bad_number == month.bad_number == usage_file.BAD_NUMBER_COUNT
    assert unknown == month.unknown == usage_file.UNKNOWN_COUNT
    assert repeats == {"same": month.duplicates, "other": month.conflicts}
    assert len(by_id) == month.accepted


def test_day_is_busier_than_night_and_week_than_weekend():
    clean = usage_file.build(faults=False)
    text = io.StringIO(clean.content.decode("utf-8"), newline="")
    calls = defaultdict(Decimal)
    for row in csv.DictReader(text, delimiter=";"):
        if row["project"] == "studio-recette" and row["metric"] == "api.calls":
            at = datetime.datetime.fromisoformat(row["time"])
            calls["night" if at.hour < 4 else "day"] += Decimal(row["quantity"])
            calls["weekend" if at.weekday() >= 5 else "week"] += Decimal(
                row["quantity"]
            )
    assert calls["day"] > 20 * calls["night"]
    assert calls["week"] > 8 * calls["weekend"]


@pytest.mark.parametrize(
    ("day", "hours"),
    [
        (datetime.date(2026, 10, 24), 24),
        (datetime.date(2026, 10, 25), 25),  # clocks go back
        (datetime.date(2026, 3, 29), 23),  # clocks go forward
    ],
)
def test_local_day_has_its_real_number_of_hours(day, hours):
    end = day + datetime.timedelta(days=1)
    assert len(list(usage_file.local_hours(day, end))) == hours


@pytest.mark.parametrize(
    ("thousandths", "text"), [(0, "0"), (2000, "2"), (2100, "2,1"), (45, "0,045")]
)
def test_quantity_is_written_with_a_decimal_comma(thousandths, text):
    assert usage_file._quantity(thousandths) == text
