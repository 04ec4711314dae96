# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Sentences for the codes of the core."""

from odoo.tools.translate import LazyTranslate

_lt = LazyTranslate(__name__)

#: a sentence for each code of ``FeedError`` and ``MappingError``
FEED_ERRORS = {
    "empty_file": _lt("The file %(file)s is empty. Ask the sender for it again."),
    "damaged_archive": _lt(
        "The archive %(file)s is damaged or was cut. Nothing was read; ask the sender "
        "for it again."
    ),
    "too_large": _lt(
        "The file %(file)s unpacks to more than %(limit)s bytes. Cut it into parts."
    ),
    "not_text": _lt(
        "The file %(file)s is not text. Save the table as CSV and import that."
    ),
    "file_not_found": _lt("There is no file %(file)s that can be read."),
    "unknown_encoding": _lt("“%(encoding)s” is not a text encoding, try utf-8."),
    "no_header": _lt("The first line of %(file)s is not a line of column names."),
    "too_many_columns": _lt("The file %(file)s has too many columns."),
    "ambiguous_decimal": _lt(
        "In %(file)s, numbers such as 1,234 can be read two ways. Say in the mapping "
        "whether the decimal sign is a point or a comma."
    ),
    "not_focus": _lt(
        "The file %(file)s is not a FOCUS file: column %(columns)s is missing."
    ),
    "missing_column": _lt(
        "The file has no column %(columns)s. Add the name it has in this file to the "
        "mapping."
    ),
    "repeated_column": _lt(
        "The file has the column %(column)s twice, so it cannot be mapped."
    ),
    "file_name": _lt("The file name %(file)s does not fit the pattern of the mapping."),
    "missing_key": _lt("The mapping lacks “%(key)s”."),
    "unknown_key": _lt("The mapping holds “%(key)s”, which means nothing."),
    "wrong_value": _lt("The mapping has a value for “%(key)s” that cannot be used."),
    "unknown_time_zone": _lt("“%(zone)s” is not a time zone, try Europe/Paris."),
    "unknown_date_format": _lt(
        "“%(format)s” is not a date format, try iso or DD/MM/YYYY."
    ),
    "unknown_file_part": _lt(
        "The mapping takes “%(value)s” from the file name, but its pattern has no "
        "part of that name."
    ),
    "no_price": _lt(
        "The file holds usage of kind %(type)s, for which the mapping has no price."
    ),
    "several_currencies": _lt(
        "The file holds costs in several currencies (%(currencies)s). Import one file "
        "for each currency."
    ),
    "other_currency": _lt(
        "The costs of the file are in %(currency)s, the mapping says %(declared)s. "
        "Costs are passed on in their own currency."
    ),
    "not_json": _lt("The mapping is not valid JSON (line %(line)s)."),
}

#: what is wrong with a row, for the quarantine and the preview
ROW_ERRORS = {
    "missing_field": _lt("column %(column)s is empty"),
    "invalid_value": _lt("“%(value)s” in column %(column)s is not a number"),
    "value_out_of_range": _lt(
        "“%(value)s” in column %(column)s has more than 38 digits"
    ),
    "invalid_time": _lt("“%(value)s” in column %(column)s is not a time"),
    "unknown_unit": _lt("“%(value)s” in column %(column)s is not a unit"),
    "invalid_text": _lt("“%(value)s” in column %(column)s is not readable text"),
    "malformed_row": _lt("the row does not have the columns of the file: %(value)s"),
}


def sentence(env, error):
    """Sentence of a ``FeedError`` in the user's language."""
    text = env._(FEED_ERRORS[error.code])
    return text % error.facts


def row_note(error):
    """What is wrong with a row, in English as rows are kept."""
    return ROW_ERRORS[error.code]._source % _facts(error)


def row_sentence(env, error):
    """What is wrong with a row, in the user's language."""
    text = env._(ROW_ERRORS[error.code])
    return text % _facts(error)


def _facts(error):
    return {"column": error.column, "value": error.value}
