# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""One file per format: bytes in, ``ParsedUsage`` and ``RowError`` out.

``open_feed`` is the one door: it picks the parser the mapping names.
"""

from .csv_feed import CsvFeed, sniff_header
from .focus_feed import FOCUS_MAPPING, FocusFeed

PARSERS = {"csv": CsvFeed, "focus": FocusFeed}

__all__ = [
    "FOCUS_MAPPING",
    "PARSERS",
    "CsvFeed",
    "FocusFeed",
    "open_feed",
    "sniff_header",
]


def open_feed(content, spec) -> CsvFeed:
    """Bind a mapping to a file.

    :param feeds.content.Content content: an inspected file
    :param feeds.mapping.MappingSpec spec: how to read it
    :raise FeedError: the file cannot be read by this mapping
    """
    return PARSERS[spec.format](content, spec)
