# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Declared mapping from the columns of a file to usage, applied without eval.

A mapping is JSON (see ``readme/USAGE.md`` for every key)::

    {"format": "csv", "name": "...", "match": ["TIMESTAMP"], "file_pattern": "...",
     "options": {"delimiter": ";", "encoding": "utf-8", "decimal": ","},
     "time_zone": "UTC", "null_words": ["NULL"],
     "identity": {"mode": "columns", "parts": [{"column": "Id"}]},
     "fields": {"type": ..., "subject": ..., "time": ..., "value": ..., "amount": ...,
                "currency": ..., "customer_key": ..., "customer_name": ...},
     "dimensions": {"sku": ...}, "properties": {...}, "measures": {"tokens_out": ...},
     "ignore": [{"name": "tax", "column": "LineItemType", "equals": ["Tax"]}],
     "provision": {...}}

A text is taken from ``{"column": name-or-aliases}``, ``{"const": text}``,
``{"file": named group of file_pattern}``, ``{"join": [...], "separator": " "}`` or
``{"first": [...]}`` (the first that is not empty); a column may add ``default``,
``case`` and ``values`` (a translation table). A number adds ``factor`` (a fraction such
as ``1/1073741824``), ``offset`` and ``pack`` (a text giving "10K", "1 Hour").
``compile_mapping`` turns the declaration into plain functions of one row, so that
applying it costs some microseconds.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from functools import partial

from . import identity
from .numbers import (
    CONTEXT,
    check_range,
    parse_decimals,
    parse_factor,
    plain,
    scale,
)
from .times import time_reader
from .units import parse_pack
from .values import IgnoredRow, MappingError, ParsedUsage, RowProblem

FORMATS = ("csv", "focus")
_KEYS = {
    "format", "name", "description", "match", "file_pattern", "options", "time_zone",
    "null_words", "identity", "fields", "dimensions", "properties", "measures",
    "ignore", "provision", "source",
}  # fmt: skip
_FIELDS = {
    "type", "subject", "time", "value", "amount", "currency", "customer_key",
    "customer_name",
}  # fmt: skip
_TEXT_KEYS = {
    "column", "const", "file", "join", "first", "separator", "default", "case",
    "values",
}  # fmt: skip
_TEXT_SOURCES = ("column", "const", "file", "join", "first")
_NUMBER_KEYS = {"factor", "offset", "pack"}
_TIME_KEYS = {"column", "formats", "time_zone"}
_OPTION_KEYS = {"delimiter", "encoding", "decimal", "quote"}
_MEMO_SIZE = 20_000


@dataclass(frozen=True, slots=True)
class TextSpec:
    """Where a text comes from; exactly one of column, const, file, join, first is
    set."""

    column: tuple = ()
    const: str | None = None
    file: str | None = None
    join: tuple = ()
    first: tuple = ()
    separator: str = ""
    default: str | None = None
    case: str | None = None
    values: tuple = ()

    def columns(self):
        """Alias groups of every column the text needs."""
        groups = [self.column] if self.column else []
        for part in self.join + self.first:
            groups += part.columns()
        return groups


@dataclass(frozen=True, slots=True)
class NumberSpec:
    """A number: text, then times pack size, times factor, plus offset."""

    text: TextSpec
    numerator: Decimal = Decimal(1)
    denominator: Decimal = Decimal(1)
    offset: Decimal = Decimal(0)
    pack: TextSpec | None = None


@dataclass(frozen=True, slots=True)
class TimeSpec:
    """A time column with its accepted formats and the zone of times without zone."""

    column: tuple
    formats: tuple
    time_zone: str


@dataclass(frozen=True, slots=True)
class IgnoreRule:
    """Rows whose column equals one of the texts (case counts) are left out by name."""

    name: str
    column: tuple
    equals: frozenset


