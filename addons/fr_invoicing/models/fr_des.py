# Part of Relevé. See LICENSE file for full copyright and licensing details.
from datetime import date, timedelta
from decimal import Decimal

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from ..bridge import exact
from ..const import FR_COUNTRY_CODES, NATURES
from ..einvoice import identifiers, tva
from ..ledger import des

MONTHS = [
    ("1", "January"),
    ("2", "February"),
    ("3", "March"),
    ("4", "April"),
    ("5", "May"),
    ("6", "June"),
    ("7", "July"),
    ("8", "August"),
    ("9", "September"),
    ("10", "October"),
    ("11", "November"),
    ("12", "December"),
]
PROBLEMS = [
    (des.MISSING, "No VAT number"),
    (des.INVALID, "Invalid VAT number"),
    (des.FRENCH, "French VAT number"),
    (des.NOT_EU, "Not a VAT number of the Union"),
]
# an invoice and what it bills may lie that far apart
REACH_DAYS = 800
# The month of a service is that in which its VAT falls due where the buyer is: when it
# is rendered (art. 63 and 64 of directive 2006/112/EC, CGI art. 269-2), the end of the
# period for what is billed by period, or when it was paid whole before that (art. 65).
# A credit note counts in its own month.
DUE_DAY = SQL(
    """
    SELECT CASE WHEN move.move_type = 'out_refund' THEN move.invoice_date
                ELSE LEAST(rendered.day, paid.day) END AS day
      FROM (SELECT COALESCE(line.usage_period_end - 1, move.delivery_date,
                            move.invoice_date) AS day) AS rendered
 LEFT JOIN LATERAL (
           SELECT max(partial.max_date) AS day
             FROM account_move_line AS term
             JOIN account_partial_reconcile AS partial
               ON partial.debit_move_id = term.id
            WHERE term.move_id = move.id AND move.amount_residual = 0
              AND term.display_type = 'payment_term') AS paid ON TRUE
    """
)
# Monaco belongs to the French territory of TVA
NOT_ABROAD = (*FR_COUNTRY_CODES, "MC")


