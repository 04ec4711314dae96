# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Life-cycle messages (CDAR D22B), written and read.

pyfrctc writes and reads them too, but knows neither the VAT rate of an amount
(MDT-224, without which status 212 breaks BR-FR-CDV-14) nor exact amounts, so this is
our own; its XSD and Schematron are still the ones we check with.

Date-times of the message carry no zone (format 204): they are legal time in France.
"""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

from lxml import etree

from .errors import MessageError
from .statuses import NEEDS_REASON, statuses

PARIS = ZoneInfo("Europe/Paris")
GUIDELINE = "urn.cpro.gouv.fr:1p0:CDV:invoice"
REGULATED = "REGULATED"
COLLECTED_AMOUNT = "MEN"  # MDT-207
STATUS_CODES = {"212": "47"}  # MDT-88, UNTDID 4405, where we are sure of it

NS = {
    "rsm": "urn:un:unece:uncefact:data:standard:"
    "CrossDomainAcknowledgementAndResponse:100",
    "ram": "urn:un:unece:uncefact:data:standard:"
    "ReusableAggregateBusinessInformationEntity:100",
    "udt": "urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100",
    "qdt": "urn:un:unece:uncefact:data:standard:QualifiedDataType:100",
}
SIZE_LIMIT = 5 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Actor:
    """A party of the message: SIREN (scheme 0002), name, role, electronic address."""

    role: str
    siren: str = ""
    name: str = ""
    address: str = ""
    address_scheme: str = "0225"


@dataclass(frozen=True, slots=True)
class Amount:
    """MDG-43: an amount of the status, of one VAT rate (type MEN: collected)."""

    type_code: str
    amount: Decimal
    currency: str = "EUR"
    percent: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Why:
    """MDG-37: a reason, with what its author adds and asks for."""

    code: str = ""
    text: str = ""
    note: str = ""
    action: str = ""
    amounts: tuple = ()


@dataclass(frozen=True, slots=True)
class Message:
    """One status of one invoice.

    message_id: MDT-4; created_at: MDT-8; said_at: MDT-78, when the status happened
    invoice_number, invoice_date, invoice_type: MDT-87, MDT-100, MDT-91
    seller_siren: MDT-129, who issued the invoice
    Date-times are naive UTC.
    """

    message_id: str
    code: str
    created_at: datetime
    said_at: datetime
    invoice_number: str
    seller_siren: str
    issuer: Actor
    recipient: Actor
    sender_role: str = "WK"
    invoice_type: str = "380"
    invoice_date: date | None = None
    whys: tuple = ()
    name: str = ""
    phase: str = ""
    process: str = REGULATED
    received_at: datetime | None = field(default=None)

    @property
    def amounts(self):
        """Give the amounts of every reason, in order."""
        return tuple(amount for why in self.whys for amount in why.amounts)


# === Writing === #


def write(message):
    """Write a message.

    :param Message message: a status of the list
    :rtype: bytes
    :raise MessageError: a status that needs a reason or an amount has none
    """
    status = statuses().get(message.code)
    if not status:
        raise MessageError("status_unknown", status=message.code)
    if message.code in NEEDS_REASON and not any(why.code for why in message.whys):
        raise MessageError("reason_missing", status=message.code)
    if message.code == "212" and not message.amounts:
        raise MessageError("amount_missing", status=message.code)
    root = etree.Element(_tag("rsm:CrossDomainAcknowledgementAndResponse"), nsmap=NS)
    context = _add(root, "rsm:ExchangedDocumentContext")
    process = _add(context, "ram:BusinessProcessSpecifiedDocumentContextParameter")
    _add(process, "ram:ID", message.process)
    guideline = _add(context, "ram:GuidelineSpecifiedDocumentContextParameter")
    _add(guideline, "ram:ID", GUIDELINE)
    _exchanged(root, message, status)
    _acknowledgement(root, message, status)
    return etree.tostring(
        root, pretty_print=True, xml_declaration=True, encoding="UTF-8"
    )


def _exchanged(root, message, status):
    node = _add(root, "rsm:ExchangedDocument")
    _add(node, "ram:ID", message.message_id)
    _add(node, "ram:Name", message.name or status.french)
    _moment(node, "ram:IssueDateTime", message.created_at)
    _add(_add(node, "ram:SenderTradeParty"), "ram:RoleCode", message.sender_role)
    _actor(node, "ram:IssuerTradeParty", message.issuer)
    _actor(node, "ram:RecipientTradeParty", message.recipient, with_address=True)


def _actor(parent, tag, actor, with_address=False):
    node = _add(parent, tag)
    if actor.siren:
        _add(node, "ram:GlobalID", actor.siren, schemeID="0002")
    if actor.name:
        _add(node, "ram:Name", actor.name)
    _add(node, "ram:RoleCode", actor.role)
    if with_address and actor.address:
        uri = _add(node, "ram:URIUniversalCommunication")
        _add(uri, "ram:URIID", actor.address, schemeID=actor.address_scheme)


def _acknowledgement(root, message, status):
    node = _add(root, "rsm:AcknowledgementDocument")
    several = _add(node, "ram:MultipleReferencesIndicator")
    _add(several, "udt:Indicator", "false")
    _add(node, "ram:TypeCode", message.phase or status.phase)
    _moment(node, "ram:IssueDateTime", message.said_at)
    reference = _add(node, "ram:ReferenceReferencedDocument")
    _add(reference, "ram:IssuerAssignedID", message.invoice_number)
    if code := STATUS_CODES.get(message.code):
        _add(reference, "ram:StatusCode", code)
    _add(reference, "ram:TypeCode", message.invoice_type)
    if message.received_at:
        _moment(reference, "ram:ReceiptDateTime", message.received_at)
    if message.invoice_date:
        issued = _add(reference, "ram:FormattedIssueDateTime")
        text = message.invoice_date.strftime("%Y%m%d")
        _add(issued, "qdt:DateTimeString", text, format="102")
    _add(reference, "ram:ProcessConditionCode", message.code)
    _add(reference, "ram:ProcessCondition", message.name or status.french)
    seller = _add(reference, "ram:IssuerTradeParty")
    _add(seller, "ram:GlobalID", message.seller_siren, schemeID="0002")
    _add(seller, "ram:RoleCode", "SE")
    for number, why in enumerate(message.whys, start=1):
        _why(reference, number, why)


def _why(parent, number, why):
    node = _add(parent, "ram:SpecifiedDocumentStatus")
    for tag, value in (
        ("ram:ReasonCode", why.code),
        ("ram:Reason", why.text),
        ("ram:RequestedActionCode", why.action),
    ):
        if value:
            _add(node, tag, value)
    _add(node, "ram:SequenceNumeric", str(number))
    if why.note:
        _add(_add(node, "ram:IncludedNote"), "ram:Content", why.note)
    for amount in why.amounts:
        part = _add(node, "ram:SpecifiedDocumentCharacteristic")
        _add(part, "ram:TypeCode", amount.type_code)
        _add(
            part, "ram:ValueAmount", f"{amount.amount:.2f}", currencyID=amount.currency
        )
        if amount.percent is not None:
            _add(part, "ram:ValuePercent", f"{amount.percent:.2f}")


def _tag(name):
    prefix, local = name.split(":")
    return f"{{{NS[prefix]}}}{local}"


def _add(parent, name, text=None, **attributes):
    node = etree.SubElement(parent, _tag(name), **attributes)
    node.text = text
    return node


def _moment(parent, name, value):
    local = value.replace(tzinfo=UTC).astimezone(PARIS)
    _add(
        _add(parent, name),
        "udt:DateTimeString",
        local.strftime("%Y%m%d%H%M%S"),
        format="204",
    )


# === Reading === #


def read(content):
    """Read a message.

    :param bytes content: what the platform delivered
    :rtype: Message
    :raise MessageError: no CDAR, or without what a status cannot do without
    """
    root = _parse(content)
    if root.tag != _tag("rsm:CrossDomainAcknowledgementAndResponse"):
        raise MessageError("not_cdar", tag=etree.QName(root).localname)
    document = _first(root, "rsm:ExchangedDocument")
    acknowledgement = _first(root, "rsm:AcknowledgementDocument")
    reference = _first(acknowledgement, "ram:ReferenceReferencedDocument")
    created_at = _read_moment(document, "ram:IssueDateTime")
    code = _text(reference, "ram:ProcessConditionCode")
    number = _text(reference, "ram:IssuerAssignedID")
    if not (code and number):
        raise MessageError("cdar_incomplete", field="MDT-105" if number else "MDT-87")
    said_at = _read_moment(acknowledgement, "ram:IssueDateTime") or created_at
    if not said_at:
        raise MessageError("cdar_incomplete", field="MDT-78")
    day = _text(reference, "ram:FormattedIssueDateTime/qdt:DateTimeString")
    return Message(
        message_id=_text(document, "ram:ID"),
        code=code,
        created_at=created_at or said_at,
        said_at=said_at,
        invoice_number=number,
        seller_siren=_text(reference, "ram:IssuerTradeParty/ram:GlobalID"),
        issuer=_read_actor(document, "ram:IssuerTradeParty"),
        recipient=_read_actor(document, "ram:RecipientTradeParty"),
        sender_role=_text(document, "ram:SenderTradeParty/ram:RoleCode"),
        invoice_type=_text(reference, "ram:TypeCode"),
        invoice_date=_day(day),
        whys=tuple(
            _read_why(node)
            for node in reference.iterfind("ram:SpecifiedDocumentStatus", NS)
        ),
        name=_text(reference, "ram:ProcessCondition"),
        phase=_text(acknowledgement, "ram:TypeCode"),
        process=_text(
            root,
            "rsm:ExchangedDocumentContext/"
            "ram:BusinessProcessSpecifiedDocumentContextParameter/ram:ID",
        ),
    )


def _parse(content):
    """Parse without entities, network or size beyond reason."""
    if len(content) > SIZE_LIMIT:
        raise MessageError("cdar_too_large", size=len(content))
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
    )
    try:
        root = etree.fromstring(content, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise MessageError("not_xml", reason=str(error)[:200]) from error
    if root.getroottree().docinfo.doctype:
        raise MessageError("not_xml", reason="DOCTYPE")
    return root


def _first(node, path):
    found = node.find(path, NS)
    if found is None:
        raise MessageError("cdar_incomplete", field=path.split(":")[-1])
    return found


def _text(node, path):
    return (node.findtext(path, "", NS) or "").strip()


def _read_actor(document, path):
    node = document.find(path, NS)
    if node is None:
        return Actor(role="")
    siren = ""
    for identifier in node.iterfind("ram:GlobalID", NS):
        if identifier.get("schemeID") == "0002" or not siren:
            siren = (identifier.text or "").strip()
    uri = node.find("ram:URIUniversalCommunication/ram:URIID", NS)
    return Actor(
        role=_text(node, "ram:RoleCode"),
        siren=siren,
        name=_text(node, "ram:Name"),
        address="" if uri is None else (uri.text or "").strip(),
        address_scheme="" if uri is None else uri.get("schemeID", ""),
    )


def _read_why(node):
    return Why(
        code=_text(node, "ram:ReasonCode"),
        text=_text(node, "ram:Reason"),
        note=_text(node, "ram:IncludedNote/ram:Content"),
        action=_text(node, "ram:RequestedActionCode"),
        amounts=tuple(
            Amount(
                type_code=_text(part, "ram:TypeCode"),
                amount=_decimal(_text(part, "ram:ValueAmount")),
                currency=part.find("ram:ValueAmount", NS).get("currencyID", "EUR"),
                percent=_decimal(_text(part, "ram:ValuePercent"))
                if part.find("ram:ValuePercent", NS) is not None
                else None,
            )
            for part in node.iterfind("ram:SpecifiedDocumentCharacteristic", NS)
            if part.find("ram:ValueAmount", NS) is not None
        ),
    )


def _decimal(text):
    try:
        value = Decimal(text)
    except InvalidOperation as error:
        raise MessageError("cdar_incomplete", field="MDT-215") from error
    if not value.is_finite():
        raise MessageError("cdar_incomplete", field="MDT-215")
    return value


def _read_moment(parent, path):
    text = _text(parent, f"{path}/udt:DateTimeString")
    for length, pattern in ((14, "%Y%m%d%H%M%S"), (8, "%Y%m%d")):
        if len(text) == length:
            try:
                local = datetime.strptime(text, pattern)
            except ValueError:
                return None
            return local.replace(tzinfo=PARIS).astimezone(UTC).replace(tzinfo=None)
    return None


def _day(text):
    try:
        return datetime.strptime(text[:8], "%Y%m%d").date() if text else None
    except ValueError:
        return None
