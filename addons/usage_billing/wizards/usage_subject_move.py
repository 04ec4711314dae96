from collections import defaultdict
from decimal import Decimal

from odoo import api, fields, models
from odoo.exceptions import UserError

from .. import messages
from ..metering import rematch
from ..metering.connection import exact_cursor

ZERO = Decimal(0)


class UsageSubjectMove(models.TransientModel):
    """Give a subject to another subscription from a day on, with what it used since.

    Events of periods that nobody was billed for go with it; what is billed stays where
    it was billed, and is named before anything happens.
    """

    _name = "usage.subject.move"
    _description = "Move a Usage Subject"

    subject_id = fields.Many2one("usage.subject", required=True, readonly=True)
    company_id = fields.Many2one(related="subject_id.company_id")
    old_subscription_id = fields.Many2one(
        related="subject_id.subscription_id", string="Belongs to"
    )
    subscription_id = fields.Many2one(
        "usage.subscription",
        string="Belongs from Then on to",
        domain="[('company_id', '=', company_id), ('id', '!=', old_subscription_id)]",
    )
    date_from = fields.Datetime(
        string="From",
        help="Included. Empty: from the beginning of the mapping.",
    )
    preview_html = fields.Html(compute="_compute_preview_html", sanitize=False)

    @api.depends("subject_id", "subscription_id", "date_from")
    def _compute_preview_html(self):
        for wizard in self:
            wizard.preview_html = (
                wizard.env["ir.qweb"]._render(
                    "usage_billing.subject_move_preview", wizard._prepare_preview()
                )
                if wizard.subscription_id
                else False
            )

    def _prepare_preview(self):
        """What goes and what stays, by period, as texts."""
        going, staying = defaultdict(list), defaultdict(list)
        for part in self._get_parts():
            key = (part.period_id, part.new_period_id, part.why, part.type)
            (staying if part.why else going)[key].append(part)
        reasons = {
            "billed": self.env._("billed, or being billed: it stays"),
            "no_period": self.env._(
                "%(subscription)s has no period then: it stays",
                subscription=self.subscription_id.name,
            ),
        }
        return {
            "going": [self._prepare_row(key, parts) for key, parts in going.items()],
            "staying": [
                {**self._prepare_row(key, parts), "why": reasons[key[2]]}
                for key, parts in staying.items()
            ],
        }

    def _prepare_row(self, key, parts):
        period_id, new_period_id, _why, event_type = key
        Period = self.env["usage.period"]
        totals = [part.total for part in parts if part.total is not None]
        return {
            "type": event_type,
            "period": Period.browse(period_id).display_name,
            "new_period": Period.browse(new_period_id).display_name
            if new_period_id
            else "",
            "count": sum(part.count for part in parts),
            "total": messages.number(self.env, sum(totals, ZERO)) if totals else "",
        }

    # ------------------------------------------------------------------
    # actions
    # ------------------------------------------------------------------
    def action_move(self):
        """Change the mapping and give the events to the other subscription."""
        self.ensure_one()
        self.subject_id.check_access("write")
        if not self.subscription_id:
            raise UserError(
                self.env._(
                    "Choose the subscription that %(subject)s belongs to from then on.",
                    subject=self.subject_id.subject,
                )
            )
        stretch, old = self._get_stretch(), self.old_subscription_id
        going = [part for part in self._get_parts() if not part.why]
        self._change_mapping()
        if going:
            self._move_events(stretch, going)
        self._leave_a_trail(old, sum(part.count for part in going))
        return {"type": "ir.actions.client", "tag": "soft_reload"}

    # ------------------------------------------------------------------
    # business
    # ------------------------------------------------------------------
    def _get_stretch(self):
        subject = self.subject_id
        start, end = subject.valid_from, subject.valid_to
        if self.date_from and (not start or self.date_from > start):
            start = self.date_from
        if end and start and start >= end:
            raise UserError(
                self.env._(
                    "The mapping of %(subject)s ends before that: choose an earlier "
                    "time.",
                    subject=subject.subject,
                )
            )
        return rematch.Stretch(
            company_id=subject.company_id.id,
            subject=subject.subject,
            source_id=subject.source_id.id or None,
            old_subscription_id=subject.subscription_id.id,
            new_subscription_id=self.subscription_id.id,
            start=start or rematch.BEGINNING,
            end=end or rematch.END,
        )

    def _get_store(self):
        """The store of the company, as far as events can change hands in it."""
        company = self.subject_id.company_id
        if company.usage_store_engine == "clickhouse":
            raise UserError(
                self.env._(
                    "The events of %(company)s are in ClickHouse, where they keep the "
                    "subscription they came in with. Void them and send them again.",
                    company=company.name,
                )
            )
        # events have no rules of their own; the mapping was checked
        return self.env["usage.batch"].with_company(company).sudo()._store()

    def _get_parts(self):
        self._get_store()
        self.env.flush_all()
        self.subscription_id.sudo()._ensure_periods()
        self.env.flush_all()
        return rematch.parts(exact_cursor(self.env.cr), self._get_stretch())

    def _change_mapping(self):
        """End the mapping and begin the next one, or change hands altogether."""
        subject, start = self.subject_id, self._get_stretch().start
        if start in (rematch.BEGINNING, subject.valid_from):
            subject.subscription_id = self.subscription_id
            return
        end = subject.valid_to
        subject.valid_to = start
        subject.create(
            {
                "subject": subject.subject,
                "company_id": subject.company_id.id,
                "source_id": subject.source_id.id,
                "subscription_id": self.subscription_id.id,
                "valid_from": start,
                "valid_to": end,
            }
        )

    def _move_events(self, stretch, going):
        store = self._get_store()
        self.env.flush_all()
        period_ids = rematch.move(store._postgres(), stretch, going)
        store.rebuild(self.env["usage.period"].sudo().browse(period_ids))
        self.env.invalidate_all()

    def _leave_a_trail(self, old, count):
        """Both subscriptions say what was moved, by whom and when."""
        facts = {"count": count, "subject": self.subject_id.subject}
        old.message_post(
            body=self.env._(
                "%(count)s events of %(subject)s went to %(other)s.",
                other=self.subscription_id.name,
                **facts,
            )
        )
        self.subscription_id.message_post(
            body=self.env._(
                "%(count)s events of %(subject)s came from %(other)s.",
                other=old.name,
                **facts,
            )
        )
