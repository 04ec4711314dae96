"""The steps of :mod:`.rater`: one charge, one commitment, one basket.

Values in, values out; records are only looked at for dates and ids.
"""

import json
from dataclasses import replace
from decimal import Decimal

from . import bridge, pricebook, rater_deductions
from .measuring import Measured
from .rating import Billed, Charge, Usage, rate
from .rating import overrides as rules
from .rating.allowances import Allowance, share_out
from .rating.pricers import Commitment, Flat
from .rating.rounding import exact_arithmetic, round_money
from .rating.schedules import instalments
from .rating.values import WHOLE, Component, Step

ZERO = Decimal(0)


# ----------------------------------------------------------------------
# which charges
# ----------------------------------------------------------------------
def apply_overrides(prices, overrides):
    """The charges as this customer has them; the winner decides, see the core.

    Special prices of a charge (by dimension, by hour) stay, unless the exception says
    that its own price counts in their place; a discount counts on them as well.

    :param overrides: of ``rating.overrides``
    """
    changed = rules.apply({priced.key: priced.core for priced in prices}, overrides)
    return tuple(
        replace(
            priced,
            core=changed[priced.key],
            prices=_special_prices(priced, rules.winner(priced.key, overrides)),
        )
        for priced in prices
    )


def override_id(key, overrides):
    """The exception that gives a charge its price, None for the list price."""
    found = rules.winner(key, overrides)
    return found and found.id


def _special_prices(priced, found):
    """The special prices of a charge under the exception that wins, or None."""
    if found is None:
        return priced.prices
    if found.terms.get("replaces_special"):
        return ()
    if "discount_percent" not in found.terms:
        return priced.prices
    terms = {"discount_percent": found.terms["discount_percent"]}
    return tuple(
        replace(price, core=rules.changed_by(price.core, terms))
        for price in priced.prices
    )


def counts_once(priced, period, first, end):
    """Whether a one-time fee or an instalment is due in this period at all."""
    if priced.model == "one_time":
        return period.local_start <= _beginning(priced, period) < period.local_end
    return True


def _beginning(priced, period):
    """First local day on which a charge of this subscription counts."""
    start = period.subscription_id.date_start
    return max(start, priced.phase(start).first_date or start)


def is_divided(priced):
    """Whether the charge has a line for each group and none without usage."""
    if priced.split or priced.prices or priced.group_keys:
        return True
    return priced.reading == pricebook.WINDOWS and priced.promise is not None


def forgotten(priced, key):
    """A group that was billed and has no usage any more."""
    group = json.loads(key) if key else {}
    price_key = group.pop("@price", None)
    price = next((one for one in priced.prices if one.key == price_key), None)
    shown = {name: value for name, value in group.items() if value is not None}
    return Measured(shown, price)


# ----------------------------------------------------------------------
# one charge
# ----------------------------------------------------------------------
class Known:
    """What all charges of a period ask of it, worked out once.

    period: ``usage.period`` record; value: :class:`rating.Period`
    """

    def __init__(self, period):
        self.period = period
        self.value = bridge.period_of(period)
        self._shares = {}

    def share(self, method, dates):
        """Part of the whole calendar period that dates of it cover."""
        key = method, *dates
        if key not in self._shares:
            self._shares[key] = bridge.share_of(self.period, method, *dates)
        return self._shares[key]