# a page beside its readings: pylint: disable-next=no-wizard-in-models
class FrDes(models.TransientModel):
    """Services of a month to businesses of other member states, ready to be declared.

    A page, not a record: read from the posted documents each time it is shown.
    CGI art. 289 B III; due on the tenth working day of the next month.
    """

    _name = "fr.des"
    _inherit = "fr.ledger.page"
    _description = "Statement of Services (DES)"

    year = fields.Integer(
        required=True, default=lambda self: self._default_day().year, aggregator=None
    )
    month = fields.Selection(
        MONTHS, required=True, default=lambda self: str(self._default_day().month)
    )
    number = fields.Integer(
        string="Declaration Number",
        aggregator=None,
        help="From 1 to 999999. Year and month unless you number otherwise.",
    )
    line_ids = fields.One2many("fr.des.line", "page_id")
    total = fields.Integer(string="Total Declared", readonly=True, aggregator=None)
    problem_count = fields.Integer(readonly=True)

    def _default_day(self):
        """Give a day of the month before: the one that is being declared."""
        return fields.Date.context_today(self).replace(day=1) - timedelta(days=1)

    @api.depends("year", "month")
    def _compute_display_name(self):
        for page in self:
            page.display_name = f"DES {page.year}-{int(page.month or 0):02d}"

    # === Actions === #

    def _get_title(self):
        return self.env._("European Services (DES)")

    def action_previous(self):
        """Show the month before the one shown."""
        return self._move(self._period()[0] - timedelta(days=1))

    def action_next(self):
        """Show the month after the one shown."""
        return self._move(self._period()[1] + timedelta(days=1))

    def _move(self, day):
        self.write({"year": day.year, "month": str(day.month), "number": 0})
        return self.action_compute()

    def action_export_xml(self):
        """Download the file for the customs' online service."""
        self.ensure_one()
        self._compute_page()
        company = self.company_id
        vat = company._fr_get_legal().vat
        if company.currency_id.name != "EUR":
            raise UserError(
                self.env._("The DES is in euro: the company keeps another currency.")
            )
        if not identifiers.is_french_vat(vat):
            raise UserError(
                self.env._("The company has no valid French VAT number: set it first.")
            )
        if wrong := self.line_ids.filtered("problem"):
            raise UserError(
                self.env._(
                    "Correct the VAT numbers first: %(customers)s.",
                    customers=", ".join(wrong.partner_id.mapped("display_name")),
                )
            )
        if not self.line_ids.filtered("declared"):
            raise UserError(self.env._("Nothing to declare for this month."))
        content = des.write(
            self.number,
            vat,
            self.year,
            int(self.month),
            [des.Line(line.vat, exact(line.amount)) for line in self.line_ids],
        )
        if faults := des.check(content, self.total):
            raise UserError(
                self.env._(
                    "The file would be refused: %(faults)s.",
                    faults=", ".join(f"{f.code} {f.place}".strip() for f in faults),
                )
            )
        name = f"DES_{identifiers.siren_of_vat(vat)}_{self._month_text()}.xml"
        return self.env["fr.download"]._offer(name, content)

    def action_export_csv(self):
        """Download the customers of the month as a table."""
        self.ensure_one()
        self._compute_page()
        names = ("vat", "amount", "credited", "declared", "document_count", "problem")
        lines = self.env["fr.des.line"]
        labels = dict(lines._fields["problem"]._description_selection(self.env))
        header = [
            lines._fields[name]._description_string(self.env)
            for name in ("partner_id", *names)
        ]
        rows = [
            [
                line.partner_id.display_name,
                line.vat or "",
                exact(line.amount),
                exact(line.credited),
                line.declared,
                line.document_count,
                labels.get(line.problem, ""),
            ]
            for line in self.line_ids
        ]
        return self.env["fr.download"]._offer_csv(
            f"DES_{self._month_text()}.csv", header, rows
        )

    # === Reading === #

    def _month_text(self):
        return f"{self.year}{int(self.month):02d}"

    def _period(self):
        """Give the first and the last day."""
        self.ensure_one()
        if not 2010 <= self.year <= 2099:
            raise UserError(self.env._("Choose a year from 2010 to 2099."))
        first = date(self.year, int(self.month), 1)
        return first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)

    def _fill(self):
        found = self._read_services()
        partners = self.env["res.partner"].browse(found).sudo()
        self.line_ids.unlink()
        self.env["fr.des.line"].create(
            [
                {
                    "page_id": self.id,
                    "partner_id": partner.id,
                    "vat": des.clean(partner.vat),
                    "amount": found[partner.id]["amount"],
                    "credited": found[partner.id]["credited"],
                    "declared": des.whole_euro(found[partner.id]["amount"]),
                    "moves": sorted(found[partner.id]["moves"]),
                    "document_count": len(found[partner.id]["moves"]),
                    "problem": des.problem(partner.vat) or False,
                }
                for partner in partners.sorted("display_name")
            ]
        )
        good = self.line_ids.filtered(lambda line: not line.problem)
        self.write(
            {
                "number": self.number or int(self._month_text()),
                "total": sum(
                    value
                    for _vat, value in des.merge(
                        des.Line(line.vat, exact(line.amount)) for line in good
                    )
                ),
                "problem_count": len(self.line_ids - good),
            }
        )

    def _read_services(self):
        """Give the services of the month taxed at the buyer's, by customer.

        The database sums by customer, tax, nature and place; what each of these groups
        is, the tax says, as on the electronic invoice.

        :return: partner id -> amount and credited (Decimal, euro without VAT), moves
        """
        self.env["account.move.line"].flush_model()
        self.env["account.move"].flush_model()
        self.env["account.partial.reconcile"].flush_model()
        start, end = self._period()
        records = self.env["account.tax"].sudo()  # a reader may not read taxes
        found = {}
        for (
            partner,
            tax,
            nature,
            place,
            position,
            amount,
            credited,
            moves,
        ) in self.env.execute_query(
            SQL(
                """
                    SELECT move.commercial_partner_id, tax.id,
                           CASE WHEN line.product_id IS NULL THEN tax.tax_scope
                                ELSE template.type END,
                           coalesce(move.partner_shipping_id, move.partner_id),
                           move.fiscal_position_id, -sum(line.balance),
                           coalesce(-sum(line.balance) FILTER (
                               WHERE move.move_type = 'out_refund'), 0),
                           array_agg(DISTINCT move.id)
                      FROM account_move_line AS line
                      JOIN account_move AS move ON move.id = line.move_id
                      JOIN res_partner AS partner
                        ON partner.id = move.commercial_partner_id
                      JOIN res_country AS country ON country.id = partner.country_id
                 LEFT JOIN product_product AS product ON product.id = line.product_id
                 LEFT JOIN product_template AS template
                        ON template.id = product.product_tmpl_id
             CROSS JOIN LATERAL (
                           SELECT tax.id, tax.tax_scope
                             FROM account_move_line_account_tax_rel AS rel
                             JOIN account_tax AS tax ON tax.id = rel.account_tax_id
                            WHERE rel.account_move_line_id = line.id
                              AND tax.amount_type <> 'fixed' AND tax.amount = 0
                            ORDER BY tax.sequence, tax.id LIMIT 1) AS tax
             CROSS JOIN LATERAL (%(due_day)s) AS due
                     WHERE line.company_id = %(company)s
                       AND line.parent_state = 'posted'
                       AND line.display_type = 'product'
                       AND move.move_type IN ('out_invoice', 'out_refund')
                       AND move.invoice_date BETWEEN %(start)s - %(reach)s
                                                 AND %(end)s + %(reach)s
                       AND due.day BETWEEN %(start)s AND %(end)s
                       AND country.code NOT IN %(not_abroad)s
                     GROUP BY 1, 2, 3, 4, 5
                    """,
                company=self.company_id.id,
                start=start,
                end=end,
                not_abroad=NOT_ABROAD,
                due_day=DUE_DAY,
                reach=REACH_DAYS,
            )
        ):
            if not self._is_declared(
                records.browse(tax), nature, partner, place, position
            ):
                continue
            entry = found.setdefault(
                partner, {"amount": Decimal(0), "credited": Decimal(0), "moves": set()}
            )
            entry["amount"] += exact(amount)
            entry["credited"] += exact(credited)
            entry["moves"].update(moves)
        return found

    def _is_declared(self, tax, nature, partner, place, position):
        """Say whether a group of lines is a service taxed at a buyer's in the Union."""
        known = "services" if nature == "service" else NATURES.get(nature, nature)
        if known in (None, "", False):
            known = self.company_id.sudo().fr_default_nature
        nature = tva.GOODS if known in (tva.GOODS, "consu") else tva.SERVICES
        if nature != tva.SERVICES:
            return False
        situation = tax._fr_get_situation(
            nature,
            self.env["res.partner"].sudo().browse(partner),
            place=self.env["res.partner"].sudo().browse(place),
            position=self.env["account.fiscal.position"].sudo().browse(position or ()),
        )
        return (
            situation.category == "AE"
            and situation.vatex == "VATEX-EU-AE"
            and situation.mention != "vat_triangular"
        )


