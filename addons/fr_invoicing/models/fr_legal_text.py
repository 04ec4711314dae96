# Part of Relevé. See LICENSE file for full copyright and licensing details.
from datetime import date

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..dated import in_force

# what a wording may name; values come from the company or the document
PLACEHOLDERS = {
    "company": "",
    "legal_form": "",
    "capital": "",
    "city": "",
    "siren": "",
    "rate": "",
    "terms": "",
    "factor": "",
    "supplier": "",
    "mandate": "",
}


class FrLegalText(models.Model):
    """Wording of one legal mention between two dates.

    The law changes (the CIBS replaces the CGI since 2026-09-01, both wordings are
    accepted until 2027-12-31), documents of the past do not: so a wording is dated
    data, never a string in code. Which mentions a document needs is decided in
    einvoice/mentions.py.
    """

    _name = "fr.legal.text"
    _description = "French Legal Text"
    _order = "code, company_id, valid_from desc"
    _rec_name = "code"
    _check_company_auto = True

    code = fields.Char(
        required=True,
        index=True,
        help="Key of the mention, the same for all its wordings.",
    )
    company_id = fields.Many2one(
        "res.company",
        index=True,
        help="Empty: every company. A company's own wording goes first.",
    )
    text = fields.Text(
        required=True,
        help="Wording on French documents. May name %(company)s, %(legal_form)s, "
        "%(capital)s, %(city)s, %(siren)s, %(rate)s, %(terms)s, %(factor)s, "
        "%(supplier)s and %(mandate)s.",
    )
    text_foreign = fields.Text(
        string="Text (English)",
        help="Wording on documents in another language than French. Empty: the French "
        "wording.",
    )
    valid_from = fields.Date(help="First day of the wording. Empty: always so far.")
    valid_to = fields.Date(help="Last day of the wording, included. Empty: still open.")
    codification = fields.Selection(
        [
            ("cgi", "CGI (may be cited until 2027-12-31)"),
            ("cibs", "CIBS (since 2026-09-01)"),
        ],
        help="Code of law the wording cites. While both are accepted the company "
        "chooses. Empty: neither.",
    )
    source = fields.Char(required=True, help="Article of law or norm it comes from.")
    active = fields.Boolean(default=True)

    # === Constraints === #

    @api.constrains("text", "text_foreign")
    def _check_placeholders(self):
        for record in self:
            for text in (record.text, record.text_foreign):
                try:
                    (text or "") % PLACEHOLDERS
                except (KeyError, ValueError, TypeError) as error:
                    raise ValidationError(
                        self.env._(
                            "The wording of “%(code)s” names something unknown "
                            "(%(error)s). Allowed are: %(names)s. A percent sign is "
                            "written %%%%.",
                            code=record.code,
                            error=error,
                            names=", ".join(f"%({name})s" for name in PLACEHOLDERS),
                        )
                    ) from error

    @api.constrains(
        "code", "company_id", "codification", "valid_from", "valid_to", "active"
    )
    def _check_overlap(self):
        for record in self:
            if (
                record.valid_from
                and record.valid_to
                and record.valid_from > record.valid_to
            ):
                raise ValidationError(
                    self.env._(
                        "The wording of “%(code)s” ends before it starts. Change its "
                        "dates.",
                        code=record.code,
                    )
                )
            others = self.search(
                [
                    ("id", "!=", record.id),
                    ("code", "=", record.code),
                    ("company_id", "=", record.company_id.id),
                    ("codification", "=", record.codification),
                ]
            )
            if any(record._overlaps(other) for other in others):
                raise ValidationError(
                    self.env._(
                        "Two wordings of “%(code)s” are in force on the same day. "
                        "Close the older one first.",
                        code=record.code,
                    )
                )

    # === Business === #

    @api.model
    def _get_wordings(self, company, day):
        """Give every wording in force for a company on a day.

        :param company: res.company record
        :param date day: date of the document
        :return: code -> record, the company's own wording before the common one
        :rtype: dict[str, fr.legal.text]
        """
        records = self.sudo().search(
            [
                ("company_id", "in", (False, company.id)),
                *in_force(day),
            ]
        )

        def rank(record):
            # the last one wins: the company's own, then in the codification it chose
            return (
                bool(record.company_id),
                record.codification == company.fr_codification,
            )

        return {record.code: record for record in records.sorted(rank)}

    def _format(self, is_french, values):
        """Give the wording with its values in.

        :param bool is_french: the document is in French
        :param dict values: some of PLACEHOLDERS
        """
        self.ensure_one()
        text = self.text if is_french else self.text_foreign or self.text
        return " ".join((text % {**PLACEHOLDERS, **values}).split())

    def _overlaps(self, other):
        start, end = self.valid_from or date.min, self.valid_to or date.max
        other_start, other_end = (
            other.valid_from or date.min,
            other.valid_to or date.max,
        )
        return start <= other_end and other_start <= end
