from odoo import api, models

from .. import messages
from .usage_event_story import Step


class UsageEventStory(models.AbstractModel):
    """What a customer reads of an event: no batch, no wait, no price of others."""

    _inherit = "usage.event.story"

    @api.model
    def _get_customer_steps(self, event, period, meter, amounts):
        """Story of one measured event for the customer it belongs to.

        :param metering.StoredEvent event: of the period and the meter
        :param bool amounts: whether the reader may see prices
        :rtype: list[Step]
        """
        explorer = self.env["usage.explorer"]
        label = explorer._prepare_period(period)["label"]
        value = explorer._format_quantity(event.value)
        unit = messages.unit(self.env, meter.unit_label, event.value)
        steps = [
            Step(
                "fa-tachometer",
                "done",
                self.env._("Measured"),
                event.time,
                [
                    self.env._(
                        "%(quantity)s for %(subject)s.",
                        quantity=f"{value} {unit}".strip() or self.env._("One event"),
                        subject=event.subject,
                    )
                ],
            ),
            Step(
                "fa-plus-circle",
                "done",
                self.env._("Counted"),
                event.received_at,
                [
                    self.env._(
                        "In %(meter)s, for the period %(period)s.",
                        meter=meter.name,
                        period=label,
                    )
                ],
            ),
        ]
        lines = [
            line
            for line in explorer._get_period_lines(period, amounts)
            if line.meter_id == meter.id
            and line.dimensions.items()
            <= {**event.properties, **event.dimensions}.items()
        ]
        currency = period.subscription_id.currency_id
        rated = self.env["usage.rated.line"].browse(
            [line_id for line in lines for line_id in line.source]
        )
        texts = [
            self.env._(
                "%(charge)s: %(quantity)s %(unit)s in all, %(amount)s before tax.",
                charge=line.name,
                quantity=explorer._format_quantity(line.quantity),
                unit=messages.unit(self.env, line.unit, line.quantity),
                amount=explorer._format_money(line.amount, currency),
            )
            if amounts
            else self.env._(
                "%(charge)s: %(quantity)s %(unit)s in all.",
                charge=line.name,
                quantity=explorer._format_quantity(line.quantity),
                unit=messages.unit(self.env, line.unit, line.quantity),
            )
            for line in lines
        ]
        if texts:
            steps.append(
                Step(
                    "fa-calculator",
                    "done" if rated else "wait",
                    self.env._("Rated") if rated else self.env._("Rated so far"),
                    None,
                    texts,
                )
            )
        return steps + self._tell_customer_invoices(event, rated, amounts)

    def _tell_customer_invoices(self, event, rated, amounts):
        if not rated:
            return [
                Step(
                    "fa-file-text-o",
                    "wait",
                    self.env._("Not invoiced yet"),
                    None,
                    [self.env._("It comes with the invoice of its period.")],
                )
            ]
        known = rated.filtered(
            lambda line: line.watermark and event.received_at <= line.watermark
        )
        if not known:
            return [
                Step(
                    "fa-calendar-plus-o",
                    "wait",
                    self.env._("Came after the invoice"),
                    event.received_at,
                    [self.env._("The difference comes with a later invoice.")],
                )
            ]
        if not amounts:
            return []
        states = dict(
            self.env["account.move"]
            ._fields["payment_state"]
            ._description_selection(self.env)
        )
        return [
            Step(
                "fa-file-text-o",
                "done",
                self.env._("Invoiced"),
                None,
                [f"{move.name}: {states.get(move.payment_state, '')}"],
            )
            for move in known.sorted("revision")[:1].move_id
        ]
