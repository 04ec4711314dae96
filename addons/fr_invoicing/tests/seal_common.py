# Part of Relevé. See LICENSE file for full copyright and licensing details.
from contextlib import contextmanager

from ..sealing.guards import GUARDS, TRUNCATE_GUARDED
from .common import FrInvoicingCommon

#: warns of each problem found
LOGGER = "odoo.addons.fr_invoicing.models.fr_seal_dashboard"
GUARDED = sorted({*GUARDS, *TRUNCATE_GUARDED})


class SealCommon(FrInvoicingCommon):
    """Helpers of the tests of the seal."""

    def _chain(self):
        return self.env["fr.seal.chain"]._get(self.company)

    def _entries(self, record, kind=None):
        domain = [("model", "=", record._name), ("res_id", "=", record.id)]
        if kind:
            domain.append(("kind", "=", kind))
        return self.env["fr.seal.entry"].search(domain, order="id")

    def _pay(self, move, amount=None):
        values = {"amount": amount} if amount else {}
        return (
            self.env["account.payment.register"]
            .with_context(active_model="account.move", active_ids=move.ids)
            .create(values)
            ._create_payments()
        )

    @contextmanager
    def _unguarded(self):
        """Act as a database administrator who switched the triggers off."""
        self.env.flush_all()
        for table in GUARDED:
            # names from this file: pylint: disable-next=sql-injection
            self.env.cr.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        yield
        for table in GUARDED:
            # names from this file: pylint: disable-next=sql-injection
            self.env.cr.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
        self.env.invalidate_all()

    def _tamper(self, statement, *parameters):
        with self._unguarded():
            self.env.cr.execute(statement, parameters)
            self.assertTrue(self.env.cr.rowcount, "nothing was altered")

    def _verify(self):
        """Run the verifier as the button does.

        :return: list of sealing.problems.Problem
        """
        chain = self._chain()
        chain._link()
        return chain._verify()


class SealedLedger(SealCommon):
    """Two documents that are sealed and linked: ``move`` has its Factur-X."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.move = cls._make_invoice([cls._line(quantity=2, price=50)])
        cls.move._fr_generate_facturx()
        cls.other = cls._make_invoice([cls._line()], cls.person)
        cls.env["fr.seal.chain"]._get(cls.company)._link()
