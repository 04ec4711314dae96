# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from ..const import SEAL_KINDS
from ..sealing.canonical import canonical, sha256

COLUMNS = (
    "company_id",
    "kind",
    "key",
    "model",
    "res_id",
    "revision",
    "name",
    "sealed_at",
    "user_id",
    "payload",
    "payload_sha256",
    "size",
)


class FrSealEntry(models.Model):
    """One sealed fact: append-only, guarded by this model and by the database.

    A fact that is a file keeps its bytes in fr.archive.entry; any other keeps the
    canonical text that was hashed.
    """

    _name = "fr.seal.entry"
    _description = "Sealed Fact"
    _order = "id desc"
    _check_company_auto = True

    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, ondelete="restrict", index=True
    )
    sequence = fields.Integer(
        string="Link",
        readonly=True,
        help="Place in the chain of the company; empty for the instant between the "
        "commit and its link.",
    )
    kind = fields.Selection(SEAL_KINDS, required=True, readonly=True)
    key = fields.Char(required=True, readonly=True, help="Model and id.")
    model = fields.Char(required=True, readonly=True)
    res_id = fields.Many2oneReference(
        string="Record", model_field="model", required=True, readonly=True
    )
    revision = fields.Integer(
        required=True,
        readonly=True,
        help="1: as posted. 2 and more: an amendment that was allowed and recorded.",
    )
    name = fields.Char(string="Document", required=True, readonly=True)
    sealed_at = fields.Datetime(required=True, readonly=True)
    user_id = fields.Many2one(
        "res.users",
        required=True,
        readonly=True,
        ondelete="restrict",
        index="btree_not_null",
    )
    payload = fields.Text(string="Sealed Content", readonly=True)
    payload_sha256 = fields.Char(string="SHA-256", required=True, readonly=True)
    size = fields.Integer(string="Size (bytes)", required=True, readonly=True)
    previous_hash = fields.Char(readonly=True)
    hash = fields.Char(readonly=True)

    _link_unique = models.UniqueIndex("(company_id, sequence)")
    _fork_unique = models.UniqueIndex("(company_id, previous_hash)")
    _fact_unique = models.UniqueIndex("(company_id, kind, key, revision)")
    _record_index = models.Index("(model, res_id)")
    _name_index = models.Index("(company_id, kind, name)")
    _waiting_index = models.Index("(company_id, id) WHERE sequence IS NULL")

    # === Guards (and fr_seal_guard.py in the database) === #

    @api.model_create_multi
    # always refused: pylint: disable-next=method-required-super
    def create(self, vals_list):
        raise UserError(self.env._("Facts are sealed by the software, not by hand."))

    # always refused: pylint: disable-next=method-required-super
    def write(self, vals):
        raise UserError(self.env._("A sealed fact cannot be changed."))

    @api.ondelete(at_uninstall=False)
    def _unlink_except_always(self):
        raise UserError(self.env._("A sealed fact cannot be deleted."))

    # === Appending === #

    @api.model
    def _append(self, kind, record, payload, name=None, mimetype=None):
        """Seal one fact about a record.

        Bytes go into the archive as they are. The same content is never sealed twice
        for one record and kind, so a retry is harmless.

        :param str kind: of SEAL_KINDS
        :param record: one record; its company is the chain's
        :param payload: bytes, or a dict of texts, numbers (int, Decimal), dates, lists
        :param str name: what a person knows it by, the record's name by default
        :param str mimetype: of the bytes
        :return: the entry, new or old; empty when the company does not seal
        :rtype: fr.seal.entry
        """
        record.ensure_one()
        company = (
            record.company_id
            if "company_id" in record._fields and record.company_id
            else self.env.company
        )
        chain = self.env["fr.seal.chain"]._get(company)
        if not chain:
            return self.browse()
        is_file = isinstance(payload, bytes)
        content = payload if is_file else canonical(payload)
        known = self.sudo().search(
            [
                ("company_id", "=", company.id),
                ("kind", "=", kind),
                ("model", "=", record._name),
                ("res_id", "=", record.id),
            ],
            order="revision desc",
        )
        digest = sha256(content)
        if same := known.filtered(lambda entry: entry.payload_sha256 == digest):
            return same[:1].sudo(self.env.su)
        name = name or record.display_name or f"{record._name},{record.id}"
        if is_file:
            self.env["fr.archive.entry"]._store(kind, record, name, content, mimetype)
        ids = chain._insert_entries(
            [
                {
                    "kind": kind,
                    "key": f"{record._name},{record.id}",
                    "model": record._name,
                    "res_id": record.id,
                    "revision": (known[:1].revision or 0) + 1,
                    "name": name,
                    "payload": None if is_file else content.decode(),
                    "payload_sha256": digest,
                    "size": len(content),
                }
            ]
        )
        return self.browse(ids)

    def action_open_record(self):
        """Open the document this fact is about."""
        self.ensure_one()
        record = self.env[self.model].browse(self.res_id).exists()
        if not record:
            raise UserError(
                self.env._("%(name)s does not exist any more.", name=self.name)
            )
        return record._get_records_action(name=self.name)


class FrSealChain(models.Model):
    _inherit = "fr.seal.chain"

    def _insert_entries(self, rows):
        """Write facts in one statement; they are linked after the commit.

        :param list[dict] rows: COLUMNS without company, instant and user
        :return: ids, in the order of the rows
        """
        self.ensure_one()
        if not rows:
            return []
        common = {
            "company_id": self.company_id.id,
            "sealed_at": fields.Datetime.now(),
            "user_id": self.env.uid,
        }
        found = self.env.cr.execute_values(
            f"INSERT INTO fr_seal_entry ({', '.join(COLUMNS)}) VALUES %s"
            " ON CONFLICT DO NOTHING RETURNING id",
            [tuple({**row, **common}[name] for name in COLUMNS) for row in rows],
            page_size=1000,
            fetch=True,
        )
        self._link_after_commit()
        return [row[0] for row in found]

    def _get_waiting_count(self):
        """Count the facts not linked yet."""
        self.ensure_one()
        ((count,),) = self.env.execute_query(
            SQL(
                "SELECT count(*) FROM fr_seal_entry WHERE company_id = %s"
                " AND sequence IS NULL",
                self.company_id.id,
            )
        )
        return count
