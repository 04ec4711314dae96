import csv
import io
from decimal import Decimal

from odoo import models
from odoo.tools.misc import format_date, formatLang

from odoo.addons.usage_billing.fields_exact import to_text

from .. import bridge
from ..splitting.allocate import half_up

#: characters that make a spreadsheet read a text as a formula
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


class RevenueShareStatementDocument(models.Model):
    """What a partner is shown of a statement: page, PDF and CSV, from one place.

    Everything leaves as plain texts and numbers, chosen field by field, so that no
    page, file or template can reach a record of someone else.
    """

    _inherit = "revenue.share.statement"

    def _get_document_values(self, limit=None, offset=0):
        """Return what the partner may see of one statement.

        :param limit: most lines to return, None for all
        :return: texts formatted for the language of the environment
        :rtype: dict
        """
        self.ensure_one()
        # The caller checked access to the statement; the partner has no right on its
        # lines, of which only the fields below leave.
        statement_sudo = self.sudo()
        lines_sudo = statement_sudo._get_document_lines(limit, offset)
        return {
            **self._get_head_values(),
            **statement_sudo._get_party_values(),
            "totals": self._get_document_totals(),
            "groups": statement_sudo._get_document_groups(),
            "lines": [statement_sudo._get_line_values(line) for line in lines_sudo],
            "line_count": statement_sudo.line_count,
            "show_customers": statement_sudo.agreement_id.show_customers,
        }

    def _get_head_values(self):
        """Return the head of the statement, as in the list of statements."""
        self.ensure_one()
        states = dict(self._fields["state"]._description_selection(self.env))
        return {
            "id": self.id,
            "name": self.name if self.name != "/" else self.env._("Draft"),
            "agreement": self.sudo().agreement_id.name,  # the name, nothing else
            "period": self.period_label,
            "currency": self.currency_id.name,
            "state": self.state,
            "state_label": states[self.state],
            "sent_date": format_date(self.env, self.sent_at) if self.sent_at else "",
            "due_date": format_date(self.env, self.due_date) if self.due_date else "",
            "total": self._money(self.amount_total),
            "due": self._money(self.amount_due),
            "is_carried": self.amount_carried < 0,
        }

    def _get_party_values(self):
        company, partner = self.company_id, self.partner_id
        return {
            "company": {
                "name": company.name,
                "address": self._get_address(company.partner_id),
                "vat": company.vat or "",
                "registry": company.company_registry or "",
            },
            "partner": {
                "name": partner.name,
                "address": self._get_address(partner),
                "vat": partner.vat or "",
            },
        }

    def _get_address(self, partner):
        lines = partner._display_address(without_company=True).splitlines()
        return "\n".join(line for line in lines if line.strip())

    def _get_document_totals(self):
        """Return (key, label, amount) of the equation of the statement, top down."""
        rows = [
            ("opening", self.env._("Carried from before"), self.amount_opening),
            ("shares", self.env._("Shares of the period"), self.amount_shares),
            ("credits", self.env._("Taken back by credit notes"), self.amount_credits),
            (
                "carried",
                self.env._("Carried to the next statement"),
                self.amount_carried,
            ),
            ("due", self.env._("Amount due, excluding VAT"), self.amount_due),
        ]
        return [
            {"key": key, "label": label, "amount": self._money(amount)}
            for key, label, amount in rows
            if amount or key in ("shares", "due")
        ]

    def _get_document_lines(self, limit=None, offset=0):
        return self.env["revenue.share.line"].search(
            [("statement_id", "=", self.id)],
            order="date, id",
            limit=limit,
            offset=offset,
        )

    def _get_document_groups(self):
        """Return the shares added up by rule and product, without customers."""
        groups = {}
        for line in self._get_document_lines():
            product = line.item_id.product_id.display_name
            key = (product or self.env._("Whole period"), line.rule_id._get_words())
            group = groups.setdefault(key, [Decimal(0), Decimal(0)])
            if line.kind in ("share", "settlement", "reversal"):
                group[0] += line.basis or 0
            group[1] += bridge.to_decimal(line.amount)
        return [
            {
                "product": product,
                "rule": rule,
                "basis": self._money(basis),
                "amount": self._money(amount),
            }
            for (product, rule), (basis, amount) in groups.items()
        ]

    def _get_line_values(self, line):
        item, shown = line.item_id, self.agreement_id.show_customers
        kinds = dict(line._fields["kind"]._description_selection(self.env))
        return {
            "date": format_date(self.env, line.date),
            "product": item.product_id.display_name or self.env._("Whole period"),
            "customer": item.customer_id.name or "" if shown else "",
            "invoice": item.move_id.name or "" if shown else "",
            "kind": kinds[line.kind],
            "rule": line.rule_id._get_words(),
            "basis": self._money(line.basis or 0),
            "amount": self._money(line.amount),
        }

    def _money(self, amount):
        """Write an amount for a reader; the only place here that makes a float."""
        rounded = half_up(bridge.to_decimal(amount), self.currency_id.decimal_places)
        return formatLang(self.env, float(rounded), currency_obj=self.currency_id)

    # files

    def _get_file_name(self, extension):
        self.ensure_one()
        name = self.name.replace("/", "-") if self.name != "/" else "draft"
        return f"statement_{name}.{extension}"

    def _render_csv(self):
        """Return every line as CSV in UTF-8, in the number style of the language.

        The sum of the last column is the total of the statement.

        :rtype: bytes
        """
        self.ensure_one()
        statement_sudo = self.sudo()  # as in _get_document_values
        point = self.env["res.lang"]._get_data(code=self.env.lang).decimal_point or "."
        out = io.StringIO()
        writer = csv.writer(out, delimiter=";" if point == "," else ",")
        writer.writerow(self._get_csv_header())
        places = self.currency_id.decimal_places
        for line in statement_sudo._get_document_lines():
            values = statement_sudo._get_line_values(line)
            figures = (
                to_text(line.basis or bridge.to_decimal(0)),
                f"{bridge.to_decimal(line.amount):.{places}f}",
            )
            texts = [values[name] for name in ("product", "customer", "invoice")]
            writer.writerow(
                [
                    line.date.isoformat(),
                    *map(_plain, [*texts, values["kind"], values["rule"]]),
                    self.currency_id.name,
                    *(figure.replace(".", point) for figure in figures),
                ]
            )
        return out.getvalue().encode("utf-8-sig")

    def _get_csv_header(self):
        return [
            self.env._("Date"),
            self.env._("Product"),
            self.env._("Customer"),
            self.env._("Invoice"),
            self.env._("Type"),
            self.env._("Rule"),
            self.env._("Currency"),
            self.env._("Base"),
            self.env._("Share"),
        ]


def _plain(text):
    """Keep a spreadsheet from reading a text as a formula."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text
