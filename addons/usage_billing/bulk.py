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
    """Write values of its own to each record, a hundred with one UPDATE.

    Stored computed fields that depend on them are computed again unless given.

    :param records: saved records, none twice, with the rights to write
    :param list[dict] rows: values by field name for each record, the same names in each
    :raise psycopg2.IntegrityError: what the database refuses; nothing was written
    """
    if not records:
        return
    records.check_access("write")
    records.flush_recordset()
    written = {name: records._fields[name] for name in rows[0]}
    records._write_multi(
        [
            {
                name: field.convert_to_column(row[name], records)
                for name, field in written.items()
            }
            for row in rows
        ]
    )
    names = [*written, "write_uid", "write_date"]
    records.invalidate_recordset(names, flush=False)
    _notice(records, names, create=False)


def _new_ids(model, count):
    sequence = f"{model._table}_id_seq"
    rows = model.env.execute_query(
        SQL("SELECT nextval(%s) FROM generate_series(1, %s)", sequence, count)
    )
    return [id_ for (id_,) in rows]


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
    return {
        **model.default_get(missing),
        **dict.fromkeys(("create_uid", "write_uid"), model.env.uid),
        **dict.fromkeys(("create_date", "write_date"), model.env.cr.now()),
    }


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
    write = _WRITERS.get(field.type, _text)
    if field.type in _PLAIN:
        return lambda value: r"\N" if (text := write(value)) is None else text
    return lambda value: (
        r"\N" if (text := write(value)) is None else text.translate(_ESCAPED)
    )


def _text(value):
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


#: functions that write a value as text, None for NULL; :func:`_text` writes the others
_WRITERS = {
    "boolean": lambda value: "t" if value else "f",
    "datetime": _moment,
    "exact": _exact,
    "integer": lambda value: str(value or 0),
    "json": _json,
    "many2one": lambda value: str(value) if value else None,
}
#: types whose text has no sign that means something to COPY
_PLAIN = {"boolean", "datetime", "exact", "float", "integer", "many2one", "monetary"}
