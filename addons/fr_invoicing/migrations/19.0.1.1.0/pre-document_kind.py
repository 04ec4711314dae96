# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo.tools import SQL, sql


def migrate(cr, version):
    """Keep the document kinds chosen so far: the field is computed now."""
    if not version or not sql.column_exists(cr, "account_move", "fr_document_kind"):
        return
    sql.rename_column(cr, "account_move", "fr_document_kind", "fr_kind_choice")
    cr.execute(
        SQL(
            "UPDATE account_move SET fr_kind_choice = NULL"
            " WHERE fr_kind_choice = 'standard'"
        )
    )
