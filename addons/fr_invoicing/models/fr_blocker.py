# Part of Relevé. See LICENSE file for full copyright and licensing details.
import re

from stdnum.fr import siren as stdnum_siren

from odoo import Command, api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from .. import fixes
from ..const import FR_COUNTRY_CODES
from ..einvoice import identifiers
from ..einvoice.findings import FATAL

CHUNK = 1000
FIXES = [
    ("siren", "Read the SIREN from the numbers"),
    ("vat", "Compute the TVA number from the SIREN"),
    ("country", "Set the country to France"),
    ("tax", "Set the default sale tax"),
]
FRENCH_POSTCODE = re.compile(r"(?:0[1-9]|[1-8]\d|9[0-58])\d{3}")


class FrBlocker(models.Model):
    """What would stop or spoil an invoice, before there is one.

    The list is made again each time it is opened: the checks of company, customers,
    taxes and products, the same that refuse a posting.
    """

    _name = "fr.blocker"
    _description = "What Would Block an Invoice"
    _order = "severity, res_model, name, id"
    _rec_name = "message"

    company_id = fields.Many2one("res.company", required=True, index=True)
    severity = fields.Selection(
        [("1_fatal", "Blocks"), ("2_warning", "To look at"), ("3_advice", "Advice")],
        required=True,
    )
    res_model = fields.Selection(
        [
            ("res.company", "Company"),
            ("res.partner", "Customer"),
            ("account.tax", "Tax"),
            ("product.template", "Product"),
        ],
        string="Where",
        required=True,
    )
    res_id = fields.Many2oneReference(model_field="res_model", required=True)
    name = fields.Char(string="Record", required=True)
    field = fields.Char()
    field_label = fields.Char(string="Field to Correct")
    rule = fields.Char(required=True)
    message = fields.Text(string="What Is Wrong", required=True)
    fix = fields.Selection(FIXES, string="Can Be Fixed by")

    # === Working out === #

    @api.model
    def _refresh(self, company):
        """Make the list of a company again.

        :param company: res.company record
        :return: what there is to fix
        """
        # sudo: numbers of partners a biller may not read are checked, not shown
        blockers_sudo = self.sudo().with_company(company)
        blockers_sudo.search([("company_id", "=", company.id)]).unlink()
        values = [
            *blockers_sudo._find_company_blockers(company),
            *blockers_sudo._check_partners(company),
            *blockers_sudo._check_taxes(company),
            *blockers_sudo._check_products(company),
        ]
        return self.browse(blockers_sudo.create(values).ids)

    def _prepare(self, company, record, finding, fix=False):
        target = self.env[finding.model] if finding.model in self.env else record
        known = finding.model in dict(self._fields["res_model"].selection)
        return {
            "company_id": company.id,
            "severity": "1_fatal" if finding.severity == FATAL else "2_warning",
            "res_model": finding.model if known else record._name,
            "res_id": finding.res_id if known else record.id,
            "name": record.display_name,
            "field": finding.field,
            "field_label": fixes.field_label(self.env, fixes.as_dict(finding), record)
            if target is not None
            else False,
            "rule": finding.rule,
            "message": finding.message,
            "fix": fix,
        }

    def _find_company_blockers(self, company):
        return [
            self._prepare(company, company, finding) for finding in company._fr_check()
        ]

    def _check_partners(self, company):
        """Check every customer, some at a time."""
        ids = self._find_customers(company)
        labels = self.env["res.partner"].fields_get(["vat"], ["string"])
        for start in range(0, len(ids), CHUNK):
            for partner in self.env["res.partner"].browse(ids[start : start + CHUNK]):
                for finding in partner._fr_check():
                    yield self._prepare(
                        company, partner, finding, self._find_fix(partner, finding)
                    )
                if self._lacks_vat(partner):
                    yield {
                        "company_id": company.id,
                        "severity": "3_advice",
                        "res_model": "res.partner",
                        "res_id": partner.id,
                        "name": partner.display_name,
                        "field": "vat",
                        "field_label": labels["vat"]["string"],
                        "rule": "BUYER-VAT-EMPTY",
                        "message": self.env._(
                            "%(partner)s has a SIREN but no TVA number. It can be "
                            "computed, unless the customer is exempt (CGI 293 B).",
                            partner=partner.display_name,
                        ),
                        "fix": "vat",
                    }

    def _find_customers(self, company):
        """Give the ids of the commercial partners that are or may be invoiced."""
        self.env.flush_all()
        return [
            partner
            for (partner,) in self.env.execute_query(
                SQL(
                    """
                    SELECT DISTINCT commercial.id
                      FROM res_partner partner
                      JOIN res_partner commercial
                        ON commercial.id = partner.commercial_partner_id
                     WHERE commercial.active
                       AND (partner.company_id IS NULL
                            OR partner.company_id = %(company)s)
                       AND commercial.id != %(own)s
                       AND (partner.customer_rank > 0
                            OR EXISTS (SELECT FROM usage_subscription subscription
                                        WHERE subscription.partner_id = partner.id
                                          AND subscription.company_id = %(company)s))
                     ORDER BY commercial.id
                    """,
                    company=company.id,
                    own=company.partner_id.id,
                )
            )
        ]

    def _find_fix(self, partner, finding):
        """Say which bulk fix helps, if one does."""
        if finding.code == "buyer_country":
            return "country" if FRENCH_POSTCODE.fullmatch(partner.zip or "") else False
        if finding.code in ("buyer_siren", "buyer_siren_key"):
            return "siren" if self._read_siren(partner) else False
        return False

    def _read_siren(self, partner):
        """Find the SIREN in whatever number the customer has."""
        vat = identifiers.clean(partner.vat or "").upper()
        if vat and not vat[:2].isalpha():
            vat = f"FR{vat}"
        found = identifiers.siren_of(partner.company_registry, vat)
        if found:
            return found
        for contact in partner.child_ids:
            found = identifiers.siren_of(contact.company_registry, contact.vat)
            if found:
                return found
        return ""

    def _lacks_vat(self, partner):
        return (
            partner.is_company
            and not identifiers.clean(partner.vat)
            and partner.fr_siren
            and partner.country_id.code in FR_COUNTRY_CODES
        )

    def _get_taxes(self, company):
        taxes = self.env["account.tax"]
        return taxes.search(
            [*taxes._check_company_domain(company), ("type_tax_use", "=", "sale")]
        )

    def _check_taxes(self, company):
        return [
            self._prepare(company, tax, finding)
            for tax in self._get_taxes(company)
            for finding in tax._fr_check()
        ]

    def _check_products(self, company):
        """Check the sale taxes of what is sold."""
        label = self.env["product.template"].fields_get(["taxes_id"], ["string"])
        label = label["taxes_id"]["string"]
        taxes = set(self._get_taxes(company).ids)
        default = company.account_sale_tax_id
        products = self.env["product.template"].search(
            [("sale_ok", "=", True), ("company_id", "in", (False, company.id))]
        )
        if company._fr_get_legal().fr_vat_franchise:
            return
        for product in products:
            own = [tax for tax in product.taxes_id.ids if tax in taxes]
            if len(own) == 1:
                continue
            yield {
                "company_id": company.id,
                "severity": "1_fatal" if not own else "2_warning",
                "res_model": "product.template",
                "res_id": product.id,
                "name": product.display_name,
                "field": "taxes_id",
                "field_label": label,
                "rule": "PRODUCT-TAX",
                "message": self.env._(
                    "The product %(product)s has no sale tax: its lines would bear no "
                    "TVA.",
                    product=product.display_name,
                )
                if not own
                else self.env._(
                    "The product %(product)s has several sale taxes: a line of an "
                    "electronic invoice has one TVA rate.",
                    product=product.display_name,
                ),
                "fix": "tax" if not own and default else False,
            }

    # === Buttons === #

    @api.model
    def action_open_report(self):
        """Make the list again and show it."""
        if not self.env.company._fr_is_french():
            raise UserError(
                self.env._(
                    "%(company)s does not invoice under French law.",
                    company=self.env.company.name,
                )
            )
        self._refresh(self.env.company)
        return self.env["ir.actions.act_window"]._for_xml_id(
            "fr_invoicing.fr_blocker_action"
        )

    def action_open_record(self):
        """Open what has to be corrected."""
        self.ensure_one()
        record = self.env[self.res_model].browse(self.res_id).exists()
        if not record:
            raise UserError(
                self.env._("%(name)s does not exist any more.", name=self.name)
            )
        action = record._get_records_action()
        action["context"] = {"fr_field_to_fix": self.field or ""}
        return action

    def action_fix(self):
        """Correct what can be corrected by itself, with the rights of the user."""
        fixed = self.browse()
        for kind, blockers in self.filtered("fix").grouped("fix").items():
            fixed += getattr(blockers, f"_fix_{kind}")()
        message = self.env._(
            "%(count)s corrected, %(left)s left to correct by hand.",
            count=len(fixed),
            left=len(self - fixed),
        )
        fixed.sudo().unlink()  # the list follows what its reader corrected
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "message": message,
                "type": "success" if fixed else "warning",
                "next": {"type": "ir.actions.client", "tag": "soft_reload"},
            },
        }

    def _get_records(self):
        return self.env[self[0].res_model].browse(self.mapped("res_id")).exists()

    def _fix_siren(self):
        for partner in self._get_records():
            partner.fr_siren = self._read_siren(partner)
        return self

    def _fix_vat(self):
        for partner in self._get_records():
            if partner.fr_siren and not identifiers.clean(partner.vat):
                number = stdnum_siren.to_tva(partner.fr_siren).replace(" ", "")
                partner.vat = number if number.startswith("FR") else f"FR{number}"
        return self

    def _fix_country(self):
        self._get_records().country_id = self.env.ref("base.fr")
        return self

    def _fix_tax(self):
        for company, blockers in self.grouped("company_id").items():
            tax = company.account_sale_tax_id
            blockers._get_records().write({"taxes_id": [Command.link(tax.id)]})
        return self
