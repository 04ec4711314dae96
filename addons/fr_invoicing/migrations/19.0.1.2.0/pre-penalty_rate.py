# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo.tools import SQL, sql


def migrate(cr, version):
    """Keep the rates of a half-year that somebody entered before we shipped them."""
    if not version or not sql.table_exists(cr, "fr_penalty_rate"):
        return
    cr.execute(
        SQL(
            "INSERT INTO ir_model_data (module, name, model, res_id, noupdate)"
            " SELECT 'fr_invoicing', 'fr_penalty_rate_2026_2', 'fr.penalty.rate', id,"
            " true FROM fr_penalty_rate WHERE date_start = '2026-07-01'"
            " ON CONFLICT DO NOTHING"
        )
    )
