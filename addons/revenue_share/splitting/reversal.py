"""Credit notes: the mirror of what was stored, cumulative, never computed anew."""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from .allocate import from_units, half_up, largest_remainder
from .values import exact


@dataclass(frozen=True, slots=True)
class Stored:
    """What one source line gave, as stored, and what was already taken back.

    base, amounts: stored base and share of each rule (key -> amount, as given);
    base_reversed, reversed: the part already mirrored, positive for a positive
    share.
    """

    base: Decimal
    amounts: dict
    base_reversed: Decimal = Decimal(0)
    reversed: dict | None = None


@dataclass(frozen=True, slots=True)
class Mirror:
    """What a credit note takes back now: signs opposite to the stored ones."""

    base: Decimal
    amounts: dict

    @property
    def residual(self):
        """The operator's part of what is taken back."""
        return self.base - sum(self.amounts.values(), Decimal(0))


def reversed_ratio(credited, invoiced):
    """Return the part of an invoice that is credited, from 0 to 1.

    :param credited: cumulative amount credited, same sign as ``invoiced``
    """
    credited, invoiced = Fraction(exact(credited)), Fraction(exact(invoiced))
    if not invoiced:
        return Fraction(0)
    return max(Fraction(0), min(Fraction(1), credited / invoiced))


def mirror(stored, ratio, decimals, owner=None):
    """Return what has to be taken back so that ``ratio`` of a share is reversed.

    Cumulative: the target is the rounded part of the stored amount, less what
    earlier credit notes took. At ratio 1 the target is the stored amount itself,
    so that a full credit gives exactly zero however many notes it came in.

    :param Stored stored: the stored base and amounts, and what was taken back
    :param Fraction ratio: part credited so far, this credit note included
    :param owner: key -> who has the amount, where several keys are one share: the
        share is rounded once and spread over its keys
    :rtype: Mirror
    """
    taken = stored.reversed or {}
    zero = from_units(0, decimals)
    shares = {}
    for key in stored.amounts:
        shares.setdefault(key if owner is None else owner(key), []).append(key)
    targets = {}
    for keys in shares.values():
        amounts = [stored.amounts[key] for key in keys]
        targets.update(zip(keys, _parts(amounts, ratio, decimals), strict=True))
    return Mirror(
        base=zero - (_part(stored.base, ratio, decimals) - stored.base_reversed),
        amounts={
            key: zero - (targets[key] - taken.get(key, zero)) for key in stored.amounts
        },
    )


def _parts(amounts, ratio, decimals):
    """Return the part of each amount, so that their sum is the part of the sum."""
    whole = sum(amounts, Decimal(0))
    if not whole:
        return largest_remainder([Fraction(a) * ratio for a in amounts], decimals)
    share = Fraction(_part(whole, ratio, decimals)) / Fraction(whole)
    return largest_remainder([Fraction(a) * share for a in amounts], decimals)


def _part(amount, ratio, decimals):
    return half_up(Fraction(amount) * ratio, decimals)


def assign_credits(originals, credits):
    """Say which invoiced line each credited line takes back.

    A credit line first takes the original line with the same description key,
    as far as that line is not yet credited; what is left (a price reduction,
    a lump sum) is spread over what remains of the invoice, in proportion.

    :param originals: list of (key, description, open amount), in invoice order
    :param credits: list of (key, description, amount), amounts of the same sign
    :return: list of (credit key, original key, amount); amounts are exact
        fractions and never exceed what was open
    """
    left = {key: Fraction(amount) for key, _description, amount in originals}
    by_description = {}
    for key, description, _amount in originals:
        by_description.setdefault(description, []).append(key)
    pairs, loose = [], []
    for credit, description, amount in credits:
        amount = Fraction(amount)
        for key in _closest_first(by_description.get(description, ()), left, amount):
            taken = _take(left, key, amount)
            if taken:
                pairs.append((credit, key, taken))
                amount -= taken
        if amount:
            loose.append((credit, amount))
    for credit, amount in loose:
        pairs.extend((credit, key, part) for key, part in _in_proportion(left, amount))
    return pairs


def _closest_first(keys, left, amount):
    return sorted(keys, key=lambda key: left[key] != amount)


def _take(left, key, amount):
    """Take at most what is open on a line, of the sign of the amount."""
    if not amount or (left[key] > 0) != (amount > 0):
        return Fraction(0)
    taken = min(left[key], amount, key=abs)
    left[key] -= taken
    return taken


def _in_proportion(left, amount):
    same_sign = {
        key: rest for key, rest in left.items() if rest and (rest > 0) == (amount > 0)
    }
    whole = sum(same_sign.values(), Fraction(0))
    if not whole:
        return []
    amount = min(amount, whole, key=abs)
    parts = [(key, amount * rest / whole) for key, rest in same_sign.items()]
    for key, part in parts:
        left[key] -= part
    return parts
