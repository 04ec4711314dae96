# Part of Relevé. See LICENSE file for full copyright and licensing details.
from datetime import date

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from ..bridge import exact
from ..const import FR_COUNTRY_CODES
from ..einvoice import identifiers
from ..ledger import das2

KINDS = [
    ("fee", "Fees and vacations"),
    ("commission", "Commissions"),
    ("brokerage", "Brokerage"),
    ("discount", "Commercial discounts"),
    ("attendance", "Fees of board members"),
    ("author", "Rights of authors"),
    ("inventor", "Rights of inventors"),
    ("other", "Other remunerations"),
    ("allowance", "Allowances and refunds of expenses"),
]


class AccountAccount(models.Model):
    _inherit = "account.account"

    fr_das2_kind = fields.Selection(
        [*KINDS, (das2.NONE, "Not declared")],
        string="DAS2",
        help="How what is booked here is declared in the DAS2. Empty: accounts 622, "
        "6511, 6516 and 653 are declared, others are not.",
    )

    def _fr_get_das2_kinds(self, company):
        """Give the kind of each declared account of a company.

        :rtype: dict[int, str]
        """
        accounts = self.with_company(company).sudo()
        domain = fields.Domain.OR(
            [
                [("fr_das2_kind", "!=", False)],
                *([("code", "=like", f"{prefix}%")] for prefix in das2.prefixes()),
            ]
        )
        domain &= fields.Domain(accounts._check_company_domain(company))
        kinds = {
            account.id: account.fr_das2_kind or das2.kind_of(account.code or "")
            for account in accounts.with_context(active_test=False).search(domain)
        }
        return {key: kind for key, kind in kinds.items() if kind and kind != das2.NONE}


class ResPartner(models.Model):
    _inherit = "res.partner"

    fr_das2_kind = fields.Selection(
        [*KINDS, (das2.NONE, "Not declared")],
        string="DAS2",
        help="Everything bought from this supplier is declared so in the DAS2. Empty: "
        "as the accounts of the bills say.",
    )


