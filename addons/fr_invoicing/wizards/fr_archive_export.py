# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo import Command, api, fields, models
from odoo.exceptions import UserError


class FrArchiveExport(models.TransientModel):
    """Asks what to hand over at an inspection, and hands it over as one ZIP."""

    _name = "fr.archive.export"
    _description = "Export for an Inspection"

    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company
    )
    scope = fields.Selection(
        [
            ("selection", "The selected documents"),
            ("period", "A period"),
            ("customer", "A customer"),
        ],
        required=True,
        default="period",
    )
    move_ids = fields.Many2many("account.move", string="Documents")
    date_from = fields.Date(
        string="From",
        default=lambda self: fields.Date.context_today(self).replace(month=1, day=1),
    )
    date_to = fields.Date(string="To", default=fields.Date.context_today)
    partner_id = fields.Many2one("res.partner", string="Customer")
    document_count = fields.Integer(
        string="Documents to Hand over", compute="_compute_document_count"
    )
    unsealed_count = fields.Integer(
        compute="_compute_document_count",
        help="Posted before the seal, or drafts: they cannot be proven.",
    )

    @api.model
    def default_get(self, fields):
        """Take the documents of the list or form the wizard was opened from."""
        values = super().default_get(fields)
        if self.env.context.get("active_model") == "account.move":
            moves = self.env["account.move"].browse(self.env.context["active_ids"])
            values["scope"] = "selection"
            values["move_ids"] = [Command.set(moves.ids)]
            values["company_id"] = moves[:1].company_id.id
        return values

    @api.depends(
        "scope", "move_ids", "date_from", "date_to", "partner_id", "company_id"
    )
    def _compute_document_count(self):
        for wizard in self:
            wizard.document_count = self.env["account.move"].search_count(
                wizard._get_domain()
            )
            wizard.unsealed_count = (
                len(wizard.move_ids) - wizard.document_count
                if wizard.scope == "selection"
                else 0
            )

    def _get_domain(self):
        self.ensure_one()
        domain = [
            ("company_id", "=", self.company_id.id),
            ("fr_sealed_at", "!=", False),
        ]
        if self.scope == "selection":
            return [*domain, ("id", "in", self.move_ids.ids)]
        if self.scope == "customer":
            domain.append(
                ("commercial_partner_id", "=", self.partner_id.commercial_partner_id.id)
            )
        if self.date_from:
            domain.append(("invoice_date", ">=", self.date_from))
        if self.date_to:
            domain.append(("invoice_date", "<=", self.date_to))
        return domain

    def _get_moves(self):
        return self.env["account.move"].search(self._get_domain(), order="id")

    def _get_selection_text(self):
        """Say what was asked for, for the manifest."""
        self.ensure_one()
        if self.scope == "selection":
            return f"{len(self.move_ids)} documents"
        period = f"{self.date_from or ''} - {self.date_to or ''}"
        if self.scope == "customer":
            return f"{self.partner_id.display_name}, {period}"
        return period

    def action_export(self):
        """Sign the chain as it stands, then download the bundle."""
        self.ensure_one()
        self.env["fr.archive.entry"].check_access("read")
        if not self.document_count:
            raise UserError(
                self.env._(
                    "No sealed document matches: choose another period or customer. "
                    "Drafts and documents issued before the seal are not handed over."
                )
            )
        chain = self.env["fr.seal.chain"]._get(self.company_id)
        if not chain:
            raise UserError(
                self.env._(
                    "%(company)s does not seal its documents.",
                    company=self.company_id.name,
                )
            )
        self.env["fr.seal.anchor"]._sign(chain)
        return {
            "type": "ir.actions.act_url",
            "url": f"/fr_invoicing/inspection/{self.id}",
            "close": True,  # the dialog; not heeded with the target "download"
        }

    def _iter_zip(self):
        """Yield the bundle in pieces."""
        chain = self.env["fr.seal.chain"]._get(self.company_id)
        return self.env["fr.archive.bundle"]._iter_bundle(
            chain, self._get_moves(), self._get_selection_text()
        )

    def _get_file_name(self):
        siren = self.company_id._fr_get_siren() or self.company_id.id
        return f"controle_{siren}_{fields.Date.today()}.zip"
