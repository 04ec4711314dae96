# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo import fields, models
from odoo.tools import format_date

from ..einvoice import identifiers
from ..ledger import penalties


class FrSetup(models.TransientModel):
    """What is left to do in each block of the page."""

    _inherit = "fr.setup"

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
        if self._is_branch():  # form, capital and register are the parent's
            return todo
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
        if self.fr_vat_regime == "franchise" or self._is_branch():
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
