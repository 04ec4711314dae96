import logging
from datetime import timedelta
from decimal import Decimal

from odoo import api, models
from odoo.tools import SQL

from .. import measuring
from .. import rating_reference as reference
from ..fields_exact import to_text

_logger = logging.getLogger(__name__)

#: lines looked at in one night
SAMPLE = 200

TIER_COLUMNS = (
    "up_to",
    "unit_price",
    "flat_fee",
    "tier_cap",
    "rate_percent",
    "block_size",
    "max_blocks",
    "block_price",
)
PRICE_COLUMNS = (
    "unit_price",
    "package_size",
    "package_price",
    "package_rounding",
    "rate_percent",
    "fixed_fee_per_event",
    "min_per_event",
    "max_per_event",
    "included_events",
    "included_amount",
    "multiplier",
)
STEP_COLUMNS = ("discount_percent", "prorate")
WHOLE_COLUMNS = ("included_units", "maximum_amount", "minimum_amount")


class UsageRatedLine(models.Model):
    """A second opinion on real lines, by code that shares nothing with the engine."""

    _inherit = "usage.rated.line"

    @api.model
    def _cron_check_ratings(self):
        """Nightly: rate a sample of new lines again; tell about differences."""
        differences = self._get_check_sample()._find_rating_differences()
        for line, amount, expected in differences:
            _logger.error(
                "Rated line %s says %s, the reference rater %s",
                line.id,
                amount,
                expected,
            )
            line.run_id.activity_schedule(
                "mail.mail_activity_data_warning",
                summary=self.env._("A rated amount is in doubt"),
                note=self.env._(
                    "%(line)s says %(amount)s; rating it again by another way gives "
                    "%(expected)s. Hold the invoice and tell support.",
                    line=line.display_name,
                    amount=to_text(amount),
                    expected=to_text(expected),
                ),
                user_id=line.run_id.create_uid.id,
            )
        return len(differences)

    @api.model
    def _get_check_sample(self, limit=SAMPLE):
        """Some of the lines rated since yesterday, chosen by chance."""
        self.flush_model()
        rows = self.env.execute_query(
            SQL(
                """SELECT id FROM usage_rated_line
                    WHERE state IN ('rated', 'approved', 'posted')
                      AND create_date > (now() AT TIME ZONE 'UTC') - interval '2 days'
                 ORDER BY random() LIMIT %s""",
                limit,
            )
        )
        return self.browse([line_id for [line_id] in rows])

    def _find_rating_differences(self):
        """Lines whose amount another way of rating does not confirm.

        Lines that depend on more than their own usage (tiers over several periods,
        kept or shared free units, credits, exceptions for a customer) are left out.

        :return: [(line, amount, expected)]
        """
        found = []
        for line in self:
            price = line._get_plain_price()
            if price is None:
                continue
            usage = line._get_plain_usage()
            if usage is None:
                continue
            share = line.evidence["share"].split("/")
            cost = reference.cost(price, usage, share, line.evidence["closes"])
            expected = reference.rounded(cost, line.currency_id.decimal_places)
            amount = line._get_plain_amount()
            if amount != expected:
                found.append((line, amount, expected))
        return found

    def _get_plain_price(self):
        """The price of a line as a plain dict, None where it is not checked."""
        self.ensure_one()
        charge, source = self.charge_id, self.price_id or self.charge_id
        steps = {step["step"] for step in self.evidence["steps"]}
        if (
            charge.model not in (*reference.MODELS, "pass_through", "one_time")
            or charge.model == "commitment"
            or charge.window
            or charge.accumulate != "period"
            or charge.rollover_limit is not None
            or charge.bundle_key
            or charge.tier_meter_id
            or charge.tier_ids.limit_ids
            or self.period_id.full_end
            or self.subscription_id.grant_ids
            or steps & {"accumulated", "credit"}
            or not self.evidence["steps"]
            or self.override_id
        ):
            return None
        price = {name: _text(source[name]) for name in PRICE_COLUMNS}
        price |= {name: _text(charge[name]) for name in STEP_COLUMNS}
        if not self.price_id:
            price |= {name: _text(charge[name]) for name in WHOLE_COLUMNS}
        price["model"] = {"pass_through": "event_priced", "one_time": "flat"}.get(
            charge.model, charge.model
        )
        price["prorate"] = charge.prorate and charge.model != "one_time"
        if charge.convert_divisor is not None:
            price["divide_by"] = to_text(charge.convert_divisor)
            rounding = charge.convert_rounding
            price["rounding"] = None if rounding == "none" else rounding
            price["decimals"] = charge.convert_decimals
        if charge.pricing_unit:
            worth = charge.pricing_unit_rate
            price["unit_worth"] = "1" if worth is None else to_text(worth)
        tiers = source.tier_ids.sorted("sequence")
        if "block" not in charge.model:
            tiers = tiers.sorted(lambda tier: (tier.up_to is None, tier.up_to or 0))
        price["tiers"] = [
            {name: _text(tier[name]) for name in TIER_COLUMNS} for tier in tiers
        ]
        if not charge.bill_zero and not self.quantity:
            return None
        return price

    def _get_plain_usage(self):
        """What was used, read again from the store where single events count.

        None where usage came or was corrected since: that is for the next rating.
        """
        if self.charge_id.model != "percentage":
            quantity = to_text(self.quantity or Decimal(0))
            return {"quantity": quantity, "amounts": [quantity]}
        store = self.env["usage.batch"].with_company(self.company_id)._store()
        spec = self.meter_id._get_spec()
        events = measuring.events_of(
            store, self.period_id, self.meter_id, self.dimensions or None
        )
        # watermarks are kept to the second
        until = self.watermark and self.watermark + timedelta(seconds=1)
        values = [
            to_text(measuring.value_of(event, spec))
            for event in events
            if not until or event.received_at < until
        ]
        return {"values": values} if len(values) == self.event_count else None

    def _get_plain_amount(self):
        """Cumulative amount up to this revision, without coupons and credits."""
        lines = self.search(
            [
                ("period_id", "=", self.period_id.id),
                ("charge_id", "=", self.charge_id.id),
                ("dimension_key", "=", self.dimension_key),
                ("revision", "<=", self.revision),
                ("state", "in", ("rated", "approved", "posted")),
            ]
        )
        parts = lines.component_ids.filtered(
            lambda part: part.role not in ("coupon", "grant")
        )
        opening = self.env["usage.opening.amount"].search(
            [
                ("period_id", "=", self.period_id.id),
                ("charge_key", "=", self.charge_id.key),
            ]
        )
        amounts = parts.mapped("amount") + opening.mapped("amount")
        return sum(amounts, Decimal(0))


def _text(value):
    return to_text(value) if isinstance(value, Decimal) else value
