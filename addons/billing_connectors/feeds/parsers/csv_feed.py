# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Delimited text: delimiter, encoding and decimal sign detected, rows streamed.
 Robustness: text after a closing quote is refused (``strict``), which shows two stray
quotes of different lines for what they are. A record is one line, or several when a
quoted field holds line ends. A stray quote would swallow the lines after it, so a
record that spans lines and then has the wrong number of columns, or grows past
``MAX_RECORD_LINES`` lines or ``MAX_FIELD`` characters, is refused by its first line
alone and reading goes on with the next line.
"""

import csv
from collections import deque
from collections.abc import Iterator
from itertools import islice

from ..content import Content, open_text
from ..mapping import MappingSpec, compile_mapping
from ..numbers import detect_sign
from ..values import (
    Chunk,
    FeedError,
    IgnoredRow,
    MappingError,
    ParsedUsage,
    RowError,
    RowProblem,
)

DELIMITERS = (",", ";", "\t", "|")
DECIMAL_SIGNS = (".", ",")
MAX_RECORD_LINES = 200
MAX_FIELD = 1 << 17  # the csv module's own limit, process-wide: not changed here
MAX_COLUMNS = 2_000
MAX_LINE = 1 << 20
CHUNK_ROWS = 20_000
_VALUE_SHOWN = 200
_RAW_SHOWN = 4_000


class CsvFeed:
    """A usage file bound to its mapping.

    :ivar delimiter, decimal, header: as declared or detected
    """

    def __init__(self, content: Content, spec: MappingSpec):
        self.content = content
        self.spec = spec
        self.delimiter = self._delimiter()
        self.header = self._header()
        self.decimal = self._decimal()
        self.compiled = compile_mapping(
            spec, self.header, content.name, content.sha256, self.decimal
        )

    # -- detection -------------------------------------------------------------

    def _delimiter(self) -> str:
        declared = self.spec.options.get("delimiter")
        if not declared:
            return detect_delimiter(self.content.sample)
        declared = {"tab": "\t", "\\t": "\t"}.get(declared, declared)
        if len(declared) != 1 or declared in '"\r\n':
            raise MappingError("wrong_value", key="options.delimiter", value=declared)
        return declared

    def _header(self) -> list[str]:
        for _line, row, _problem in self._records():
            if row is None:
                raise FeedError("no_header", file=self.content.name)
            if len(row) > MAX_COLUMNS:
                raise FeedError("too_many_columns", file=self.content.name)
            return [name.strip() for name in row]
        raise FeedError("empty_file", file=self.content.name)

    def _decimal(self) -> str:
        declared = self.spec.options.get("decimal")
        if declared and declared != "auto":
            if declared not in DECIMAL_SIGNS:
                raise MappingError("wrong_value", key="options.decimal", value=declared)
            return declared
        sign = detect_sign(self._number_samples(), self.delimiter)
        if sign is None:
            raise FeedError("ambiguous_decimal", file=self.content.name)
        return sign

    def _number_samples(self) -> list[str]:
        """Texts of the number columns in the sample lines."""
        wanted = {
            alias.strip().lower()
            for number in self._numbers()
            for group in number.text.columns()
            for alias in group
        }
        positions = [i for i, name in enumerate(self.header) if name.lower() in wanted]
        width = len(self.header)
        rows = csv.reader(
            self.content.sample.splitlines(keepends=True), delimiter=self.delimiter
        )
        found = []
        try:
            next(rows, None)
            for row in rows:
                if len(row) == width:
                    found += [row[position] for position in positions]
        except csv.Error:
            return found  # a damaged record is reported when it is read
        return found

    def _numbers(self):
        spec = self.spec
        numbers = [spec.fields.get("value"), spec.fields.get("amount")]
        return [n for n in numbers if n is not None] + list(spec.measures.values())

    # -- reading ---------------------------------------------------------------

    def rows(self, after_line=1) -> Iterator[tuple]:
        """Every data row: (line, row or None, result).

        result is a ``ParsedUsage``, a ``RowError`` or an ``IgnoredRow``.
        """
        convert, width = self.compiled.convert, len(self.header)
        for line, row, problem in self._records(skip_header=True):
            if line <= after_line:
                continue
            if row is None:
                yield line, row, problem
            elif len(row) != width:
                if not any(row):
                    yield line, row, IgnoredRow(line, "blank")
                else:
                    yield line, row, _error(line, row, _malformed(row, width))
            else:
                try:
                    yield line, row, convert(row, line)
                except RowProblem as failure:
                    if any(row):
                        yield line, row, _error(line, row, failure)
                    else:
                        yield line, row, IgnoredRow(line, "blank")

    def chunks(self, size=CHUNK_ROWS, after_line=1, limit=None) -> Iterator[Chunk]:
        """Rows in chunks of at most ``size``; ``limit`` ends after that many rows."""
        scope_of = self.compiled.scope
        rows, errors, ignored, scopes, read = [], [], [], set(), 0
        last = after_line
        for line, row, result in islice(self.rows(after_line), limit):
            kind = type(result)
            if kind is ParsedUsage:
                rows.append(result)
                if scope_of:
                    scopes.add(scope_of(row))
            elif kind is RowError:
                errors.append(result)
            else:
                ignored.append(result)
            read += 1
            last = line
            if read >= size:
                yield Chunk(rows, errors, ignored, read, last, frozenset(scopes))
                rows, errors, ignored, scopes, read = [], [], [], set(), 0
        if read:
            yield Chunk(rows, errors, ignored, read, last, frozenset(scopes))

    def customers(self) -> Iterator[tuple]:
        """Every usable row with its customer: (usage, customer key, customer name)."""
        customer = self.compiled.customer
        for _line, row, result in self.rows():
            if type(result) is ParsedUsage:
                try:
                    yield (result, *customer(row))
                except RowProblem:
                    yield (result, result.subject, result.subject)

    # -- records ---------------------------------------------------------------

    def _records(self, skip_header=False) -> Iterator[tuple]:
        """Logical records: (first line number, row, None) or (line, None, RowError).

        Blank lines are not records.
        """
        with open_text(self.content) as text:
            lines = _Lines(text)
            reader = csv.reader(lines, delimiter=self.delimiter, strict=True)
            width = None if not skip_header else len(self.header)
            is_first = True
            while True:
                start = lines.begin_record()
                try:
                    row = next(reader)
                except StopIteration:
                    if not lines.pending:
                        return
                    row, failure = None, "malformed_row"
                except csv.Error:
                    row, failure = None, "malformed_row"
                spans = len(lines.pending)
                if row is not None:
                    if not row:
                        continue
                    is_header = is_first and skip_header
                    if lines.is_cut or (
                        spans > 1 and width and len(row) != width and not is_header
                    ):
                        row, failure = None, "malformed_row"
                if row is None:
                    first = lines.recover()
                    reader = csv.reader(lines, delimiter=self.delimiter, strict=True)
                    is_first = False
                    yield start, None, _malformed_line(start, first, failure)
                    continue
                if is_first and skip_header:
                    is_first = False
                    continue
                is_first = False
                yield start, row, None


class _Lines:
    """Feeds the csv reader line by line and can give back all but the first line.

    pending: lines of the current record
    is_cut: the record was ended by force because it grew too long
    """

    def __init__(self, text):
        self.text = text
        self.queue = deque()
        self.pending = []
        self.number = 0
        self.size = 0
        self.is_cut = False

    def __iter__(self):
        return self

    def __next__(self):
        pending = self.pending
        if pending and (len(pending) >= MAX_RECORD_LINES or self.size > MAX_FIELD):
            self.is_cut = True
            raise StopIteration
        line = self.queue.popleft() if self.queue else self.text.readline(MAX_LINE)
        if not line:
            raise StopIteration
        pending.append(line)
        self.size += len(line)
        return line

    def begin_record(self) -> int:
        """Forget the record read before; returns the line number of the next one."""
        self.number += len(self.pending)
        self.pending = []
        self.size = 0
        self.is_cut = False
        return self.number + 1

    def recover(self) -> str:
        """Give back every line of the record but the first, which is returned."""
        first, *others = self.pending
        self.queue.extendleft(reversed(others))
        self.pending = [first]
        return first


def detect_delimiter(sample: str) -> str:
    """Choose the delimiter that cuts the sample into the most regular wide rows.

    :param str sample: first lines of the file
    """
    lines = sample.splitlines(keepends=True)[:200]
    best, best_score = ",", (0, 0)
    for delimiter in DELIMITERS:
        try:
            widths = [len(row) for row in csv.reader(lines, delimiter=delimiter) if row]
        except csv.Error:
            continue
        if not widths or widths[0] < 2:
            continue
        regular = sum(width == widths[0] for width in widths)
        score = (regular * 100 // len(widths), widths[0])
        if score > best_score:
            best, best_score = delimiter, score
    return best


def sniff_header(content: Content) -> list[str]:
    """Column names of a file nobody has mapped yet; empty when there are none."""
    delimiter = detect_delimiter(content.sample)
    lines = content.sample.splitlines(keepends=True)
    try:
        row = next((row for row in csv.reader(lines, delimiter=delimiter) if row), [])
    except csv.Error:
        return []
    return [name.strip() for name in row]


def _malformed(row, width) -> RowProblem:
    return RowProblem("malformed_row", "", f"{len(row)} <> {width}")


def _error(line, row, problem: RowProblem) -> RowError:
    return RowError(
        line,
        problem.column,
        problem.code,
        printable(problem.value),
        tuple(printable(text, _RAW_SHOWN) for text in row),
    )


def _malformed_line(line, text, code) -> RowError:
    shown = printable(text.rstrip("\r\n"), _RAW_SHOWN)
    return RowError(line, "", code, shown[:_VALUE_SHOWN], (shown,))


def printable(text: str, size=_VALUE_SHOWN) -> str:
    """Cut a text and make it storable: no NUL, no undecodable bytes."""
    text = text[:size]
    if text.isascii() and "\0" not in text:
        return text
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")
