# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo import api, models

from ..const import SERVICE_TAXES


class ProductTemplate(models.Model):
    _inherit = "product.template"

    @api.model_create_multi
    def create(self, vals_list):
        """Give services the TVA that falls due on payment, when none was chosen.

        Odoo gives every product the company's default tax, which is that of goods.
        """
        is_default = ["taxes_id" not in vals for vals in vals_list]
        products = super().create(vals_list)
        for product, by_default in zip(products, is_default, strict=True):
            if by_default and product.type == "service":
                product._fr_take_service_taxes()
        return products

    @api.onchange("type")
    def _onchange_fr_type(self):
        default = self.env.company.account_sale_tax_id
        if self.type == "service" and self.taxes_id._origin == default:
            self._fr_take_service_taxes()

    def _fr_take_service_taxes(self):
        """Replace taxes on goods of the French chart by their twins on payment.

        Not for companies that opted for TVA on debits (CGI 269-2 c).
        """
        self.ensure_one()
        for tax in self.taxes_id.sudo():  # taxes of other companies of the user
            company = tax.company_id
            on_debits = company._fr_get_legal().fr_vat_on_debits
            if not company._fr_is_french() or on_debits:
                continue
            for goods, service in SERVICE_TAXES.items():
                if company._fr_chart_ref(goods) != tax:
                    continue
                twin = company._fr_chart_ref(service)
                if twin and twin.active:
                    self.taxes_id = (self.taxes_id - tax) | twin


class ProductProduct(models.Model):
    _inherit = "product.product"

    @api.model_create_multi
    def create(self, vals_list):
        """Do the same for products made directly: the ORM fills in their defaults."""
        is_default = [
            not {"taxes_id", "product_tmpl_id"} & vals.keys() for vals in vals_list
        ]
        products = super().create(vals_list)
        for product, by_default in zip(products, is_default, strict=True):
            if by_default and product.type == "service":
                product.product_tmpl_id._fr_take_service_taxes()
        return products
