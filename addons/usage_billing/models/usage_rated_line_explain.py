from odoo import api, fields, models

from .. import explaining, messages
from ..fields_exact import to_text


class UsageRatedLine(models.Model):
    """The explanation of a line: for a person, a page, a file or the API."""

    _inherit = "usage.rated.line"

    explanation_text = fields.Char(
        string="In One Sentence", compute="_compute_explanation_text"
    )

    @api.depends_context("lang")
    def _compute_explanation_text(self):
        for line in self:
            rows = explaining.explain(self.env, line)
            line.explanation_text = explaining.sentence(self.env, line, rows)

    def _get_explanation(self):
        """The explanation as data, in the language of the environment.

        :return: {"line", "charge", "period", "currency", "version", "revision",
            "amount", "rows": [{code, kind, value, text, detail, facts}], "sentence",
            "residual"}; numbers are texts, the residual is "0"
        :rtype: dict
        """
        self.ensure_one()
        rows = explaining.explain(self.env, self)
        return {
            "line": self.id,
            "charge": self.charge_id.key,
            "name": self.charge_id.name,
            "dimensions": self.dimensions or {},
            "period": {
                "start": self.period_id.local_start.isoformat(),
                "end": self.period_id.local_end.isoformat(),
                "time_zone": self.period_id.tz,
            },
            "currency": self.currency_id.name,
            "version": self.version_id.number,
            "revision": self.revision,
            "amount": to_text(self.amount),
            "rows": [row.data() for row in rows],
            "sentence": explaining.sentence(self.env, self, rows),
            "residual": to_text(explaining.residual(rows)),
        }

    def _prepare_explanation_rows(self):
        """The visible equation, as the form shows it."""
        self.ensure_one()
        found = []
        for row in explaining.explain(self.env, self):
            value = messages.number(self.env, row.value)
            if row.kind == "note":
                value = ""
            elif row.kind != "quantity":
                value = f"{value} {self.currency_id.name}"
            found.append(
                {
                    "name": row.text[:1].upper() + row.text[1:],
                    "detail": "" if row.kind == "quantity" else row.detail,
                    "value": row.detail.removeprefix("= ")
                    if row.kind == "quantity"
                    else value,
                    "is_total": row.code == "due",
                }
            )
        return found
