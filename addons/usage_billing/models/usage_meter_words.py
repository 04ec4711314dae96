from decimal import Decimal

from odoo import models

from .. import messages

ZERO = Decimal(0)


class UsageMeter(models.Model):
    """What a meter does, in words: whole sentences, one a part of its definition."""

    _inherit = "usage.meter"

    def _get_sentences(self):
        """Say in words what the meter does, one sentence a part."""
        self.ensure_one()
        facts = {
            "type": self.event_type or "…",
            "property": self.value_property or "…",
            "item": self.unique_property or "…",
            "within": self.unique_within or "…",
            "percent": messages.number(self.env, self.percentile or ZERO),
        }
        sentences = [self._get_first_sentence(facts)]
        if self.filter_ids:
            sentences.append(
                self.env._(
                    "Only those with %(conditions)s.",
                    conditions=", ".join(
                        f"{line.key or '…'} = {line.value or '…'}"
                        for line in self.filter_ids
                    ),
                )
            )
        if self.aggregation == "weighted_sum":
            sentences += self._get_level_sentences()
        if self.dimension_keys:
            sentences.append(
                self.env._("Counted apart by %(keys)s.", keys=self.dimension_keys)
            )
        return sentences + self._get_quantity_sentences()

    def _get_level_sentences(self):
        weighting = {
            "time": self.env._("Each change weighs the time it lasts."),
            "day": self.env._(
                "Each change weighs the days from its own to the end of the period."
            ),
        }
        opening = (
            self.env._("The level goes on from one period into the next.")
            if self.carries_over
            else self.env._("Each period begins at zero.")
        )
        return [weighting[self.weighting or "time"], opening]

    def _get_quantity_sentences(self):
        """Conversion to the meter's unit, then rounding."""
        sentences = []
        if self.unit_divisor:
            sentences.append(
                self.env._(
                    "The result is divided by %(divisor)s.",
                    divisor=messages.number(self.env, self.unit_divisor),
                )
            )
        if self.rounding_mode:
            modes = {
                "half_up": self.env._(
                    "The quantity is rounded to %(decimals)s decimals.",
                    decimals=self.rounding_decimals,
                ),
                "up": self.env._(
                    "The quantity is rounded up to %(decimals)s decimals.",
                    decimals=self.rounding_decimals,
                ),
                "down": self.env._(
                    "The quantity is rounded down to %(decimals)s decimals.",
                    decimals=self.rounding_decimals,
                ),
            }
            sentences.append(modes[self.rounding_mode])
        return sentences

    def _get_first_sentence(self, facts):
        """What is made of which events.

        :param dict facts: values for the placeholders
        """
        match self.aggregation:
            case "count":
                return self.env._("Counts the events of type “%(type)s”.", **facts)
            case "unique_count" if self.unique_within:
                return self.env._(
                    "Counts the different “%(item)s” of the events of type “%(type)s”, "
                    "each once within %(within)s.",
                    **facts,
                )
            case "unique_count":
                return self.env._(
                    "Counts the different “%(item)s” of the events of type “%(type)s”.",
                    **facts,
                )
        by_source = {
            "value": self._get_value_sentences,
            "amount": self._get_amount_sentences,
            "property": self._get_property_sentences,
        }
        if self.value_source not in by_source:
            return ""
        return by_source[self.value_source](facts).get(self.aggregation, "")

    def _get_value_sentences(self, facts):
        return {
            "sum": self.env._(
                "Adds up the values of the events of type “%(type)s”.", **facts
            ),
            "max": self.env._(
                "Takes the highest value of the events of type “%(type)s”.", **facts
            ),
            "min": self.env._(
                "Takes the lowest value of the events of type “%(type)s”.", **facts
            ),
            "average": self.env._(
                "Takes the average value of the events of type “%(type)s”.", **facts
            ),
            "latest": self.env._(
                "Takes the value of the last event of type “%(type)s”.", **facts
            ),
            "weighted_sum": self.env._(
                "Takes the average over time of a level that the values of the events "
                "of type “%(type)s” raise and lower.",
                **facts,
            ),
            "percentile": self.env._(
                "Takes the value that %(percent)s %% of the events of type “%(type)s” "
                "do not exceed.",
                **facts,
            ),
        }

    def _get_amount_sentences(self, facts):
        return {
            "sum": self.env._(
                "Adds up the amounts of the events of type “%(type)s”.", **facts
            ),
            "max": self.env._(
                "Takes the highest amount of the events of type “%(type)s”.", **facts
            ),
            "min": self.env._(
                "Takes the lowest amount of the events of type “%(type)s”.", **facts
            ),
            "average": self.env._(
                "Takes the average amount of the events of type “%(type)s”.", **facts
            ),
            "latest": self.env._(
                "Takes the amount of the last event of type “%(type)s”.", **facts
            ),
            "weighted_sum": self.env._(
                "Takes the average over time of a level that the amounts of the events "
                "of type “%(type)s” raise and lower.",
                **facts,
            ),
            "percentile": self.env._(
                "Takes the amount that %(percent)s %% of the events of type “%(type)s” "
                "do not exceed.",
                **facts,
            ),
        }

    def _get_property_sentences(self, facts):
        return {
            "sum": self.env._(
                "Adds up “%(property)s” of the events of type “%(type)s”.", **facts
            ),
            "max": self.env._(
                "Takes the highest “%(property)s” of the events of type “%(type)s”.",
                **facts,
            ),
            "min": self.env._(
                "Takes the lowest “%(property)s” of the events of type “%(type)s”.",
                **facts,
            ),
            "average": self.env._(
                "Takes the average “%(property)s” of the events of type “%(type)s”.",
                **facts,
            ),
            "latest": self.env._(
                "Takes “%(property)s” of the last event of type “%(type)s”.", **facts
            ),
            "weighted_sum": self.env._(
                "Takes the average over time of a level that “%(property)s” of the "
                "events of type “%(type)s” raises and lowers.",
                **facts,
            ),
            "percentile": self.env._(
                "Takes the “%(property)s” that %(percent)s %% of the events of type "
                "“%(type)s” do not exceed.",
                **facts,
            ),
        }
