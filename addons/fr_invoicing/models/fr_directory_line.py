# Part of Relevé. See LICENSE file for full copyright and licensing details.
from dataclasses import asdict

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..transmission import addressed, directory
from ..transmission.errors import TransmissionError
from ..transmission_words import error_text

VERDICT_CODES = {
    directory.UNKNOWN_COMPANY: "directory_unknown",
    directory.NO_PLATFORM: "directory_no_platform",
    directory.CLOSED: "directory_closed",
    directory.NOT_YET: "directory_not_yet",
    directory.ADDRESS_MISSING: "directory_address_missing",
}
COPIED = (
    "address",
    "siren",
    "status",
    "siret",
    "suffix",
    "routing_code",
    "routing_name",
    "company",
    "site",
    "is_public",
    "is_ceased",
    "service_code_required",
    "commitment_required",
)


class FrDirectoryLine(models.Model):
    """A line of the directory as last seen: where a customer receives invoices.

    A cache: rows are replaced at each look-up, `seen_at` says when that was.
    """

    _name = "fr.directory.line"
    _description = "Directory Line"
    _order = "siren, address"
    _rec_name = "address"

    company_id = fields.Many2one("res.company", required=True, readonly=True)
    partner_id = fields.Many2one(
        "res.partner", required=True, readonly=True, index=True, ondelete="cascade"
    )
    address = fields.Char(
        required=True, readonly=True, help="Electronic address (BT-49, scheme 0225)."
    )
    siren = fields.Char(string="SIREN", required=True, readonly=True)
    siret = fields.Char(string="SIRET", readonly=True)
    suffix = fields.Char(readonly=True)
    routing_code = fields.Char(readonly=True)
    routing_name = fields.Char(string="Service", readonly=True)
    company = fields.Char(string="Registered Name", readonly=True)
    site = fields.Char(readonly=True)
    status = fields.Selection(
        [
            ("Enabled", "In Service"),
            ("Disabled", "Closed"),
            ("Upcoming", "Opens Later"),
        ],
        required=True,
        readonly=True,
    )
    is_public = fields.Boolean(string="Public Body", readonly=True)
    is_ceased = fields.Boolean(string="Ceased", readonly=True)
    service_code_required = fields.Boolean(string="Wants Service Code", readonly=True)
    commitment_required = fields.Boolean(string="Wants Commitment", readonly=True)
    seen_at = fields.Datetime(string="Looked Up on", required=True, readonly=True)
    is_chosen = fields.Boolean(string="Chosen", compute="_compute_is_chosen")

    _line_unique = models.Constraint(
        "UNIQUE (company_id, partner_id, address)", "A line is known once."
    )

    @api.depends("partner_id.fr_eaddress", "partner_id.fr_siren")
    def _compute_is_chosen(self):
        for line in self:
            partner = line.partner_id
            chosen = partner.fr_eaddress or partner.fr_siren
            line.is_chosen = line.address == chosen

    def action_choose(self):
        """Send this customer's invoices to this line from now on."""
        self.ensure_one()
        self.partner_id._fr_check_may_choose()
        if not self._to_value().is_open:
            raise UserError(
                self.env._(
                    "The line %s is not open: an invoice sent there does not arrive.",
                    self.address,
                )
            )
        # an open line of the directory, and nothing else of the customer
        self.partner_id.sudo().fr_eaddress = self.address
        return True

    def _to_value(self):
        """Give the line as a value.

        :rtype: directory.Line
        """
        self.ensure_one()
        return directory.Line(**{name: self[name] or "" for name in COPIED})


