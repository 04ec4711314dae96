# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""The triggers that must stand, and be enabled, in a database that seals."""

from .problems import Problem

GUARDS = {
    "fr_seal_entry": ("fr_seal_entry_guard", "fr_seal_entry_keep"),
    "fr_seal_chain": ("fr_seal_chain_guard", "fr_seal_chain_keep"),
    "fr_archive_entry": ("fr_archive_entry_guard", "fr_archive_entry_keep"),
    "account_move": ("fr_seal_move_guard",),
    "account_move_line": ("fr_seal_line_guard", "fr_seal_line_added"),
    "ir_attachment": ("fr_seal_file_guard",),
    "fr_seal_anchor": ("fr_seal_anchor_keep",),
    "fr_seal_closing": ("fr_seal_closing_keep",),
    "fr_seal_key": ("fr_seal_key_guard", "fr_seal_key_keep"),
    "account_partial_reconcile": ("fr_seal_payment_guard",),
    "fr_einvoice_status": ("fr_seal_status_guard",),
}
TRUNCATE_GUARDED = (
    "fr_seal_entry",
    "fr_seal_chain",
    "fr_archive_entry",
    "fr_seal_anchor",
    "fr_seal_closing",
    "fr_einvoice_status",
    "account_partial_reconcile",
    "account_move",
    "account_move_line",
)


def truncate_guard(table):
    """Give the name of the trigger that refuses TRUNCATE."""
    return f"fr_seal_truncate_{table}"


def check_guards(cursor):
    """Yield what is missing or switched off.

    :param cursor: DB-API cursor
    """
    cursor.execute(
        "SELECT c.relname, t.tgname, t.tgenabled FROM pg_trigger t"
        " JOIN pg_class c ON c.oid = t.tgrelid"
        " JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = 'public' AND NOT t.tgisinternal"
    )
    found = {(table, name): state for table, name, state in cursor.fetchall()}
    wanted = [(table, name) for table, names in GUARDS.items() for name in names]
    wanted += [(table, truncate_guard(table)) for table in TRUNCATE_GUARDED]
    for table, name in wanted:
        if (table, name) not in found:
            yield Problem("guard_missing", name, table)
        elif found[table, name] not in ("O", "A"):
            yield Problem("guard_disabled", name, table)
