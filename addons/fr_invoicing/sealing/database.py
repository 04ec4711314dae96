# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""What the verifier reads of a database, through any DB-API cursor.

Used by the software itself on its own cursor and by the command on a connection of its
own; the filestore is read from its folder, or through a function of the caller.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from . import records
from .chain import Link
from .closing import NAMES
from .content import Reader
from .guards import check_guards
from .problems import Problem

SLICE = 2000
#: how long a fact may wait for its link: the schedule comes by every hour
LINK_DELAY = timedelta(hours=3)
SALE_TYPES = ("out_invoice", "out_refund", "out_receipt")
#: facts whose content is a text in the chain; "status" and "flow" may be files
TEXTS = (
    "begin",
    "entry",
    "payment",
    "receipt",
    "status",
    "closing",
    "usage",
    "key",
    "destruction",
)
LINK_COLUMNS = (
    "sequence, kind, key, revision, name, sealed_at, user_id, payload_sha256, size,"
    " previous_hash, hash"
)


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain to verify; start_* when it is only a part of one."""

    company_id: int
    name: str
    uuid: str
    last_sequence: int
    last_hash: str
    legacy_move_id: int = 0
    start_sequence: int = 0
    start_hash: str = ""


@dataclass(frozen=True, slots=True)
class Anchor:
    id: int
    name: str
    sequence: int
    head: str
    fingerprint: str
    content: bytes | None


@dataclass(frozen=True, slots=True)
class ArchivedFile:
    """A file of the archive, and the copy of it that hangs on the invoice."""

    name: str
    kind: str
    key: str
    where: str
    sha256: str
    copies: tuple
    document_date: date | None = None
    retention_until: date | None = None
    is_destroyed: bool = False

    def contents(self):
        """Yield (place, bytes or None)."""
        for where, read in self.copies:
            yield where, read()


class DatabaseSource:
    """A live or restored database.

    :param cursor: DB-API cursor
    :param filestore: folder of the attachments, None when it is not at hand
    :param read: function(store_fname) -> bytes or None, instead of the folder
    :param companies: ids to look at, all by default
    """

    has_ledger = True
    is_complete = True

    def __init__(self, cursor, filestore=None, read=None, companies=None, now=None):
        self.cursor = cursor
        self.reader = Reader(cursor)
        self.companies = companies
        #: company id -> last payment before payments were sealed
        self.legacy_payments = {}
        self.now = now or datetime.now(UTC).replace(tzinfo=None)
        self.filestore = filestore
        self._read = read or (self._read_file if filestore else None)

    def _query(self, sql, *parameters):
        self.cursor.execute(sql, parameters)
        return self.cursor.fetchall()

    def problems(self):
        """Yield what is wrong beside the chains: guards, chains that went away."""
        yield from check_guards(self.cursor)
        for (name,) in self._query(
            "SELECT DISTINCT p.name FROM fr_seal_entry e"
            " JOIN res_company c ON c.id = e.company_id"
            " JOIN res_partner p ON p.id = c.partner_id WHERE NOT EXISTS"
            " (SELECT FROM fr_seal_chain s WHERE s.company_id = e.company_id)"
        ):
            yield Problem("chain_missing", name)
        for name, key, found in self._query(
            "SELECT name, key, concat(model, ',', res_id) FROM fr_seal_entry"
            " WHERE key <> concat(model, ',', res_id) ORDER BY id"
        ):
            yield Problem("key_altered", name, key, found=found)

    def check_begin(self, chain, sealed):
        """Yield what differs between the record of a chain and its first fact."""
        self.legacy_payments[chain.company_id] = sealed["legacy_payment_id"]
        for field in ("uuid", "legacy_move_id"):
            expected, found = str(sealed[field]), str(getattr(chain, field))
            if expected != found:
                yield Problem("chain_altered", chain.name, "", field, expected, found)

    def chains(self):
        return [
            Chain(*row)
            for row in self._query(
                "SELECT s.company_id, c.name, s.uuid, s.last_sequence, s.last_hash,"
                " s.legacy_move_id FROM fr_seal_chain s"
                " JOIN res_company c ON c.id = s.company_id ORDER BY s.company_id"
            )
            if self.companies is None or row[0] in self.companies
        ]

    # === links === #

    def links(self, chain):
        """Yield (link, payload) in order, a slice at a time."""
        after = -(2**31)
        while rows := self._query(
            f"SELECT {LINK_COLUMNS}, payload, id FROM fr_seal_entry"
            " WHERE company_id = %s AND sequence > %s ORDER BY sequence, id LIMIT %s",
            chain.company_id,
            after,
            SLICE,
        ):
            for *link, payload, _id in rows:
                yield Link(*link), payload
            after = rows[-1][0]

    def unlinked(self, chain):
        for _sequence, *link, payload in self._query(
            f"SELECT {LINK_COLUMNS}, payload FROM fr_seal_entry"
            " WHERE company_id = %s AND sequence IS NULL ORDER BY id",
            chain.company_id,
        ):
            yield Link(0, *link), payload

    def is_overdue(self, sealed_at):
        return sealed_at < self.now - LINK_DELAY

    def holds_payload(self, link):
        """Facts of these kinds are texts; the others are files of the archive."""
        return link.kind in TEXTS and link.kind != "status"

    def holds(self, link):
        return True

    def payloads(self, links):
        """Give {(key, revision): payload} of these entries."""
        rows = self._query(
            "SELECT key, revision, payload FROM fr_seal_entry WHERE kind = 'entry'"
            " AND (key, revision) IN (SELECT * FROM unnest(%s::text[], %s::int[]))",
            *map(
                list, zip(*[(link.key, link.revision) for link in links], strict=True)
            ),
        )
        return {(key, revision): payload for key, revision, payload in rows}

    # === ledger === #

    def moves(self, ids):
        return self.reader.moves(ids)

    def partials(self, ids):
        return self.reader.partials(ids)

    def unsealed(self, chain, sealed):
        """Yield posted documents without seal, and seals that were taken off."""
        for move_id, name in self._query(
            "SELECT id, name FROM account_move WHERE company_id = %s"
            " AND state = 'posted' AND (fr_sealed_at IS NOT NULL"
            " OR (move_type IN %s AND id > %s)) ORDER BY id",
            chain.company_id,
            SALE_TYPES,
            chain.legacy_move_id,
        ):
            if move_id not in sealed:
                yield Problem("move_not_sealed", name, f"account.move,{move_id}")
        for move_id, name in self._query(
            "SELECT id, name FROM account_move WHERE id = ANY(%s)"
            " AND fr_sealed_at IS NULL ORDER BY id",
            list(sealed),
        ):
            yield Problem("move_unmarked", name, f"account.move,{move_id}")

    def unsealed_payments(self, chain, sealed):
        for partial_id, name, amount in self._query(
            "SELECT r.id, m.name, trim_scale(r.amount)::text"
            " FROM account_partial_reconcile r"
            " JOIN account_move_line l ON l.id IN (r.debit_move_id, r.credit_move_id)"
            " JOIN account_move m ON m.id = l.move_id"
            " WHERE m.company_id = %s AND m.fr_sealed_at IS NOT NULL"
            " AND r.create_date > m.fr_sealed_at ORDER BY r.id",
            chain.company_id,
        ):
            if partial_id not in sealed:
                where = f"account.partial.reconcile,{partial_id}"
                yield Problem("payment_not_sealed", name, where, found=amount)

    def counterparts(self, ids):
        return records.counterparts(self.cursor, ids)

    def receipts(self, ids):
        return records.receipts(self.cursor, ids)

    def unsealed_receipts(self, chain, sealed):
        if chain.company_id not in self.legacy_payments:
            return  # a chain of before payments were sealed as recorded
        legacy = self.legacy_payments[chain.company_id]
        for payment_id, name, amount in records.unsealed_receipts(
            self.cursor, chain.company_id, legacy, sealed
        ):
            where = f"account.payment,{payment_id}"
            yield Problem("payment_not_sealed", name, where, found=amount)

    def statuses(self, ids):
        return records.statuses(self.cursor, ids)

    def unsealed_statuses(self, chain, sealed):
        for status_id, code in records.unsealed_statuses(
            self.cursor, chain.company_id, sealed
        ):
            where = f"fr.einvoice.status,{status_id}"
            yield Problem("status_not_sealed", "", where, code)

    # === closings, anchors, files === #

    def closings(self, chain):
        texts = ("name", "period", "date_start", "date_stop")
        numbers = ("sequence_from", "sequence_to", *NAMES, "turnover")
        columns = ", ".join(f"{name}::text" for name in (*texts, *numbers))
        for closing_id, *values in self._query(
            f"SELECT id, {columns} FROM fr_seal_closing WHERE company_id = %s"
            " ORDER BY id",
            chain.company_id,
        ):
            found = dict(zip((*texts, *numbers), values, strict=True))
            found.update({name: Decimal(found[name]) for name in numbers})
            yield closing_id, found

    def anchors(self, chain):
        """Give the signed anchors; their bytes are in the archive."""
        rows = self._query(
            "SELECT a.id, a.name, a.sequence, a.head, k.fingerprint,"
            " t.store_fname, t.db_datas FROM fr_seal_anchor a"
            " JOIN fr_seal_key k ON k.id = a.key_id"
            " LEFT JOIN fr_archive_entry f ON f.kind = 'anchor'"
            " AND f.model = 'fr.seal.anchor' AND f.res_id = a.id"
            " LEFT JOIN ir_attachment t ON t.res_model = 'fr.archive.entry'"
            " AND t.res_id = f.id AND t.res_field = 'content'"
            " WHERE a.company_id = %s ORDER BY a.sequence",
            chain.company_id,
        )
        for *row, path, stored in rows:
            if self._read is None and path:
                continue
            yield Anchor(*row, self._bytes(path, stored))

    def certificate(self, chain, fingerprint):
        rows = self._query(
            "SELECT certificate FROM fr_seal_key WHERE fingerprint = %s", fingerprint
        )
        return rows[0][0] if rows else None

    def files(self, chain):
        after = 0
        while rows := self._query(
            "SELECT f.id, f.name, f.kind, f.model || ',' || f.res_id, f.sha256,"
            " f.destroyed_at IS NOT NULL, f.document_date, f.retention_until,"
            " f.source_attachment_id,"
            " t.id, t.store_fname, t.db_datas, s.id, s.store_fname, s.db_datas"
            " FROM fr_archive_entry f"
            " LEFT JOIN ir_attachment t ON t.res_model = 'fr.archive.entry'"
            " AND t.res_id = f.id AND t.res_field = 'content'"
            " LEFT JOIN ir_attachment s ON s.id = f.source_attachment_id"
            " WHERE f.company_id = %s AND f.id > %s ORDER BY f.id LIMIT 200",
            chain.company_id,
            after,
        ):
            for row in rows:
                yield self._file(*row)
            after = rows[-1][0]

    def _file(self, entry_id, name, kind, key, digest, *row):
        destroyed, day, until, source, *attachments = row
        where = f"fr.archive.entry,{entry_id}"
        own, original = attachments[:3], attachments[3:]
        copies = []
        if not destroyed and (self._read or not own[1]):
            copies.append((where, lambda: self._bytes(*own[1:])))
            if source and original[1:] != own[1:]:
                place = f"ir.attachment,{source}"
                copies.append((place, lambda: self._bytes(*original[1:])))
        elif not destroyed and own[0] is None:
            copies.append((where, lambda: None))
        return ArchivedFile(
            name, kind, key, where, digest, tuple(copies), day, until, destroyed
        )

    def added_files(self, chain):
        """Yield files somebody put in the place of issued ones."""
        for attachment_id, name, invoice in records.added_files(
            self.cursor, chain.company_id
        ):
            where = f"ir.attachment,{attachment_id}, {invoice}"
            yield Problem("file_added", name, where)

    def must_hold(self, kind, key):
        return True

    def _bytes(self, path, stored):
        if stored is not None:
            return bytes(stored)
        return self._read(path) if path and self._read else None

    def _read_file(self, path):
        target = Path(self.filestore, path)
        root = Path(self.filestore).resolve()
        if not target.resolve().is_relative_to(root) or not target.is_file():
            return None
        return target.read_bytes()
