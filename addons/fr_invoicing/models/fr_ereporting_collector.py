# Part of Relevé. See LICENSE file for full copyright and licensing details.
from collections import defaultdict, namedtuple
from dataclasses import replace
from decimal import Decimal

from odoo import api, models
from odoo.tools import SQL

from ..bridge import ereporting as bridge
from ..bridge import exact
from ..einvoice import kinds
from ..einvoice.collected import largest_remainder
from ..einvoice.errors import EinvoiceError
from ..ereporting import checks, scope

BATCH = 500

# the columns of fr_ereporting_item that say what is reported; a source whose rows have
# other contents has changed
Row = namedtuple(
    "Row",
    "source_key sequence period_id move_id flow day tax_id category vat_category"
    " vatex_code"
    " mention_code due_code rate currency_id basis_currency tax_currency basis tax"
    " amount exclusion held_reason",
)
FIGURES = ("rate", "basis_currency", "tax_currency", "basis", "tax", "amount")
TEXTS = (
    "category",
    "vat_category",
    "vatex_code",
    "mention_code",
    "due_code",
    "exclusion",
    "held_reason",
)


class FrEreportingCollector(models.AbstractModel):
    """Turns documents and payments into operations of e-reporting periods.

    What a document should say is compared with what is recorded, so it may be looked at
    as often as one likes: nothing is taken up twice, nothing is lost, and what was
    reported stays as history when the document changes.
    """

    _name = "fr.ereporting.collector"
    _description = "E-reporting Collector"

    @api.model
    def _collect(self, companies, commit=False):
        """Look at every document in the queue, and again at what is held back.

        :param bool commit: within a scheduled action, keep each slice
        """
        for company in companies:
            self._enqueue_held(company)
            while moves := self._take(company):
                self._collect_moves(company, moves)
                if commit:
                    self.env["ir.cron"]._commit_progress(len(moves))

    @api.model
    def _enqueue_existing(self, companies):
        """Queue the documents posted before the add-on or the obligation was set up."""
        for company in companies.filtered("fr_ereporting_from"):
            self.env["account.move"].flush_model()
            self.env.cr.execute(
                SQL(
                    """
                    INSERT INTO fr_ereporting_queue (company_id, move_id)
                    SELECT company_id, id FROM account_move
                     WHERE company_id = %s AND state = 'posted'
                           AND move_type != 'entry' AND invoice_date >= %s
                    """,
                    company.id,
                    company.fr_ereporting_from,
                )
            )

    def _enqueue_held(self, company):
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO fr_ereporting_queue (company_id, move_id)
                SELECT DISTINCT company_id, move_id FROM fr_ereporting_item
                 WHERE company_id = %s AND is_live AND held_reason IS NOT NULL
                       AND move_id IS NOT NULL
                """,
                company.id,
            )
        )

    def _take(self, company):
        """Take a slice of the queue; another worker takes another one."""
        rows = self.env.execute_query(
            SQL(
                """
                DELETE FROM fr_ereporting_queue WHERE id IN (
                    SELECT id FROM fr_ereporting_queue WHERE company_id = %s
                     ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED)
                RETURNING move_id
                """,
                company.id,
                BATCH,
            )
        )
        return (
            self.env["account.move"].sudo().browse(sorted({row[0] for row in rows}))
        ).exists()  # the figures of the company's own report

    # === One slice === #

    def _collect_moves(self, company, moves):
        """Bring the operations of some documents up to date.

        :param moves: account.move records of one company, with any state
        """
        moves = moves.with_company(company)
        told = moves.filtered(self._is_told_when_paid)
        told.with_prefetch(moves._prefetch_ids)._fr_sync_collected()
        drafts = []
        for move in moves:
            drafts += self._document_rows(move) + self._payment_rows(move)
        desired = self._place(company, drafts)
        recorded = self._recorded(moves)
        added, revived, retired = [], [], []
        for key in {*desired, *recorded}:
            rows = desired.get(key, [])
            live = [row for is_live, _id, row in recorded.get(key, ()) if is_live]
            if sorted(live) == sorted(rows):
                continue
            retired += [
                row_id for is_live, row_id, _row in recorded.get(key, ()) if is_live
            ]
            gone = {
                row: row_id
                for is_live, row_id, row in recorded.get(key, ())
                if not is_live
            }
            if rows and all(row in gone for row in rows):
                # back to what was reported: nothing has changed after all
                revived += [gone[row] for row in rows]
            else:
                added += rows
        self._retire(retired)
        self._revive(revived)
        self._insert(company, added)
        touched = self.env["fr.ereporting.period"].browse(
            {row.period_id for rows in desired.values() for row in rows}
            | {row.period_id for rows in recorded.values() for _live, _id, row in rows}
        )
        self.env["fr.ereporting.item"].invalidate_model()
        touched._refresh_state()

    def _document_rows(self, move):
        """Give (kind, row without period) for each share of a document."""
        flow, kind = move._fr_ereporting_flow()
        day = move.invoice_date
        if move.state != "posted" or not flow or not day:
            return []
        shares = bridge.shares(move, with_margins=flow == "10.3")
        held = ""
        if flow == "10.3" and move._fr_get_frame() == kinds.VAT_REPORTED:
            shares = [
                replace(share, exclusion=share.exclusion or "told_before")
                for share in shares
            ]
        if flow not in ("10.1", "10.3"):
            reason = "e_invoice" if flow == "2" else "out_of_scope"
            shares = [
                replace(share, exclusion=share.exclusion or reason) for share in shares
            ]
        reported = [share for share in shares if not share.exclusion]
        if flow == "10.1" and reported:
            held = " ".join(checks.check_invoice(self._invoice(move, reported)))
        elif any(share.rate not in scope.RATES for share in reported):
            held = "rate"
        return [
            (
                kind,
                Row(
                    source_key=f"document/{move.id}",
                    sequence=sequence,
                    period_id=0,
                    move_id=move.id,
                    flow=flow,
                    day=day,
                    tax_id=share.tax_id,
                    category=share.category,
                    vat_category=share.vat_category,
                    vatex_code=share.vatex,
                    mention_code=share.mention,
                    due_code=share.due,
                    rate=share.rate,
                    currency_id=move.currency_id.id,
                    basis_currency=share.basis_currency,
                    tax_currency=share.tax_currency,
                    basis=share.basis,
                    tax=share.tax,
                    amount=Decimal(0),
                    exclusion=share.exclusion,
                    held_reason="" if share.exclusion else share.held or held,
                ),
            )
            for sequence, share in enumerate(shares)
        ]

    def _is_told_when_paid(self, move):
        """Say whether payments of a document may belong to flux 10."""
        flow, kind = move._fr_ereporting_flow()
        return (
            kind == "sale" and flow in ("10.1", "10.3") and move._fr_is_collected_for()
        )

    def _payment_rows(self, move):
        """Give (kind, row without period) for each payment and rate.

        Only where VAT falls due on payment (CGI 290 A). Payments of a document that is
        no longer posted stay: they came in, and what went back says so itself. What is
        reconciled was recorded before, for all documents of the slice.
        """
        if not self._is_told_when_paid(move):
            return []
        flow = move._fr_ereporting_flow()[0]
        try:
            events = move._fr_known_parts()
        except EinvoiceError:
            return []  # a document of zero: no payment has a share in it
        found = []
        for event, parts in events:
            amounts = self._in_company_currency(event, parts)
            taken = [
                (part.rate, amount)
                for part, amount in zip(parts, amounts, strict=True)
                if part.on_payment
                and part.category == "S"
                and amount
                and part.rate in scope.RATES
            ]
            found += [
                (
                    "payment",
                    Row(
                        source_key=f"payment/{event.key}",
                        sequence=sequence,
                        period_id=0,
                        move_id=move.id,
                        flow="10.2" if flow == "10.1" else "10.4",
                        day=event.date,
                        tax_id=0,
                        category=scope.SERVICES,
                        vat_category="S",
                        vatex_code="",
                        mention_code="",
                        due_code=scope.DUE_ON_PAYMENT,
                        rate=rate,
                        currency_id=move.company_currency_id.id,
                        basis_currency=Decimal(0),
                        tax_currency=Decimal(0),
                        basis=Decimal(0),
                        tax=Decimal(0),
                        amount=amount,
                        exclusion="",
                        held_reason="",
                    ),
                )
                for sequence, (rate, amount) in enumerate(taken)
            ]
        return found

    def _in_company_currency(self, event, parts):
        """Give the parts of a payment in euros; they add up to the ledger's amount."""
        weights = [abs(part.gross) for part in parts]
        total = event.amount if event.amount_company is None else event.amount_company
        if total == event.amount or not sum(weights):
            return [part.gross for part in parts]
        return largest_remainder(total, weights)

    def _place(self, company, drafts):
        """Give each source its period, and take payments and their return out together.

        :return: source key -> rows
        """
        days = defaultdict(set)
        for kind, row in drafts:
            days[kind].add(row.day)
        placed = self.env["fr.ereporting.period"].sudo()._by_day(company, days)
        desired = defaultdict(list)
        for kind, row in drafts:
            if period := placed.get((kind, row.day)):
                desired[row.source_key].append(
                    row._replace(
                        period_id=period,
                        **{name: _figure(getattr(row, name)) for name in FIGURES},
                    )
                )
        for key in [key for key in desired if key.endswith("/back")]:
            taken = key.removesuffix("/back")
            if taken in desired and desired[taken][0].period_id == (
                desired[key][0].period_id
            ):
                for name in (key, taken):
                    desired[name] = [
                        row._replace(exclusion="cancelled") for row in desired[name]
                    ]
        return desired

    def _invoice(self, move, shares):
        """Give a document of 10.1 as the report writes it."""
        day = move.invoice_date or move.date
        wordings = self.env["fr.legal.text"]._get_wordings(move.company_id, day)

        def wording(key):
            found = wordings.get(key)
            return found._format(True, {}) if found else ""

        return bridge.invoice(move, shares, wording)

    # === Statements === #

    def _recorded(self, moves):
        """Give what is recorded of some documents and not closed.

        :return: source key -> (is live, id, row)
        """
        found = defaultdict(list)
        if not moves:
            return found
        rows = self.env.execute_query(
            SQL(
                """
                SELECT is_live, id, %s FROM fr_ereporting_item
                 WHERE move_id IN %s AND (is_live OR until_revision IS NULL)
                """,
                SQL(", ").join(SQL.identifier(name) for name in Row._fields),
                tuple(moves.ids),
            )
        )
        for is_live, row_id, *values in rows:
            row = Row(*values)
            row = row._replace(
                **{name: _figure(getattr(row, name)) for name in FIGURES},
                **{name: getattr(row, name) or "" for name in TEXTS},
                tax_id=row.tax_id or 0,
            )
            found[row.source_key].append((is_live, row_id, row))
        return found

    def _retire(self, ids):
        """Take rows out: forget those never reported, close the others."""
        if not ids:
            return
        self.env.cr.execute(
            SQL(
                "DELETE FROM fr_ereporting_item"
                " WHERE id IN %s AND from_revision IS NULL",
                tuple(ids),
            )
        )
        self.env.cr.execute(
            SQL(
                "UPDATE fr_ereporting_item SET is_live = false WHERE id IN %s",
                tuple(ids),
            )
        )

    def _revive(self, ids):
        if ids:
            self.env.cr.execute(
                SQL(
                    "UPDATE fr_ereporting_item SET is_live = true WHERE id IN %s",
                    tuple(ids),
                )
            )

    def _insert(self, company, rows):
        if not rows:
            return
        self.env.cr.execute(
            SQL(
                "INSERT INTO fr_ereporting_item (company_id, is_live, %s) VALUES %s",
                SQL(", ").join(SQL.identifier(name) for name in Row._fields),
                SQL(", ").join(
                    SQL(
                        "(%s, true, %s)",
                        company.id,
                        SQL(", ").join(
                            SQL("%s", None if value == "" else value)
                            for value in row._replace(tax_id=row.tax_id or "")
                        ),
                    )
                    for row in rows
                ),
            )
        )


def _figure(value):
    """Give a figure so that the database's and the document's compare equal."""
    return exact(value).quantize(Decimal("0.001")).normalize() + 0
