# Part of Relevé. See LICENSE file for full copyright and licensing details.
import base64
import os
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import config

from ..seal_messages import SEAL_KEY_ERRORS
from ..sealing import keys

#: from how many days before its end a key is said to expire
WARNING_DAYS = 60
CONTENT = {"company_id", "certificate", "private_key", "fingerprint", "origin"}


class FrSealKey(models.Model):
    """A key that signs anchors: made here or imported from a PKCS#12 file.

    The private part is readable by the system group only, never exported or copied, and
    encrypted when a passphrase is configured outside the database
    (``fr_seal_passphrase`` in odoo.conf or FR_SEAL_PASSPHRASE in the environment).
    Odoo's own certificate add-on is not used: its manifest declares another licence.
    """

    _name = "fr.seal.key"
    _description = "Seal Key"
    _order = "id desc"
    _check_company_auto = True

    name = fields.Char(required=True, readonly=True)
    company_id = fields.Many2one(
        "res.company",
        required=True,
        readonly=True,
        ondelete="restrict",
        index=True,
    )
    active_key = fields.Boolean(
        string="In Use", readonly=True, help="One key of a company signs at a time."
    )
    origin = fields.Selection(
        [("made", "Made here, self-signed"), ("imported", "Imported")],
        required=True,
        readonly=True,
    )
    subject = fields.Char(readonly=True)
    issuer = fields.Char(readonly=True)
    serial = fields.Char(string="Serial Number", readonly=True)
    fingerprint = fields.Char(
        string="Fingerprint (SHA-256)", required=True, readonly=True, index="btree"
    )
    valid_from = fields.Datetime(readonly=True)
    valid_to = fields.Datetime(string="Valid until", readonly=True)
    retired_at = fields.Datetime(string="Retired on", readonly=True)
    certificate = fields.Text(required=True, readonly=True)
    private_key = fields.Text(
        readonly=True, copy=False, exportable=False, groups="base.group_system"
    )
    is_encrypted = fields.Boolean(string="Encrypted at Rest", readonly=True, copy=False)
    is_expiring = fields.Boolean(compute="_compute_is_expiring")

    _in_use_unique = models.UniqueIndex("(company_id) WHERE active_key")

    @api.depends("valid_to", "active_key")
    def _compute_is_expiring(self):
        limit = fields.Datetime.now() + timedelta(days=WARNING_DAYS)
        for key in self:
            key.is_expiring = bool(
                key.active_key and key.valid_to and key.valid_to < limit
            )

    # === Making === #

    @api.model
    def _get_passphrase(self):
        """Give what encrypts private keys; kept out of the database on purpose."""
        return os.environ.get("FR_SEAL_PASSPHRASE") or config.get("fr_seal_passphrase")

    @api.model
    def _get(self, company):
        """Give the key in use of a company, made now if it has none.

        :rtype: fr.seal.key, in sudo
        """
        found = self.sudo().search(
            [("company_id", "=", company.id), ("active_key", "=", True)]
        )
        if found and found.private_key and found.valid_to > fields.Datetime.now():
            return found
        return self._make(company)

    @api.model
    def _make(self, company):
        """Make a self-signed key and put it in use."""
        private, certificate = keys.generate(
            company.name, fields.Datetime.now(), self._get_passphrase()
        )
        return self._put_in_use(company, private, certificate, "made")

    @api.model
    def _import(self, company, content, password):
        """Put the key of a PKCS#12 file in use.

        :param bytes content:
        :param str password: of the file; not kept
        """
        try:
            private, certificate = keys.import_pkcs12(
                content, password, self._get_passphrase()
            )
        except keys.KeyFileError as error:
            raise self._get_error(error.code) from error
        key = self._put_in_use(company, private, certificate, "imported")
        if key.valid_to < fields.Datetime.now():
            raise self._get_error("expired")
        return key

    def _put_in_use(self, company, private, certificate, origin):
        read = keys.read_certificate(certificate)
        now = fields.Datetime.now()
        records = self.sudo()  # called for people who may not read a private key
        former = records.search(
            [("company_id", "=", company.id), ("active_key", "=", True)]
        )
        # past our own guard: pylint: disable-next=super-method-mismatch
        super(FrSealKey, former).write({"active_key": False, "retired_at": now})
        former.flush_recordset()
        # past our own guard: pylint: disable-next=super-method-mismatch
        key = super(FrSealKey, records).create(
            [
                {
                    "name": f"{company.name} {now:%Y-%m-%d}",
                    "company_id": company.id,
                    "active_key": True,
                    "origin": origin,
                    "subject": read.subject,
                    "issuer": read.issuer,
                    "serial": read.serial,
                    "fingerprint": read.fingerprint,
                    "valid_from": read.valid_from,
                    "valid_to": read.valid_to,
                    "certificate": certificate,
                    "private_key": private,
                    "is_encrypted": keys.is_encrypted(private),
                }
            ]
        )
        self.env["fr.seal.entry"]._append(
            "key",
            key,
            {
                "fingerprint": key.fingerprint,
                "subject": key.subject,
                "replaces": former.fingerprint or None,
            },
        )
        return key

    def _open(self):
        """Give the readable private key, for one signature.

        :rtype: bytes
        """
        self.ensure_one()
        if not self.private_key:
            raise self._get_error("removed")
        try:
            return keys.open_key(
                self.private_key, self._get_passphrase() if self.is_encrypted else None
            )
        except keys.KeyFileError as error:
            raise self._get_error(error.code) from error

    def _get_error(self, code):
        """Give the error a person reads for a code of sealing/keys.py or our own."""
        sentence = SEAL_KEY_ERRORS[code]
        return UserError(self.env._(sentence))

    # === Guards === #

    @api.model_create_multi
    # always refused: pylint: disable-next=method-required-super
    def create(self, vals_list):
        raise UserError(self.env._("Make or import a key with the buttons."))

    def write(self, vals):
        if vals.keys() - {"name"}:
            raise UserError(self.env._("A key is not changed: put another in use."))
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_always(self):
        raise UserError(
            self.env._("A key is kept: its certificate proves the anchors it signed.")
        )

    # === Actions === #

    @api.model
    def action_make(self):
        """Make a new key for the current company; the former one retires."""
        self.browse().check_access("write")
        return self._make(self.env.company)._get_records_action()

    def action_download_certificate(self):
        """Download the public certificate."""
        self.ensure_one()
        attachment = self.env["ir.attachment"].create(
            {
                "name": f"{self.fingerprint[:16]}.pem",
                "raw": self.certificate.encode(),
                "mimetype": "application/x-pem-file",
            }
        )
        return {
            "type": "ir.actions.act_url",
            "url": f"/web/content/{attachment.id}?download=true",
            "target": "download",
        }


# a few lines beside their model: pylint: disable-next=no-wizard-in-models
class FrSealKeyImport(models.TransientModel):
    """Asks for a PKCS#12 file and its password; keeps neither."""

    _name = "fr.seal.key.import"
    _description = "Import a Seal Key"

    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company
    )
    file = fields.Binary(string="PKCS#12 File", required=True, attachment=False)
    filename = fields.Char()
    password = fields.Char()

    def action_import(self):
        self.ensure_one()
        self.env["fr.seal.key"].check_access("write")
        key = self.env["fr.seal.key"]._import(
            self.company_id, base64.b64decode(self.file), self.password
        )
        self.sudo().unlink()  # the file and its password go at once
        return key._get_records_action()
