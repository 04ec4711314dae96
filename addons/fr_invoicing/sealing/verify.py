# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""The verifier: every altered, missing, added or reordered item, by name.

Works on what a source hands out (``database.DatabaseSource``, ``bundle.BundleSource``);
knows neither files nor tables. Nothing is believed because a row says so: hashes are
computed from the bytes, totals from the sealed facts, signatures from the certificate.
"""

import json
from bisect import bisect_right
from decimal import Decimal

from . import beside
from .canonical import number, sha256
from .chain import check, genesis, link_hash
from .closing import NAMES, NOTHING, totals_of
from .content import compare
from .kept import check_kept, unreadable
from .problems import Problem

SLICE = 500


def verify(source, kept=()):
    """Yield the problems of everything a source holds.

    :param source: see ``database.DatabaseSource`` for its methods
    :param kept: list of kept.KeptAnchor, kept outside of what is verified
    :return: iterator of Problem, none when all is as it was sealed
    """
    yield from source.problems()
    yield from unreadable(kept)
    for chain in source.chains():
        yield from _Verifier(source, chain, kept).run()


class _Verifier:
    """One company: a pass over its links, then what they speak of."""

    def __init__(self, source, chain, kept=()):
        self.source, self.chain = source, chain
        self.kept = [anchor for anchor in kept if not anchor.error]
        #: move id -> link of its last seal
        self.entries = {}
        #: (link before, link) of entries sealed again
        self.amended = []
        #: record id -> (name, payload) of its last seal
        self.receipts, self.statuses = {}, {}
        #: archive entry id -> instant of its recorded destruction, and which files
        self.destructions, self.destroyed = {}, set()
        #: key of an entry -> invoice date as sealed
        self.days = {}
        #: partial id -> (invoice, event, payload) of its last event
        self.payments = {}
        #: (kind, key, sha256) of sealed files
        self.files = {}
        #: closings and anchors as sealed: key -> payload or digest
        self.closings, self.anchors = {}, {}
        #: (kind, id) whose sealed content was altered
        self.unreadable = set()
        self.hashes = {}
        self.sequences, self.sums = [0], [NOTHING]

    def run(self):
        yield from self._check_links()
        yield from self._check_anchors()
        yield from self._check_closings()
        yield from self._check_amended()
        yield from self._check_entries()
        yield from self._check_payments()
        yield from self._check_receipts()
        yield from self._check_statuses()
        yield from self._check_files()

    # === the chain === #

    def _check_links(self):
        chain, source = self.chain, self.source
        head = chain.start_hash or genesis(chain.uuid)
        sequence = chain.start_sequence
        wanted = {anchor.sequence for anchor in source.anchors(chain)}
        wanted |= {anchor.sequence for anchor in self.kept}
        self.hashes[sequence] = head

        def links():
            nonlocal head, sequence
            for link, payload in source.links(chain):
                found.extend(self._note(link, payload))
                if link.sequence in wanted:
                    # computed, so that a link altered with its hash is seen
                    self.hashes[link.sequence] = link_hash(link)
                head, sequence = link.hash, link.sequence
                yield link

        found = []
        yield from check(links(), head, sequence)
        yield from found
        if (sequence, head) != (chain.last_sequence, chain.last_hash):
            yield Problem(
                "head_mismatch",
                chain.name,
                expected=f"link {chain.last_sequence} {chain.last_hash[:12]}",
                found=f"link {sequence} {head[:12]}",
            )
        for link, payload in source.unlinked(chain):
            yield from self._note(link, payload)
            if source.is_overdue(link.sealed_at):
                yield Problem(
                    "not_linked", link.name, link.key, link.kind, found=link.sealed_at
                )

    def _note(self, link, payload):
        """Check one payload and remember what later checks need of it."""
        model, _, record_id = link.key.rpartition(",")
        if payload is None:
            if self.source.holds_payload(link):
                yield Problem("payload_missing", link.name, link.key, link.kind)
            else:
                self.files[link.kind, link.key, link.payload_sha256] = link.name
                if link.kind == "anchor":
                    self.anchors[int(record_id)] = link
            return
        if sha256(payload.encode()) != link.payload_sha256:
            yield Problem("payload_altered", link.name, link.key, link.kind)
            # known, but nothing can be compared with it
            self.unreadable.add((link.kind, int(record_id)))
            return
        content = json.loads(payload)
        yield from self._remember(link, model, int(record_id), content)
        added = totals_of(link.kind, link.revision, content)
        if added != NOTHING and link.sequence:
            self.sequences.append(link.sequence)
            self.sums.append(self.sums[-1] + added)

    def _remember(self, link, model, record_id, content):
        """Note what a fact says of its record; the last one of a record counts."""
        if link.kind == "entry" and model == "account.move":
            if before := self.entries.get(record_id):
                self.amended.append((before, link))
            self.entries[record_id] = link
            self.days[link.key] = content["fields"].get("invoice_date")
        elif link.kind == "payment" and model == "account.partial.reconcile":
            self.payments[record_id] = (link.name, content)
        elif link.kind == "receipt":
            self.receipts[record_id] = (link.name, content)
        elif link.kind == "status" and model == "fr.einvoice.status":
            self.statuses[record_id] = (link.name, content)
        elif link.kind == "closing":
            self.closings[record_id] = (link.name, content)
        elif link.kind == "destruction":
            self.destructions[record_id] = link.sealed_at
            self.destroyed.add((content["kind"], content["key"], content["sha256"]))
        elif link.kind == "begin":
            yield from self.source.check_begin(self.chain, content)

    # === anchors === #

    def _check_anchors(self):
        from .anchors import check_anchor

        yield from check_kept(
            self.kept, self.chain, self.hashes, not self.source.has_ledger
        )
        seen = set()
        for anchor in self.source.anchors(self.chain):
            seen.add(anchor.id)
            yield from check_anchor(
                anchor, self.chain, self.hashes.get(anchor.sequence), self.source
            )
            link = self.anchors.get(anchor.id)
            if (
                link
                and anchor.content
                and sha256(anchor.content) != (link.payload_sha256)
            ):
                yield Problem(
                    "file_altered",
                    anchor.name,
                    link.key,
                    expected=link.payload_sha256,
                    found=sha256(anchor.content),
                )
        last = self.chain.last_sequence
        if not self.source.has_ledger and last not in self.hashes:
            # a bundle is signed when it is made; without that anyone could write it
            yield Problem("not_signed", self.chain.name, expected=str(last))
        for anchor_id, link in self.anchors.items():
            if anchor_id not in seen and self.source.holds(link):
                yield Problem("anchor_missing", link.name, link.key)

    # === closings === #

    def _sum(self, first, last):
        """Totals of the facts of links first to last."""
        upper = self.sums[bisect_right(self.sequences, last) - 1]
        return upper - self.sums[bisect_right(self.sequences, first - 1) - 1]

    def _check_closings(self):
        if not self.source.is_complete:
            return
        for name, sealed in self.closings.values():
            first, last = sealed["sequence_from"], sealed["sequence_to"]
            expected = self._sum(first, last).as_dict()
            expected["turnover"] = self._sum(1, last).total
            for field in (*NAMES, "turnover"):
                text = number(Decimal(expected[field]))
                if text != number(Decimal(sealed[field])):
                    yield Problem(
                        "closing_altered", name, "", field, text, str(sealed[field])
                    )
        recorded = dict(self.source.closings(self.chain))
        for closing_id, (name, sealed) in self.closings.items():
            current = recorded.pop(closing_id, None)
            if current is None:
                yield Problem("closing_missing", name)
                continue
            for field, value in current.items():
                expected = sealed[field]
                if isinstance(value, Decimal):
                    value, expected = number(value), number(Decimal(expected))
                if str(value) != str(expected):
                    yield Problem(
                        "closing_altered", name, "", field, str(expected), str(value)
                    )
        for current in recorded.values():
            yield Problem("closing_not_sealed", current["name"])

    # === the ledger === #

    def _check_amended(self):
        """An entry that was sealed again differs in what may be amended, no more."""
        for start in range(0, len(self.amended), SLICE):
            pairs = self.amended[start : start + SLICE]
            sealed = self.source.payloads([link for pair in pairs for link in pair])
            for pair in pairs:
                before, after = (sealed.get((e.key, e.revision)) for e in pair)
                if before and after:
                    yield from beside.check_amended(
                        pair[1], json.loads(before), json.loads(after)
                    )

    def _check_entries(self):
        if not self.source.has_ledger:
            return
        unreadable = self._unreadable("entry")
        links = sorted(
            (move_id, link)
            for move_id, link in self.entries.items()
            if move_id not in unreadable
        )
        for start in range(0, len(links), SLICE):
            part = dict(links[start : start + SLICE])
            current = self.source.moves(part)
            sealed = self.source.payloads(part.values())
            for move_id, link in part.items():
                where = f"account.move,{move_id}"
                if move_id not in current:
                    yield Problem("move_missing", link.name, where)
                    continue
                payload = sealed.get((link.key, link.revision))
                if payload:
                    yield from compare(
                        link.name, where, json.loads(payload), current[move_id]
                    )
        known = {*self.entries, *self._unreadable("entry")}
        yield from self.source.unsealed(self.chain, known)

    def _unreadable(self, wanted):
        return {record_id for kind, record_id in self.unreadable if kind == wanted}

    def _check_payments(self):
        if not self.source.has_ledger:
            return
        ids = sorted(self.payments.keys() - self._unreadable("payment"))
        for start in range(0, len(ids), SLICE):
            part = ids[start : start + SLICE]
            current = self.source.partials(part)
            others = self.source.counterparts(part)
            for partial_id in part:
                name, sealed = self.payments[partial_id]
                yield from _check_payment(
                    name, partial_id, sealed, current.get(partial_id)
                )
                yield from beside.check_counterpart(
                    name, partial_id, sealed, others.get(partial_id, {})
                )
        known = {*self.payments, *self._unreadable("payment")}
        yield from self.source.unsealed_payments(self.chain, known)

    def _check_receipts(self):
        yield from self._check_rows(
            "receipt", self.receipts, "receipts", beside.check_receipt
        )

    def _check_statuses(self):
        yield from self._check_rows(
            "status", self.statuses, "statuses", beside.check_status
        )

    def _check_rows(self, kind, sealed, reader, check_row):
        """Compare rows with their last seal, then look for rows without one."""
        if not self.source.has_ledger:
            return
        ids = sorted(sealed.keys() - self._unreadable(kind))
        for start in range(0, len(ids), SLICE):
            part = ids[start : start + SLICE]
            current = getattr(self.source, reader)(part)
            for row_id in part:
                name, content = sealed[row_id]
                yield from check_row(name, row_id, content, current.get(row_id))
        known = {*sealed, *self._unreadable(kind)}
        yield from getattr(self.source, f"unsealed_{reader}")(self.chain, known)

    # === files === #

    def _check_files(self):
        """Compare the archive with the chain, and the bytes with both."""
        pending = dict(self.files)
        for file in self.source.files(self.chain):
            name = pending.pop((file.kind, file.key, file.sha256), None)
            if name is None:
                yield Problem(
                    "archive_altered",
                    file.name,
                    file.where,
                    "sha256",
                    "one that is in the chain",
                    file.sha256,
                )
            yield from check_bytes(file)
            yield from beside.check_retention(
                file, self.destructions, self.days.get(file.key)
            )
        yield from self.source.added_files(self.chain)
        for found, name in pending.items():
            kind, key, _digest = found
            gone = found in self.destroyed and not self.source.has_ledger
            if self.source.must_hold(kind, key) and not gone:
                yield Problem("archive_missing", name, key, kind)


def check_bytes(file):
    """Yield what is wrong with the bytes of a file (and its copies)."""
    for where, content in file.contents():
        if content is None:
            yield Problem("file_missing", file.name, where)
        elif sha256(content) != file.sha256:
            yield Problem(
                "file_altered",
                file.name,
                where,
                expected=file.sha256,
                found=sha256(content),
            )


def _check_payment(name, partial_id, sealed, current):
    where = f"account.partial.reconcile,{partial_id}"
    before = sealed["partial"]
    if sealed["event"] == "released":
        if current is not None:
            yield Problem("payment_not_sealed", name, where, found=current["amount"])
        return
    if current is None:
        amount = f"{before['amount']} on {before.get('max_date', '')}"
        yield Problem("payment_missing", name, where, expected=amount)
        return
    for field in sorted(before.keys() | current.keys()):
        if before.get(field) != current.get(field):
            yield Problem(
                "payment_altered",
                name,
                where,
                field,
                before.get(field, "empty"),
                current.get(field, "empty"),
            )
