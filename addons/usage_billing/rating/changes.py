# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""What differs between two price lists, charge by charge, as plain data.

A price list is a mapping of charge key to its terms; terms are a mapping of names to
plain values (Decimal, text, bool, None) or, for tables such as tiers, to a tuple of
rows, each a mapping. The add-on turns records into terms and changes into sentences.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from .rounding import divide

ADDED, REMOVED, CHANGED = "added", "removed", "changed"


@dataclass(frozen=True, slots=True)
class TermChange:
    """One term that is not what it was.

    name: of the term
    old, new: plain values; None where there was or is nothing
    path: (table, row) pairs from the charge to the row that holds the term, empty for
        a term of the charge itself; a row is named by its key, its upper bound or its
        place, whichever tells it from the others
    """

    name: str
    old: object
    new: object
    path: tuple = ()

    @property
    def percent(self):
        """Change of a number in percent of the old one, or None."""
        if not (isinstance(self.old, Decimal) and isinstance(self.new, Decimal)):
            return None
        if not self.old:
            return None
        return divide((self.new - self.old) * 100, self.old)


@dataclass(frozen=True, slots=True)
class ChargeChange:
    """key: of the charge; kind: added, removed or changed; terms: what moved"""

    key: str
    kind: str
    terms: tuple[TermChange, ...]


def compare(before, after):
    """Changes from one price list to another, in the order of the new one.

    >>> [change] = compare({"api": {"price": 1}}, {"api": {"price": 2}})
    >>> change.kind, change.terms[0].old, change.terms[0].new
    ('changed', 1, 2)

    :param Mapping before, after: {charge key: {term: value}}
    :rtype: tuple[ChargeChange, ...]
    """
    changes = []
    for key, terms in after.items():
        old = before.get(key)
        kind = ADDED if old is None else CHANGED
        found = tuple(_terms(old or {}, terms))
        if found or kind == ADDED:
            changes.append(ChargeChange(key, kind, found))
    for key, terms in before.items():
        if key not in after:
            changes.append(ChargeChange(key, REMOVED, tuple(_terms(terms, {}))))
    return tuple(changes)


def _terms(old, new, path=()):
    names = list(new) + [name for name in old if name not in new]
    for name in names:
        was, now = old.get(name), new.get(name)
        if isinstance(was, tuple) or isinstance(now, tuple):
            yield from _rows(name, was or (), now or (), path)
        elif was != now:
            yield TermChange(name, was, now, path)


def _rows(table, old, new, path):
    """Rows are the same one when they have the same name."""
    was, now = _by_name(old), _by_name(new)
    for row in list(now) + [row for row in was if row not in now]:
        inside = (*path, (table, row))
        yield from _terms(was.get(row, {}), now.get(row, {}), inside)


def _by_name(rows):
    """Rows by their key or bound if these are unique, else by their place."""
    for column in ("key", "up_to"):
        names = [row.get(column) for row in rows]
        if rows and column in rows[0] and len(set(names)) == len(names):
            return dict(zip(names, rows, strict=True))
    return {number: row for number, row in enumerate(rows, 1)}


def to_data(change):
    """One change of a term as JSON, to be said again in any language.

    >>> to_data(TermChange("fee", None, Decimal("1.50")))
    {'path': [], 'old': None, 'new': {'decimal': '1.50'}}

    :rtype: dict
    """
    return {
        "path": [[table, _encode(row)] for table, row in change.path],
        "old": _encode(change.old),
        "new": _encode(change.new),
    }


def from_data(name, data):
    """The change that :func:`to_data` wrote.

    :param str name: of the term
    :rtype: TermChange
    """
    path = tuple((table, _decode(row)) for table, row in data["path"])
    return TermChange(name, _decode(data["old"]), _decode(data["new"]), path)


def _encode(value):
    if isinstance(value, Decimal):
        return {"decimal": format(value, "f")}
    if isinstance(value, date):
        return {"date": value.isoformat()}
    if isinstance(value, frozenset):
        return {"ids": sorted(value)}
    if isinstance(value, dict):
        return {"json": value}
    return value


def _decode(value):
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "json":
        return content
    return {"decimal": Decimal, "date": date.fromisoformat, "ids": frozenset}[kind](
        content
    )
