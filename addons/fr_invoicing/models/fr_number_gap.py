# Part of Relevé. See LICENSE file for full copyright and licensing details.
from collections import defaultdict

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

KINDS = [
    ("missing", "Missing"),
    ("start", "Starts late"),
    ("draft", "Back in draft"),
    ("cancel", "Cancelled"),
]


class FrNumberLoss(models.Model):
    """Trace of a numbered entry that was deleted; never changed."""

    _name = "fr.number.loss"
    _description = "Deleted Number"
    _order = "id desc"
    _check_company_auto = True

    company_id = fields.Many2one("res.company", required=True, index=True)
    journal_id = fields.Many2one("account.journal", required=True, ondelete="cascade")
    number = fields.Char(required=True)
    prefix = fields.Char()
    counter = fields.Integer()
    note = fields.Char(required=True)


class FrNumberGap(models.Model):
    """A hole in the numbers of a journal, with the explanation an inspector asks for.

    The list is worked out from the journal entries each time it is opened; what was
    explained stays with its hole.
    """

    _name = "fr.number.gap"
    _description = "Gap in the Numbers"
    _order = "year desc, journal_id, prefix, first"
    _check_company_auto = True

    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, index=True
    )
    journal_id = fields.Many2one(
        "account.journal",
        required=True,
        readonly=True,
        ondelete="cascade",
        index=True,
        check_company=True,
    )
    year = fields.Integer(readonly=True)
    kind = fields.Selection(
        KINDS,
        string="Finding",
        required=True,
        readonly=True,
        help="Missing: no document has these numbers. Starts late: the sequence does "
        "not begin at 1. Back in draft, Cancelled: a document keeps the number but is "
        "not posted.",
    )
    prefix = fields.Char(readonly=True)
    first = fields.Integer(readonly=True)
    last = fields.Integer(readonly=True)
    first_number = fields.Char(readonly=True)
    last_number = fields.Char(readonly=True)
    count = fields.Integer(string="Numbers", readonly=True)
    move_id = fields.Many2one(
        "account.move",
        string="Document",
        readonly=True,
        ondelete="cascade",
        index="btree_not_null",
        help="The document that bears the number, or the one after the gap.",
    )
    trace = fields.Text(readonly=True, help="What was deleted, when and by whom.")
    explanation = fields.Text(
        help="Why these numbers are missing, for the accountant and the tax office."
    )
    state = fields.Selection(
        [("open", "To explain"), ("explained", "Explained")],
        compute="_compute_state",
        store=True,
    )

    _gap_unique = models.UniqueIndex("(journal_id, prefix, first, kind)")

    @api.depends("explanation")
    def _compute_state(self):
        for gap in self:
            gap.state = "explained" if (gap.explanation or "").strip() else "open"

    @api.depends("first_number", "last_number", "count")
    def _compute_display_name(self):
        for gap in self:
            gap.display_name = (
                gap.first_number
                if gap.count == 1
                else f"{gap.first_number} – {gap.last_number}"
            )

    # === Working out === #

    @api.model
    def _refresh(self, companies):
        """Work the gaps of some companies out again; keep what was explained.

        :param companies: res.company records
        :return: the gaps there are now
        """
        # sudo: whoever may read the list, a read-only auditor too, gets it up to date
        gaps_sudo = self.sudo()
        found = {}
        for company in companies:
            for values in gaps_sudo._find(company):
                key = (
                    values["journal_id"],
                    values["prefix"],
                    values["first"],
                    values["kind"],
                )
                found[key] = values
        known = gaps_sudo.search([("company_id", "in", companies.ids)])
        gone = gaps_sudo.browse()
        for gap in known:
            key = (gap.journal_id.id, gap.prefix, gap.first, gap.kind)
            values = found.pop(key, None)
            if values is None:
                gone += gap
            elif any(gap[name] != values[name] for name in ("last", "year", "trace")):
                gap.write(values)
        gone.unlink()
        made = gaps_sudo.create(list(found.values()))
        return self.browse((known - gone + made).ids)

    def _find(self, company):
        """Give the values of every gap of a company, in two statements."""
        self.env["account.move"].flush_model()
        losses = defaultdict(list)
        for loss in self.env["fr.number.loss"].search(
            [("company_id", "=", company.id)], order="id"
        ):
            losses[loss.journal_id.id, loss.prefix].append(loss)
        values = []
        for journal, prefix, first, last, after, move, year in self.env.execute_query(
            SQL(
                """
                SELECT journal_id, sequence_prefix, previous + 1, sequence_number - 1,
                       name, id, EXTRACT(YEAR FROM date)::int
                  FROM (SELECT id, journal_id, sequence_prefix, sequence_number, name,
                               date,
                               COALESCE(LAG(sequence_number) OVER numbers, 0)
                                   AS previous
                          FROM account_move
                         WHERE company_id = %(company)s
                           AND sequence_number > 0
                           AND (state = 'posted' OR posted_before)
                           AND name != '/'
                        WINDOW numbers AS (PARTITION BY journal_id, sequence_prefix
                                               ORDER BY sequence_number)) numbered
                 WHERE sequence_number > previous + 1
                 ORDER BY journal_id, sequence_prefix, sequence_number
                """,
                company=company.id,
            )
        ):
            traces = [
                f"{loss.number}: {loss.note}"
                for loss in losses[journal, prefix]
                if first <= loss.counter <= last
            ]
            values.append(
                {
                    "company_id": company.id,
                    "journal_id": journal,
                    "year": year,
                    "kind": "start" if first == 1 else "missing",
                    "prefix": prefix,
                    "first": first,
                    "last": last,
                    "first_number": _number(after, prefix, last + 1, first),
                    "last_number": _number(after, prefix, last + 1, last),
                    "count": last - first + 1,
                    "move_id": move,
                    "trace": "\n".join(traces) or False,
                }
            )
        for journal, prefix, counter, name, move, year, state in self.env.execute_query(
            SQL(
                """
                SELECT journal_id, sequence_prefix, sequence_number, name, id,
                       EXTRACT(YEAR FROM date)::int, state
                  FROM account_move
                 WHERE company_id = %(company)s
                   AND sequence_number > 0
                   AND posted_before
                   AND state IN ('draft', 'cancel')
                   AND name != '/'
                """,
                company=company.id,
            )
        ):
            values.append(
                {
                    "company_id": company.id,
                    "journal_id": journal,
                    "year": year,
                    "kind": state,
                    "prefix": prefix,
                    "first": counter,
                    "last": counter,
                    "first_number": name,
                    "last_number": name,
                    "count": 1,
                    "move_id": move,
                    "trace": False,
                }
            )
        return values

    def write(self, vals):
        """People explain; the rest is worked out."""
        if not self.env.su and set(vals) - {"explanation"}:
            raise UserError(self.env._("Only the explanation of a gap can be changed."))
        return super().write(vals)

    # === Buttons === #

    @api.model
    def action_open_report(self):
        """Work the gaps out and show them."""
        companies = self.env.companies.filtered(lambda c: c._fr_is_french())
        self._refresh(companies)
        return self.env["ir.actions.act_window"]._for_xml_id(
            "fr_invoicing.fr_number_gap_action"
        )

    def action_open_move(self):
        """Open the document of the gap."""
        self.ensure_one()
        return self.move_id._get_records_action()

    def action_export_csv(self):
        """Download the selected gaps, or all of them, as a table."""
        gaps = self or self.search([("company_id", "in", self.env.companies.ids)])
        labels = dict(self._fields["kind"]._description_selection(self.env))
        header = [
            self._fields[name]._description_string(self.env)
            for name in ("company_id", "journal_id", "year", "kind")
        ] + [
            self._fields[name]._description_string(self.env)
            for name in ("first_number", "last_number", "count", "trace", "explanation")
        ]
        rows = [
            [
                gap.company_id.name,
                gap.journal_id.code,
                gap.year,
                labels[gap.kind],
                gap.first_number,
                gap.last_number,
                gap.count,
                gap.trace or "",
                gap.explanation or "",
            ]
            for gap in gaps
        ]
        return self.env["fr.download"]._offer_csv(
            self.env._("number_gaps.csv"), header, rows
        )


def _number(name, prefix, counter, wanted):
    """Write another counter the way the number of a document is written.

    >>> _number("INV/2026/00042", "INV/2026/", 42, 7)
    'INV/2026/00007'
    """
    digits = name[len(prefix) :]
    width = 0
    while width < len(digits) and digits[width].isdigit():
        width += 1
    return f"{prefix}{wanted:0{width}d}{digits[width:]}"
