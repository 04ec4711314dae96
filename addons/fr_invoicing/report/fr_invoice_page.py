# Part of Relevé. See LICENSE file for full copyright and licensing details.
from dataclasses import replace
from functools import lru_cache, partial

from markupsafe import Markup

from odoo import api, fields, models
from odoo.tools import file_open, file_path

from ..bridge import DocumentBuilder, seller
from ..einvoice.page import figures, grouping
from ..einvoice.page.formats import Format, colour
from ..einvoice.page.labels import title
from ..einvoice.page.look import SUMMARY
from . import page_blocks, page_charts, page_lines, page_rows, page_sample

# Inter (SIL Open Font License), with figures of one width so that columns align
FONTS = {
    "regular": "fr_invoicing/static/fonts/Inter-Regular.ttf",
    "bold": "fr_invoicing/static/fonts/Inter-SemiBold.ttf",
}
# nobody reads more rows, and drawing them takes minutes: such a page is a summary
MOST_ROWS = 2000
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
        values = self._prepare_values(
            page_lines.entries(move, document, format_),
            partial(page_charts.history, move),
            document,
            builder,
            format_,
            move._fr_get_look(builder.is_french),
            status=self._get_status(move) if draft else "",
        )
        return self._render_values(values, screen)

    @api.model
    def _render_sample(self, company, look, is_french, screen=True):
        """Give the page of an invented invoice of a company, to show a template.

        :param Look look: as the template says now, or a version of it
        :rtype: str
        """
        day = fields.Date.context_today(self)
        company = company.sudo()  # address and legal texts, as printed on invoices
        move = company.env["account.move"].new(
            {
                "move_type": "out_invoice",
                "company_id": company.id,
                "partner_id": company.partner_id.id,
                "currency_id": company.env.ref("base.EUR").id,
                "invoice_date": day,
            }
        )
        wordings = company.env["fr.legal.text"]._get_wordings(company, day)
        builder = DocumentBuilder(move, wordings)
        builder.is_french = is_french
        builder.mentions = [
            (mention, builder._word(mention.key)) for mention, _text in builder.mentions
        ]
        document, entries = page_sample.sample(seller(move), day, is_french)
        values = self._prepare_values(
            entries,
            partial(page_sample.history, day),
            document,
            builder,
            Format(is_french, document),
            look,
            status="preview",
        )
        return self._render_values(values, screen)

    @api.model
    def _render_values(self, values, screen=False):
        """Give the page as HTML from the texts prepared."""
        style = _style(values["colour"])
        if screen:
            for name, path in FONTS.items():
                style = style.replace(f"url(font:{name})", f"url(/{path})")
        values["screen"] = screen
        values["style"] = Markup(style)  # ours: a file and a checked colour
        page = self.env["ir.qweb"]._render("fr_invoicing.invoice_page", values)
        return f"<!DOCTYPE html>{page}"

    @api.model
    def _prepare_values(
        self, entries, history, document, builder, format_, look, status=""
    ):
        """Prepare the texts of the page; figures come from the document alone.

        An override may add keys, and must not compute amounts.

        :param list[Entry] entries: rows of the table
        :param history: function giving the months of the customer, for a chart
        :param Look look: options of the template and of the customer
        :param str status: word for a page that is not the issued document
        """
        words = format_.words
        accent = colour(look.colour)
        footer = page_blocks.footer(document, builder, format_)
        return {
            "page_lang": "fr" if builder.is_french else "en",
            "draft": words[status] if status else "",
            "words": words,
            "title": title(document, builder.is_french),
            "document": document,
            "has_number": document.number not in ("", "/"),
            "look": look,
            "colour": accent,
            "head_name": look.brand_name or page_blocks.issuer(document).name,
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
            "chart": page_charts.chart(look.chart, entries, history, format_, accent),
            "terms": page_blocks.terms(document, builder, look),
            "mentions": page_blocks.mentions(document, builder, format_, not status),
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
        is_too_long = len(entries) > MOST_ROWS
        if is_too_long:
            look = replace(look, detail=SUMMARY)
        if look.is_summary:
            items = grouping.summary(entries, *facts)
            if len(items) > MOST_ROWS:
                bare = [replace(entry, labels={}) for entry in entries]
                items = grouping.summary(bare, *facts[:2], words["all_lines"])
            rows = page_rows.summary_rows(items, format_)
            if is_too_long:
                text = words["too_long"] % {"count": len(document.lines)}
                rows.append({"kind": "note", "name": text, "amount": ""})
            tables.append({"title": words["summary"], "rows": rows, "kind": "summary"})
        if look.has_details:
            rows = page_rows.rows(grouping.group(entries, *facts), format_)
            tables.append({"title": words["details"], "rows": rows, "kind": "details"})
        for table in tables:
            shown = table["rows"]
            table["has_discount"] = any(row.get("discount") for row in shown)
            table["has_unit"] = any(row.get("unit") for row in shown)
            table["has_quantity"] = any(row.get("quantity") for row in shown)
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


@lru_cache(maxsize=64)
def _style(accent):
    with file_open(STYLE) as stream:
        return stream.read().replace("var(--accent)", accent)
