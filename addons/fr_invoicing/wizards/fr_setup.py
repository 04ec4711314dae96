# Part of Relevé. See LICENSE file for full copyright and licensing details.
from markupsafe import Markup
from stdnum.fr import siren as stdnum_siren

from odoo import api, fields, models
from odoo.exceptions import AccessError

from ..const import LATE_PENALTIES
from ..einvoice import identifiers, mentions, territory, tva
from ..models.fr_legal_text import PLACEHOLDERS

STATES = [("done", "Done"), ("todo", "To do"), ("optional", "Optional")]
#: blocks of the page, in its order; the last two are not needed to issue an invoice
BLOCKS = ("identity", "address", "vat", "taxes", "terms", "bank", "platform", "seal")
OPTIONAL = ("platform", "seal")
#: fields of the page that are those of the company
COMPANY_FIELDS = (
    "name",
    "street",
    "street2",
    "zip",
    "city",
    "country_id",
    "email",
    "company_registry",
    "vat",
    "fr_legal_form",
    "fr_share_capital",
    "fr_registry_city",
    "fr_vat_regime",
    "fr_vat_on_debits",
    "fr_ereporting_from",
    "fr_late_penalty",
    "fr_late_penalty_rate",
    "fr_discount_terms",
)
GROUPS = (
    "account.group_account_manager",
    "usage_billing.group_usage_billing_system",
    "base.group_system",
)


def _shared(field_type, *args, **kwargs):
    """A field of the page whose value is the company's."""
    return field_type(
        *args,
        compute="_compute_company_values",
        readonly=False,
        **kwargs,
    )


