from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain

from .. import bridge, messages, price_words, rater, rater_deductions
from ..rating.rounding import exact_arithmetic, round_money, round_quantity

ZERO = Decimal(0)


@dataclass(slots=True)
class QuoteLine:
    """One line of a quote.

    product: record; plan, charge: codes, "" for a fixed item
    amount: exact currency units, untaxed, rounded to the currency
    steps: [(sentence, figure)] that lead to the amount
    """

    name: str
    product: object
    quantity: Decimal | None
    unit: str
    amount: Decimal
    plan: str = ""
    charge: str = ""
    dimensions: dict = field(default_factory=dict)
    steps: list = field(default_factory=list)


@dataclass(slots=True)
class Quote:
    """currency: record; untaxed, tax, total: Decimal; taxes: [(name, base, amount)]"""

    currency: object
    lines: list
    untaxed: Decimal = ZERO
    tax: Decimal = ZERO
    total: Decimal = ZERO


class UsageQuote(models.AbstractModel):
    """Prices any basket of usage and fixed items, by the function that bills.

    A basket may name several plans (a ticket that several operators carry): each item
    is priced on its own plan, under the exceptions of the customer, and all stand on
    one quote in one currency. Nothing is stored. Taxes are those of Odoo.
    """

    _name = "usage.quote"
    _description = "Usage Quote"

    @api.model
    def _quote(
        self,
        company,
        items,
        products=(),
        *,
        day=None,
        partner=None,
        fees_of=None,
        subscription=None,
    ):
        """Price a basket.

        :param res.company company: whose prices
        :param items: [(``usage.plan.version``, ``rater.Item``)]
        :param products: [(``product.product``, quantity, unit price or None)]
        :param datetime.date day: prices and exceptions in force on it; today by default
        :param res.partner partner: customer, for exceptions and taxes; may be empty
        :param fees_of: ``usage.plan.version`` records whose fees count although no
            item names them
        :param usage.subscription subscription: whose dates, free units kept, credits
            and coupons count on its own plan, as in a period of their own
        :rtype: Quote
        :raise UserError: several currencies, or an item that cannot be priced
        """
        day = day or fields.Date.context_today(self)
        partner = partner or self.env["res.partner"]
        versions = self.env["usage.plan.version"].concat(
            *(version for version, _item in items)
        )
        fees_of = fees_of or versions.browse()
        versions |= fees_of
        currency = self._get_currency(company, versions)
        lines = []
        for version in versions:
            basket = [item for owner, item in items if owner == version]
            lines += self._quote_version(
                version, basket, day, partner, version in fees_of, subscription
            )
        if subscription:
            self._take_coupons(subscription, lines, day, currency)
            self._take_credits(subscription, lines, day, currency)
        lines += [
            self._quote_product(product, quantity, price, currency, company, day)
            for product, quantity, price in products
        ]
        quote = Quote(currency, lines)
        self._add_taxes(quote, company, partner)
        return quote

    def _get_currency(self, company, versions):
        currencies = versions.currency_id
        if len(currencies) > 1:
            raise UserError(
                self.env._(
                    "A quote is in one currency; these plans have several: "
                    "%(currencies)s.",
                    currencies=", ".join(currencies.mapped("name")),
                )
            )
        return currencies or company.currency_id

    def _quote_version(
        self, version, basket, day, partner, with_fees, subscription=None
    ):
        """Lines of one plan; without fees only the charges that the basket names."""
        owner, standing = None, None
        if subscription and subscription.plan_id == version.plan_id:
            owner = subscription
            standing = subscription._get_standing(version, day)
        charges = version.charge_ids
        if not with_fees:
            named = {item.charge for item in basket}
            charges = (
                charges.filtered(
                    lambda charge: charge.key in named or charge.meter_id.code in named
                )
                or charges
            )
        overrides = self.env["usage.override"]._for_customer(partner, version, day)
        rated = rater.quote(
            version,
            basket,
            subscription=owner,
            overrides=overrides,
            charges=charges,
            day=day,
            standing=standing,
        )
        return [
            self._line_of(item)
            for item in rated
            if item.line.cumulative_amount or item.line.metered_quantity
        ]

    def _take_coupons(self, subscription, lines, day, currency):
        """Take the coupons of the day off the lines of the subscription's plan."""
        own = [line for line in lines if line.plan == subscription.plan_id.code]
        coupons = subscription.coupon_ids._counting_on(day)
        amounts = [line.amount for line in own]
        keys = [line.charge for line in own]
        value = bridge.currency_of(currency)
        for coupon, deduction in rater_deductions.of_coupons(
            subscription, coupons, keys, amounts, value
        ):
            self._take_off(coupon.name, deduction, own, currency)

    def _take_credits(self, subscription, lines, day, currency):
        """Take the money credits that are left on the day off what is left to pay."""
        own = [line for line in lines if line.plan == subscription.plan_id.code]
        deductions = rater_deductions.of_credits(
            subscription._get_money_credits(day),
            [line.charge for line in own],
            [line.amount for line in own],
        )
        for deduction in deductions:
            name = dict(deduction.facts)["name"]
            self._take_off(name, deduction, own, currency)

    def _take_off(self, name, deduction, lines, currency):
        """Lower the lines by their parts; the last step of each is the new amount."""
        for line, part in zip(lines, deduction.parts, strict=True):
            if not part:
                continue
            with exact_arithmetic():
                line.amount -= part
            (amount, _figure) = line.steps.pop()
            line.steps += [
                (name, messages.amounts(self.env, [(currency, -part)])),
                (amount, messages.amounts(self.env, [(currency, line.amount)])),
            ]

    def _line_of(self, item):
        charge = item.charge
        names = [charge.name]
        if item.price:
            names.append(item.price.name)
        names += [f"{key} {value}" for key, value in sorted(item.dimensions.items())]
        return QuoteLine(
            name=", ".join(names),
            product=charge.product_id,
            quantity=item.line.metered_quantity if charge.meter_id else None,
            unit=charge.unit_label or "",
            amount=item.line.cumulative_amount,
            plan=charge.plan_id.code,
            charge=charge.key,
            dimensions=dict(item.dimensions),
            steps=price_words.steps_of(self.env, charge, item),
        )

    def _quote_product(self, product, quantity, price, currency, company, day):
        if price is None:
            price = bridge.money(
                product.currency_id._convert(
                    product.list_price, currency, company, day, round=False
                )
            )
        with exact_arithmetic():
            exact = quantity * price
        amount = round_money(exact, currency.decimal_places)
        return QuoteLine(
            name=product.display_name,
            product=product,
            quantity=quantity,
            unit=product.uom_id.name,
            amount=amount,
            steps=[
                (
                    self.env._(
                        "%(quantity)s × %(price)s",
                        quantity=messages.number(self.env, quantity),
                        price=messages.number(self.env, price),
                    ),
                    messages.amounts(self.env, [(currency, amount)]),
                )
            ],
        )

    def _add_taxes(self, quote, company, partner):
        """Totals with the taxes an invoice of these lines would have."""
        Tax = self.env["account.tax"].with_company(company)
        position = (
            self.env["account.fiscal.position"]
            .with_company(company)
            ._get_fiscal_position(partner)
        )
        base_lines = []
        for line in quote.lines:
            taxes = line.product.taxes_id._filter_taxes_by_company(company)
            base_lines.append(
                Tax._prepare_base_line_for_taxes_computation(
                    {},
                    id=len(base_lines),
                    product_id=line.product,
                    tax_ids=position.map_tax(taxes),
                    price_unit=float(line.amount),
                    quantity=1.0,
                    currency_id=quote.currency,
                    partner_id=partner,
                    special_mode="total_excluded",
                )
            )
        Tax._add_tax_details_in_base_lines(base_lines, company)
        Tax._round_base_lines_tax_details(base_lines, company)
        quote.untaxed = sum((line.amount for line in quote.lines), ZERO)
        if base_lines:
            summary = Tax._get_tax_totals_summary(base_lines, quote.currency, company)
            quote.tax = bridge.money(summary["tax_amount_currency"])
        quote.tax = round_money(quote.tax, quote.currency.decimal_places)
        quote.total = quote.untaxed + quote.tax


