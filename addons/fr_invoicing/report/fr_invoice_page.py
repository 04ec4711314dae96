# Part of Relevé. See LICENSE file for full copyright and licensing details.
from babel import Locale

from odoo import api, models
from odoo.tools import file_path
from odoo.tools.image import image_data_uri

from ..bridge import product_lines
from .labels import title
from .page_format import Format, colour, grouped

# fonts Odoo ships for its own reports, so that nothing depends on the machine's fonts
FONTS = {
    "regular": "web/static/fonts/lato/Lato-Reg-webfont.ttf",
    "bold": "web/static/fonts/lato/Lato-Bol-webfont.ttf",
    "italic": "web/static/fonts/lato/Lato-RegIta-webfont.ttf",
}
TEXT_ROWS = ("line_section", "line_subsection", "line_note")


class FrInvoicePage(models.AbstractModel):
    """The printed page of a French invoice, drawn from the same values as its XML."""

    _name = "fr.invoice.page"
    _description = "French Invoice Page"

    @api.model
    def _get_fonts(self):
        """Give the font files the page may load.

        :return: name -> path
        """
        return {name: file_path(path) for name, path in FONTS.items()}

    @api.model
    def _render(self, move, document, builder, draft=False):
        """Give the whole page as HTML.

        :param move: account.move record
        :param Document document: the values also written in the XML
        :param DocumentBuilder builder: knows language and legal mentions
        :param bool draft: say on the page that it is not the issued document
        :rtype: str
        """
        move = builder.in_language(move)  # names of units
        format_ = Format(builder.is_french, document)
        values = self._prepare_values(move, document, builder, format_)
        if draft:
            key = "not_issued" if move.state == "posted" else "draft"
            values["draft"] = format_.words[key]
        return str(self.env["ir.qweb"]._render("fr_invoicing.invoice_page", values))

    @api.model
    def _prepare_values(self, move, document, builder, format_):
        """Prepare the texts of the page; figures come from the document alone.

        An override may add keys, and must not compute amounts.
        """
        company = move.company_id
        return {
            "page_lang": "fr" if builder.is_french else "en",
            "draft": False,
            "words": format_.words,
            "title": title(document.type_code, builder.is_french),
            "document": document,
            "logo": self._get_logo(company),
            "colour": colour(company.primary_color),
            "countries": self._get_countries(document, builder),
            "meta": self._get_meta(document, builder, format_),
            "rows": self._get_rows(move, document, format_),
            "has_discount": any(line.allowances for line in document.lines),
            "taxes": [
                {
                    "rate": format_.rate(tax.rate),
                    "base": format_.money(tax.basis),
                    "amount": format_.money(tax.amount),
                    "reason": tax.exemption_text,
                }
                for tax in document.taxes
            ],
            "totals": self._get_totals(document, format_),
            "payment": self._get_payment(document, format_),
            "mentions": self._get_mentions(document, builder),
            "terms": builder.terms,
            "footer": self._get_footer(document, builder, format_),
        }

    @api.model
    def _get_logo(self, company):
        """Give the company's logo as a data: address, not the one Odoo puts first."""
        if not company.logo or company.uses_default_logo:
            return False
        return image_data_uri(company.logo)

    @api.model
    def _get_countries(self, document, builder):
        """Give the names of the countries, none when all is in the seller's own."""
        locale = Locale("fr" if builder.is_french else "en")
        codes = {
            party.address.country_code
            for party in (document.seller, document.buyer, document.delivery)
            if party
        }
        if codes <= {document.seller.address.country_code}:
            return {}
        return {code: locale.territories.get(code, code) for code in codes if code}

    @api.model
    def _get_meta(self, document, builder, format_):
        """Give the strip of dates and references as (label, value)."""
        words = format_.words
        rows = [(words["issue_date"], format_.day(document.issue_date))]
        if document.due_date and not document.is_credit:
            rows.append((words["due_date"], format_.day(document.due_date)))
        if document.period:
            rows.append((words["period"], format_.period(document.period)))
        elif document.delivery_date and document.delivery_date != document.issue_date:
            is_service = builder.facts.nature == "services"
            label = words["delivered_services" if is_service else "delivered_goods"]
            rows.append((label, format_.day(document.delivery_date)))
        if document.order_reference:
            rows.append((words["order"], document.order_reference))
        for reference in document.preceding:
            value = reference.number
            if reference.issue_date:
                value += f" {words['of']} {format_.day(reference.issue_date)}"
            rows.append((words["corrects"], value))
        return rows

    @api.model
    def _get_rows(self, move, document, format_):
        """Give the lines of the table, sections and notes included, in order."""
        by_record = dict(zip(product_lines(move), document.lines, strict=True))
        rows = []
        for record in move.invoice_line_ids.sorted(
            lambda line: (line.sequence, line.id)
        ):
            if record in by_record:
                rows.append(self._get_row(record, by_record[record], format_))
            elif record.display_type in TEXT_ROWS:
                rows.append({"kind": record.display_type, "name": record.name or ""})
        return rows

    @api.model
    def _get_row(self, record, line, format_):
        unit = record.product_uom_id.name or ""
        if "usage_unit_label" in record._fields:
            unit = record.usage_unit_label or unit
        price = format_.price(line.net_price)
        if line.base_quantity is not None:
            price += f" {format_.words['per']} {format_.quantity(line.base_quantity)}"
        return {
            "kind": "line",
            "name": line.name,
            "description": line.description,
            # the strip above the table says the period all lines share
            "period": (
                format_.period(line.period)
                if line.period and line.period != format_.document.period
                else ""
            ),
            "quantity": format_.quantity(line.quantity),
            "unit": unit,
            "price": price,
            "discount": "".join(
                f"-{format_.rate(item.percent)}" for item in line.allowances
            ),
            "tax": format_.rate(line.rate),
            "amount": format_.money(line.net_amount),
        }

    @api.model
    def _get_totals(self, document, format_):
        """Give the totals as (label, amount, style)."""
        words = format_.words
        rows = [
            (words["untaxed"], format_.money(document.untaxed_total), ""),
            (words["total_tax"], format_.money(document.tax_total), ""),
            (words["total"], format_.money(document.grand_total), ""),
        ]
        if document.rounding is not None:
            rows.append((words["rounding"], format_.money(document.rounding), ""))
        due = words["credit" if document.is_credit else "due"]
        rows.append((due, format_.currency(document.due_total), "due"))
        if document.tax_amount_accounting is not None:
            amount = format_.currency(document.tax_amount_accounting, "EUR")
            rows.append((words["tax_in_euro"], amount, "small"))
        return rows

    @api.model
    def _get_payment(self, document, format_):
        """Give the payment block as (label, value); empty for credit notes."""
        words = format_.words
        rows = []
        if document.is_credit:
            return rows
        if document.due_date:
            rows.append((words["due_date"], format_.day(document.due_date)))
        if payment := document.payment:
            label = words["iban" if payment.means_code == "58" else "account"]
            rows.append((label, grouped(payment.account)))
            if payment.bic:
                rows.append((words["bic"], payment.bic))
            if payment.account_name:
                rows.append((words["holder"], payment.account_name))
        if document.remittance:
            rows.append((words["remittance"], document.remittance))
        return rows

    @api.model
    def _get_mentions(self, document, builder):
        """Give the legal mentions that the footer and the tax table do not show."""
        shown = {tax.exemption_text for tax in document.taxes}
        return [
            text
            for mention, text in builder.mentions
            if mention.code not in ("REG", "ABL") and text not in shown
        ]

    @api.model
    def _get_footer(self, document, builder, format_):
        """Give the seller's identity, printed on every page."""
        parts = [
            text for mention, text in builder.mentions if mention.code in ("REG", "ABL")
        ]
        if not any(document.seller.name in part for part in parts):
            parts.insert(0, document.seller.name)
        if document.seller.siret:
            parts.append(f"SIRET {document.seller.siret}")
        if document.seller.vat:
            parts.append(f"{format_.words['vat']} {document.seller.vat}")
        if document.seller.phone:
            parts.append(document.seller.phone.replace(" ", "\N{NO-BREAK SPACE}"))
        if document.seller.email:
            parts.append(document.seller.email)
        return " · ".join(parts)
