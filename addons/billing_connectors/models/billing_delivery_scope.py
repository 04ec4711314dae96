# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo import api, fields, models
from odoo.exceptions import UserError


class BillingDeliveryScope(models.Model):
    """What a restating file covers: a billing period of a billing account.

    One delivery is current for a scope; the database enforces it. Suppliers of cost
    files (AWS, Azure, FOCUS "Overwrite") deliver a scope again with every row in it.
    """

    _name = "billing.delivery.scope"
    _description = "Usage Delivery Scope"
    _order = "name, id"
    _check_company_auto = True

    name = fields.Char(string="Scope", required=True, readonly=True)
    delivery_id = fields.Many2one(
        "billing.delivery",
        required=True,
        readonly=True,
        index=True,
        check_company=True,
        ondelete="cascade",
    )
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, index=True
    )
    source_id = fields.Many2one(
        "usage.source",
        required=True,
        readonly=True,
        index=True,
        check_company=True,
        ondelete="restrict",
    )
    is_current = fields.Boolean(readonly=True, default=True)

    _current_unique = models.UniqueIndex(
        "(company_id, source_id, name) WHERE is_current",
        "Another delivery is the current one for this billing period and account.",
    )

    @api.model
    def _claim(self, delivery, names):
        """Make a delivery the current one for its scopes.

        A delivery that restates exactly the scopes of an earlier one takes its place
        (the store is told when the import ends). One that restates a part of them is
        refused: the store takes back a delivery as a whole.

        :param billing.delivery delivery: one that brings new content
        :param set[str] names: scopes found in the file
        :raise UserError: the scopes overlap another delivery's in part
        """
        taken = self.search(
            [
                ("company_id", "=", delivery.company_id.id),
                ("source_id", "=", delivery.source_id.id),
                ("name", "in", list(names)),
                ("is_current", "=", True),
                ("delivery_id", "!=", delivery.id),
            ]
        )
        for other in taken.delivery_id:
            if set(other.scope_ids.mapped("name")) != names:
                self._refuse(delivery, other, taken)
        taken.is_current = False
        taken.flush_recordset()
        self.create(
            [
                {
                    "name": name,
                    "delivery_id": delivery.id,
                    "company_id": delivery.company_id.id,
                    "source_id": delivery.source_id.id,
                }
                for name in sorted(names - set(delivery.scope_ids.mapped("name")))
            ]
        )

    @api.model
    def _refuse(self, delivery, other, taken):
        """Say which delivery stands in the way and what to do."""
        raise UserError(
            self.env._(
                "%(file)s restates %(scope)s, which %(other)s delivered on %(date)s "
                "together with other billing periods or accounts. Ask for a file that "
                "restates all of them, or import it from another source if it only "
                "adds rows.",
                file=delivery.name,
                scope=taken.filtered(lambda scope: scope.delivery_id == other)[0].name,
                other=other.name,
                date=fields.Date.to_string(other.received_at),
            )
        )
