# Part of Relevé. See LICENSE file for full copyright and licensing details.
from decimal import Decimal

import pytest

from feeds.content import inspect_content
from feeds.mapping import load_mapping
from feeds.parsers import open_feed
from feeds.survey import currency_for, load_rule, meters_for, survey
from feeds.values import FeedError, MappingError

MAPPING = {
    "identity": {"mode": "row"},
    "fields": {
        "type": "metric",
        "subject": "project",
        "customer_key": "account",
        "customer_name": "name",
        "time": "time",
        "value": "quantity",
        "amount": {"column": "cost", "default": "0"},
        "currency": "currency",
    },
    "provision": {"prices": "unit_prices", "default_unit_price": "0.10"},
}
ROWS = """metric,project,account,name,time,quantity,cost,currency
cpu,p1,a1,Cust One,2026-10-03,1,0.5,EUR
cpu,p2,a1,Cust One,2026-09-30,2,,EUR
disk,p3,a2,,2026-10-05,3,1,EUR
disk,p4,a2,,not a date,3,1,EUR
"""


def surveyed(text=ROWS, **provision):
    mapping = {**MAPPING, "provision": {**MAPPING["provision"], **provision}}
    spec = load_mapping(mapping)
    return load_rule(spec), survey(
        open_feed(inspect_content(text.encode(), "u.csv"), spec)
    )


def test_customers_with_their_subjects_and_dates():
    _rule, found = surveyed()
    one, two = found.customers.values()
    assert (one.key, one.name, one.subjects, one.rows) == (
        "a1",
        "Cust One",
        {"p1", "p2"},
        2,
    )
    assert (one.first.isoformat(), one.last.isoformat()) == (
        "2026-09-30T00:00:00",
        "2026-10-03T00:00:00",
    )
    # no name: the key stands for it; the row with an unreadable date counts nowhere
    assert (two.key, two.name, two.subjects, two.rows) == ("a2", "a2", {"p3"}, 1)


def test_each_kind_of_usage_gets_a_meter_with_the_default_price():
    rule, found = surveyed(
        meters=[{"code": "c", "event_type": "cpu", "unit_price": "2"}]
    )
    meters = meters_for(rule, found.types)
    assert [(m.code, m.unit_price) for m in meters] == [
        ("c", Decimal(2)),
        ("disk", Decimal("0.10")),
    ]


def test_kind_of_usage_without_a_price_is_refused():
    rule, found = surveyed(default_unit_price=None)
    with pytest.raises(FeedError) as caught:
        meters_for(rule, found.types)
    assert caught.value.code == "no_price"


def test_passed_through_costs_of_two_currencies_are_refused():
    rule, found = surveyed(ROWS.replace("1,EUR\n", "1,USD\n", 1), prices="pass_through")
    with pytest.raises(FeedError) as caught:
        currency_for(rule, found)
    assert caught.value.code == "several_currencies"


def test_costs_are_not_relabelled_in_another_currency():
    rule, found = surveyed(prices="pass_through", currency="USD")
    with pytest.raises(FeedError) as caught:
        currency_for(rule, found)
    assert caught.value.code == "other_currency"


@pytest.mark.parametrize(
    ("provision", "code"),
    [
        ({}, "missing_key"),
        ({"prices": "free"}, "wrong_value"),
        ({"prices": "unit_prices", "metres": []}, "unknown_key"),
        (
            {"prices": "unit_prices", "meters": [{"code": "x", "event_type": "e"}]},
            "missing_key",
        ),
        (
            {"prices": "unit_prices", "meters": [{"code": "x", "unit_price": "1"}]},
            "missing_key",
        ),
        ({"prices": "unit_prices", "default_unit_price": "NaN"}, "wrong_value"),
    ],
)
def test_wrong_rule_is_refused(provision, code):
    with pytest.raises(MappingError) as caught:
        load_rule(load_mapping({**MAPPING, "provision": provision}))
    assert caught.value.code == code
