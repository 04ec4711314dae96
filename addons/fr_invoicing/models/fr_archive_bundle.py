# Part of Relevé. See LICENSE file for full copyright and licensing details.
import csv
import io
import json
import re
from operator import itemgetter

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from ..sealing.bundle import BundleWriter, link_line
from ..sealing.canonical import canonical
from ..sealing.chain import Link, genesis

#: documents read at a time
SLICE = 20
#: a longer chain is handed over in part, between two signed anchors
WHOLE_CHAIN = 50000
LINK_COLUMNS = (
    "sequence, kind, key, revision, name, sealed_at, user_id, payload_sha256, size,"
    " previous_hash, hash"
)
SUFFIXES = {
    "entry": "entree",
    "payment": "paiement",
    "receipt": "encaissement",
    "status": "statut",
    "destruction": "destruction",
}
CLOSING_COLUMNS = (
    "name",
    "period",
    "date_start",
    "date_stop",
    "sequence_from",
    "sequence_to",
    "documents",
    "untaxed",
    "tax",
    "total",
    "collected",
    "consumer",
    "turnover",
)

INSTRUCTIONS = """\
Dossier de contrôle - factures scellées
=======================================

manifest.json   contenu du dossier et empreinte SHA-256 de chaque fichier
chain.jsonl     maillons de la chaîne d'empreintes
documents/      par facture : PDF et XML d'origine, contenu scellé, paiements, statuts
                et messages de la plateforme, détail d'usage (CSV), règles tarifaires
closings/       clôtures journalières, mensuelles et annuelles, et leur tableau (CSV)
anchors/ keys/  ancrages signés (XAdES) et certificats publics

Vérifier (Python 3.10 ou plus, sans Odoo ; pour les signatures : paquets lxml, xmlsec et
cryptography) :

    unzip dossier.zip -d dossier
    cd dossier/verifier
    python3 -m sealing bundle ../../dossier.zip

Le programme nomme chaque élément modifié, manquant ou déplacé et termine par
« 0 problems » s'il n'y en a aucun. L'empreinte du certificat est à comparer avec celle
que l'entreprise communique par une autre voie (option --fingerprint).

To verify without Odoo: the three commands above. Every altered, missing or reordered
item is named; "0 problems" means that all is as it was sealed.
"""


