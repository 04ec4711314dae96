# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo import models

# A French account number with valid keys of a bank code that nobody holds.
SELLER_IBAN = "FR7699999000010000001001834"


class UsageSample(models.Model):
    """What French law wants to read on the invoices of the sample company."""

    _inherit = "usage.sample"

    def _prepare_seller_vals(self):
        return {
            **super()._prepare_seller_vals(),
            "fr_legal_form": "SAS",
            "fr_share_capital": 50000.0,
            "fr_registry_city": "Lyon",
        }

    def _load_partners(self, company):
        result = super()._load_partners(company)
        if not company.partner_id.bank_ids:
            self._ensure(
                company,
                "bank.seller",
                "res.partner.bank",
                {
                    "acc_number": SELLER_IBAN,
                    "partner_id": company.partner_id.id,
                    "company_id": company.id,
                    "allow_out_payment": True,
                },
            )
        return result
