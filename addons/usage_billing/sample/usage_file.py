"""The usage of the sample story as the CSV the cloud platform would export.

Deterministic: integers only (no float, no clock, no locale) and one seeded generator,
so the same call writes the same bytes on every machine. Load follows the hour of the
day and the day of the week of each project; quantities are counted in thousandths.

The file is deliberately not clean, because real ones are not: some rows belong to a
project nobody knows, some hold a number or a time that is none, one block was sent
twice, and one row was sent again with another quantity. ``build()`` says how many of
each, so that a test can compare.
"""

import datetime
import random
import zoneinfo
from dataclasses import dataclass

from . import story

COLUMNS = ("id", "time", "project", "metric", "quantity", "unit", "region", "resource")
DELIMITER = ";"
DECIMAL_SIGN = ","
ENCODING = "utf-8"
SEED = 20261001

# Load per local hour, in per cent of the peak: an office service, a shop, a machine.
OFFICE_HOURS = (12, 11, 10, 10, 11, 14, 25, 48, 78, 95, 100, 96,
                72, 88, 98, 97, 92, 80, 58, 40, 30, 24, 18, 14)  # fmt: skip
PUBLIC_HOURS = (22, 15, 11, 9, 9, 12, 21, 36, 52, 60, 66, 70,
                78, 74, 68, 66, 70, 78, 90, 98, 100, 92, 66, 40)  # fmt: skip
STEADY_HOURS = (84, 82, 82, 81, 82, 86, 92, 97, 100, 100, 99, 99,
                98, 99, 100, 100, 98, 96, 94, 92, 90, 88, 86, 85)  # fmt: skip
# Monday to Sunday, in per cent.
OFFICE_WEEK = (100, 102, 101, 99, 92, 28, 22)
PUBLIC_WEEK = (86, 84, 88, 90, 96, 120, 128)
STEADY_WEEK = (100, 100, 100, 100, 100, 82, 74)


@dataclass(frozen=True, slots=True)
class Project:
    """What one project runs: sizes at peak load, in whole units.

    instances: vCPU of each virtual machine, started with the load when elastic
    volumes: GB of each block volume at the start; each grows a little every day
    api_peak: API calls per quarter of an hour at peak, for each gateway
    egress_peak: outgoing megabytes per hour at peak, for each front end
    """

    subject: str
    region: str
    hours: tuple[int, ...]
    week: tuple[int, ...]
    instances: tuple[int, ...]
    elastic: bool
    volumes: tuple[int, ...]
    gateways: int
    api_peak: int
    front_ends: int
    egress_peak: int
    object_gb: int


PROJECTS = (
    Project(
        subject="studio-prod",
        region="fr-par",
        hours=PUBLIC_HOURS,
        week=PUBLIC_WEEK,
        instances=(8, 8, 8, 8, 4, 4, 4, 2, 2),
        elastic=True,
        volumes=(400, 400, 250, 250, 120, 120, 80),
        gateways=2,
        api_peak=5200,
        front_ends=3,
        egress_peak=1450,
        object_gb=1800,
    ),
    Project(
        subject="studio-recette",
        region="fr-par",
        hours=OFFICE_HOURS,
        week=OFFICE_WEEK,
        instances=(4, 4, 2, 2),
        elastic=True,
        volumes=(120, 80, 80),
        gateways=1,
        api_peak=420,
        front_ends=1,
        egress_peak=160,
        object_gb=140,
    ),
    Project(
        subject="minoterie-capteurs",
        region="fr-lyo",
        hours=STEADY_HOURS,
        week=STEADY_WEEK,
        instances=(16, 16, 8, 8, 8, 8, 4, 4, 4, 4, 2, 2),
        elastic=False,
        volumes=(900, 900, 500, 500, 500, 250, 250, 120, 120),
        gateways=3,
        api_peak=9400,
        front_ends=2,
        egress_peak=620,
        object_gb=5200,
    ),
    Project(
        subject="jardins-site",
        region="fr-lyo",
        hours=PUBLIC_HOURS,
        week=PUBLIC_WEEK,
        instances=(2, 1),
        elastic=False,
        volumes=(60, 40),
        gateways=1,
        api_peak=260,
        front_ends=1,
        egress_peak=190,
        object_gb=75,
    ),
)

