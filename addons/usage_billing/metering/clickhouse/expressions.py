"""What a meter reads of an event, as expressions of ClickHouse.

The dictionary of dimension sets stays in PostgreSQL. :class:`Sets` holds the ones that
the events in question have; everything that a set decides is decided here, once for
each set, and reaches the query as lists of their numbers.
"""

from ..meters import EXACT
from ..texts import canonical
from .driver import numbers, text, texts
from .tables import NARROW_DECIMALS, WIDE_DECIMALS

#: The same texts count as numbers as in the PostgreSQL store.
_NUMBER = r"^\\s*[-+]?([0-9]+\\.?[0-9]*|\\.[0-9]+)([eE][-+]?[0-9]{1,3})?\\s*$"


class Sets:
    """Dimension sets of the events in question.

    :param dict dims: id -> dimensions
    :param MeterSpec meter: what is read
    """

    def __init__(self, dims, meter):
        self.meter = meter
        self.dims = {}
        self.filters = {}
        for number, dimensions in sorted(dims.items()):
            left = meter.split_filters(dimensions)
            if left is not None:
                self.dims[number] = dimensions
                self.filters[number] = left
        self.excluded = sorted(dims.keys() - self.dims.keys())

    def condition(self):
        """Which events pass the meter's filters; "" when all do."""
        by_left = {}
        for number, left in self.filters.items():
            by_left.setdefault(left, []).append(number)
        if list(by_left) == [()] and not self.excluded:
            return ""
        parts = [
            " AND ".join(
                [
                    f"dimset_id IN ({numbers(ids)})",
                    *(f"{_property(key)} = {text(value)}" for key, value in left),
                    *(_has(key) for key, _value in left),
                ]
            )
            for left, ids in by_left.items()
        ]
        return f"({' OR '.join(f'({part})' for part in parts)})"

    # -- text of a property, else of the dimension of that name ------------------------

    def either(self, key):
        """The text '=' and value, or '' where an event has neither."""
        constants = {
            number: f"={dims[key]}" for number, dims in self.dims.items() if key in dims
        }
        otherwise = self._by_set(constants, "''")
        return f"if({_has(key)}, concat('=', {_property(key)}), {otherwise})"

    def apart(self, key):
        """The same with the dimension first: for keys that are kept apart."""
        ids = [number for number, dims in self.dims.items() if key in dims]
        if len(ids) == len(self.dims):
            return None
        own = f"if({_has(key)}, concat('=', {_property(key)}), '')"
        return f"if(dimset_id IN ({numbers(ids)}), '', {own})" if ids else own

    def _by_set(self, constants, otherwise):
        if not constants:
            return otherwise
        return (
            f"transform(dimset_id, [{numbers(constants)}],"
            f" {texts(constants.values())}, {otherwise})"
        )

    # -- value and item ----------------------------------------------------------------

    @property
    def columns(self):
        """Columns of the events that the expressions need."""
        meter, needed = self.meter, {"dimset_id"}
        if any(self.filters.values()):
            needed |= {"prop_keys", "prop_values"}
        if meter.aggregation == "unique_count":
            needed |= {"prop_keys", "prop_values"}
        elif meter.needs_value and meter.value_source == "property":
            needed |= {"prop_keys", "prop_values"}
        elif meter.needs_value:
            needed |= {meter.value_source}
        return needed

    def is_wide(self, wide):
        """Whether values must be read with 38 decimals."""
        return self.meter.needs_value and (
            wide or self.meter.value_source == "property"
        )

    def value(self, wide):
        """Number that the meter reads; NULL where it reads none."""
        meter = self.meter
        if not meter.needs_value:
            return None
        if meter.value_source != "property":
            name = meter.value_source
            if not wide:
                return name
            return f"ifNull({name}_wide, toDecimal256({name}, {WIDE_DECIMALS}))"
        found = f"substring({self.either(meter.value_property)}, 2)"
        number = f"trimBoth({found})"
        parsed = f"toDecimal256OrNull({number}, {WIDE_DECIMALS})"
        decimals = (
            f"toInt32(length(extract({number}, '\\\\.([0-9]*)')))"
            f" - toInt32OrZero(extract({number}, '[eE]([-+]?[0-9]+)'))"
        )
        # never a digit less than was sent: better no answer
        beyond = f"throwIf(isNull({parsed}) OR {decimals} > {WIDE_DECIMALS},"
        beyond += " 'beyond 38 digits')"
        return f"if(match({found}, '{_NUMBER}') AND NOT {beyond}, {parsed}, NULL)"

    def item(self):
        """What unique count compares; '' where there is nothing to compare."""
        return self.either(self.meter.unique_property)

    def within(self):
        """In what the item is unique."""
        return [self.either(key) for key in self.meter.group_by]

    # -- what is kept apart ------------------------------------------------------------

    def groups(self, keys):
        """Number the projections of the sets to these keys.

        :return: (expression of the number, {number: dimensions})
        """
        found, of_set = {}, {}
        for number, dims in self.dims.items():
            kept = {key: dims[key] for key in sorted(keys) if key in dims}
            index = found.setdefault(canonical(kept), (len(found), kept))[0]
            of_set[number] = index
        if len(found) < 2:
            return "0", {index: kept for index, kept in found.values()}
        expression = (
            f"transform(dimset_id, [{numbers(of_set)}], [{numbers(of_set.values())}],"
            " -1)"
        )
        return expression, {index: kept for index, kept in found.values()}


def figures(names, wide, meter, axis, modern=True):
    """Expressions over facts (v, item, time ...) and how to read each of them.

    :param names: of sum, min, max, moment, latest, percentile, unique
    :param str axis: where an event stands on the meter's axis of time
    :param bool modern: the server is of 21.8 or later
    :return: list of (expressions, function of their values)
    """
    scale = WIDE_DECIMALS if wide else NARROW_DECIMALS
    whole = "toInt256(v)"
    rest = f"v - toDecimal256({whole}, {scale})"
    known = {
        "min": (["min(v)"], _same),
        "max": (["max(v)"], _same),
        "latest": (["argMax(v, (time, event_id, source_id, id))"], _not_negative),
        "unique": (["uniqExact(item)"], _same),
    }
    if wide:
        known["sum"] = ([f"sum({whole})", f"sum({rest})"], _together)
        known["moment"] = (
            [f"sum({whole} * {axis})", f"sum(({rest}) * {axis})"],
            _together,
        )
    else:
        known["sum"] = (["sum(v)"], _same)
        known["moment"] = ([f"sum(toDecimal256(v, {scale}) * {axis})"], _same)
    if "percentile" in names:
        _sign, digits, exponent = meter.percentile.as_tuple()
        part = int("".join(map(str, digits))) * 10 ** max(exponent, 0)
        of = 100 * 10 ** max(-exponent, 0)
        rank = f"intDiv({part} * count() + {of - 1}, {of})"
        values = "groupArray(v)"
        if not modern:  # such servers die of merging arrays of decimals
            values = f"arrayMap(t -> toDecimal128(t, {scale}), groupArray(toString(v)))"
        known["percentile"] = ([f"arraySort({values})[{rank}]"], _same)
    return [known[name] for name in names]


def _same(value):
    return value


def _not_negative(value):
    return max(value, 0 * value)


def _together(whole, rest):
    return EXACT.add(rest, whole)


def _has(key):
    return f"has(prop_keys, {text(key)})"


def _property(key):
    return f"prop_values[indexOf(prop_keys, {text(key)})]"
