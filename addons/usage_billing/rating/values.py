# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Values that go into and come out of rating; a wrong one cannot be built.

Numbers are Decimal. Whole numbers and decimal strings are taken for
convenience, floats are refused: they have lost the figure already.
"""

from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from fractions import Fraction

from .errors import RatingError
from .rounding import MODES, ZERO, divide, exact_arithmetic, round_quantity

ONE = Decimal(1)
HUNDRED = Decimal(100)


def decimal(value, name):
    """Decimal of a Decimal, int or decimal string; finite.

    :raise RatingError: not_a_number, for floats too
    """
    if isinstance(value, Decimal):
        number = value
    elif isinstance(value, int | str) and not isinstance(value, bool):
        try:
            number = Decimal(value)
        except InvalidOperation as error:
            raise RatingError("not_a_number", name=name, value=value) from error
    else:
        raise RatingError("not_a_number", name=name, value=value)
    if not number.is_finite():
        raise RatingError("not_a_number", name=name, value=value)
    return number


def set_decimals(record, *names, negative=False):
    """Turn the named fields of a frozen record into Decimals; None stays."""
    for name in names:
        value = getattr(record, name)
        if value is None:
            continue
        number = decimal(value, name)
        if number < 0 and not negative:
            raise RatingError("negative_parameter", name=name, value=number)
        object.__setattr__(record, name, number)


def check_positive(record, *names):
    """Refuse zero and below in the named fields; None stays."""
    for name in names:
        value = getattr(record, name)
        if value is not None and value <= 0:
            raise RatingError("not_positive", name=name, value=value)


@dataclass(frozen=True, slots=True)
class Currency:
    """code: ISO 4217; decimals: of its minor unit (EUR 2, JPY 0, TND 3)."""

    code: str
    decimals: int = 2

    def __post_init__(self):
        if not isinstance(self.decimals, int) or not 0 <= self.decimals <= 6:
            raise RatingError("currency_decimals", decimals=self.decimals)


@dataclass(frozen=True, slots=True)
class Share:
    """A part of a period as two whole numbers, so that nothing is lost.

    part, whole: days, 30-day-month days or seconds; see `periods.share`

    >>> Share(5, 7).of(Decimal("7.00"))
    Decimal('5.00')
    """

    part: int
    whole: int

    def __post_init__(self):
        good = isinstance(self.part, int) and isinstance(self.whole, int)
        if not good or self.whole <= 0 or self.part < 0:
            raise RatingError("share_out_of_range", part=self.part, whole=self.whole)

    def of(self, amount):
        """amount x part / whole, multiplied first so that halves stay halves."""
        if self.part == self.whole:
            return amount
        with exact_arithmetic():
            return divide(amount * self.part, self.whole)

    @property
    def ratio(self):
        """The share as an exact ratio, for sums of several shares."""
        return Fraction(self.part, self.whole)

    def factor(self, decimals=9):
        """The share as one number, half up, for people to read."""
        return round_quantity(self.of(ONE), decimals, "half_up")


WHOLE = Share(1, 1)


@dataclass(frozen=True, slots=True)
class Tier:
    """A slice of quantity with its price.

    up_to: last unit of the tier, included; None for the open last tier
    unit_price: currency units per billed unit in the tier
    flat_fee: once when the tier is entered (the first tier: at zero too)
    tier_cap: at most this much for the tier's units, None for no cap
    """

    up_to: Decimal | None
    unit_price: Decimal = ZERO
    flat_fee: Decimal = ZERO
    tier_cap: Decimal | None = None

    def __post_init__(self):
        set_decimals(self, "up_to", "unit_price", "flat_fee", "tier_cap")
        check_positive(self, "up_to")


def check_tiers(tiers):
    """Refuse tiers that leave a hole: bounds must rise, only the last is open."""
    if not tiers:
        raise RatingError("tiers_missing")
    below = ZERO
    for number, tier in enumerate(tiers[:-1], start=1):
        if tier.up_to is None:
            raise RatingError("tier_open_not_last", tier=number)
        if tier.up_to <= below:
            raise RatingError("tier_bounds_not_rising", tier=number, up_to=tier.up_to)
        below = tier.up_to
    if tiers[-1].up_to is not None:
        raise RatingError("tier_last_not_open", up_to=tiers[-1].up_to)


@dataclass(frozen=True, slots=True)
class Conversion:
    """Metered units to billed units: divide, then round if a mode is given.

    divide_by: metered units in one billed unit (1000 for "per thousand")
    rounding: up, down, half_up, or None to keep the quotient exact
    decimals: of the rounded quantity
    """

    divide_by: Decimal
    rounding: str | None = None
    decimals: int = 0

    def __post_init__(self):
        set_decimals(self, "divide_by")
        check_positive(self, "divide_by")
        if self.rounding is not None and self.rounding not in MODES:
            raise RatingError("rounding_mode", mode=self.rounding)

    def apply(self, quantity):
        """Billed units of a metered quantity."""
        if self.rounding is None:
            return divide(quantity, self.divide_by)
        with exact_arithmetic():
            converted = quantity / self.divide_by
            return round_quantity(converted, self.decimals, self.rounding)


@dataclass(frozen=True, slots=True)
class PricingUnit:
    """Prices written in a unit of our own (tokens, credits).

    conversion_rate: currency units for one pricing unit
    """

    code: str
    conversion_rate: Decimal

    def __post_init__(self):
        set_decimals(self, "conversion_rate")


@dataclass(frozen=True, slots=True)
class UsagePart:
    """Usage that brings its own amount, per dimension set.

    key: stable text of the dimension set ("region=eu|service=vm")
    quantity: metered units, only shown
    amount: exact currency units, any sign
    """

    key: str
    quantity: Decimal
    amount: Decimal

    def __post_init__(self):
        set_decimals(self, "quantity", "amount", negative=True)


@dataclass(frozen=True, slots=True)
class LevelChange:
    """A level goes up or down for the rest of the period.

    quantity: units added (negative: removed)
    prorated: the same x days left / days of the period, as an exact ratio
    """

    quantity: Decimal
    prorated: Fraction

    def __post_init__(self):
        set_decimals(self, "quantity", negative=True)
        if not isinstance(self.prorated, Fraction):
            exact = Fraction(decimal(self.prorated, "prorated"))
            object.__setattr__(self, "prorated", exact)
        if not self.quantity:
            raise RatingError("not_positive", name="quantity", value=self.quantity)


class Stream:
    """Values of events read once, in time order, without keeping them.

    A line of a million events is rated from here in constant memory.

    values: iterable of Decimals; count: how many there are, so that nobody has to
        read them to know that there are some
    """

    __slots__ = ("count", "values")

    def __init__(self, values, count):
        self.values = values
        self.count = count

    def __bool__(self):
        return bool(self.count)

    def __iter__(self):
        for value in self.values:
            yield decimal(value, "value")


@dataclass(frozen=True, slots=True)
class Usage:
    """What was measured in the period; each price model reads one field.

    quantity: aggregate of the meter, metered units (most models)
    tier_quantity: chooses the volume tier in place of quantity
    quantities: several aggregates by name (stairstep)
    values: value of each event in time order (percentage), a tuple or a `Stream`
    parts: amounts brought by the events, by dimension set (event_priced)
    changes: of a level that lasts, in time order (graduated_level)
    windows: aggregate of each time window that had usage (windowed)
    spent: amount of other charges, currency units (commitment)
    """

    quantity: Decimal | None = None
    tier_quantity: Decimal | None = None
    quantities: tuple[tuple[str, Decimal], ...] = ()
    values: tuple[Decimal, ...] | None = None
    parts: tuple[UsagePart, ...] | None = None
    changes: tuple[LevelChange, ...] | None = None
    windows: tuple[Decimal, ...] | None = None
    spent: Decimal | None = None

    def __post_init__(self):
        set_decimals(self, "quantity", "tier_quantity", "spent", negative=True)
        numbers = tuple((k, decimal(q, "quantity")) for k, q in self.quantities)
        object.__setattr__(self, "quantities", numbers)
        for name in ("values", "windows"):
            given = getattr(self, name)
            if given is not None and not isinstance(given, Stream):
                numbers = tuple(decimal(value, name) for value in given)
                object.__setattr__(self, name, numbers)

    @classmethod
    def of(cls, usage):
        """Usage of a bare quantity, of nothing (None), or as given."""
        if isinstance(usage, Usage):
            return usage
        return cls(quantity=ZERO if usage is None else usage)

    @property
    def is_zero(self):
        """Nothing was measured at all."""
        return not (
            self.quantity
            or any(quantity for _name, quantity in self.quantities)
            or self.values
            or self.parts
            or self.changes
            or self.windows
        )


@dataclass(frozen=True, slots=True)
class Charge:
    """One priced component of a plan version: a price model and its steps.

    key: stable within the plan version
    price: value of one of the classes in `pricers`
    convert, included_units: metered to billed quantity, before the price
    pricing_unit: prices are in this unit and converted to the currency
    discount_percent: 0 to 100, on the priced amount
    maximum_amount: on the net amount of the whole period
    minimum_amount: only when the period closes
    prorate: what a cut period reduces: "price" (flat recurring charges),
        "included", "minimum", "maximum"
    zero_usage_due: flat fees are due without usage (design decision 5)
    """

    key: str
    price: object
    convert: Conversion | None = None
    included_units: Decimal = ZERO
    pricing_unit: PricingUnit | None = None
    discount_percent: Decimal = ZERO
    maximum_amount: Decimal | None = None
    minimum_amount: Decimal | None = None
    prorate: frozenset = frozenset({"price", "minimum"})
    zero_usage_due: bool = True

    def __post_init__(self):
        set_decimals(self, "included_units", "discount_percent")
        set_decimals(self, "maximum_amount", "minimum_amount")
        if self.discount_percent > HUNDRED:
            raise RatingError(
                "percent_out_of_range",
                name="discount_percent",
                value=self.discount_percent,
            )
        low, high = self.minimum_amount, self.maximum_amount
        if low is not None and high is not None and high < low:
            raise RatingError("maximum_below_minimum", maximum=high, minimum=low)
        if getattr(self.price, "model", None) is None:
            raise RatingError("unknown_model", model=type(self.price).__name__)
        reads = getattr(self.price, "steps_read", self.price.reads)
        for step in ("convert", "included_units"):
            if getattr(self, step) and reads != "quantity":
                raise RatingError(
                    "step_not_applicable", step=step, model=self.price.model
                )


@dataclass(frozen=True, slots=True)
class Part:
    """One priced piece before rounding; what pricers and steps produce.

    key: stable within the line ("tier-1", "minimum")
    role: usage, flat_fee, discount, maximum or minimum
    label: code of the words that name it on an invoice
    quantity: billed units, exact; None for a plain amount
    unit_price: currency units per billed unit, exact; None for a plain amount
    exact: currency units, not rounded
    tier, lower, upper: number and bounds of the tier (lower excluded, upper
        included, None when open)
    dimension: key of the dimension set for event-priced parts
    """

    key: str
    role: str
    label: str
    exact: Decimal
    quantity: Decimal | None = None
    unit_price: Decimal | None = None
    tier: int | None = None
    lower: Decimal | None = None
    upper: Decimal | None = None
    dimension: str | None = None


@dataclass(frozen=True, slots=True)
class Component:
    """A part of a rated line after rounding; becomes one invoice line.

    Same fields as `Part`, and `amount`: currency units rounded to the
    currency's decimals; the amounts of a line's components add up to it.
    In a delta, quantity, exact and amount are the differences to bill now.
    """

    key: str
    role: str
    label: str
    exact: Decimal
    amount: Decimal
    quantity: Decimal | None = None
    unit_price: Decimal | None = None
    tier: int | None = None
    lower: Decimal | None = None
    upper: Decimal | None = None
    dimension: str | None = None


@dataclass(frozen=True, slots=True)
class BilledPart:
    """What live rated lines already billed under one component key."""

    key: str
    amount: Decimal
    exact: Decimal | None = None
    quantity: Decimal | None = None
    role: str = "usage"
    label: str = "usage"

    def __post_init__(self):
        set_decimals(self, "amount", "exact", "quantity", negative=True)

    def plus(self, other):
        """This part and a later one of the same key, as one."""
        return BilledPart(
            self.key,
            self.amount + other.amount,
            _plus(self.exact, other.exact),
            _plus(self.quantity, other.quantity),
            other.role,
            other.label,
        )


@dataclass(frozen=True, slots=True)
class Billed:
    """What earlier ratings of the same charge and period billed, added up.

    parts: one BilledPart for each component key; an amount whose components
        are not known any more is one part with any key
    """

    parts: tuple[BilledPart, ...] = ()

    def __post_init__(self):
        seen = set()
        for part in self.parts:
            if part.key in seen:
                raise RatingError("duplicate_component", key=part.key)
            seen.add(part.key)

    @property
    def amount(self):
        """Currency units billed so far, rounded."""
        with exact_arithmetic():
            return sum((part.amount for part in self.parts), ZERO)

    @classmethod
    def adding(cls, parts):
        """Add up parts of the same key, exactly; keys keep their first place."""
        found = {}
        with exact_arithmetic():
            for part in parts:
                known = found.get(part.key)
                found[part.key] = part if known is None else known.plus(part)
        return cls(tuple(found.values()))

    @classmethod
    def of(cls, *lines):
        """Add up rated lines: revision 0 and every delta after it."""
        return cls.adding(
            BilledPart(c.key, c.amount, c.exact, c.quantity, c.role, c.label)
            for line in lines
            for c in line.components
        )


def _plus(left, right):
    """Sum of two quantities, either of which may be unknown."""
    if left is None or right is None:
        return left if right is None else right
    return left + right


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the trace: which step, and its figures as (name, value)."""

    name: str
    facts: tuple[tuple[str, object], ...] = field(default=())


