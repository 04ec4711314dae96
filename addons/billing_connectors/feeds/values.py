# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Values handed out by the parsers."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import NamedTuple

_EMPTY: Mapping[str, str] = MappingProxyType({})


class ParsedUsage(NamedTuple):
    """One row of a usage file, mapped; carries what an event store needs.

    A named tuple and not a dataclass because one is built per row of the file: it costs
    a quarter of a frozen dataclass of ten fields.

    event_id: identity within the source (see ``feeds.identity``)
    type: kind of usage, selects the meters
    subject: whose usage it is, in the words of the source
    time: naive UTC; decides the billing period
    value: first measure; None where the row carries only an amount
    amount: cost the supplier already worked out, in ``currency``
    dimensions: few values each, kept by rollups (service, sku, region)
    properties: everything else as text; further measures as plain decimal text
    row_number: physical line of the file on which the row starts, header included
    """

    event_id: str
    type: str
    subject: str
    time: datetime
    value: Decimal | None = None
    amount: Decimal | None = None
    currency: str | None = None
    dimensions: Mapping[str, str] = _EMPTY
    properties: Mapping[str, str] = _EMPTY
    row_number: int = 0


class RowError(NamedTuple):
    """Why one row cannot become usage.

    row_number: physical line of the file, header included
    column: name of the column at fault, empty when the whole row is malformed
    code: one of ``ROW_ERROR_CODES``
    value: the offending text, cut to 200 characters
    raw: the row as read, one text per column
    """

    row_number: int
    column: str
    code: str
    value: str
    raw: tuple


class IgnoredRow(NamedTuple):
    """A row a rule of the mapping leaves out on purpose (``rule`` is its name)."""

    row_number: int
    rule: str


class Chunk(NamedTuple):
    """Consecutive rows of a file: ``read == len(rows) + len(errors) + len(ignored)``.

    last_line: physical line after which the next chunk starts (to resume)
    scopes: delivery scopes met, for mappings with scope identity
    """

    rows: list
    errors: list
    ignored: list
    read: int
    last_line: int
    scopes: frozenset = frozenset()


ROW_ERROR_CODES = (
    "missing_field",  # a required column is empty
    "invalid_value",  # not a number, or not an exact one (NaN, Infinity)
    "value_out_of_range",  # more than 38 digits before or after the decimal sign
    "invalid_time",  # not a time in the declared formats, or not an existing one
    "unknown_unit",  # a pack such as "10K" that cannot be read
    "invalid_text",  # NUL or bytes that are not text in the file's encoding
    "malformed_row",  # other number of columns than the header, unclosed quote
)


class FeedError(Exception):
    """The whole file or mapping cannot be used: a code and its facts, no sentence."""

    def __init__(self, code, **facts):
        super().__init__(code, facts)
        self.code = code
        self.facts = facts

    def __str__(self):
        facts = ", ".join(f"{key}={value!r}" for key, value in self.facts.items())
        return f"{self.code}({facts})"


class MappingError(FeedError):
    """The mapping itself is wrong, whatever the file."""


class RowProblem(Exception):
    """Internal: raised by a field reader, turned into a ``RowError`` by the reader."""

    def __init__(self, code, column="", value=""):
        super().__init__(code)
        self.code = code
        self.column = column
        self.value = value
