"""The terms of a price as plain data, and in words, whatever fields a charge has.

Copy, freeze, difference, change log and export all read the same list of fields:
stored ones that are copied with the record. A new field of a charge or of one of its
tables needs no change here.
"""

from decimal import Decimal

from odoo.models import MAGIC_COLUMNS

from . import messages
from .fields_exact import Exact

#: fields that place a record and say nothing about its price
PLACE = {"version_id", "sequence", "company_id", "charge_id", "price_id", "tier_id"}

#: relations from a row of prices to what it belongs to
PARENTS = ("version_id", "charge_id", "price_id", "tier_id")

#: words in the name of an exact field that make it an amount of the plan's currency
MONEY = ("price", "fee", "amount", "cap", "per_event")


def term_fields(model):
    """Fields of a model that hold terms of a price, in the order of their declaration.

    :param model: ``usage.charge`` or the model of one of its tables
    :rtype: list[odoo.fields.Field]
    """
    return [
        field
        for name, field in model._fields.items()
        if field.store
        and field.copy
        and name not in MAGIC_COLUMNS
        and not field.related
        and name not in PLACE
        and not (name == "key" and model._name == "usage.charge")
        and field.type not in ("binary", "html")
    ]


def frozen_columns(model):
    """Columns the database keeps as they were approved; words may be translated.

    :rtype: list[str]
    """
    columns = [
        field.name
        for field in term_fields(model)
        if field.column_type and not field.translate and not field.compute
    ]
    return columns + [name for name in PARENTS if name in model._fields]


def terms_of(record):
    """Terms of one charge or row, ready for ``rating.changes.compare``.

    :return: {field name: Decimal, text, bool, id, None, or a tuple of rows}
    """
    return {field.name: _plain(record, field) for field in term_fields(record)}


def _plain(record, field):
    value = record[field.name]
    if field.type == "one2many":
        return tuple(terms_of(row) for row in value)
    if field.type == "many2one":
        return value.id or None
    if field.type == "many2many":
        return frozenset(value.ids) or None
    if field.type in ("float", "monetary"):
        return Decimal(str(value)) if value else None
    if field.type == "boolean":
        return value
    if field.type in ("char", "text"):
        return value or None
    return None if value is False else value


def is_money(field):
    """Whether an exact figure is an amount: a price, a fee, a minimum."""
    return isinstance(field, Exact) and any(word in field.name for word in MONEY)


def label(env, field):
    """Name of a term in the user's language."""
    return field._description_string(env)


def words(env, field, value, currency):
    """Value of a term as a person reads it.

    :param field: of the model the value comes from
    :param currency: ``res.currency`` of the prices
    :rtype: str
    """
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return env._("Yes") if value else env._("No")
    if isinstance(value, dict):
        return " ; ".join(
            f"{key} = {' | '.join(map(str, one)) if isinstance(one, list) else one}"
            for key, one in value.items()
        )
    if isinstance(value, Decimal):
        if is_money(field):
            return f"{messages.price(env, value, currency)} {currency.name}"
        return messages.number(env, value)
    if field.type == "selection":
        return dict(field._description_selection(env)).get(value, value)
    if field.type == "many2one":
        return env[field.comodel_name].sudo().browse(value).display_name
    if field.type == "many2many":
        records = env[field.comodel_name].sudo().browse(sorted(value))
        return ", ".join(records.mapped("display_name"))
    if field.type == "date":
        return messages.day(env, value)
    return str(value)


def charge_words(env, charge):
    """The terms a charge has, in words: "Unit Price 0.01 EUR, Minimum 5 EUR".

    :rtype: list[tuple[str, str]]
    """
    said = []
    for field in term_fields(charge):
        value = _plain(charge, field)
        if field.type == "one2many" or value in (None, False, ""):
            continue
        said.append((label(env, field), words(env, field, value, charge.currency_id)))
    return said


def field_of(model, change):
    """Field that a change is about; None when there is no such field any more.

    :param model: ``usage.charge``
    :param rating.changes.TermChange change: what moved
    """
    owner = model
    for table, _row in change.path:
        if table not in owner._fields:
            return None
        owner = model.env[owner._fields[table].comodel_name]
    return owner._fields.get(change.name)


def change_words(env, model, change, currency):
    """One change of a term in words.

    :param model: ``usage.charge``
    :param rating.changes.TermChange change: what moved
    :return: (name of the term, old, new, percentage or "")
    :rtype: tuple[str, str, str, str]
    """
    owner, names = model, []
    for table, row in change.path:
        owner = env[owner._fields[table].comodel_name]
        names.append(_row_name(env, row))
    field = owner._fields[change.name]
    name = label(env, field)
    if names:
        name = ", ".join([*names, name.lower()])
    percent = change.percent
    return (
        name,
        words(env, field, change.old, currency),
        words(env, field, change.new, currency),
        "" if percent is None else _signed_percent(env, percent),
    )


def _row_name(env, row):
    if row is None:
        return env._("Last tier")
    if isinstance(row, Decimal):
        return env._("Tier up to %(bound)s", bound=messages.number(env, row))
    if isinstance(row, str):
        return env._("Price “%(name)s”", name=row)
    return env._("Row %(number)s", number=row)


def _signed_percent(env, percent):
    rounded = percent.quantize(Decimal("0.1"))
    sign = "+" if rounded > 0 else ""
    return f"{sign}{messages.number(env, rounded)} %"
