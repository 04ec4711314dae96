# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo import models, release
from odoo.modules.module import get_manifest

from ..einvoice import pdf


class FrSealChain(models.Model):
    _inherit = "fr.seal.chain"

    def _render_attestation(self):
        """Fill in what the software knows of the attestation (CGI art. 286 I 3° bis).

        The publisher and the company complete and sign it; always in French.

        :return: PDF
        :rtype: bytes
        """
        self.ensure_one()
        company = self.company_id
        version = get_manifest("fr_invoicing")["version"]
        html = self.env["ir.qweb"]._render(
            "fr_invoicing.fr_seal_attestation",
            {
                "version": version,
                "odoo_version": release.version,
                "major": ".".join(version.split(".")[:3]),
                "company": company.name,
                "address": company.partner_id._display_address(
                    without_company=True
                ).replace("\n", ", "),
                "siren": company._fr_get_siren(),
                "since": f"{self.started_at:%d/%m/%Y}",
                "chain": self.uuid,
                "fingerprint": self.key_id.fingerprint or "",
            },
        )
        return pdf.render_page(
            f"<!DOCTYPE html>{html}", fonts=self.env["fr.invoice.page"]._get_fonts()
        )

    def action_attestation(self):
        """Download the attestation, filled in as far as the software knows."""
        self.ensure_one()
        self.check_access("read")
        attachment = self.env["ir.attachment"].create(
            {
                "name": "attestation_286.pdf",
                "raw": self._render_attestation(),
                "mimetype": "application/pdf",
            }
        )
        return {
            "type": "ir.actions.act_url",
            "url": f"/web/content/{attachment.id}?download=true",
            "target": "download",
        }