class UsageSubscription(models.Model):
    """What a subscription brings to a quote, nothing of it used up by asking."""

    _inherit = "usage.subscription"

    def _get_standing(self, version, day):
        """Free units that were kept, and prepaid units that are left.

        :param usage.plan.version version: of the subscription's plan
        :param datetime.date day: local
        :rtype: rater.Standing
        """
        self.ensure_one()
        period = self.env["usage.period"].search(
            [
                ("subscription_id", "=", self.id),
                ("local_start", "<=", day),
                ("local_end", ">", day),
            ],
            limit=1,
        )
        kept = {}
        if period and any(charge.rollover_limit for charge in version.charge_ids):
            kept = self._get_kept_units(period)
        return rater.Standing(kept, self._get_unit_credits(version, day))

    def _get_kept_units(self, period):
        """Free units that the period before left: as billed, else as a run would
        find them now. A period that is not over has left nothing yet.

        :return: {(charge key, dimension key): Decimal}
        """
        before = self.env["usage.period"].search(
            [
                ("subscription_id", "=", self.id),
                ("end_at", "<=", period.start_at),
                ("end_at", "<=", fields.Datetime.now()),
            ],
            order="start_at",
        )
        last = before[-1:]
        if not last or last.end_at != period.start_at:
            return {}
        if last.state == "billed":
            lines = self.env["usage.rated.line"].sudo()  # of this subscription
            lines = lines.search(
                [("period_id", "=", last.id), ("state", "in", rater.LIVE_STATES)],
                order="revision, id",
            )
            found = [(one.charge_id, one) for one in lines]
        else:
            dues = [
                rater.Due(one, rater.CLOSE, version)
                for one in before
                if one.state != "billed"
                and (version := self._get_version_at(one.local_start))
            ]
            rated = rater.rate_periods(self.env, dues, keep_zero=True).rated[self.id]
            found = [(one.charge, one) for one in rated if one.period == last]
        return {
            (charge.key, one.dimension_key): one.allowance_left
            for charge, one in found
            if one.allowance_left is not None
        }

    def _get_unit_credits(self, version, day):
        """Units of prepaid credits left on a day, by charge key."""
        grants = self.grant_ids.filtered(lambda grant: grant.unit == "units")
        if not grants:
            return {}
        balances, _overage = self._get_credit_balances(self._get_quote_instant(day))
        found = {}
        for charge in version.charge_ids.filtered("meter_id"):
            with exact_arithmetic():
                found[charge.key] = sum(
                    (
                        balances[grant.id]
                        for grant in grants
                        if grant.meter_id == charge.meter_id
                        and grant._may_pay(charge.key)
                    ),
                    ZERO,
                )
        return found

    def _get_money_credits(self, day):
        """Money credits with what is left of them on a day.

        :return: [(``usage.grant``, Decimal)]
        """
        instant = self._get_quote_instant(day)
        decimals = self.currency_id.decimal_places
        pairs = [
            (grant, round_quantity(grant._get_money_left(instant), decimals, "down"))
            for grant in self.grant_ids
            if grant.unit == "money"
        ]
        return [(grant, left) for grant, left in pairs if left > 0]

    def _get_quote_instant(self, day):
        """Now, for a quote of today; the first instant of any other day."""
        now = fields.Datetime.now()
        begin = bridge.midnight(day, self.tz)
        after = bridge.midnight(day + timedelta(days=1), self.tz)
        return now if begin <= now < after else begin


class UsageOverride(models.Model):
    _inherit = "usage.override"

    @api.model
    def _for_customer(self, partner, version, day):
        """Exceptions that count for a customer who may have no subscription yet.

        :rtype: tuple[rating.overrides.Override, ...]
        """
        records = self.sudo().search(  # whoever may see a price may see why
            Domain("company_id", "=", version.company_id.id)
            & Domain("state", "!=", "draft")
        )
        values = [
            record._to_value(version)
            for record in records
            if record._reaches_partner(partner, version.company_id, day)
        ]
        return tuple(value for value in values if value is not None)
