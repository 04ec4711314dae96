# Part of Relevé. See LICENSE file for full copyright and licensing details.
from rating import Charge, Currency, Tier, Usage, rate
from rating.pricers import GraduatedLevel
from rating.values import LevelChange

SEATS = GraduatedLevel((Tier("5", "10", "100"), Tier(None, "5", "50")))


def changes(*pairs):
    return Usage(changes=tuple(LevelChange(*pair) for pair in pairs))


def test_units_leave_from_the_top_tier_first(check):
    # +5 for 0.7, +2 for half, -4 for 0.4 (2 from each tier), +10 for a fifth
    usage = changes(("5", "3.5"), ("2", "1"), ("-4", "-1.6"), ("10", "2"))
    check(
        SEATS,
        usage,
        {
            "tier-1": ("3.1", "31"),  # 3.5 - 0.8 + 0.4
            "tier-1-flat": ("1", "100"),
            "tier-2": ("1.8", "9"),  # 1 - 0.8 + 1.6
            "tier-2-flat": ("1", "50"),
        },
    )


def test_a_tier_once_reached_keeps_its_fee(check):
    usage = changes(("6", "6"), ("-6", "-6"))
    line = check(
        SEATS,
        usage,
        {
            "tier-1": ("0", "0"),
            "tier-1-flat": ("1", "100"),
            "tier-2": ("0", "0"),
            "tier-2-flat": ("1", "50"),
        },
    )
    assert line.amount == 150


def test_a_negative_final_level_bills_nothing(check):
    check(SEATS, changes(("5", "2"), ("-100", "-33.33")), {})


def test_a_level_needs_its_changes(refuses):
    refuses("usage_mismatch", rate, Charge("c", SEATS), "5", Currency("EUR"))
