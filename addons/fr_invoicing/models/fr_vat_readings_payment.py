# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo import models
from odoo.tools import SQL

from .fr_vat_readings import values

# per event the parts are cut to the cent once, and Odoo rounds the VAT of its entry
ROUNDING = "0.01"


class FrVatReadings(models.AbstractModel):
    """What was told as collected, beside the VAT that payments made due in the ledger.

    Told: status 212 of electronic invoices, flux 10.2 and 10.4. Ledger: the entries
    Odoo writes when an invoice is paid whose VAT falls due on payment.
    """

    _inherit = "fr.vat.readings"

    def _payment_classified(self):
        """Give what was told and what was entered, by document and rate.

        Columns: move_id, row, source, amount (VAT included for the flux, VAT for the
        other readings and the reasons), events.
        """
        return SQL(
            """
            WITH tax_row (tax_id, row, on_payment) AS (VALUES %(taxes)s),
            told AS (
                SELECT item.move_id, item.rate::numeric AS rate,
                       item.amount::numeric AS amount,
                       CASE item.flow WHEN '10.2' THEN 'flux_102' ELSE 'flux_104' END
                           AS source
                  FROM fr_ereporting_item AS item
                 WHERE item.company_id = %(company)s AND item.is_live
                       AND item.exclusion IS NULL AND item.held_reason IS NULL
                       AND item.flow IN ('10.2', '10.4')
                       AND item.day BETWEEN %(first)s AND %(last)s
                 UNION ALL
                SELECT status.move_id, (part ->> 'percent')::numeric,
                       (part ->> 'amount')::numeric
                       * CASE WHEN collected.amount = 0 THEN 1
                              ELSE collected.amount_company / collected.amount END,
                       'flux_212'
                  FROM fr_collected AS collected
                  JOIN fr_einvoice_status AS status
                    ON status.company_id = collected.company_id
                       AND status.key = concat('out/', collected.move_id, '/212/',
                                               collected.key)
                  LEFT JOIN fr_einvoice_flow AS flow ON flow.id = status.flow_id
                 CROSS JOIN jsonb_array_elements(status.amounts) AS part
                 WHERE collected.company_id = %(company)s
                       AND collected.date BETWEEN %(first)s AND %(last)s
                       AND coalesce(flow.state, '') NOT IN ('cancelled', 'rejected')
            ),
            said AS (
                SELECT move_id, rate, count(*) AS events,
                       sum(round(amount * rate / (100 + rate), 2)) AS vat
                  FROM told GROUP BY move_id, rate
            ),
            entered AS (
                SELECT coalesce(move.tax_cash_basis_origin_move_id, move.id) AS move_id,
                       tax.amount::numeric AS rate, count(*) AS events,
                       sum(-line.balance) AS vat
                  FROM account_move_line AS line
                  JOIN account_move AS move ON move.id = line.move_id
                  JOIN account_tax AS tax ON tax.id = line.tax_line_id
                  JOIN tax_row ON tax_row.tax_id = tax.id
                 WHERE line.company_id = %(company)s AND line.parent_state = 'posted'
                       AND line.date BETWEEN %(first)s AND %(last)s
                       AND line.account_id IN %(due)s
                       AND (move.tax_cash_basis_rec_id IS NOT NULL
                            OR move.tax_cash_basis_origin_move_id IS NOT NULL)
                 GROUP BY 1, 2
            ),
            both_sides AS (
                SELECT coalesce(said.move_id, entered.move_id) AS move_id,
                       coalesce(said.rate, entered.rate) AS rate,
                       said.vat AS told, entered.vat AS entered,
                       coalesce(said.events, entered.events) AS events
                  FROM said FULL JOIN entered
                    ON entered.move_id = said.move_id AND entered.rate = said.rate
            )
            SELECT move_id, trim_scale(rate)::text AS row, source, amount, 1 AS events
              FROM told
             UNION ALL
            SELECT move_id, trim_scale(rate)::text, found.source, found.amount, events
              FROM both_sides
             CROSS JOIN LATERAL (VALUES
                ('told', told),
                ('ledger', entered),
                ('paid_untold', CASE WHEN told IS NULL THEN entered END),
                ('paid_no_entry', CASE WHEN entered IS NULL THEN told END),
                ('paid_rounding', CASE WHEN told != entered
                      AND abs(told - entered) <= events * %(rounding)s::numeric
                      THEN told - entered END)) AS found (source, amount)
             WHERE found.amount IS NOT NULL
            """,
            taxes=values(self._tax_rows()),
            company=self.company_id.id,
            first=self.date_from,
            last=self.date_to,
            due=tuple(self._due_accounts()) or (0,),
            rounding=ROUNDING,
        )
