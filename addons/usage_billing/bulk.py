"""Create and change many records at once, where the ORM would mostly work on itself.

For rows that no person edits and whose values the caller knows whole, such as rated
lines: tens of thousands in a run. What the database holds (foreign keys, unique keys,
checks, not null) holds here too; what only the ORM does is the caller's to know: no
command of a relation, no check of companies, no tracking.
"""

import json
from datetime import datetime
from io import StringIO

from odoo import fields
from odoo.tools import SQL

from .fields_exact import to_exact

_ESCAPED = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})


def copy_records(model, rows):
    """Create records with one COPY.

    Fields a row does not name take their default; stored computed fields are computed
    as after any change. Cached collections that would hold the records are forgotten.

    :param model: empty recordset, with the rights to create
    :param list[dict] rows: values by field name, the same names in each; a relation is
        an id, a Json field anything :mod:`json` writes
    :return: the new records, in the order of the rows
    :raise psycopg2.IntegrityError: what the database refuses; nothing was created
    :raise ValueError: a number is not finite, or a field has no column
    """
    if not rows:
        return model
    model.check_access("create")
    model.flush_model()
    cr, ids = model.env.cr, _new_ids(model, len(rows))
    names, same = list(rows[0]), _defaults(model, rows[0])
    writers = [(name, _copied(model._fields[name])) for name in names]
    tail = "".join(f"\t{_copied(model._fields[name])(same[name])}" for name in same)
    lines = [
        "\t".join([str(id_), *(write(row[name]) for name, write in writers)]) + tail
        for id_, row in zip(ids, rows, strict=True)
    ]
    statement = SQL(
        "COPY %s (%s) FROM STDIN",
        SQL.identifier(model._table),
        SQL(", ").join(map(SQL.identifier, ("id", *names, *same))),
    )
    cr.copy_expert(cr.mogrify(statement).decode(), StringIO("\n".join(lines)))
    records = model.browse(ids)
    _notice(records, [*names, *same])
    return records


def update_records(records, rows):
    """Write values of its own to each record, with one UPDATE.

    Stored computed fields that depend on them are computed again unless given.

    :param records: saved records, none twice, with the rights to write
    :param list[dict] rows: values by field name for each record, the same names in each
    :raise psycopg2.IntegrityError: what the database refuses; nothing was written
    """
    if not records:
        return
    records.check_access("write")
    records.flush_recordset()
    model, same = records.browse(), _stamp(records, "write")
    names = [*rows[0], *same]
    columns = [[str(id_) for id_ in records.ids]]
    for name in names:
        write = _writer(model._fields[name])
        columns.append(
            [write(row[name] if name in row else same[name]) for row in rows]
        )
    kinds = ["int4", *(model._fields[name].column_type[0] for name in names)]
    model.env.cr.execute(
        SQL(
            "UPDATE %s old SET %s FROM unnest(%s) AS new (id, %s)"
            " WHERE old.id = new.id",
            SQL.identifier(model._table),
            SQL(", ").join(
                SQL("%s = %s", SQL.identifier(name), SQL.identifier("new", name))
                for name in names
            ),
            SQL(", ").join(
                SQL("%s::text[]::%s[]", column, SQL.identifier(kind))
                for column, kind in zip(columns, kinds, strict=True)
            ),
            SQL(", ").join(map(SQL.identifier, names)),
        )
    )
    records.invalidate_recordset(names, flush=False)
    _notice(records, names, create=False)


def _new_ids(model, count):
    sequence = f"{model._table}_id_seq"
    rows = model.env.execute_query(
        SQL("SELECT nextval(%s) FROM generate_series(1, %s)", sequence, count)
    )
    return [id_ for (id_,) in rows]


def _stamp(model, *events):
    """Who and when, for the columns that every table has."""
    uid, now = model.env.uid, model.env.cr.now()
    return {
        f"{event}_{name}": value
        for event in events
        for name, value in (("uid", uid), ("date", now))
    }


def _defaults(model, row):
    """What the columns take that a row does not name, the same in all rows."""
    stored = {
        name
        for name, field in model._fields.items()
        if field.store and field.column_type
    }
    if unknown := row.keys() - stored:
        raise ValueError(f"{model._name} keeps no {', '.join(sorted(unknown))}")
    missing = sorted(stored - row.keys() - {"id"})
    return {**model.default_get(missing), **_stamp(model, "create", "write")}


def _notice(records, names, create=True):
    """Dependent fields are computed again, cached collections read again."""
    env = records.env
    given = [records._fields[name] for name in names if records._fields[name].compute]
    with env.protecting(given, records):
        if create:
            for name, field in records._fields.items():
                if field.compute and field.store and name not in names:
                    env.add_to_compute(field, records)
                for inverse in records.pool.field_inverses[field]:
                    env[inverse.model_name].invalidate_model([inverse.name], False)
        records.modified(names, create=create)


def _copied(field):
    """Function that writes a value of a field as a column of COPY."""
    write = _writer(field)
    if write in (_text, _json):
        return lambda value: (
            r"\N" if (text := write(value)) is None else text.translate(_ESCAPED)
        )
    return lambda value: r"\N" if (text := write(value)) is None else text


def _writer(field):
    """Function that writes a value of a field as text, None for NULL."""
    return _WRITERS.get(field.type, _text)


def _text(value):
    return None if value is None or value is False else str(value)


def _number(value):
    return None if value is None or value is False else str(value)


def _exact(value):
    number = to_exact(value)
    return None if number is None else str(number)


def _json(value):
    return None if value is None or value is False else json.dumps(value)


def _moment(value):
    if isinstance(value, datetime):
        return value.replace(tzinfo=None).isoformat(" ")
    return fields.Datetime.to_string(value) if value else None


_WRITERS = {
    "boolean": lambda value: "t" if value else "f",
    "datetime": _moment,
    "exact": _exact,
    "float": _number,
    "integer": lambda value: str(value or 0),
    "json": _json,
    "many2one": lambda value: str(value) if value else None,
    "monetary": _number,
}
