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
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ..content import Content, open_text
from ..mapping import MappingSpec, compile_mapping
from ..numbers import detect_sign
from ..values import (
    Chunk,
    FeedError,
    IgnoredRow,
    MappingError,
    RowError,
    RowProblem,
)

DELIMITERS = (",", ";", "\t", "|")
DECIMAL_SIGNS = (".", ",")
MAX_RECORD_LINES = 200
MAX_FIELD = 1 << 17  # the csv module's own limit, process-wide: not changed here
MAX_COLUMNS = 2_000
BLOCK_CHARACTERS = 1 << 15  # lines read and mapped together
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
        with open_text(self.content) as text:
            reader = csv.reader(_Lines(text), delimiter=self.delimiter, strict=True)
            try:
                row = next((row for row in reader if row), None)
            except csv.Error as error:
                raise FeedError("no_header", file=self.content.name) from error
        if row is None:
            raise FeedError("empty_file", file=self.content.name)
        if len(row) > MAX_COLUMNS:
            raise FeedError("too_many_columns", file=self.content.name)
        return [name.strip() for name in row]

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
        for block in self._blocks(after_line):
            for line, row in zip(block.lines, block.rows, strict=True):
                usages, errors, ignored = self._convert([row], [line])
                yield line, row, (usages or errors or ignored)[0]
            for error in block.errors:
                yield error.row_number, None, error

    def chunks(self, size=CHUNK_ROWS, after_line=1, limit=None) -> Iterator[Chunk]:
        """Rows in chunks of ``size`` or somewhat more (whole blocks).

        :param int limit: end after exactly that many rows
        """
        found = _Gathered(after_line)
        left = float("inf") if limit is None else limit
        for block in self._blocks(after_line):
            block = block.first(left)
            found.add(block, *self._convert(block.rows, block.lines))
            if self.compiled.scopes:
                found.scopes |= self._scopes(block)
            left -= block.size
            if found.read >= size or not left:
                yield found.chunk()
                found = _Gathered(found.last)
            if not left:
                return
        if found.read:
            yield found.chunk()

    def customers(self) -> Iterator[tuple]:
        """Every usable row with its customer: (usage, customer key, customer name)."""
        customers = self.compiled.customers
        for block in self._blocks():
            usages, _errors, _ignored = self._convert(block.rows, block.lines)
            rows = dict(zip(block.lines, block.rows, strict=True))
            for usage in usages:
                try:
                    ((key, name),) = customers([rows[usage.row_number]])
                except RowProblem:
                    key = name = usage.subject
                yield usage, key, name

    def _convert(self, rows, lines):
        """Map rows: (usages, errors, ignored), in the order of the file.

        The mapping gives up on the whole when one row is bad, so rows are halved until
        the bad one stands alone: good files pass in one go, bad rows cost a few more
        goes each.
        """
        width = len(self.header)
        if not rows:
            return [], [], []
        try:
            if set(map(len, rows)) == {width}:
                usages, ignored = self.compiled.convert(rows, lines)
                return usages, [], ignored
            problem = _malformed(rows[0], width)
        except RowProblem as failure:
            problem = failure
        if len(rows) == 1:
            if not any(rows[0]):
                return [], [], [IgnoredRow(lines[0], "blank")]
            return [], [_error(lines[0], rows[0], problem)], []
        half = len(rows) // 2
        first = self._convert(rows[:half], lines[:half])
        second = self._convert(rows[half:], lines[half:])
        return tuple(left + right for left, right in zip(first, second, strict=True))

    def _scopes(self, block):
        """Delivery scopes of the rows that carry one."""
        try:
            return self.compiled.scopes(block.rows)
        except (RowProblem, IndexError):
            found = set()
            for row in block.rows:
                try:
                    found |= self.compiled.scopes([row])
                except (RowProblem, IndexError):
                    continue
            return found

    # -- records ---------------------------------------------------------------

    def _blocks(self, after_line=1) -> Iterator["_Block"]:
        """Blocks of data rows with their line numbers, in the order of the file."""
        with open_text(self.content) as text:
            lines = _Lines(text)
            self._skip_header(lines)
            while block := self._read_block(lines):
                block = block.after(after_line)
                if block.size:
                    yield block

    def _skip_header(self, lines):
        """Pass over the line of column names and the blank lines before it."""
        reader = csv.reader(lines, delimiter=self.delimiter, strict=True)
        while True:
            lines.begin_record()
            if next(reader):
                lines.begin_record()
                return

    def _read_block(self, lines):
        """The next block, or None at the end of the file.

        Lines that are one record each are read at once; where a quote joins or breaks
        lines, the records of the block are read one by one.
        """
        texts = lines.take()
        if not texts:
            return None
        start = lines.number + 1
        try:
            reader = csv.reader(texts, delimiter=self.delimiter, strict=True)
            rows = list(reader)
        except csv.Error:
            rows = []
        if len(rows) != len(texts):
            lines.give_back(texts)
            return self._read_records(lines, len(texts))
        lines.number += len(texts)
        numbers = range(start, start + len(rows))
        if [] in rows:  # blank lines are no rows
            pairs = [pair for pair in zip(numbers, rows, strict=True) if pair[1]]
            numbers = [number for number, _row in pairs]
            rows = [row for _number, row in pairs]
        return _Block(numbers, rows, [])

    def _read_records(self, lines, count):
        """Read records singly until ``count`` lines and their last record are done."""
        block = _Block([], [], [])
        last, width = lines.number + count, len(self.header)
        reader = csv.reader(lines, delimiter=self.delimiter, strict=True)
        while lines.number < last:
            start = lines.begin_record()
            try:
                row = next(reader)
            except (csv.Error, StopIteration):
                row = None
                if not lines.pending:
                    break
            spans = len(lines.pending)
            if lines.is_cut or (row and spans > 1 and len(row) != width):
                row = None
            if row is None:
                block.errors.append(_malformed_line(start, lines.recover()))
                reader = csv.reader(lines, delimiter=self.delimiter, strict=True)
            elif row:
                block.lines.append(start)
                block.rows.append(row)
            lines.begin_record()
        return block


