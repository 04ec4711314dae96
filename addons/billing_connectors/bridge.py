# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Between the records and the pure ``feeds`` package."""

import json
from dataclasses import replace
from decimal import Decimal
from functools import lru_cache, partial
from itertools import chain
from pathlib import Path

from odoo.addons.usage_billing.metering import EventRow, RejectedRow

from . import const, messages
from .feeds.mapping import load_mapping
from .feeds.parsers import FOCUS_MAPPING
from .feeds.values import MappingError

TEMPLATES = Path(__file__).parent / "data" / "mappings"


def read_definition(text):
    """Parse the JSON of a mapping with exact numbers.

    :raise MappingError: ``not_json`` with the line
    """
    try:
        data = json.loads(text or "{}", parse_float=Decimal)
    except json.JSONDecodeError as error:
        raise MappingError("not_json", line=error.lineno) from error
    return data


def write_definition(data):
    """Write a mapping as people read it."""
    return json.dumps(data, indent=2, ensure_ascii=False, default=str)


@lru_cache(maxsize=32)
def load_text(text):
    """Checked mapping of a JSON text; the same text gives the same object."""
    return load_mapping(read_definition(text))


@lru_cache(maxsize=1)
def templates():
    """Mappings that come with the add-on: {key: JSON text}, FOCUS first."""
    found = {"focus": write_definition(FOCUS_MAPPING)}
    for path in sorted(TEMPLATES.glob("*.json")):
        found[path.stem] = path.read_text(encoding="utf-8")
    return found


def with_settings(spec, delimiter, decimal, encoding):
    """The mapping with settings detected once put in, so that every slice agrees."""
    found = {"delimiter": delimiter, "decimal": decimal, "encoding": encoding}
    return replace(spec, options={**spec.options, **found})


def event_rows(chunk, header):
    """Rows of a chunk as the store takes them: events, then rows to hold.

    :param feeds.values.Chunk chunk: rows of the file
    :param list[str] header: column names, for the raw text of held rows
    :rtype: iterator of EventRow | RejectedRow
    """
    held = (
        RejectedRow(
            row_number=error.row_number,
            reason=const.REASONS[error.code],
            detail=_detail(error),
            raw=raw_text(error, header),
        )
        for error in chunk.errors
    )
    return chain(map(_event_row, chunk.rows), held)


def _detail(error):
    """What is wrong with a row: a bare name where rows are put together by it.

    In English: the inbox says it in the language of its reader.
    """
    if error.code == "missing_field":
        return error.column
    if error.code == "unknown_unit":
        return str(error.value)
    return messages.row_note(error)


#: a ParsedUsage has the fields of an EventRow, in its order (a test compares them)
_event_row = partial(tuple.__new__, EventRow)


def raw_text(error, header):
    """The row as read: a JSON object by column, or a list where columns do not fit."""
    if len(error.raw) == len(header):
        data = dict(zip(header, error.raw, strict=True))
    else:
        data = list(error.raw)
    return json.dumps(data, ensure_ascii=False)
