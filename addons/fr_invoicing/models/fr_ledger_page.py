# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo import api, fields, models
from odoo.exceptions import UserError


class FrLedgerPage(models.AbstractModel):
    """A page that reads the ledger each time it is shown, and keeps nothing.

    A page says its title and how it is filled (``_fill``).
    """

    _name = "fr.ledger.page"
    _description = "Page Read from the Ledger"

    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company
    )
    currency_id = fields.Many2one(related="company_id.currency_id")

    def _get_title(self):
        """Give the title of the page in the reader's language."""
        raise NotImplementedError

    def _fill(self):
        """Read the ledger and write the rows. Access was checked."""
        raise NotImplementedError

    @api.model
    def action_open(self):
        """Open the page on what it proposes."""
        return self.create({}).action_compute()

    def action_compute(self):
        """Read the ledger again."""
        self._compute_page()
        return {
            "type": "ir.actions.act_window",
            "name": self._get_title(),
            "res_model": self._name,
            "res_id": self.id,
            "view_mode": "form",
            "target": "current",
        }

    def _compute_page(self):
        """Fill the page. Reads journal entries as its reader may: all or none."""
        self.ensure_one()
        self.env["account.move.line"].check_access("read")
        if self.company_id not in self.env.companies:
            raise UserError(
                self.env._("Choose %(company)s first.", company=self.company_id.name)
            )
        self._fill()
