# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""What becomes of a document on the platform: checks, then a life of statuses."""

import io
import zlib
from dataclasses import dataclass
from datetime import timedelta
from xml.sax.saxutils import escape

from lxml import etree

#: what the buyer's side does with an invoice: seconds after it was taken, status,
#: reason, words
USUAL = ((0, "200"), (2, "201"), (4, "202"), (6, "203"))
SCRIPTS = {
    "usual": USUAL,
    "approved": (*USUAL, (60, "204"), (3600, "205")),
    "refused": (*USUAL, (3600, "210", "TX_TVA_ERR", "Taux de TVA erroné")),
    "disputed": (*USUAL, (60, "204"), (3600, "207", "QTE_ERR", "Quantité erronée")),
    "suspended": (*USUAL, (3600, "208", "CMD_ERR", "Numéro de commande absent")),
    "rejected": ((0, "213", "REJ_SEMAN", "Rejet pour erreur sémantique"),),
    "lost": ((0, "200"), (5, "221", "ROUTAGE_ERR", "Erreur de routage")),
    "silent": (),
}
NAMES = {
    "200": "Déposée",
    "201": "Émise par la plateforme",
    "202": "Reçue par la plateforme",
    "203": "Mise à disposition",
    "204": "Prise en charge",
    "205": "Approuvée",
    "207": "En litige",
    "208": "Suspendue",
    "210": "Refusée",
    "212": "Encaissée",
    "213": "Rejetée",
    "221": "Erreur de routage",
    "501": "Irrecevable",
}
TRANSMISSION = ("200", "201", "202", "203", "213", "221", "501")


@dataclass(frozen=True)
class Facts:
    """What the platform reads of an invoice or status to route it."""

    kind: str
    number: str = ""
    type_code: str = "380"
    day: str = ""
    seller: str = ""
    seller_name: str = "Vendeur"
    buyer: str = ""
    buyer_name: str = "Acheteur"
    address: str = ""
    status: str = ""


class Unreadable(Exception):
    """The document is not what its syntax says."""


