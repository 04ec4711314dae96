# Part of Relevé. See LICENSE file for full copyright and licensing details.
import base64
import logging
import os
from pathlib import Path

from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import config, email_normalize

from ..sealing import kept

_logger = logging.getLogger(__name__)


class ResCompany(models.Model):
    _inherit = "res.company"

    fr_seal_anchor_email = fields.Char(
        string="Send Anchors to",
        help="Each signed anchor is sent there, to your accountant for example. Kept "
        "outside, it shows when the chain was cut, written anew or restored from an "
        "old backup.",
    )

    @api.constrains("fr_seal_anchor_email")
    def _check_fr_seal_anchor_email(self):
        for company in self:
            address = company.fr_seal_anchor_email
            if address and not email_normalize(address):
                raise ValidationError(
                    self.env._("“%(address)s” is no e-mail address.", address=address)
                )


class FrSealChain(models.Model):
    """Keeps a copy of each anchor outside the database.

    In a folder of the server that no backup of the database brings back, by database
    and chain (``fr_seal_anchor_folder`` in odoo.conf, FR_SEAL_ANCHOR_FOLDER in the
    environment, beside the filestore by default), and by e-mail where an address is
    given. The verification of each night compares the folder with the chain.
    """

    _inherit = "fr.seal.chain"

    def _get_kept_folder(self):
        """Give the folder of this chain's kept anchors.

        :rtype: pathlib.Path
        """
        self.ensure_one()
        root = os.environ.get("FR_SEAL_ANCHOR_FOLDER") or config.get(
            "fr_seal_anchor_folder"
        )
        root = root or Path(config["data_dir"], "fr_seal_anchors")
        # a copy of the database has another identifier: it begins its own folder
        database = (
            self.env["ir.config_parameter"].sudo().get_param("database.uuid", "none")
        )
        return Path(root, database, self.uuid)

    def _keep_outside(self, record, signed):
        """Copy a new anchor once its transaction is committed.

        :param record: fr.seal.anchor
        :param bytes signed: the signed XML
        """
        self.ensure_one()
        folder, name = self._get_kept_folder(), f"{record.sequence:09d}.xml"
        self.env.cr.postcommit.add(lambda: self._write_kept(folder, name, signed))
        if address := self.company_id.fr_seal_anchor_email:
            self._send_kept(record, signed, address)

    @staticmethod
    def _write_kept(folder, name, signed):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            path = Path(folder, name)
            if not path.exists():
                path.write_bytes(signed)
                path.chmod(0o440)
        except OSError as error:
            # the anchor is in the archive all the same
            _logger.warning("The anchor %s is not kept in %s: %s", name, folder, error)

    def _read_kept(self):
        """Read the anchors kept in the folder.

        :rtype: list[sealing.kept.KeptAnchor]
        """
        self.ensure_one()
        folder = self._get_kept_folder()
        return kept.read_paths([folder]) if folder.is_dir() else []

    def _send_kept(self, record, signed, address):
        """Queue the mail that carries an anchor out of the house."""
        self.ensure_one()
        company = self.company_id
        context = self.with_context(lang=company.partner_id.lang)
        mail = self.env["mail.mail"].sudo()  # nobody else writes this mail
        mail.create(
            {
                "subject": context.env._(
                    "Seal of %(company)s, link %(link)s",
                    company=company.name,
                    link=record.sequence,
                ),
                "body_html": Markup("<p>%s</p><p>%s</p>")
                % (
                    context.env._(
                        "The attached file is signed. It states that the chain of "
                        "invoices of %(company)s had %(link)s links on %(date)s, the "
                        "last with the hash %(hash)s.",
                        company=company.name,
                        link=record.sequence,
                        date=fields.Date.to_string(record.signed_at),
                        hash=record.head,
                    ),
                    context.env._(
                        "Keep it: it shows later that nothing before that link was "
                        "changed or removed."
                    ),
                ),
                "email_to": address,
                "email_from": company.email_formatted or False,
                "auto_delete": True,
                "attachment_ids": [
                    fields.Command.create(
                        {
                            "name": f"{self.uuid[:8]}_{record.sequence}.xml",
                            "datas": base64.b64encode(signed),
                            "mimetype": "application/xml",
                        }
                    )
                ],
            }
        )
