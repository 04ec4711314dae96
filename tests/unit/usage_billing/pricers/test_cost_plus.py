# Part of Relevé. See LICENSE file for full copyright and licensing details.
from rating.pricers import CostPlus


def test_a_cost_is_sold_at_a_multiple(check):
    line = check(CostPlus("1.33333"), "10", {"usage": ("10", "13.33")})
    assert str(line.exact) == "13.33330"
