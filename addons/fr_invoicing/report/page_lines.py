# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Invoice lines of Odoo -> entries of the page's table."""

from dataclasses import replace
from decimal import Decimal

from odoo.addons.usage_billing.unit_words import in_number

from ..bridge import product_lines
from ..bridge.lines import name_and_description, optional
from ..einvoice.document import round_half_up
from ..einvoice.page import look
from ..einvoice.page.grouping import HEADINGS, LINE, NOTE, Entry

PACKAGE = "package"  # component of a price per package: its quantity counts these
PIECE = "C62"  # UN/ECE recommendation 20: one; the word for it says nothing on a page
# names of usage dimensions that say where, and for whom
SITE_KEYS = ("site", "location", "lieu", "establishment", "etablissement")
COST_CENTRE_KEYS = ("cost_centre", "cost_center", "centre_de_cout", "department")


def entries(move, document, format_):
    """Give the rows of an invoice, text rows included, in order.

    :param account.move move: in the language of the page
    :param Document document: made of the same invoice
    :rtype: list[Entry]
    """
    by_record = dict(zip(product_lines(move), document.lines, strict=True))
    found = []
    for record in move.invoice_line_ids.sorted(lambda line: (line.sequence, line.id)):
        if record in by_record:
            found.append(_entry(record, by_record[record], format_))
        elif record.display_type in (*HEADINGS, NOTE):
            found.append(Entry(kind=record.display_type, name=record.name or ""))
    return _with_delivery_place(found, move)


def _with_delivery_place(found, move):
    """Give lines without a site that of the delivery, where others have one.

    A document has one delivery place: as the only site it would head every line.
    """
    place = move.partner_shipping_id
    if place == move.partner_id or not any(
        entry.labels.get(look.SITE) for entry in found
    ):
        return found
    return [
        replace(entry, labels={**entry.labels, look.SITE: place.name or ""})
        if entry.line and not entry.labels.get(look.SITE)
        else entry
        for entry in found
    ]


def _entry(record, line, format_):
    entry = Entry(
        kind=LINE,
        line=line,
        name=line.name,
        description=line.description,
        labels=_labels(record),
        quantity=line.quantity,
        unit="" if line.unit_code == PIECE else record.product_uom_id.name or "",
        price=line.net_price,
        per=line.base_quantity,
    )
    rated = optional(record, "usage_rated_line_id")
    return _usage_entry(record, rated.sudo(), entry, format_) if rated else entry


def _usage_entry(record, rated, entry, format_):
    """Tell a line of measured usage by its service, step and true figures."""
    component = record.usage_component_id.sudo()
    charge = rated.charge_id.with_context(lang=record.env.lang)
    name = charge.name
    if rated.price_id:
        name = f"{name}, {rated.price_id.with_context(lang=record.env.lang).name}"
    values = [str(value) for _key, value in sorted((rated.dimensions or {}).items())]
    title = " · ".join([name, *values])
    words = format_.words
    step = component.with_context(lang=record.env.lang).name or ""
    if step == charge.name:
        step = ""
    if rated.revision:
        step = f"{step} {words['correction']}".strip()
    unit = charge.unit_label or record.usage_unit_label or entry.unit
    if component.label == PACKAGE:
        step, unit = _packages(rated, component, unit, format_), words["packages"]
    entry = replace(
        entry,
        name=step[:1].upper() + step[1:] if step else title,
        description="",
        block=(
            rated.subscription_id.id,
            rated.charge_id.id,
            rated.dimension_key,
            rated.price_id.id,
            rated.period_id.id,
        ),
        block_name=title,
        unit=unit,
        free=_free_steps(rated, component, record),
    )
    figures = _true_figures(record, component, entry.line, format_)
    return replace(entry, **figures) if figures else entry


