from datetime import UTC
from decimal import ROUND_HALF_UP, Decimal

from odoo import api, fields, models
from odoo.tools import format_datetime

from .. import messages
from ..rating.aggregation import Reading, aggregate

ZERO = Decimal(0)
COUNT = 20
MOST = 200


class UsageMeter(models.Model):
    """Try a meter on the last events it counts, before anything is saved or billed.

    The figures come from the pure aggregation of the rating core, not from the store:
    what is shown here is checked against what is billed by a test, not by itself.
    """

    _inherit = "usage.meter"

    trial_count = fields.Integer(
        string="Last Events",
        compute="_compute_trial_count",
        store=False,
        readonly=False,
        help="How many of the last matching events to look at, 200 at most.",
    )
    trial_subscription_id = fields.Many2one(
        "usage.subscription",
        string="Of the Subscription",
        compute="_compute_trial_count",
        store=False,
        readonly=False,
        help="Empty: of all subscriptions.",
    )
    trial_html = fields.Html(compute="_compute_trial_html", sanitize=False)

    def _compute_trial_count(self):
        self.trial_count = COUNT
        self.trial_subscription_id = False

    @api.depends(
        "event_type",
        "aggregation",
        "value_source",
        "value_property",
        "filter_ids.key",
        "filter_ids.value",
        "dimension_keys",
        "percentile",
        "unique_property",
        "unique_within",
        "unit_divisor",
        "unit_label",
        "rounding_mode",
        "rounding_decimals",
        "trial_count",
        "trial_subscription_id",
    )
    @api.depends_context("lang", "tz")
    def _compute_trial_html(self):
        for meter in self:
            meter.trial_html = self.env["ir.qweb"]._render(
                "usage_billing.meter_trial", meter._prepare_trial()
            )

    def _prepare_trial(self):
        """Texts of the trial.

        :return: dict: ``problem``, a sentence, when nothing can be tried; else
            ``headline``, ``groups`` (each with ``name`` and ``steps``: what was
            done, what came out) and ``rows``, the events
        """
        self.ensure_one()
        problem = self._get_trial_problem()
        if problem:
            return {"problem": problem}
        spec = self._get_spec()
        store = self.env["usage.batch"].with_company(self.company_id)._store()
        limit = min(max(self.trial_count, 1), MOST)
        # what is tried may not be saved yet: the store takes it as a value
        events = store.sample(self, limit, self.trial_subscription_id)
        if not events:
            return {
                "problem": self.env._(
                    "No event of type “%(type)s” with these conditions was received "
                    "yet.",
                    type=self.event_type,
                )
            }
        groups = {}
        for event in events:
            kept = spec.project(event.dimensions)
            groups.setdefault(tuple(kept.items()), []).append(event)
        return {
            "problem": False,
            "headline": self._get_trial_headline(spec, events, groups),
            "groups": [
                {
                    "name": ", ".join(f"{key} = {value}" for key, value in kept),
                    "steps": self._get_trial_steps(spec, found),
                }
                for kept, found in groups.items()
            ],
            "rows": self._prepare_trial_rows(spec, groups),
        }

    def _get_trial_problem(self):
        if not self.event_type:
            return self.env._("Give a type of event to try the meter.")
        if self.aggregation == "percentile" and not (
            self.percentile and 0 < self.percentile <= 100
        ):
            return self.env._("Give a percentile above 0 and at most 100.")
        if self.aggregation == "unique_count" and not self.unique_property:
            return self.env._("Name the item that is counted.")
        if (
            self.aggregation not in ("count", "unique_count")
            and self.value_source == "property"
            and not self.value_property
        ):
            return self.env._("Name the property with the number.")
        if self.unit_divisor is not None and self.unit_divisor <= 0:
            return self.env._("Divide by a number above zero, or leave it empty.")
        return ""

    def _get_trial_headline(self, spec, events, groups):
        if len(groups) > 1:
            return self.env._(
                "The last %(count)s matching events give %(number)s quantities, kept "
                "apart by %(keys)s.",
                count=len(events),
                number=len(groups),
                keys=self.dimension_keys,
            )
        quantity = spec.quantity(self._get_trial_figure(spec, events))
        return self.env._(
            "The last %(count)s matching events give %(quantity)s.",
            count=len(events),
            quantity=self._with_unit(quantity),
        )

    def _get_trial_steps(self, spec, events):
        """What is done to these events, one pair (sentence, number) a step."""
        figure = self._get_trial_figure(spec, events)
        names = dict(self._fields["aggregation"]._description_selection(self.env))
        name = names[self.aggregation]
        if self.aggregation == "percentile":
            name = self.env._(
                "Percentile %(percent)s of %(count)s samples",
                percent=messages.number(self.env, self.percentile),
                count=len(events),
            )
        steps = [(name, self._shorten(figure, 9))]
        if spec.divide_by is not None:
            converted = spec.convert(figure)
            steps.append(
                (
                    self.env._(
                        "Divided by %(divisor)s",
                        divisor=messages.number(self.env, spec.divide_by),
                    ),
                    self._with_unit(converted),
                )
            )
        if spec.rounding:
            rounded = {
                "half_up": self.env._("Rounded to %s decimals", spec.decimals),
                "up": self.env._("Rounded up to %s decimals", spec.decimals),
                "down": self.env._("Rounded down to %s decimals", spec.decimals),
            }[spec.rounding]
            steps.append((rounded, self._with_unit(spec.quantity(figure))))
        return steps

    def _prepare_trial_rows(self, spec, groups):
        """The events, newest first, each with the figure so far of its group."""
        rows = []
        for kept, events in groups.items():
            for number, event in enumerate(events, 1):
                reading = self._get_reading(spec, event)
                figure = self._get_trial_figure(spec, events[:number])
                rows.append(
                    (
                        event.time,
                        event.event_id,
                        {
                            "time": format_datetime(self.env, event.time),
                            "event": event.event_id,
                            "subject": event.subject,
                            "kept": ", ".join(f"{k} = {v}" for k, v in kept),
                            "value": reading.item
                            if reading.value is None
                            else messages.number(self.env, reading.value),
                            "figure": self._shorten(figure),
                        },
                    )
                )
        rows.sort(key=lambda row: row[:2], reverse=True)
        return [row for _time, _id, row in rows]

    # ------------------------------------------------------------------
    # figures
    # ------------------------------------------------------------------
    def _get_trial_figure(self, spec, events):
        """Aggregate of some events by the pure core, before unit and rounding.

        A level is averaged from the first of the events to the last one.
        """
        parameters = {}
        if spec.aggregation == "percentile":
            parameters["percent"] = spec.percentile
        if spec.aggregation == "weighted_sum":
            parameters["start"] = events[0].time.replace(tzinfo=UTC)
            parameters["end"] = events[-1].time.replace(tzinfo=UTC)
            if parameters["start"] == parameters["end"]:
                return sum((self._get_reading(spec, e).value for e in events), ZERO)
            events = [event for event in events if event.time < events[-1].time]
        readings = [self._get_reading(spec, event) for event in events]
        return aggregate(spec.aggregation, readings, **parameters)

    def _get_reading(self, spec, event):
        """What the meter reads of an event, for the pure core."""
        texts = dict(event.dimensions) | {
            name: value for name, value in event.properties.items() if value is not None
        }
        value = item = None
        if spec.aggregation == "unique_count":
            item = texts.get(spec.unique_property)
        elif spec.needs_value:
            value = {
                "value": event.value,
                "amount": event.amount,
                "property": texts.get(spec.value_property),
            }[spec.value_source]
            value = Decimal(value)
        return Reading(
            event.time.replace(tzinfo=UTC),
            value,
            item,
            tuple(texts.get(name) for name in spec.group_by),
            tie=event.event_id,
        )

    def _shorten(self, number, decimals=4):
        """A number as text; what is only looked at needs no 24 decimals."""
        if -number.as_tuple().exponent > decimals:
            number = number.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)
        return messages.number(self.env, number)

    def _with_unit(self, quantity):
        unit = messages.unit(self.env, self.unit_label, quantity)
        return f"{self._shorten(quantity, 9)} {unit}".strip()
