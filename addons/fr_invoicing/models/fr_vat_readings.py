# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo import fields, models
from odoo.tools import SQL

from ..bridge import exact
from ..ereporting import reconcile

VAT_DUE_ACCOUNTS = "44571%"
# boxes of operations that are not taxed (form 3310 CA3)
UNTAXED_BOXES = ("E1", "E2", "E3", "F2", "F6", "F7", "F9")


class FrVatReadings(models.AbstractModel):
    """Which journal lines and operations belong to which reading of a period's sales.

    Whoever inherits it has company_id, date_from and date_to.
    """

    _name = "fr.vat.readings"
    _description = "VAT Readings"

    def _classified(self):
        """Give the journal lines with the readings and reasons each belongs to.

        A line may belong to several readings (ledger, documents, boxes), and to one
        reason of each comparison at most. Columns: id, row, measure, amount, readings.
        """
        in_date = SQL("line.date BETWEEN %s AND %s", self.date_from, self.date_to)
        is_document = SQL(
            "move.move_type IN ('out_invoice', 'out_refund', 'out_receipt')"
        )
        in_document = SQL(
            "(%s AND move.invoice_date BETWEEN %s AND %s)",
            is_document,
            self.date_from,
            self.date_to,
        )
        tags = self._box_tags()
        tagged = {
            measure: SQL(
                "EXISTS (SELECT 1 FROM account_account_tag_account_move_line_rel AS rel"
                " WHERE rel.account_move_line_id = line.id"
                " AND rel.account_account_tag_id IN %s)",
                tuple(tags[measure]) or (0,),
            )
            for measure in (reconcile.BASE, reconcile.TAX)
        }
        return SQL(
            """
            WITH tax_row (tax_id, row, on_payment) AS (VALUES %(tax_rows)s),
            kept AS (
                SELECT line.id, line.move_id, -line.balance AS amount,
                       tax_row.row AS row, tax_row.on_payment,
                       CASE WHEN line.tax_line_id IS NOT NULL OR is_due
                            THEN 'tax' ELSE 'base' END AS measure,
                       is_income, is_due, is_taxed,
                       %(in_date)s AS in_date,
                       %(is_document)s AND (line.tax_line_id IS NOT NULL
                           OR line.display_type = 'product') AS is_document,
                       %(in_document)s AND (line.tax_line_id IS NOT NULL
                           OR line.display_type = 'product') AS in_document,
                       (move.tax_cash_basis_rec_id IS NOT NULL
                        OR move.tax_cash_basis_origin_move_id IS NOT NULL) AS is_caba,
                       %(base_tagged)s AS base_tagged, %(tax_tagged)s AS tax_tagged
                  FROM account_move_line AS line
                  JOIN account_move AS move ON move.id = line.move_id
                  JOIN account_account AS account ON account.id = line.account_id
                  LEFT JOIN LATERAL (
                        SELECT rel.account_tax_id AS id
                          FROM account_move_line_account_tax_rel AS rel
                          JOIN tax_row ON tax_row.tax_id = rel.account_tax_id
                         WHERE rel.account_move_line_id = line.id
                         ORDER BY rel.account_tax_id LIMIT 1) AS base_tax ON true
                  LEFT JOIN tax_row
                         ON tax_row.tax_id = coalesce(line.tax_line_id, base_tax.id)
                 CROSS JOIN LATERAL (
                        SELECT account.account_type LIKE 'income%%' AS is_income,
                               line.account_id IN %(due_accounts)s AS is_due,
                               tax_row.tax_id IS NOT NULL AS is_taxed) AS facts
                 WHERE line.company_id = %(company)s
                       AND line.parent_state = 'posted'
                       AND line.display_type NOT IN ('line_section', 'line_note',
                                                     'line_subsection')
                       AND (%(in_date)s OR %(in_document)s)
                       AND (is_income OR is_due OR is_taxed)
            )
            SELECT id, move_id, coalesce(row, 'none') AS row, measure, amount,
                   array_remove(ARRAY[
                -- readings
                CASE WHEN measure = 'base' AND is_income AND in_date AND NOT is_caba
                     THEN 'ledger' END,
                CASE WHEN measure = 'base' AND in_document THEN 'documents' END,
                CASE WHEN measure = 'base' AND base_tagged AND in_date
                     THEN 'boxes' END,
                CASE WHEN measure = 'tax' AND is_due AND in_date THEN 'ledger' END,
                CASE WHEN measure = 'tax' AND in_document THEN 'documents' END,
                CASE WHEN measure = 'tax' AND tax_tagged AND in_date THEN 'boxes' END,
                -- ledger and documents, base
                CASE WHEN measure = 'base' AND is_income AND in_date AND NOT is_caba
                          AND NOT is_document THEN 'entry' END,
                CASE WHEN measure = 'base' AND is_income AND in_date AND NOT is_caba
                          AND is_document AND NOT in_document
                     THEN 'other_period_in' END,
                CASE WHEN measure = 'base' AND in_document AND NOT in_date
                     THEN 'other_period_out' END,
                CASE WHEN measure = 'base' AND in_document AND in_date
                          AND NOT (is_income AND NOT is_caba) THEN 'not_income' END,
                -- ledger and boxes, base
                CASE WHEN measure = 'base' AND is_income AND in_date AND NOT is_caba
                          AND NOT base_tagged
                     THEN CASE WHEN on_payment THEN 'base_waiting'
                               ELSE 'base_untagged' END END,
                CASE WHEN measure = 'base' AND base_tagged AND in_date AND is_caba
                     THEN 'base_paid' END,
                CASE WHEN measure = 'base' AND base_tagged AND in_date
                          AND NOT is_caba AND NOT is_income
                     THEN 'base_elsewhere' END,
                -- ledger and documents, VAT
                CASE WHEN measure = 'tax' AND is_due AND in_date AND NOT is_document
                     THEN CASE WHEN is_caba THEN 'tax_paid' ELSE 'tax_entry' END END,
                CASE WHEN measure = 'tax' AND is_due AND in_date AND is_document
                          AND NOT in_document THEN 'tax_other_period_in' END,
                CASE WHEN measure = 'tax' AND in_document AND NOT is_due
                     THEN 'tax_waiting' END,
                CASE WHEN measure = 'tax' AND in_document AND is_due AND NOT in_date
                     THEN 'tax_other_period_out' END,
                -- ledger and boxes, VAT
                CASE WHEN measure = 'tax' AND is_due AND in_date AND NOT tax_tagged
                     THEN 'tax_untagged' END,
                CASE WHEN measure = 'tax' AND tax_tagged AND in_date AND NOT is_due
                     THEN 'tax_elsewhere' END,
                -- documents and flux: no operation is recorded
                CASE WHEN in_document AND NOT EXISTS (
                          SELECT 1 FROM fr_ereporting_item AS item
                           WHERE item.move_id = kept.move_id AND item.is_live
                                 AND item.source_key LIKE 'document/%%')
                     THEN 'flux_missing' END
            ], NULL) AS readings
              FROM kept
            """,
            tax_rows=values(self._tax_rows()),
            in_date=in_date,
            is_document=is_document,
            in_document=in_document,
            base_tagged=tagged[reconcile.BASE],
            tax_tagged=tagged[reconcile.TAX],
            due_accounts=tuple(self._due_accounts()) or (0,),
            company=self.company_id.id,
        )

    def _reported(self):
        """Give the operations of sales with their reading or the reason to be left out.

        Columns: id, row, source, basis, tax.
        """
        return SQL(
            """
            SELECT item.id, coalesce(tax_row.row, 'none') AS row,
                   CASE WHEN item.flow = '2' AND exclusion = 'e_invoice' THEN 'flux_2'
                        WHEN exclusion IS NOT NULL THEN 'flux_out'
                        WHEN held_reason IS NOT NULL THEN 'flux_held'
                        WHEN item.flow = '10.1' THEN 'flux_101'
                        ELSE 'flux_103' END AS source,
                   item.basis, item.tax
              FROM fr_ereporting_item AS item
              JOIN fr_ereporting_period AS period ON period.id = item.period_id
              LEFT JOIN account_move AS move ON move.id = item.move_id
              LEFT JOIN (VALUES %s) AS tax_row (tax_id, row, on_payment)
                     ON tax_row.tax_id = item.tax_id
             WHERE item.company_id = %s AND item.is_live AND period.kind = 'sale'
                   AND item.day BETWEEN %s AND %s
                   AND move.move_type IN ('out_invoice', 'out_refund', 'out_receipt')
            """,
            values(self._tax_rows()),
            self.company_id.id,
            self.date_from,
            self.date_to,
        )

    def _sale_taxes(self):
        return (
            self.env["account.tax"]
            .with_context(active_test=False)
            .search(
                [
                    *self.env["account.tax"]._check_company_domain(self.company_id),
                    ("type_tax_use", "=", "sale"),
                ]
            )
        )

    def _tax_rows(self):
        """Give the row of each sale tax: its rate, or the box of what is not taxed.

        :return: tax id, row key, whether VAT falls due on payment
        :rtype: list[tuple[int, str, bool]]
        """
        found = [(0, "none", False)]
        for tax in self._sale_taxes():
            names = tax.repartition_line_ids.tag_ids.mapped("name")
            if tax.amount:
                row = f"{exact(tax.amount).normalize():f}"
            else:
                row = next((name for name in names if name in UNTAXED_BOXES), "E2")
            found.append((tax.id, row, tax.tax_exigibility == "on_payment"))
        return found

    def _box_tags(self):
        """Give the tags of the boxes of the return that sales fill, by measure.

        :rtype: dict[str, list[int]]
        """
        tags = self._sale_taxes().repartition_line_ids.tag_ids
        return {
            reconcile.TAX: tags.filtered(lambda tag: tag.name.endswith("_taxe")).ids,
            reconcile.BASE: tags.filtered(
                lambda tag: tag.name.endswith("_base") or tag.name in UNTAXED_BOXES
            ).ids,
        }

    def _due_accounts(self):
        """Give the accounts of VAT collected (44571)."""
        return self._accounts_of(VAT_DUE_ACCOUNTS)

    def _accounts_of(self, *patterns):
        """Give the accounts of the company whose code fits one of the patterns.

        :rtype: list[int]
        """
        accounts = (
            self.env["account.account"]
            .with_company(self.company_id)
            .with_context(active_test=False)
        )
        return accounts.search(
            fields.Domain.OR([("code", "=like", pattern)] for pattern in patterns)
        ).ids

    def _row_labels(self):
        """Give what people read for each row, with the boxes of the return."""
        labels = {
            "none": self.env._("Without tax"),
            "E1": self.env._("Exports outside the Union (box E1)"),
            "E2": self.env._("Other operations not taxed (box E2)"),
            "E3": self.env._("Distance sales taxed abroad (box E3)"),
            "F2": self.env._("Supplies inside the Union (box F2)"),
        }
        for tax in self._sale_taxes().filtered("amount"):
            names = [
                tag.name.removesuffix("_base")
                for tag in tax.repartition_line_ids.tag_ids
                if tag.name.endswith("_base")
            ]
            key = f"{exact(tax.amount).normalize():f}"
            label = self.env._("TVA %(rate)s %%", rate=key)
            if names:
                label = self.env._(
                    "TVA %(rate)s %% (box %(box)s)", rate=key, box=names[0]
                )
            labels.setdefault(key, label)
        return labels


def values(rows):
    """Write rows for VALUES, which wants one at least.

    :param rows: tuples of one length
    """
    comma = SQL(", ")
    return comma.join(
        SQL("(%s)", comma.join(SQL("%s", value) for value in row)) for row in rows
    )