class ResPartner(models.Model):
    _inherit = "res.partner"

    fr_directory_line_ids = fields.One2many(
        "fr.directory.line", "partner_id", string="Directory Lines", readonly=True
    )
    fr_directory_seen_at = fields.Datetime(
        string="Directory Looked Up on", readonly=True, copy=False
    )
    fr_needs_review = fields.Boolean(
        string="To Check",
        copy=False,
        help="Created from an invoice that a platform delivered. Check identity and "
        "bank account before paying.",
    )

    def action_fr_look_up(self):
        """Look the customer up in the directory and show its lines."""
        self.ensure_one()
        self._fr_check_may_choose()
        partner = self.commercial_partner_id
        platform = self.env.company.sudo().fr_platform_id  # settings of the company
        if not (platform and platform.directory_url):
            raise UserError(
                self.env._(
                    "No approved platform with a directory service is configured for "
                    "%s. See French Invoicing, Transmission, Platforms.",
                    self.env.company.name,
                )
            )
        if not partner.fr_siren:
            raise UserError(
                self.env._("%s has no SIREN to look up.", partner.display_name)
            )
        try:
            with platform._client() as client:
                lines = partner._fr_look_up(client, platform, fields.Datetime.now())
        except TransmissionError as error:
            raise UserError(error_text(self.env, error.code, error.facts)) from error
        partner.sudo()._fr_choose_line(lines)  # an open line, as a biller may choose
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Directory: %s", partner.display_name),
            "res_model": "fr.directory.line",
            "view_mode": "list",
            "domain": [
                ("partner_id", "=", partner.id),
                ("company_id", "=", platform.company_id.id),
            ],
        }

    def _fr_check_may_choose(self):
        """Let those who issue invoices choose where they go.

        They may not write customers otherwise.

        :raise AccessError: somebody else
        """
        self.check_access("read")
        if not self.env.user.has_group("account.group_account_invoice"):
            self.check_access("write")

    def _fr_look_up(self, client, platform, now):
        """Ask the directory for the lines of a company and keep them.

        :rtype: list[directory.Line]
        :raise TransmissionError: the directory does not answer
        """
        self.ensure_one()
        found = {}
        for data in client.directory_lines(self.fr_siren):
            line = directory.read_line(data)
            if line.address and line.siren == self.fr_siren:
                found[line.address] = line
        rows = self.env["fr.directory.line"].sudo()  # the cache is filled here only
        known = {
            row.address: row
            for row in rows.search(
                [
                    ("partner_id", "=", self.id),
                    ("company_id", "=", platform.company_id.id),
                ]
            )
        }
        for address, line in found.items():
            values = {**asdict(line), "seen_at": now}
            if row := known.pop(address, None):
                row.write(values)
            else:
                rows.create(
                    {
                        **values,
                        "partner_id": self.id,
                        "company_id": platform.company_id.id,
                    }
                )
        rows.browse([row.id for row in known.values()]).unlink()
        self.sudo().fr_directory_seen_at = now  # a biller may not write customers
        return list(found.values())

    def _fr_choose_line(self, lines):
        """Choose the only sensible line where the customer has no open one chosen."""
        self.ensure_one()
        chosen = self.fr_eaddress or self.fr_siren
        best = directory.choose(lines, chosen, self.fr_siret or "")
        if best and best.address != chosen:
            self.fr_eaddress = best.address


class AccountMove(models.Model):
    _inherit = "account.move"

    def _fr_check_directory(self, client, platform, now):
        """Say what in the directory keeps this invoice from arriving.

        Looks up when what is known is older than a day.

        :return: (code, facts) of the problem, None when it arrives
        :raise TransmissionError: the directory does not answer
        """
        self.ensure_one()
        partner = self.commercial_partner_id
        if not platform.directory_url or not partner.fr_siren:
            return None
        if directory.is_fresh(partner.fr_directory_seen_at, now):
            rows = partner.fr_directory_line_ids.filtered(
                lambda row: row.company_id == platform.company_id
            )
            lines = [row._to_value() for row in rows]
            if directory.verdict(lines, self._fr_get_delivery_address()) != (
                directory.OPEN
            ):
                lines = partner._fr_look_up(client, platform, now)
        else:
            lines = partner._fr_look_up(client, platform, now)
        address = self._fr_get_delivery_address()
        verdict = directory.verdict(lines, address)
        if verdict != directory.OPEN:
            facts = {
                "partner": partner.display_name,
                "siren": partner.fr_siren,
                "address": address,
            }
            return VERDICT_CODES[verdict], facts
        return None

    def _fr_get_delivery_address(self):
        """Give the buyer's electronic address, as it stands on the document (BT-49).

        Of the file that was issued: the customer's may have changed since.

        :rtype: str
        """
        self.ensure_one()
        if self.fr_facturx_state == "valid":
            return addressed.buyer_address(self._fr_get_xml_attachment().raw or b"")
        endpoint = self.partner_id._fr_get_endpoint()
        return endpoint.value if endpoint else ""
