# Part of Relevé. See LICENSE file for full copyright and licensing details.
import logging
from dataclasses import asdict

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from ..seal_messages import PROBLEMS
from ..sealing.database import DatabaseSource
from ..sealing.verify import verify
from .fr_seal_move import SALE_TYPES

_logger = logging.getLogger(__name__)

#: problems kept on the record and shown; the count is of all
SHOWN = 200
#: links a person waits for; more are verified by the schedule
AT_ONCE = 20000
HISTORY_SLICE = 500


class FrSealChain(models.Model):
    """What a person sees of the seal, and the buttons."""

    _name = "fr.seal.chain"
    _inherit = ["fr.seal.chain", "mail.thread", "mail.activity.mixin"]

    verified_at = fields.Datetime(string="Verified on", readonly=True)
    problem_count = fields.Integer(string="Problems", readonly=True)
    problems = fields.Json(string="Problems Found", readonly=True)
    problems_html = fields.Html(
        string="What Was Found", compute="_compute_problems_html", sanitize=False
    )
    state = fields.Selection(
        [
            ("new", "Not verified yet"),
            ("intact", "Intact"),
            ("broken", "Problems found"),
        ],
        compute="_compute_state",
    )
    waiting_count = fields.Integer(
        string="Waiting for Their Link", compute="_compute_figures"
    )
    document_count = fields.Integer(
        string="Sealed Documents", compute="_compute_figures"
    )
    archive_count = fields.Integer(string="Archived", compute="_compute_figures")
    over_count = fields.Integer(
        string="Past Their Retention",
        compute="_compute_figures",
        help="Archived files that need not be kept any more. Nothing obliges you to "
        "destroy them; you may, with a reason, and the destruction is sealed.",
    )
    kept_folder = fields.Char(string="Copies of Anchors", compute="_compute_figures")
    kept_email = fields.Char(related="company_id.fr_seal_anchor_email")
    history_count = fields.Integer(
        string="Issued before the Seal",
        compute="_compute_figures",
        help="Posted customer documents that are not sealed.",
    )
    anchor_id = fields.Many2one(
        "fr.seal.anchor", string="Last Anchor", compute="_compute_figures"
    )
    closing_id = fields.Many2one(
        "fr.seal.closing", string="Last Closing", compute="_compute_figures"
    )
    turnover = fields.Monetary(string="Perpetual Total", compute="_compute_figures")
    currency_id = fields.Many2one(related="company_id.currency_id")
    key_id = fields.Many2one("fr.seal.key", compute="_compute_figures")
    key_valid_to = fields.Datetime(string="Key Valid until", compute="_compute_figures")
    key_is_expiring = fields.Boolean(compute="_compute_figures")
    key_is_encrypted = fields.Boolean(compute="_compute_figures")
    journals_html = fields.Html(compute="_compute_journals_html", sanitize=False)
    unsecured_journal_count = fields.Integer(compute="_compute_journals_html")

    @api.depends("verified_at", "problem_count")
    def _compute_state(self):
        for chain in self:
            if not chain.verified_at:
                chain.state = "new"
            else:
                chain.state = "broken" if chain.problem_count else "intact"

    @api.depends("problems")
    @api.depends_context("lang")
    def _compute_problems_html(self):
        for chain in self:
            chain.problems_html = self.env["ir.qweb"]._render(
                "fr_invoicing.fr_seal_problems",
                {
                    "problems": [
                        self._say_problem(problem) for problem in chain.problems or []
                    ],
                    "more": chain.problem_count - len(chain.problems or []),
                },
            )

    @api.model
    def _say_problem(self, problem):
        facts = {name: value for name, value in problem.items() if name != "code"}
        sentence = PROBLEMS[problem["code"]]
        # chosen sentence: pylint: disable-next=translation-not-lazy
        return self.env._(sentence) % facts

    @api.depends("last_sequence")
    def _compute_figures(self):
        for chain in self:
            company = chain.company_id
            sudo = chain.sudo().env  # counts and names of the chain the user may see
            chain.waiting_count = chain._get_waiting_count()
            sealed = [("company_id", "=", company.id), ("fr_sealed_at", "!=", False)]
            chain.document_count = sudo["account.move"].search_count(sealed)
            archive = sudo["fr.archive.entry"]
            chain.archive_count = archive.search_count(
                [("company_id", "=", company.id)]
            )
            chain.over_count = archive.search_count(archive._get_over_domain(company))
            chain.kept_folder = str(chain._get_kept_folder())
            chain.history_count = sudo["account.move"].search_count(
                chain._get_history_domain()
            )
            chain.anchor_id = sudo["fr.seal.anchor"].search(
                [("company_id", "=", company.id)], order="sequence desc", limit=1
            )
            closing = sudo["fr.seal.closing"]._get_last(company)
            chain.closing_id = closing
            chain.turnover = float(closing.turnover or 0)
            key = sudo["fr.seal.key"].search(
                [("company_id", "=", company.id), ("active_key", "=", True)]
            )
            chain.key_id = key
            chain.key_valid_to = key.valid_to
            chain.key_is_expiring = key.is_expiring
            chain.key_is_encrypted = key.is_encrypted

    def _get_history_domain(self):
        self.ensure_one()
        return [
            ("company_id", "=", self.company_id.id),
            ("state", "=", "posted"),
            ("move_type", "in", SALE_TYPES),
            ("fr_sealed_at", "=", False),
        ]

    @api.depends("company_id")
    def _compute_journals_html(self):
        """Say what Odoo's own hash covers: it does the journals we do not seal."""
        for chain in self:
            # names only, for auditors who may not read journals
            journals = (
                chain.sudo()
                .env["account.journal"]
                .search(
                    [("company_id", "=", chain.company_id.id)], order="type, sequence"
                )
            )
            open_ones = journals.filtered(
                lambda journal: not journal.restrict_mode_hash_table
            )
            chain.unsecured_journal_count = len(open_ones)
            chain.journals_html = self.env["ir.qweb"]._render(
                "fr_invoicing.fr_seal_journals", {"journals": journals}
            )

    # === Opening === #

    @api.model
    def action_open_dashboard(self):
        """Open the seal of the current company, begun now if need be."""
        self.browse().check_access("read")
        chain = self._get(self.env.company)
        if not chain:
            raise UserError(
                self.env._(
                    "%(company)s does not seal its documents: it is not a French "
                    "company, or “Seal Posted Documents” is off in its settings.",
                    company=self.env.company.name,
                )
            )
        return {
            **self.env["ir.actions.act_window"]._for_xml_id(
                "fr_invoicing.fr_seal_chain_action"
            ),
            "res_id": chain.id,
        }

    def action_view(self):
        """Open a list from its figure (context: which one)."""
        self.ensure_one()
        names = {
            "entries": "fr_seal_entry_action",
            "archive": "fr_archive_entry_action",
            "anchors": "fr_seal_anchor_action",
            "closings": "fr_seal_closing_action",
        }
        which = names.get(self.env.context.get("fr_view"), "fr_seal_entry_action")
        return {
            **self.env["ir.actions.act_window"]._for_xml_id(f"fr_invoicing.{which}"),
            "domain": [("company_id", "=", self.company_id.id)],
        }

    def action_view_history(self):
        """Open the documents issued before the seal."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Issued before the Seal"),
            "res_model": "account.move",
            "view_mode": "list,form",
            "domain": self._get_history_domain(),
        }

    # === Verifying === #

    def _verify(self):
        """Run the verifier on this database and keep what it found.

        The same code as the command, on the same tables.

        :return: list of sealing.problems.Problem
        """
        self.ensure_one()
        self.env.flush_all()
        self.env.cr.execute("SELECT 1")
        attachments = self.env["ir.attachment"]
        source = DatabaseSource(
            self.env.cr,
            read=lambda path: attachments._file_read(path) or None,
            companies=[self.company_id.id],
            now=fields.Datetime.now(),
        )
        problems = list(verify(source, self._read_kept()))
        self.sudo().write(  # the result, not the chain
            {
                "verified_at": fields.Datetime.now(),
                "problem_count": len(problems),
                "problems": [asdict(problem) for problem in problems[:SHOWN]],
            }
        )
        for problem in problems[:SHOWN]:
            _logger.error("Seal of %s: %s", self.company_id.name, problem)
        return problems

    def action_verify(self):
        """Verify now, or leave a long chain to the schedule."""
        self.ensure_one()
        self.check_access("read")
        if self.last_sequence > AT_ONCE:
            self.env.ref("fr_invoicing.ir_cron_seal_daily").sudo()._trigger()
            return self._notify(
                self.env._("The verification runs in the background."), "info"
            )
        self.sudo()._link()
        problems = self._verify()
        if not problems:
            return self._notify(
                self.env._(
                    "%(count)s links verified: everything is as it was sealed.",
                    count=self.last_sequence,
                ),
                "success",
            )
        return self._notify(
            self.env._("%(count)s problems were found.", count=len(problems)), "danger"
        )

    def _notify(self, text, kind):
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "title": self.env._("Seal"),
                "message": text,
                "type": kind,
                "next": {"type": "ir.actions.client", "tag": "soft_reload"},
            },
        }

    # === Working === #

    def _check_may_work(self):
        if not self.env.user.has_group("account.group_account_manager"):
            raise UserError(
                self.env._("Only an accounting manager closes, signs or secures.")
            )

    def action_close(self):
        """Make the closings that are due."""
        self.ensure_one()
        self._check_may_work()
        made = self.env["fr.seal.closing"]._close_due(self.sudo())
        return self._notify(
            self.env._("%(count)s closings made.", count=len(made))
            if made
            else self.env._("Every day that is over is closed already."),
            "success",
        )

    def action_anchor(self):
        """Sign where the chain stands."""
        self.ensure_one()
        self._check_may_work()
        made = self.env["fr.seal.anchor"]._sign(self.sudo())
        return self._notify(
            self.env._("Signed up to link %(link)s.", link=made.sequence)
            if made
            else self.env._("Nothing was sealed since the last anchor."),
            "success",
        )

    def action_seal_history(self):
        """Seal the customer documents issued before the seal began, as they are."""
        self.ensure_one()
        self._check_may_work()
        moves = self.env["account.move"].search(
            self._get_history_domain(), order="id", limit=HISTORY_SLICE * 20
        )
        for start in range(0, len(moves), HISTORY_SLICE):
            moves[start : start + HISTORY_SLICE]._fr_seal_entries()
        return self._notify(
            self.env._("%(count)s documents sealed.", count=len(moves)), "success"
        )

    def action_secure_journals(self):
        """Switch on Odoo's own hash for the journals of sales.

        It forbids reopening in Odoo itself; a journal with a gap in its numbers is left
        out, because Odoo would refuse to post there.
        """
        self.ensure_one()
        self._check_may_work()
        journals = self.env["account.journal"].search(
            [
                ("company_id", "=", self.company_id.id),
                ("type", "=", "sale"),
                ("restrict_mode_hash_table", "=", False),
            ]
        )
        gaps = self.env.execute_query(
            SQL(
                """SELECT DISTINCT journal_id FROM (
                       SELECT journal_id, sequence_number - lag(sequence_number) OVER (
                                  PARTITION BY journal_id, sequence_prefix
                                  ORDER BY sequence_number) AS step
                         FROM account_move
                        WHERE state = 'posted' AND journal_id = ANY(%s)) AS steps
                    WHERE step <> 1""",
                journals.ids,
            )
        )
        left = self.env["account.journal"].browse(row[0] for row in gaps)
        (journals - left).restrict_mode_hash_table = True
        if left:
            return self._notify(
                self.env._(
                    "Left open because of gaps in their numbers: %(journals)s",
                    journals=", ".join(left.mapped("name")),
                ),
                "warning",
            )
        return self._notify(self.env._("The journals of sales are secured."), "success")

    # === Schedule === #

    @api.model
    def _cron_link(self):
        """Link what a crash between a commit and its link left behind."""
        # all of them: pylint: disable-next=no-search-all
        self.search([])._link()

    @api.model
    def _cron_daily(self):
        """Close, sign and verify each company; one with a problem stops no other."""
        cron = self.env["ir.cron"]
        # all of them: pylint: disable-next=no-search-all
        chains = self.search([])
        cron._commit_progress(remaining=len(chains))
        for chain in chains:
            if not chain.company_id._fr_is_sealing():
                continue
            chain._work_daily()
            if not cron._commit_progress(1):
                return

    def _work_daily(self):
        """Body of the schedule for one company."""
        self.ensure_one()
        self._link()
        self.env["fr.seal.closing"]._close_due(self)
        try:
            self.env["fr.seal.anchor"]._sign(self)
        except UserError as error:
            # a missing passphrase must not keep the rest from being verified
            self._warn(str(error))
        if problems := self._verify():
            self._warn(
                "\n".join(self._say_problem(asdict(problem)) for problem in problems)
            )
        if self.key_id.is_expiring:
            self._warn(
                self.env._(
                    "The key that signs the anchors expires on %(date)s.",
                    date=self.key_id.valid_to.date(),
                )
            )

    def _warn(self, text):
        """Put one activity before the accounting managers, not one a night."""
        self.ensure_one()
        group = self.env.ref("account.group_account_manager")
        users = group.all_user_ids.filtered(
            lambda user: self.company_id in user.company_ids and user.active
        )
        user = users[:1] or self.env.user
        if self.activity_ids.filtered(lambda activity: activity.user_id == user):
            return
        self.activity_schedule(
            "mail.mail_activity_data_warning",
            summary=self.env._("Seal of %(company)s", company=self.company_id.name),
            note=text.replace("\n", "<br/>")[:4000],
            user_id=user.id,
        )
