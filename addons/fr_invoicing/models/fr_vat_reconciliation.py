# Part of Relevé. See LICENSE file for full copyright and licensing details.
import csv
import io
from datetime import timedelta
from decimal import Decimal

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL, format_date

from ..bridge import exact
from ..ereporting import reconcile

# what a person opens at once
OPENED = 5000
VAT_DUE_ACCOUNTS = "44571%"
# boxes of operations that are not taxed (form 3310 CA3)
UNTAXED_BOXES = ("E1", "E2", "E3", "F2", "F6", "F7", "F9")


class FrVatReconciliation(models.TransientModel):
    """Ledger, documents, flux 10 (and 2) and VAT boxes of a period, side by side.

    A page, not a record: computed when it is opened and whenever its days change.
    Which journal lines belong to a reading or a reason is said in one place,
    `_classified`; pure sums and comparisons are in ereporting/reconcile.py.
    """

    _name = "fr.vat.reconciliation"
    _description = "VAT Reconciliation"

    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company
    )
    currency_id = fields.Many2one(related="company_id.currency_id")
    date_from = fields.Date(
        string="From", required=True, default=lambda self: self._default_dates()[0]
    )
    date_to = fields.Date(
        string="To", required=True, default=lambda self: self._default_dates()[1]
    )
    line_ids = fields.One2many("fr.vat.reconciliation.line", "page_id")
    # the same rows, shown a second time for their TVA
    tax_line_ids = fields.One2many(
        "fr.vat.reconciliation.line", "page_id", string="Rows of TVA"
    )
    gap_ids = fields.One2many("fr.vat.reconciliation.gap", "page_id")
    unexplained_count = fields.Integer(readonly=True)

    def _default_dates(self):
        """Give the month before: the one whose VAT is being declared."""
        last = fields.Date.context_today(self).replace(day=1) - timedelta(days=1)
        return last.replace(day=1), last

    @api.depends("date_from", "date_to")
    def _compute_display_name(self):
        for page in self:
            page.display_name = self.env._(
                "VAT reconciliation %(start)s to %(end)s",
                start=format_date(self.env, page.date_from),
                end=format_date(self.env, page.date_to),
            )

    # === Actions === #

    @api.model
    def action_open(self):
        """Open the page on the month before."""
        page = self.create({})
        page._compute_page()
        return page._reopen()

    def action_compute(self):
        """Compute the page for its days."""
        self._compute_page()
        return self._reopen()

    def action_previous(self):
        """Show the month before the one shown."""
        return self._move(self.date_from.replace(day=1) - timedelta(days=1))

    def action_next(self):
        """Show the month after the one shown."""
        return self._move(self.date_to + timedelta(days=1))

    def action_export(self):
        """Download the rows and the reasons as CSV."""
        self.ensure_one()
        attachment = self.env["ir.attachment"].create(
            {
                "name": f"tva-{self.date_from}-{self.date_to}.csv",
                "mimetype": "text/csv",
                "raw": self._csv().encode("utf-8-sig"),
                "res_model": self._name,
                "res_id": self.id,
            }
        )
        return {
            "type": "ir.actions.act_url",
            "url": f"/web/content/{attachment.id}?download=true",
            "target": "self",
        }

    def _move(self, day):
        first = day.replace(day=1)
        following = (first + timedelta(days=31)).replace(day=1)
        self.write({"date_from": first, "date_to": following - timedelta(days=1)})
        return self.action_compute()

    def _reopen(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("VAT Reconciliation"),
            "res_model": self._name,
            "res_id": self.id,
            "view_mode": "form",
            "target": "current",
        }

    # === Computing === #

    def _compute_page(self):
        """Fill the page. Reads journal entries as its reader may: all or none."""
        self.ensure_one()
        self.env["account.move.line"].check_access("read")
        if self.company_id not in self.env.companies:
            raise UserError(
                self.env._("Choose %(company)s first.", company=self.company_id.name)
            )
        self.env["fr.ereporting.collector"].sudo()._collect(self.company_id)
        rows, gaps = reconcile.reconcile(self._cells())
        labels = self._row_labels()
        self.line_ids.unlink()
        self.gap_ids.unlink()
        self.env["fr.vat.reconciliation.line"].create(
            [self._prepare_line(row, labels, gaps) for row in rows]
        )
        self.env["fr.vat.reconciliation.gap"].create(
            [
                {
                    "page_id": self.id,
                    "comparison": gap.comparison,
                    "measure": gap.measure,
                    "row_key": gap.row,
                    "label": labels.get(gap.row, gap.row),
                    "reason": gap.reason or "unexplained",
                    "amount": gap.amount,
                    "count": gap.count,
                }
                for gap in gaps
            ]
        )
        self.unexplained_count = sum(1 for gap in gaps if not gap.reason)

    def _prepare_line(self, row, labels, gaps):
        values = {"page_id": self.id, "row_key": row.key}
        values["label"] = labels.get(row.key, row.key)
        for measure in (reconcile.BASE, reconcile.TAX):
            for source in ("ledger", "documents", *reconcile.FLUX, "boxes"):
                values[f"{measure}_{source}"] = row.amount(measure, source)
            values[f"{measure}_out"] = row.amount(measure, *reconcile.NOT_REPORTED)
        values["has_unexplained"] = any(
            gap.row == row.key and not gap.reason for gap in gaps
        )
        return values

    def _cells(self):
        """Give every reading and every reason, summed in the database.

        :rtype: list[reconcile.Cell]
        """
        self.env.flush_all()
        cells = []
        for row, measure, amount, count, readings in self.env.execute_query(
            SQL(
                """
                SELECT row, measure, sum(amount), count(*), readings
                  FROM (%s) AS classified
                 GROUP BY row, measure, readings
                """,
                self._classified(),
            )
        ):
            cells += [
                reconcile.Cell(row, measure, source, _cents(amount), count)
                for source in readings
            ]
        for row, source, basis, tax, count in self.env.execute_query(
            SQL(
                """
                SELECT row, source, sum(basis), sum(tax), count(*)
                  FROM (%s) AS reported GROUP BY row, source
                """,
                self._reported(),
            )
        ):
            cells.append(reconcile.Cell(row, "base", source, _cents(basis), count))
            cells.append(reconcile.Cell(row, "tax", source, _cents(tax), 0))
        return cells

    # === The readings, said once === #

    def _classified(self):
        """Give the journal lines with the readings and reasons each belongs to.

        A line may belong to several readings (ledger, documents, boxes), and to one
        reason of each comparison at most. Columns: id, row, measure, amount, readings.
        """
        in_date = SQL("line.date BETWEEN %s AND %s", self.date_from, self.date_to)
        is_document = SQL("move.move_type IN ('out_invoice', 'out_refund')")
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
            tax_rows=SQL(", ").join(
                SQL("(%s, %s, %s)", tax_id, row, on_payment)
                for tax_id, row, on_payment in self._tax_rows()
            ),
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
                   AND move.move_type IN ('out_invoice', 'out_refund')
            """,
            SQL(", ").join(
                SQL("(%s, %s, %s)", tax_id, row, on_payment)
                for tax_id, row, on_payment in self._tax_rows()
            ),
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
        return (
            self.env["account.account"]
            .with_company(self.company_id)
            .with_context(active_test=False)
            .search([("code", "=like", VAT_DUE_ACCOUNTS)])
            .ids
        )

    def _row_labels(self):
        """Give what people read for each row, with the boxes of the return."""
        _ = self.env._
        labels = {
            "none": _("Without tax"),
            "E1": _("Exports outside the Union (box E1)"),
            "E2": _("Other operations not taxed (box E2)"),
            "E3": _("Distance sales taxed abroad (box E3)"),
            "F2": _("Supplies inside the Union (box F2)"),
        }
        for tax in self._sale_taxes().filtered("amount"):
            names = [
                tag.name.removesuffix("_base")
                for tag in tax.repartition_line_ids.tag_ids
                if tag.name.endswith("_base")
            ]
            key = f"{exact(tax.amount).normalize():f}"
            label = _("TVA %(rate)s %%", rate=key)
            if names:
                label = _("TVA %(rate)s %% (box %(box)s)", rate=key, box=names[0])
            labels.setdefault(key, label)
        return labels

    # === CSV === #

    def _csv(self):
        """Write rows and reasons, a table each, with French separators."""
        stream = io.StringIO()
        writer = csv.writer(stream, delimiter=";")
        line_fields = self.line_ids._fields
        names = ["label", *self.line_ids._amount_names()]
        writer.writerow(
            [line_fields[name]._description_string(self.env) for name in names]
        )
        for line in self.line_ids:
            writer.writerow([_text(line[name]) for name in names])
        writer.writerow([])
        gaps = self.gap_ids
        names = ["comparison", "measure", "label", "reason", "amount", "count"]
        writer.writerow(
            [gaps._fields[name]._description_string(self.env) for name in names]
        )
        selections = {
            name: dict(gaps._fields[name]._description_selection(self.env))
            for name in ("comparison", "measure", "reason")
        }
        for gap in gaps:
            writer.writerow(
                [
                    selections[name].get(gap[name])
                    if name in selections
                    else _text(gap[name])
                    for name in names
                ]
            )
        return stream.getvalue()


class FrVatReconciliationLine(models.TransientModel):
    """One row: a VAT rate, or a reason why there is none."""

    _name = "fr.vat.reconciliation.line"
    _description = "VAT Reconciliation Row"

    page_id = fields.Many2one(
        "fr.vat.reconciliation", required=True, ondelete="cascade", index=True
    )
    currency_id = fields.Many2one(related="page_id.currency_id")
    row_key = fields.Char()
    label = fields.Char(string="TVA")
    base_ledger = fields.Monetary(string="Ledger")
    base_documents = fields.Monetary(string="Documents")
    base_flux_2 = fields.Monetary(string="Flux 2")
    base_flux_101 = fields.Monetary(string="Flux 10.1")
    base_flux_103 = fields.Monetary(string="Flux 10.3")
    base_out = fields.Monetary(string="Not Reported")
    base_boxes = fields.Monetary(string="Return, Base")
    tax_ledger = fields.Monetary(string="TVA on 44571")
    tax_documents = fields.Monetary(string="TVA of Documents")
    tax_flux_2 = fields.Monetary(string="TVA Flux 2")
    tax_flux_101 = fields.Monetary(string="TVA Flux 10.1")
    tax_flux_103 = fields.Monetary(string="TVA Flux 10.3")
    tax_out = fields.Monetary(string="TVA not Reported")
    tax_boxes = fields.Monetary(string="Return, TVA")
    has_unexplained = fields.Boolean()

    def _amount_names(self):
        """Give the names of the amounts, in the order shown."""
        return [
            name for name, field in self._fields.items() if field.type == "monetary"
        ]


class FrVatReconciliationGap(models.TransientModel):
    """A reason why two readings of a row differ, with what is behind it."""

    _name = "fr.vat.reconciliation.gap"
    _description = "VAT Reconciliation Difference"
    _order = "measure, comparison, id"

    page_id = fields.Many2one(
        "fr.vat.reconciliation", required=True, ondelete="cascade", index=True
    )
    currency_id = fields.Many2one(related="page_id.currency_id")
    comparison = fields.Selection(
        [
            ("ledger_documents", "Ledger and documents"),
            ("documents_flux", "Documents and flux"),
            ("ledger_boxes", "Ledger and VAT return"),
        ],
        string="Between",
    )
    measure = fields.Selection([("base", "Without TVA"), ("tax", "TVA")], string="Of")
    row_key = fields.Char()
    label = fields.Char(string="TVA")
    reason = fields.Selection(
        [
            ("entry", "Entries that are no documents"),
            ("other_period_in", "Documents of another period, entered in this one"),
            ("other_period_out", "Documents of this period, entered in another one"),
            ("not_income", "Lines of documents on other accounts than income"),
            ("flux_out", "Outside the reform (exempt, OSS, no operation of TVA)"),
            ("flux_held", "Held back, to be mended"),
            ("flux_missing", "Not taken up yet"),
            ("base_waiting", "Services invoiced, TVA due when they are paid"),
            ("base_untagged", "Turnover that no box of the return takes"),
            ("base_paid", "Services whose payment made TVA due"),
            ("base_elsewhere", "In the return, not on an income account"),
            ("tax_entry", "Entries on 44571 that are no documents"),
            ("tax_paid", "TVA that payments made due"),
            ("tax_other_period_in", "TVA of documents of another period"),
            ("tax_waiting", "TVA of services that waits for the payment"),
            ("tax_other_period_out", "TVA of documents entered in another period"),
            ("tax_untagged", "On 44571, in no box of the return"),
            ("tax_elsewhere", "In the return, not on 44571"),
            ("unexplained", "Unexplained"),
        ],
        string="Because of",
    )
    amount = fields.Monetary(string="Difference")
    count = fields.Integer(string="Lines")

    def action_view(self):
        """Open the journal lines, or the operations, behind the difference."""
        self.ensure_one()
        page = self.page_id
        if self.reason in ("flux_out", "flux_held"):
            model, query = (
                "fr.ereporting.item",
                SQL(
                    "SELECT id FROM (%s) AS reported"
                    " WHERE row = %s AND source = %s LIMIT %s",
                    page._reported(),
                    self.row_key,
                    self.reason,
                    OPENED,
                ),
            )
        else:
            model, query = (
                "account.move.line",
                SQL(
                    "SELECT id FROM (%s) AS classified"
                    " WHERE row = %s AND measure = %s AND %s = ANY(readings) LIMIT %s",
                    page._classified(),
                    self.row_key,
                    self.measure,
                    self.reason,
                    OPENED,
                ),
            )
        ids = [row[0] for row in self.env.execute_query(query)]
        label = dict(self._fields["reason"]._description_selection(self.env))
        return {
            "type": "ir.actions.act_window",
            "name": f"{label[self.reason]} - {self.label}",
            "res_model": model,
            "view_mode": "list,form" if model == "account.move.line" else "list,pivot",
            "domain": [("id", "in", ids)],
            "context": {"create": False},
        }


def _cents(value):
    return exact(value).quantize(Decimal("0.01"))


def _text(value):
    """Write a value as a French spreadsheet reads it."""
    if isinstance(value, float):
        return f"{value:.2f}".replace(".", ",")
    return str(value or "")
