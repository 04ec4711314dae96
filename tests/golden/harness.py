# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""What the runner and every adapter share: strict reading, exact comparing.

An adapter is a module `<engine>_<area>.py` (core_rating, odoo_revshare) with

    play(case) -> dict | None

It plays the neutral case on the product and returns what came out, in the
shape of `expected`; the runner compares. An adapter that compares by itself
raises `Mismatch` and returns None. What the written list of unsupported
features covers raises `Unsupported(feature)`. Everything else that cannot be
played (a field, a kind, a model nobody described) must raise, never be skipped:
read cases through `Fields`, and call `done()` when all is read.

An adapter that needs a database has instead

    open_session(dbname, config)    context manager; yields an object with play
"""

from decimal import ROUND_HALF_UP, Decimal, InvalidOperation, localcontext


class Unsupported(Exception):
    """The case needs a feature that the written list may excuse."""

    def __init__(self, feature):
        super().__init__(feature)
        self.feature = feature


class Mismatch(Exception):
    """The product gave another figure than expected."""

    def __init__(self, expected, got, where=""):
        super().__init__(f"{where}: expected {expected}, got {got}")
        self.expected = expected
        self.got = got
        self.where = where


class BadCase(Exception):
    """A field, kind or model that the case README does not describe."""


_MISSING = object()


class Fields:
    """A JSON object read strictly: what is left unread at the end is an error.

    Money and quantities are decimal strings; a number in their place is
    refused, so that no float can ever come near them.
    """

    def __init__(self, data, where):
        if not isinstance(data, dict):
            raise BadCase(f"{where}: an object was expected")
        self._data = data
        self._where = where
        self._read = set()
        self._children = []

    def __contains__(self, name):
        return name in self._data

    @property
    def where(self):
        return self._where

    def names(self):
        return tuple(self._data)

    def raw(self, name, default=_MISSING):
        """The value as it stands; BadCase when absent without default."""
        self._read.add(name)
        if name in self._data:
            return self._data[name]
        if default is _MISSING:
            raise BadCase(f"{self._where}: {name} is missing")
        return default

    def _typed(self, name, default, kind):
        value = self.raw(name, default)
        right = isinstance(value, kind)
        if isinstance(value, bool) and kind is not bool:
            right = False
        if name in self._data and not right:
            raise BadCase(f"{self._where}.{name}: {value!r} is not {kind.__name__}")
        return value

    def text(self, name, default=_MISSING):
        return self._typed(name, default, str)

    def integer(self, name, default=_MISSING):
        return self._typed(name, default, int)

    def flag(self, name, default=_MISSING):
        return self._typed(name, default, bool)

    def number(self, name, default=_MISSING):
        """Decimal of a decimal string; null stays None."""
        value = self.raw(name, default)
        if name not in self._data or value is None:
            return value
        return number(value, f"{self._where}.{name}")

    def object(self, name, default=_MISSING):
        """Nested object, read strictly too; None when absent or null."""
        value = self.raw(name, default)
        if value is None:
            return None
        child = Fields(value, f"{self._where}.{name}")
        self._children.append(child)
        return child

    def objects(self, name, default=_MISSING):
        """List of nested objects."""
        found = []
        for index, value in enumerate(self._typed(name, default, list)):
            child = Fields(value, f"{self._where}.{name}[{index}]")
            self._children.append(child)
            found.append(child)
        return found

    def numbers(self, name, default=_MISSING):
        """List of Decimals."""
        values = self._typed(name, default, list)
        return [number(v, f"{self._where}.{name}[{i}]") for i, v in enumerate(values)]

    def done(self):
        """Refuse what was not read, here and in the nested objects."""
        left = sorted(set(self._data) - self._read)
        if left:
            raise BadCase(f"{self._where}: unknown field {', '.join(left)}")
        for child in self._children:
            child.done()


def number(value, where):
    """Decimal of a decimal string.

    :raise BadCase: for anything else, JSON numbers included
    """
    if not isinstance(value, str):
        raise BadCase(f"{where}: {value!r} is not a decimal string")
    try:
        parsed = Decimal(value)
    except InvalidOperation as error:
        raise BadCase(f"{where}: {value!r} is not a number") from error
    if not parsed.is_finite():
        raise BadCase(f"{where}: {value!r} is not a number")
    return parsed


def compare(expected, got, where="expected"):
    """Assert that what is expected came out; what is not expected is free.

    Objects are compared key by key, lists item by item and in full, decimal
    strings by value, unrounded ones to the digits shown, lists of amounts as
    `compare_amounts` says.

    :raise Mismatch: an unknown expected key, or another figure
    """
    if isinstance(expected, dict):
        _compare_objects(expected, got, where)
    elif isinstance(expected, list):
        if not isinstance(got, list | tuple) or len(expected) != len(got):
            raise Mismatch(expected, got, where)
        for index, (left, right) in enumerate(zip(expected, got, strict=True)):
            compare(left, right, f"{where}[{index}]")
    elif not _equal(expected, got):
        raise Mismatch(expected, got, where)


def _compare_objects(expected, got, where):
    if not isinstance(got, dict):
        raise Mismatch(expected, got, where)
    special = {
        "amounts": compare_amounts,
        "exact": _compare_exact,
        # a line's part of a discount is not rounded either (kind invoice)
        "coupon": _compare_exact,
    }
    for key, value in expected.items():
        if key not in got:
            raise Mismatch(value, f"nothing named {key}", f"{where}.{key}")
        special.get(key, compare)(value, got[key], f"{where}.{key}")


def _equal(expected, got):
    if isinstance(expected, bool) or isinstance(got, bool):
        return expected is got
    if isinstance(got, Decimal) and isinstance(expected, str):
        try:
            return Decimal(expected) == got
        except InvalidOperation:
            return False
    return type(expected) is type(got) and expected == got


def _compare_exact(expected, got, where):
    """`exact` is correct to the digits shown."""
    shown = number(expected, where)
    if got is None:
        raise Mismatch(expected, got, where)
    with localcontext() as context:
        context.prec = 96
        rounded = got.quantize(shown, rounding=ROUND_HALF_UP)
    if rounded != shown:
        raise Mismatch(expected, got, where)


def compare_amounts(expected, got, where):
    """Compare lists of {"charge", "label"?, "amount", "exact"?}.

    Amounts of one charge and label are compared whatever their order. A charge
    expected as one amount without label is the charge's net, all its labelled
    lines added. A line that came out and is not expected must be zero.
    """
    wanted = {}
    for index, line in enumerate(expected):
        fields = Fields(line, f"{where}[{index}]")
        key = (fields.text("charge"), fields.text("label", None))
        exact = fields.raw("exact", None)
        wanted.setdefault(key, []).append((fields.number("amount"), exact))
        fields.done()
    labelled = {charge for charge, label in wanted if label is not None}
    found = {}
    for line in got:
        label = line.get("label")
        if line["charge"] not in labelled:
            label = None
        key = (line["charge"], label)
        found.setdefault(key, []).append((line["amount"], line.get("exact")))
    for key, amounts in wanted.items():
        name = f"{where}[{'/'.join(filter(None, key))}]"
        lines = found.pop(key, [])
        if len(amounts) == 1 and len(lines) > 1:
            exacts = [exact for _amount, exact in lines]
            whole = None if None in exacts else sum(exacts)
            lines = [(sum(amount for amount, _exact in lines), whole)]
        _compare_lines(amounts, lines, name)
    for key, lines in found.items():
        if any(amount for amount, _exact in lines):
            raise Mismatch("no such line", lines, f"{where}[{key}]")


def _compare_lines(expected, got, where):
    if len(expected) != len(got):
        raise Mismatch([str(a) for a, _e in expected], [str(a) for a, _e in got], where)
    pairs = zip(
        sorted(expected, key=lambda line: line[0]),
        sorted(got, key=lambda line: line[0]),
        strict=True,
    )
    for (amount, exact), (got_amount, got_exact) in pairs:
        if amount != got_amount:
            raise Mismatch(str(amount), str(got_amount), where)
        if exact is not None:
            _compare_exact(exact, got_exact, f"{where}.exact")
