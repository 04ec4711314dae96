from collections import defaultdict
from decimal import Decimal

from odoo import models

from .. import bridge
from ..splitting import reversal
from ..splitting.allocate import as_decimal, half_up
from .revenue_share_item import CREDIT, SALE, UNDO


class RevenueShareItemCredit(models.Model):
    """Credit notes, and documents set back to draft: the mirror of stored shares."""

    _inherit = "revenue.share.item"

    def _record_credits(self, moves):
        vals_list = []
        for move in moves.sorted("id"):
            vals_list += self._prepare_credit_vals(move)
        return self._create_mirrored(vals_list)

    def _prepare_credit_vals(self, move):
        """Say which sales a credit note takes back, and how much of each.

        A credited line takes back the line of the same rated component, else of the
        same product, the one of the same amount first; what names no product of the
        invoice is spread over it.
        """
        lines = move.invoice_line_ids.filtered(
            lambda line: line.display_type == "product"
        )
        origins = move.reversed_entry_id.invoice_line_ids.filtered(
            lambda line: line.display_type == "product"
        )
        sales = self.search(
            [("move_line_id", "in", origins.ids), ("source", "=", SALE)]
        )
        undone = self.search([("undone_item_id", "in", sales.ids)]).undone_item_id
        sales -= undone
        recorded = self.search(
            [("move_line_id", "in", lines.ids), ("source", "=", CREDIT)]
        )
        live = (
            recorded
            - self.search([("undone_item_id", "in", recorded.ids)]).undone_item_id
        )
        if not sales or live:
            return []
        open_by_line = self._get_open_net(sales)
        vals_list = []
        pairs = reversal.assign_credits(
            [
                (
                    line,
                    self._get_credit_key(line),
                    open_by_line.get(line, bridge.to_decimal(line.price_subtotal)),
                )
                for line in origins
            ],
            [
                (
                    line,
                    self._get_credit_key(line),
                    bridge.to_decimal(line.price_subtotal),
                )
                for line in lines
            ],
        )
        for credit, origin, amount in pairs:
            for sale in sales.filtered(lambda s, line=origin: s.move_line_id == line):
                vals_list.append(
                    {
                        **sale._prepare_mirror_vals(CREDIT, -as_decimal(amount)),
                        "source_key": f"aml:{credit.id}:of:{sale.id}:{len(recorded)}",
                        "move_id": move.id,
                        "move_line_id": credit.id,
                        "label": credit.name,
                        "date": move.invoice_date or move.date,
                    }
                )
        return vals_list

    def _get_credit_key(self, line):
        """Return what tells which invoiced line a credited line takes back."""
        return line.usage_component_id or line.product_id or line.name

    def _get_open_net(self, sales):
        """Return what is not yet credited of the lines of some sales."""
        credited = self._get_credited(sales)
        return {
            sale.move_line_id: bridge.to_decimal(sale.net) - credited[sale][0]
            for sale in sales
        }

    def _get_credited(self, sales):
        """Return sale -> (net, base) taken back so far, of the sign of the sale."""
        credited = {sale: (Decimal(0), Decimal(0)) for sale in sales}
        rows = self._read_group(
            [("origin_item_id", "in", sales.ids)],
            ["origin_item_id"],
            ["net:sum", "base:sum"],
        )
        for sale, net, base in rows:
            credited[sale] = tuple(
                -half_up(bridge.to_decimal(amount), sale.currency_id.decimal_places)
                for amount in (net, base)
            )
        return credited

    def _prepare_mirror_vals(self, source, net):
        """Build an item that takes back a part of this sale.

        :param net: part of the net amount, with the sign opposite to the sale's
        """
        self.ensure_one()
        return {
            "agreement_id": self.agreement_id.id,
            "company_id": self.company_id.id,
            "version_id": self.version_id.id,
            "source": source,
            "move_id": self.move_id.id,
            "move_line_id": self.move_line_id.id,
            "origin_item_id": self.id,
            "customer_id": self.customer_id.id,
            "product_id": self.product_id.id,
            "label": self.label,
            "date": self.date,
            "currency_id": self.currency_id.id,
            "net": half_up(net, self.currency_id.decimal_places),
        }

    def _undo(self, moves):
        """Take back what documents share that are set back to draft.

        :param moves: customer invoices and credit notes that were posted
        """
        items = self.search(
            [("move_id", "in", moves.ids), ("source", "in", (SALE, CREDIT))]
        )
        items -= self.search([("undone_item_id", "in", items.ids)]).undone_item_id
        open_net = self._get_credited(items.filtered(lambda i: i.source == SALE))
        vals_list = []
        for item in items:
            sale = item.origin_item_id or item
            net = bridge.to_decimal(item.net)
            if item.source == SALE:
                net -= open_net[item][0]
            vals_list.append(
                {
                    **sale._prepare_mirror_vals(UNDO, -net),
                    "source_key": f"undo:{item.id}",
                    "undone_item_id": item.id,
                    "move_id": item.move_id.id,
                    "move_line_id": item.move_line_id.id,
                    # a document undone before it was told leaves no trace in its period
                    "date": item.company_id._usage_get_today()
                    if item.statement_period_start
                    else item.date,
                }
            )
        return self._create_mirrored(vals_list)

    def _create_mirrored(self, vals_list):
        """Create items that take sales back, with the mirror of the stored shares."""
        sales = self.browse({vals["origin_item_id"] for vals in vals_list})
        given, taken = self._get_stored(sales)
        credited = self._get_credited(sales)
        mirrors = []
        for vals in vals_list:
            sale = self.browse(vals["origin_item_id"])
            net, base = credited[sale]
            net -= vals["net"]
            mirrored = self._mirror(sale, net, base, given[sale], taken[sale])
            vals["base"] = mirrored.base
            credited[sale] = (net, base - mirrored.base)
            for key, amount in mirrored.amounts.items():
                taken[sale][key] = taken[sale].get(key, Decimal(0)) - amount
            mirrors.append(mirrored)
        items = self.create(vals_list)
        line_vals = []
        for item, mirrored in zip(items, mirrors, strict=True):
            line_vals += item._prepare_mirror_lines(mirrored, defaultdict(int))
        self.env["revenue.share.line"].create(line_vals)
        return items

    def _mirror(self, sale, net, base, given, taken):
        return reversal.mirror(
            reversal.Stored(bridge.to_decimal(sale.base), given, base, taken),
            reversal.reversed_ratio(net, bridge.to_decimal(sale.net)),
            sale.currency_id.decimal_places,
            # What a partner got by several rules is one share.
            owner=lambda key: key[1],
        )

    def _prepare_mirror_lines(self, mirrored, numbers):
        firsts = {
            (line.rule_id.id, line.partner_id.id): line
            for line in self.origin_item_id.line_ids.sorted("id", reverse=True)
        }
        base = bridge.to_decimal(self.base)
        return [
            self._prepare_line_vals(
                "reversal",
                *key,
                # The base stands on the first line; a later one is a difference.
                (amount, amount, Decimal(0) if numbers[key] else base),
                numbers[key],
                reversal_of_id=firsts[key].id,
            )
            for key, amount in mirrored.amounts.items()
            if amount
        ]

    def _get_stored(self, sales):
        """Return what sales gave and what was taken back of it.

        :return: two dicts sale -> {(rule id, partner id): amount}; amounts taken
            back have the sign of what was given
        """
        lines = self.env["revenue.share.line"]
        given = {sale: {} for sale in sales}
        taken = {sale: {} for sale in sales}
        rows = lines._read_group(
            [("item_id", "in", sales.ids)],
            ["item_id", "rule_id", "partner_id"],
            ["amount:sum"],
        )
        for sale, rule, partner, amount in rows:
            given[sale][rule.id, partner.id] = sale._exact(amount)
        rows = lines._read_group(
            [("item_id.origin_item_id", "in", sales.ids)],
            ["item_id", "rule_id", "partner_id"],
            ["amount:sum"],
        )
        for item, rule, partner, amount in rows:
            sale, key = item.origin_item_id, (rule.id, partner.id)
            before = taken[sale].get(key, Decimal(0))
            taken[sale][key] = before - sale._exact(amount)
        return given, taken

    def _exact(self, amount):
        return half_up(bridge.to_decimal(amount), self.currency_id.decimal_places)