def rate_one(priced, found, currency, *, known, dates, billed, allowance, closes):
    """Rate one charge for one period and dimension set.

    :param Measured found: what was used
    :param Known known: of the period
    :param billed: :class:`rater_history.Live` or None
    :param Allowance allowance: free units decided outside the charge, or None
    :rtype: rating.RatedLine
    """
    period = known.period
    core = _core_of(priced, found, period, currency)
    parts = billed.parts() if billed else []
    share = WHOLE
    if priced.model not in ("one_time", "instalments"):
        share = known.share(priced.method, dates)
    options = {
        "period": known.value,
        "closes": closes,
        "allowance": allowance.available if allowance else None,
    }
    usage = found.usage(priced.reading)
    if priced.timing == "advance" and period.full_end and priced.prorated:
        return _rate_cut(priced, core, currency, period, dates, parts, options)
    if priced.accumulate != "period" and priced.meter_id:
        return _rate_span(core, found, usage, currency, parts, share, options)
    return rate(
        core,
        usage,
        currency,
        share=share,
        billed=Billed.adding(parts) if parts else None,
        **options,
    )


def _core_of(priced, found, period, currency):
    core = found.price.core if found.price else priced.core
    if not priced.instalments:
        return core
    amounts = instalments(
        round_money(core.price.amount, currency.decimals),
        priced.instalments,
        currency.decimals,
        priced.first_instalment,
    )
    first = _beginning(priced, period)
    number = len(
        period.subscription_id.period_ids.filtered(
            lambda one: one.local_end > first and one.start_at < period.start_at
        )
    )
    amount = amounts[number] if number < len(amounts) else ZERO
    return replace(core, price=Flat(amount))


def _rate_span(core, found, usage, currency, parts, share, options):
    """A charge whose tiers count over several periods: what this one adds.

    The amount at the end of the period less the amount at its start, both of the
    whole span so far.
    """
    before = rate(
        core,
        Usage(quantity=found.before),
        currency,
        period=options["period"],
        share=share,
        closes=False,
    )
    if not found.before:
        before = None
    with exact_arithmetic():
        quantity = found.before + usage.quantity
    earlier = [] if before is None else list(Billed.of(before).parts)
    line = rate(
        core,
        Usage(quantity=quantity),
        currency,
        share=share,
        billed=Billed.adding([*earlier, *parts]) if earlier or parts else None,
        **options,
    )
    if before is None:
        return line
    with exact_arithmetic():
        step = Step(
            "accumulated",
            (
                ("quantity_before", found.before),
                ("amount_before", before.cumulative_amount),
            ),
        )
        return replace(
            line,
            metered_quantity=usage.quantity,
            exact=line.exact - before.exact,
            cumulative_amount=line.cumulative_amount - before.cumulative_amount,
            billed_amount=line.billed_amount - before.cumulative_amount,
            steps=(step, *line.steps),
        )


def _rate_cut(priced, core, currency, period, dates, parts, options):
    """A fee asked for in advance whose period was cut: the fee, less the unused days.

    The credit is rounded by itself, as the customer checks it: base x days / of.
    """
    whole = bridge.whole_period(period)
    full_end = min(period.full_end, whole.end_date)
    full = whole.share(period.local_start, full_end, priced.method)
    unused = whole.share(period.local_end, full_end, priced.method)
    line = rate(core, None, currency, share=full, **options)
    credit = rate(core, None, currency, share=unused, **options)
    taken = Component(
        "credit", "credit", "credit", -credit.exact, -credit.amount, None, None
    )
    with exact_arithmetic():
        line = replace(
            line,
            exact=line.exact - credit.exact,
            cumulative_amount=line.cumulative_amount - credit.amount,
            amount=line.amount - credit.amount,
            components=(*line.components, taken),
            steps=(
                *line.steps,
                Step(
                    "credit",
                    (
                        ("unused", f"{unused.part}/{unused.whole}"),
                        ("exact", -credit.exact),
                    ),
                ),
            ),
        )
    return _less_billed(line, parts)


