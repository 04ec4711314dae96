# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Registry of price models: one file each, added here and nowhere else.

A price model is a frozen dataclass with
    model: ClassVar[str]    its name
    reads: ClassVar[str]    field of `Usage` it reads: quantity, quantities,
                            values, parts, changes, windows, spent, or nothing
    price(usage, share)     parts before rounding, in invoice order
    facts(usage)            optional: figures for the trace, after the price
"""

from dataclasses import fields

from ..errors import RatingError
from ._blocks import BlockTier
from .commitment import Commitment, CommittedWindow
from .cost_plus import CostPlus
from .event_priced import EventPriced
from .flat import Flat
from .graduated import Graduated
from .graduated_blocks import GraduatedBlocks
from .graduated_level import GraduatedLevel
from .graduated_percentage import GraduatedPercentage, PercentTier
from .package import Package
from .percentage import Percentage
from .stairstep import Stairstep, StairstepTier
from .unit import PerUnit
from .volume import Volume
from .volume_blocks import VolumeBlocks
from .windowed import Windowed

PRICERS = {
    cls.model: cls
    for cls in (
        PerUnit,
        Package,
        Graduated,
        Volume,
        GraduatedBlocks,
        VolumeBlocks,
        Stairstep,
        Percentage,
        GraduatedPercentage,
        GraduatedLevel,
        EventPriced,
        CostPlus,
        Flat,
        Windowed,
        Commitment,
        CommittedWindow,
    )
}


def build(model, **parameters):
    """Price of a model by name, for callers that hold data instead of classes.

    :raise RatingError: unknown_model, unknown_parameter, or what the class says
    """
    if model not in PRICERS:
        raise RatingError("unknown_model", model=model)
    cls = PRICERS[model]
    known = {field.name for field in fields(cls)}
    for name in parameters:
        if name not in known:
            raise RatingError("unknown_parameter", model=model, name=name)
    return cls(**parameters)


__all__ = [
    "PRICERS",
    "BlockTier",
    "PercentTier",
    "StairstepTier",
    "build",
    *(cls.__name__ for cls in PRICERS.values()),
]
