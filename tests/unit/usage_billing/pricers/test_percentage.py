# Part of Relevé. See LICENSE file for full copyright and licensing details.
import pytest

from rating import Charge, Currency, Usage, rate
from rating.pricers import Percentage

PAYMENTS = ("50", "100", "250", "400")


@pytest.mark.parametrize(
    ("parameters", "values", "paying", "amount"),
    [
        ({}, PAYMENTS, "4", "18.40"),  # 800 x 1.3% + 4 x 2
        ({"included_events": 3}, PAYMENTS, "1", "7.20"),
        ({"included_amount": "250"}, PAYMENTS, "2", "11.15"),  # 150 and 400 pay
        ({"included_amount": "150"}, PAYMENTS, "2", "12.45"),  # 250 pays whole
        ({"included_events": 3, "included_amount": "500"}, PAYMENTS, "1", "7.20"),
        ({"included_events": 3, "included_amount": "120"}, PAYMENTS, "3", "14.84"),
        ({"included_events": 5}, PAYMENTS, "0", "0"),
        ({}, (), "0", "0"),
        ({"min_per_event": "4"}, ("50", "400"), "2", "11.20"),  # 4 + 7.2
        ({"max_per_event": "5"}, ("50", "400"), "2", "7.65"),  # 2.65 + 5
    ],
)
def test_each_event_pays_a_share_of_its_value(
    check, parameters, values, paying, amount
):
    price = Percentage("1.3", "2", **parameters)
    check(price, Usage(values=values), {"usage": (paying, amount)})


def test_without_values_there_is_nothing_to_rate(refuses):
    charge = Charge("c", Percentage("1"))
    refuses("event_values_missing", rate, charge, "5", Currency("EUR"))


def test_bounds_that_cross_are_refused(refuses):
    refuses(
        "maximum_below_minimum_per_event",
        Percentage,
        "1",
        min_per_event="5",
        max_per_event="4",
    )


def test_included_units_mean_nothing_here_and_are_refused(refuses):
    refuses("step_not_applicable", Charge, "c", Percentage("1"), included_units="5")
