"""Values of the core: frozen, and refused when they make no sense."""

from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction

from .allocate import quantum
from .errors import SplitError

BASES = ("net", "gross", "margin")
GRANULARITIES = ("line", "settlement")
KINDS = (
    "percent",
    "weight",
    "fixed",
    "per_unit",
    "per_event",
    "tiered_unit",
    "tiered_percent",
)
TIERED = ("tiered_unit", "tiered_percent")
# One amount per statement, however many lines the statement has.
PER_STATEMENT = ("fixed",)
DEDUCTIONS = ("percent_of_gross", "per_transaction")
ZERO = Decimal(0)


def exact(value):
    """Return a value as an exact Decimal.

    :raise SplitError: a float, which no longer is the number a person wrote
    """
    if isinstance(value, float):
        raise SplitError("amount_not_exact", value=value)
    amount = Decimal(value)
    if not amount.is_finite():
        raise SplitError("amount_not_exact", value=value)
    return amount


def _freeze(instance, **values):
    for name, value in values.items():
        object.__setattr__(instance, name, value)


@dataclass(frozen=True, slots=True)
class Line:
    """One source line of the base.

    key: identity of the line for the caller; net, vat, cost: currency units;
    quantity: billed units; events: number of events, one when not known;
    attributes: what rules may match on (product, channel, ...), as pairs.
    """

    key: object
    net: Decimal
    vat: Decimal = ZERO
    cost: Decimal = ZERO
    quantity: Decimal = ZERO
    events: Decimal | None = None
    attributes: tuple = ()

    def __post_init__(self):
        _freeze(
            self,
            net=exact(self.net),
            vat=exact(self.vat),
            cost=exact(self.cost),
            quantity=exact(self.quantity),
            events=Decimal(1) if self.events is None else exact(self.events),
            attributes=tuple(sorted(dict(self.attributes).items())),
        )

    def base(self, base):
        """Return what is shared of this line: net, with VAT, or its margin."""
        if base == "net":
            return self.net
        if base == "gross":
            return self.net + self.vat
        return max(self.net - self.cost, ZERO)

    def has(self, match):
        """Say whether each matched attribute of the line has the wanted value."""
        own = dict(self.attributes)
        return all(name in own and own[name] in wanted for name, wanted in match)


@dataclass(frozen=True, slots=True)
class Tier:
    """A slice of a scale; ``up_to`` None is the open last one."""

    up_to: Decimal | None
    rate: Decimal

    def __post_init__(self):
        up_to = None if self.up_to is None else exact(self.up_to)
        _freeze(self, up_to=up_to, rate=exact(self.rate))


@dataclass(frozen=True, slots=True)
class Scale:
    """Tiers without holes: rising bounds, the last one open.

    mode: ``graduated`` (each slice at its rate) or ``volume`` (the whole at the
    rate reached); basis: ``amount`` or ``quantity``; bound: whether a value equal
    to ``up_to`` still belongs to the tier; reset: ``period``, or ``year`` when
    the scale runs over the whole year.
    """

    tiers: tuple
    mode: str = "graduated"
    basis: str = "amount"
    bound: str = "upper_inclusive"
    reset: str = "period"

    def __post_init__(self):
        if self.mode not in ("graduated", "volume"):
            raise SplitError("tier_mode_unknown", mode=self.mode)
        if (
            self.basis not in ("amount", "quantity")
            or self.bound not in ("upper_inclusive", "upper_exclusive")
            or self.reset not in ("period", "year")
        ):
            raise SplitError(
                "tier_mode_unknown", mode=f"{self.basis}/{self.bound}/{self.reset}"
            )
        if not self.tiers or self.tiers[-1].up_to is not None:
            raise SplitError("tiers_missing")
        bounds = [tier.up_to for tier in self.tiers[:-1]]
        if (
            None in bounds
            or bounds != sorted(set(bounds))
            or min(bounds, default=1) <= 0
        ):
            raise SplitError("tier_bounds", bounds=bounds)


@dataclass(frozen=True, slots=True)
class Cap:
    """The most that a rule gives, per ``period`` or per ``lifetime``."""

    amount: Decimal
    per: str = "period"

    def __post_init__(self):
        _freeze(self, amount=exact(self.amount))
        if self.amount < 0:
            raise SplitError("cap_not_positive", amount=self.amount)
        if self.per not in ("period", "lifetime"):
            raise SplitError("cap_unknown", per=self.per)