UNKNOWN_SUBJECT = "projet-orphelin"
BAD_NUMBERS = ("n/a", "12,5,7", "", "abc", "--", "1e", "NaN")
BAD_TIMES = ("2026-13-04T10:00:00Z", "hier", "")
UNKNOWN_COUNT = 24
BAD_NUMBER_COUNT = 14
BAD_TIME_COUNT = 3
RESENT_COUNT = 400
CONFLICT_COUNT = 1


@dataclass(frozen=True, slots=True)
class UsageFile:
    """The file and what an import of it must find.

    content: the CSV, encoded
    rows: data rows, the header not counted
    duplicates: rows sent a second time with the same id and content
    unknown, bad_number, bad_time, conflicts: rows that nobody can bill as they stand
    """

    name: str
    content: bytes
    rows: int
    duplicates: int
    unknown: int
    bad_number: int
    bad_time: int
    conflicts: int

    @property
    def quarantined(self):
        return self.unknown + self.bad_number + self.bad_time + self.conflicts

    @property
    def accepted(self):
        return self.rows - self.duplicates - self.quarantined


def build(start=story.START, end=story.END, faults=True):
    """Write the usage of the local days ``[start, end)``.

    :param datetime.date start: first local day
    :param datetime.date end: day after the last one
    :param bool faults: put the deliberately bad rows in
    :rtype: UsageFile
    """
    rng = random.Random(f"{SEED} {start} {end}")
    rows = sorted(_measure(rng, start, end), key=lambda row: (row[1], row[0]))
    counts = dict.fromkeys(
        ("duplicates", "unknown", "bad_number", "bad_time", "conflicts"), 0
    )
    if faults:
        rows, counts = _spoil(rng, rows)
    lines = [DELIMITER.join(COLUMNS)]
    lines += [DELIMITER.join(row) for row in rows]
    return UsageFile(
        name=f"usage_{story.SOURCE_CODE}_{start:%Y-%m}.csv",
        content=("\r\n".join(lines) + "\r\n").encode(ENCODING),
        rows=len(rows),
        **counts,
    )


def local_hours(start, end, tz=story.TIME_ZONE):
    """Yield every hour of the local days ``[start, end)``: (UTC start, local start).

    The day the clocks go back has 25 hours, the day they go forward 23.
    """
    zone = zoneinfo.ZoneInfo(tz)
    now, stop = (
        datetime.datetime.combine(day, datetime.time(), zone).astimezone(datetime.UTC)
        for day in (start, end)
    )
    while now < stop:
        yield now, now.astimezone(zone)
        now += datetime.timedelta(hours=1)


def _measure(rng, start, end):
    """Yield the clean rows, project by project."""
    for project in PROJECTS:
        for now, local in local_hours(start, end):
            load = project.hours[local.hour] * project.week[local.weekday()]  # 1/10,000
            day = (local.date() - story.START).days
            yield from _compute_rows(rng, project, now, load)
            yield from _storage_rows(rng, project, now, local, day)
            yield from _traffic_rows(rng, project, now, load)


def _compute_rows(rng, project, now, load):
    for number, vcpus in enumerate(project.instances, 1):
        # an elastic project keeps its first machine and starts the others as load rises
        if project.elastic and (number - 1) * 10_000 > load * len(project.instances):
            continue
        up = 1000 if rng.getrandbits(10) else 1000 - rng.getrandbits(9)
        yield _row(
            project,
            now,
            "compute.vcpu_hours",
            vcpus * up,
            "vCPU-hour",
            f"vm-{number:02d}",
        )


