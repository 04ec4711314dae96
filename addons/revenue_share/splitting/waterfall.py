"""The split itself: steps by rising priority, each cut by largest remainder."""

from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction

from .allocate import as_decimal, from_units, half_up, largest_remainder
from .errors import SplitError
from .rules import Basis, exact_amount
from .values import ZERO, History, Share, Split


def split(terms, lines, history=None):
    """Share the base of some lines between the partners and the operator.

    With granularity ``line`` each line is cut by itself; with ``settlement`` the
    lines are added up and cut once. Preview and settlement call this function.

    :param Terms terms: the clauses of the version in force
    :param list[Line] lines: source lines, in the order of the statement
    :param history: rule key -> :class:`History` before this statement
    :return: shares in the order of steps and rules, and what the operator keeps
    :rtype: Split
    :raise SplitError: a combination of clauses that has no defined result
    """
    groups = [[line] for line in lines] if terms.granularity == "line" else [lines]
    history = dict(history or {})
    results = []
    for group in groups:
        result = _split_group(terms, list(group), history)
        history = result.history
        results.append(result)
    shortfall = {}
    for result in results:
        for partner, missing in result.shortfall.items():
            shortfall[partner] = shortfall.get(partner, ZERO) + missing
    nothing = from_units(0, terms.decimals)
    return Split(
        base=sum((result.base for result in results), nothing),
        shares=tuple(share for result in results for share in result.shares),
        residual=sum((result.residual for result in results), nothing),
        deducted=sum((result.deducted for result in results), nothing),
        shortfall=shortfall,
        history=history,
    )


@dataclass
class _State:
    """Where a split stands between two steps."""

    lines: list
    line_key: object
    base: Fraction
    ratio: Fraction
    remaining: Fraction
    history: dict
    by_partner: dict = field(default_factory=dict)
    shares: list = field(default_factory=list)
    shortfall: dict = field(default_factory=dict)


def _split_group(terms, lines, history):
    before = half_up(
        sum((line.base(terms.base) for line in lines), ZERO), terms.decimals
    )
    deducted = _deducted(terms, lines)
    base = before - deducted
    state = _State(
        lines=lines,
        line_key=lines[0].key if terms.granularity == "line" and lines else None,
        base=Fraction(base),
        # Deductions lower the basis of a matching rule in proportion.
        ratio=Fraction(base) / Fraction(before) if before else Fraction(0),
        remaining=Fraction(base),
        history=history,
    )
    for step in terms.steps():
        _run_step(terms, step, state)
    residual = half_up(state.remaining, terms.decimals)
    return Split(
        base=base,
        shares=tuple(state.shares),
        residual=residual,
        deducted=deducted,
        shortfall=state.shortfall,
        history=state.history,
    )


def _deducted(terms, lines):
    total = from_units(0, terms.decimals)
    gross = sum((line.net + line.vat for line in lines), ZERO)
    for deduction in terms.deductions:
        if deduction.kind == "percent_of_gross":
            amount = Fraction(gross) * Fraction(deduction.value) / 100
        else:
            amount = Fraction(deduction.value) * len(lines)
        total += half_up(amount, terms.decimals)
    return total


def _run_step(terms, step, state):
    """Run one step: exact amounts of its rules, then one cut per purse.

    The operator's purse pays every rule but those carved out of a share; each
    carved share is a purse of its own, whose owner keeps the rest.
    """
    bases = {rule.key: _basis(terms, rule, step, state) for rule in step}
    amounts = _limited_amounts(step, bases, state, terms.decimals)
    for pool in dict.fromkeys(rule.pool for rule in step):
        rules = [rule for rule in step if rule.pool == pool]
        purse = state.remaining if pool is None else _share_of(state, pool)
        exacts = [amounts[rule.key] for rule in rules]
        *cut, rest = largest_remainder([*exacts, purse - sum(exacts)], terms.decimals)
        for rule, amount in zip(rules, cut, strict=True):
            _book(rule, bases[rule.key], amounts[rule.key], amount, state)
        if pool is None:
            state.remaining = Fraction(rest)
        else:
            state.by_partner[pool] = Fraction(rest)


