# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Pictures of the page as SVG: sharp in print, small, and with a text alternative."""

from decimal import Decimal
from functools import lru_cache
from html import escape

import qrcode
from qrcode.constants import ERROR_CORRECT_M

QUIET_ZONE = 4  # modules, EPC069-12 / ISO 18004
CHART_WIDTH, CHART_HEIGHT = 174, 34
SVG = "http://www.w3.org/2000/svg"


@lru_cache(maxsize=256)
def qr_svg(text, title):
    """Draw a QR code.

    :param str text: what it says
    :param str title: text alternative
    :return: SVG element of its own size, one unit per module
    :rtype: str
    """
    code = qrcode.QRCode(error_correction=ERROR_CORRECT_M, border=0, mask_pattern=4)
    code.add_data(text.encode(), optimize=0)
    code.make()
    matrix = code.get_matrix()
    size = len(matrix) + 2 * QUIET_ZONE
    path = "".join(
        f"M{QUIET_ZONE + start} {QUIET_ZONE + y}h{width}v1h-{width}z"
        for y, row in enumerate(matrix)
        for start, width in _runs(row)
    )
    return (
        f'<svg xmlns="{SVG}" viewBox="0 0 {size} {size}" role="img" '
        f'shape-rendering="crispEdges"><title>{escape(title)}</title>'
        f'<path d="{path}" fill="#000"/></svg>'
    )


def _runs(row):
    """Give (start, width) of the runs of dark modules of one row."""
    start = None
    for x, dark in enumerate([*row, False]):
        if dark and start is None:
            start = x
        elif not dark and start is not None:
            yield start, x - start
            start = None


def columns_svg(bars, title, colour):
    """Draw columns side by side, the last one in full colour: the months of a customer.

    :param list bars: (label, value, text of the value); values are Decimals
    :param str title: text alternative, the same figures in words
    :param str colour: "#rrggbb"
    :rtype: str
    """
    top = max((value for _label, value, _text in bars), default=Decimal(0))
    step = Decimal(CHART_WIDTH) / max(len(bars), 1)
    width = min(step * Decimal("0.5"), Decimal(12))
    parts = []
    for index, (label, value, text) in enumerate(bars):
        middle = step * index + step / 2
        height = value / top * (CHART_HEIGHT - 12) if top > 0 and value > 0 else 0
        y = CHART_HEIGHT - 6 - height
        opacity = "1" if index == len(bars) - 1 else "0.28"
        parts.append(
            f'<rect x="{middle - width / 2:.2f}" y="{y:.2f}" width="{width:.2f}" '
            f'height="{max(height, Decimal("0.3")):.2f}" fill="{colour}" '
            f'fill-opacity="{opacity}"/>'
            + _text(middle, y - Decimal("1.6"), text, "#1b2430")
            + _text(middle, CHART_HEIGHT - Decimal("1.5"), label, "#5b6673")
        )
    return _picture(CHART_WIDTH, CHART_HEIGHT, title, "".join(parts))


def bars_svg(bars, title, colour):
    """Draw one bar per service, longest first.

    :param list bars: (label, value, text of the value)
    """
    row = 6
    top = max((value for _label, value, _text in bars), default=Decimal(0))
    parts = []
    for index, (label, value, text) in enumerate(bars):
        y = row * index
        length = max(value / top * 88, Decimal("0.3")) if top > 0 else Decimal("0.3")
        parts.append(
            _text(0, y + 4, label, "#1b2430", "start")
            + f'<rect x="56" y="{y + 1}" width="{length:.2f}" height="4" '
            f'fill="{colour}" fill-opacity="{"1" if not index else "0.45"}"/>'
            + _text(CHART_WIDTH, y + 4, text, "#1b2430", "end")
        )
    return _picture(CHART_WIDTH, row * len(bars), title, "".join(parts))


def _text(x, y, text, colour, anchor="middle"):
    return (
        f'<text x="{x:.2f}" y="{y:.2f}" text-anchor="{anchor}" fill="{colour}">'
        f"{escape(text)}</text>"
    )


def _picture(width, height, title, content):
    return (
        f'<svg xmlns="{SVG}" viewBox="0 0 {width} {height}" role="img" '
        f'font-family="Releve, DejaVu Sans" font-size="2.6">'
        f"<title>{escape(title)}</title>{content}</svg>"
    )
