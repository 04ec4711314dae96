from odoo import api, fields, models
from odoo.exceptions import UserError

from .. import price_terms
from ..rating import changes

KINDS = [
    ("added", "New charge"),
    ("changed", "Changed"),
    ("removed", "Removed"),
    ("override", "Exception agreed"),
    ("override_end", "Exception ended"),
]


class UsagePriceChange(models.Model):
    """The change log of prices: which one, from what to what, who, when and why.

    One row for each term that moved, written when the prices are approved, by nothing
    else. Rows are never changed or deleted. The words are kept as they were approved,
    in the language of the person who approved, with the exact values beside them; the
    screens say these values again in the language of the reader.
    """

    _name = "usage.price.change"
    _description = "Usage Price Change"
    _order = "date desc, id desc"
    _check_company_auto = True

    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, index=True
    )
    date = fields.Datetime(
        string="Approved On", required=True, readonly=True, index=True
    )
    user_id = fields.Many2one(
        "res.users",
        string="Approved by",
        required=True,
        readonly=True,
        ondelete="restrict",
    )
    author_id = fields.Many2one(
        "res.users",
        string="Prepared by",
        readonly=True,
        ondelete="restrict",
        help="Who wrote the price last.",
    )
    reason = fields.Text(readonly=True)
    kind = fields.Selection(KINDS, required=True, readonly=True)
    plan_id = fields.Many2one(
        "usage.plan", readonly=True, index="btree_not_null", ondelete="set null"
    )
    version_id = fields.Many2one(
        "usage.plan.version",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
    )
    effective_date = fields.Date(
        string="In Force from", readonly=True, help="First local day of the new price."
    )
    charge_key = fields.Char(readonly=True, index=True)
    charge_name = fields.Char(string="Charge", readonly=True)
    product_id = fields.Many2one(
        "product.product", readonly=True, index="btree_not_null", ondelete="set null"
    )
    term = fields.Char(
        string="Field", readonly=True, help="Technical name of what changed."
    )
    term_name = fields.Char(string="Term", readonly=True)
    old_value = fields.Char(string="Before", readonly=True)
    new_value = fields.Char(string="After", readonly=True)
    percent = fields.Char(string="Change", readonly=True)
    override_id = fields.Many2one(
        "usage.override",
        string="Price Exception",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
    )
    facts = fields.Json(
        readonly=True, help="What moved, as data: where it stands, before, after."
    )

    # the same in the reader's language
    charge_words = fields.Char(string="Charge Changed", compute="_compute_words")
    term_words = fields.Char(string="Term Changed", compute="_compute_words")
    old_words = fields.Char(string="Value Before", compute="_compute_words")
    new_words = fields.Char(string="Value After", compute="_compute_words")
    percent_words = fields.Char(string="Change in Percent", compute="_compute_words")

    @api.depends("facts", "override_id", "version_id")
    @api.depends_context("lang")
    def _compute_words(self):
        for row in self:
            charge = row.version_id.charge_ids.filtered(
                lambda charge, key=row.charge_key: charge.key == key
            )
            row.charge_words = charge[:1].name or row.charge_name
            words = row._say_override() or row._say_change()
            stored = row.term_name, row.old_value, row.new_value, row.percent
            (row.term_words, row.old_words, row.new_words, row.percent_words) = (
                words or stored
            )

    def _say_override(self):
        """The terms of an exception, which are frozen, or nothing."""
        override = self.override_id
        if not override:
            return None
        terms = override.terms_text
        if self.kind == "override":
            return self.term_name, "–", terms, ""
        return self.term_name, terms, "–", ""

    def _say_change(self):
        """One term that moved, or nothing where only the words were kept.

        Names of records are those they had then: they are no matter of language.
        """
        model = self.env["usage.charge"]
        change = changes.from_data(self.term, self.facts) if self.facts else None
        field = change and price_terms.field_of(model, change)
        if not field:
            return None
        currency = self.version_id.currency_id or self.company_id.currency_id
        name, old, new, percent = price_terms.change_words(
            self.env, model, change, currency
        )
        if field.relational:
            old, new = self.old_value, self.new_value
        return name, old, new, percent

    @api.model_create_multi
    def create(self, vals_list):
        if not self.env.su:
            self._refuse()
        return super().create(vals_list)

    def write(self, vals):
        self._refuse()
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_never(self):
        self._refuse()

    def _refuse(self):
        raise UserError(
            self.env._("The change log of prices is written by approvals only.")
        )