def read(syntax, content):
    """Read what routing needs.

    :param str syntax: FlowSyntax
    :rtype: Facts
    :raise Unreadable: the file is not of that syntax
    """
    if syntax == "Factur-X":
        content = xml_of_pdf(content)
        syntax = "CII"
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    try:
        root = etree.fromstring(content, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise Unreadable(str(error)) from error

    def text(path):
        found = root.xpath(path)
        return (found[0].text or "").strip() if found else ""

    def local(*names):
        return "//" + "/".join(f"*[local-name()='{name}']" for name in names)

    name = etree.QName(root).localname
    if syntax == "CII" and name == "CrossIndustryInvoice":
        seller, buyer = "SellerTradeParty", "BuyerTradeParty"
        return Facts(
            kind="invoice",
            number=text(local("ExchangedDocument", "ID")),
            type_code=text(local("ExchangedDocument", "TypeCode")),
            day=text(local("ExchangedDocument", "IssueDateTime", "DateTimeString")),
            seller=text(local(seller, "SpecifiedLegalOrganization", "ID")),
            seller_name=text(local(seller, "Name")),
            buyer=text(local(buyer, "SpecifiedLegalOrganization", "ID")),
            buyer_name=text(local(buyer, "Name")),
            address=text(local(buyer, "URIUniversalCommunication", "URIID")),
        )
    if syntax == "UBL" and name in ("Invoice", "CreditNote"):
        seller = ("AccountingSupplierParty", "Party", "PartyLegalEntity")
        buyer = ("AccountingCustomerParty", "Party", "PartyLegalEntity")
        return Facts(
            kind="invoice",
            number=text("/*/*[local-name()='ID']"),
            type_code=text(f"/*/*[local-name()='{name}TypeCode']"),
            day=text("/*/*[local-name()='IssueDate']").replace("-", ""),
            seller=text(local(*seller, "CompanyID")),
            seller_name=text(local(*seller, "RegistrationName")),
            buyer=text(local(*buyer, "CompanyID")),
            buyer_name=text(local(*buyer, "RegistrationName")),
            address=text(local("AccountingCustomerParty", "Party", "EndpointID")),
        )
    if syntax == "CDAR" and name == "CrossDomainAcknowledgementAndResponse":
        reference = "ReferenceReferencedDocument"
        return Facts(
            kind="status",
            number=text(local(reference, "IssuerAssignedID")),
            status=text(local(reference, "ProcessConditionCode")),
            seller=text(local(reference, "IssuerTradeParty", "GlobalID")),
            buyer=text(local("ExchangedDocument", "IssuerTradeParty", "RoleCode")),
        )
    if syntax == "FRR":
        return Facts(kind="report", number=text(local("ReportDocument", "Id")))
    raise Unreadable(f"{name} is not {syntax}")


def xml_of_pdf(content):
    """Take the XML out of a Factur-X.

    :raise Unreadable: no PDF, or without XML
    """
    from pypdf import PdfReader
    from pypdf.errors import PdfReadError

    try:
        for name, files in PdfReader(io.BytesIO(content)).attachments.items():
            if name.lower().endswith(".xml"):
                return files[0]
    except (PdfReadError, ValueError, zlib.error, OSError) as error:
        raise Unreadable(str(error)) from error
    raise Unreadable("no XML inside")


def steps(script, now):
    """Give (moment, code, reason, words) of a script, by name or spelled out."""
    chosen = SCRIPTS[script] if isinstance(script, str) else script
    for step in chosen:
        after, code, reason, words = (*step, "", "")[:4]
        yield now + timedelta(seconds=after), code, reason, words


def cdar(facts, code, moment, reason="", words="", serial=1):
    """Write a status message about an invoice, with a template of its own.

    :param datetime moment: legal time in France
    """
    is_transmission = code in TRANSMISSION
    stamp = moment.strftime("%Y%m%d%H%M%S")
    issuer = (
        "<ram:RoleCode>WK</ram:RoleCode>"
        if is_transmission
        else f'<ram:GlobalID schemeID="0002">{escape(facts.buyer)}</ram:GlobalID>'
        f"<ram:Name>{escape(facts.buyer_name)}</ram:Name><ram:RoleCode>BY</ram:RoleCode>"
    )
    why = ""
    if reason:
        why = (
            f"<ram:SpecifiedDocumentStatus><ram:ReasonCode>{reason}</ram:ReasonCode>"
            f"<ram:Reason>{escape(words)}</ram:Reason>"
            "<ram:SequenceNumeric>1</ram:SequenceNumeric></ram:SpecifiedDocumentStatus>"
        )
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<rsm:CrossDomainAcknowledgementAndResponse
 xmlns:rsm="urn:un:unece:uncefact:data:standard:CrossDomainAcknowledgementAndResponse:100"
 xmlns:ram="urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100"
 xmlns:udt="urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100"
 xmlns:qdt="urn:un:unece:uncefact:data:standard:QualifiedDataType:100">
<rsm:ExchangedDocumentContext>
<ram:BusinessProcessSpecifiedDocumentContextParameter><ram:ID>REGULATED</ram:ID>
</ram:BusinessProcessSpecifiedDocumentContextParameter>
<ram:GuidelineSpecifiedDocumentContextParameter>
<ram:ID>urn.cpro.gouv.fr:1p0:CDV:invoice</ram:ID>
</ram:GuidelineSpecifiedDocumentContextParameter></rsm:ExchangedDocumentContext>
<rsm:ExchangedDocument><ram:ID>{escape(facts.number)}_{code}_{serial}</ram:ID>
<ram:Name>{NAMES.get(code, code)}</ram:Name>
<ram:IssueDateTime><udt:DateTimeString format="204">{stamp}</udt:DateTimeString>
</ram:IssueDateTime>
<ram:SenderTradeParty><ram:RoleCode>WK</ram:RoleCode></ram:SenderTradeParty>
<ram:IssuerTradeParty>{issuer}</ram:IssuerTradeParty>
<ram:RecipientTradeParty>
<ram:GlobalID schemeID="0002">{escape(facts.seller)}</ram:GlobalID>
<ram:Name>{escape(facts.seller_name)}</ram:Name><ram:RoleCode>SE</ram:RoleCode>
<ram:URIUniversalCommunication>
<ram:URIID schemeID="0225">{escape(facts.seller)}</ram:URIID>
</ram:URIUniversalCommunication></ram:RecipientTradeParty></rsm:ExchangedDocument>
<rsm:AcknowledgementDocument>
<ram:MultipleReferencesIndicator><udt:Indicator>false</udt:Indicator>
</ram:MultipleReferencesIndicator>
<ram:TypeCode>{"305" if is_transmission else "23"}</ram:TypeCode>
<ram:IssueDateTime><udt:DateTimeString format="204">{stamp}</udt:DateTimeString>
</ram:IssueDateTime>
<ram:ReferenceReferencedDocument>
<ram:IssuerAssignedID>{escape(facts.number)}</ram:IssuerAssignedID>
<ram:TypeCode>{facts.type_code}</ram:TypeCode>
<ram:FormattedIssueDateTime>
<qdt:DateTimeString format="102">{facts.day}</qdt:DateTimeString>
</ram:FormattedIssueDateTime>
<ram:ProcessConditionCode>{code}</ram:ProcessConditionCode>
<ram:ProcessCondition>{NAMES.get(code, code)}</ram:ProcessCondition>
<ram:IssuerTradeParty>
<ram:GlobalID schemeID="0002">{escape(facts.seller)}</ram:GlobalID>
<ram:RoleCode>SE</ram:RoleCode></ram:IssuerTradeParty>{why}
</ram:ReferenceReferencedDocument></rsm:AcknowledgementDocument>
</rsm:CrossDomainAcknowledgementAndResponse>
""".encode()
