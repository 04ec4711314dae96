# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Unit credits: dated, prioritised grants burnt down by usage.

Played as a story in time order. At one instant: what ends goes first, then a
reset, then what begins or renews, then usage. Usage that finds no credit is
overage, paid first by the next grant to begin or renew.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from .errors import RatingError
from .periods import DAYS, MONTHS, add_months
from .rounding import ZERO, exact_arithmetic
from .values import set_decimals


@dataclass(frozen=True, slots=True)
class Grant:
    """amount: units; priority: small first
    effective_at, expires_at: half-open, None for no end; voided_at ends it early
    recurs, anchor: interval and an instant of its renewals to the full amount
    rollover_min, rollover_max: a reset leaves min(max, max(min, balance))
    """

    key: str
    amount: Decimal
    effective_at: datetime
    priority: int = 0
    expires_at: datetime | None = None
    voided_at: datetime | None = None
    recurs: str | None = None
    anchor: datetime | None = None
    rollover_min: Decimal = ZERO
    rollover_max: Decimal = ZERO

    def __post_init__(self):
        set_decimals(self, "amount", "rollover_min", "rollover_max")
        if self.recurs is not None and self.recurs not in (*DAYS, *MONTHS):
            raise RatingError("unknown_interval", interval=self.recurs)

    @property
    def ends_at(self):
        """Instant from which nothing is left; None for never."""
        ends = [end for end in (self.expires_at, self.voided_at) if end]
        return min(ends, default=None)

    def is_active(self, at):
        ends = self.ends_at
        return self.effective_at <= at and (ends is None or at < ends)

    def renewals(self, until):
        """Yield the instants of renewal after its start, up to `until`."""
        if self.recurs is None:
            return
        anchor = self.anchor or self.effective_at
        n = 0
        # the anchor may lie on either side of the start
        while _shift(anchor, self.recurs, n) > self.effective_at:
            n -= 1
        while (at := _shift(anchor, self.recurs, n)) <= until:
            if self.effective_at < at and self.is_active(at):
                yield at
            n += 1


def _shift(anchor, interval, n):
    if interval in DAYS:
        return anchor + timedelta(days=DAYS[interval] * n)
    day = add_months(anchor.date(), MONTHS[interval] * n, anchor.day)
    return datetime.combine(day, anchor.timetz())


class _Ledger:
    """Balances while the story is played; lives inside one call of burn_down."""

    def __init__(self, grants):
        self.grants = grants
        self.balances = {grant.key: ZERO for grant in grants}
        self.overage = ZERO

    def end(self, at, grant):
        self.balances[grant.key] = ZERO

    def fill(self, at, grant):
        paid = min(self.overage, grant.amount)
        self.overage -= paid
        self.balances[grant.key] = grant.amount - paid

    def reset(self, at, preserve_overage):
        if not preserve_overage:
            self.overage = ZERO
        for grant in self.grants:
            if grant.is_active(at):
                kept = max(grant.rollover_min, self.balances[grant.key])
                self.balances[grant.key] = min(grant.rollover_max, kept)
        self.overage = self._burn(at, self.overage)

    def use(self, at, quantity):
        self.overage += self._burn(at, quantity)

    def _burn(self, at, quantity):
        """Take from active grants in order; return what found no credit."""
        for grant in self._ordered(at):
            taken = min(self.balances[grant.key], quantity)
            self.balances[grant.key] -= taken
            quantity -= taken
        return quantity

    def _ordered(self, at):
        """By priority, soonest end, then list order (the sort is stable)."""

        def rank(grant):
            ends = grant.ends_at
            return grant.priority, ends is None, ends or grant.effective_at

        return sorted((g for g in self.grants if g.is_active(at)), key=rank)


def burn_down(grants, usage, until, resets=()):
    """Balances and overage at an instant.

    :param grants: Grant list; list order is the last tie-break
    :param usage: (instant, quantity) pairs; those at or after `until` are not
        yet used
    :param resets: (instant, preserve_overage) pairs
    :return: ({grant key: units left}, overage)
    """
    ledger = _Ledger(grants)
    story = []
    for grant in grants:
        if grant.ends_at is not None:
            story.append((grant.ends_at, 0, ledger.end, grant))
        if grant.is_active(grant.effective_at):
            story.append((grant.effective_at, 2, ledger.fill, grant))
        for at in grant.renewals(until):
            story.append((at, 2, ledger.fill, grant))
    for at, preserve in resets:
        story.append((at, 1, ledger.reset, preserve))
    for at, quantity in usage:
        if at < until:
            story.append((at, 3, ledger.use, quantity))
    with exact_arithmetic():
        for at, _rank, play, argument in sorted(story, key=lambda s: s[:2]):
            if at <= until:
                play(at, argument)
    return dict(ledger.balances), ledger.overage


def taken_between(grants, usage, start, end):
    """Units that credits paid for between two instants.

    Overage that a later credit pays counts where that credit begins or renews.

    :param usage: (instant, quantity) pairs from the first credit on, up to the end
    :rtype: Decimal
    """
    used = [(at, quantity) for at, quantity in usage if at < end]
    with exact_arithmetic():
        inside = sum((quantity for at, quantity in used if at >= start), ZERO)
        _balances, over_before = burn_down(grants, used, start)
        _balances, over_after = burn_down(grants, used, end)
        return max(inside - (over_after - over_before), ZERO)