class _Block(NamedTuple):
    """Some rows with their line numbers, and lines that are not rows."""

    lines: Sequence
    rows: list
    errors: list

    @property
    def size(self):
        return len(self.rows) + len(self.errors)

    def after(self, line):
        """What stands after a line."""
        if not self.lines or self.lines[0] > line:
            if not self.errors or self.errors[0].row_number > line:
                return self
        keep = bisect_right(self.lines, line)
        errors = [error for error in self.errors if error.row_number > line]
        return _Block(self.lines[keep:], self.rows[keep:], errors)

    def first(self, count):
        """At most ``count`` rows from the beginning, by line."""
        if self.size <= count:
            return self
        numbers = sorted([*self.lines, *(error.row_number for error in self.errors)])
        end = numbers[count]
        keep = bisect_left(self.lines, end)
        errors = [error for error in self.errors if error.row_number < end]
        return _Block(self.lines[:keep], self.rows[:keep], errors)

    def last_line(self, before):
        """Line of the last row, ``before`` when there is none."""
        last = max(before, self.lines[-1] if self.lines else 0)
        return max(last, self.errors[-1].row_number if self.errors else 0)


class _Gathered:
    """A chunk in the making."""

    def __init__(self, last):
        self.usages, self.errors, self.ignored = [], [], []
        self.read, self.last, self.scopes = 0, last, set()

    def add(self, block, usages, errors, ignored):
        self.usages += usages
        self.errors += errors + block.errors
        self.ignored += ignored
        self.read += block.size
        self.last = block.last_line(self.last)

    def chunk(self):
        return Chunk(
            self.usages,
            sorted(self.errors),
            self.ignored,
            self.read,
            self.last,
            frozenset(self.scopes),
        )


class _Lines:
    """Feeds the csv reader line by line and can give back all but the first line.

    number: lines of the records that are done
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
        line = self.queue.popleft() if self.queue else self.text.readline()
        if not line:
            raise StopIteration
        pending.append(line)
        self.size += len(line)
        return line

    def take(self) -> list[str]:
        """The next lines that are not read yet; empty at the end of the file."""
        if self.queue:
            lines = list(self.queue)
            self.queue.clear()
            return lines
        return self.text.readlines(BLOCK_CHARACTERS)

    def give_back(self, lines):
        """Put lines that were taken back."""
        self.queue.extendleft(reversed(lines))

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
        self.give_back(others)
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


def _malformed_line(line, text) -> RowError:
    shown = printable(text.rstrip("\r\n"), _RAW_SHOWN)
    return RowError(line, "", "malformed_row", shown[:_VALUE_SHOWN], (shown,))


def printable(text: str, size=_VALUE_SHOWN) -> str:
    """Cut a text and make it storable: no NUL, no undecodable bytes."""
    text = text[:size]
    if text.isascii() and "\0" not in text:
        return text
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")
