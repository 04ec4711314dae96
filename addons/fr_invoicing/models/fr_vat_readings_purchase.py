# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo import models
from odoo.tools import SQL

from .fr_vat_readings import values

DEDUCTIBLE_ASSETS = "44562%"
DEDUCTIBLE_OTHERS = "44566%"
REVERSE_CHARGE_ACCOUNTS = ("4452%", "4453%")
# boxes of the turnover whose VAT the buyer owes (form 3310 CA3)
OWED_BOXES = ("A2", "A3", "A4", "B2", "B3", "B4")
DEDUCTIBLE_BOXES = ("19", "20", "21")


class FrVatReadings(models.AbstractModel):
    """Which journal lines and operations belong to which reading of purchases.

    Base: what the company owes the VAT of itself, by box. VAT: what it owes (4452,
    4453) and what it deducts (44562, 44566), by box.
    """

    _inherit = "fr.vat.readings"

    def _purchase_classified(self):
        """Give the journal lines of purchases; columns as `_classified` gives them."""
        in_date = SQL("line.date BETWEEN %s AND %s", self.date_from, self.date_to)
        is_bill = SQL("move.move_type IN ('in_invoice', 'in_refund', 'in_receipt')")
        in_document = SQL(
            "(%s AND move.invoice_date BETWEEN %s AND %s)",
            is_bill,
            self.date_from,
            self.date_to,
        )
        taxes, parts = self._purchase_rows()
        assets, others, owed = (
            tuple(self._accounts_of(*codes)) or (0,)
            for codes in (
                (DEDUCTIBLE_ASSETS,),
                (DEDUCTIBLE_OTHERS,),
                REVERSE_CHARGE_ACCOUNTS,
            )
        )
        tagged = SQL(
            "EXISTS (SELECT 1 FROM account_account_tag_account_move_line_rel AS rel"
            " WHERE rel.account_move_line_id = line.id"
            " AND rel.account_account_tag_id IN %s)",
            tuple(self._purchase_tags()) or (0,),
        )
        return SQL(
            """
            WITH tax_row (tax_id, row) AS (VALUES %(taxes)s),
            part_row (part_id, row, kind) AS (VALUES %(parts)s),
            kept AS (
                SELECT line.id, line.move_id,
                       CASE WHEN coalesce(part_row.kind, '') = 'owed' OR is_owed
                            THEN -line.balance ELSE line.balance END AS amount,
                       coalesce(part_row.row,
                                CASE WHEN line.account_id IN %(assets)s THEN '19'
                                     WHEN is_deducted THEN '20'
                                     WHEN is_owed THEN 'none'
                                     ELSE base_tax.row END) AS row,
                       CASE WHEN part_row.part_id IS NULL AND base_tax.row IS NOT NULL
                                 AND NOT is_deducted AND NOT is_owed
                            THEN 'base' ELSE 'tax' END AS measure,
                       is_deducted OR is_owed AS is_account,
                       %(in_date)s AS in_date, %(is_bill)s AS is_bill,
                       %(in_document)s AND (part_row.part_id IS NOT NULL
                           OR line.display_type = 'product') AS in_document,
                       (move.tax_cash_basis_rec_id IS NOT NULL
                        OR move.tax_cash_basis_origin_move_id IS NOT NULL) AS is_caba,
                       %(tagged)s AS tagged,
                       partner_country.code AS country
                  FROM account_move_line AS line
                  JOIN account_move AS move ON move.id = line.move_id
                  LEFT JOIN res_partner AS partner
                         ON partner.id = move.commercial_partner_id
                  LEFT JOIN res_country AS partner_country
                         ON partner_country.id = partner.country_id
                  LEFT JOIN part_row ON part_row.part_id = line.tax_repartition_line_id
                  LEFT JOIN LATERAL (
                        SELECT tax_row.row
                          FROM account_move_line_account_tax_rel AS rel
                          JOIN tax_row ON tax_row.tax_id = rel.account_tax_id
                         WHERE rel.account_move_line_id = line.id
                         ORDER BY rel.account_tax_id LIMIT 1) AS base_tax ON true
                 CROSS JOIN LATERAL (
                        SELECT line.account_id IN %(assets)s
                                   OR line.account_id IN %(others)s AS is_deducted,
                               line.account_id IN %(owed)s AS is_owed) AS facts
                 WHERE line.company_id = %(company)s
                       AND line.parent_state = 'posted'
                       AND line.display_type NOT IN ('line_section', 'line_note',
                                                     'line_subsection')
                       AND (%(in_date)s OR %(in_document)s)
                       AND (part_row.part_id IS NOT NULL OR base_tax.row IS NOT NULL
                            OR is_deducted OR is_owed)
            )
            SELECT id, move_id, row, measure, amount, array_remove(ARRAY[
                -- readings
                CASE WHEN in_document THEN 'documents' END,
                CASE WHEN tagged AND in_date THEN 'boxes' END,
                CASE WHEN measure = 'tax' AND is_account AND in_date THEN 'ledger' END,
                -- documents and flux 10.1: no operation is recorded
                CASE WHEN measure = 'base' AND in_document AND NOT EXISTS (
                          SELECT 1 FROM fr_ereporting_item AS item
                           WHERE item.move_id = kept.move_id AND item.is_live)
                     THEN CASE WHEN country = 'FR' OR country IS NULL
                               THEN 'p_domestic' ELSE 'p_missing' END END,
                -- documents and boxes, base
                CASE WHEN measure = 'base' AND in_document AND NOT in_date
                     THEN 'p_other_period_out' END,
                CASE WHEN measure = 'base' AND in_document AND in_date AND NOT tagged
                     THEN 'p_untagged' END,
                CASE WHEN measure = 'base' AND tagged AND in_date AND NOT in_document
                     THEN CASE WHEN is_bill THEN 'p_other_period_in'
                               ELSE 'p_entry' END END,
                -- ledger and documents, VAT
                CASE WHEN measure = 'tax' AND is_account AND in_date AND NOT in_document
                     THEN CASE WHEN is_bill THEN 'p_tax_other_period_in'
                               WHEN is_caba THEN 'p_tax_paid'
                               ELSE 'p_tax_entry' END END,
                CASE WHEN measure = 'tax' AND in_document AND NOT is_account
                     THEN 'p_tax_waiting' END,
                CASE WHEN measure = 'tax' AND in_document AND is_account AND NOT in_date
                     THEN 'p_tax_other_period_out' END,
                -- ledger and boxes, VAT
                CASE WHEN measure = 'tax' AND is_account AND in_date AND NOT tagged
                     THEN 'p_tax_untagged' END,
                CASE WHEN measure = 'tax' AND tagged AND in_date AND NOT is_account
                     THEN 'p_tax_elsewhere' END
            ], NULL) AS readings
              FROM kept
            """,
            taxes=values(taxes or [(0, "")]),
            parts=values(parts or [(0, "", "")]),
            in_date=in_date,
            is_bill=is_bill,
            in_document=in_document,
            tagged=tagged,
            assets=assets,
            others=others,
            owed=owed,
            company=self.company_id.id,
        )

    def _purchase_reported(self):
        """Give the operations of purchases abroad; columns as `_reported` gives them.

        Without those whose tax is no reverse charge: they are no row here.
        """
        return SQL(
            """
            SELECT item.id, tax_row.row AS row,
                   CASE WHEN exclusion IS NOT NULL THEN 'flux_out'
                        WHEN held_reason IS NOT NULL THEN 'flux_held'
                        ELSE 'flux_101' END AS source,
                   item.basis, item.tax
              FROM fr_ereporting_item AS item
              JOIN fr_ereporting_period AS period ON period.id = item.period_id
              JOIN (VALUES %s) AS tax_row (tax_id, row) ON tax_row.tax_id = item.tax_id
             WHERE item.company_id = %s AND item.is_live AND period.kind = 'purchase'
                   AND item.day BETWEEN %s AND %s
            """,
            values(self._purchase_rows()[0] or [(0, "")]),
            self.company_id.id,
            self.date_from,
            self.date_to,
        )

    def _purchase_taxes(self):
        return (
            self.env["account.tax"]
            .with_context(active_test=False)
            .search(
                [
                    *self.env["account.tax"]._check_company_domain(self.company_id),
                    ("type_tax_use", "=", "purchase"),
                ]
            )
        )

    def _purchase_rows(self):
        """Give the row of each tax the buyer owes, and of each part of every tax.

        :return: [(tax id, box)], [(repartition line id, box, "owed" | "deducted")]
        """
        taxes, parts = [], []
        for tax in self._purchase_taxes():
            lines = tax.repartition_line_ids
            names = lines.tag_ids.mapped("name")
            is_owed = any(line.factor_percent < 0 for line in lines)
            box = next((name for name in names if name in OWED_BOXES), "none")
            if is_owed:
                taxes.append((tax.id, box))
            for line in lines.filtered(lambda part: part.repartition_type == "tax"):
                deducted = next(
                    (
                        name
                        for name in line.tag_ids.mapped("name")
                        if name in DEDUCTIBLE_BOXES
                    ),
                    None,
                )
                if line.factor_percent < 0:
                    parts.append((line.id, box, "owed"))
                elif deducted:
                    parts.append((line.id, deducted, "deducted"))
        return taxes, parts

    def _purchase_tags(self):
        """Give the tags of the boxes that the rows of purchases are about."""
        tags = self._purchase_taxes().repartition_line_ids.tag_ids
        return tags.filtered(
            lambda tag: (
                tag.name in OWED_BOXES
                or tag.name in DEDUCTIBLE_BOXES
                or tag.name.endswith("_taxe")
            )
        ).ids

    def _purchase_labels(self):
        """Give what people read for each row."""
        return {
            "A2": self.env._("Other taxable operations (box A2)"),
            "A3": self.env._("Services from the Union (box A3)"),
            "A4": self.env._("Imports (box A4)"),
            "B2": self.env._("Goods from the Union (box B2)"),
            "B3": self.env._("Gas, electricity, heat (box B3)"),
            "B4": self.env._("Purchases from sellers not established (box B4)"),
            "19": self.env._("Deductible, fixed assets (box 19)"),
            "20": self.env._("Deductible, other goods and services (box 20)"),
            "21": self.env._("Other deductible TVA (box 21)"),
            "none": self.env._("Without tax"),
        }
