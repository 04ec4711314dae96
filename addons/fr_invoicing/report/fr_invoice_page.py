# Part of Relevé. See LICENSE file for full copyright and licensing details.
from functools import lru_cache

from markupsafe import Markup

from odoo import api, models
from odoo.tools import file_open, file_path

from ..einvoice.page import figures, grouping
from ..einvoice.page.formats import Format, colour
from ..einvoice.page.labels import title
from . import page_blocks, page_lines, page_rows

# Inter (SIL Open Font License), with figures of one width so that columns align
FONTS = {
    "regular": "fr_invoicing/static/fonts/Inter-Regular.ttf",
    "bold": "fr_invoicing/static/fonts/Inter-SemiBold.ttf",
}
COMPACT_FROM = 60  # rows: a long statement is read down its columns
STYLE = "fr_invoicing/report/page.css"


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
    def _render(self, move, document, builder, draft=False, screen=False):
        """Give the whole page as HTML.

        :param move: account.move record
        :param Document document: the values also written in the XML
        :param DocumentBuilder builder: knows language and legal mentions
        :param bool draft: say on the page that it is not the issued document
        :param bool screen: for a browser, which loads the fonts by their address
        :rtype: str
        """
        move = builder.in_language(move)  # names of units
        format_ = Format(builder.is_french, document)
        look = move._fr_get_look(builder.is_french)
        values = self._prepare_values(move, document, builder, format_, look, draft)
        return self._render_values(values, screen)

    @api.model
    def _render_values(self, values, screen=False):
        """Give the page as HTML from the texts prepared."""
        style = _style(values["colour"])
        if screen:
            for name, path in FONTS.items():
                style = style.replace(f"url(font:{name})", f"url(/{path})")
        values["style"] = Markup(style)  # ours: a file and a checked colour
        return str(self.env["ir.qweb"]._render("fr_invoicing.invoice_page", values))

    @api.model
    def _prepare_values(self, move, document, builder, format_, look, draft):
        """Prepare the texts of the page; figures come from the document alone.

        An override may add keys, and must not compute amounts.

        :param Look look: options of the template and of the customer
        """
        words = format_.words
        entries = page_lines.entries(move, document, format_)
        accent = colour(look.colour)
        footer = page_blocks.footer(document, builder, format_)
        return {
            "page_lang": "fr" if builder.is_french else "en",
            "draft": words[self._get_status(move)] if draft else "",
            "words": words,
            "title": title(document, builder.is_french),
            "document": document,
            "has_number": document.number not in ("", "/"),
            "look": look,
            "colour": accent,
            "head_name": look.brand_name or document.seller.name,
            "running": page_blocks.running(document, builder, format_),
            "parties": page_blocks.parties(document, builder, format_, look),
            "amount_label": f"{words['amount']} ({document.currency})",
            "facts": page_blocks.facts(document, builder, format_),
            "due": page_blocks.due(document, format_),
            "tables": self._prepare_tables(entries, document, format_, look),
            "deposits": page_blocks.deposits(document, format_),
            "taxes": page_blocks.taxes(document, format_),
            "totals": page_blocks.totals(document, format_),
            "payment": page_blocks.payment(document, format_),
            "qr": self._prepare_qr(document, format_) if look.show_qr else "",
            "chart": self._prepare_chart(move, entries, document, format_, look),
            "terms": [text for text in (builder.terms, look.terms) if text],
            "mentions": page_blocks.mentions(document, builder, format_, not draft),
            "footer": footer,
            "footer_height": page_blocks.footer_height(footer),
        }

    @api.model
    def _get_status(self, move):
        """Give the word for a page that is not the issued document."""
        return "not_issued" if move.state == "posted" else "draft"

    @api.model
    def _prepare_tables(self, entries, document, format_, look):
        """Give the table of the first page, and the details after a summary."""
        words, tables = format_.words, []
        facts = (look.grouping, document.line_total, words["others"])
        if look.is_summary:
            rows = page_rows.summary_rows(grouping.summary(entries, *facts), format_)
            tables.append({"title": words["summary"], "rows": rows, "kind": "summary"})
        if look.has_details:
            rows = page_rows.rows(grouping.group(entries, *facts), format_)
            tables.append({"title": words["details"], "rows": rows, "kind": "details"})
        for table in tables:
            shown = table["rows"]
            table["has_discount"] = any(row.get("discount") for row in shown)
            table["has_unit"] = any(row.get("unit") for row in shown)
            table["has_price"] = table["kind"] == "details"
            table["is_compact"] = len(shown) > COMPACT_FROM
            # description, quantity, VAT, amount; and what may stand between
            table["width"] = 4 + (table["has_price"] or 1) + table["has_discount"]
        return tables

    @api.model
    def _prepare_qr(self, document, format_):
        """Give the EPC QR code as SVG, "" where none can be made."""
        text, alternative = page_blocks.qr(document, format_)
        return Markup(figures.qr_svg(text, alternative)) if text else ""

    @api.model
    def _prepare_chart(self, move, entries, document, format_, look):
        """Give the chart of the template, {} for none."""
        return {}


@lru_cache(maxsize=64)
def _style(accent):
    with file_open(STYLE) as stream:
        return stream.read().replace("var(--accent)", accent)