def _storage_rows(rng, project, now, local, day):
    for number, size in enumerate(project.volumes, 1):
        grown = size * 1000 + size * day * 4  # 0.4 % a day
        name = f"vol-{number:02d}"
        yield _row(project, now, "storage.block_gb_hours", grown, "GB-hour", name)
        if local.hour == 2 and local.fold == 0 and rng.getrandbits(3):
            yield _row(project, now, "storage.snapshot", 1000, "snapshot", name)
    level = project.object_gb * 1000 + project.object_gb * day * 6 + rng.getrandbits(12)
    yield _row(project, now, "storage.object_gb", level, "GB", "bucket-01")


def _traffic_rows(rng, project, now, load):
    for number in range(1, project.front_ends + 1):
        volume = _noisy(rng, project.egress_peak * load // 10_000)
        yield _row(
            project, now, "network.egress_gb", volume, "GB", f"front-{number:02d}"
        )
    for number in range(1, project.gateways + 1):
        for minute in (0, 15, 30, 45):
            calls = _noisy(rng, project.api_peak * load // 10_000) * 1000
            at = now + datetime.timedelta(minutes=minute)
            yield _row(project, at, "api.calls", calls, "call", f"gw-{number:02d}")


def _noisy(rng, value):
    """Vary a whole number by up to an eighth either way."""
    return value * (896 + rng.getrandbits(8)) // 1024


def _row(project, at, metric, thousandths, unit, resource):
    """One row of the file; the id says what was measured, where and when."""
    stamp = at.strftime("%Y-%m-%dT%H:%M:%SZ")
    event_id = (
        f"{project.subject}/{resource}/{metric.partition('.')[2]}/{at:%Y%m%dT%H%M}"
    )
    quantity = _quantity(thousandths)
    return (
        event_id,
        stamp,
        project.subject,
        metric,
        quantity,
        unit,
        project.region,
        resource,
    )


def _quantity(thousandths):
    whole, rest = divmod(thousandths, 1000)
    return f"{whole}{DECIMAL_SIGN}{rest:03d}".rstrip("0") if rest else str(whole)


def _spoil(rng, rows):
    """Put the bad and repeated rows among the good ones; return rows and counts."""
    position = len(rows) // 2
    resent = rows[position : position + RESENT_COUNT]
    conflict = list(rows[position])
    conflict[4] = (
        f"{conflict[4]}1"
        if DECIMAL_SIGN in conflict[4]
        else f"{conflict[4]}{DECIMAL_SIGN}5"
    )
    bad = [_orphan(rng, rows, number) for number in range(UNKNOWN_COUNT)]
    bad += [
        _broken(
            rng, rows, f"bad-number-{number}", 4, BAD_NUMBERS[number % len(BAD_NUMBERS)]
        )
        for number in range(BAD_NUMBER_COUNT)
    ]
    bad += [
        _broken(rng, rows, f"bad-time-{number}", 1, BAD_TIMES[number % len(BAD_TIMES)])
        for number in range(BAD_TIME_COUNT)
    ]
    spoiled = list(rows)
    for row in bad:
        spoiled.insert(rng.randrange(len(spoiled)), row)
    spoiled += resent
    spoiled += [tuple(conflict)] * CONFLICT_COUNT
    return spoiled, {
        "duplicates": RESENT_COUNT,
        "unknown": UNKNOWN_COUNT,
        "bad_number": BAD_NUMBER_COUNT,
        "bad_time": BAD_TIME_COUNT,
        "conflicts": CONFLICT_COUNT,
    }


def _orphan(rng, rows, number):
    """A row of a project that no subscription knows."""
    row = list(rows[rng.randrange(len(rows))])
    row[0] = f"{UNKNOWN_SUBJECT}/{number}"
    row[2] = UNKNOWN_SUBJECT
    return tuple(row)


def _broken(rng, rows, event_id, column, value):
    """A copy of a good row under its own id with one unreadable cell."""
    row = list(rows[rng.randrange(len(rows))])
    row[0] = event_id
    row[column] = value
    return tuple(row)
