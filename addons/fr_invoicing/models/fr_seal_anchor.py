# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo import api, fields, models, release
from odoo.exceptions import UserError
from odoo.modules.module import get_manifest
from odoo.tools import format_datetime

from ..sealing import anchor


class FrSealAnchor(models.Model):
    """A signed statement of where the chain stands, kept in the archive.

    Sealed in its turn: the next anchor covers it.
    """

    _name = "fr.seal.anchor"
    _description = "Signed Anchor"
    _order = "id desc"
    _check_company_auto = True

    name = fields.Char(required=True, readonly=True)
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, ondelete="restrict", index=True
    )
    sequence = fields.Integer(string="Covers up to Link", required=True, readonly=True)
    head = fields.Char(string="Hash of That Link", required=True, readonly=True)
    signed_at = fields.Datetime(string="Signed on", required=True, readonly=True)
    key_id = fields.Many2one(
        "fr.seal.key",
        required=True,
        readonly=True,
        ondelete="restrict",
        index=True,
        check_company=True,
    )

    _sequence_unique = models.UniqueIndex("(company_id, sequence)")

    @api.depends("signed_at", "sequence")
    @api.depends_context("lang", "tz")
    def _compute_display_name(self):
        for record in self:
            record.display_name = self.env._(
                "Link %(link)s, signed on %(instant)s",
                link=record.sequence,
                instant=format_datetime(self.env, record.signed_at, dt_format="short"),
            )

    @api.model
    def _sign(self, chain):
        """Sign where a chain stands, unless nothing was linked since the last anchor.

        :param chain: fr.seal.chain in sudo
        :rtype: fr.seal.anchor
        """
        company = chain.company_id
        chain._link()
        anchors = self.sudo()  # signing needs the key; the caller may not read it
        last = anchors.search(
            [("company_id", "=", company.id)], order="sequence desc", limit=1
        )
        if chain.last_sequence <= (last.sequence or 0) + bool(last):
            # nothing new but the link of the last anchor itself
            return self.browse()
        key = self.env["fr.seal.key"]._get(company)
        chain._link()
        now = fields.Datetime.now()
        closing = self.env["fr.seal.closing"]._get_last(company)
        signed = anchor.sign(
            anchor.Statement(
                company=company.name,
                siren=company._fr_get_siren(),
                chain=chain.uuid,
                sequence=chain.last_sequence,
                head=chain.last_hash,
                closing=closing.name or "",
                turnover=str(closing.turnover) if closing else "",
                software=self._get_software(),
            ),
            key._open(),
            key.certificate,
            now,
        )
        # past our own guard: pylint: disable-next=super-method-mismatch
        record = super(FrSealAnchor, anchors).create(
            [
                {
                    # for the verifier's report; people see display_name
                    "name": f"link {chain.last_sequence}, {now:%Y-%m-%d %H:%M} UTC",
                    "company_id": company.id,
                    "sequence": chain.last_sequence,
                    "head": chain.last_hash,
                    "signed_at": now,
                    "key_id": key.id,
                }
            ]
        )
        self.env["fr.seal.entry"]._append(
            "anchor",
            record,
            signed,
            name=f"anchor_{chain.last_sequence}.xml",
            mimetype="application/xml",
        )
        chain._keep_outside(record, signed)
        chain._link()
        return record

    @api.model
    def _get_software(self):
        """Give name and version of the software, as in the publisher's attestation."""
        version = get_manifest("fr_invoicing")["version"]
        return f"Relevé fr_invoicing {version}, Odoo {release.version}"

    @api.model_create_multi
    # always refused: pylint: disable-next=method-required-super
    def create(self, vals_list):
        raise UserError(self.env._("Anchors are signed by the software."))

    # always refused: pylint: disable-next=method-required-super
    def write(self, vals):
        raise UserError(self.env._("A signed anchor cannot be changed."))

    @api.ondelete(at_uninstall=False)
    def _unlink_except_always(self):
        raise UserError(self.env._("A signed anchor cannot be deleted."))

    def action_download(self):
        """Download the signed XML."""
        self.ensure_one()
        archived = self.env["fr.archive.entry"].search(
            [("model", "=", self._name), ("res_id", "=", self.id)], limit=1
        )
        return archived.action_download()
