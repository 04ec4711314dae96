# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""To which electronic address an issued document goes (BT-49)."""

from lxml import etree

PARSER = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)


def buyer_address(xml):
    """Give BT-49 of an invoice in CII.

    :param bytes xml: the file as issued
    :return: "" when it names none
    :rtype: str
    """
    if not xml:
        return ""
    tree = etree.fromstring(xml, PARSER)
    found = tree.findtext(".//{*}BuyerTradeParty/{*}URIUniversalCommunication/{*}URIID")
    return (found or "").strip()