class FrArchiveBundle(models.AbstractModel):
    """Writes the bundle of an inspection, a slice of documents at a time."""

    _name = "fr.archive.bundle"
    _description = "Inspection Bundle"

    @api.model
    def _iter_bundle(self, chain, moves, selection):
        """Yield the ZIP in pieces; memory holds one slice of documents.

        :param chain: fr.seal.chain
        :param moves: sealed account.move of that company
        :param str selection: what was asked for, in words
        """
        writer = BundleWriter()
        writer.add("LISEZMOI.txt", INSTRUCTIONS.encode())
        # what was sealed after the last signature is left for the next bundle
        anchors, last = self._add_anchors(writer, chain)
        keys = []
        for start in range(0, len(moves), SLICE):
            part = moves[start : start + SLICE]
            for move in part:
                keys.append(f"account.move,{move.id}")
                self._add_document(writer, move, last)
                yield writer.drain()
            self.env.invalidate_all()
        self._add_closings(writer, chain, last)
        yield writer.drain()
        first = self._get_start(chain, anchors, moves)
        writer.add_lines("chain.jsonl", self._iter_links(chain, first[0], last))
        yield writer.drain()
        anchors = [anchor for anchor in anchors if anchor["sequence"] >= first[0]]
        writer.close(
            {
                "software": self.env["fr.seal.anchor"]._get_software(),
                "made_at": fields.Datetime.now().isoformat(),
                "selection": selection,
                "documents": keys,
                "anchors": anchors,
                "chain": {
                    "company_id": chain.company_id.id,
                    "name": chain.company_id.name,
                    "uuid": chain.uuid,
                    "start_sequence": first[0],
                    "start_hash": first[1],
                    "last_sequence": last,
                    "last_hash": anchors[-1]["head"],
                },
            }
        )
        yield writer.drain()

    # === Documents === #

    def _add_document(self, writer, move, last):
        """Add the folder of one document, as sealed up to link ``last``."""
        folder = f"documents/{self._safe(move.name)}"
        facts = self._get_facts(move, last)
        archived = self.env["fr.archive.entry"].search(
            [
                ("company_id", "=", move.company_id.id),
                ("sha256", "in", facts.mapped("payload_sha256")),
                ("destroyed_at", "=", False),
            ]
        )
        places = set(facts.mapped("key"))
        for entry in archived:
            key = f"{entry.model},{entry.res_id}"
            if key in places:
                writer.add(
                    f"{folder}/{self._safe(entry.name)}",
                    entry._get_attachment().raw or b"",
                    kind=entry.kind,
                    key=key,
                )
        for fact in facts.filtered("payload"):
            label = SUFFIXES.get(fact.kind, fact.kind)
            path = f"{folder}/{label}-{fact.res_id}-{fact.revision}.json"
            self._add_fact(writer, path, fact)
        writer.add(f"{folder}/reglements.json", canonical(self._get_payments(move)))
        # an accountant of no usage group hands over the usage of a readable invoice
        if move.sudo().usage_rated_line_ids:
            explorer = self.env["usage.explorer"].sudo()  # as the customer reads it
            name, content = explorer._prepare_invoice_file(move.sudo())
            writer.add(f"{folder}/{self._safe(name)}", content)

    def _get_facts(self, move, last):
        """Give what is sealed of a document, in the order it happened.

        Content, files, rules, payments, statuses, messages of the platform, and the
        destruction of files after their retention.
        """
        common = [("company_id", "=", move.company_id.id), ("sequence", "<=", last)]
        entries = self.env["fr.seal.entry"]

        def of(model, records):
            domain = [*common, ("model", "=", model), ("res_id", "in", records.ids)]
            return entries.search(domain)

        # what is told of an invoice its reader may read
        elsewhere = self.sudo().env
        about = [("move_id", "=", move.id)]
        facts = of("account.move", move)
        for model in ("fr.einvoice.status", "fr.einvoice.flow"):
            facts |= of(model, elsewhere[model].search(about))
        payments = entries.search(
            [*common, ("kind", "=", "payment"), ("name", "=", move.name)]
        )
        facts |= payments.filtered(
            lambda fact: json.loads(fact.payload)["move_id"] == move.id
        )
        facts |= of("account.payment", move.sudo().matched_payment_ids)
        files = elsewhere["fr.archive.entry"].search(
            [("model", "=", move._name), ("res_id", "=", move.id)]
        )
        return (facts | of("fr.archive.entry", files)).sorted("id")

    def _get_payments(self, move):
        """Give what is paid on a document, as it stands today.

        Odoo keeps the two sides of a matching apart; the amount is in the currency of
        the document.
        """
        found = []
        for line in move.line_ids.filtered(
            lambda line: line.account_type in ("asset_receivable", "liability_payable")
        ):
            for partial in line.matched_credit_ids | line.matched_debit_ids:
                is_debit = partial.debit_move_id == line
                other = partial.credit_move_id if is_debit else partial.debit_move_id
                side = "debit" if is_debit else "credit"
                found.append(
                    {
                        "date": partial.max_date,
                        "amount": str(partial[f"{side}_amount_currency"]),
                        "currency": partial[f"{side}_currency_id"].name,
                        "entry": other.move_id.name,
                        "journal": other.journal_id.name,
                    }
                )
        return found

    @staticmethod
    def _add_fact(writer, path, fact):
        """Add the text of a fact as it was sealed."""
        writer.add(
            path,
            fact.payload.encode(),
            kind=fact.kind,
            key=fact.key,
            revision=fact.revision,
        )

    @staticmethod
    def _safe(name):
        """Make a name a file system and a ZIP agree with; never a way out."""
        return re.sub(r"[^\w.-]+", "_", name or "document").strip("._") or "document"

    # === Chain === #

    def _add_closings(self, writer, chain, last):
        """Add the closings as sealed, the beginning of the chain, and a table."""
        facts = self.env["fr.seal.entry"].search(
            [
                ("company_id", "=", chain.company_id.id),
                ("kind", "in", ("begin", "closing")),
                ("sequence", "<=", last),
            ],
            order="sequence",
        )
        table = io.StringIO()
        rows = csv.writer(table, delimiter=";", lineterminator="\r\n")
        rows.writerow(CLOSING_COLUMNS)
        for fact in facts:
            self._add_fact(writer, f"closings/{self._safe(fact.name)}.json", fact)
            if fact.kind == "closing":
                sealed = json.loads(fact.payload)
                rows.writerow([sealed[name] for name in CLOSING_COLUMNS])
        writer.add("closings/clotures.csv", b"\xef\xbb\xbf" + table.getvalue().encode())

    def _add_anchors(self, writer, chain):
        """Add signed statements and certificates.

        :return: (their description, last link they cover)
        """
        records = self.env["fr.seal.anchor"].search(
            [("company_id", "=", chain.company_id.id)], order="sequence"
        )
        if not records:
            raise UserError(self.env._("The chain is not signed yet: press Sign Now."))
        found = []
        for record in records:
            archived = self.env["fr.archive.entry"].search(
                [("model", "=", record._name), ("res_id", "=", record.id)], limit=1
            )
            path = f"anchors/{record.sequence}.xml"
            writer.add(
                path,
                archived._get_attachment().raw or b"",
                kind="anchor",
                key=f"fr.seal.anchor,{record.id}",
            )
            found.append(
                {
                    "id": record.id,
                    "name": record.name,
                    "sequence": record.sequence,
                    "head": record.head,
                    "fingerprint": record.key_id.fingerprint,
                    "path": path,
                }
            )
        for key in records.key_id:
            writer.add(f"keys/{key.fingerprint}.pem", key.certificate.encode())
        return found, records[-1].sequence

    def _get_start(self, chain, anchors, moves):
        """Give (link, hash) the handed over part of the chain begins behind."""
        if chain.last_sequence > WHOLE_CHAIN:
            ((lowest,),) = self.env.execute_query(
                SQL(
                    "SELECT min(sequence) FROM fr_seal_entry"
                    " WHERE model = 'account.move' AND res_id = ANY(%s)",
                    moves.ids,
                )
            )
            before = [anchor for anchor in anchors if anchor["sequence"] < lowest]
            if before:
                return itemgetter("sequence", "head")(before[-1])
        return 0, genesis(chain.uuid)

    def _iter_links(self, chain, first, last):
        """Yield the links first + 1 to last as lines."""
        while first < last:
            rows = self.env.execute_query(
                SQL(
                    "SELECT %s FROM fr_seal_entry WHERE company_id = %s"
                    " AND sequence > %s AND sequence <= %s"
                    " ORDER BY sequence LIMIT 2000",
                    SQL(LINK_COLUMNS),
                    chain.company_id.id,
                    first,
                    last,
                )
            )
            if not rows:
                return
            for row in rows:
                yield link_line(Link(*row))
            first = rows[-1][0]