@dataclass(frozen=True, slots=True)
class MappingSpec:
    """A checked mapping; built by ``load_mapping`` only."""

    format: str
    name: str
    match: tuple
    file_pattern: str
    options: dict
    time_zone: str
    null_words: frozenset
    identity_mode: str
    identity_parts: tuple
    fields: dict
    dimensions: dict
    properties: dict
    measures: dict
    ignore: tuple
    provision: dict = field(default_factory=dict)
    source: dict = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CompiledMapping:
    """A mapping bound to the header of one file.

    convert: rows, line numbers -> (usages, ignored rows); raises RowProblem when any of
        the rows cannot be mapped, without saying more than that unless it was alone
    scopes: rows -> set of delivery scopes, None unless identity mode is ``scope``
    customers: rows -> list of (key, name) of the customer, for provisioning
    """

    convert: Callable
    scopes: Callable | None
    customers: Callable


# -- declaration -------------------------------------------------------------------


def load_mapping(data: dict) -> MappingSpec:
    """Check a declared mapping and freeze it.

    An unknown key is refused: a misspelt option that silently does nothing is how usage
    gets lost.

    :raise MappingError: ``unknown_key``, ``missing_key``, ``wrong_value``,
        ``unknown_time_zone``, ``unknown_date_format``, ``unknown_file_part``
    """
    if not isinstance(data, dict):
        raise MappingError("wrong_value", key="mapping", value=type(data).__name__)
    _known(data, _KEYS, "mapping")
    fmt = data.get("format", "csv")
    if fmt not in FORMATS:
        raise MappingError("wrong_value", key="format", value=fmt)
    options = _dict(data, "options")
    _known(options, _OPTION_KEYS, "options")
    pattern = data.get("file_pattern", "")
    groups = _file_groups(pattern)
    fields = _dict(data, "fields")
    _known(fields, _FIELDS, "fields")
    for key in ("type", "subject", "time"):
        if key not in fields:
            raise MappingError("missing_key", key=f"fields.{key}")
    if "value" not in fields and "amount" not in fields:
        raise MappingError("missing_key", key="fields.value")
    time_zone = data.get("time_zone", "UTC")
    specs = {}
    for key, value in fields.items():
        where = f"fields.{key}"
        if key == "time":
            specs[key] = _time(value, where, time_zone)
        elif key in ("value", "amount"):
            specs[key] = _number(value, where, groups)
        else:
            specs[key] = _text(value, where, groups)
    mode, parts = _identity(_dict(data, "identity"), groups)
    spec = MappingSpec(
        format=fmt,
        name=str(data.get("name") or fmt),
        match=tuple(data.get("match", ())),
        file_pattern=pattern,
        options={key: str(value) for key, value in options.items()},
        time_zone=time_zone,
        null_words=frozenset(data.get("null_words", ())),
        identity_mode=mode,
        identity_parts=parts,
        fields=specs,
        dimensions=_texts(data, "dimensions", groups),
        properties=_texts(data, "properties", groups),
        measures={
            key: _number(value, f"measures.{key}", groups)
            for key, value in _dict(data, "measures").items()
        },
        ignore=tuple(_ignore(rule) for rule in data.get("ignore", ())),
        provision=_dict(data, "provision"),
        source=_dict(data, "source"),
    )
    time_reader(spec.fields["time"].formats, spec.fields["time"].time_zone)
    return spec


def _known(data, keys, where):
    for key in data:
        if key not in keys:
            raise MappingError("unknown_key", key=f"{where}.{key}")


def _dict(data, key):
    value = data.get(key, {})
    if not isinstance(value, dict):
        raise MappingError("wrong_value", key=key, value=type(value).__name__)
    return value


def _texts(data, key, groups):
    return {
        name: _text(value, f"{key}.{name}", groups)
        for name, value in _dict(data, key).items()
    }


def _file_groups(pattern):
    if len(pattern) > 300:
        raise MappingError("wrong_value", key="file_pattern", value=pattern[:50])
    try:
        return frozenset(re.compile(pattern).groupindex)
    except re.error as error:
        raise MappingError("wrong_value", key="file_pattern", value=pattern) from error


def _aliases(value, where):
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list | tuple) or not names:
        raise MappingError("wrong_value", key=where, value=value)
    return tuple(str(name) for name in names)


