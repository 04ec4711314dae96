from decimal import Decimal

from odoo import api, fields, models

from .. import bridge
from ..splitting import reversal, waterfall
from ..splitting.allocate import half_up
from .revenue_share_item import SALE


class RevenueShareItemPeriod(models.Model):
    """Settlement: what the whole period gives, beyond its single lines."""

    # One concern per file keeps each readable: merging them would not.
    _inherit = "revenue.share.item"  # pylint: disable=consider-merging-classes-inherited

    @api.model
    def _take_for_period(self, agreement, period_start, period_end):
        """Attach to a period what is dated before its end and not yet settled."""
        items = self.search(
            [
                ("agreement_id", "=", agreement.id),
                ("date", "<", period_end),
                ("statement_period_start", "in", (False, period_start)),
            ]
        )
        items.filtered(lambda item: not item.statement_period_start).write(
            {"statement_period_start": period_start}
        )
        return items

    def _share_for_period(self, agreement, period_start, period_end):
        """Bring the shares of a period to what the whole period gives.

        Computes the target of each rule over all sales of the period and appends the
        difference to what is stored: amounts that depend on the period, and the cent
        of rounding once per statement. Then the credit notes follow.

        :return: {(partner, currency): amount} promised by rules that take at most
            what is left, and not given for lack of it
        """
        sales = self.filtered(lambda item: item.source == SALE).sorted("id")
        vals_list, missing = [], {}
        for version in agreement.version_ids.filtered(lambda v: v.state != "draft"):
            ratio = version._get_period_ratio(period_start, period_end)
            own = sales.filtered(lambda item, v=version: item.version_id == v)
            if not own and (version.state != "active" or not ratio):
                continue
            terms = bridge.terms_of(version, ratio)
            if not ratio:
                # Late revenue of an earlier version: its fixed amounts were due then.
                terms = bridge.without_fixed(terms)
            currencies = own.currency_id | agreement.currency_id
            for currency in currencies:
                vals, shortfall = own.filtered(
                    lambda item, c=currency: item.currency_id == c
                )._prepare_period_lines(
                    version,
                    bridge.in_currency(terms, currency),
                    currency,
                    (period_start, period_end),
                )
                vals_list += vals
                for partner, amount in shortfall.items():
                    key = (self.env["res.partner"].browse(int(partner)), currency)
                    missing[key] = missing.get(key, Decimal(0)) + amount
        self.env["revenue.share.line"].create(vals_list)
        self._follow_sales(sales)
        return missing

    def _prepare_period_lines(self, version, terms, currency, period):
        if terms.granularity == "line" and terms.early().rules == terms.rules:
            return [], {}
        if currency != version.currency_id:
            # A fixed amount is due once, in the currency of the agreement.
            terms = bridge.without_fixed(terms)
        sources = [bridge.line_of_item(item) for item in self]
        history = self._get_history(version, terms, currency, period[0])
        result = waterfall.split(terms, sources, history)
        detailed = waterfall.over_lines(result.shares, sources, terms)
        target = bridge.by_beneficiary(detailed)
        stored = self._get_period_stored(version, currency, period[0])
        early = {rule.key for rule in terms.early().rules}
        items = {item.id: item for item in self}
        vals_list = []
        for key in {**target, **stored}:
            rule, partner, item = key
            amount, exact, basis = target.get(key, (Decimal(0),) * 3)
            before, count = stored.get(key, (Decimal(0), 0))
            if amount == before and (count or not amount):
                continue
            kind = "rounding" if rule in early else "settlement"
            if count:
                # The exact amount stands on the first line; this one is a difference.
                exact = basis = Decimal(0)
            figures = (amount - before, exact, basis)
            if item:
                vals_list.append(
                    items[item]._prepare_line_vals(kind, rule, partner, figures, count)
                )
            else:
                vals_list.append(
                    self._prepare_fixed_vals(
                        version, currency, period, key, figures, count
                    )
                )
        return vals_list, result.shortfall

    def _prepare_fixed_vals(self, version, currency, period, key, figures, number):
        rule, partner, _item = key
        amount, exact, basis = figures
        start, end = period
        return {
            "agreement_id": version.agreement_id.id,
            "company_id": version.company_id.id,
            "version_id": version.id,
            "rule_id": rule,
            "partner_id": partner,
            "kind": "settlement",
            "date": fields.Date.subtract(end, days=1),
            "period_start": start,
            "currency_id": currency.id,
            "basis": basis,
            "exact_amount": exact,
            "amount": amount,
            "line_key": f"period:{start}:{currency.name}:{rule}:{partner}:{number}",
            "trace": {
                "version": version.number,
                "basis": str(basis),
                "exact": str(exact),
                "rounded": str(amount),
            },
        }

    def _get_period_stored(self, version, currency, period_start):
        """Return (rule id, partner id, item id or None) -> (amount, lines)."""
        rows = self.env["revenue.share.line"]._read_group(
            [
                ("version_id", "=", version.id),
                ("currency_id", "=", currency.id),
                "|",
                ("item_id", "in", self.ids),
                "&",
                ("item_id", "=", False),
                ("period_start", "=", period_start),
            ],
            ["rule_id", "partner_id", "item_id"],
            ["amount:sum", "__count"],
        )
        return {
            (rule.id, partner.id, item.id or None): (
                half_up(bridge.to_decimal(amount), currency.decimal_places),
                count,
            )
            for rule, partner, item, amount, count in rows
        }

    def _get_history(self, version, terms, currency, period_start):
        """Return what rules with a yearly scale or a lifetime cap gave before."""
        needed = [
            rule
            for rule in terms.rules
            if (rule.cap and rule.cap.per == "lifetime")
            or (rule.scale and rule.scale.reset == "year")
        ]
        if not needed:
            return {}
        settled = self.search(
            [
                ("version_id", "=", version.id),
                ("currency_id", "=", currency.id),
                ("source", "=", SALE),
                ("statement_period_start", "<", period_start),
            ]
        )
        amounts = self.env["revenue.share.line"]._read_group(
            [
                ("item_id", "in", settled.ids),
                ("rule_id", "in", [rule.key for rule in needed]),
            ],
            ["rule_id", "partner_id", "item_id"],
            ["amount:sum"],
        )
        year_start = period_start.replace(month=1, day=1)
        return bridge.history_of(
            needed, settled, amounts, year_start, currency.decimal_places
        )

    def _follow_sales(self, sales):
        """Let earlier credit notes follow what a settlement added to their sales."""
        credits = self.search([("origin_item_id", "in", sales.ids)], order="id")
        if not credits:
            return
        sales = credits.origin_item_id
        given, taken = self._get_stored(sales)
        credited = self._get_credited(sales)
        counts = {
            (item, rule.id, partner.id): count
            for item, rule, partner, count in self.env[
                "revenue.share.line"
            ]._read_group(
                [("item_id", "in", credits.ids)],
                ["item_id", "rule_id", "partner_id"],
                ["__count"],
            )
        }
        vals_list = []
        for sale, own in credits.grouped("origin_item_id").items():
            last = own[-1]
            mirrored = self._mirror(sale, *credited[sale], given[sale], taken[sale])
            numbers = {key: counts.get((last, *key), 0) for key in mirrored.amounts}
            moved = {key: a for key, a in mirrored.amounts.items() if a}
            vals_list += last._prepare_mirror_lines(
                reversal.Mirror(mirrored.base, moved), numbers
            )
        self.env["revenue.share.line"].create(vals_list)