def _basis(terms, rule, step, state):
    lines = [line for line in state.lines if line.has(rule.match)]
    everything = len(lines) == len(state.lines)
    if rule.on == "base":
        own = sum((Fraction(line.base(terms.base)) for line in lines), Fraction(0))
        amount = state.base if everything else own * state.ratio
    elif not lines:
        amount = Fraction(0)
    elif not everything:
        raise SplitError("match_on_remaining", rule=rule.key)
    elif rule.on == "remaining":
        amount = state.remaining
    else:
        amount = _share_of(state, rule.on.removeprefix("share:"))
    past = state.history.get(rule.key, History())
    yearly = rule.scale is not None and rule.scale.reset == "year"
    return Basis(
        amount=amount,
        quantity=sum((Fraction(line.quantity) for line in lines), Fraction(0)),
        events=sum((Fraction(line.events) for line in lines), Fraction(0)),
        weight=_weight_of_step(rule, step),
        previous_amount=Fraction(past.amount) if yearly else Fraction(0),
        previous_quantity=Fraction(past.quantity) if yearly else Fraction(0),
        settled=Fraction(past.year_settled) if yearly else Fraction(0),
    )


def _weight_of_step(rule, step):
    return sum(
        (
            Fraction(other.value)
            for other in step
            if other.kind == "weight"
            and (other.on, other.match) == (rule.on, rule.match)
        ),
        Fraction(0),
    )


def _limited_amounts(step, bases, state, decimals):
    """Return the exact amount of each rule after its cap and its limit."""
    amounts = {}
    available = state.remaining
    for rule in step:
        amount = exact_amount(rule, bases[rule.key])
        if rule.cap is not None:
            past = state.history.get(rule.key, History())
            used = past.period_settled
            if rule.cap.per == "lifetime":
                used = past.lifetime_settled
            amount = min(amount, Fraction(max(rule.cap.amount - used, ZERO)))
        if rule.limited_to_available:
            allowed = min(amount, max(available, Fraction(0)))
            # What is missing is an amount to tell a person: rounded like one.
            missing = half_up(amount - allowed, decimals)
            if missing:
                state.shortfall[rule.partner] = (
                    state.shortfall.get(rule.partner, ZERO) + missing
                )
            amount = allowed
        if rule.pool is None:
            available -= amount
        amounts[rule.key] = amount
    return amounts


def _share_of(state, partner):
    return state.by_partner.get(partner, Fraction(0))


def _book(rule, basis, exact, amount, state):
    state.by_partner[rule.partner] = _share_of(state, rule.partner) + Fraction(amount)
    past = state.history.get(rule.key, History())
    state.history[rule.key] = replace(
        past,
        amount=past.amount + as_decimal(basis.amount),
        quantity=past.quantity + as_decimal(basis.quantity),
        year_settled=past.year_settled + amount,
        period_settled=past.period_settled + amount,
        lifetime_settled=past.lifetime_settled + amount,
    )
    state.shares.append(
        Share(
            rule=rule.key,
            partner=rule.partner,
            basis=as_decimal(basis.amount),
            exact=as_decimal(exact),
            amount=amount,
            line=state.line_key,
            carved_from=rule.pool,
        )
    )


def next_period(history, same_year=True):
    """Return the history to start the next statement with."""
    return {
        key: replace(past, period_settled=ZERO)
        if same_year
        else History(lifetime_settled=past.lifetime_settled)
        for key, past in history.items()
    }


def over_lines(shares, lines, terms):
    """Bring shares of a whole statement down to its lines, exact to the cent.

    A share follows the lines in proportion to the base each brought to its rule,
    so that the credit note of one invoice mirrors what that invoice gave.
    Amounts per statement (fixed) belong to no line and stay as they are.

    :return: shares with ``line`` set, same sums by rule
    :rtype: list[Share]
    """
    rules = {rule.key: rule for rule in terms.rules}
    detailed = []
    for share in shares:
        rule = rules[share.rule]
        own = [line for line in lines if line.has(rule.match)]
        weights = [Fraction(_measure(rule, line, terms)) for line in own]
        whole = sum(weights, Fraction(0))
        if rule.kind == "fixed" or not whole or share.line is not None:
            detailed.append(share)
            continue
        exacts = [Fraction(share.exact) * weight / whole for weight in weights]
        parts = largest_remainder(
            [Fraction(share.amount) * weight / whole for weight in weights],
            terms.decimals,
        )
        for line, part, exact in zip(own, parts, exacts, strict=True):
            detailed.append(
                replace(
                    share,
                    line=line.key,
                    basis=line.base(terms.base),
                    exact=as_decimal(exact),
                    amount=part,
                )
            )
    return detailed


def _measure(rule, line, terms) -> Decimal:
    if rule.kind in ("per_unit", "tiered_unit"):
        return line.quantity
    if rule.kind == "per_event":
        return line.events
    return line.base(terms.base)
