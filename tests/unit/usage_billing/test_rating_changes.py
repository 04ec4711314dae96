"""What differs between two price lists."""

from decimal import Decimal

from rating.changes import compare


def tiers(*rows):
    return tuple({"up_to": up_to, "unit_price": price} for up_to, price in rows)


OLD = {
    "api": {"name": "Calls", "unit_price": Decimal("0.01"), "tier_ids": ()},
    "gb": {
        "name": "Storage",
        "unit_price": None,
        "tier_ids": tiers((Decimal(100), Decimal(1)), (None, Decimal("0.5"))),
    },
    "fee": {"name": "Fee", "unit_price": Decimal(10)},
}


FIFTY = (("tier_ids", Decimal(50)),)
OPEN = (("tier_ids", None),)


def changed(new):
    return [
        (c.key, c.kind, t.name, t.path, t.old, t.new)
        for c in compare(OLD, new)
        for t in c.terms
    ]


def test_equal_lists_do_not_differ_whatever_the_digits():
    same = OLD | {"api": OLD["api"] | {"unit_price": Decimal("0.010000")}}
    assert compare(OLD, same) == ()


def test_a_changed_price_says_its_percentage():
    new = OLD | {"api": OLD["api"] | {"unit_price": Decimal("0.012")}}
    [change] = compare(OLD, new)
    [term] = change.terms
    assert (change.key, change.kind, term.name) == ("api", "changed", "unit_price")
    assert term.percent == Decimal(20)


def test_a_new_tier_in_the_middle_leaves_the_others_alone():
    rows = tiers(
        (Decimal(50), Decimal(2)), (Decimal(100), Decimal(1)), (None, Decimal("0.5"))
    )
    new = OLD | {"gb": OLD["gb"] | {"tier_ids": rows}}
    assert changed(new) == [
        ("gb", "changed", "up_to", FIFTY, None, Decimal(50)),
        ("gb", "changed", "unit_price", FIFTY, None, Decimal(2)),
    ]


def test_the_open_tier_is_found_by_having_no_bound():
    rows = tiers((Decimal(100), Decimal(1)), (None, Decimal("0.4")))
    new = OLD | {"gb": OLD["gb"] | {"tier_ids": rows}}
    assert changed(new) == [
        ("gb", "changed", "unit_price", OPEN, Decimal("0.5"), Decimal("0.4"))
    ]


def test_rows_without_bound_are_told_by_their_place():
    old = {"m": {"rows": ({"match": "eu", "price": Decimal(1)},)}}
    new = {"m": {"rows": ({"match": "us", "price": Decimal(1)},)}}
    [change] = compare(old, new)
    assert [(t.path, t.old, t.new) for t in change.terms] == [
        ((("rows", 1),), "eu", "us")
    ]


def test_charges_come_and_go():
    new = {"api": OLD["api"], "gb": OLD["gb"], "new": {"unit_price": Decimal(1)}}
    assert [(c.key, c.kind) for c in compare(OLD, new)] == [
        ("new", "added"),
        ("fee", "removed"),
    ]


def test_from_nothing_every_charge_is_new():
    assert [c.kind for c in compare({}, OLD)] == ["added"] * 3


def test_tables_inside_tables_are_followed():
    def price(value):
        rows = ({"key": "eu", "tier_ids": tiers((None, Decimal(value)))},)
        return {"m": {"price_ids": rows}}

    [change] = compare(price(1), price(2))
    [term] = change.terms
    assert term.path == (("price_ids", "eu"), ("tier_ids", None))
    assert (term.old, term.new) == (1, 2)
