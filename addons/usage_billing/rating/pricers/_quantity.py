# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Checks on a quantity that several price models share."""

from ..errors import RatingError


def not_negative(quantity, model):
    """Refuse a negative cumulative quantity where tiers give it no meaning.

    :raise RatingError: negative_quantity
    """
    if quantity < 0:
        raise RatingError("negative_quantity", quantity=quantity, model=model)
    return quantity
