# Part of Relevé. See LICENSE file for full copyright and licensing details.
import base64
import hashlib
from dataclasses import asdict
from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

from odoo import fields, models
from odoo.tools import SQL

from ..bridge import exact
from ..bridge.ereporting import Share
from ..einvoice import validate
from ..einvoice.errors import ValidatorError
from ..einvoice.findings import FATAL, Finding, has_fatal
from ..ereporting import aggregate, known_bugs, report
from ..ereporting.errors import EreportingError
from .fr_ereporting_report import REPORTED

PARIS = ZoneInfo("Europe/Paris")


class FrEreportingReport(models.Model):
    """Writes the XML of a report from the operations of its period, and checks it."""

    _inherit = "fr.ereporting.report"

    def _write_and_check(self):
        """Write the XML of the period as it stands, and run the official rules."""
        for record in self:
            rectifies = record.period_id.report_ids.filtered(
                lambda found: found.state in ("sent", "accepted")
            )
            record.type_code = "RE" if rectifies else "IN"
            totals = record.period_id._totals().get(record.period_id.id, {})
            values = {
                "operation_count": totals.get("operations", 0),
                "basis": totals.get("basis") or 0,
                "tax": totals.get("tax") or 0,
                "amount": totals.get("amount") or 0,
                "made_at": fields.Datetime.now(),
                "xml_file": False,
                "sha256": False,
                "state": "draft",
            }
            try:
                xml = record._xml()
            except EreportingError as error:
                values["findings"] = [record._own_finding(error)]
            else:
                findings = record._check(xml)
                values |= {
                    "findings": [asdict(finding) for finding in findings],
                    "xml_file": base64.b64encode(xml),
                    "sha256": hashlib.sha256(xml).hexdigest(),
                    "state": "draft" if has_fatal(findings) else "ready",
                }
            record.write(values)

    def _check(self, xml):
        """Run XSD and Schematron; what could not run is a fatal finding.

        :rtype: list[Finding]
        """
        try:
            findings = validate.check_rules("flux10", {self.name: xml})[self.name]
        except ValidatorError as error:
            return [Finding("VALIDATOR", FATAL, "", str(error), source="flux10")]
        return known_bugs.waive(findings, xml)

    def _own_finding(self, error):
        sentences = {
            "platform_code": self.env._(
                "The number of the approved platform is missing: four characters, in "
                "the settings of French invoices. Your platform tells it."
            ),
            "company_siren": self.env._(
                "The SIREN of the company is missing: settings, Company Identity."
            ),
        }
        return {
            "rule": error.code,
            "severity": FATAL,
            "location": "",
            "message": sentences.get(error.code, str(error)),
            "source": "settings",
        }

    def _xml(self):
        """Write the XML of the period as it stands.

        :rtype: bytes
        :raise EreportingError: something a report needs is missing
        """
        self.ensure_one()
        period = self.period_id
        header = self._header()
        if period.kind == "payment":
            return report.write_payments(header, self._receipts())
        return report.write_transactions(
            header, self._invoices(), self._day_sales() if period.kind == "sale" else ()
        )

    def _header(self):
        company, period = self.company_id, self.period_id
        code, platform = company._fr_platform_identity()
        now = fields.Datetime.now().replace(tzinfo=ZoneInfo("UTC"))
        return report.Header(
            identifier=self.name,
            name=self.name,
            issued_at=now.astimezone(PARIS),
            is_rectifying=self.type_code == "RE",
            platform_code=code,
            platform_name=platform or code,
            siren=company._fr_get_siren(),
            company=company._fr_get_legal().name,
            is_buyer=period.kind == "purchase",
            start=period.date_start,
            end=period.date_end,
        )

    def _day_sales(self):
        """Sum consumers' sales in the database (10.3): they may be many."""
        rows = self.env.execute_query(
            SQL(
                """
                SELECT day, currency.name, category, coalesce(due_code, ''), rate,
                       sum(basis_currency), sum(tax)
                  FROM fr_ereporting_item AS item
                  JOIN res_currency AS currency ON currency.id = item.currency_id
                 WHERE period_id = %s AND flow = '10.3' AND %s
                 GROUP BY day, currency.name, category, coalesce(due_code, ''), rate
                """,
                self.period_id.id,
                REPORTED,
            )
        )
        counts = self.env.execute_query(
            SQL(
                """
                SELECT day, currency.name, category, coalesce(due_code, ''),
                       count(DISTINCT source_key)
                  FROM fr_ereporting_item AS item
                  JOIN res_currency AS currency ON currency.id = item.currency_id
                 WHERE period_id = %s AND flow = '10.3' AND %s
                 GROUP BY day, currency.name, category, coalesce(due_code, '')
                """,
                self.period_id.id,
                REPORTED,
            )
        )
        return aggregate.day_sales(
            (
                aggregate.Sale(
                    day,
                    currency,
                    category,
                    due,
                    _rate(rate),
                    _cents(basis),
                    _cents(tax),
                )
                for day, currency, category, due, rate, basis, tax in rows
            ),
            {tuple(group): count for *group, count in counts},
        )

    def _invoices(self):
        """Give the documents of 10.1, in the order of their dates and numbers."""
        items = self.env["fr.ereporting.item"].search(
            [
                ("period_id", "=", self.period_id.id),
                ("flow", "=", "10.1"),
                ("is_live", "=", True),
                ("exclusion", "=", False),
                ("held_reason", "=", False),
            ]
        )
        collector = self.env["fr.ereporting.collector"]
        return tuple(
            collector._invoice(move, [_share(item) for item in found])
            for move, found in sorted(
                items.grouped("move_id").items(),
                key=lambda pair: (pair[0].invoice_date or date.min, pair[0].name),
            )
        )

    def _receipts(self):
        """Sum payments in the database (10.2 by document, 10.4 by day)."""
        rows = self.env.execute_query(
            SQL(
                """
                SELECT item.day, item.rate, sum(item.amount),
                       CASE WHEN item.flow = '10.2' THEN move.name ELSE '' END,
                       CASE WHEN item.flow = '10.2' THEN move.invoice_date END
                  FROM fr_ereporting_item AS item
                  LEFT JOIN account_move AS move ON move.id = item.move_id
                 WHERE item.period_id = %s AND %s
                 GROUP BY 1, 2, 4, 5
                """,
                self.period_id.id,
                REPORTED,
            )
        )
        return aggregate.day_receipts(
            aggregate.Receipt(day, _rate(rate), _cents(amount), number or "", issued)
            for day, rate, amount, number, issued in rows
        )


def _share(item):
    """Give a recorded share as the bridge gave it."""
    return Share(
        category=item.category or "",
        vat_category=item.vat_category or "",
        vatex=item.vatex_code or "",
        mention=item.mention_code or "",
        due=item.due_code or "",
        rate=_rate(item.rate),
        basis_currency=_cents(item.basis_currency),
        tax_currency=_cents(item.tax_currency),
        basis=_cents(item.basis),
        tax=_cents(item.tax),
    )


def _cents(value):
    return exact(value).quantize(Decimal("0.01"))


def _rate(value):
    return exact(value).normalize() + 0
