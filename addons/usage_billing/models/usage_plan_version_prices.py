from odoo import models, tools

from .. import pricebook

#: states in which prices may still be written
EDITABLE = ("draft", "simulated")


class UsagePlanVersion(models.Model):
    """The prices of a version as values, made once for a version that is frozen."""

    _inherit = "usage.plan.version"

    def _get_prices(self):
        """Charges as rating needs them, in their order.

        :rtype: tuple[pricebook.Priced, ...]
        :raise ValidationError: names a charge that cannot be rated
        """
        self.ensure_one()
        if not self._origin.id or self.state in EDITABLE:
            return pricebook.prices_of(self.charge_ids)
        return self._get_frozen_prices()

    @tools.ormcache("self.id")
    def _get_frozen_prices(self):
        return pricebook.prices_of(self.sudo().charge_ids)  # the same for everybody

    def write(self, vals):
        """A version that is opened or frozen forgets what was made of it."""
        result = super().write(vals)
        if "state" in vals:
            self.env.registry.clear_cache()
        return result
