# Part of Relevé. See LICENSE file for full copyright and licensing details.
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.times import time_reader as column_reader
from feeds.values import MappingError, RowProblem


def time_reader(formats, time_zone):
    """Read one text; the core reads columns."""
    read = column_reader(formats, time_zone)
    return lambda text: read([text])[0]


@pytest.mark.parametrize(
    ("formats", "text", "expected"),
    [
        (["iso"], "2024-09-18 22:00:00", datetime(2024, 9, 18, 22)),
        (["iso"], "2023-11-01T00:00:00.000Z", datetime(2023, 11, 1)),
        (["iso"], "2020-04-01 01:00:00+00:00", datetime(2020, 4, 1, 1)),
        (["iso"], "2020-04-01T01:00:00+02:00", datetime(2020, 3, 31, 23)),
        (["iso"], "2020-04-01T01:00:00-0530", datetime(2020, 4, 1, 6, 30)),
        (["iso"], "2020-04-01", datetime(2020, 4, 1)),
        # seven fractional digits: the last one is cut, never rounded up
        (
            ["iso"],
            "2023-11-16 18:17:03.9799609",
            datetime(2023, 11, 16, 18, 17, 3, 979960),
        ),
        (
            ["iso"],
            "2023-12-31 23:59:59.9999999",
            datetime(2023, 12, 31, 23, 59, 59, 999999),
        ),
        (["MM/DD/YYYY"], "09/21/2023", datetime(2023, 9, 21)),
        (["M/D/YYYY"], "9/2/2023", datetime(2023, 9, 2)),
        (["MM/DD/YYYY", "iso"], "2023-09-21", datetime(2023, 9, 21)),
        (
            ["DD/MM/YYYY HH:mm:ss"],
            "21/09/2023 13:45:10",
            datetime(2023, 9, 21, 13, 45, 10),
        ),
        (["M/D/YYYY hh:mm A"], "9/2/2023 12:05 AM", datetime(2023, 9, 2, 0, 5)),
        (["M/D/YYYY hh:mm A"], "9/2/2023 12:05 pm", datetime(2023, 9, 2, 12, 5)),
        (["epoch_s"], "1700000000", datetime(2023, 11, 14, 22, 13, 20)),
        (["epoch_ms"], "1700000000123", datetime(2023, 11, 14, 22, 13, 20, 123000)),
    ],
)
def test_time_is_read_to_naive_utc(formats, text, expected):
    assert time_reader(tuple(formats), "UTC")(text) == expected


def test_time_without_zone_is_read_in_the_declared_zone():
    read = time_reader(("iso",), "Europe/Paris")
    assert read("2026-01-01 00:30:00") == datetime(2025, 12, 31, 23, 30)
    assert read("2026-07-01 00:30:00") == datetime(2026, 6, 30, 22, 30)
    assert read("2026-07-01 00:30:00Z") == datetime(2026, 7, 1, 0, 30)


def test_local_time_skipped_by_the_clock_change_does_not_exist():
    read = time_reader(("iso",), "Europe/Paris")
    with pytest.raises(RowProblem):
        read("2026-03-29 02:30:00")
    # of the hour that happens twice the first one (summer time) is meant
    assert read("2026-10-25 02:30:00") == datetime(2026, 10, 25, 0, 30)


@pytest.mark.parametrize(
    "text",
    ["", "yesterday", "2023-02-30", "2023-13-01", "0001-01-01", "9999-12-31",
     "2023-01-01T25:00:00", "2023-01-01T00:00:00+99:00", "٢٠٢٣-01-01"],
)  # fmt: skip
def test_impossible_time_is_refused(text):
    with pytest.raises(RowProblem) as caught:
        time_reader(("iso",), "UTC")(text)
    assert caught.value.code == "invalid_time"


@pytest.mark.parametrize("word", ["bogus", "MM/DD", "YYYY-MM-YYYY", "%Y-%m-%d"])
def test_unknown_date_format_is_refused(word):
    with pytest.raises(MappingError):
        time_reader((word,), "UTC")


def test_unknown_zone_is_refused():
    with pytest.raises(MappingError):
        time_reader(("iso",), "Mars/Olympus")


@given(st.datetimes(datetime(1971, 1, 1), datetime(2199, 1, 1)))
def test_iso_text_reads_back(moment):
    assert time_reader(("iso",), "UTC")(moment.isoformat()) == moment


@given(st.text(max_size=40))
def test_any_text_is_a_time_or_a_row_problem(text):
    for words in (("iso",), ("epoch_s",), ("M/D/YYYY hh:mm A",)):
        try:
            assert time_reader(words, "Europe/Paris")(text).tzinfo is None
        except RowProblem as problem:
            assert problem.code == "invalid_time"
