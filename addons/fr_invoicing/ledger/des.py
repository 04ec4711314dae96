# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Statement of services to businesses of the European Union (DES).

CGI art. 289 B III: seller, buyer's VAT number and value of the month's services taxed
at the buyer's. The file is the one the customs' online service takes: one declaration
with lines of a whole number of euro, at most 14 characters for the buyer.
"""

import re
from collections import defaultdict
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from xml.etree import ElementTree

from stdnum.eu import vat as eu_vat

# what keeps a buyer out of the file
MISSING = "missing"
INVALID = "invalid"
FRENCH = "french"
NOT_EU = "not_eu"

# of the customs' schema of the file
MAX_VALUE = 99_999_999_999
MIN_VALUE = -9_999_999_999
PARTNER = re.compile(r"[A-Z0-9]{7,14}")
SELLER = re.compile(r"FR[0-9A-Z]{2}[0-9]{9}")


@dataclass(frozen=True, slots=True)
class Line:
    """Services of a month to one buyer.

    vat: the buyer's number with its country
    amount: euro, without VAT; negative when credit notes win
    """

    vat: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Fault:
    """What a file has wrong.

    code: one of those of check()
    place: the element, "" for the whole file
    """

    code: str
    place: str = ""


def whole_euro(amount):
    """Round to a whole euro, half away from zero.

    >>> whole_euro(Decimal("10.50")), whole_euro(Decimal("-10.50"))
    (11, -11)
    """
    return int(amount.quantize(Decimal(1), ROUND_HALF_UP))


def clean(vat):
    """Drop what people type between the signs of a VAT number.

    >>> clean("be 0428.759.497")
    'BE0428759497'
    """
    return re.sub(r"[^0-9A-Za-z+*]", "", vat or "").upper()


def problem(vat):
    """Say what keeps a buyer's VAT number out of the file, "" when nothing does.

    Northern Ireland (XI) belongs to the Union for goods only.
    """
    number = clean(vat)
    if not number:
        return MISSING
    if number.startswith("FR"):
        return FRENCH
    if number[:2].lower() not in {*eu_vat.MEMBER_STATES, "el"} or number[:2] == "XI":
        return NOT_EU if number[:2].isalpha() else INVALID
    return "" if eu_vat.is_valid(number) and PARTNER.fullmatch(number) else INVALID


def merge(lines):
    """Give one line for each VAT number, those of zero euro left out, by number.

    The sum of a buyer is rounded, once; not its invoices.

    :rtype: list[tuple[str, int]]
    """
    totals = defaultdict(Decimal)
    for line in lines:
        totals[clean(line.vat)] += line.amount
    values = [(vat, whole_euro(total)) for vat, total in sorted(totals.items())]
    return [(vat, value) for vat, value in values if value]


def write(number, seller_vat, year, month, lines):
    """Write the file of a month.

    :param int number: number of the declaration, 1 to 999999
    :param str seller_vat: FR + key + SIREN
    :param lines: iterable of Line; those of one number become one, see merge()
    :return: UTF-8 XML
    :rtype: bytes
    """
    root = ElementTree.Element("fichier_des")
    declaration = ElementTree.SubElement(root, "declaration_des")
    _add(declaration, "num_des", number)
    _add(declaration, "num_tvaFr", clean(seller_vat))
    _add(declaration, "mois_des", f"{month:02d}")
    _add(declaration, "an_des", year)
    for position, (vat, value) in enumerate(merge(lines), 1):
        element = ElementTree.SubElement(declaration, "ligne_des")
        _add(element, "numlin_des", position)
        _add(element, "valeur", value)
        _add(element, "partner_des", vat)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="UTF-8", xml_declaration=True)


def check(content, total=None):
    """Check a file against the structure the online service wants.

    Codes: xml, structure, number, seller, month, year, no_line, line_number, value,
    partner, twice (a buyer with two lines), total.

    :param bytes content: the file
    :param int total: whole euro the lines must sum to, None not to look
    :rtype: list[Fault]
    """
    try:
        root = ElementTree.fromstring(content)
    except ElementTree.ParseError:
        return [Fault("xml")]
    declarations = list(root)
    if root.tag != "fichier_des" or [d.tag for d in declarations] != [
        "declaration_des"
    ]:
        return [Fault("structure", root.tag)]
    head, lines = declarations[0][:4], declarations[0][4:]
    if [element.tag for element in head] != [
        "num_des",
        "num_tvaFr",
        "mois_des",
        "an_des",
    ] or any(line.tag != "ligne_des" for line in lines):
        return [Fault("structure", "declaration_des")]
    number, seller, month, year = (element.text or "" for element in head)
    faults = []
    if not _is_whole(number) or not 1 <= int(number) <= 999_999:
        faults.append(Fault("number", number))
    if not SELLER.fullmatch(seller):
        faults.append(Fault("seller", seller))
    if not re.fullmatch(r"0[1-9]|1[0-2]", month):
        faults.append(Fault("month", month))
    if not re.fullmatch(r"20[1-9]\d", year):
        faults.append(Fault("year", year))
    if not lines:
        faults.append(Fault("no_line"))
    return faults + _check_lines(lines, total)


def _check_lines(lines, total):
    faults, found, seen = [], 0, set()
    for position, line in enumerate(lines, 1):
        if [element.tag for element in line] != ["numlin_des", "valeur", "partner_des"]:
            faults.append(Fault("structure", f"ligne_des {position}"))
            continue
        number, value, partner = (element.text or "" for element in line)
        if number != str(position):
            faults.append(Fault("line_number", number))
        if not _is_whole(value) or not (
            int(value) and MIN_VALUE <= int(value) <= MAX_VALUE
        ):
            faults.append(Fault("value", value))
        else:
            found += int(value)
        if not PARTNER.fullmatch(partner):
            faults.append(Fault("partner", partner))
        elif partner in seen:
            faults.append(Fault("twice", partner))
        seen.add(partner)
    if total is not None and found != total:
        faults.append(Fault("total", str(found)))
    return faults


def _is_whole(text):
    return bool(re.fullmatch(r"-?\d{1,11}", text))


def _add(parent, tag, value):
    ElementTree.SubElement(parent, tag).text = str(value)
