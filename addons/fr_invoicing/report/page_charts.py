# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Charts of the page, with their figures in words for who cannot see them."""

from collections import defaultdict
from decimal import Decimal

from dateutil.relativedelta import relativedelta
from markupsafe import Markup

from ..bridge import exact
from ..einvoice.page import figures, look

MONTHS = 12
MOST_BARS = 6


def chart(kind, entries, history, format_, colour):
    """Give the chart of a page.

    :param str kind: one of look.CHARTS
    :param list[Entry] entries: lines of the invoice
    :param history: function giving the months, called for a chart of months only
    :return: {"title", "svg"}, {} where there is nothing to compare
    """
    words = format_.words
    if kind == look.CHART_SERVICES:
        bars = _by_service(entries, words["others"])
        draw, title = figures.bars_svg, words["chart_services"]
    elif kind == look.CHART_MONTHS:
        bars = [(format_.month(day), value) for day, value in history()]
        draw, title = figures.columns_svg, words["chart_months"]
    else:
        return {}
    if len(bars) < 2:
        return {}
    shown = [(label, value, format_.money(value)) for label, value in bars]
    told = "; ".join(f"{label}: {text}" for label, _value, text in shown)
    currency = format_.document.currency
    return {
        "title": title,
        "svg": Markup(draw(shown, f"{title} ({currency}). {told}", colour)),
    }


def _by_service(entries, others):
    """Give (service, amount), the largest first, the smallest together."""
    sums = defaultdict(Decimal)
    for entry in entries:
        if entry.line:
            sums[entry.block_name or entry.labels.get(look.SERVICE, "")] += entry.amount
    bars = sorted(sums.items(), key=lambda item: -item[1])
    rest = sum((value for _name, value in bars[MOST_BARS:]), Decimal(0))
    bars = bars[:MOST_BARS] + ([(others, rest)] if rest else [])
    return [(_short(name), value) for name, value in bars]


def _short(text, length=32):
    return text if len(text) <= length else f"{text[: length - 1].rstrip()}…"


def history(move):
    """Give what the customer was invoiced by month, this invoice included.

    :return: [(first day of the month, amount without VAT)], oldest first
    """
    day = move.invoice_date or move.date
    first = day.replace(day=1) - relativedelta(months=MONTHS - 1)
    moves = move.sudo().search(  # whoever prints the invoice may print what it shows
        [
            ("company_id", "=", move.company_id.id),
            ("commercial_partner_id", "=", move.commercial_partner_id.id),
            ("currency_id", "=", move.currency_id.id),
            ("move_type", "in", ("out_invoice", "out_refund")),
            ("state", "=", "posted"),
            ("invoice_date", ">=", first),
            ("invoice_date", "<=", day),
        ]
    )
    sums = defaultdict(Decimal)
    for item in moves | move:
        month = (item.invoice_date or day).replace(day=1)
        sign = -1 if item.move_type == "out_refund" else 1
        sums[month] += sign * exact(item.amount_untaxed)
    return sorted(sums.items())