# a page beside its readings: pylint: disable-next=no-wizard-in-models
class FrDas2(models.TransientModel):
    """What third parties were paid in a year, by kind: the list of the DAS2.

    A page, not a record: read from the ledger each time it is shown.
    """

    _name = "fr.das2"
    _inherit = "fr.ledger.page"
    _description = "Fees Paid (DAS2)"

    year = fields.Integer(
        required=True,
        default=lambda self: fields.Date.context_today(self).year - 1,
        aggregator=None,
    )
    threshold = fields.Monetary(readonly=True)
    source = fields.Char(string="Source of the Threshold", readonly=True)
    line_ids = fields.One2many("fr.das2.line", "page_id")
    total = fields.Integer(string="Total Declared", readonly=True, aggregator=None)
    declared_count = fields.Integer(string="Beneficiaries Declared", readonly=True)
    problem_count = fields.Integer(readonly=True)

    @api.depends("year")
    def _compute_display_name(self):
        for page in self:
            page.display_name = f"DAS2 {page.year}"

    # === Actions === #

    def _get_title(self):
        return self.env._("Fees Paid (DAS2)")

    def action_previous(self):
        """Show the year before the one shown."""
        self.year -= 1
        return self.action_compute()

    def action_next(self):
        """Show the year after the one shown."""
        self.year += 1
        return self.action_compute()

    def action_export_csv(self):
        """Download what is to be declared as a table."""
        self.ensure_one()
        self._compute_page()
        lines = self.env["fr.das2.line"]
        kinds = dict(lines._fields["kind"]._description_selection(self.env))
        partners = self.env["res.partner"]
        header = [
            lines._fields["partner_id"]._description_string(self.env),
            lines._fields["siret"]._description_string(self.env),
            *(
                partners._fields[name]._description_string(self.env)
                for name in ("street", "street2", "zip", "city", "country_id")
            ),
            *(
                lines._fields[name]._description_string(self.env)
                for name in ("kind", "amount", "declared", "other", "problem")
            ),
        ]
        rows = [
            [
                line.partner_id.name or "",
                line.siret or "",
                line.partner_id.street or "",
                line.partner_id.street2 or "",
                line.partner_id.zip or "",
                line.partner_id.city or "",
                line.partner_id.country_id.name or "",
                kinds[line.kind],
                exact(line.amount),
                line.declared,
                exact(line.other),
                line.problem or "",
            ]
            for line in self.line_ids.filtered("is_declared")
        ]
        return self.env["fr.download"]._offer_csv(f"DAS2_{self.year}.csv", header, rows)

    # === Reading === #

    def _fill(self):
        if not 2007 <= self.year <= 2099:
            raise UserError(self.env._("Choose a year from 2007 to 2099."))
        threshold = das2.threshold(self.year)
        rows = self._read_paid()
        chosen = das2.declared(rows, self.year)
        self.line_ids.unlink()
        self.env["fr.das2.line"].create(
            [
                self._prepare_line(row, row.beneficiary in chosen)
                for row in sorted(
                    rows,
                    key=lambda row: (row.beneficiary not in chosen, -row.amount),
                )
            ]
        )
        kept = self.line_ids.filtered("is_declared")
        self.write(
            {
                "threshold": threshold.amount,
                "source": threshold.source,
                "total": sum(kept.mapped("declared")),
                "declared_count": len(chosen),
                "problem_count": len(kept.filtered("problem")),
            }
        )

    def _prepare_line(self, row, is_declared):
        partner = self.env["res.partner"].sudo().browse(row.beneficiary or ())
        return {
            "page_id": self.id,
            "partner_id": partner.id,
            "siret": identifiers.siret_of(partner.company_registry),
            "kind": row.kind,
            "amount": row.amount,
            "other": row.other,
            "declared": das2.whole_euro(row.amount) if is_declared else 0,
            "is_declared": is_declared,
            "problem": ", ".join(self._find_problems(partner)),
        }

    def _find_problems(self, partner):
        """Give what the declaration of a beneficiary lacks, in words."""
        if not partner:
            return [self.env._("nobody named on the entry")]
        problems = []
        country = partner.country_id.code
        is_french = not country or country in FR_COUNTRY_CODES
        if (
            is_french
            and partner._fr_is_business()
            and not identifiers.siret_of(partner.company_registry)
        ):
            problems.append(self.env._("SIRET missing or wrong"))
        if not (partner.street and partner.city and (partner.zip or not is_french)):
            problems.append(self.env._("address incomplete"))
        if not country:
            problems.append(self.env._("country missing"))
        return problems

    def _read_paid(self):
        """Give what was paid in the year for declared accounts or partners.

        A bill is paid by the entries its payable lines are matched with: each payment
        counts on its day, for the share of the bill (TVA included) that is declared.
        What a bank, cash or card entry books on a declared account itself counts too.
        Credit notes and exchange differences are no payments.

        :rtype: list[das2.Paid]
        """
        for model in ("account.move", "account.move.line", "account.partial.reconcile"):
            self.env[model].flush_model()
        self.env["res.partner"].flush_model(["fr_das2_kind"])
        kinds = self.env["account.account"]._fr_get_das2_kinds(self.company_id)
        return [
            das2.Paid(partner, kind, exact(amount), exact(other))
            for partner, kind, amount, other in self.env.execute_query(
                SQL(
                    """
                    WITH account_kind (id, kind) AS (VALUES %(kinds)s),
                    settled AS (%(settled)s),
                    share AS (%(share)s),
                    direct AS (%(direct)s)
                    SELECT partner_id, kind,
                           round(coalesce(sum(amount) FILTER (WHERE is_money), 0), 2),
                           round(coalesce(sum(amount) FILTER (WHERE NOT is_money), 0),
                                 2)
                      FROM (SELECT share.partner_id, share.kind, settled.is_money,
                                   settled.amount * share.share AS amount
                              FROM settled
                              JOIN share ON share.move_id = settled.move_id
                             UNION ALL
                            SELECT partner_id, kind, true, amount
                              FROM direct) AS paid
                     GROUP BY partner_id, kind
                    HAVING round(coalesce(sum(amount), 0), 2) <> 0
                    """,
                    kinds=SQL(", ").join(
                        SQL("(%s, %s)", key, kind)
                        for key, kind in (kinds or {0: das2.NONE}).items()
                    ),
                    settled=self._settled(),
                    share=self._share(),
                    direct=self._direct(),
                )
            )
        ]

    def _settled(self):
        """Settlements of purchase documents in the year, by document and way."""
        sides = (("credit_move_id", "debit_move_id", 1),) + (
            ("debit_move_id", "credit_move_id", -1),
        )
        return SQL(" UNION ALL ").join(
            SQL(
                """
                SELECT document.id AS move_id, partial.amount * %(sign)s AS amount,
                       (journal.type IN ('bank', 'cash', 'credit')
                        OR entry.origin_payment_id IS NOT NULL) AS is_money
                  FROM account_partial_reconcile AS partial
                  JOIN account_move_line AS line ON line.id = partial.%(own)s
                  JOIN account_move AS document ON document.id = line.move_id
                  JOIN account_move_line AS other ON other.id = partial.%(other)s
                  JOIN account_move AS entry ON entry.id = other.move_id
                  JOIN account_journal AS journal ON journal.id = entry.journal_id
                 WHERE document.company_id = %(company)s
                   AND document.move_type IN ('in_invoice', 'in_refund', 'in_receipt')
                   AND document.state = 'posted'
                   AND line.display_type = 'payment_term'
                   AND entry.move_type = 'entry'
                   AND entry.state = 'posted'
                   AND entry.tax_cash_basis_rec_id IS NULL
                   AND entry.journal_id IS DISTINCT FROM %(exchange)s
                   AND other.date BETWEEN %(start)s AND %(end)s
                """,
                sign=sign,
                own=SQL.identifier(own),
                other=SQL.identifier(other),
                company=self.company_id.id,
                exchange=self.company_id.sudo().currency_exchange_journal_id.id or None,
                start=date(self.year, 1, 1),
                end=date(self.year, 12, 31),
            )
            for own, other, sign in sides
        )

    def _share(self):
        """Part of each settled document that is declared, by kind, TVA included."""
        return SQL(
            """
            SELECT line.move_id, move.commercial_partner_id AS partner_id,
                   coalesce(partner.fr_das2_kind, account_kind.kind) AS kind,
                   sum(line.price_total) / (
                       SELECT sum(whole.price_total) FROM account_move_line AS whole
                        WHERE whole.move_id = line.move_id
                          AND whole.display_type = 'product') AS share
              FROM account_move_line AS line
              JOIN account_move AS move ON move.id = line.move_id
              JOIN res_partner AS partner ON partner.id = move.commercial_partner_id
         LEFT JOIN account_kind ON account_kind.id = line.account_id
             WHERE line.move_id IN (SELECT move_id FROM settled)
               AND line.display_type = 'product'
               AND move.amount_total <> 0
               AND coalesce(partner.fr_das2_kind, account_kind.kind, %(none)s)
                   <> %(none)s
             GROUP BY line.move_id, move.commercial_partner_id, 3
            """,
            none=das2.NONE,
        )

    def _direct(self):
        """Fees that bank, cash and card entries book without a bill, TVA included."""
        return SQL(
            """
            SELECT partner.commercial_partner_id AS partner_id,
                   coalesce(holder.fr_das2_kind, account_kind.kind) AS kind,
                   line.balance * (1 + coalesce(
                       (SELECT sum(whole.balance) FILTER (
                                   WHERE whole.tax_line_id IS NOT NULL)
                               / nullif(sum(whole.balance) FILTER (
                                   WHERE whole.tax_line_id IS NULL
                                     AND kind_of.account_type LIKE 'expense%%'), 0)
                          FROM account_move_line AS whole
                          JOIN account_account AS kind_of
                            ON kind_of.id = whole.account_id
                         WHERE whole.move_id = line.move_id), 0)) AS amount
              FROM account_move_line AS line
              JOIN account_move AS move ON move.id = line.move_id
              JOIN account_journal AS journal ON journal.id = move.journal_id
              JOIN account_kind ON account_kind.id = line.account_id
         LEFT JOIN res_partner AS partner ON partner.id = line.partner_id
         LEFT JOIN res_partner AS holder ON holder.id = partner.commercial_partner_id
             WHERE line.company_id = %(company)s
               AND line.parent_state = 'posted'
               AND line.date BETWEEN %(start)s AND %(end)s
               AND move.move_type = 'entry'
               AND journal.type IN ('bank', 'cash', 'credit')
               AND coalesce(holder.fr_das2_kind, account_kind.kind) <> %(none)s
            """,
            company=self.company_id.id,
            start=date(self.year, 1, 1),
            end=date(self.year, 12, 31),
            none=das2.NONE,
        )