def _packages(rated, component, unit, format_):
    """Say what a package holds and what was measured: the quantity counts packages.

    The size is said where it leads from what was measured to the packages billed, which
    an exception of the customer may have changed.
    """
    words, metered, locale = format_.words, rated.quantity, format_.locale
    size = rated.charge_id.package_size
    text = ""
    if size and metered is not None and abs(component.quantity - metered / size) < 1:
        text = words["packages_of"] % {
            "size": format_.quantity(size),
            "unit": in_number(unit, size, locale),
        }
    if metered is None:
        return text or words["packages"]
    measured = words["measured"] % {
        "quantity": format_.quantity(metered),
        "unit": in_number(unit, metered, locale),
    }
    return f"{text} · {measured}" if text else measured


def _free_steps(rated, component, record):
    """Give the steps that cost nothing just before this one: (name, quantity).

    They are on no invoice line, and without them the quantities do not add up to what
    was measured.
    """
    found = []
    for other in rated.component_ids:
        if other == component:
            return tuple(found)
        if other.amount or not other.quantity:
            found = []
        else:
            name = other.with_context(lang=record.env.lang).name or ""
            found.append((name[:1].upper() + name[1:], other.quantity.normalize()))
    return ()


def _true_figures(record, component, line, format_):
    """Give quantity and price as measured, when they lead to the amount of the line.

    Electronic invoices allow quantities of 4 decimals and prices of 6, so that these
    may be scaled there ("345.678 thousands"). A credit note changed by hand keeps its
    own figures: those of the usage are not its own any more.

    :return: quantity, price and per; None when the document's own are to be shown
    :rtype: dict | None
    """
    quantity, price = record.usage_quantity, record.usage_unit_price
    if quantity is None or price is None or line.allowances:
        return None
    places = format_.document.currency_decimals
    amount = round_half_up(quantity * price, places)
    if abs(amount) != abs(line.net_amount):
        return None
    if line.net_amount < 0 < amount or amount < 0 < line.net_amount:
        quantity = -quantity
    if price < 0:
        quantity, price = -quantity, -price
    scale = Decimal(component.unit_scale or 1)
    return {
        "quantity": quantity.normalize(),
        "price": (price * scale).normalize(),
        "per": scale if scale != 1 else None,
    }


def _labels(record):
    """Give what a line belongs to, for every way of gathering."""
    rated = optional(record, "usage_rated_line_id")
    rated = rated.sudo() if rated else rated
    dimensions = (rated.dimensions or {}) if rated else {}
    subscription = rated.subscription_id if rated else rated
    return {
        look.SERVICE: record.product_id.name or name_and_description(record)[0],
        look.SUBSCRIPTION: subscription.name if subscription else "",
        look.SITE: _first(dimensions, SITE_KEYS) or _site(record, subscription),
        look.COST_CENTRE: _first(dimensions, COST_CENTRE_KEYS) or _analytic(record),
    }


def _first(dimensions, keys):
    for key in keys:
        if dimensions.get(key):
            return str(dimensions[key])
    return ""


def _site(record, subscription):
    """Give the place served: the subscriber, where another pays."""
    if subscription and subscription.partner_id != record.move_id.partner_id:
        return subscription.partner_id.name or ""
    return ""


def _analytic(record):
    """Give the analytic accounts of a line, by their names."""
    keys = [
        int(part)
        for key in record.analytic_distribution or {}
        for part in str(key).split(",")
        if part.strip().isdigit()
    ]
    accounts = record.env["account.analytic.account"].sudo().browse(keys).exists()
    return " · ".join(name for name in accounts.mapped("name") if name)


def discount(entry, format_):
    """Give the discount of a line as a percentage or an amount, "" for none."""
    texts = []
    for item in entry.line.allowances if entry.line else ():
        sign = "+" if item.is_charge else "-"
        value = (
            format_.rate(item.percent)
            if item.percent is not None
            else format_.money(item.amount)
        )
        texts.append(sign + value)
    return " ".join(texts)


__all__ = ["discount", "entries"]
