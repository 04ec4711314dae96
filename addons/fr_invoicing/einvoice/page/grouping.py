# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Rows of the invoice table: lines gathered in groups, and in blocks of one service.

    group     "Site de Lyon"                                  sum of its lines
      block   "Appels API", 345 678 appels, 1-31 October      sum of its steps
        step  "tier 1 (1-1 000)", quantity x price            amount of one line
      line    "Assistance", quantity x price                  amount of one line

Every line of the document is in exactly one group, so the sums of the groups add up to
the total of the lines whatever they are gathered by; `group` checks it.
"""

from dataclasses import dataclass, field
from decimal import Decimal

from ..errors import DocumentError
from .look import NONE, SERVICE

LINE = "line"
NOTE = "line_note"
HEADINGS = ("line_section", "line_subsection")


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the document, or one text row between them.

    line: the Line of the document, None on a text row
    kind: "line", or Odoo's "line_section", "line_subsection", "line_note"
    name: what the row says; on a line of a block its step ("tier 1 (1-1,000)")
    labels: grouping -> what the line belongs to ("" when to nothing)
    block, block_name: the service the line is a step of; None for a line of its own
    quantity, unit, price: as printed, the true figures of measured usage
    per: units the price is for, None for one
    free: (name, quantity) of the steps before this line that cost nothing and are on
        no invoice line
    """

    kind: str = LINE
    line: object = None
    name: str = ""
    description: str = ""
    labels: dict = field(default_factory=dict)
    block: object = None
    block_name: str = ""
    quantity: Decimal | None = None
    unit: str = ""
    price: Decimal | None = None
    per: Decimal | None = None
    free: tuple = ()

    @property
    def amount(self):
        """Give the net amount, 0 of a text row."""
        return self.line.net_amount if self.line else Decimal(0)


@dataclass(frozen=True, slots=True)
class Block:
    """The steps of one service and period."""

    name: str
    entries: tuple

    @property
    def total(self):
        """Add up the lines."""
        return sum((entry.amount for entry in self.entries), Decimal(0))

    @property
    def period(self):
        """Give the period all lines share, or None."""
        return _shared(entry.line.period for entry in self.entries)

    @property
    def unit(self):
        """Give the unit all lines share, or ""."""
        return _shared(entry.unit for entry in self.entries if entry.quantity) or ""

    @property
    def quantity(self):
        """Add up the quantities where they are of one unit and measure, or None."""
        found = [entry for entry in self.entries if entry.unit]
        if not found or not self.unit:
            return None
        free = [quantity for entry in found for _name, quantity in entry.free]
        return sum((entry.quantity for entry in found), sum(free, Decimal(0)))


@dataclass(frozen=True, slots=True)
class Group:
    """Lines that belong together. title is "" when nothing is gathered."""

    title: str
    entries: tuple

    @property
    def total(self):
        """Add up the lines."""
        return sum((entry.amount for entry in self.entries), Decimal(0))

    @property
    def lines(self):
        """Give the entries that are lines of the document."""
        return tuple(entry for entry in self.entries if entry.line)

    def parts(self):
        """Give blocks, lines and text rows in the order to print.

        Lines of one block stand together, at the place of the first one.

        :rtype: list[Block | Entry]
        """
        found, blocks = [], {}
        for entry in self.entries:
            if entry.block is None:
                found.append(entry)
            elif entry.block in blocks:
                blocks[entry.block].append(entry)
            else:
                blocks[entry.block] = [entry]
                found.append(blocks[entry.block])
        return [
            part if isinstance(part, Entry) else Block(part[0].block_name, tuple(part))
            for part in found
        ]


@dataclass(frozen=True, slots=True)
class SummaryRow:
    """What one group comes to at one VAT rate."""

    title: str
    category: str
    rate: Decimal | None
    amount: Decimal
    count: int
    quantity: Decimal | None
    unit: str
    period: object


def group(entries, grouping, line_total, others):
    """Gather the entries.

    Headings written by hand keep their place when nothing is gathered, and give way to
    the groups otherwise; a note stays with the line before it.

    :param list[Entry] entries: in the order of the invoice
    :param str grouping: one of look.GROUPINGS
    :param Decimal line_total: sum of the lines of the document (BT-106)
    :param str others: title of the lines that belong to nothing
    :rtype: list[Group]
    :raise DocumentError: the groups do not add up to the document
    """
    if grouping == NONE:
        groups = [Group("", tuple(entries))]
    else:
        groups = _gather(entries, grouping, others)
    total = sum((item.total for item in groups), Decimal(0))
    if total != line_total:
        raise DocumentError("page_total", found=total, expected=line_total)
    return groups


def _gather(entries, grouping, others):
    found, title = {}, None
    for entry in entries:
        if entry.kind in HEADINGS:
            continue
        if entry.line:
            title = entry.labels.get(grouping) or ""
        found.setdefault(title or "", []).append(entry)
    # what belongs to nothing comes last
    titles = [key for key in found if key] + [key for key in found if not key]
    return [
        Group(key or (others if len(titles) > 1 else ""), tuple(found[key]))
        for key in titles
    ]


def summary(entries, grouping, line_total, others):
    """Give one row per group and VAT rate.

    :rtype: list[SummaryRow]
    """
    by = SERVICE if grouping == NONE else grouping
    rows = []
    for item in group(entries, by, line_total, others):
        by_tax = {}
        for entry in item.lines:
            by_tax.setdefault((entry.line.category, entry.line.rate), []).append(entry)
        for (category, rate), lines in by_tax.items():
            block = Block("", tuple(lines))
            rows.append(
                SummaryRow(
                    title=item.title or others,
                    category=category,
                    rate=rate,
                    amount=block.total,
                    count=len(lines),
                    quantity=block.quantity,
                    unit=block.unit,
                    period=block.period,
                )
            )
    return rows


def heading_sums(parts):
    """Give what stands under each heading written by hand.

    A section ends at the next section, a subsection at the next heading of any kind.

    :param list parts: from `Group.parts`
    :return: place of the heading in parts -> sum of the lines under it
    :rtype: dict[int, Decimal]
    """
    sums, section, subsection = {}, None, None
    for index, part in enumerate(parts):
        if isinstance(part, Entry) and part.kind in HEADINGS:
            if part.kind == HEADINGS[0]:
                section, subsection = index, None
            else:
                subsection = index
            sums[index] = Decimal(0)
            continue
        amount = part.total if isinstance(part, Block) else part.amount
        for heading in (section, subsection):
            if heading is not None:
                sums[heading] += amount
    return sums


def _shared(values):
    """Give the one value all have, or None."""
    found = set(values)
    return found.pop() if len(found) == 1 else None