class FrSetup(models.TransientModel):
    """From nothing to valid invoices on one page.

    Each block says whether it is done and what is left (fr_setup_todo.py), buttons do
    the rest (fr_setup_actions.py). Accountants may fill it in without the right on all
    companies: only the fields of the page are written, for a company of theirs.
    """

    _name = "fr.setup"
    _description = "French Set-up"

    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, default=lambda s: s.env.company
    )
    currency_id = fields.Many2one(related="company_id.currency_id")
    name = _shared(fields.Char, "Company Name")
    street = _shared(fields.Char)
    street2 = _shared(fields.Char)
    zip = _shared(fields.Char)
    city = _shared(fields.Char)
    country_id = _shared(fields.Many2one, "res.country")
    email = _shared(fields.Char, "E-mail")
    company_registry = _shared(fields.Char, "SIRET or SIREN")
    vat = _shared(fields.Char, "TVA Number")
    fr_legal_form = _shared(fields.Char, "Legal Form")
    fr_share_capital = _shared(fields.Monetary, "Share Capital")
    fr_registry_city = _shared(fields.Char, "Trade Register (RCS)")
    fr_vat_regime = _shared(
        fields.Selection,
        [
            ("monthly", "Normal, monthly return"),
            ("quarterly", "Normal, quarterly return"),
            ("simplified", "Simplified"),
            ("franchise", "Small-business exemption"),
        ],
        "TVA Regime",
    )
    fr_vat_on_debits = _shared(fields.Boolean, "TVA on Debits")
    fr_ereporting_from = _shared(fields.Date, "E-reporting from")
    fr_late_penalty = _shared(fields.Selection, LATE_PENALTIES, "Late-payment Penalty")
    fr_late_penalty_rate = _shared(
        fields.Float, "Penalty Rate (% per year)", digits=(5, 2)
    )
    fr_discount_terms = _shared(fields.Char, "Early-payment Discount")

    # what the page works out
    siren = fields.Char(string="SIREN", compute="_compute_numbers")
    proposed_vat = fields.Char(compute="_compute_numbers")
    territory_name = fields.Char(string="Territory", compute="_compute_territory")
    mentions_preview = fields.Html(compute="_compute_mentions_preview", sanitize=False)
    new_iban = fields.Char(string="IBAN")
    bank_ids = fields.Many2many("res.partner.bank", compute="_compute_banks")
    tax_count = fields.Integer(string="Sale Taxes", compute="_compute_states")
    done_count = fields.Integer(compute="_compute_states")
    progress = fields.Float(compute="_compute_states")
    is_ready = fields.Boolean(compute="_compute_states")
    blocker_count = fields.Integer(
        string="Points to Fix on Customers and Products",
        compute="_compute_blocker_count",
    )
    identity_state = fields.Selection(STATES, compute="_compute_states")
    address_state = fields.Selection(STATES, compute="_compute_states")
    vat_state = fields.Selection(STATES, compute="_compute_states")
    taxes_state = fields.Selection(STATES, compute="_compute_states")
    terms_state = fields.Selection(STATES, compute="_compute_states")
    bank_state = fields.Selection(STATES, compute="_compute_states")
    platform_state = fields.Selection(STATES, compute="_compute_states")
    seal_state = fields.Selection(STATES, compute="_compute_states")
    identity_todo = fields.Text(compute="_compute_states")
    address_todo = fields.Text(compute="_compute_states")
    vat_todo = fields.Text(compute="_compute_states")
    taxes_todo = fields.Text(compute="_compute_states")
    terms_todo = fields.Text(compute="_compute_states")
    bank_todo = fields.Text(compute="_compute_states")
    platform_todo = fields.Text(compute="_compute_states")
    seal_todo = fields.Text(compute="_compute_states")

    # === The company's values === #

    @api.depends("company_id")
    def _compute_company_values(self):
        for setup in self:
            company = setup.company_id.sudo()  # an accountant reads its own company
            for name in COMPANY_FIELDS:
                setup[name] = company[name]

    @api.model_create_multi
    def create(self, vals_list):
        """Write what belongs to the company to the company."""
        shared = [
            {name: vals.pop(name) for name in COMPANY_FIELDS if name in vals}
            for vals in vals_list
        ]
        setups = super().create(vals_list)
        for setup, values in zip(setups, shared, strict=True):
            setup._write_company(values)
        return setups

    def write(self, vals):
        """Write what belongs to the company to the company."""
        vals = dict(vals)
        shared = {name: vals.pop(name) for name in COMPANY_FIELDS if name in vals}
        result = super().write(vals)
        for setup in self:
            setup._write_company(shared)
        return result

    def _write_company(self, values):
        if not values:
            return
        self._check_right()
        if "fr_vat_regime" in values:
            franchise = values["fr_vat_regime"] == "franchise"
            values = {**values, "fr_vat_franchise": franchise}
        # sudo: an accountant may fill in this page and nothing else of the company
        self.company_id.sudo().write(values)
        self.invalidate_recordset()

    def _check_right(self):
        user = self.env.user
        if self.env.su:
            return
        if self.company_id not in user.company_ids or not any(
            user.has_group(group) for group in GROUPS
        ):
            raise AccessError(
                self.env._("Only an accountant of the company may set it up.")
            )

    # === Worked out === #

    @api.depends("company_registry", "vat", "fr_vat_regime")
    def _compute_numbers(self):
        for setup in self:
            siren = identifiers.siren_of(setup.company_registry, setup.vat)
            siren = siren or setup.company_id.sudo()._fr_get_siren()
            setup.siren = siren
            charges = setup.fr_vat_regime != "franchise"
            proposed = f"FR{stdnum_siren.to_tva(siren)}" if siren and charges else False
            if proposed:
                proposed = proposed.replace(" ", "").replace("FRFR", "FR")
            typed = identifiers.clean(setup.vat or "").upper()
            if setup._is_branch():  # the number is its parent's
                proposed = False
            setup.proposed_vat = proposed if proposed != typed else False

    @api.depends("country_id", "zip")
    def _compute_territory(self):
        names = self._get_territory_names()
        for setup in self:
            found = territory.find(setup.country_id.code or "", setup.zip or "")
            setup.territory_name = (
                names.get(found.code, setup.country_id.name) if found else False
            )

    def _get_territory_names(self):
        return {
            "metropole": self.env._("Mainland France"),
            "corsica": self.env._(
                "Corsica: rates of 0.9, 2.1, 10 and 13 % beside 20 %"
            ),
            "monaco": self.env._("Monaco, taxed as France"),
            "guadeloupe": self.env._("Guadeloupe: 8.5 and 2.1 %"),
            "martinique": self.env._("Martinique: 8.5 and 2.1 %"),
            "reunion": self.env._("La Réunion: 8.5 and 2.1 %"),
            "guyane": self.env._("Guyane: no TVA"),
            "mayotte": self.env._("Mayotte: no TVA"),
        }

    @api.depends("company_id")
    def _compute_banks(self):
        for setup in self:
            # sudo: the accounts of the company stand on every invoice
            setup.bank_ids = setup.company_id.sudo().partner_id.bank_ids

    @api.depends(
        "fr_legal_form",
        "fr_share_capital",
        "fr_registry_city",
        "fr_vat_on_debits",
        "fr_late_penalty",
        "fr_late_penalty_rate",
        "fr_discount_terms",
        "company_registry",
        "name",
    )
    def _compute_mentions_preview(self):
        """Show the mentions of an invoice for services to a French business."""
        day = fields.Date.context_today(self)
        for setup in self:
            facts = mentions.Facts(
                buyer=mentions.BUSINESS,
                nature=tva.SERVICES,
                vat_on_debits=setup.fr_vat_on_debits,
                penalty=setup.fr_late_penalty or mentions.PENALTY_ECB,
                has_discount=bool(setup.fr_discount_terms),
                has_legal_form=bool(setup.fr_legal_form),
                has_registry=bool(setup.fr_registry_city),
                vat_mentions=("vat_franchise",)
                if setup.fr_vat_regime == "franchise"
                else (),
            )
            wordings = self.env["fr.legal.text"]._get_wordings(setup.company_id, day)
            items = Markup()
            for mention in mentions.required(facts):
                wording = wordings.get(mention.key)
                if wording:
                    items += Markup("<li>%s</li>") % wording._format(
                        True, setup._get_mention_values()
                    )
            setup.mentions_preview = Markup("<ul class='mb-0'>%s</ul>") % items

    def _is_branch(self):
        """Say whether the numbers and options are those of the parent."""
        company = self.company_id.sudo()
        return company._fr_get_legal() != company

    def _get_mention_values(self):
        siren = self.siren or ""
        rate = f"{self.fr_late_penalty_rate or 0:g}".replace(".", ",")
        capital = f"{self.fr_share_capital or 0:,.2f}".replace(",", "\u202f")
        return {
            **PLACEHOLDERS,
            "company": self.name or "",
            "legal_form": self.fr_legal_form or "",
            "capital": capital.replace(".00", "").replace(".", ","),
            "city": self.fr_registry_city or "",
            "siren": " ".join(siren[i : i + 3] for i in range(0, len(siren), 3)),
            "rate": rate,
            "terms": self.fr_discount_terms or "",
        }

    def _compute_blocker_count(self):
        for setup in self:
            setup.blocker_count = self.env["fr.blocker"].search_count(
                [("company_id", "=", setup.company_id.id)]
            )

    @api.depends(*COMPANY_FIELDS, "company_id", "new_iban", "bank_ids")
    def _compute_states(self):
        for setup in self:
            setup.tax_count = len(setup._get_sale_taxes())
            done = 0
            for block in BLOCKS:
                todo = getattr(setup, f"_todo_{block}")()
                setup[f"{block}_todo"] = "\n".join(todo) or False
                missing = "optional" if block in OPTIONAL else "todo"
                setup[f"{block}_state"] = missing if todo else "done"
                done += not todo
            setup.done_count = done
            setup.progress = 100.0 * done / len(BLOCKS)
            setup.is_ready = all(
                setup[f"{block}_state"] == "done"
                for block in BLOCKS
                if block not in OPTIONAL
            )
