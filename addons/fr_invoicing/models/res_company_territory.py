# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo import Command, fields, models

from ..einvoice import territory_setup

GROUPS = {
    "fr_tax_group_175": ("VAT 1.75%", "TVA 1,75 %"),
    "fr_tax_group_105": ("VAT 1.05%", "TVA 1,05 %"),
    "fr_tax_group_13": ("VAT 13%", "TVA 13 %"),
    "fr_tax_group_09": ("VAT 0.9%", "TVA 0,9 %"),
}
# taxes of the chart that our rates must be replaced by, as the chart's own are
ABROAD = {
    "consu": ("tva_sale_good_export_0", "tva_sale_good_intra_0"),
    "service": ("tva_sale_service_export_0", "tva_sale_service_intra_0"),
}


class ResCompany(models.Model):
    """Sets up the taxes and fiscal positions of the French territories.

    Like those of the chart they are named `account.<company>_<code>`: found again by
    that name, never made twice, and left in the ledger when the add-on goes.
    """

    _inherit = "res.company"

    def _fr_ensure_territories(self):
        """Make what is missing and switch on what the company needs.

        Harmless when run again; does nothing without the French chart of accounts.
        """
        for company in self:
            model = company._fr_chart_ref("tva_normale")
            if not model or not company._fr_is_french():
                continue
            company = company.sudo().with_company(company)  # set-up, as the chart does
            for row in territory_setup.taxes():
                company._fr_ensure_tax(row)
            company._fr_link_replacements()
            for row in territory_setup.positions():
                company._fr_ensure_position(row)
            company._fr_activate_territory_taxes()

    def _fr_activate_territory_taxes(self):
        """Switch on the taxes a company needs where it stands; none is switched off."""
        today = fields.Date.context_today(self)
        for company in self:
            home = company.partner_id._fr_get_territory()
            if not home:
                continue
            is_franchise = company._fr_get_legal().fr_vat_franchise
            for row in territory_setup.taxes():
                tax = company._fr_chart_ref(row.code)
                if not tax or tax.active:
                    continue
                has_source = any(
                    source.active
                    for code in row.replaces
                    if (source := company._fr_chart_ref(code))
                )
                if territory_setup.is_active(
                    row, home, is_franchise, has_source, today
                ):
                    tax.active = True

    def _fr_chart_ref(self, code):
        """Give the record of the chart or of ours by its code, or nothing."""
        self.ensure_one()
        return self.env.ref(f"account.{self.id}_{code}", raise_if_not_found=False)

    def _fr_ensure_tax(self, row):
        """Make one tax from the chart's tax whose accounts it takes."""
        model = self._fr_chart_ref(row.copy_of)
        if self._fr_chart_ref(row.code) or not model:
            return
        group = self._fr_ensure_group(row.group)
        profile = self.env["fr.tax.profile"].search(
            [("code", "=", row.regime)], limit=1
        )
        tax = model.with_context(lang="en_US").copy(
            {
                "name": self._fr_free_name(row),
                "description": row.name,
                "invoice_label": row.label,
                "amount": float(row.rate),
                "tax_scope": row.scope,
                "tax_group_id": (group or model.tax_group_id).id,
                "fr_tax_profile_id": profile.id,
                "fiscal_position_ids": [Command.clear()],
                "original_tax_ids": [Command.clear()],
                "active": False,
                "sequence": 20,
                **({"tax_exigibility": "on_invoice"} if not row.rate else {}),
            }
        )
        self._fr_set_tags(tax, row)
        self._fr_translate(tax, "description", row.name_fr)
        self._fr_name_record(tax, row.code)

    def _fr_free_name(self, row):
        """Give the tax a name nobody took."""
        taken = (
            self.env["account.tax"]
            .with_context(active_test=False)
            .search_count(
                [
                    ("company_id", "=", self.id),
                    ("name", "=", row.name),
                    ("type_tax_use", "=", "sale"),
                ]
            )
        )
        return f"{row.name} ({row.code})" if taken else row.name

    def _fr_set_tags(self, tax, row):
        """Send base and tax to their lines of the CA3."""
        country = self.account_fiscal_country_id or self.env.ref("base.fr")
        tags = self.env["account.account.tag"]

        def of(name):
            return tags._get_tax_tags(name, country.id)

        is_zero = not row.rate
        base = of(row.box) if is_zero else of("A1") | of(f"{row.box}_base")
        amount = tags if is_zero else of(f"{row.box}_taxe")
        for line in tax.repartition_line_ids:
            wanted = base if line.repartition_type == "base" else amount
            line.tag_ids = [Command.set(wanted.ids if row.box else [])]

    def _fr_ensure_group(self, code):
        """Give a tax group of the chart, or make one of ours like its neighbours."""
        group = self._fr_chart_ref(code)
        if group or code not in GROUPS:
            return group
        like = self._fr_chart_ref("tax_group_tva_20")
        name, name_fr = GROUPS[code]
        group = (
            self.env["account.tax.group"]
            .with_context(lang="en_US")
            .create(
                {
                    "name": name,
                    "company_id": self.id,
                    "country_id": like.country_id.id,
                    "tax_payable_account_id": like.tax_payable_account_id.id,
                    "tax_receivable_account_id": like.tax_receivable_account_id.id,
                }
            )
        )
        self._fr_translate(group, "name", name_fr)
        self._fr_name_record(group, code)
        return group

    def _fr_link_replacements(self):
        """Say which taxes replace which: ours the chart's, the chart's zero ours."""
        for row in territory_setup.taxes():
            tax = self._fr_chart_ref(row.code)
            if not tax:
                continue
            for code in row.replaces:
                source = self._fr_chart_ref(code)
                if source and source not in tax.original_tax_ids:
                    tax.original_tax_ids = [Command.link(source.id)]
            if not row.rate:
                continue
            for code in ABROAD[row.scope]:
                zero = self._fr_chart_ref(code)
                if zero and tax not in zero.original_tax_ids:
                    zero.original_tax_ids = [Command.link(tax.id)]

    def _fr_ensure_position(self, row):
        """Make one fiscal position."""
        if self._fr_chart_ref(row.code):
            return
        taxes = [tax for code in row.taxes if (tax := self._fr_chart_ref(code))]
        domestic = self._fr_chart_ref("fiscal_position_template_domestic")
        if not (taxes and domestic):
            return
        # those of the mainland stay as they are and may be chosen; a position without
        # any tax in use would remove every tax
        ids = {tax.id for tax in taxes} | set(
            domestic.with_context(active_test=False).tax_ids.ids
        )
        position = (
            self.env["account.fiscal.position"]
            .with_context(lang="en_US")
            .create(
                {
                    "name": row.name,
                    "company_id": self.id,
                    "sequence": row.sequence,
                    "auto_apply": True,
                    "fr_area": row.area,
                    "tax_ids": [Command.set(sorted(ids))],
                }
            )
        )
        self._fr_translate(position, "name", row.name_fr)
        self._fr_name_record(position, row.code)

    def _fr_translate(self, record, field, text):
        if self.env["res.lang"]._get_data(code="fr_FR"):
            record.with_context(lang="fr_FR")[field] = text

    def _fr_name_record(self, record, code):
        self.env["ir.model.data"].create(
            {
                "module": "account",
                "name": f"{self.id}_{code}",
                "model": record._name,
                "res_id": record.id,
                "noupdate": True,
            }
        )

    def write(self, vals):
        """Switch on what a company needs when its scheme or its place changes."""
        result = super().write(vals)
        if {"fr_vat_franchise", "country_id", "zip"} & vals.keys():
            self._fr_activate_territory_taxes()
        return result