def _text(value, where, groups):
    if isinstance(value, str):
        value = {"column": value}
    if not isinstance(value, dict):
        raise MappingError("wrong_value", key=where, value=value)
    _known(value, _TEXT_KEYS, where)
    given = [key for key in _TEXT_SOURCES if key in value]
    if len(given) != 1:
        raise MappingError("missing_key", key=f"{where}.column")
    case = value.get("case")
    if case not in (None, "lower", "upper"):
        raise MappingError("wrong_value", key=f"{where}.case", value=case)
    if given == ["file"] and value["file"] not in groups:
        raise MappingError("unknown_file_part", key=where, value=value["file"])
    default = value.get("default")
    return TextSpec(
        column=_aliases(value["column"], where) if given == ["column"] else (),
        const=str(value["const"]) if given == ["const"] else None,
        file=value.get("file"),
        join=tuple(_text(part, where, groups) for part in value.get("join", ())),
        first=tuple(_text(part, where, groups) for part in value.get("first", ())),
        separator=str(value.get("separator", "")),
        default=None if default is None else str(default),
        case=case,
        values=tuple(_dict(value, "values").items()),
    )


def _number(value, where, groups):
    if isinstance(value, str):
        value = {"column": value}
    if not isinstance(value, dict):
        raise MappingError("wrong_value", key=where, value=value)
    _known(value, _TEXT_KEYS | _NUMBER_KEYS, where)
    text = {key: item for key, item in value.items() if key not in _NUMBER_KEYS}
    for key in ("factor", "offset"):
        if isinstance(value.get(key), float):  # JSON number: already inexact
            raise MappingError("wrong_value", key=f"{where}.{key}", value=value[key])
    try:
        factor = parse_factor(value.get("factor", "1"))
        offset = Decimal(str(value.get("offset", "0")))
    except (ValueError, ZeroDivisionError, InvalidOperation) as error:
        raise MappingError("wrong_value", key=f"{where}.factor", value="") from error
    pack = value.get("pack")
    return NumberSpec(
        text=_text(text, where, groups),
        numerator=Decimal(factor.numerator),
        denominator=Decimal(factor.denominator),
        offset=offset,
        pack=_text(pack, f"{where}.pack", groups) if pack is not None else None,
    )


def _time(value, where, time_zone):
    if isinstance(value, str):
        value = {"column": value}
    if not isinstance(value, dict) or "column" not in value:
        raise MappingError("missing_key", key=f"{where}.column")
    _known(value, _TIME_KEYS, where)
    formats = value.get("formats", ["iso"])
    return TimeSpec(
        column=_aliases(value["column"], where),
        formats=_aliases(formats, f"{where}.formats"),
        time_zone=value.get("time_zone", time_zone),
    )


def _identity(value, groups):
    _known(value, {"mode", "parts"}, "identity")
    mode = value.get("mode", "row")
    if mode not in identity.MODES:
        raise MappingError("wrong_value", key="identity.mode", value=mode)
    parts = tuple(
        _text(part, "identity.parts", groups) for part in value.get("parts", ())
    )
    if mode != "row" and not parts:
        raise MappingError("missing_key", key="identity.parts")
    return mode, parts


def _ignore(rule):
    if not isinstance(rule, dict) or not {"column", "equals"} <= set(rule):
        raise MappingError("missing_key", key="ignore.column")
    _known(rule, {"name", "column", "equals"}, "ignore")
    equals = frozenset(_aliases(rule["equals"], "ignore.equals"))
    column = _aliases(rule["column"], "ignore.column")
    return IgnoreRule(str(rule.get("name") or column[0]), column, equals)


def suggest(specs, header_names):
    """The mapping that recognises a header: all its ``match`` columns are there.

    Of several the one that names the most columns wins, then the first given.

    :param list[MappingSpec] specs: candidates
    :param list[str] header_names: columns of the file
    :return: position in ``specs``, or None
    """
    header = Header(header_names)
    fits = [
        (len(spec.match), -position)
        for position, spec in enumerate(specs)
        if spec.match and header.has_all(spec.match)
    ]
    return -max(fits)[1] if fits else None