def _less_billed(line, parts):
    """What is due of a line whose components are known, less what was billed."""
    billed = Billed.adding(parts)
    before = {part.key: part for part in billed.parts}
    due = []
    with exact_arithmetic():
        for now in line.components:
            part = before.pop(now.key, None)
            if part is not None:
                now = replace(
                    now,
                    exact=now.exact - (part.exact or part.amount),
                    amount=now.amount - part.amount,
                    quantity=None
                    if now.quantity is None
                    else now.quantity - (part.quantity or ZERO),
                )
            due.append(now)
        for part in before.values():
            due.append(
                Component(
                    part.key,
                    part.role,
                    part.label,
                    -(part.exact or part.amount),
                    -part.amount,
                )
            )
        return replace(
            line,
            billed_amount=billed.amount,
            amount=line.cumulative_amount - billed.amount,
            components=tuple(c for c in due if c.amount or c.exact or c.quantity),
        )


def give_back(charge, billed, currency, known):
    """A line that takes back what a charge billed and does not cost any more."""
    core = Charge(charge.key, Flat(ZERO))
    line = rate(core, None, currency, period=known.value)
    line = replace(line, components=(), metered_quantity=None, quantity=None)
    return _less_billed(line, billed.parts())


# ----------------------------------------------------------------------
# free units
# ----------------------------------------------------------------------
def allowances_of(job, measured, history, context):
    """Free units of charges that share them, keep them or were given credits.

    :return: {(charge id, dimension key): Allowance}
    :rtype: dict
    """
    found = {}
    bundles = {}
    for priced, *dates in job.charges:
        if priced.core.price.reads != "quantity":
            continue
        if priced.bundle_key:
            bundles.setdefault(priced.bundle_key, []).append((priced, *dates))
        elif priced.rollover_limit is not None:
            for key in measured.get((job.due.period.id, priced.id), {}) or [""]:
                found[priced.id, key] = _allowance(
                    job, priced, dates, key, history, context
                )
    for members in bundles.values():
        found.update(_share_bundle(job, members, measured, history, context))
    _add_credits(job, measured, history, found)
    return found


def _add_credits(job, measured, history, found):
    """Units that prepaid credits cover are free, beside what is included."""
    period = job.due.period
    _coupons, grants = history.deductors.get(period.subscription_id.id, ((), ()))
    for priced, *dates in job.charges:
        if priced.reading != pricebook.QUANTITY or not grants:
            continue
        mine = [
            grant
            for grant in grants
            if grant.unit == "units"
            and grant.meter_id.id == priced.meter_id
            and grant._may_pay(priced.key)
        ]
        if not mine or "" not in measured.get((period.id, priced.id), {}):
            continue
        units = converted(priced, rater_deductions.covered_units(period, mine))
        free = found.get((priced.id, "")) or _allowance_of(job, priced, dates)
        with exact_arithmetic():
            found[priced.id, ""] = replace(free, units=free.units + units)


def _allowance(job, priced, dates, key, history, context):
    period = job.due.period
    units = _allowance_of(job, priced, dates).units
    carried = ZERO
    if priced.rollover_limit:
        slot = period.subscription_id.id, priced.key, key
        ended, left = context.lefts.get(slot, (None, ZERO))
        if ended == period.start_at:
            carried = left
        else:
            carried = history.left(period, priced.key, key)
    return Allowance(units, carried, priced.rollover_limit)


def _allowance_of(job, priced, dates):
    """The free units of the charge itself."""
    return Allowance(own_units(priced, job.known.share(priced.method, dates)))


def own_units(priced, share):
    """Units that a charge has free by itself, in its part of the period.

    :param rating.Share share: that part
    """
    units = priced.core.included_units
    return share.of(units) if "included" in priced.core.prorate else units


def converted(priced, units):
    """Metered units as the units that a charge bills."""
    convert = priced.core.convert
    return convert.apply(units) if convert else units


def share_bundle(available, used):
    """Cut the free units of a bundle: its charges use them in their order.

    :param Decimal available: free units
    :param used: (charge, what was used of it by dimension key)
    :return: [(charge, dimension key, units wanted, units free)]
    """
    wanted = [
        (priced, key, converted(priced, found.quantity))
        for priced, sets in used
        for key, found in sorted(sets.items())
    ]
    free = share_out(available, [units for _priced, _key, units in wanted])
    return [(*slot, part) for slot, part in zip(wanted, free, strict=True)]