@dataclass(frozen=True, slots=True)
class Rule:
    """What one partner gets in one step.

    key: stable identity of the rule; value: percent, weight, or currency units
    (per statement, per unit, per event) as ``kind`` says; priority: the step;
    on: ``base``, ``remaining`` or ``share:X``; deduct: carved out of X's share;
    match: pairs (attribute, accepted values); prorate: part of a fixed amount.
    """

    key: object
    partner: str
    kind: str
    value: Decimal = ZERO
    priority: int = 10
    on: str = "base"
    deduct: bool = False
    match: tuple = ()
    scale: Scale | None = None
    prorate: Fraction = Fraction(1)
    limited_to_available: bool = False
    cap: Cap | None = None

    def __post_init__(self):
        _freeze(self, value=exact(self.value), prorate=Fraction(self.prorate))
        if self.kind not in KINDS:
            raise SplitError("kind_unknown", kind=self.kind)
        if self.value < 0:
            raise SplitError("value_negative", kind=self.kind, value=self.value)
        if self.on not in ("base", "remaining") and not self.on.startswith("share:"):
            raise SplitError("on_unknown", on=self.on)
        if self.deduct and not self.on.startswith("share:"):
            raise SplitError("carve_without_share", rule=self.key)
        if (self.kind in TIERED) != (self.scale is not None):
            raise SplitError("tiers_missing")
        # A part of a fixed amount is the only one that has a meaning.
        if not 0 <= self.prorate <= 1 or (
            self.prorate != 1 and self.kind not in PER_STATEMENT
        ):
            raise SplitError("prorate_wrong", prorate=self.prorate)

    def is_linear(self):
        """Say whether the amount of a line does not depend on other lines."""
        return not (
            self.kind in PER_STATEMENT
            or self.scale
            or self.cap
            or self.limited_to_available
        )

    @property
    def pool(self):
        """Whose money the rule takes: ``None`` the operator's, or a partner's."""
        return self.on.removeprefix("share:") if self.deduct else None


@dataclass(frozen=True, slots=True)
class Deduction:
    """What leaves the base before the split: ``kind`` in :data:`DEDUCTIONS`."""

    kind: str
    value: Decimal

    def __post_init__(self):
        _freeze(self, value=exact(self.value))
        if self.kind not in DEDUCTIONS:
            raise SplitError("deduction_unknown", kind=self.kind)


@dataclass(frozen=True, slots=True)
class Terms:
    """The calculation clauses of an agreement version."""

    decimals: int
    rules: tuple
    base: str = "net"
    granularity: str = "settlement"
    deductions: tuple = ()

    def __post_init__(self):
        quantum(self.decimals)
        if self.base not in BASES:
            raise SplitError("base_unknown", base=self.base)
        if self.granularity not in GRANULARITIES:
            raise SplitError("granularity_unknown", granularity=self.granularity)
        keys = [rule.key for rule in self.rules]
        if len(keys) != len(set(keys)):
            raise SplitError("rule_key_twice", keys=keys)
        if self.granularity == "line":
            for rule in self.rules:
                if rule.kind in PER_STATEMENT:
                    raise SplitError("fixed_needs_settlement", rule=rule.key)
        for step in self.steps():
            if step[0].kind == "weight" and not any(r.value for r in step):
                raise SplitError("weights_all_zero")

    def steps(self):
        """Return the steps in order: tuples of the rules of one priority."""
        order = sorted({rule.priority for rule in self.rules})
        return [
            tuple(rule for rule in self.rules if rule.priority == priority)
            for priority in order
        ]

    def early(self):
        """Return the clauses that apply line by line, before a statement exists.

        Left out is what depends on the rest of the period (fixed amounts, scales,
        caps, limits) and what is taken on the rest that these leave.

        :rtype: Terms
        """
        kept, waiting = [], False
        for step in self.steps():
            kept.extend(
                rule
                for rule in step
                if rule.is_linear() and (rule.on == "base" or not waiting)
            )
            waiting = waiting or not all(rule.is_linear() for rule in step)
        return replace(self, granularity="line", rules=tuple(kept))

    def matches(self, line):
        """Say whether at least one rule looks at the line."""
        return any(line.has(rule.match) for rule in self.rules)


@dataclass(frozen=True, slots=True)
class History:
    """What a rule already gave: needed by yearly scales and lifetime caps.

    basis, amount, quantity: the base already seen by the scale this year;
    year_settled, lifetime_settled, period_settled: what it gave for it.
    """

    amount: Decimal = ZERO
    quantity: Decimal = ZERO
    year_settled: Decimal = ZERO
    period_settled: Decimal = ZERO
    lifetime_settled: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Share:
    """One computed share.

    exact: currency units before rounding; amount: rounded to the currency;
    basis: what the rule was applied to; line: key of the source line, None for
    a share of the whole statement; carved_from: whose share paid for it.
    """

    rule: object
    partner: str
    basis: Decimal
    exact: Decimal
    amount: Decimal
    line: object = None
    carved_from: str | None = None


@dataclass(frozen=True, slots=True)
class Split:
    """Result of a split: base = sum of shares + residual."""

    base: Decimal
    shares: tuple
    residual: Decimal
    deducted: Decimal = ZERO
    shortfall: dict = field(default_factory=dict)
    history: dict = field(default_factory=dict)

    def by_partner(self):
        """Return the amount of each partner, carved parts taken off."""
        amounts = {}
        for share in self.shares:
            amounts[share.partner] = amounts.get(share.partner, ZERO) + share.amount
            payer = share.carved_from
            if payer is not None:
                amounts[payer] = amounts.get(payer, ZERO) - share.amount
        return amounts
