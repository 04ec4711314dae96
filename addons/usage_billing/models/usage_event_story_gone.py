from odoo import models
from odoo.tools import SQL

from .usage_event_story import VOID, Step


class UsageEventStory(models.AbstractModel):
    """Events that were voided, amended or replaced, and the rows that did it."""

    _inherit = "usage.event.story"

    def _tell_correcting(self, event):
        """What a row that is a void or an amendment does, and why."""
        is_void = event.kind == VOID
        targets = self.env.execute_query(
            SQL(
                "SELECT target_id FROM usage_store_correction WHERE row_id = %s",
                event.id,
            )
        )
        return Step(
            "fa-eraser" if is_void else "fa-pencil",
            "note",
            self.env._("It is a void") if is_void else self.env._("It is an amendment"),
            event.received_at,
            [
                self.env._("It takes an earlier event out of all quantities.")
                if is_void
                else self.env._("It counts in the place of an earlier version."),
                *self._say_why(event.batch_id),
            ],
            [(self.env._("The event"), "usage.event", id_) for (id_,) in targets],
        )

    def _tell_gone(self, event):
        """Why a stored event does not count, or no longer as it was received.

        :return: Step, None for an event that counts
        """
        batch = event.batch_id
        if batch.state == "superseded":
            newer = batch.superseded_by_id
            return Step(
                "fa-files-o",
                "stop",
                self.env._("It was replaced"),
                newer.received_at,
                [
                    self.env._(
                        "A newer version of the delivery took its place: this "
                        "event counts in nothing."
                    )
                ],
                [(newer.name, "usage.batch", newer.id)] if newer else [],
            )
        found = self.env.execute_query(
            SQL(
                """SELECT kind::text, row_id, batch_id, received_at
                     FROM usage_store_correction WHERE target_id = %s""",
                event.id,
            )
        )
        if not found:
            return None
        kind, row_id, batch_id, received_at = found[0]
        batch = self.env["usage.batch"].sudo().browse(batch_id)  # told with the event
        is_void = kind == VOID
        return Step(
            "fa-eraser" if is_void else "fa-pencil",
            "stop",
            self.env._("It was voided") if is_void else self.env._("It was amended"),
            received_at,
            [
                self.env._("It was taken out of all quantities.")
                if is_void
                else self.env._("Another version of it counts in its place."),
                *self._say_why(batch),
            ],
            [
                (batch.name, "usage.batch", batch.id),
                (self.env._("The correction"), "usage.event", row_id),
            ],
        )

    def _tell_until_gone(self, event, meters, gone):
        """What an event was part of until something took it away, and what followed."""
        lines = self._get_rated_lines(event, meters)
        before = lines.filtered(
            lambda line: (
                line.watermark
                and event.received_at <= line.watermark
                and gone.when
                and line.create_date < gone.when
            )
        )
        if not before:
            return [gone]
        after = lines.filtered(
            lambda line: line.create_date >= gone.when and line.revision
        )
        return [*self._tell_first(before), gone, self._tell_difference(after)]

    def _tell_difference(self, lines):
        """Where the difference to what was billed went.

        :param lines: rated lines made after the event was taken away
        """
        if lines:
            return Step(
                "fa-exchange",
                "done",
                self.env._("Difference billed"),
                lines[-1:].create_date,
                [self.env._("What was billed too much or too little is settled.")],
                [(line.display_name, "usage.rated.line", line.id) for line in lines]
                + [
                    (move.display_name, "account.move", move.id)
                    for move in lines.move_id
                ],
            )
        return Step(
            "fa-exchange",
            "wait",
            self.env._("Difference not billed yet"),
            None,
            [self.env._("The next billing run bills or credits the difference.")],
        )

    def _say_why(self, batch):
        if not batch.reason:
            return []
        return [self.env._("Reason: %(reason)s.", reason=batch.reason.rstrip("."))]
