from odoo import api, fields, models

#: In the context while a meter is written with its filters: it checks and counts once
#: for all of them. An object, which no call from outside can name.
BY_METER = object()


class UsageMeterFilter(models.Model):
    """One condition of a meter: a dimension, else a property, has this value.

    A change is a change of its meter, whichever way it is made: refused where invoices
    rest on it, else the meter is counted again.
    """

    _name = "usage.meter.filter"
    _description = "Usage Meter Filter"
    _order = "key, value, id"

    meter_id = fields.Many2one(
        "usage.meter", required=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one(
        related="meter_id.company_id",
        store=True,
        precompute=True,
        index=True,
        required=True,
    )
    key = fields.Char(
        string="Dimension or Property", required=True, help="As the source names it."
    )
    value = fields.Char(required=True)

    _key_unique = models.Constraint(
        "UNIQUE(meter_id, key)", "A meter has one condition on each property."
    )

    @api.model_create_multi
    def create(self, vals_list):
        if self._is_by_meter():
            return super().create(vals_list)
        filters = super().create(vals_list)
        filters.meter_id._check_not_billed()
        filters.meter_id._rebuild_rollups()
        return filters

    def write(self, vals):
        if self._is_by_meter() or not vals.keys() & {"meter_id", "key", "value"}:
            return super().write(vals)
        meters = self.meter_id
        result = super().write(vals)
        meters |= self.meter_id
        meters._check_not_billed()
        meters._rebuild_rollups()
        return result

    def unlink(self):
        if self._is_by_meter():
            return super().unlink()
        meters = self.meter_id
        meters._check_not_billed()
        result = super().unlink()
        meters._rebuild_rollups()
        return result

    def _is_by_meter(self):
        return self.env.context.get("usage_meter_counts") is BY_METER
