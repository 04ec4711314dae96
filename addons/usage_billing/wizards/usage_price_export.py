import base64
import csv
import io

from odoo import fields, models

from .. import price_terms
from ..fields_exact import to_text

#: texts that a spreadsheet would take for a formula
FORMULA = ("=", "+", "-", "@", "\t", "\r")


class UsagePriceExport(models.TransientModel):
    """Every price in force on a day, as a file: one row for each charge and tier."""

    _name = "usage.price.export"
    _description = "Export of Prices"

    date = fields.Date(
        string="Prices in Force on", required=True, default=fields.Date.context_today
    )
    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company
    )
    file_format = fields.Selection(
        [("xlsx", "Excel (XLSX)"), ("csv", "CSV")], required=True, default="xlsx"
    )
    file = fields.Binary(readonly=True, attachment=False)
    file_name = fields.Char(readonly=True)

    def action_export(self):
        """Make the file and offer it."""
        self.ensure_one()
        header, rows = self._get_rows()
        write = {"xlsx": self._write_xlsx, "csv": self._write_csv}[self.file_format]
        self.write(
            {
                "file": base64.b64encode(write(header, rows)),
                "file_name": f"prices_{self.date.isoformat()}.{self.file_format}",
            }
        )
        return {
            "type": "ir.actions.act_url",
            "url": f"/web/content/{self._name}/{self.id}/file/{self.file_name}"
            "?download=true",
            "target": "download",
        }

    def _get_versions(self):
        """Versions in force for everybody, and those of pilots and contracts."""
        plans = self.env["usage.plan"].search(
            [("company_id", "=", self.company_id.id)], order="code"
        )
        versions = self.env["usage.plan.version"]
        for plan in plans:
            versions |= plan._get_version_at(self.date)
            versions |= plan.version_ids.filtered(
                lambda version: (
                    version.state == "approved" and version.valid_from <= self.date
                )
            )
        return versions

    def _get_rows(self):
        """Header and rows; only terms that some charge has make a column.

        :return: (names, [[text, Decimal, date or None]])
        """
        charges = self._get_versions().charge_ids
        Tier = self.env["usage.charge.tier"]
        terms = [
            field
            for field in price_terms.term_fields(self.env["usage.charge"])
            if field.type != "one2many" and field.name not in ("name", "product_id")
        ]
        tiers = [
            field for field in price_terms.term_fields(Tier) if field.type != "one2many"
        ]
        used = [
            field
            for field in terms
            if any(charge[field.name] not in (None, False, "", 0) for charge in charges)
        ]
        header = [
            self.env._("Plan"),
            self.env._("Version"),
            self.env._("In force from"),
            self.env._("State"),
            self.env._("Approved by"),
            self.env._("Approved on"),
            self.env._("Currency"),
            self.env._("Charge"),
            self.env._("Key"),
            self.env._("Product"),
            *(price_terms.label(self.env, field) for field in used),
            self.env._("Price for"),
            self.env._("Tier"),
            *(
                self.env._("Tier: %(term)s", term=price_terms.label(self.env, field))
                for field in tiers
            ),
        ]
        rows = []
        for charge in charges:
            own = self._get_charge_cells(charge, used)
            for name, number, tier in self._get_tiers(charge):
                cells = [self._get_cell(tier, field) for field in tiers]
                rows.append([*own, name, number, *cells])
        return header, rows

    def _get_charge_cells(self, charge, used):
        version = charge.version_id
        states = dict(version._fields["state"]._description_selection(self.env))
        return [
            version.plan_id.code,
            version.number,
            version.valid_from,
            states[version.state],
            version.approved_by_id.name or None,
            version.approved_at,
            version.currency_id.name,
            charge.name,
            charge.key,
            charge.product_id.display_name,
            *(self._get_cell(charge, field) for field in used),
        ]

    def _get_tiers(self, charge):
        """(name of the special price, number, tier) of a charge; one row at least."""
        Tier = self.env["usage.charge.tier"]
        found = [(None, number, tier) for number, tier in enumerate(charge.tier_ids, 1)]
        for price in charge.price_ids:
            tiers = price.tier_ids or Tier
            if not tiers:
                terms = price_terms.charge_words(self.env, price)
                said = ", ".join(f"{name} {value}" for name, value in terms)
                found.append((said, None, Tier))
            found += [
                (price.name, number, tier) for number, tier in enumerate(tiers, 1)
            ]
        return found or [(None, None, Tier)]

    def _get_cell(self, record, field):
        """A number stays one, everything else is in words; None for nothing."""
        value = record[field.name] if record else None
        if value is None or value is False or value == "":
            return None
        if field.type in ("exact", "integer", "float", "date", "datetime"):
            return value
        plain = price_terms.terms_of(record)[field.name]
        return price_terms.words(self.env, field, plain, record.env.company.currency_id)

    def _write_csv(self, header, rows):
        """CSV with a mark for spreadsheets, separators of the user's language."""
        is_french = (self.env.lang or "").startswith("fr")
        out = io.StringIO()
        writer = csv.writer(out, delimiter=";" if is_french else ",")
        writer.writerow(header)
        for row in rows:
            writer.writerow([self._csv_text(value, is_french) for value in row])
        return out.getvalue().encode("utf-8-sig")

    def _csv_text(self, value, is_french):
        if value is None:
            return ""
        if isinstance(value, str):
            return f"'{value}" if value.startswith(FORMULA) else value
        if hasattr(value, "isoformat"):
            return value.isoformat(" ") if hasattr(value, "hour") else value.isoformat()
        text = str(value) if isinstance(value, int) else to_text(value)
        return text.replace(".", ",") if is_french else text

    def _write_xlsx(self, header, rows):
        """A sheet with real numbers and dates; texts are never formulas."""
        import xlsxwriter  # noqa: PLC0415 - loaded only when a file is made

        out = io.BytesIO()
        book = xlsxwriter.Workbook(
            out, {"in_memory": True, "strings_to_formulas": False}
        )
        sheet = book.add_worksheet("Prices")
        bold = book.add_format({"bold": True})
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        exact = book.add_format({"num_format": "0.############"})
        for column, name in enumerate(header):
            sheet.write_string(0, column, name, bold)
        for line, row in enumerate(rows, 1):
            for column, value in enumerate(row):
                if value is None:
                    continue
                if isinstance(value, str):
                    sheet.write_string(line, column, value)
                elif hasattr(value, "isoformat"):
                    sheet.write_datetime(line, column, value, day)
                else:
                    # a cell holds a binary number: the file is to read, not to bill
                    sheet.write_number(line, column, float(value), exact)
        sheet.freeze_panes(1, 0)
        sheet.autofilter(0, 0, max(1, len(rows)), len(header) - 1)
        book.close()
        return out.getvalue()
