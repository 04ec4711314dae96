# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo import fields, models
from odoo.tools import SQL

# what a person opens at once
OPENED = 5000
SUBJECTS = [
    ("sale", "Sales"),
    ("purchase", "Purchases"),
    ("payment", "Payments"),
]


# a few lines beside their model: pylint: disable-next=no-wizard-in-models
class FrVatReconciliationLine(models.TransientModel):
    """One row: a VAT rate, or a reason why there is none."""

    _name = "fr.vat.reconciliation.line"
    _description = "VAT Reconciliation Row"

    page_id = fields.Many2one(
        "fr.vat.reconciliation", required=True, ondelete="cascade", index=True
    )
    currency_id = fields.Many2one(related="page_id.currency_id")
    subject = fields.Selection(SUBJECTS, string="About", required=True)
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
    # payments: VAT included, then the VAT within
    paid = fields.Monetary(string="Told as Collected")
    paid_flux_212 = fields.Monetary(string="Status 212")
    paid_flux_102 = fields.Monetary(string="Flux 10.2")
    paid_flux_104 = fields.Monetary(string="Flux 10.4")
    tax_told = fields.Monetary(string="TVA within")
    has_unexplained = fields.Boolean()

    def _amount_names(self):
        """Give the names of the amounts, in the order shown."""
        return [
            name for name, field in self._fields.items() if field.type == "monetary"
        ]


# a few lines beside their model: pylint: disable-next=no-wizard-in-models
class FrVatReconciliationGap(models.TransientModel):
    """A reason why two readings of a row differ, with what is behind it."""

    _name = "fr.vat.reconciliation.gap"
    _description = "VAT Reconciliation Difference"
    _order = "measure, comparison, id"

    page_id = fields.Many2one(
        "fr.vat.reconciliation", required=True, ondelete="cascade", index=True
    )
    currency_id = fields.Many2one(related="page_id.currency_id")
    subject = fields.Selection(SUBJECTS, string="About", required=True)
    comparison = fields.Selection(
        [
            ("ledger_documents", "Ledger and documents"),
            ("documents_flux", "Documents and flux"),
            ("ledger_boxes", "Ledger and VAT return"),
            ("documents_boxes", "Documents and VAT return"),
            ("told_ledger", "What was told and the ledger"),
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
            ("p_missing", "Not taken up yet"),
            ("p_domestic", "Reverse charge of a French supplier, no e-reporting"),
            ("p_other_period_out", "Bills of this period, entered in another one"),
            ("p_other_period_in", "Bills of another period, entered in this one"),
            ("p_untagged", "In no box of the return"),
            ("p_entry", "Entries that are no bills"),
            ("p_tax_entry", "Entries on these accounts that are no bills"),
            ("p_tax_paid", "TVA that payments made deductible"),
            ("p_tax_waiting", "TVA of bills that waits for the payment"),
            ("p_tax_other_period_in", "TVA of bills of another period"),
            ("p_tax_other_period_out", "TVA of bills entered in another period"),
            ("p_tax_untagged", "On these accounts, in no box of the return"),
            ("p_tax_elsewhere", "In the return, not on these accounts"),
            ("paid_untold", "Paid, told to nobody"),
            ("paid_no_entry", "Told, without entry in the ledger"),
            ("paid_rounding", "Cents of rounding"),
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
        is_purchase = self.subject == "purchase"
        if self.subject == "payment":
            model, query = (
                "account.move",
                SQL(
                    "SELECT DISTINCT move_id FROM (%s) AS classified"
                    " WHERE row = %s AND source = %s LIMIT %s",
                    page._payment_classified(),
                    self.row_key,
                    self.reason,
                    OPENED,
                ),
            )
        elif self.reason in ("flux_out", "flux_held"):
            model, query = (
                "fr.ereporting.item",
                SQL(
                    "SELECT id FROM (%s) AS reported"
                    " WHERE row = %s AND source = %s LIMIT %s",
                    page._purchase_reported() if is_purchase else page._reported(),
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
                    page._purchase_classified() if is_purchase else page._classified(),
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
            "view_mode": "list,pivot" if model == "fr.ereporting.item" else "list,form",
            "domain": [("id", "in", ids)],
            "context": {"create": False},
        }
