# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Units of measure as suppliers write them: a unit, sometimes with a pack size.

FOCUS 1.0 "Unit format": ``GB``, ``GB-Hours``, ``1000 Tokens``; Azure price sheets add
``1 Hour``, ``10K``, ``1M``, ``1/Month``, ``100 GB/Month``. A quantity given in packs
becomes single units when multiplied by the pack size. GB and GiB are different units:
nothing is converted here.
"""

import re
from decimal import Decimal
from typing import NamedTuple

from .values import RowProblem

_MULTIPLES = {"": 1, "K": 1_000, "M": 1_000_000}
_PACK = re.compile(
    r"(?P<size>[0-9]{1,15}(?:\.[0-9]{1,15})?)(?P<multiple>[KM](?=\s|$|/))?"
    r"\s*(?P<unit>\S.*)?",
    re.ASCII | re.DOTALL,
).fullmatch


class Pack(NamedTuple):
    """``size`` single units of ``unit``; an empty unit means "pieces"."""

    size: Decimal
    unit: str


def parse_pack(text: str) -> Pack:
    """Read a unit with its pack size.

    :raise RowProblem: ``unknown_unit`` when the size is zero or the text too long

    >>> parse_pack("10K")
    Pack(size=Decimal('10000'), unit='')
    >>> parse_pack("1 Hour")
    Pack(size=Decimal('1'), unit='Hour')
    >>> parse_pack("GB-Months")
    Pack(size=Decimal('1'), unit='GB-Months')
    """
    clean = " ".join(text.split())
    if len(clean) > 64:
        raise RowProblem("unknown_unit", value=text)
    match = _PACK(clean)
    if not match:
        return Pack(Decimal(1), clean)
    size = Decimal(match["size"]) * _MULTIPLES[match["multiple"] or ""]
    if not size:
        raise RowProblem("unknown_unit", value=text)
    return Pack(size, (match["unit"] or "").lstrip("/ "))