# a page beside its readings: pylint: disable-next=no-wizard-in-models
class FrDas2Line(models.TransientModel):
    """What one beneficiary was paid for one kind."""

    _name = "fr.das2.line"
    _description = "Line of the Fees Paid (DAS2)"

    page_id = fields.Many2one("fr.das2", required=True, ondelete="cascade", index=True)
    currency_id = fields.Many2one(related="page_id.currency_id")
    partner_id = fields.Many2one("res.partner", string="Beneficiary", readonly=True)
    siret = fields.Char(string="SIRET", readonly=True)
    kind = fields.Selection(KINDS, readonly=True)
    amount = fields.Monetary(string="Paid with TVA", readonly=True)
    other = fields.Monetary(
        string="Settled Otherwise",
        readonly=True,
        help="By an entry outside bank and cash (netting, bill of exchange): not "
        "counted, to be looked at.",
    )
    declared = fields.Integer(string="Declared (whole EUR)", readonly=True)
    is_declared = fields.Boolean(string="Above the Threshold", readonly=True)
    problem = fields.Char(string="To Complete", readonly=True)

    def action_open_partner(self):
        """Open the beneficiary, to complete it."""
        self.ensure_one()
        return self.partner_id._get_records_action()

    def action_open_bills(self):
        """Open the bills of the beneficiary."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.partner_id.display_name,
            "res_model": "account.move",
            "view_mode": "list,form",
            "domain": [
                ("commercial_partner_id", "=", self.partner_id.id),
                ("company_id", "=", self.page_id.company_id.id),
                ("move_type", "in", ("in_invoice", "in_refund", "in_receipt")),
                ("state", "=", "posted"),
            ],
        }
