# Part of Relevé. See LICENSE file for full copyright and licensing details.
import logging
import uuid

import psycopg2.errors

from odoo import SUPERUSER_ID, api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from ..sealing import chain

_logger = logging.getLogger(__name__)

SLICE = 5000
TRIES = 5
CONFLICTS = (
    psycopg2.errors.SerializationFailure,
    psycopg2.errors.DeadlockDetected,
    psycopg2.errors.LockNotAvailable,
)


class FrSealChain(models.Model):
    """The chain of one company: its head, and the row whoever extends it locks.

    A fact is written in the transaction that makes it (fr.seal.entry without sequence)
    and linked in a short transaction of its own right after the commit. So two people
    who post at once never wait for each other nor fork the chain, and nothing can be
    posted without its seal. What a crash left unlinked the schedule links.
    """

    _name = "fr.seal.chain"
    _description = "Seal of a Company"
    _rec_name = "company_id"
    _check_company_auto = True

    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, ondelete="restrict", index=True
    )
    uuid = fields.Char(string="Chain Identifier", required=True, readonly=True)
    started_at = fields.Datetime(required=True, readonly=True)
    legacy_move_id = fields.Integer(
        string="Last Entry before the Seal",
        readonly=True,
        help="Documents posted up to this entry were issued before the seal began.",
    )
    last_sequence = fields.Integer(string="Links", readonly=True)
    last_hash = fields.Char(string="Head of the Chain", readonly=True)

    _company_unique = models.UniqueIndex("(company_id)")

    @api.model_create_multi
    # always refused: pylint: disable-next=method-required-super
    def create(self, vals_list):
        raise UserError(self.env._("A chain begins by itself with the first document."))

    def write(self, vals):
        if vals.keys() & {
            "company_id",
            "uuid",
            "started_at",
            "legacy_move_id",
            "last_sequence",
            "last_hash",
        }:
            raise UserError(self.env._("The head of a chain is not written by hand."))
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_always(self):
        raise UserError(self.env._("A chain is kept as long as its documents."))

    # === Beginning === #

    @api.model
    def _get(self, company):
        """Give the chain of a company, begun now if need be; none when not sealed.

        :rtype: fr.seal.chain, in sudo: nobody else may write it
        """
        if not company._fr_is_sealing():
            return self.sudo().browse()
        return self.sudo().search([("company_id", "=", company.id)]) or self._begin(
            company
        )

    @api.model
    def _begin(self, company):
        self.env["account.move"].flush_model(["state", "move_type", "company_id"])
        identifier = str(uuid.uuid4())
        begun = self.env.execute_query(
            SQL(
                """INSERT INTO fr_seal_chain (company_id, uuid, started_at, last_hash,
                       last_sequence, legacy_move_id, create_uid, create_date)
                   SELECT %(company)s, %(uuid)s, %(now)s, %(head)s, 0,
                          COALESCE(max(id), 0), %(user)s, %(now)s
                     FROM account_move
                    WHERE company_id = %(company)s AND state = 'posted'
                   ON CONFLICT DO NOTHING RETURNING id""",
                company=company.id,
                uuid=identifier,
                now=fields.Datetime.now(),
                head=chain.genesis(identifier),
                user=self.env.uid,
            )
        )
        if not company.restrictive_audit_trail:
            company.sudo().restrictive_audit_trail = True  # Odoo keeps the chatter too
        record = self.sudo().search([("company_id", "=", company.id)])
        if begun:
            record._seal_beginning()
        return record

    def _seal_beginning(self):
        """Seal what the record of the chain says: from which documents it is whole.

        Without it, raising ``legacy_move_id`` would hide documents posted unseen.
        """
        self.ensure_one()
        self.env["account.payment"].flush_model(["company_id"])
        ((payment,),) = self.env.execute_query(
            SQL(
                "SELECT COALESCE(max(id), 0) FROM account_payment"
                " WHERE company_id = %s",
                self.company_id.id,
            )
        )
        self.env["fr.seal.entry"]._append(
            "begin",
            self,
            {
                "uuid": self.uuid,
                "started_at": self.started_at,
                "legacy_move_id": self.legacy_move_id,
                "legacy_payment_id": payment,
            },
        )

    # === Linking === #

    def _link(self):
        """Link the waiting entries of these chains, in the order they were made.

        :return: number of links made
        """
        count = 0
        for record in self:
            while done := record._link_slice():
                count += done
                if done < SLICE:
                    break
        return count

    def _link_slice(self):
        """Link up to SLICE entries under the lock of the chain: no fork is possible.

        :raise SerializationFailure: another process linked since this snapshot
        """
        self.ensure_one()
        ((head, sequence),) = self.env.execute_query(
            SQL(
                "SELECT last_hash, last_sequence FROM fr_seal_chain WHERE id = %s"
                " FOR UPDATE",
                self.id,
            )
        )
        rows = self.env.execute_query(
            SQL(
                """SELECT id, kind, key, revision, name, sealed_at, user_id,
                          payload_sha256, size
                     FROM fr_seal_entry
                    WHERE company_id = %s AND sequence IS NULL
                    ORDER BY id LIMIT %s""",
                self.company_id.id,
                SLICE,
            )
        )
        if not rows:
            return 0
        waiting = [chain.Link(0, *row[1:], "", "") for row in rows]
        links = list(chain.extend(waiting, sequence, head))
        self.env.cr.execute_values(
            """UPDATE fr_seal_entry e
                  SET sequence = v.sequence, previous_hash = v.previous, hash = v.hash
                 FROM (VALUES %s) AS v(id, sequence, previous, hash)
                WHERE e.id = v.id""",
            [
                (row[0], link.sequence, link.previous_hash, link.hash)
                for row, link in zip(rows, links, strict=True)
            ],
            page_size=1000,
        )
        self.env.execute_query(
            SQL(
                "UPDATE fr_seal_chain SET last_hash = %s, last_sequence = %s"
                " WHERE id = %s RETURNING id",
                links[-1].hash,
                links[-1].sequence,
                self.id,
            )
        )
        self.invalidate_recordset(["last_hash", "last_sequence"])
        self.env["fr.seal.entry"].invalidate_model(
            ["sequence", "previous_hash", "hash"]
        )
        return len(links)

    def _link_after_commit(self):
        """Link in a transaction of its own as soon as this one is committed."""
        waiting = self.env.cr.postcommit.data.setdefault("fr_seal_chains", set())
        if not waiting:
            registry = self.env.registry

            def link():
                chain_ids = list(waiting)
                waiting.clear()
                try:
                    self._link_now(registry, chain_ids)
                except psycopg2.Error:
                    # the schedule links what is left
                    _logger.warning("Chains %s not linked yet", chain_ids)

            self.env.cr.postcommit.add(link)
        waiting.update(self.ids)

    @staticmethod
    def _link_now(registry, chain_ids):
        for chain_id in sorted(chain_ids):
            for attempt in range(TRIES):
                try:
                    with registry.cursor() as cr:
                        env = api.Environment(cr, SUPERUSER_ID, {})
                        env["fr.seal.chain"].browse(chain_id)._link()
                    break
                except CONFLICTS:
                    if attempt == TRIES - 1:
                        raise