# a page beside its readings: pylint: disable-next=no-wizard-in-models
class FrDesLine(models.TransientModel):
    """Services of a month to one customer."""

    _name = "fr.des.line"
    _description = "Line of the Statement of Services (DES)"

    page_id = fields.Many2one("fr.des", required=True, ondelete="cascade", index=True)
    currency_id = fields.Many2one(related="page_id.currency_id")
    partner_id = fields.Many2one("res.partner", string="Customer", readonly=True)
    vat = fields.Char(string="VAT Number", readonly=True)
    amount = fields.Monetary(string="Services without VAT", readonly=True)
    credited = fields.Monetary(string="Of Which Credit Notes", readonly=True)
    declared = fields.Integer(string="Declared (whole EUR)", readonly=True)
    document_count = fields.Integer(string="Documents", readonly=True)
    moves = fields.Json(readonly=True)
    problem = fields.Selection(PROBLEMS, readonly=True)

    def action_open_partner(self):
        """Open the customer, to correct the VAT number."""
        self.ensure_one()
        return self.partner_id._get_records_action()

    def action_open_documents(self):
        """Open the invoices and credit notes behind the line."""
        self.ensure_one()
        return (
            self.env["account.move"]
            .browse(self.moves or [])
            ._get_records_action(name=self.partner_id.display_name)
        )
