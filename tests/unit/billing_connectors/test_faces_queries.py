"""Questions about meters: what is read, added up and answered."""

from datetime import datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faces import openmeter_query, stripe_meters
from faces.queries import Part, merge
from faces.values import BodyProblem, FieldProblem

DAY = datetime(2026, 10, 25)
QUANTITIES = st.decimals(allow_nan=False, places=6, min_value=-(10**9), max_value=10**9)
PARTS = st.lists(
    st.builds(
        Part,
        st.just(DAY),
        st.sampled_from(["a", "b"]),
        st.fixed_dictionaries({"region": st.sampled_from(["x", "y"])}),
        QUANTITIES,
    )
)


@given(PARTS)
def test_sums_of_parts_are_the_sum_of_all(parts):
    for names, keep in (((), False), (("region",), False), (("region",), True)):
        merged = merge(parts, "sum", names, {}, keep)
        assert sum(p.quantity for p in merged) == sum(p.quantity for p in parts)
        keys = [(p.subject, *p.group.values()) for p in merged]
        assert len(set(keys)) == len(keys)


@given(PARTS)
def test_filters_leave_parts_out(parts):
    merged = merge(parts, "max", (), {"region": ("x",)}, False)
    wanted = [p.quantity for p in parts if p.group["region"] == "x"]
    assert [p.quantity for p in merged] == ([max(wanted)] if wanted else [])


def test_averages_are_not_made_from_averages():
    parts = [Part(DAY, name, {}, Decimal(1)) for name in ("a", "b")]
    assert len(merge(parts, "average", (), {}, True)) == 2
    with pytest.raises(FieldProblem):
        merge(parts, "average", (), {}, False)


def test_a_question_without_words_is_about_everything():
    query = openmeter_query.read_query({})
    assert query == (None, None, "total", "UTC", (), (), {})
    assert not query.keep_subject
    query = openmeter_query.read_query({"groupBy": ["subject", "region"]})
    assert query.keep_subject
    assert query.names == ("region",)


@pytest.mark.parametrize(
    "document",
    [
        {"windowSize": "MINUTE"},
        {"windowTimeZone": "Mars/Phobos"},
        {"from": "yesterday"},
        {"subject": [1]},
        {"subject": ["a"] * 101},
        {"groupBy": {"a": "b"}},
        {"filterGroupBy": ["a"]},
        {"filterGroupBy": {"a": 5}},
        {"filterCustomerId": ["1"]},
        {"subjects": ["a"]},
        [],
    ],
)
def test_a_question_that_cannot_be_answered_is_refused(document):
    with pytest.raises((FieldProblem, BodyProblem)):
        openmeter_query.read_query(document)


def test_an_address_holds_filters_in_brackets():
    document = openmeter_query.read_address(
        [
            ("subject", ["a", "b"]),
            ("windowSize", ["DAY"]),
            ("filterGroupBy[model.name]", ["small", "large"]),
            ("filterGroupBy[a[b]", ["c"]),
        ]
    )
    query = openmeter_query.read_query(document)
    assert query.subjects == ("a", "b")
    assert query.bucket == "day"
    assert query.filters == {"model.name": ("small", "large"), "a[b": ("c",)}


@pytest.mark.parametrize(
    ("size", "begin", "end"),
    [
        ("HOUR", datetime(2026, 10, 25, 0), datetime(2026, 10, 25, 1)),
        # the day when clocks go back has 25 hours in Paris
        ("DAY", datetime(2026, 10, 24, 22), datetime(2026, 10, 25, 23)),
        ("MONTH", datetime(2026, 9, 30, 22), datetime(2026, 10, 31, 23)),
    ],
)
def test_windows_end_where_the_next_begins(size, begin, end):
    query = openmeter_query.read_query(
        {"windowSize": size, "windowTimeZone": "Europe/Paris"}
    )
    assert openmeter_query.end_of_window(query, None)(begin) == end


@pytest.mark.parametrize(
    "parameters",
    [
        {"limit": "0"},
        {"limit": "101"},
        {"limit": "9" * 5000},
        {"limit": "１"},
        {"from": "x"},
        {"id": "a"},
        {"subject": "a\x00"},
        {"subject": ""},
        {"subjects": "a"},
    ],
)
def test_a_listing_with_wrong_parameters_is_refused(parameters):
    with pytest.raises(FieldProblem):
        openmeter_query.read_listing(parameters)


METERS = ["calls", "egress", "storage", "vcpu"]


@given(st.integers(1, 5))
def test_meters_are_turned_page_by_page_in_both_directions(limit):
    asked, found, has_more = {"limit": str(limit)}, [], True
    while has_more:
        query = stripe_meters.read_meter_query(asked)
        page, has_more = stripe_meters.turn_to(query, METERS)
        assert 1 <= len(page) <= limit
        found += page
        asked["starting_after"] = page[-1]
    assert found == METERS
    asked, found, has_more = {"limit": str(limit)}, ["vcpu"], True
    while has_more:
        asked["ending_before"] = found[0]
        query = stripe_meters.read_meter_query(asked)
        page, has_more = stripe_meters.turn_to(query, METERS)
        found = page + found
    assert found == METERS


@pytest.mark.parametrize(
    "parameters",
    [
        {"limit": "0"},
        {"limit": "101"},
        {"status": "gone"},
        {"starting_after": "nothing"},
        {"ending_before": "nothing"},
        {"starting_after": "calls", "ending_before": "vcpu"},
        {"order": "asc"},
    ],
)
def test_meters_asked_for_with_wrong_parameters_are_refused(parameters):
    with pytest.raises(FieldProblem):
        stripe_meters.turn_to(stripe_meters.read_meter_query(parameters), METERS)


SUMMARY = {"customer": "cus_1", "start_time": "0", "end_time": "86400"}


def test_summaries_come_newest_first_page_by_page():
    query = stripe_meters.read_summary_query(
        SUMMARY | {"value_grouping_window": "hour", "limit": "2"}
    )
    parts = [
        Part(datetime(1970, 1, 1, hour), "cus_1", {}, Decimal(hour))
        for hour in range(3)
    ]
    page = stripe_meters.write_summaries("calls", query, parts, "/path")
    assert [entry["start_time"] for entry in page["data"]] == [7200, 3600]
    assert page["has_more"]
    query = stripe_meters.read_summary_query(
        SUMMARY
        | {"value_grouping_window": "hour", "starting_after": page["data"][-1]["id"]}
    )
    page = stripe_meters.write_summaries("calls", query, parts, "/path")
    assert [entry["start_time"] for entry in page["data"]] == [0]
    assert not page["has_more"]


@pytest.mark.parametrize(
    "change",
    [
        {"customer": ""},
        {"start_time": None},
        {"end_time": "0"},
        {"value_grouping_window": "week"},
        {"limit": "1000"},
        {"starting_after": "no_time"},
        {"ending_before": "calls_0"},
        {"window": "day"},
    ],
)
def test_a_summary_with_wrong_parameters_is_refused(change):
    with pytest.raises(FieldProblem):
        stripe_meters.read_summary_query(SUMMARY | change)
