# Part of Relevé. See LICENSE file for full copyright and licensing details.
import json

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from .. import bridge, messages
from ..const import FORMATS
from ..feeds.mapping import suggest
from ..feeds.parsers import sniff_header
from ..feeds.times import zone
from ..feeds.values import FeedError, MappingError

#: form field -> path of a text in the definition
TEXTS = {
    "type_text": ("fields", "type"),
    "subject_text": ("fields", "subject"),
    "time_text": ("fields", "time"),
    "value_text": ("fields", "value"),
    "amount_text": ("fields", "amount"),
    "currency_text": ("fields", "currency"),
    "customer_name_text": ("fields", "customer_name"),
}
#: form field -> path of a setting
SETTINGS = {
    "format": ("format",),
    "delimiter": ("options", "delimiter"),
    "encoding": ("options", "encoding"),
    "decimal_sign": ("options", "decimal"),
    "time_zone": ("time_zone",),
    "file_pattern": ("file_pattern",),
}
ALIAS_SEPARATOR = "|"


class BillingMapping(models.Model):
    """How the columns of a supplier's file become usage.

    The definition is a JSON text (grammar in the module ``feeds.mapping``); the fields
    of the form show its usual parts and write them back. Once a delivery was read with
    it, a mapping is evidence and no longer changes: a change is the next version.
    """

    _name = "billing.mapping"
    _description = "Usage File Mapping"
    _inherit = ["mail.thread"]
    _order = "name, version desc, id desc"
    _check_company_auto = True

    name = fields.Char(required=True, tracking=True)
    company_id = fields.Many2one(
        "res.company",
        required=True,
        index=True,
        default=lambda self: self.env.company,
    )
    active = fields.Boolean(default=True)
    version = fields.Integer(readonly=True, default=1, copy=False)
    previous_id = fields.Many2one(
        "billing.mapping",
        string="Previous Version",
        readonly=True,
        index="btree_not_null",
        check_company=True,
        copy=False,
    )
    source_id = fields.Many2one(
        "usage.source",
        index="btree_not_null",
        check_company=True,
        help="Where files read with this mapping come from, unless said otherwise when "
        "importing. Row identities are unique within the source.",
    )
    format = fields.Selection(
        FORMATS,
        compute="_compute_parts",
        inverse=lambda self: self._write_part("format"),
        required=True,
    )
    definition = fields.Text(
        required=True,
        default=lambda self: self._default_definition(),
        help="The mapping in JSON. Numbers stay exact, nothing in it is executed.",
    )
    template = fields.Char(
        readonly=True, copy=False, help="Ready-made mapping this one was made from."
    )

    # parts of the definition, for people
    delimiter = fields.Char(
        compute="_compute_parts",
        inverse=lambda self: self._write_part("delimiter"),
        help="Empty: detected in each file. Write tab for a tab.",
    )
    encoding = fields.Char(
        compute="_compute_parts",
        inverse=lambda self: self._write_part("encoding"),
        help="Empty: detected in each file (UTF-8, UTF-16 or Windows-1252).",
    )
    decimal_sign = fields.Selection(
        [(".", "Point: 1234.5"), (",", "Comma: 1234,5")],
        compute="_compute_parts",
        inverse=lambda self: self._write_part("decimal_sign"),
        help="Empty: detected in each file; a file that leaves it open is refused.",
    )
    time_zone = fields.Char(
        compute="_compute_parts",
        inverse=lambda self: self._write_part("time_zone"),
        help="Zone of times that carry none, for example UTC or Europe/Paris.",
    )
    file_pattern = fields.Char(
        string="File Name Pattern",
        compute="_compute_parts",
        inverse=lambda self: self._write_part("file_pattern"),
        help="Regular expression with named groups, whose parts can be used as values.",
    )
    identity = fields.Selection(
        [
            ("columns", "Columns of the file"),
            ("scope", "Delivery, restated as a whole"),
            ("row", "Content and line"),
        ],
        compute="_compute_parts",
        string="A Row Is Known By",
        help="Columns: the same values are the same event for ever. Delivery: the file "
        "restates its billing period and account. Content and line: the same file "
        "again adds nothing.",
    )
    identity_text = fields.Char(compute="_compute_parts", string="Identity Columns")
    type_text = fields.Char(
        string="Kind of Usage",
        compute="_compute_parts",
        inverse=lambda self: self._write_part("type_text"),
    )
    subject_text = fields.Char(
        string="Subject Column",
        compute="_compute_parts",
        inverse=lambda self: self._write_part("subject_text"),
    )
    time_text = fields.Char(
        string="Time Column",
        compute="_compute_parts",
        inverse=lambda self: self._write_part("time_text"),
    )
    value_text = fields.Char(
        string="Quantity Column",
        compute="_compute_parts",
        inverse=lambda self: self._write_part("value_text"),
    )
    amount_text = fields.Char(
        string="Cost Column",
        compute="_compute_parts",
        inverse=lambda self: self._write_part("amount_text"),
    )
    currency_text = fields.Char(
        string="Currency Column",
        compute="_compute_parts",
        inverse=lambda self: self._write_part("currency_text"),
    )
    customer_name_text = fields.Char(
        string="Customer Name Column",
        compute="_compute_parts",
        inverse=lambda self: self._write_part("customer_name_text"),
    )
    problem = fields.Char(
        compute="_compute_problem",
        help="Why the definition as it is written now cannot be used.",
    )

    # use
    delivery_ids = fields.One2many("billing.delivery", "mapping_id", readonly=True)
    delivery_count = fields.Integer(compute="_compute_delivery_count")

    _version_unique = models.UniqueIndex(
        "(company_id, name, version)",
        "Another mapping of this company has this name and version.",
    )

    # ------------------------------------------------------------------
    # compute
    # ------------------------------------------------------------------
    @api.model
    def _default_definition(self):
        return bridge.write_definition(
            {
                "format": "csv",
                "time_zone": "UTC",
                "identity": {"mode": "row"},
                "fields": {
                    "type": {"const": "usage"},
                    "subject": "customer",
                    "time": "time",
                    "value": "quantity",
                },
            }
        )

    @api.depends("definition")
    def _compute_parts(self):
        for mapping in self:
            try:
                data = bridge.read_definition(mapping.definition)
            except FeedError:
                data = {}
            for name, path in SETTINGS.items():
                mapping[name] = _get(data, path) or False
            mapping.format = mapping.format or "csv"
            for name, path in TEXTS.items():
                mapping[name] = _shown(_get(data, path))
            identity = data.get("identity") or {}
            mapping.identity = identity.get("mode", "row")
            parts = [_shown(part) or "" for part in identity.get("parts", ())]
            mapping.identity_text = ", ".join(parts)

    def _write_part(self, name):
        """Write one part shown on the form back into the definition."""
        for mapping in self:
            data = bridge.read_definition(mapping.definition)
            value = mapping[name]
            if name in TEXTS:
                path = TEXTS[name]
                if (value or False) == _shown(_get(data, path)):
                    continue
                value = _written(value, _get(data, path))
            else:
                path = SETTINGS[name]
            _put(data, path, value or None)
            mapping.definition = bridge.write_definition(data)

    @api.depends("definition")
    def _compute_problem(self):
        for mapping in self:
            try:
                bridge.load_text(mapping.definition or "")
                mapping.problem = False
            except FeedError as error:
                mapping.problem = messages.sentence(self.env, error)

    def _compute_delivery_count(self):
        counts = dict(
            self.env["billing.delivery"]._read_group(
                [("mapping_id", "in", self.ids)], ["mapping_id"], ["__count"]
            )
        )
        for mapping in self:
            mapping.delivery_count = counts.get(mapping, 0)

    # ------------------------------------------------------------------
    # constraints
    # ------------------------------------------------------------------
    @api.constrains("definition")
    def _check_definition(self):
        for mapping in self:
            try:
                mapping._spec()
            except FeedError as error:
                raise ValidationError(
                    self.env._(
                        "Mapping %(mapping)s cannot be used. %(reason)s",
                        mapping=mapping.name,
                        reason=messages.sentence(self.env, error),
                    )
                ) from error

    # ------------------------------------------------------------------
    # create / write / unlink
    # ------------------------------------------------------------------
    def write(self, vals):
        if "definition" in vals:
            changed = self.filtered(lambda m: m.definition != vals["definition"])
            changed._check_unused()
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_used(self):
        self._check_unused()

    def copy_data(self, default=None):
        vals_list = super().copy_data(default)
        for mapping, vals in zip(self, vals_list, strict=True):
            if "version" not in (default or {}):
                vals["name"] = self.env._("%(name)s (copy)", name=mapping.name)
        return vals_list

    # ------------------------------------------------------------------
    # actions
    # ------------------------------------------------------------------
    def action_new_version(self):
        """Copy a used mapping to its next version, which replaces it from now on."""
        self.ensure_one()
        latest = self.with_context(active_test=False).search(
            [("company_id", "=", self.company_id.id), ("name", "=", self.name)],
            order="version desc",
            limit=1,
        )
        new = self.copy(
            {"version": latest.version + 1, "previous_id": self.id, "active": True}
        )
        self.active = False
        return {
            "type": "ir.actions.act_window",
            "res_model": "billing.mapping",
            "view_mode": "form",
            "res_id": new.id,
        }

    def action_view_deliveries(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Deliveries read with %(mapping)s", mapping=self.name),
            "res_model": "billing.delivery",
            "view_mode": "list,form",
            "domain": [("mapping_id", "=", self.id)],
        }

    # ------------------------------------------------------------------
    # business
    # ------------------------------------------------------------------
    def _spec(self):
        """The checked mapping.

        :rtype: feeds.mapping.MappingSpec
        :raise MappingError: the definition cannot be used
        """
        self.ensure_one()
        spec = bridge.load_text(self.definition)
        zone(spec.time_zone)
        return spec

    @api.model
    def _suggest(self, content, company):
        """Mapping that recognises a file by its columns: stored ones, then ready-made.

        A ready-made mapping becomes a record of the company when it is chosen.

        :param feeds.content.Content content: an inspected file
        :return: a mapping, empty when nothing fits
        """
        header = sniff_header(content)
        stored = self.search([("company_id", "=", company.id)])
        usable = stored.filtered(lambda mapping: not mapping.problem)
        position = suggest([mapping._spec() for mapping in usable], header)
        if position is not None:
            return usable[position]
        known = bridge.templates()
        position = suggest([bridge.load_text(text) for text in known.values()], header)
        if position is None:
            return self.browse()
        return self._from_template(list(known)[position], company)

    @api.model
    def _from_template(self, key, company):
        """Record of a ready-made mapping, made at its first use."""
        text = bridge.templates()[key]
        found = self.search(
            [("company_id", "=", company.id), ("template", "=", key)], limit=1
        )
        return found or self._from_text(text, company, template=key)

    @api.model
    def _from_text(self, text, company, template=False):
        """Record of a mapping given as JSON; the same text gives the same record.

        :raise UserError: the text is not a usable mapping
        """
        try:
            spec = bridge.load_text(text)
        except MappingError as error:
            raise UserError(messages.sentence(self.env, error)) from error
        same = self.with_context(active_test=False).search(
            [("company_id", "=", company.id), ("name", "=", spec.name)],
            order="version desc",
        )
        for mapping in same:
            if json.loads(mapping.definition) == json.loads(text):
                return mapping
        return self.sudo().create(  # what the add-on or an operator's file brings
            {
                "name": spec.name,
                "company_id": company.id,
                "definition": text,
                "template": template,
                "version": (same[:1].version or 0) + 1,
                "previous_id": same[:1].id,
            }
        )

    def _get_source(self):
        """Source of the mapping, made from its definition when it has none yet."""
        self.ensure_one()
        if self.source_id:
            return self.source_id
        spec = self._spec()
        code = spec.source.get("code") or f"mapping-{self.name}".lower()[:64]
        Source = self.env["usage.source"].sudo()  # one more source of files, by rule
        source = Source.with_context(active_test=False).search(
            [("company_id", "=", self.company_id.id), ("code", "=", code)], limit=1
        )
        if not source:
            source = Source.create(
                {
                    "name": spec.source.get("name") or self.name,
                    "code": code,
                    "company_id": self.company_id.id,
                    "kind": "file",
                    "identity_mode": spec.source.get("identity_mode", "strict"),
                    "delivery_mode": spec.source.get("delivery_mode", "append"),
                }
            )
        self.sudo().source_id = source  # remembered, so that it is found by its record
        return source.with_env(self.env)

    def _check_unused(self):
        used = self.filtered("delivery_count")
        if used:
            raise UserError(
                self.env._(
                    "Mapping %(mapping)s was used to read %(count)s deliveries and can "
                    "no longer change. Make a new version of it.",
                    mapping=used[0].name,
                    count=used[0].delivery_count,
                )
            )


