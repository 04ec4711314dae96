# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Rows beside the ledger that are sealed too: statuses and payments as recorded.

The same statements serve the sealing and the verifier, as in ``content``. A cursor is
any DB-API cursor. Each function gives nothing where its table does not exist.
"""

import json

#: columns of account_payment that a person may only change by a further seal
RECEIPT = ("date", "amount", "currency_id", "payment_type", "journal_id", "memo")
#: states of a payment that stands; Odoo goes from one to the other by itself
STANDING = ("in_process", "paid")
RECORDED = "recorded"
DELETED = "deleted"
STATUS = ("code", "said_at", "direction", "key", "reasons", "amounts")


def _has(cursor, table):
    cursor.execute("SELECT to_regclass(%s)", [f"public.{table}"])
    return cursor.fetchone()[0] is not None


def receipts(cursor, ids):
    """Read payments as recorded.

    :param ids: of account.payment
    :return: {id: {column: text}}; ``state`` is RECORDED while the payment stands
    """
    if not _has(cursor, "account_payment"):
        return {}
    cursor.execute(
        "SELECT id, state, date::text, trim_scale(amount::numeric)::text,"
        " currency_id::text, payment_type, journal_id::text, memo"
        " FROM account_payment WHERE id = ANY(%s)",
        [list(ids)],
    )
    return {
        payment_id: {
            "state": RECORDED if state in STANDING else state,
            **{
                name: value
                for name, value in zip(RECEIPT, values, strict=True)
                if value is not None
            },
        }
        for payment_id, state, *values in cursor.fetchall()
    }


def unsealed_receipts(cursor, company_id, legacy_id, known):
    """Yield (id, name, amount) of customers' payments that bear no seal.

    :param legacy_id: last payment before payments were sealed
    :param known: ids that are sealed
    """
    if not _has(cursor, "account_payment"):
        return
    cursor.execute(
        "SELECT id, COALESCE(name, memo, ''), trim_scale(amount::numeric)::text"
        " FROM account_payment WHERE company_id = %s AND id > %s"
        " AND partner_type = 'customer' AND state = ANY(%s) ORDER BY id",
        [company_id, legacy_id, list(STANDING)],
    )
    for payment_id, name, amount in cursor.fetchall():
        if payment_id not in known:
            yield payment_id, name, amount


def statuses(cursor, ids):
    """Read statuses of invoices as they are sealed.

    :param ids: of fr.einvoice.status
    :return: {id: {name of STATUS: value}}
    """
    if not _has(cursor, "fr_einvoice_status"):
        return {}
    cursor.execute(
        "SELECT id, code, to_char(said_at, 'YYYY-MM-DD HH24:MI:SS'), direction, key,"
        " reasons::text, amounts::text FROM fr_einvoice_status WHERE id = ANY(%s)",
        [list(ids)],
    )
    return {
        status_id: dict(
            zip(
                STATUS,
                (*texts, json.loads(reasons or "[]"), json.loads(amounts or "[]")),
                strict=True,
            )
        )
        for status_id, *texts, reasons, amounts in cursor.fetchall()
    }


def unsealed_statuses(cursor, company_id, known):
    """Yield (id, code) of statuses recorded since the seal began that bear none."""
    if not _has(cursor, "fr_einvoice_status"):
        return
    cursor.execute(
        "SELECT t.id, t.code FROM fr_einvoice_status t"
        " JOIN fr_seal_chain s ON s.company_id = t.company_id"
        " WHERE t.company_id = %s AND t.create_date > s.started_at ORDER BY t.id",
        [company_id],
    )
    for status_id, code in cursor.fetchall():
        if status_id not in known:
            yield status_id, code


def counterparts(cursor, ids):
    """Read the entries on both sides of matchings.

    :param ids: of account.partial.reconcile
    :return: {id: {entry id: {"name", "date"}}}
    """
    cursor.execute(
        "SELECT r.id, m.id, m.name, m.date::text FROM account_partial_reconcile r"
        " JOIN account_move_line l ON l.id IN (r.debit_move_id, r.credit_move_id)"
        " JOIN account_move m ON m.id = l.move_id WHERE r.id = ANY(%s)",
        [list(ids)],
    )
    found = {}
    for partial_id, move_id, name, day in cursor.fetchall():
        found.setdefault(partial_id, {})[move_id] = {"name": name, "date": day}
    return found


def added_files(cursor, company_id):
    """Yield (id, name, invoice) of files put in the place of an issued one.

    A field of an invoice shows one attachment: a second one for the same field would be
    shown instead of the archived bytes.
    """
    cursor.execute(
        "SELECT t.id, t.name, m.name FROM fr_archive_entry f"
        " JOIN ir_attachment s ON s.id = f.source_attachment_id"
        " JOIN ir_attachment t ON t.res_model = s.res_model AND t.res_id = s.res_id"
        " AND t.res_field = s.res_field AND t.id <> s.id"
        " JOIN account_move m ON m.id = s.res_id"
        " WHERE f.company_id = %s AND s.res_model = 'account.move'"
        " AND NOT EXISTS (SELECT FROM fr_archive_entry o"
        " WHERE o.source_attachment_id = t.id) ORDER BY t.id",
        [company_id],
    )
    yield from cursor.fetchall()
