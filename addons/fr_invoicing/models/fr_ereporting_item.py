# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo import api, fields, models
from odoo.exceptions import UserError

FLOWS = [
    ("2", "2 Electronic invoice"),
    ("10.1", "10.1 Business abroad"),
    ("10.2", "10.2 Payment, business abroad"),
    ("10.3", "10.3 Consumers"),
    ("10.4", "10.4 Payment, consumers"),
    ("none", "Outside the reform"),
]
CATEGORIES = [
    ("TLB1", "TLB1 Goods"),
    ("TPS1", "TPS1 Services"),
    ("TNT1", "TNT1 Not taxable in France"),
    ("TMA1", "TMA1 Margin"),
]
EXCLUSIONS = [
    ("e_invoice", "Electronic invoice, told by the platform"),
    ("exempt", "Exempt under CGI 261 to 261 E"),
    ("out_of_scope", "Not an operation of TVA"),
    ("oss", "Taxed in another Member State (OSS)"),
    ("import", "Import, declared at the customs"),
    ("not_reverse_charged", "Purchase without reverse charge"),
    ("cancelled", "Payment taken back in the same period"),
    ("margin_cost", "Price less the margin (margin scheme)"),
    ("told_before", "Told by its receipt already"),
]


class FrEreportingItem(models.Model):
    """The share of one document or payment that bears one rate, as it is reported.

    Every posted sale has its rows, also those that are not reported, with the reason:
    so that nothing can be lost unseen. Written by fr.ereporting.collector in SQL, never
    by hand. A source (document,
    payment) is live in one period only: the unique index says so, because the first
    row of a source always has sequence 0. What was reported is never changed: a source
    that changed gets new rows, and its old ones stay as history.

        from_revision   the report in which the row was first sent; empty: not yet
        until_revision  the report from which it is gone; empty: not yet
    """

    _name = "fr.ereporting.item"
    _description = "E-reporting Operation"
    _order = "day desc, move_id desc, sequence"
    _rec_name = "source_key"
    _log_access = False
    _check_company_auto = True

    company_id = fields.Many2one("res.company", required=True, readonly=True)
    period_id = fields.Many2one(
        "fr.ereporting.period",
        required=True,
        readonly=True,
        index=True,
        ondelete="restrict",
    )
    source_key = fields.Char(required=True, readonly=True)
    sequence = fields.Integer(required=True, readonly=True)
    move_id = fields.Many2one(
        "account.move",
        string="Document",
        readonly=True,
        index=True,
        ondelete="set null",
    )
    partner_id = fields.Many2one(
        related="move_id.commercial_partner_id", string="Partner"
    )
    tax_id = fields.Many2one("account.tax", readonly=True, ondelete="restrict")
    flow = fields.Selection(FLOWS, required=True, readonly=True)
    day = fields.Date(required=True, readonly=True)
    category = fields.Selection(CATEGORIES, readonly=True)
    vat_category = fields.Char(string="VAT Category", readonly=True)
    vatex_code = fields.Char(string="Exemption Code", readonly=True)
    mention_code = fields.Char(string="Mention", readonly=True)
    due_code = fields.Char(
        string="VAT Due",
        readonly=True,
        help="72: when the customer pays; 5: on the invoice (option for debits).",
    )
    rate = fields.Float(digits=(6, 3), readonly=True, aggregator=None)
    currency_id = fields.Many2one("res.currency", required=True, readonly=True)
    company_currency_id = fields.Many2one(
        related="company_id.currency_id", string="Company Currency"
    )
    basis_currency = fields.Monetary(
        string="Without TVA, in Currency", readonly=True, aggregator=None
    )
    tax_currency = fields.Monetary(
        string="TVA, in Currency", readonly=True, aggregator=None
    )
    basis = fields.Monetary(
        string="Without TVA", currency_field="company_currency_id", readonly=True
    )
    tax = fields.Monetary(
        string="TVA", currency_field="company_currency_id", readonly=True
    )
    amount = fields.Monetary(
        string="Collected",
        currency_field="company_currency_id",
        readonly=True,
        help="TVA included; negative when money went back.",
    )
    exclusion = fields.Selection(EXCLUSIONS, string="Left Out", readonly=True)
    held_reason = fields.Char(readonly=True, help="Codes of what is to be mended.")
    held_text = fields.Char(string="To Mend", compute="_compute_held_text")
    is_live = fields.Boolean(readonly=True)
    from_revision = fields.Integer(string="Since Report", readonly=True)
    until_revision = fields.Integer(string="Until Report", readonly=True)

    # a source is live in exactly one period, with each of its shares once
    _live_source_unique = models.UniqueIndex(
        "(company_id, source_key, sequence) WHERE is_live",
        "This operation is reported in another period already.",
    )

    @api.depends("held_reason")
    @api.depends_context("lang")
    def _compute_held_text(self):
        texts = self._held_texts()
        for item in self:
            item.held_text = " ".join(
                texts.get(code, code) for code in (item.held_reason or "").split()
            )

    def _held_texts(self):
        """Give what is to be mended, by code of ereporting/checks.py."""
        return {
            "number": self.env._(
                "The number has more than 35 characters or other characters than "
                "letters, digits and + - _ /."
            ),
            "seller_identifier": self.env._(
                "The supplier has no VAT number and no name."
            ),
            "seller_vat": self.env._("The seller's VAT number is missing."),
            "seller_country": self.env._("The supplier has no country."),
            "buyer_identifier": self.env._(
                "The customer has no VAT number and no name."
            ),
            "buyer_vat": self.env._("The buyer's VAT number is missing."),
            "buyer_country": self.env._("The customer has no country."),
            "reference": self.env._("The corrected invoice is not known."),
            "reference_date": self.env._(
                "The date of the corrected invoice is not known."
            ),
            "rate": self.env._("The rate is not a French one."),
            "exemption": self.env._("The reason of the exemption is missing."),
            "margin_cost": self.env._(
                "Margin scheme: the purchase price is not known. Enter it with the "
                "button Purchase Prices."
            ),
        }

    def action_open_margin(self):
        """Open the lines whose purchase price is to be entered (margin scheme)."""
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Purchase Prices"),
            "res_model": "account.move.line",
            "view_mode": "list",
            "views": [
                (self.env.ref("fr_invoicing.fr_margin_line_view_list").id, "list")
            ],
            "domain": [
                ("move_id", "in", self.move_id.ids),
                ("display_type", "=", "product"),
                ("tax_ids", "in", self.tax_id.ids),
            ],
            "context": {"create": False, "delete": False},
        }

    def action_open_document(self):
        """Open the document behind the operation."""
        self.ensure_one()
        return self.move_id._get_records_action(name=self.move_id.display_name)

    @api.model_create_multi
    # always refused: pylint: disable-next=method-required-super
    def create(self, vals_list):
        raise UserError(self.env._("Operations come from documents and payments."))

    # always refused: pylint: disable-next=method-required-super
    def write(self, vals):
        raise UserError(
            self.env._("Operations are not changed by hand: correct the document.")
        )

    @api.ondelete(at_uninstall=False)
    def _unlink_except_collected(self):
        raise UserError(
            self.env._("Operations are not removed by hand: correct the document.")
        )


class FrEreportingQueue(models.Model):
    """Documents to look at: posted, changed or paid since the last collection.

    Only appended in SQL, so that posting costs one statement and never waits.
    """

    _name = "fr.ereporting.queue"
    _description = "E-reporting Queue"
    _log_access = False

    company_id = fields.Many2one("res.company", required=True, index=True)
    move_id = fields.Many2one(
        "account.move", required=True, index=True, ondelete="cascade"
    )