class AccountMove(models.Model):
    _inherit = "account.move"

    def _fr_after_issue(self, pdf_bytes, xml_bytes):
        """Seal the rules that made the amounts, with their versions."""
        result = super()._fr_after_issue(pdf_bytes, xml_bytes)
        rated = self.sudo().usage_rated_line_ids  # of an invoice this user may issue
        if rated and self._fr_is_sealable():
            self.env["fr.seal.entry"]._append(
                "usage",
                self,
                {"rules": [self._fr_describe_rule(line) for line in rated]},
            )
        return result

    @staticmethod
    def _fr_describe_rule(rated):
        """Give version, period, quantity and evidence of a rated line as texts."""
        return {
            "subscription": rated.subscription_id.display_name,
            "plan": rated.plan_id.display_name,
            "version": rated.version_id.display_name,
            "version_id": rated.version_id.id,
            "charge": rated.charge_id.display_name,
            "period": rated.period_id.display_name,
            "dimensions": rated.dimension_key,
            "revision": rated.revision,
            "quantity": rated.quantity,
            "exact_amount": rated.exact_amount,
            "amount": rated.amount,
            "events": rated.event_count,
            "watermark": rated.watermark or None,
            "evidence": json.dumps(rated.evidence, sort_keys=True, ensure_ascii=False),
        }
