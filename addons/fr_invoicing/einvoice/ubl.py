# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""What the factur-x library leaves out of UBL, put right after it wrote.

Only three things, each with its rule; everything else is the library's.
"""

from lxml import etree

UBL = "urn:oasis:names:specification:ubl:schema:xsd"
CBC = f"{{{UBL}:CommonBasicComponents-2}}"
CAC = f"{{{UBL}:CommonAggregateComponents-2}}"


def repair(xml, values):
    """Put right what the library leaves out.

    - the rounding amount bears the currency of the invoice, not always the euro;
    - the mandate reference of a direct debit stands without a debited account too
      (BT-89; the library writes it with BT-91 only);
    - our own order number (BT-14) needs an order reference in UBL: "NA" where the
      customer gave none, as the EN 16931 mapping to UBL says.

    :param bytes xml: UBL Invoice or CreditNote
    :param dict values: what it was written from, by BT number
    :rtype: bytes
    """
    root = etree.fromstring(xml, etree.XMLParser(huge_tree=True))
    for node in root.iter(f"{CBC}PayableRoundingAmount"):
        node.set("currencyID", values["BT-5"])
    if values.get("BT-89") and not values.get("BT-91"):
        means = root.find(f"{CAC}PaymentMeans")
        if means is not None and means.find(f"{CAC}PaymentMandate") is None:
            mandate = etree.SubElement(means, f"{CAC}PaymentMandate")
            etree.SubElement(mandate, f"{CBC}ID").text = values["BT-89"]
    if values.get("BT-14") and not values.get("BT-13"):
        _add_sales_order(root, values["BT-14"])
    return etree.tostring(
        root, pretty_print=True, xml_declaration=True, encoding="UTF-8"
    )


# what stands before the order reference in UBL 2.1
BEFORE_ORDER = (
    "DocumentCurrencyCode",
    "TaxCurrencyCode",
    "AccountingCost",
    "BuyerReference",
    "InvoicePeriod",
)


def _add_sales_order(root, number):
    order = etree.Element(f"{CAC}OrderReference")
    etree.SubElement(order, f"{CBC}ID").text = "NA"
    etree.SubElement(order, f"{CBC}SalesOrderID").text = number
    children = [node for node in root if etree.QName(node).localname in BEFORE_ORDER]
    children[-1].addnext(order)
