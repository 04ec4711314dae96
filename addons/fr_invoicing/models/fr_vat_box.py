# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""The boxes of the VAT return (form 3310 CA3), as the ledger's tax tags fill them."""

from collections import defaultdict
from decimal import Decimal

from odoo import fields, models
from odoo.tools import SQL

from ..bridge import exact

TAX_REPORT = "l10n_fr_account.tax_report"
GROSS, DEDUCTIBLE = "16", "23"
DEDUCTED = ("19", "20", "21")


# a few lines beside their page: pylint: disable-next=no-wizard-in-models
class FrVatBox(models.TransientModel):
    """One box, and what fills it: sales, purchases, payments and other entries.

    Amounts are exact; the return itself is filled in with whole euros.
    """

    _name = "fr.vat.box"
    _description = "Box of the VAT Return"
    _order = "sequence, id"

    page_id = fields.Many2one(
        "fr.vat.reconciliation", required=True, ondelete="cascade", index=True
    )
    currency_id = fields.Many2one(related="page_id.currency_id")
    sequence = fields.Integer()
    code = fields.Char(string="Box")
    label = fields.Char(string="Line of the Return")
    amount = fields.Monetary()
    sale = fields.Monetary(string="Sales")
    purchase = fields.Monetary(string="Purchases")
    payment = fields.Monetary(string="Payments")
    entry = fields.Monetary(string="Other Entries")
    is_total = fields.Boolean()
    tags = fields.Json()

    def action_view(self):
        """Open the journal lines of the box."""
        self.ensure_one()
        page = self.page_id
        return {
            "type": "ir.actions.act_window",
            "name": self.label,
            "res_model": "account.move.line",
            "view_mode": "list,form",
            "domain": [
                ("company_id", "=", page.company_id.id),
                ("parent_state", "=", "posted"),
                ("date", ">=", page.date_from),
                ("date", "<=", page.date_to),
                ("tax_tag_ids", "in", self.tags or []),
            ],
            "context": {"create": False},
        }


# pylint: disable-next=no-wizard-in-models
class FrVatReconciliation(models.TransientModel):
    _inherit = "fr.vat.reconciliation"

    def _fill_boxes(self):
        """Write the boxes that hold something, the totals, and what is to pay."""
        self.box_ids.unlink()
        sums = self._sum_tags()
        values = []
        totals = {GROSS: defaultdict(Decimal), DEDUCTIBLE: defaultdict(Decimal)}
        for sequence, (code, label, tags) in enumerate(self._get_boxes()):
            parts = totals.get(code)
            if parts is None:
                parts = defaultdict(Decimal)
                for tag_id, sign in tags:
                    for source, amount in sums.get(tag_id, {}).items():
                        parts[source] += sign * amount
                total = _total_of(code)
                for source, amount in parts.items() if total else ():
                    totals[total][source] += amount
            if any(parts.values()) or code in totals:
                values.append(
                    {
                        "page_id": self.id,
                        "sequence": sequence,
                        "code": code,
                        "label": label,
                        "amount": sum(parts.values(), Decimal(0)),
                        "is_total": code in totals,
                        "tags": [tag_id for tag_id, _sign in tags],
                        **parts,
                    }
                )
        self.env["fr.vat.box"].create(values)
        net = sum(totals[GROSS].values()) - sum(totals[DEDUCTIBLE].values())
        self.net_due, self.net_credit = max(net, 0), max(-net, 0)

    def _get_boxes(self):
        """Give the boxes in the order of the form, from Odoo's French tax report.

        :return: code, label, [(tag id, sign)]
        :rtype: list[tuple]
        """
        report = self.env.ref(TAX_REPORT, raise_if_not_found=False)
        if not report:
            return []
        tags = {
            tag.with_context(lang="en_US").name: tag.id
            for tag in self.env["account.account.tag"]
            .with_context(active_test=False)
            .search(
                [
                    ("applicability", "=", "taxes"),
                    ("country_id", "=", self.env.ref("base.fr").id),
                ]
            )
        }
        boxes = []
        for line in report.sudo().line_ids.sorted("sequence"):  # a template of Odoo's
            code = (line.code or "").removeprefix("box_")
            found = [
                (
                    tags[expression.formula.lstrip("-")],
                    -1 if expression.formula.startswith("-") else 1,
                )
                for expression in line.expression_ids
                if expression.engine == "tax_tags"
                and expression.formula.lstrip("-") in tags
            ]
            if found or code in (GROSS, DEDUCTIBLE):
                boxes.append((code, line.name, found))
        return boxes

    def _sum_tags(self):
        """Sum the journal lines of the period by tag and by where they come from.

        :return: tag id -> "sale" | "purchase" | "payment" | "entry" -> balance
        :rtype: dict[int, dict[str, Decimal]]
        """
        sums = defaultdict(dict)
        for tag_id, source, amount in self.env.execute_query(
            SQL(
                """
                SELECT rel.account_account_tag_id, source, sum(line.balance)
                  FROM account_move_line AS line
                  JOIN account_move AS move ON move.id = line.move_id
                  JOIN account_account_tag_account_move_line_rel AS rel
                    ON rel.account_move_line_id = line.id
                 CROSS JOIN LATERAL (SELECT CASE
                        WHEN move.tax_cash_basis_rec_id IS NOT NULL
                             OR move.tax_cash_basis_origin_move_id IS NOT NULL
                             THEN 'payment'
                        WHEN move.move_type LIKE 'out_%%' THEN 'sale'
                        WHEN move.move_type LIKE 'in_%%' THEN 'purchase'
                        ELSE 'entry' END AS source) AS origin
                 WHERE line.company_id = %s AND line.parent_state = 'posted'
                       AND line.date BETWEEN %s AND %s
                 GROUP BY 1, 2
                """,
                self.company_id.id,
                self.date_from,
                self.date_to,
            )
        ):
            sums[tag_id][source] = exact(amount)
        return sums


def _total_of(code):
    """Give the total a box is added to, "" when it is a part of another or a base."""
    if code.endswith("_taxe"):
        return GROSS
    return DEDUCTIBLE if code in DEDUCTED else ""
