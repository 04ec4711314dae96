# Part of Relevé. See LICENSE file for full copyright and licensing details.
from datetime import timedelta

from odoo import fields

from .approved_platform import ApprovedPlatform
from .common import FrInvoicingCommon


class TransmissionCommon(FrInvoicingCommon):
    """A company connected to an approved platform that listens on loopback."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.business.name = "Client Exemple SARL"

    def setUp(self):
        super().setUp()
        self.approved = ApprovedPlatform().start()
        self.addCleanup(self._stop_platform)
        self.platform = self.env["fr.platform"].create(
            {
                "name": "Plateforme d'essai",
                "company_id": self.company.id,
                "is_test": True,
                "flow_url": self.approved.flow_url,
                "directory_url": self.approved.directory_url,
                "token_url": self.approved.token_url,
                "client_id": self.approved.client_id,
                "new_client_secret": self.approved.client_secret,
                "timeout_s": 10,
            }
        )
        self.company.fr_platform_id = self.platform

    def _stop_platform(self):
        self.approved.stop()
        self.assertEqual(self.approved.own_mistakes, [])

    def _now(self):
        """Give the time of the platform's clock, which the tests move."""
        return self.approved.clock.now().replace(microsecond=0)

    def _exchange(self, **later):
        """Exchange once, after some time on both clocks.

        Stored only where the real job commits: nothing of the test survives.
        """
        if later:
            self.approved.clock.advance(**later)
        return self.platform._exchange(self._now(), self.env.flush_all)

    def _issue(self, *lines, **values):
        """Create, post and issue an invoice through Odoo's ordinary models.

        :return: the invoice and its row in the outbox
        """
        move = self._make_invoice(list(lines) or [self._line()], **values)
        move._fr_generate_facturx()
        self.assertValid(move)
        return move, move.fr_flow_ids.filtered(lambda flow: flow.kind == "invoice")

    def _taken(self, move):
        """Give what the platform took of an invoice."""
        return self.approved.store.taken(number=move.name)

    def _codes(self, move):
        return sorted(move.fr_status_ids.mapped("code"))

    def _in(self, **time):
        return fields.Datetime.now() + timedelta(**time)