def _share_bundle(job, members, measured, history, context):
    """The first charge of a bundle grants the units, all of them use them in order."""
    (first, *dates), period = members[0], job.due.period
    whole = _allowance(job, first, dates, "", history, context)
    cut = share_bundle(
        whole.available,
        [
            (priced, measured.get((period.id, priced.id), {}))
            for priced, *_dates in members
        ],
    )
    found = {(priced.id, key): Allowance(part) for priced, key, _used, part in cut}
    for priced, *_dates in members:
        found.setdefault((priced.id, ""), Allowance(ZERO))
    if whole.limit:
        with exact_arithmetic():
            used = sum((units for _priced, _key, units, _part in cut), ZERO)
        # what is left of the bundle goes on with its first charge
        found[first.id, ""] = Allowance(
            found[first.id, ""].units, ZERO, whole.left(used)
        )
        context.lefts[period.subscription_id.id, first.key, ""] = (
            period.end_at,
            whole.left(used),
        )
    return found


def left_of(priced, line, allowance):
    """Free units that go on to the next period; None where none ever do."""
    if allowance is None or priced.rollover_limit is None:
        return None
    if priced.bundle_key:
        return allowance.limit
    used = next(
        (dict(s.facts)["before"] for s in line.steps if s.name == "included"), None
    )
    if used is None:
        used = line.quantity or ZERO
    return allowance.left(used)


# ----------------------------------------------------------------------
# commitments
# ----------------------------------------------------------------------
def spent_on(priced, due, rated, history, amounts):
    """Amount of the charges that count towards a commitment, in its span.

    :param list[Rated] rated: of this period
    :param dict amounts: of periods rated in the same call
    """
    charges = due.version.charge_ids.filtered(lambda one: one.model != "commitment")
    if priced.scope:
        charges = charges.filtered(lambda charge: charge.key in priced.scope)
    keys = set(charges.mapped("key"))
    with exact_arithmetic():
        total = spent_in(priced, rated, keys)
        if priced.accumulate == "period":
            return total
        earlier = history.span_before(due.period, priced)
        known = {slot for slot in amounts if slot[0] in earlier._ids}
        for slot in known:
            total += amounts[slot] if _counts(due, slot[1], keys) else ZERO
        for slot, (rounded, exact) in history.amounts(earlier).items():
            if slot[0] not in {one for one, _charge in known} and _counts(
                due, slot[1], keys
            ):
                total += exact if priced.is_exact else rounded
        return total


def _counts(due, charge_id, keys):
    charge = due.version.env["usage.charge"].browse(charge_id)
    return charge.key in keys and charge.model != "commitment"


def spent_in(priced, rated, keys=None):
    """Amounts of rated lines that count towards a commitment."""
    with exact_arithmetic():
        return sum(
            (
                item.line.exact if priced.is_exact else item.line.cumulative_amount
                for item in rated
                if item.charge.model != "commitment"
                and (not priced.scope or item.charge.key in priced.scope)
                and (keys is None or item.charge.key in keys)
            ),
            ZERO,
        )


def rate_commitment(priced, spent, currency, *, known, dates, billed):
    """What is missing to a commitment at the end of its span."""
    core = committed(priced, known.period.subscription_id)
    share = WHOLE
    if priced.accumulate == "period":
        share = known.share(priced.method, dates)
    parts = billed.parts() if billed else []
    return rate(
        core,
        Usage(spent=spent),
        currency,
        period=known.value,
        share=share,
        billed=Billed.adding(parts) if parts else None,
    )


def committed(priced, subscription):
    amount = subscription.commitment_amount if subscription else None
    amount = priced.core.price.amount if amount is None else amount
    return replace(priced.core, price=Commitment(amount))