@dataclass(frozen=True, slots=True)
class RatedLine:
    """Result of rating one charge for one period.

    key, model: of the charge
    metered_quantity: as the meter gave it; None where the model reads no single
        quantity
    quantity: billed units after conversion and included units
    exact: cumulative amount of the period, not rounded
    cumulative_amount: the same, rounded once
    billed_amount: what earlier ratings billed
    amount: due now = cumulative_amount - billed_amount
    components: add up to amount
    closes: the period is over, minimum included
    share: part of the period that was active
    steps: the trace, in the order it happened
    """

    key: str
    model: str
    currency: Currency
    metered_quantity: Decimal | None
    quantity: Decimal | None
    exact: Decimal
    cumulative_amount: Decimal
    billed_amount: Decimal
    amount: Decimal
    components: tuple[Component, ...]
    closes: bool
    share: Share
    period: object = None
    steps: tuple[Step, ...] = ()

    @property
    def exact_due(self):
        """What is due now before rounding: sum of the components' exact figures."""
        with exact_arithmetic():
            return sum((component.exact for component in self.components), ZERO)

    def role_amount(self, *roles):
        """Sum of the rounded components that play these roles."""
        with exact_arithmetic():
            return sum((c.amount for c in self.components if c.role in roles), ZERO)

    def evidence(self):
        """The trace as JSON-ready data: numbers are decimal strings.

        :return: {"model", "currency", "period", "share", "closes", "steps":
            [{"step", fact: value}], "exact", "cumulative", "billed", "amount"}
        :rtype: dict
        """
        return {
            "model": self.model,
            "currency": self.currency.code,
            "period": _plain(self.period),
            "share": f"{self.share.part}/{self.share.whole}",
            "closes": self.closes,
            "steps": [
                {"step": step.name} | {name: _plain(v) for name, v in step.facts}
                for step in self.steps
            ],
            "exact": _plain(self.exact),
            "cumulative": _plain(self.cumulative_amount),
            "billed": _plain(self.billed_amount),
            "amount": _plain(self.amount),
        }


def _plain(value):
    """JSON-ready form of a fact; decimals as plain strings, without exponent."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if value is None or isinstance(value, bool | int | str):
        return value
    return str(value)
