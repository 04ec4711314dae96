# Part of Relevé. See LICENSE file for full copyright and licensing details.
from markupsafe import Markup
from stdnum.fr import siren as stdnum_siren

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import format_date

from odoo.addons.base.models.res_bank import sanitize_account_number

from ..const import LATE_PENALTIES
from ..einvoice import identifiers, mentions, territory, tva
from ..ledger import penalties
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

    Each block says whether it is done and what is left; what the checks of the company
    say is shown, not repeated. Accountants may fill it in without the right on all
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
            setup.siren = siren
            charges = setup.fr_vat_regime != "franchise"
            proposed = f"FR{stdnum_siren.to_tva(siren)}" if siren and charges else False
            if proposed:
                proposed = proposed.replace(" ", "").replace("FRFR", "FR")
            typed = identifiers.clean(setup.vat or "").upper()
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

    # one function for each block: sentences of what is left, none when it is done

    def _todo_identity(self):
        todo = []
        typed = identifiers.clean(self.company_registry or "")
        if typed and not (identifiers.is_siren(typed) or identifiers.is_siret(typed)):
            todo.append(
                self.env._("“%(value)s” is neither a SIREN nor a SIRET.", value=typed)
            )
        elif not self.siren:
            todo.append(self.env._("Enter the SIRET, as on the K-bis."))
        if not self.fr_legal_form:
            todo.append(self.env._("Enter the legal form (C. com. R123-238)."))
        elif not self.fr_share_capital and self._has_capital():
            todo.append(self.env._("Enter the share capital (C. com. R123-238)."))
        if not self.fr_registry_city:
            todo.append(
                self.env._("Enter the city of the trade register (C. com. R123-237).")
            )
        return todo

    def _has_capital(self):
        """Say whether the legal form has a share capital to print."""
        form = (self.fr_legal_form or "").upper().replace(".", "")
        return form.split(" ")[0] in (
            "SA",
            "SAS",
            "SASU",
            "SARL",
            "EURL",
            "SELARL",
            "SELAS",
            "SNC",
            "SCA",
            "SCS",
            "SCOP",
        )

    def _todo_address(self):
        todo = []
        if not (self.street and self.zip and self.city):
            todo.append(self.env._("Enter street, postcode and city."))
        if not self.country_id:
            todo.append(self.env._("Choose the country."))
        elif not self.territory_name:
            todo.append(self.env._("Choose a country of the French Republic."))
        if not self.email:
            todo.append(self.env._("Enter an e-mail address for the customers."))
        return todo

    def _todo_vat(self):
        if self.fr_vat_regime == "franchise":
            return []
        if not self.vat:
            return [self.env._("Enter the TVA number, or take the one of the SIREN.")]
        if not identifiers.is_french_vat(self.vat):
            return [self.env._("The TVA number has a wrong key.")]
        if self.siren and identifiers.siren_of_vat(self.vat) not in ("", self.siren):
            return [self.env._("The TVA number belongs to another SIREN.")]
        return []

    def _todo_taxes(self):
        if not self._get_sale_taxes():
            return [self.env._("Apply the French chart of accounts with its taxes.")]
        wrong = self._get_wrong_taxes()
        if wrong:
            return [
                self.env._(
                    "%(count)s sale taxes have no regime: %(names)s.",
                    count=len(wrong),
                    names=", ".join(wrong[:5].mapped("name")),
                )
            ]
        if not self.company_id._fr_chart_ref("fr_out_of_scope"):
            return [
                self.env._("Apply the taxes and fiscal positions of the territories.")
            ]
        if not self._get_sale_journals():
            return [self.env._("Create a sales journal.")]
        return []

    def _todo_terms(self):
        todo = []
        today = fields.Date.context_today(self)
        rates = self.env["fr.penalty.rate"]._get_rates()
        _rate, provisional = penalties.rate_of(rates, penalties.half_year(today))
        if provisional:
            todo.append(
                self.env._(
                    "Enter the reference rates of the half-year from %(day)s.",
                    day=format_date(self.env, penalties.half_year(today)),
                )
            )
        if self.fr_late_penalty == penalties.FIXED:
            minimum = penalties.lawful_minimum(rates, today)
            if self.fr_late_penalty_rate < float(minimum):
                todo.append(
                    self.env._(
                        "The rate must be at least %(minimum)s %%, three times the "
                        "legal interest rate.",
                        minimum=f"{minimum:f}",
                    )
                )
        return todo

    def _todo_bank(self):
        if any(bank.acc_type == "iban" for bank in self.bank_ids):
            return []
        return [self.env._("Add the IBAN that customers pay to.")]

    def _todo_platform(self):
        if "fr.platform" in self.env and self.env["fr.platform"].search_count(
            [("company_id", "=", self.company_id.id)], limit=1
        ):
            return []
        return [self.env._("Connect the approved platform that carries the invoices.")]

    def _todo_seal(self):
        if "fr.seal.key" in self.env and self.env["fr.seal.key"].search_count(
            [("company_id", "=", self.company_id.id)], limit=1
        ):
            return []
        return [self.env._("Make the key that signs the seals.")]

    def _get_sale_taxes(self):
        taxes = self.env["account.tax"]
        return taxes.search(
            [
                *taxes._check_company_domain(self.company_id),
                ("type_tax_use", "=", "sale"),
            ]
        )

    def _get_wrong_taxes(self):
        return self._get_sale_taxes().filtered(
            lambda tax: any(finding.is_fatal for finding in tax._fr_check())
        )

    def _get_sale_journals(self):
        return self.env["account.journal"].search(
            [("company_id", "=", self.company_id.id), ("type", "=", "sale")]
        )

    # === Buttons === #

    @api.model
    def action_open(self):
        """Open the page for the current company."""
        setup = self.create({"company_id": self.env.company.id})
        return {
            **self.env["ir.actions.act_window"]._for_xml_id(
                "fr_invoicing.fr_setup_action"
            ),
            "res_id": setup.id,
        }

    def _stay(self):
        return {
            **self.env["ir.actions.act_window"]._for_xml_id(
                "fr_invoicing.fr_setup_action"
            ),
            "res_id": self.id,
        }

    def action_take_vat(self):
        """Write the TVA number that belongs to the SIREN."""
        self.ensure_one()
        if self.proposed_vat:
            self.vat = self.proposed_vat
        return self._stay()

    def action_add_bank(self):
        """Add the IBAN to the company and to the invoices."""
        self.ensure_one()
        self._check_right()
        number = sanitize_account_number(self.new_iban or "")
        banks = self.env["res.partner.bank"].sudo()  # the page writes nothing else
        if banks.retrieve_acc_type(number) != "iban":
            raise UserError(
                self.env._(
                    "“%(value)s” is not a valid IBAN. Check it on the bank's document.",
                    value=self.new_iban or "",
                )
            )
        partner = self.company_id.sudo().partner_id
        known = banks.with_context(active_test=False).search(
            [
                ("partner_id", "=", partner.id),
                ("sanitized_acc_number", "=", number),
            ]
        )
        if known:
            known.active = True
        else:
            banks.create(
                {
                    "acc_number": self.new_iban,
                    "partner_id": partner.id,
                    "company_id": self.company_id.id,
                    "allow_out_payment": True,
                }
            )
        self.new_iban = False
        self.invalidate_recordset()
        return self._stay()

    def action_apply_taxes(self):
        """Load the French chart when there is none, then taxes and positions."""
        self.ensure_one()
        self._check_right()
        company = self.company_id.sudo()  # as the chart's own set-up does
        if not company.chart_template:
            if not self.territory_name:
                raise UserError(self.env._("Choose the country of the company first."))
            self.env["account.chart.template"].sudo().try_loading(
                "fr", company, install_demo=False
            )
        self.env["account.tax"].sudo()._fr_assign_profiles(company)
        company._fr_ensure_territories()
        return self._stay()

    def action_check_customers(self):
        """Look for what would block invoices."""
        self.ensure_one()
        return self.env["fr.blocker"].action_open_report()

    def action_open_platform(self):
        """Open the approved platforms."""
        return self._open_model("fr.platform")

    def action_open_seal(self):
        """Open the signing keys."""
        return self._open_model("fr.seal.key")

    def _open_model(self, model):
        if model not in self.env:
            raise UserError(self.env._("This part is not installed."))
        return {
            "type": "ir.actions.act_window",
            "name": self.env["ir.model"]._get(model).name,
            "res_model": model,
            "views": [[False, "list"], [False, "form"]],
        }

    def action_open_rates(self):
        """Open the reference rates."""
        return self.env["ir.actions.act_window"]._for_xml_id(
            "fr_invoicing.fr_penalty_rate_action"
        )

    def action_open_company(self):
        """Open the whole form of the company (logo, layout)."""
        self.ensure_one()
        return self.company_id._get_records_action()
