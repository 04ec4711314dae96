# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""The exact content of posted entries and payments, read straight from the tables.

The same statements serve the sealing and the verifier, so both see the same texts.
Every value is the text PostgreSQL writes for it (numbers without trailing zeros); empty
columns are left out. A cursor is any DB-API cursor.
"""

from .problems import Problem

#: columns of account_move that never change once sealed
MOVE_FROZEN = (
    "name",
    "move_type",
    "state",
    "date",
    "invoice_date",
    "journal_id",
    "company_id",
    "partner_id",
    "commercial_partner_id",
    "partner_shipping_id",
    "currency_id",
    "invoice_currency_rate",
    "fiscal_position_id",
    "reversed_entry_id",
    "amount_untaxed",
    "amount_tax",
    "amount_total",
    "amount_untaxed_signed",
    "amount_tax_signed",
    "amount_total_signed",
)
#: columns that may be amended by a person; each amendment is sealed in its turn
MOVE_AMENDABLE = (
    "ref",
    "payment_reference",
    "narration",
    "partner_bank_id",
    "invoice_date_due",
    "invoice_payment_term_id",
    "invoice_origin",
    "delivery_date",
)
LINE_FROZEN = (
    "move_id",
    "display_type",
    "account_id",
    "partner_id",
    "product_id",
    "product_uom_id",
    "name",
    "quantity",
    "price_unit",
    "discount",
    "price_subtotal",
    "price_total",
    "debit",
    "credit",
    "balance",
    "amount_currency",
    "currency_id",
    "tax_line_id",
    "tax_repartition_line_id",
    "tax_base_amount",
    "usage_rated_line_id",
    "usage_quantity",
    "usage_unit_price",
    "usage_exact_amount",
    "usage_period_start",
    "usage_period_end",
)
LINE_AMENDABLE = ("date_maturity", "sequence")
#: relations of a line, sealed as the sorted ids
LINE_RELATIONS = {
    "tax_ids": (
        "account_move_line_account_tax_rel",
        "account_move_line_id",
        "account_tax_id",
    ),
    "tax_tag_ids": (
        "account_account_tag_account_move_line_rel",
        "account_move_line_id",
        "account_account_tag_id",
    ),
}
PARTIAL = (
    "debit_move_id",
    "credit_move_id",
    "amount",
    "debit_amount_currency",
    "credit_amount_currency",
    "max_date",
)
NUMERIC = ("numeric", "double precision", "real")


class Reader:
    """Reads entries and payments of a database as texts.

    Columns that a database does not have (another version of Odoo) are named in the
    payload and not compared.
    """

    def __init__(self, cursor):
        self.cursor = cursor
        self._types = {}

    def types(self, table):
        """Give {column: type} of a table, empty when there is none."""
        if table not in self._types:
            self.cursor.execute(
                "SELECT column_name, data_type FROM information_schema.columns"
                " WHERE table_schema = 'public' AND table_name = %s",
                [table],
            )
            self._types[table] = dict(self.cursor.fetchall())
        return self._types[table]

    def absent(self):
        """Give the columns we seal and this database does not have."""
        move, line = self.types("account_move"), self.types("account_move_line")
        return [
            *(name for name in (*MOVE_FROZEN, *MOVE_AMENDABLE) if name not in move),
            *(name for name in (*LINE_FROZEN, *LINE_AMENDABLE) if name not in line),
            *(
                name
                for name, (table, *_columns) in LINE_RELATIONS.items()
                if not self.types(table)
            ),
        ]

    def _columns(self, table, alias, names):
        types = self.types(table)
        names = [name for name in names if name in types]
        texts = [
            f"trim_scale({alias}.{name}::numeric)::text"
            if types[name] in NUMERIC
            else f"{alias}.{name}::text"
            for name in names
        ]
        return names, texts

    def moves(self, ids):
        """Read entries with their lines.

        :param ids: of account.move
        :return: {id: payload}; those that do not exist are not in it
        """
        ids = list(ids)
        names, texts = self._columns(
            "account_move", "m", (*MOVE_FROZEN, *MOVE_AMENDABLE)
        )
        self.cursor.execute(
            f"SELECT m.id, p.name, p.vat, c.name, {', '.join(texts)}"
            " FROM account_move m"
            " LEFT JOIN res_partner p ON p.id = m.commercial_partner_id"
            " LEFT JOIN res_currency c ON c.id = m.currency_id"
            " WHERE m.id = ANY(%s)",
            [ids],
        )
        result = {
            move_id: {
                "fields": _filled(names, values),
                "about": {"partner": partner, "vat": vat, "currency": currency},
                "absent": self.absent(),
                "lines": {},
            }
            for move_id, partner, vat, currency, *values in self.cursor.fetchall()
        }
        for move_id, line_id, line in self._lines(ids):
            result[move_id]["lines"][str(line_id)] = line
        return result

    def _lines(self, ids):
        names, texts = self._columns(
            "account_move_line", "l", (*LINE_FROZEN, *LINE_AMENDABLE)
        )
        for name, (table, line, other) in LINE_RELATIONS.items():
            if self.types(table):
                names = [*names, name]
                texts.append(
                    f"(SELECT string_agg(r.{other}::text, ',' ORDER BY r.{other})"
                    f" FROM {table} r WHERE r.{line} = l.id)"
                )
        self.cursor.execute(
            f"SELECT l.move_id, l.id, {', '.join(texts)} FROM account_move_line l"
            " WHERE l.move_id = ANY(%s) ORDER BY l.id",
            [ids],
        )
        for move_id, line_id, *values in self.cursor.fetchall():
            yield move_id, line_id, _filled(names, values)

    def partials(self, ids):
        """Read matchings of payments.

        :param ids: of account.partial.reconcile
        :return: {id: {column: text}}
        """
        names, texts = self._columns("account_partial_reconcile", "r", PARTIAL)
        self.cursor.execute(
            f"SELECT r.id, {', '.join(texts)} FROM account_partial_reconcile r"
            " WHERE r.id = ANY(%s)",
            [list(ids)],
        )
        return {
            partial_id: _filled(names, values)
            for partial_id, *values in self.cursor.fetchall()
        }


def compare(name, where, sealed, current):
    """Yield what differs between a sealed entry and the entry as it is.

    :param str name: number of the entry
    :param str where: model and id
    :param dict sealed: payload of the last seal
    :param dict current: payload read now
    """
    absent = {*sealed["absent"], *current["absent"]}
    for field, expected, found in differences(
        sealed["fields"], current["fields"], absent
    ):
        yield Problem("move_altered", name, where, field, expected, found)
    before, after = sealed["lines"], current["lines"]
    for line_id in sorted(before.keys() | after.keys(), key=int):
        if line_id not in after:
            label = _label(before[line_id])
            yield Problem("line_missing", name, f"line {line_id} ({label})")
        elif line_id not in before:
            label = _label(after[line_id])
            yield Problem("line_added", name, f"line {line_id} ({label})")
        else:
            label = _label(before[line_id])
            for field, expected, found in differences(
                before[line_id], after[line_id], absent
            ):
                yield Problem(
                    "line_altered",
                    name,
                    f"line {line_id} ({label})",
                    field,
                    expected,
                    found,
                )


def differences(before, after, absent=frozenset()):
    """Yield (field, expected, found) of what both databases have.

    :param absent: columns one of them does not have
    """
    for field in sorted((before.keys() | after.keys()) - absent):
        if before.get(field) != after.get(field):
            yield field, before.get(field, "empty"), after.get(field, "empty")


def _filled(names, values):
    pairs = zip(names, values, strict=True)
    return {name: value for name, value in pairs if value is not None}


def _label(line):
    text = (line.get("name") or line.get("display_type") or "").split("\n")[0]
    return text[:60]
