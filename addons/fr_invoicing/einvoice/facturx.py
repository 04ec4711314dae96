# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""The one place that knows the factur-x library (its API changes often: pinned 7.8).

Only its writer is used. Its own checks are not: `xml_check_schematron` answers True
when no Saxon server listens.
"""

from decimal import Decimal
from importlib import machinery, metadata

import stdnum
from lxml import etree

from . import ubl
from .document import clean_text, round_half_up
from .errors import WriterError

if not hasattr(stdnum.__spec__.loader, "get_resource_reader"):
    # Odoo's start-up replaces the loader of stdnum by one that cannot read the data
    # files of the package, which factur-x needs (IBAN table) as soon as it is imported
    stdnum.__spec__.loader = machinery.SourceFileLoader("stdnum", stdnum.__file__)

from facturx import generate_xml, parse_ubl_cii_xml  # noqa: E402
from facturx.facturx import FACTURX_FILENAME, FACTURX_LEVEL2xmp  # noqa: E402

XSI_NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"
LEVEL = "en16931"
LEVELS = {"EN16931": LEVEL, "EXTENDED-CTC-FR": "extended-ctc-fr"}
# BT-8 as the library names it: each syntax has its own code list
VAT_POINTS = {"5": "invoice", "29": "delivery", "72": "payment"}
FILENAME = FACTURX_FILENAME
XMP_LEVEL = FACTURX_LEVEL2xmp[LEVEL]
LIBRARY_VERSION = metadata.version("factur-x")


def to_xml(document):
    """Write the document as Factur-X (CII D22B) in its profile.

    :param Document document: the values
    :return: UTF-8 XML
    :rtype: bytes
    :raise WriterError: the library refuses the values
    """
    return _without_nil(_write(document, "factur-x"))


def to_ubl(document):
    """Write the document as UBL 2.1 Invoice or CreditNote, in its profile.

    :param Document document: the values
    :return: UTF-8 XML
    :rtype: bytes
    :raise WriterError: the library refuses the values
    """
    values = to_dict(document)
    return ubl.repair(_write(document, "ubl-2.1", values), values)


def cii_to_ubl(xml):
    """Write an issued CII document as UBL: the same values, whatever changed since.

    :param bytes xml: the XML of a Factur-X
    :return: UTF-8 XML
    :rtype: bytes
    :raise WriterError: the library cannot read or write it
    """
    try:
        values = parse_ubl_cii_xml(xml, check_xsd=False)
        values["BT-8"] = VAT_POINTS.get(values.get("BT-8"), values.get("BT-8"))
        if not values["BT-8"]:
            del values["BT-8"]
        written = generate_xml(
            dict(values),
            flavor="ubl-2.1",
            level="autodetect",
            check_xsd=False,
            check_schematron=False,
        )
        return ubl.repair(written, values)
    except (ValueError, KeyError, TypeError) as error:
        raise WriterError("writer_refused", number="", reason=str(error)) from error


def _write(document, flavor, values=None):
    try:
        return generate_xml(
            _clean(values or to_dict(document)),
            flavor=flavor,
            level=LEVELS[document.profile],
            check_xsd=False,
            check_schematron=False,
        )
    except (ValueError, KeyError, TypeError) as error:
        raise WriterError(
            "writer_refused", number=document.number, reason=str(error)
        ) from error


def _clean(value):
    """Drop what XML may not carry from every text, wherever it comes from."""
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, dict):
        return {key: _clean(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_clean(item) for item in value]
    return value


def _without_nil(xml):
    """Drop xsi:nil, which the library writes on a delivery block without content."""
    root = etree.fromstring(xml)
    for node in root.iterfind(f".//*[@{XSI_NIL}]"):
        del node.attrib[XSI_NIL]
    etree.cleanup_namespaces(root, keep_ns_prefixes=["rsm", "ram", "udt", "qdt"])
    return etree.tostring(
        root, pretty_print=True, xml_declaration=True, encoding="UTF-8"
    )


def to_dict(document):
    """Give the document in the library's vocabulary (keys are BT/BG terms).

    All figures are strings: the library rounds floats, and prices to 4 decimals.

    :rtype: dict
    """
    out_of_scope = any(tax.category == "O" for tax in document.taxes)
    values = {
        "BT-1": document.number,
        "BT-2": document.issue_date,
        "BT-3": document.type_code,
        "BT-5": document.currency,
        "BT-23": document.process_code,
        "BG-1": [
            {"BT-21": note.code, "BT-22": clean_text(note.text)}
            for note in document.notes
        ],
        "BG-4": _seller(document, with_vat=not out_of_scope),
        "BG-7": _party(document.buyer, with_vat=not out_of_scope),
        "BG-23": [_tax(tax) for tax in document.taxes],
        "BG-25": [_line(line, document) for line in document.lines],
        "BT-106": _money(document.line_total, document),
        "BT-109": _money(document.untaxed_total, document),
        "BT-110": _money(document.tax_total, document),
        "BT-112": _money(document.grand_total, document),
        "BT-115": _money(document.due_total, document),
    }
    _add_optional(values, document)
    return values


def _add_optional(values, document):
    optional = {
        "BT-8": VAT_POINTS.get(document.vat_point_code, document.vat_point_code),
        "BT-9": document.paid_on or document.due_date,
        "BT-10": document.buyer_reference,
        "BT-12": document.contract_reference,
        "BT-13": document.order_reference,
        "BT-14": document.sales_order,
        "BT-20": _payment_terms(document),
        "BT-72": document.delivery_date,
        "BT-83": document.remittance,
    }
    if document.period:
        optional["BT-73"] = document.period.start
        optional["BT-74"] = document.period.end
    if document.payment:
        optional["BT-81"] = document.payment.means_code
        optional["BT-82"] = document.payment.means_text
        optional["BT-84"] = document.payment.account
        if document.payment.account:
            optional["BT-85"] = document.payment.account_name
            optional["BT-86"] = document.payment.bic
        optional["BT-89"] = document.payment.mandate
        optional["BT-90"] = document.payment.creditor_id
        optional["BT-91"] = document.payment.debited_account
    if document.tax_representative:
        optional["BG-11"] = _tax_representative(document.tax_representative)
    if document.payee:
        optional["BG-10"] = _payee(document.payee)
    _add_allowances(optional, document)
    if document.attachments:
        optional["BG-24"] = [_attachment(item) for item in document.attachments]
    if document.delivery:
        optional["BG-13"] = _party(document.delivery, with_vat=False)
    if document.preceding:
        optional["BG-3"] = [
            {
                "BT-25": ref.number,
                **({"BT-26": ref.issue_date} if ref.issue_date else {}),
                **(
                    {"EXT-FR-FE-02": ref.type_code}
                    if ref.type_code and document.profile != "EN16931"
                    else {}
                ),
            }
            for ref in document.preceding
        ]
    if document.rounding is not None:
        optional["BT-114"] = _money(document.rounding, document)
    if document.prepaid is not None:
        optional["BT-113"] = _money(document.prepaid, document)
    if document.tax_currency and document.tax_currency != document.currency:
        optional["BT-6"] = document.tax_currency
        # always two decimals: the accounting currency is the euro
        optional["BT-111"] = f"{round_half_up(document.tax_amount_accounting):f}"
    values.update({key: value for key, value in optional.items() if value})


def _payment_terms(document):
    """Give BT-20: the words, then each instalment, as BT-9 has room for the last."""
    rows = [
        f"{_money(amount, document)} {document.currency} {day:%d/%m/%Y}"
        for day, amount in document.instalments
    ]
    return "\n".join(filter(None, (clean_text(document.payment_terms), *rows)))


def _add_allowances(optional, document):
    for key, total, is_charge in (
        ("BG-20", "BT-107", False),
        ("BG-21", "BT-108", True),
    ):
        items = [item for item in document.allowances if item.is_charge == is_charge]
        if items:
            optional[key] = [_allowance(item, document) for item in items]
            optional[total] = _money(sum(item.amount for item in items), document)


def _attachment(attachment):
    values = {
        "BT-122": attachment.reference or attachment.name,
        "BT-123": attachment.description,
        "BT-125": attachment.content,
        "BT-125-1": attachment.mime,
        "BT-125-2": attachment.name,
    }
    return {key: value for key, value in values.items() if value}


def _seller(document, with_vat):
    """Give BG-4; a member of a VAT group bears its SIREN too (BR-FR-CO-14, -15).

    Who has no VAT number is known to the tax office by its SIREN: BR-E-02 and its
    sisters want one of both (BT-31, BT-32).
    """
    values = _party(document.seller, with_vat=with_vat)
    if with_vat and document.seller.siren and not document.seller.vat:
        values["tax_identifier"] = document.seller.siren
    if group := document.tax_representative:
        values.setdefault("identifiers", {})["0231"] = group.siren
    return values


def _tax_representative(party):
    """Give BG-11: name, address and VAT number, nothing else."""
    kept = ("name", "country_code", "postcode", "city", "vat_identifier")
    return {
        key: value
        for key, value in _party(party).items()
        if key in kept or key.startswith("addr_l")
    }


def _payee(party):
    """Give BG-10: name and one identifier of each scheme, nothing else."""
    values = {"name": clean_text(party.name)}
    if party.siret:
        values["identifiers"] = {"0009": party.siret}
    if party.siren:
        values["legal_identifier"] = party.siren
        values["legal_identifier_schemeid"] = "0002"
    return values


def _party(party, with_vat=True):
    values = {
        "name": clean_text(party.name),
        "country_code": party.address.country_code,
        "postcode": party.address.postcode,
        "city": party.address.city,
        "country_subdivision": party.address.subdivision,
        "biz_name": party.trading_name,
        "legal_info": party.legal_info,
    }
    for number, line in enumerate(party.address.lines, start=1):
        values[f"addr_l{number}"] = line
    if party.siret:
        values["identifiers"] = {"0009": party.siret}
    if party.siren:
        values["legal_identifier"] = party.siren
        values["legal_identifier_schemeid"] = "0002"
    if party.vat and with_vat:
        values["vat_identifier"] = party.vat
    if party.endpoint:
        values["einvoicing_addr"] = party.endpoint.value
        values["einvoicing_addr_schemeid"] = party.endpoint.scheme
    if party.contact_name or party.phone or party.email:
        contact = {
            "name": party.contact_name,
            "phone": party.phone,
            "email": party.email,
        }
        values["contacts"] = [{key: value for key, value in contact.items() if value}]
    return {key: value for key, value in values.items() if value}


def _tax(tax):
    values = {
        "BT-116": _money(tax.basis),
        "BT-117": _money(tax.amount),
        "BT-118": tax.category,
        "BT-120": tax.exemption_text,
        "BT-121": tax.exemption_code,
    }
    if tax.rate is not None:
        values["BT-119"] = _percent(tax.rate)
    return {key: value for key, value in values.items() if value}


def _line(line, document):
    values = {
        "BT-126": line.key,
        "BT-129": _plain(line.quantity),
        "BT-130": line.unit_code,
        "BT-131": _money(line.net_amount, document),
        "BT-146": _plain(line.net_price),
        "BT-151": line.category,
        "BT-153": clean_text(line.name),
        "BT-154": clean_text(line.description),
        "BT-155": line.item_code,
    }
    if line.base_quantity is not None:
        values["BT-149"] = _plain(line.base_quantity)
    if line.rate is not None:
        values["BT-152"] = _percent(line.rate)
    if line.period:
        values["BT-134"] = line.period.start
        values["BT-135"] = line.period.end
    for key, is_charge in (("BG-27", False), ("BG-28", True)):
        items = [item for item in line.allowances if item.is_charge == is_charge]
        if items:
            values[key] = [_allowance(item, document) for item in items]
    return {key: value for key, value in values.items() if value}


def _allowance(allowance, document):
    values = {
        "amount": _money(allowance.amount, document),
        "reason": clean_text(allowance.reason),
        "reason_code": allowance.reason_code,
    }
    if allowance.base_amount is not None:
        values["base_amount"] = _money(allowance.base_amount, document)
    if allowance.percent is not None:
        values["rate"] = _percent(allowance.percent)
    if allowance.category:
        values["vat_category_code"] = allowance.category
        if allowance.rate is not None:
            values["vat_rate"] = _percent(allowance.rate)
    return {key: value for key, value in values.items() if value}


def _money(value, document=None):
    # amounts always show the currency's decimals: 8000.00, and 1200 for the yen
    places = document.currency_decimals if document else 2
    return f"{round_half_up(value, places):f}"


def _percent(value):
    return f"{value.quantize(Decimal('0.01')):f}"


def _plain(value):
    # normalize() alone would write 1E+3
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
