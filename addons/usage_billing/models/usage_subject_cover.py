from odoo import api, models


class UsageSubject(models.Model):
    """Give a stranger, or a stretch of time of a known subject, to a subscription."""

    _inherit = "usage.subject"

    @api.model
    def _is_covered(self, subject, source, at):
        """Whether a subject of a source is mapped at an instant, to whomever.

        :param str subject: as the source says it
        :param datetime at: naive UTC
        """
        return bool(
            self.search_count(
                [
                    ("subject", "=", subject),
                    ("company_id", "=", source.company_id.id),
                    ("source_id", "in", (False, source.id)),
                    "|", ("valid_from", "=", False), ("valid_from", "<=", at),
                    "|", ("valid_to", "=", False), ("valid_to", ">", at),
                ],
                limit=1,
            )
        )  # fmt: skip

    @api.model
    def _cover(self, subject, subscription, at, source=None, valid_from=None):
        """Map a subject at an instant that no mapping covers.

        Fills the gap around the instant: from the end of the mapping before to the
        beginning of the one after. A neighbour of the same subscription is lengthened.

            …─ before ─┤   at   ├─ after ─…

        :param str subject: as the source says it
        :param datetime at: naive UTC, not covered yet
        :param usage.source source: only in this source; None for every source
        :param datetime valid_from: begin later than the gap does
        :return: the mapping that covers the instant now
        """
        spans = self.search(
            [
                ("subject", "=", subject),
                ("company_id", "=", subscription.company_id.id),
                ("source_id", "=", source.id if source else False),
            ]
        )
        before = spans.filtered(lambda span: span.valid_to and span.valid_to <= at)
        after = spans.filtered(lambda span: span.valid_from and span.valid_from > at)
        before = before.sorted("valid_to")[-1:]
        after = after.sorted("valid_from")[:1]
        start = max(filter(None, (before.valid_to, valid_from)), default=False)
        if after.subscription_id == subscription:
            after.valid_from = start
            return after
        if before.subscription_id == subscription and start == before.valid_to:
            before.valid_to = after.valid_from
            return before
        return self.create(
            {
                "subject": subject,
                "subscription_id": subscription.id,
                "company_id": subscription.company_id.id,
                "source_id": source.id if source else False,
                "valid_from": start,
                "valid_to": after.valid_from,
            }
        )

    # ------------------------------------------------------------------
    # actions
    # ------------------------------------------------------------------
    def action_move(self):
        """Ask to whom the subject goes, and show what goes with it."""
        self.ensure_one()
        self.check_access("write")
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Move %(subject)s", subject=self.subject),
            "res_model": "usage.subject.move",
            "view_mode": "form",
            "views": [(False, "form")],
            "target": "new",
            "context": {"default_subject_id": self.id},
        }
