# Part of Relevé. See LICENSE file for full copyright and licensing details.
import csv
import io
from datetime import timedelta
from decimal import Decimal

from odoo import api, fields, models
from odoo.tools import SQL, format_date

from ..bridge import exact
from ..ereporting import reconcile


# a few lines beside their model: pylint: disable-next=no-wizard-in-models
class FrVatReconciliation(models.TransientModel):
    """Ledger, documents, flux 10 (and 2) and VAT boxes of a period, side by side.

    A page, not a record: computed when it is opened and whenever its days change.
    Which journal lines belong to a reading or a reason is said in one place
    (fr_vat_readings.py); pure sums and comparisons are in ereporting/reconcile.py.
    """

    _name = "fr.vat.reconciliation"
    _inherit = ["fr.ledger.page", "fr.vat.readings"]
    _description = "VAT Reconciliation"

    date_from = fields.Date(
        string="First Day", required=True, default=lambda self: self._default_dates()[0]
    )
    date_to = fields.Date(
        string="Last Day", required=True, default=lambda self: self._default_dates()[1]
    )
    line_ids = fields.One2many(
        "fr.vat.reconciliation.line", "page_id", domain=[("subject", "=", "sale")]
    )
    # the same rows, shown a second time for their TVA
    tax_line_ids = fields.One2many(
        "fr.vat.reconciliation.line",
        "page_id",
        string="Rows of TVA",
        domain=[("subject", "=", "sale")],
    )
    purchase_line_ids = fields.One2many(
        "fr.vat.reconciliation.line",
        "page_id",
        string="Rows of Purchases",
        domain=[("subject", "=", "purchase")],
    )
    payment_line_ids = fields.One2many(
        "fr.vat.reconciliation.line",
        "page_id",
        string="Rows of Payments",
        domain=[("subject", "=", "payment")],
    )
    box_ids = fields.One2many("fr.vat.box", "page_id", string="VAT Return")
    net_due = fields.Monetary(
        string="TVA to Pay", readonly=True, help="Line 16 less line 23."
    )
    net_credit = fields.Monetary(
        string="TVA Credit", readonly=True, help="Line 23 less line 16 (line 25)."
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

    def _get_title(self):
        return self.env._("VAT Reconciliation")

    def action_previous(self):
        """Show the month before the one shown."""
        return self._move(self.date_from.replace(day=1) - timedelta(days=1))

    def action_next(self):
        """Show the month after the one shown."""
        return self._move(self.date_to + timedelta(days=1))

    def action_export(self):
        """Download the rows and the reasons as CSV."""
        self.ensure_one()
        name = f"tva-{self.date_from}-{self.date_to}.csv"
        return self.env["fr.download"]._offer(name, self._csv().encode("utf-8-sig"))

    def _move(self, day):
        first = day.replace(day=1)
        following = (first + timedelta(days=31)).replace(day=1)
        self.write({"date_from": first, "date_to": following - timedelta(days=1)})
        return self.action_compute()

    # === Computing === #

    def _fill(self):
        self.env["fr.ereporting.collector"].sudo()._collect(self.company_id)
        self.env.flush_all()
        lines = self.env["fr.vat.reconciliation.line"]
        lines.search([("page_id", "=", self.id)]).unlink()
        self.gap_ids.unlink()
        rates = self._row_labels()
        self.unexplained_count = sum(
            self._fill_subject(*subject)
            for subject in (
                ("sale", self._cells(), reconcile.COMPARISONS, rates),
                (
                    "purchase",
                    self._purchase_cells(),
                    reconcile.PURCHASES,
                    self._purchase_labels(),
                ),
                ("payment", self._payment_cells(), reconcile.PAYMENTS, rates),
            )
        )
        self._fill_boxes()

    def _fill_subject(self, subject, cells, comparisons, labels):
        """Write rows and reasons of sales, purchases or payments.

        :return: how many differences nothing explains
        :rtype: int
        """
        rows, gaps = reconcile.reconcile(cells, comparisons)
        self.env["fr.vat.reconciliation.line"].create(
            [
                self._prepare_line(subject, row, labels, gaps)
                # what is owed before what is deducted
                for row in sorted(
                    rows,
                    key=lambda row: subject == "purchase" and row.key.isdigit(),
                )
            ]
        )
        self.env["fr.vat.reconciliation.gap"].create(
            [
                {
                    "page_id": self.id,
                    "subject": subject,
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
        return sum(1 for gap in gaps if not gap.reason)

    def _prepare_line(self, subject, row, labels, gaps):
        values = {"page_id": self.id, "subject": subject, "row_key": row.key}
        values["label"] = labels.get(row.key, row.key)
        for measure in (reconcile.BASE, reconcile.TAX):
            for source in ("ledger", "documents", *reconcile.FLUX, "boxes"):
                values[f"{measure}_{source}"] = row.amount(measure, source)
            values[f"{measure}_out"] = row.amount(measure, *reconcile.NOT_REPORTED)
        for source in reconcile.PAID:
            values[f"paid_{source}"] = row.amount(reconcile.BASE, source)
        values["paid"] = row.amount(reconcile.BASE, *reconcile.PAID)
        values["tax_told"] = row.amount(reconcile.TAX, "told")
        values["has_unexplained"] = any(
            gap.row == row.key and not gap.reason for gap in gaps
        )
        return values

    def _cells(self):
        """Give every reading and every reason, summed in the database.

        :rtype: list[reconcile.Cell]
        """
        return self._sum_lines(self._classified()) + self._sum_reported(
            self._reported()
        )

    def _purchase_cells(self):
        return self._sum_lines(self._purchase_classified()) + self._sum_reported(
            self._purchase_reported()
        )

    def _payment_cells(self):
        """Sum what was told (VAT included) and the VAT within and in the ledger."""
        return [
            reconcile.Cell(
                row,
                "base" if source in reconcile.PAID else "tax",
                source,
                _cents(amount),
                count,
            )
            for row, source, amount, count in self.env.execute_query(
                SQL(
                    "SELECT row, source, sum(amount), sum(events)::integer"
                    " FROM (%s) AS classified GROUP BY row, source",
                    self._payment_classified(),
                )
            )
        ]

    def _sum_lines(self, query):
        """Sum classified journal lines by row, measure and reading.

        :rtype: list[reconcile.Cell]
        """
        return [
            reconcile.Cell(row, measure, source, _cents(amount), count)
            for row, measure, amount, count, readings in self.env.execute_query(
                SQL(
                    """
                    SELECT row, measure, sum(amount), count(*), readings
                      FROM (%s) AS classified
                     GROUP BY row, measure, readings
                    """,
                    query,
                )
            )
            for source in readings
        ]

    def _sum_reported(self, query):
        """Sum operations of e-reporting by row and reading.

        :rtype: list[reconcile.Cell]
        """
        cells = []
        for row, source, basis, tax, count in self.env.execute_query(
            SQL(
                """
                SELECT row, source, sum(basis), sum(tax), count(*)
                  FROM (%s) AS reported GROUP BY row, source
                """,
                query,
            )
        ):
            cells.append(reconcile.Cell(row, "base", source, _cents(basis), count))
            cells.append(reconcile.Cell(row, "tax", source, _cents(tax), 0))
        return cells

    # === CSV === #

    def _csv(self):
        """Write rows and reasons, a table each, with French separators."""
        stream = io.StringIO()
        writer = csv.writer(stream, delimiter=";")
        lines = self.line_ids | self.purchase_line_ids | self.payment_line_ids
        names = ["subject", "label", *lines._amount_names()]
        _write_table(writer, lines, names)
        writer.writerow([])
        names = ["code", "label", "amount", "sale", "purchase", "entry"]
        _write_table(writer, self.box_ids, names)
        writer.writerow([])
        names = ["subject", "comparison", "measure", "label", "reason", "amount"]
        _write_table(writer, self.gap_ids, [*names, "count"])
        return stream.getvalue()


def _write_table(writer, records, names):
    """Write a header with the fields' labels, then a line for each record."""
    described = records.fields_get(names, ["string", "selection"])
    writer.writerow([described[name]["string"] for name in names])
    for record in records:
        writer.writerow(
            [
                dict(described[name].get("selection") or ()).get(
                    record[name], _text(record[name])
                )
                for name in names
            ]
        )


def _cents(value):
    return exact(value).quantize(Decimal("0.01"))


def _text(value):
    """Write a value as a French spreadsheet reads it."""
    if isinstance(value, float):
        return f"{value:.2f}".replace(".", ",")
    return str(value or "")
