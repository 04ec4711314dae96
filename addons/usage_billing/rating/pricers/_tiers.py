# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""What one tier costs, shared by the models that have tiers of units."""

from ..values import ONE, Part


def tier_parts(number, tier, lower, units, label):
    """Parts of one entered tier: its units, then its flat fee if it has one.

    :param int number: of the tier, from 1; keys carry it
    :param Tier tier: with `up_to`, the upper bound, included
    :param Decimal lower: bound of the tier before, excluded
    :param Decimal units: billed units priced in this tier
    :param str label: code of the words for the units
    :rtype: list[Part]
    """
    bounds = {"tier": number, "lower": lower, "upper": tier.up_to}
    key = f"tier-{number}"
    amount, unit_price = units * tier.unit_price, tier.unit_price
    if tier.tier_cap is not None and amount > tier.tier_cap:
        # capped: no price times these units gives the amount any more
        amount, unit_price = tier.tier_cap, None
    parts = [Part(key, "usage", label, amount, units, unit_price, **bounds)]
    if tier.flat_fee:
        parts.append(
            Part(
                f"{key}-flat",
                "flat_fee",
                "tier_flat_fee",
                tier.flat_fee,
                ONE,
                tier.flat_fee,
                **bounds,
            )
        )
    return parts
