# Part of Relevé. See LICENSE file for full copyright and licensing details.
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Date
from odoo.tools import SQL

from ..einvoice import identifiers
from ..ledger import fec

BATCH = 20000
#: what would break a line of the file: separators and line ends become blanks
_CLEAN = "|\t\r\n"


class FrFecExportWizard(models.TransientModel):
    """Odoo's FEC wizard, with its weak points mended for French companies.

    Kept: the fields, the domain of the entries, the legal data, the file name. Mended:
    the reference of the piece is the invoice number, ValidDate the day of posting,
    amounts are not padded, the currency columns are for foreign currencies only, the
    opening result goes to 120 or 129, lines follow the order of validation and are
    read by a cursor, and the fiscal year is locked only when asked.
    """

    _inherit = "l10n_fr.fec.export.wizard"

    fr_is_french = fields.Boolean(compute="_compute_fr_is_french")
    fr_lock_year = fields.Boolean(
        string="Lock the Fiscal Year",
        help="Set the lock date of the company to the end date. Odoo refuses when bank "
        "lines of the year are not reconciled.",
    )

    @api.model
    def default_get(self, fields):
        """Propose the last fiscal year that has ended."""
        values = super().default_get(fields)
        company = self.env.company
        if company._fr_is_french() and not values.get("date_to"):
            today = Date.context_today(self)
            this_year = company.compute_fiscalyear_dates(today)
            last = company.compute_fiscalyear_dates(
                this_year["date_from"] - timedelta(days=1)
            )
            values.update(date_from=last["date_from"], date_to=last["date_to"])
        return values

    @api.depends("date_from")
    @api.depends_context("company")
    def _compute_fr_is_french(self):
        self.fr_is_french = self.env.company._fr_is_french()

    # === Making === #

    def create_fec_report_action(self):
        """Make the file, keep it with its check and show the result."""
        self.ensure_one()
        if not self.env.company._fr_is_french():
            return super().create_fec_report_action()
        made = self.generate_fec()
        export = self.env["fr.fec.export"]._keep(
            made["file_name"],
            made["file_content"],
            date_from=self.date_from,
            date_to=self.date_to,
            origin="test" if self.test_file else self.export_type,
        )
        return export._get_records_action(name=self.env._("FEC"))

    def generate_fec(self):
        """Make the file of a French company.

        :return: {"file_name", "file_content" (bytes, UTF-8), "file_type"}
        """
        company = self.env.company
        if not company._fr_is_french():
            return super().generate_fec()
        self.ensure_one()
        if self.date_from > self.date_to:
            raise UserError(self.env._("The start date is after the end date."))
        if self.export_type == "official" and not self.test_file:
            self._fr_check_branches()
        self.env.flush_all()
        lines = [fec.SEPARATOR.join(fec.COLUMNS)]
        lines += self._fr_read_opening()
        lines += self._fr_read_entries()
        # every line ends, the last one too, and nothing is padded
        content = "".join(f"{line}\r\n" for line in lines).encode()
        if self.fr_lock_year and not self.test_file:
            self._fr_lock_year()
        suffix = "NONOFFICIAL" if self.export_type == "nonofficial" else ""
        return {
            "file_name": fec.file_name(self._fr_get_siren(), self.date_to, suffix),
            "file_content": content,
            "file_type": "txt",
        }

    def _fr_get_siren(self):
        """Give the SIREN of the company, or Odoo's legal data when it has none."""
        company = self.env.company._fr_get_legal()
        return (
            company.partner_id.fr_siren
            or identifiers.siren_of(company.company_registry, company.vat)
            or self._get_company_legal_data(company)
        )

    def _fr_lock_year(self):
        company = self.env.company
        locked = company.fiscalyear_lock_date
        if not locked or locked < self.date_to:
            company.fiscalyear_lock_date = self.date_to

    # === Reading === #

    def _get_base_domain(self):
        """The file is of one legal person: its branches, but none that is another."""
        domain = super()._get_base_domain()
        company = self.env.company
        if company._fr_is_french():
            own = company._fr_get_establishments()
            domain.append(("company_id", "in", own.ids))
        return domain

    def _fr_check_branches(self):
        """Refuse an official file without the entries of a branch."""
        company = self.env.company
        missing = company._fr_get_establishments() - company._accessible_branches()
        if missing:
            raise UserError(
                self.env._(
                    "The FEC holds the whole company: choose %(branches)s too, at the "
                    "top right, or make a test file.",
                    branches=", ".join(missing.mapped("name")),
                )
            )

    def _fr_query(self, domain):
        """Give a query on journal items and the SQL of what its columns share."""
        Line = self.env["account.move.line"]
        query = Line._search([*self._get_base_domain(), *domain])
        names = {
            "move": query.left_join(
                "account_move_line", "move_id", "account_move", "id", "move_id"
            ),
            "journal": query.left_join(
                "account_move_line", "journal_id", "account_journal", "id", "journal_id"
            ),
            "partner": query.left_join(
                "account_move_line", "partner_id", "res_partner", "id", "partner_id"
            ),
            "currency": query.left_join(
                "account_move_line",
                "currency_id",
                "res_currency",
                "id",
                "currency_id",
            ),
            "matched": query.left_join(
                "account_move_line",
                "full_reconcile_id",
                "account_full_reconcile",
                "id",
                "full_reconcile_id",
            ),
        }
        # the domain may have joined the account already, as a left join too
        account = query.left_join(
            "account_move_line", "account_id", "account_account", "id", "account_id"
        )
        french = self.env["account.account"].with_context(lang=self._fr_get_lang())
        journal = self.env["account.journal"].with_context(lang=self._fr_get_lang())
        parts = {name: SQL.identifier(alias) for name, alias in names.items()}
        parts.update(
            account=SQL.identifier(account),
            account_code=french._field_to_sql(account, "code", query),
            account_name=_clean(french._field_to_sql(account, "name", query)),
            journal_name=_clean(journal._field_to_sql(names["journal"], "name", query)),
        )
        parts["partner_code"] = self._fr_partner_code(parts)
        return query, parts

    def _fr_get_lang(self):
        """The labels of a French file are French where Odoo has them."""
        return "fr_FR" if self.env["res.lang"]._lang_get("fr_FR") else self.env.lang

    def _fr_partner_code(self, parts):
        """Give the auxiliary account: the reference of the partner if nobody else has
        it, else its number."""
        shared = [
            ref
            for (ref,) in self.env.execute_query(
                SQL(
                    "SELECT ref FROM res_partner WHERE ref IS NOT NULL AND ref != ''"
                    " GROUP BY ref HAVING count(*) > 1"
                )
            )
        ]
        return SQL(
            """CASE WHEN %(account)s.account_type
                         IN ('asset_receivable', 'liability_payable')
                     AND %(partner)s.id IS NOT NULL
                    THEN CASE WHEN COALESCE(%(partner)s.ref, '') = ''
                                OR %(partner)s.ref = ANY(%(shared)s)
                              THEN %(partner)s.id::text
                              ELSE %(ref)s END
                    ELSE '' END""",
            account=parts["account"],
            partner=parts["partner"],
            shared=shared,
            ref=_clean(SQL("%s.ref", parts["partner"])),
        )

    def _fr_read_entries(self):
        """Read the lines of the period in the order of validation."""
        query, parts = self._fr_query(
            [("date", ">=", self.date_from), ("date", "<=", self.date_to)]
        )
        query.order = SQL(
            "%(valid)s, %(move)s.date, %(journal)s.code, %(move)s.sequence_prefix,"
            " %(move)s.sequence_number, %(move)s.id, account_move_line.id",
            valid=self._fr_valid_date(parts),
            **{name: parts[name] for name in ("move", "journal")},
        )
        statement = query.select(_join(self._fr_columns(parts)))
        cr = self.env.cr
        cr.execute(SQL("DECLARE fr_fec NO SCROLL CURSOR FOR %s", statement))
        try:
            while True:
                cr.execute(SQL("FETCH FORWARD %s FROM fr_fec", BATCH))
                rows = cr.fetchall()
                if not rows:
                    return
                for (line,) in rows:
                    yield line
        finally:
            cr.execute(SQL("CLOSE fr_fec"))

    def _fr_valid_date(self, parts):
        """SQL of the day of posting where the company is; the entry's date for entries
        posted before this add-on came."""
        return SQL(
            "COALESCE((%(move)s.fr_posted_at AT TIME ZONE 'UTC'"
            " AT TIME ZONE %(zone)s)::date, %(move)s.date)",
            move=parts["move"],
            zone=self.env.company._usage_get_zone(),
        )

    def _fr_letter_date(self, parts):
        """SQL of the day of lettering where the company is."""
        return SQL(
            "%(matched)s.create_date AT TIME ZONE 'UTC' AT TIME ZONE %(zone)s",
            matched=parts["matched"],
            zone=self.env.company._usage_get_zone(),
        )

    def _fr_columns(self, parts):
        """SQL of the eighteen columns, each a text that is never NULL."""
        move, line = parts["move"], SQL.identifier("account_move_line")
        number = _clean(SQL("%s.name", move))
        reference = SQL("NULLIF(trim(%s), '')", _clean(SQL("%s.ref", move)))
        currency = self.env.company.currency_id.id
        is_foreign = SQL(
            "%(line)s.currency_id != %(currency)s AND %(line)s.amount_currency != 0",
            line=line,
            currency=currency,
        )
        return [
            _clean(SQL("%s.code", parts["journal"])),
            parts["journal_name"],
            number,
            _date(SQL("%s.date", move)),
            SQL("COALESCE(%s, '')", parts["account_code"]),
            parts["account_name"],
            parts["partner_code"],
            SQL(
                "CASE WHEN %s = '' THEN '' ELSE %s END",
                parts["partner_code"],
                _clean(
                    SQL(
                        "COALESCE(%(partner)s.complete_name, %(partner)s.name)",
                        partner=parts["partner"],
                    )
                ),
            ),
            SQL(
                "CASE WHEN %(move)s.move_type IN ('out_invoice', 'out_refund',"
                " 'out_receipt') THEN %(number)s"
                " ELSE COALESCE(%(reference)s, %(number)s) END",
                move=move,
                number=number,
                reference=reference,
            ),
            _date(SQL("COALESCE(%(move)s.invoice_date, %(move)s.date)", move=move)),
            SQL(
                "COALESCE(NULLIF(trim(%s), ''), %s, %s)",
                _clean(SQL("%s.name", line)),
                reference,
                number,
            ),
            _amount(SQL("%s.debit", line)),
            _amount(SQL("%s.credit", line)),
            SQL("COALESCE(%s.id::text, '')", parts["matched"]),
            SQL("COALESCE(%s, '')", _date(self._fr_letter_date(parts))),
            _date(self._fr_valid_date(parts)),
            SQL(
                "CASE WHEN %s THEN %s ELSE '' END",
                is_foreign,
                _amount(SQL("%s.amount_currency", line)),
            ),
            SQL("CASE WHEN %s THEN %s.name ELSE '' END", is_foreign, parts["currency"]),
        ]

    # === Opening balances === #

    def _fr_read_opening(self):
        """Carry the balances of earlier years forward, and the result not yet booked.

        Odoo closes no year: the balances of assets and liabilities are summed, third
        parties one by one, and the income and expenses make the result (120 profit,
        129 loss).
        """
        before = [("date", "<", self.date_from)]
        query, parts = self._fr_query(
            [*before, ("account_id.include_initial_balance", "=", True)]
        )
        partner_name = _clean(
            SQL(
                "COALESCE(%(partner)s.complete_name, %(partner)s.name)",
                partner=parts["partner"],
            )
        )
        rows = self.env.execute_query(
            SQL(
                """SELECT code, min(label), partner, min(partner_label), sum(balance)
                     FROM (%s) balances
                    GROUP BY code, partner
                   HAVING sum(balance) != 0
                    ORDER BY code, partner""",
                query.select(
                    SQL("%s AS code", parts["account_code"]),
                    SQL("%s AS label", parts["account_name"]),
                    SQL("%s AS partner", parts["partner_code"]),
                    SQL(
                        "CASE WHEN %s = '' THEN '' ELSE %s END AS partner_label",
                        parts["partner_code"],
                        partner_name,
                    ),
                    SQL("account_move_line.balance AS balance"),
                ),
            )
        )
        query, parts = self._fr_query(
            [*before, ("account_id.include_initial_balance", "=", False)]
        )
        ((result,),) = self.env.execute_query(
            query.select(SQL("COALESCE(sum(account_move_line.balance), 0)"))
        )
        if result:
            rows.append((*self._fr_get_result_account(result), "", "", result))
        if not rows:
            return []
        day = f"{self.date_from:%Y%m%d}"
        number = f"{fec.OPENING_JOURNAL}/{self.date_from:%Y}"
        valid = self._fr_get_opening_day()
        lines = []
        for code, label, partner, partner_label, balance in rows:
            text = f"{abs(balance):.2f}".replace(".", ",")
            debit, credit = (text, "0,00") if balance > 0 else ("0,00", text)
            lines.append(
                fec.SEPARATOR.join(
                    (
                        fec.OPENING_JOURNAL,
                        "À-nouveaux",
                        number,
                        day,
                        code or "",
                        label or "",
                        partner,
                        partner_label,
                        number,
                        day,
                        "À-nouveau",
                        debit,
                        credit,
                        "",
                        "",
                        valid,
                        "",
                        "",
                    )
                )
            )
        return lines

    def _fr_get_opening_day(self):
        """The opening comes first, also when an entry was validated in advance."""
        query, parts = self._fr_query(
            [("date", ">=", self.date_from), ("date", "<=", self.date_to)]
        )
        ((first,),) = self.env.execute_query(
            query.select(SQL("min(%s)", self._fr_valid_date(parts)))
        )
        return f"{min(first or self.date_from, self.date_from):%Y%m%d}"

    def _fr_get_result_account(self, balance):
        """Find the account of last year's result: 120 for a profit, 129 for a loss."""
        company = self.env.company
        accounts = self.env["account.account"].with_context(lang=self._fr_get_lang())
        code = "129" if balance > 0 else "120"
        domain = accounts._check_company_domain(company)
        account = accounts.search(
            [*domain, ("code", "=like", f"{code}%")], order="code", limit=1
        )
        if account:
            return account.code, account.name.translate(str.maketrans(_CLEAN, "    "))
        label = "Résultat de l'exercice"
        return f"{code}000", label


def _clean(expression):
    """SQL: the text without what would break the line; "" for NULL."""
    return SQL("translate(COALESCE(%s, ''), %s, '    ')", expression, _CLEAN)


def _date(expression):
    return SQL("to_char(%s, 'YYYYMMDD')", expression)


def _amount(expression):
    """SQL: digits, a comma, two decimals, no padding."""
    return SQL("replace(to_char(%s, 'FM99999999999999990.00'), '.', ',')", expression)


def _join(columns):
    return SQL("concat_ws(%s, %s)", fec.SEPARATOR, SQL(", ").join(columns))
