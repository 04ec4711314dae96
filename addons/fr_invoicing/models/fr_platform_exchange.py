# Part of Relevé. See LICENSE file for full copyright and licensing details.
import logging
from datetime import timedelta

from odoo import api, fields, models

from ..transmission import delivery
from ..transmission.errors import REFUSED, UNKNOWN, TransmissionError
from ..transmission.values import IN

_logger = logging.getLogger(__name__)

SLICE = 200
# news may become visible late: what was read is read again for a while, once kept
OVERLAP = timedelta(hours=1)
FIRST_LOOK = timedelta(days=7)
UNKNOWN_LIMIT = 3
ASK_AFTER = timedelta(hours=1)


class FrPlatformExchange(models.Model):
    """The exchange with a platform: send what waits, read what is new.

    Order: every step stores its result and commits before the next one touches the
    network, so that a kill at any instant loses at most one answer, which is then asked
    for by tracking id.
    """

    _inherit = "fr.platform"

    @api.model
    def _cron_exchange(self):
        """Exchange with every platform; one that fails does not stop the others."""
        cron = self.env["ir.cron"]
        platforms = self.search([("active", "=", True)])
        cron._commit_progress(remaining=len(platforms))
        for platform in platforms:
            platform = platform.company_id._usage_at_home(platform)
            platform._exchange(fields.Datetime.now(), cron._commit_progress)
            if not cron._commit_progress(1):
                return

    def _exchange(self, now, checkpoint):
        """Send what is due and read what is new.

        :param datetime now: naive UTC
        :param checkpoint: called to commit what is stored so far
        :return: whether the platform answered to the end
        :rtype: bool
        """
        self.ensure_one()
        self = self.sudo()  # the job of the platform, in nobody's name
        if self.retry_at and self.retry_at > now:
            return False
        try:
            with self._client() as client:
                self._send_due(client, now, checkpoint)
                self._read_news(client, now, checkpoint)
                self._ask_for_answers(client, now, checkpoint)
        except TransmissionError as error:
            self._note_failure(error, now)
            checkpoint()
            _logger.warning("Platform %s: %s", self.id, error.code)
            return False
        self._note_contact(now)
        checkpoint()
        return True

    # === Out === #

    def _send_due(self, client, now, checkpoint):
        """Send what is due, oldest first.

        :raise TransmissionError: the platform as a whole does not answer
        """
        unknown = 0
        for flow in self._get_due_flows(now):
            flow = flow.try_lock_for_update()
            if not flow or not flow._is_due(now):
                continue
            error = flow._send_one(client, now, checkpoint)
            checkpoint()
            if not error or error.kind == REFUSED:
                unknown = 0
            elif error.kind == UNKNOWN and unknown < UNKNOWN_LIMIT - 1:
                unknown += 1
            else:
                raise error

    def _get_due_flows(self, now):
        return self.env["fr.einvoice.flow"].search(
            [
                ("platform_id", "=", self.id),
                ("direction", "=", "out"),
                ("state", "in", (delivery.WAITING, delivery.SENDING)),
                "|",
                ("next_attempt_at", "=", False),
                ("next_attempt_at", "<=", now),
            ],
            order="id",
            limit=SLICE,
        )

    def _ask_for_answers(self, client, now, checkpoint):
        """Ask one by one for answers that the news did not bring."""
        silent = self.env["fr.einvoice.flow"].search(
            [
                ("platform_id", "=", self.id),
                ("state", "=", delivery.SENT),
                ("asked_at", "<=", now - ASK_AFTER),
            ],
            order="asked_at, id",
            limit=50,
        )
        for flow in silent:
            flow.asked_at = now
            try:
                flow._note_remote(client.flow(flow.remote_id), now)
            except TransmissionError as error:
                if error.kind != REFUSED:
                    raise
            checkpoint()

    # === In === #

    def _read_news(self, client, now, checkpoint):
        """Read answers, statuses and supplier invoices, then work on them."""
        flows = self.env["fr.einvoice.flow"]
        after = (self.read_until or now - FIRST_LOOK) - OVERLAP
        latest = self.read_until
        for remote in client.changed(after):
            if remote.direction == IN:
                if remote.acknowledgement == "Ok":
                    flows._receive(self, client, remote, now)
            else:
                flows._note_answer(self, remote, now)
            if remote.updated_at and (not latest or remote.updated_at > latest):
                latest = remote.updated_at
            checkpoint()
        if latest and latest != self.read_until:
            self.sudo().read_until = latest
            checkpoint()
        flows._process_received(self, now, checkpoint)
