# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""To which flow of the reform a document belongs, and how its lines are reported.

Source: CGI 289 bis, 290 and 290 A (CIBS, book II, since 2026-09-01); external
specifications of the reform, flows 1, 2 and 10; XP Z12-014 use case 44 (overseas).
"""

from .mentions import BUSINESS, FOREIGN_BUSINESS
from .tva import GOODS, SCOPE_FOREIGN, SCOPE_MARGIN, SCOPE_OUT

DOMESTIC = "2"
INTERNATIONAL = "10.1"
CONSUMERS = "10.3"
NONE = "none"

# TT-81 of flux 10
TAXED_GOODS = "TLB1"
TAXED_SERVICES = "TPS1"
NOT_TAXED = "TNT1"
MARGIN = "TMA1"


def flow_kind(buyer, scopes, seller_in_territory=True):
    """Say through which flow a document of sale goes.

    >>> flow_kind("business", ["", "out"]), flow_kind("business", ["out"])
    ('2', 'none')

    :param str buyer: kind of buyer, a constant of mentions.py
    :param scopes: scope of the regime of each line (`VatRegime.scope`)
    :param bool seller_in_territory: the seller is established where French VAT holds
    :return: DOMESTIC, INTERNATIONAL, CONSUMERS or NONE
    """
    scopes = set(scopes)
    if not seller_in_territory or not scopes or SCOPE_FOREIGN in scopes:
        return NONE
    if scopes == {SCOPE_OUT}:
        return NONE
    if buyer == BUSINESS:
        return DOMESTIC
    return INTERNATIONAL if buyer == FOREIGN_BUSINESS else CONSUMERS


def transaction_category(category, scope, nature):
    """Give the category a line is reported under in flux 10 (TT-81).

    :param str category: EN 16931 category of the line
    :param str scope: scope of its regime
    :param str nature: tva.GOODS or SERVICES
    :return: one of the four codes, "" when the line is not reported
    """
    if scope in (SCOPE_OUT, SCOPE_FOREIGN):
        return ""
    if scope == SCOPE_MARGIN:
        return MARGIN
    if category != "S":
        return NOT_TAXED
    return TAXED_GOODS if nature == GOODS else TAXED_SERVICES