# -- application -------------------------------------------------------------------


class Header:
    """Column positions of one file, found by alias, without regard to case."""

    def __init__(self, names):
        self.names = tuple(names)
        self.positions = {}
        self.repeated = set()
        for position, name in enumerate(names):
            key = name.strip().lower()
            if key in self.positions:
                self.repeated.add(key)
            self.positions.setdefault(key, position)
        self.used = set()

    def find(self, aliases):
        """Position of the first alias present, or None.

        :raise MappingError: ``repeated_column`` when the name stands twice
        """
        for alias in aliases:
            key = alias.strip().lower()
            if key in self.positions:
                if key in self.repeated:
                    raise MappingError("repeated_column", column=alias)
                self.used.add(self.positions[key])
                return self.positions[key]
        return None

    def has_all(self, names):
        """Whether every name is a column of the file."""
        return all(name.strip().lower() in self.positions for name in names)


def compile_mapping(spec, header_names, file_name, sha256, sign) -> CompiledMapping:
    """Bind a mapping to one file: find its columns and build its functions.

    :param MappingSpec spec: the declaration
    :param list[str] header_names: columns of the file
    :param str file_name: for parts of the file name
    :param str sha256: of the content, part of the identity of rows without id
    :param str sign: decimal sign of the file
    :raise MappingError: ``missing_column``, ``repeated_column``, ``file_name``
    """
    return _Compiler(spec, header_names, file_name, sha256, sign).compile()


