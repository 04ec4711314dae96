# Part of Relevé. See LICENSE file for full copyright and licensing details.
import logging
import secrets
import time

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..transmission import webhook
from ..transmission.errors import TransmissionError
from ..transmission_words import error_text
from .fr_platform import _is_allowed

_logger = logging.getLogger(__name__)

PATH = "/fr_invoicing/platform/%s"


class FrPlatformWebhook(models.Model):
    """A platform that rings when there is news (XP Z12-013, webhooks).

    A call only starts the exchange, which asks the platform itself: nothing that a call
    says is believed, a lost call loses nothing, and a call too many does no harm.
    """

    _inherit = "fr.platform"

    webhook_id = fields.Char(readonly=True, copy=False)
    webhook_key = fields.Char(groups=fields.NO_ACCESS, copy=False)
    webhook_token = fields.Char(
        groups=fields.NO_ACCESS, copy=False, index="btree_not_null"
    )
    called_at = fields.Datetime(string="Last Call", readonly=True, copy=False)

    def action_subscribe(self):
        """Ask the platform to call when something is new."""
        self.ensure_one()
        self.check_access("write")
        platform_sudo = self.sudo()  # keys are nobody's to read
        token = platform_sudo.webhook_token or secrets.token_urlsafe(24)
        base = self.get_base_url().rstrip("/")
        if not _is_allowed(base, self.is_test):
            raise UserError(
                self.env._(
                    "The platform cannot call %(url)s: an address on the internet that "
                    "begins with https:// is needed (web.base.url).",
                    url=base,
                )
            )
        url = base + PATH % token
        try:
            with self._client() as client:
                for known in client.webhooks():
                    # one that an interrupted attempt left behind
                    if known.get("callbackUrl") == url:
                        client.unsubscribe(known["webhookId"])
                webhook_id, key = client.subscribe(url)
        except TransmissionError as error:
            return self._notify(error_text(self.env, error.code, error.facts), "danger")
        platform_sudo.write(
            {"webhook_id": webhook_id, "webhook_key": key, "webhook_token": token}
        )
        return self._notify(
            self.env._("%(platform)s calls when there is news.", platform=self.name),
            "success",
        )

    def action_unsubscribe(self):
        """Ask the platform to call no more; its news are fetched as before."""
        self.ensure_one()
        self.check_access("write")
        try:
            with self._client() as client:
                client.unsubscribe(self.webhook_id)
        except TransmissionError as error:
            return self._notify(error_text(self.env, error.code, error.facts), "danger")
        self.sudo().write(  # keys are nobody's to read
            {"webhook_id": False, "webhook_key": False, "webhook_token": False}
        )
        return self._notify(
            self.env._("%(platform)s calls no more.", platform=self.name), "info"
        )

    @api.model
    def _take_call(self, token, body, epoch, signature):
        """Start the exchange when a call is a platform's; called by the controller.

        :param str token: last part of the address
        :param bytes body: as received
        :param str epoch: header Afnor-Signature-Timestamp
        :param str signature: header Afnor-Signature
        :return: HTTP status of the answer
        :rtype: int
        """
        platform_sudo = self.sudo()  # a call comes in nobody's name
        platform_sudo = token and platform_sudo.search(
            [("webhook_token", "=", token)], limit=1
        )
        if not platform_sudo:
            return 404
        if not webhook.is_genuine(
            body, epoch, signature, platform_sudo.webhook_key or "", time.time()
        ):
            _logger.warning("Platform %s: a call is not signed", platform_sudo.id)
            return 403
        platform_sudo.called_at = fields.Datetime.now()
        self._trigger()
        return 200
