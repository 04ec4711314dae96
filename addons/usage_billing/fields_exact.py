"""A number field that never passes through binary floating point.

Odoo reads every ``numeric`` column as a float, in the ORM and in the connections it
opens. Prices with ten decimals, tier bounds and exact amounts do not survive that, so
they use :class:`Exact`: a ``numeric`` column without limit of scale, ``Decimal`` in the
cache and on records, a string over RPC.
"""

from decimal import Decimal, InvalidOperation

from odoo import fields
from odoo.tools import SQL

#: context key under which :class:`Exact` columns are selected as text
#: (see ``models/base.py``)
AS_TEXT = "usage_exact_as_text"


class Exact(fields.Field[Decimal]):
    """An exact decimal number, or nothing.

    - column: ``numeric`` without precision or scale, NULL when there is no value
    - on a record: ``Decimal``, or ``None`` when there is no value (zero is a value)
    - over RPC, in JSON and in exports: a plain string such as ``"0.0000125"``, or False
    - accepted when written: ``Decimal``, ``int``, a string with a decimal point, and a
      float (taken by its shortest text, for XML data files); anything else, NaN and
      infinities raise ValueError

    The web client shows it with the ``exact`` widget: it knows the user's decimal sign.
    No aggregator: sums are made in SQL or by the event store, never in float.
    """

    type = "exact"
    _column_type = ("numeric", "numeric")
    falsy_value = None
    aggregator = None

    # The web client has no type of this name; a string is what it gets.
    _description_type = "char"

    def to_sql(self, model, alias):
        sql = super().to_sql(model, alias)
        if model.env.context.get(AS_TEXT) == model._name:
            return SQL("%s::text", sql)
        return sql

    def convert_to_column(self, value, record, values=None, validate=True):
        return to_exact(value)

    def convert_to_cache(self, value, record, validate=True):
        return to_exact(value)

    def convert_to_record(self, value, record):
        return to_exact(value)

    def convert_to_read(self, value, record, use_display_name=True):
        return False if value is None else to_text(value)

    def convert_to_export(self, value, record):
        return "" if value is None else to_text(value)

    def convert_to_display_name(self, value, record):
        return "" if value is None else to_text(value)


def to_exact(value):
    """Read a number exactly.

    :param value: Decimal, int, float, numeric string, None, False or ""
    :return: Decimal, or None where there is no value
    :raise ValueError: the value is not a finite number written with a decimal point
    """
    if isinstance(value, Decimal):
        number = value
    elif value is None or value is False or value == "":
        return None
    else:
        try:
            number = Decimal(str(value).strip())
        except InvalidOperation:
            raise ValueError(
                f"{value!r} is not a decimal number: write digits with a decimal point"
            ) from None
    if not number.is_finite():
        raise ValueError(f"{value!r} is not a finite number")
    return number


def to_text(value):
    """Write a Decimal in full, without exponent and without trailing zeros.

    >>> to_text(Decimal("1E+3")), to_text(Decimal("0.0100")), to_text(Decimal("-0"))
    ('1000', '0.01', '0')
    """
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text
