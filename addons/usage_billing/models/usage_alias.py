from decimal import Decimal

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import ormcache

from ..fields_exact import Exact
from ..metering.values import RejectedRow, UnitRow
from ..rating.rounding import exact_arithmetic


class UsageAlias(models.Model):
    """Another name by which a source calls a type of event or a unit.

    Read before an event is identified and matched, at arrival and at a replay alike, so
    that a row sent twice stays a duplicate. Once events came in under an alias it does
    not change any more; it can only be archived.
    """

    _name = "usage.alias"
    _description = "Usage Alias"
    _order = "kind, name, id"
    _check_company_auto = True

    kind = fields.Selection(
        [("type", "Type of event"), ("unit", "Unit")], required=True, default="type"
    )
    name = fields.Char(
        string="Name in the Source", required=True, help="Exactly as the source says."
    )
    company_id = fields.Many2one(
        "res.company", required=True, index=True, default=lambda self: self.env.company
    )
    source_id = fields.Many2one(
        "usage.source",
        index="btree_not_null",
        check_company=True,
        ondelete="restrict",
        help="Empty: the name means the same in every source.",
    )
    event_type = fields.Char(string="Means the Type")
    factor = Exact(
        string="Times",
        help="One unit of this name is so many units of the meter: 1024 when the "
        "source says GB and the meter counts MB.",
    )
    active = fields.Boolean(default=True)

    _name_unique = models.UniqueIndex(
        "(company_id, coalesce(source_id, 0), kind, name) WHERE active",
        "This name has a meaning already.",
    )

    @api.constrains("kind", "event_type", "factor", "name")
    def _check_meaning(self):
        for alias in self:
            if alias.kind == "type" and (
                not alias.event_type or alias.event_type == alias.name
            ):
                raise ValidationError(
                    self.env._(
                        "Say which type of event %(name)s means.", name=alias.name
                    )
                )
            if alias.kind == "unit" and not (alias.factor and alias.factor > 0):
                raise ValidationError(
                    self.env._(
                        "Say how many units of the meter one %(name)s is: a number "
                        "above zero.",
                        name=alias.name,
                    )
                )

    @api.model_create_multi
    def create(self, vals_list):
        aliases = super().create(vals_list)
        self.env.registry.clear_cache()
        return aliases

    def write(self, vals):
        """Names keep their meaning; another one is a new alias."""
        if vals.keys() - {"active"}:
            for alias in self:
                if alias._is_used():
                    raise UserError(
                        self.env._(
                            "Usage came in under the name %(name)s: its meaning stays. "
                            "Archive the alias and create another one.",
                            name=alias.name,
                        )
                    )
        result = super().write(vals)
        self.env.registry.clear_cache()
        return result

    def unlink(self):
        result = super().unlink()
        self.env.registry.clear_cache()
        return result

    @api.ondelete(at_uninstall=False)
    def _unlink_except_used(self):
        for alias in self:
            if alias._is_used():
                raise UserError(
                    self.env._(
                        "Usage came in under the name %(name)s. Archive the alias "
                        "instead of deleting it.",
                        name=alias.name,
                    )
                )

    def _is_used(self):
        """Whether a batch of its source came in since the alias exists."""
        self.ensure_one()
        domain = [
            ("company_id", "=", self.company_id.id),
            ("received_at", ">=", self.create_date),
            ("accepted_count", ">", 0),
        ]
        if self.source_id:
            domain.append(("source_id", "=", self.source_id.id))
        return bool(self.env["usage.batch"].sudo().search_count(domain, limit=1))

    # ------------------------------------------------------------------
    # business
    # ------------------------------------------------------------------
    @api.model
    def _get_translation(self, source):
        """How events of a source are translated before anything else looks at them.

        :param usage.source source: one
        :return: function EventRow -> EventRow, or None when nothing is translated
        """
        types, _units = self._get_names(source.company_id.id, source.id)
        if not types:
            return None

        def translate(row):
            meant = types.get(row.type)
            return row if meant is None else row._replace(type=meant)

        return translate

    @api.model
    def _in_source_units(self, company_id, source_id, rows):
        """Rows with their values in the unit that meters expect of events.

        A unit is known by the label or code of a meter of the event's type, else by a
        name that was given a factor. A meter that divides expects the small unit.

        :param list rows: EventRow, RejectedRow and UnitRow
        :return: EventRow and RejectedRow, parallel; a unit that is not known holds its
            row as "unknown_unit"
        """
        types, units = self._get_names(company_id, source_id)
        scales = {}
        return [
            self._in_source_unit(company_id, row, types, units, scales)
            if type(row) is UnitRow
            else row
            for row in rows
        ]

    def _in_source_unit(self, company_id, row, types, units, scales):
        event, unit, raw = row
        if event.value is None:
            return event
        kind = types.get(event.type, event.type)
        if kind not in scales:
            scales[kind] = self._get_scales(company_id, kind)
        known, base = scales[kind]
        factor = known.get(unit.casefold())
        if factor is None and unit in units:
            factor = Decimal(units[unit]) * base
        if factor is None:
            return RejectedRow(
                event.row_number,
                "unknown_unit",
                unit,
                raw,
                event_id=event.event_id,
                type=event.type,
                subject=event.subject,
                time=event.time,
                amount=event.amount,
            )
        with exact_arithmetic():
            return event._replace(value=event.value * factor)

    def _get_scales(self, company_id, event_type):
        """({unit: units of the source in it}, the same of the first meter)."""
        meters = (
            self.env["usage.meter"]
            .sudo()  # names of units are no secret to a source
            .search(
                [("company_id", "=", company_id), ("event_type", "=", event_type)],
                order="id",
            )
        )
        known = {}
        for meter in reversed(meters):
            divisor = meter.unit_divisor or Decimal(1)
            for lang, _name in self.env["res.lang"].get_installed():
                label = meter.with_context(lang=lang).unit_label
                known[(label or "").casefold()] = divisor
            if meter.unit_code != "C62":
                known[meter.unit_code.casefold()] = divisor
        known.pop("", None)
        return known, meters[:1].unit_divisor or Decimal(1)

    @api.model
    @ormcache("company_id", "source_id")
    def _get_names(self, company_id, source_id):
        """({name: type}, {unit: factor as text}) of a source; its own names win."""
        aliases = self.sudo().search(  # names are no secret to an import
            [("company_id", "=", company_id), ("source_id", "in", (False, source_id))]
        )
        types, units = {}, {}
        for alias in aliases.sorted(lambda alias: bool(alias.source_id)):
            if alias.kind == "type":
                types[alias.name] = alias.event_type
            else:
                units[alias.name] = str(alias.factor)
        return types, units
