# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Statement of services to businesses of the European Union (DES).

CGI art. 289 B III: seller, buyer's VAT number and value of the month's services taxed
at the buyer's. The file is the one the customs' online service takes: one declaration
with lines of a whole number of euro, at most 14 characters for the buyer.
"""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from xml.etree import ElementTree


@dataclass(frozen=True, slots=True)
class Line:
    """Services of a month to one buyer.

    vat: the buyer's number with its country
    amount: euro, without VAT; negative when credit notes win
    """

    vat: str
    amount: Decimal


def whole_euro(amount):
    """Round to a whole euro, half up."""
    return int(amount.quantize(Decimal(1), ROUND_HALF_UP))


def write(number, seller_vat, year, month, lines):
    """Write the file of a month.

    :param int number: number of the declaration, 1 to 999999
    :param str seller_vat: FR + key + SIREN
    :param lines: iterable of Line; those that round to zero are left out
    :return: UTF-8 XML
    :rtype: bytes
    """
    root = ElementTree.Element("fichier_des")
    declaration = ElementTree.SubElement(root, "declaration_des")
    _add(declaration, "num_des", number)
    _add(declaration, "num_tvaFr", seller_vat)
    _add(declaration, "mois_des", f"{month:02d}")
    _add(declaration, "an_des", year)
    position = 0
    for line in lines:
        value = whole_euro(line.amount)
        if not value:
            continue
        position += 1
        element = ElementTree.SubElement(declaration, "ligne_des")
        _add(element, "numlin_des", position)
        _add(element, "valeur", value)
        _add(element, "partner_des", line.vat)
    return ElementTree.tostring(root, encoding="UTF-8", xml_declaration=True)


def _add(parent, tag, value):
    ElementTree.SubElement(parent, tag).text = str(value)