class _Compiler:
    """Builds the functions of one file; lives only while compiling.

    Each function reads one field of many rows at once: most of the work then happens in
    loops of the interpreter's own C code, and a check such as "is all of it plain text"
    is made once for a whole column. The first bad value makes the function give up; the
    caller halves the rows until the bad one stands alone.
    """

    def __init__(self, spec, header_names, file_name, sha256, sign):
        self.spec = spec
        self.header = Header(header_names)
        self.sha256 = sha256
        self.sign = sign
        self.nulls = spec.null_words - {""}
        self.file_parts = {}
        if spec.file_pattern:
            match = re.search(spec.file_pattern, file_name)
            if not match:
                raise MappingError("file_name", file=file_name)
            self.file_parts = {k: v or "" for k, v in match.groupdict().items()}

    def compile(self):
        spec, fields = self.spec, self.spec.fields
        event_ids, scopes = self._event_ids()
        leave_out = self._rules()
        subjects = self._required(fields["subject"])
        columns = (
            self._required(fields["type"]),
            subjects,
            self._times(fields["time"]),
            self._numbers(fields.get("value")),
            self._numbers(fields.get("amount")),
            self._optional(fields.get("currency")),
            self._dicts(spec.dimensions),
            self._properties(),
        )

        def convert(rows, lines):
            rows, lines, ignored = leave_out(rows, lines)
            read = [column(rows) for column in columns]
            values = zip(event_ids(rows, lines), *read, lines, strict=True)
            return list(map(_make_usage, values)), ignored

        return CompiledMapping(convert, scopes, self._customers(subjects))

    # -- texts -----------------------------------------------------------------

    def _text(self, text: TextSpec, is_required=True):
        """Return rows -> texts ('' when absent). A column that must exist and does not
        is refused here, before any row is read."""
        if text.const is not None:
            return _constant(text.const)
        if text.file is not None:
            return self._shaped(_constant(self.file_parts[text.file]), text)
        if text.join or text.first:
            return self._shaped(self._combined(text, is_required), text)
        position = self.header.find(text.column)
        if position is None:
            if is_required and text.default is None:
                raise MappingError("missing_column", columns=", ".join(text.column))
            return _constant(text.default or "")
        return self._shaped(self._column(position), text)

    def _combined(self, text, is_required):
        """Texts of several parts: all of them joined, or the first that is there."""
        parts = [self._text(part, is_required) for part in text.join + text.first]
        separator, is_first = text.separator, bool(text.first)

        def read(rows):
            found = zip(*[part(rows) for part in parts], strict=True)
            if is_first:
                return [next(filter(None, values), "") for values in found]
            return [separator.join(filter(None, values)) for values in found]

        return read

    def _column(self, position):
        nulls, name = self.nulls, self.header.names[position]

        def read(rows):
            texts = [row[position].strip() for row in rows]
            _check_texts("".join(texts), name)
            if not nulls.isdisjoint(texts):
                return ["" if text in nulls else text for text in texts]
            return texts

        return read

    @staticmethod
    def _shaped(read, text: TextSpec):
        if not (text.case or text.values or text.default):
            return read
        case = {"lower": str.lower, "upper": str.upper}.get(text.case, str)
        table, default = dict(text.values), text.default or ""

        def shaped(rows):
            texts = map(case, read(rows))
            return [table.get(found, found) or default for found in texts]

        return shaped

    def _required(self, text: TextSpec):
        read, name = self._text(text), _column_name(text)

        def required(rows):
            texts = read(rows)
            if "" in texts:
                raise RowProblem("missing_field", name)
            return texts

        return required

    def _optional(self, text: TextSpec | None):
        if text is None:
            return _constant(None)
        read = self._text(text, is_required=False)
        return lambda rows: [found or None for found in read(rows)]

    def _dicts(self, specs):
        """Return rows -> dicts of the texts that are not empty.

        The same few combinations come back for ever, so a dict is shared: callers must
        not change it.
        """
        if not specs:
            return _constant({})
        names = tuple(specs)
        reads = [self._text(spec, is_required=False) for spec in specs.values()]
        memo = {}

        def dicts(rows):
            keys = list(zip(*[read(rows) for read in reads], strict=True))
            if len(memo) > _MEMO_SIZE:
                memo.clear()
            for key in set(keys).difference(memo):
                memo[key] = {n: v for n, v in zip(names, key, strict=True) if v}
            return [memo[key] for key in keys]

        return dicts

    # -- numbers and times -----------------------------------------------------

    def _numbers(self, number: NumberSpec | None):
        if number is None:
            return _constant(None)
        columns = number.text.column
        is_missing = columns and self.header.find(columns) is None
        if is_missing and number.text.default is None:
            raise MappingError("missing_column", columns=", ".join(columns))
        read, name = self._text(number.text, False), _column_name(number.text)
        sign = self.sign if columns else "."

        def parse(rows):
            texts = read(rows)
            if "" in texts:
                raise RowProblem("missing_field", name)
            return _named(name, parse_decimals, texts, sign)

        steps = (number.numerator, number.denominator, number.offset)
        if steps == (1, 1, 0) and number.pack is None:
            return parse
        return self._stepped(parse, number, name)

    def _stepped(self, parse, number, name):
        numerator, denominator = number.numerator, number.denominator
        offset, packs = number.offset, self._packs(number.pack)

        def step(value, pack):
            value = CONTEXT.multiply(value, pack)
            value = CONTEXT.add(scale(value, numerator, denominator), offset)
            return check_range(round_excess(value))

        def stepped(rows):
            pairs = zip(parse(rows), packs(rows), strict=True)
            return [_named(name, step, *pair) for pair in pairs]

        return stepped

    def _packs(self, text):
        if text is None:
            return _constant(Decimal(1))
        read, name = self._required(text), _column_name(text)

        def packs(rows):
            texts = read(rows)
            sizes = {text: _named(name, parse_pack, text).size for text in set(texts)}
            return [sizes[text] for text in texts]

        return packs

    def _times(self, spec: TimeSpec):
        position = self.header.find(spec.column)
        if position is None:
            raise MappingError("missing_column", columns=", ".join(spec.column))
        read, name = time_reader(spec.formats, spec.time_zone), spec.column[0]
        nulls = self.nulls | {""}

        def times(rows):
            texts = [row[position] for row in rows]
            if not nulls.isdisjoint(texts):
                raise RowProblem("missing_field", name)
            return _named(name, read, texts)

        return times

    # -- identity, properties, rules -------------------------------------------

    def _event_ids(self):
        """Return ((rows, lines) -> event ids, rows -> scopes or None)."""
        mode, sha256 = self.spec.identity_mode, self.sha256
        if mode == "row":
            return (
                lambda rows, lines: [f"{sha256}:{line}" for line in lines],
                None,
            )
        parts = [self._required(part) for part in self.spec.identity_parts]

        def keys(rows):
            if len(parts) == 1:
                return parts[0](rows)
            found = zip(*[part(rows) for part in parts], strict=True)
            return list(map(identity.join_key, found))

        if mode == "columns":
            return lambda rows, lines: keys(rows), None
        version = identity.version_of(sha256)

        def scoped(rows, lines):
            pairs = zip(keys(rows), lines, strict=True)
            return [identity.scope_event_id(k, version, line) for k, line in pairs]

        return scoped, lambda rows: set(keys(rows))

    def _properties(self):
        texts = self._dicts(self.spec.properties)
        names = tuple(self.spec.measures)
        if not names:
            return texts
        reads = [self._numbers(number) for number in self.spec.measures.values()]

        def properties(rows):
            numbers = zip(*[map(plain, read(rows)) for read in reads], strict=True)
            return [
                {**found, **dict(zip(names, values, strict=True))}
                for found, values in zip(texts(rows), numbers, strict=True)
            ]

        return properties

    def _rules(self):
        """Return (rows, lines) -> rows and lines kept, rows ignored by rule."""
        rules = []
        for rule in self.spec.ignore:
            position = self.header.find(rule.column)
            if position is None:
                raise MappingError("missing_column", columns=", ".join(rule.column))
            rules.append((position, rule.equals, rule.name))

        def leave_out(rows, lines):
            ignored = []
            for position, equals, name in rules:
                if equals.isdisjoint([row[position] for row in rows]):
                    continue
                pairs = list(zip(rows, lines, strict=True))
                ignored += [
                    IgnoredRow(line, name)
                    for row, line in pairs
                    if row[position] in equals
                ]
                pairs = [pair for pair in pairs if pair[0][position] not in equals]
                rows = [row for row, _line in pairs]
                lines = [line for _row, line in pairs]
            return rows, lines, ignored

        return leave_out

    def _customers(self, subjects):
        """Return rows -> (customer key, customer name); the subject if undeclared."""
        fields = self.spec.fields
        keys, names = subjects, _constant("")
        if "customer_key" in fields:
            keys = self._required(fields["customer_key"])
        if "customer_name" in fields:
            names = self._text(fields["customer_name"], is_required=False)

        def customers(rows):
            pairs = zip(keys(rows), names(rows), strict=True)
            return [(key, name or key) for key, name in pairs]

        return customers


#: builds a ParsedUsage of a tuple without a call of Python code
_make_usage = partial(tuple.__new__, ParsedUsage)


def round_excess(number: Decimal) -> Decimal:
    """Cut a quotient that does not end to 38 decimals (half even); exact otherwise."""
    if number.as_tuple().exponent < -38:
        return number.quantize(Decimal("1e-38"), context=CONTEXT)
    return number


def _constant(value):
    return lambda rows: [value] * len(rows)


def _column_name(text: TextSpec) -> str:
    groups = text.columns()
    return ", ".join(group[0] for group in groups) if groups else ""


def _named(name, function, *arguments):
    """Call; a problem found inside gets the name of the column."""
    try:
        return function(*arguments)
    except RowProblem as problem:
        problem.column = problem.column or name
        raise


def _check_texts(joined, name):
    """Refuse what a database cannot keep as text: NUL, undecodable bytes."""
    if "\0" in joined:
        raise RowProblem("invalid_text", name, joined)
    if not joined.isascii():
        try:
            joined.encode("utf-8")
        except UnicodeEncodeError as error:
            raise RowProblem("invalid_text", name, joined) from error
        if "\ufffd" in joined:
            raise RowProblem("invalid_text", name, joined)