def _get(data, path):
    for key in path:
        data = data.get(key) if isinstance(data, dict) else None
    return data


def _put(data, path, value):
    """Set or remove a value deep in the definition."""
    *parents, last = path
    for key in parents:
        data = data.setdefault(key, {})
    if value is None:
        data.pop(last, None)
    else:
        data[last] = value


def _shown(value):
    """A text of the definition as the form shows it; False when there is none.

    A column is its name (aliases apart by |), whatever steps follow in the JSON; a
    constant stands after =, anything else is its JSON.
    """
    if value is None:
        return False
    if isinstance(value, str):
        return value
    if isinstance(value, dict) and set(value) == {"const"}:
        return f"={value['const']}"
    if isinstance(value, dict) and "column" in value:
        names = value["column"]
        names = [names] if isinstance(names, str) else names
        return f" {ALIAS_SEPARATOR} ".join(names)
    return json.dumps(value, ensure_ascii=False, default=str)


def _written(text, before):
    """The value of the definition for what a person wrote in the form."""
    text = (text or "").strip()
    if not text:
        return None
    if text.startswith("{"):
        return bridge.read_definition(text)
    if text.startswith("="):
        return {"const": text[1:].strip()}
    names = [name.strip() for name in text.split(ALIAS_SEPARATOR) if name.strip()]
    column = names[0] if len(names) == 1 else names
    if isinstance(before, dict) and "column" in before:
        return {**before, "column": column}
    return {"column": column}