class UsagePlanVersion(models.Model):
    """What a version changes, compared with the one it replaces."""

    _inherit = "usage.plan.version"

    compare_with_id = fields.Many2one(
        "usage.plan.version",
        string="Compared with",
        compute="_compute_compare_with_id",
        store=True,
        readonly=False,
        copy=False,
        check_company=True,
        index="btree_not_null",
        ondelete="set null",
        domain="[('company_id', '=', company_id), ('id', '!=', id)]",
    )
    difference_html = fields.Html(
        string="Differences", compute="_compute_difference_html", sanitize=False
    )
    price_change_ids = fields.One2many(
        "usage.price.change", "version_id", string="Change Log", readonly=True
    )

    @api.depends("plan_id", "based_on_id")
    def _compute_compare_with_id(self):
        for version in self:
            if not version.compare_with_id:
                version.compare_with_id = version._get_predecessor()

    @api.depends("compare_with_id", "charge_ids")
    @api.depends_context("lang")
    def _compute_difference_html(self):
        for version in self:
            version.difference_html = self.env["ir.qweb"]._render(
                "usage_billing.price_difference",
                {
                    "charges": version._prepare_difference(version.compare_with_id),
                    "before": version.compare_with_id,
                    "after": version,
                },
            )

    def _get_terms(self):
        """Terms of every charge by key, as the pure comparison wants them."""
        return {charge.key: price_terms.terms_of(charge) for charge in self.charge_ids}

    def _get_changes(self, other):
        """What changes from another version to this one.

        :rtype: tuple[rating.changes.ChargeChange, ...]
        """
        return changes.compare(other._get_terms(), self._get_terms())

    def _prepare_difference(self, other):
        """The difference to another version, in words, for the screen and the log.

        :param other: version before, may be empty: every charge is new then
        :return: one dict for each charge that moved
        :rtype: list[dict]
        """
        self.ensure_one()
        Charge = self.env["usage.charge"]
        charges = {charge.key: charge for charge in other.charge_ids}
        charges |= {charge.key: charge for charge in self.charge_ids}
        labels = dict(
            self.env["usage.price.change"]
            ._fields["kind"]
            ._description_selection(self.env)
        )
        found = []
        for change in self._get_changes(other):
            charge = charges[change.key]
            found.append(
                {
                    "charge": charge,
                    "key": change.key,
                    "name": charge.name,
                    "kind": change.kind,
                    "kind_name": labels[change.kind],
                    "terms": [
                        (term, term.path)
                        + price_terms.change_words(
                            self.env, Charge, term, charge.currency_id
                        )
                        for term in change.terms
                        if change.kind == changes.CHANGED or self._is_said(Charge, term)
                    ],
                }
            )
        return found

    def _is_said(self, Charge, term):
        """Whether a term of a new or removed charge is worth a line.

        Not its name, which stands beside it, nor what every new charge has.
        """
        value = term.new if term.old is None else term.old
        if value in (None, False, "") or term.name in ("name", "sequence"):
            return False
        rows = Charge
        for table, _row in term.path:
            rows = self.env[rows._fields[table].comodel_name]
        default = rows._fields[term.name].default
        return not default or value != default(rows)

    def _log_prices(self):
        """Write the change log: one row for each term that moves with this version."""
        now = fields.Datetime.now()
        vals_list = []
        for version in self:
            for change in version._prepare_difference(version._get_predecessor()):
                for term, _path, term_name, old, new, percent in change["terms"]:
                    vals_list.append(
                        {
                            "company_id": version.company_id.id,
                            "date": now,
                            "user_id": self.env.user.id,
                            "author_id": change["charge"].write_uid.id,
                            "reason": version.note,
                            "kind": change["kind"],
                            "plan_id": version.plan_id.id,
                            "version_id": version.id,
                            "effective_date": version.valid_from,
                            "charge_key": change["key"],
                            "charge_name": change["name"],
                            "product_id": change["charge"].product_id.id,
                            "term": term.name,
                            "facts": changes.to_data(term),
                            "term_name": term_name,
                            "old_value": old,
                            "new_value": new,
                            "percent": percent,
                        }
                    )
        # sudo: the log is written by the approval, nobody has the right to
        self.env["usage.price.change"].sudo().create(vals_list)
