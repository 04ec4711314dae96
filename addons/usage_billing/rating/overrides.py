# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Which exception to a price list wins for a customer, and what it makes of a price.

Precedence, the first that decides:

1. who it is for: the customer itself, then a group of customers, then everybody;
2. what it is for: one charge, then a product, then a whole plan, then anything;
3. the one that is in force since the latest day;
4. the one made last.

One exception wins for a charge and the others do nothing: exceptions never pile up,
so that a person can say in one sentence why a price is what it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

from .errors import RatingError
from .values import decimal

WHO = ("customer", "group", "everybody")
WHAT = ("charge", "product", "plan", "anything")

#: parameter of the price model that holds "the price", by name of the model
PRICE_PARAMETERS = (
    "unit_price",
    "amount",
    "package_price",
    "rate_percent",
    "multiplier",
)

#: terms that are steps of a charge, whatever its model
STEPS = ("included_units", "discount_percent", "minimum_amount", "maximum_amount")


@dataclass(frozen=True, slots=True)
class Override:
    """An exception that is in force for one customer in one period.

    id: of the record, the order in which they were made
    who: how it reaches the customer, one of WHO
    what: how it reaches charges, one of WHAT
    keys: charges it reaches, None for all
    since: day it is in force from
    terms: what it changes: "price" (the one number of the price model), "tiers",
        or one of STEPS; values as the core knows them; "replaces_special" says that
        the special prices of the charge give way to them
    """

    id: int
    who: str
    what: str
    since: date
    terms: Mapping[str, object]
    keys: frozenset | None = None

    def reaches(self, key):
        """Whether the exception is about this charge."""
        return self.keys is None or key in self.keys

    @property
    def rank(self):
        """Sorts the winner first."""
        return (
            WHO.index(self.who),
            WHAT.index(self.what),
            -self.since.toordinal(),
            -self.id,
        )


def ranked(key, overrides):
    """Exceptions about a charge, the winner first.

    :param str key: of the charge
    :rtype: list[Override]
    """
    return sorted(
        (found for found in overrides if found.reaches(key)), key=lambda o: o.rank
    )


def winner(key, overrides):
    """The one exception that counts for a charge, or None."""
    return next(iter(ranked(key, overrides)), None)


def apply(charges, overrides):
    """Charges as this customer has them.

    :param Mapping[str, Charge] charges: of the plan version, by key
    :param overrides: exceptions in force for the customer and period
    :rtype: dict[str, Charge]
    :raise RatingError: override_not_applicable when the winner changes something the
        price model has not
    """
    if not overrides:
        return dict(charges)
    changed = {}
    for key, charge in charges.items():
        found = winner(key, overrides)
        changed[key] = charge if found is None else changed_by(charge, found.terms)
    return changed


def changed_by(charge, terms):
    """A charge with some of its terms replaced.

    :param Charge charge: of the plan version
    :param Mapping terms: see :class:`Override`
    :rtype: Charge
    """
    steps = {name: terms[name] for name in STEPS if name in terms}
    price = charge.price
    if "price" in terms:
        price = _with_price(price, terms["price"])
    if "tiers" in terms:
        price = _with_tiers(price, terms["tiers"])
    return replace(charge, price=price, **steps)


def _with_price(price, value):
    if hasattr(price, "inner"):  # priced by hour, day or month
        return replace(price, inner=_with_price(price.inner, value))
    names = [name for name in PRICE_PARAMETERS if hasattr(price, name)]
    if not names or hasattr(price, "tiers"):
        raise RatingError("override_not_applicable", name="price", model=price.model)
    number = decimal(value, "price")
    return replace(price, **{names[0]: number})


def _with_tiers(price, tiers):
    if hasattr(price, "inner"):
        return replace(price, inner=_with_tiers(price.inner, tiers))
    if not hasattr(price, "tiers"):
        raise RatingError("override_not_applicable", name="tiers", model=price.model)
    return replace(price, tiers=tuple(tiers))
