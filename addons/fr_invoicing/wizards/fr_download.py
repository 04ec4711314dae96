# Part of Relevé. See LICENSE file for full copyright and licensing details.
import base64

from odoo import api, fields, models

from odoo.addons.usage_billing.annex import usage_csv


class FrDownload(models.TransientModel):
    """A file made for one person, gone with the next cleaning."""

    _name = "fr.download"
    _description = "Download"

    name = fields.Char(required=True)
    file = fields.Binary(attachment=True, required=True)

    @api.private
    def _offer(self, name, content):
        """Give the action that downloads some bytes.

        :param str name: file name
        :param bytes content: the file
        :rtype: dict
        """
        download = self.create({"name": name, "file": base64.b64encode(content)})
        return {
            "type": "ir.actions.act_url",
            "url": f"/web/content/{self._name}/{download.id}/file/{name}?download=true",
            "target": "download",
        }

    @api.private
    def _offer_csv(self, name, header, rows):
        """Offer a table in the reader's way of writing numbers."""
        lang = self.env["res.lang"]._get_data(code=self.env.lang)
        content = usage_csv.write(header, rows, lang.decimal_point or ".")
        return self._offer(name, content)
