# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Entries -> rows of the table as texts, ready for the template."""

from decimal import Decimal

from odoo.addons.usage_billing.unit_words import in_number

from ..einvoice.page import grouping
from .page_lines import discount


def rows(groups, format_):
    """Give the rows of the itemised table.

    :param list[grouping.Group] groups: from `grouping.group`
    :rtype: list[dict]
    """
    found = []
    for group in groups:
        parts = group.parts()
        if group.title:
            found.append(_group_row(group, format_))
        sums = grouping.heading_sums(parts)
        for index, part in enumerate(parts):
            if isinstance(part, grouping.Block):
                found += _block_rows(part, format_)
            elif part.line:
                found.append(_entry_row(part, format_))
            else:
                found.append(_text_row(part, sums.get(index), format_))
    return found


def _group_row(group, format_):
    return {
        "kind": "group",
        "name": group.title,
        "amount": format_.money(group.total),
    }


def _block_rows(block, format_):
    """Give one row for a service of one step, else a heading and its steps."""
    if len(block.entries) == 1 and not block.entries[0].free:
        [entry] = block.entries
        row = _entry_row(entry, format_)
        if entry.name != block.name:
            row["name"], row["description"] = block.name, entry.name
        return [row]
    quantity = block.quantity
    head = {
        "kind": "block",
        "name": block.name,
        "period": format_.own_period(block.period),
        "quantity": format_.quantity(quantity) if quantity is not None else "",
        "unit": _unit(block.unit, quantity, format_),
        "amount": format_.money(block.total),
    }
    steps = []
    for entry in block.entries:
        steps += [_free_row(name, value, entry, format_) for name, value in entry.free]
        row = _entry_row(entry, format_)
        steps.append({**row, "kind": "step", "class": "step", "period": ""})
    steps[-1]["class"] = "step last"
    return [head, *steps]


def _free_row(name, quantity, entry, format_):
    """Give the row of a step that cost nothing: it explains the quantity above."""
    zero = Decimal(0)
    return {
        "kind": "step",
        "class": "step",
        "name": name,
        "description": "",
        "period": "",
        "quantity": format_.quantity(quantity),
        "unit": _unit(entry.unit, quantity, format_),
        "price": format_.price(zero),
        "per": "",
        "discount": "",
        "tax": format_.rate(entry.line.rate),
        "amount": format_.money(zero),
    }


def _text_row(entry, total, format_):
    return {
        "kind": entry.kind.removeprefix("line_"),
        "name": entry.name,
        "amount": "" if total is None else format_.money(total),
    }


def _entry_row(entry, format_):
    price = format_.price(entry.price)
    return {
        "kind": "line",
        "class": "",
        "name": entry.name,
        "description": entry.description,
        "period": format_.own_period(entry.line.period),
        "quantity": format_.quantity(entry.quantity),
        "unit": _unit(entry.unit, entry.quantity, format_),
        "price": price,
        "per": f"/ {format_.quantity(entry.per)}" if entry.per is not None else "",
        "discount": discount(entry, format_),
        "tax": format_.rate(entry.line.rate),
        "amount": format_.money(entry.line.net_amount),
    }


def summary_rows(items, format_):
    """Give the rows of the summary table.

    :param list[grouping.SummaryRow] items: from `grouping.summary`
    :rtype: list[dict]
    """
    return [
        {
            "kind": "line",
            "class": "",
            "name": item.title,
            "description": "",
            "period": format_.own_period(item.period),
            "count": str(item.count),
            "quantity": (
                format_.quantity(item.quantity) if item.quantity is not None else ""
            ),
            "unit": _unit(item.unit, item.quantity, format_),
            "tax": format_.rate(item.rate),
            "amount": format_.money(item.amount),
        }
        for item in items
    ]


def _unit(label, quantity, format_):
    """Give the unit behind a quantity, nothing behind none."""
    return in_number(label, quantity, format_.locale) if quantity is not None else ""
