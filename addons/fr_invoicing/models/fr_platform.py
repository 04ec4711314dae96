# Part of Relevé. See LICENSE file for full copyright and licensing details.
import ipaddress
from contextlib import contextmanager
from datetime import UTC, datetime
from urllib.parse import urlsplit

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from ..transmission import delivery
from ..transmission.client import PlatformClient
from ..transmission.errors import DENIED, LATER, TransmissionError
from ..transmission.values import Settings, Token
from ..transmission_words import error_text

SYNTAXES = [
    ("Factur-X", "Factur-X (PDF with XML)"),
    ("CII", "CII (XML)"),
    ("UBL", "UBL (XML)"),
]
DENIED_WAIT_S = 1800


class FrPlatform(models.Model):
    """An approved platform as configured, and how the conversation with it goes.

    Where it listens, who we are there, what it can do. The exchange itself is in
    fr_platform_exchange.py and runs only in scheduled actions: nothing is sent inside a
    user's request, which Odoo may repeat.
    """

    _name = "fr.platform"
    _description = "Approved Platform"
    _order = "company_id, name, id"
    _check_company_auto = True

    name = fields.Char(required=True)
    active = fields.Boolean(default=True)
    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company, index=True
    )
    is_test = fields.Boolean(
        string="Test Platform",
        help="For trying out: may be on this machine and without encryption. What is "
        "sent there reaches no customer and no tax office.",
    )

    # where and who
    flow_url = fields.Char(
        string="Flow Service",
        required=True,
        help="Base address of the flow service of XP Z12-013, without /v1.",
    )
    directory_url = fields.Char(
        string="Directory Service",
        help="Base address of the directory service, without /v1. Empty: customers are "
        "not looked up before sending.",
    )
    token_url = fields.Char(
        string="Token Address", required=True, help="OAuth2, client credentials."
    )
    scope = fields.Char(string="Scopes", help="Separated by blanks, if asked for.")
    client_id = fields.Char(string="Client ID", required=True)
    client_secret = fields.Char(
        string="Kept Secret", groups=fields.NO_ACCESS, copy=False
    )
    new_client_secret = fields.Char(
        string="Client Secret",
        compute="_compute_new_client_secret",
        inverse="_inverse_new_client_secret",
        help="Type it to change it. It is kept, never shown again.",
    )
    has_client_secret = fields.Boolean(compute="_compute_has_client_secret")
    organization = fields.Char(
        string="Organization ID",
        help="Sent along when one account serves several companies.",
    )
    token = fields.Char(groups=fields.NO_ACCESS, copy=False)
    token_expires_at = fields.Float(groups=fields.NO_ACCESS, copy=False)

    # what it can do
    syntax = fields.Selection(
        SYNTAXES,
        required=True,
        default="Factur-X",
        string="Format Sent",
        help="Format in which invoices are handed over. The customer may receive "
        "another one: platforms convert.",
    )
    is_automatic = fields.Boolean(
        string="Transmit when Issued",
        default=True,
        help="Invoices leave as soon as their Factur-X is valid. Otherwise when "
        "somebody sends them.",
    )
    can_find = fields.Boolean(
        string="Finds Tracking IDs",
        default=True,
        help="The platform can be asked whether it has a document: after a lost answer "
        "nothing is sent twice. Without it a person decides.",
    )
    gives_rule = fields.Boolean(
        string="Takes Processing Rules",
        default=True,
        help="Say with each document whether it is B2B or B2G.",
    )
    receives_invoices = fields.Boolean(
        default=True,
        help="Supplier invoices that arrive there become draft vendor bills.",
    )
    purchase_journal_id = fields.Many2one(
        "account.journal",
        string="Vendor Bills Journal",
        domain="[('type', '=', 'purchase')]",
        check_company=True,
        help="Empty: the first purchase journal.",
    )
    timeout_s = fields.Integer(string="Time Limit (s)", default=30)
    alert_after_h = fields.Integer(
        string="Late after (h)",
        default=24,
        help="A document that waits longer is shown as late.",
    )

    # how it goes
    contacted_at = fields.Datetime(string="Last Contact", readonly=True, copy=False)
    down_since = fields.Datetime(string="No Answer since", readonly=True, copy=False)
    retry_at = fields.Datetime(string="Next Attempt", readonly=True, copy=False)
    failure_count = fields.Integer(string="Failures", readonly=True, copy=False)
    error_code = fields.Char(readonly=True, copy=False)
    error_facts = fields.Json(readonly=True, copy=False)
    error = fields.Text(compute="_compute_error")
    read_until = fields.Datetime(
        string="News Read until",
        readonly=True,
        copy=False,
        help="Time of the platform; what came later is still to be read.",
    )
    waiting_count = fields.Integer(compute="_compute_counts")
    problem_count = fields.Integer(compute="_compute_counts")

    _timeout_sane = models.Constraint(
        "CHECK (timeout_s BETWEEN 1 AND 120)", "The time limit is 1 to 120 seconds."
    )

    # === Compute === #

    def _compute_new_client_secret(self):
        self.new_client_secret = False

    def _inverse_new_client_secret(self):
        for platform in self:
            if platform.new_client_secret:
                # field nobody may read or write but through here
                platform.sudo().write(
                    {
                        "client_secret": platform.new_client_secret.strip(),
                        "token": False,
                        "token_expires_at": 0,
                    }
                )

    def _compute_has_client_secret(self):
        for platform in self:
            platform.has_client_secret = bool(platform.sudo().client_secret)

    @api.depends("error_code", "error_facts")
    @api.depends_context("lang")
    def _compute_error(self):
        for platform in self:
            platform.error = error_text(
                self.env, platform.error_code, platform.error_facts
            )

    def _compute_counts(self):
        flows = self.env["fr.einvoice.flow"]
        waiting = dict(
            flows._read_group(
                [("platform_id", "in", self.ids), ("is_open", "=", True)],
                ["platform_id"],
                ["__count"],
            )
        )
        problems = dict(
            flows._read_group(
                [("platform_id", "in", self.ids), ("is_problem", "=", True)],
                ["platform_id"],
                ["__count"],
            )
        )
        for platform in self:
            platform.waiting_count = waiting.get(platform, 0)
            platform.problem_count = problems.get(platform, 0)

    # === Constraints === #

    @api.constrains("flow_url", "directory_url", "token_url", "is_test")
    def _check_urls(self):
        for platform in self:
            for url in (platform.flow_url, platform.directory_url, platform.token_url):
                if url and not _is_allowed(url, platform.is_test):
                    raise ValidationError(
                        self.env._(
                            "The address %(url)s of %(platform)s is not allowed. It "
                            "begins with https:// and names a host on the internet; "
                            "only a test platform may be on this machine.",
                            url=url,
                            platform=platform.name,
                        )
                    )

    @api.ondelete(at_uninstall=False)
    def _unlink_except_used(self):
        used = (
            self.env["fr.einvoice.flow"]
            .sudo()
            ._read_group([("platform_id", "in", self.ids)], ["platform_id"])
        )
        for (platform,) in used:
            raise UserError(
                self.env._(
                    "%(platform)s has transmitted documents, which are kept. Archive "
                    "it instead.",
                    platform=platform.name,
                )
            )

    def write(self, vals):
        if vals.keys() & {"flow_url", "token_url", "client_id", "scope"}:
            vals = {**vals, "retry_at": False, "failure_count": 0}
            self.sudo().write({"token": False, "token_expires_at": 0})
        return super().write(vals)

    # === Actions === #

    def action_test_connection(self):
        """Sign in and ask whether the services run; nothing is sent."""
        self.ensure_one()
        self.check_access("write")
        try:
            with self._client() as client:
                client.sign_in()
                client.is_healthy()
                if self.directory_url:
                    client.legal_unit(self.company_id._fr_get_siren() or "0" * 9)
        except TransmissionError as error:
            self._note_failure(error, fields.Datetime.now())
            return self._notify(error_text(self.env, error.code, error.facts), "danger")
        self._note_contact(fields.Datetime.now())
        return self._notify(
            self.env._("%(platform)s answers.", platform=self.name), "success"
        )

    def action_exchange(self):
        """Let the scheduled action run now, whatever pause there is."""
        self.check_access("read")
        self.sudo().write({"retry_at": False})
        self._trigger()
        return self._notify(self.env._("The exchange starts in a moment."), "info")

    def action_open_flows(self):
        """Open the documents of this platform."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "fr_invoicing.fr_einvoice_flow_action"
        )
        return {**action, "domain": [("platform_id", "=", self.id)], "context": {}}

    def _notify(self, text, kind):
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "title": self.name,
                "message": text,
                "type": kind,
                "next": {"type": "ir.actions.client", "tag": "soft_reload"},
            },
        }

    # === Conversation === #

    @contextmanager
    def _client(self):
        """Give a client that knows our secret; its token is kept for the next time."""
        self.ensure_one()
        platform_sudo = self.sudo()  # secret and token are nobody's to read
        token = Token(
            platform_sudo.token or "", expires_at=platform_sudo.token_expires_at
        )
        settings = Settings(
            flow_url=self.flow_url.rstrip("/"),
            directory_url=(self.directory_url or "").rstrip("/"),
            token_url=self.token_url,
            client_id=self.client_id,
            client_secret=platform_sudo.client_secret or "",
            scope=self.scope or "",
            organization_id=self.organization or "",
            timeout_s=self.timeout_s,
        )
        with PlatformClient(settings, token) as client:
            try:
                yield client
            finally:
                if client.token != token:
                    platform_sudo.write(
                        {
                            "token": client.token.value,
                            "token_expires_at": client.token.expires_at,
                        }
                    )

    def _note_contact(self, now):
        """Remember that the platform answered."""
        self.ensure_one()
        self.sudo().write(
            {
                "contacted_at": now,
                "down_since": False,
                "retry_at": False,
                "failure_count": 0,
                "error_code": False,
                "error_facts": False,
            }
        )

    def _note_failure(self, error, now):
        """Remember that it did not, and pause: longer each time, up to four hours."""
        self.ensure_one()
        count = self.failure_count + 1
        if error.kind == DENIED:
            wait_s = max(DENIED_WAIT_S, error.retry_after_s)
        else:
            wait_s = delivery.wait_s(count, error.retry_after_s)
        values = {
            "retry_at": datetime.fromtimestamp(
                now.replace(tzinfo=UTC).timestamp() + wait_s, UTC
            ).replace(tzinfo=None),
            "failure_count": count,
            "error_code": error.code,
            "error_facts": error.facts,
        }
        if error.kind != LATER and not self.down_since:
            values["down_since"] = now
        self.sudo().write(values)

    @api.model
    def _trigger(self):
        """Ask for the scheduled exchange soon."""
        cron = self.env.ref(
            "fr_invoicing.ir_cron_exchange_flows", raise_if_not_found=False
        )
        if cron:
            cron.sudo()._trigger()  # a biller may not touch scheduled actions


def _is_allowed(url, is_test):
    """Say whether an address may be called (no inside of a network by mistake)."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.username or parts.scheme not in ("https", "http") or not host:
        return False
    try:
        address = ipaddress.ip_address(host)
        is_inside = not address.is_global
    except ValueError:
        is_inside = host == "localhost" or "." not in host or host[-1].isdigit()
    if is_test:
        return True
    return parts.scheme == "https" and not is_inside
