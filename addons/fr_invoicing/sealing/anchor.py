# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Signed statements of where a chain stands: XML with a XAdES-BES signature.

ETSI EN 319 132-1, baseline form: signing time and digest of the certificate are signed
properties. Whoever keeps an anchor outside the database can prove that every link up to
it existed, and which.
"""

import base64
import hashlib
from dataclasses import dataclass
from datetime import datetime

import xmlsec
from lxml import etree

from .kept import NS

DS = "http://www.w3.org/2000/09/xmldsig#"
XADES = "http://uri.etsi.org/01903/v1.3.2#"
SIGNED_PROPERTIES = "http://uri.etsi.org/01903#SignedProperties"
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
NAMES = {"a": NS, "ds": DS, "xades": XADES}
FIELDS = (
    "company",
    "siren",
    "chain",
    "sequence",
    "head",
    "closing",
    "turnover",
    "software",
)


class AnchorError(Exception):
    """An anchor that proves nothing; the text says why, for the verifier's report."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What an anchor says.

    chain: identifier of the chain; sequence, head: its last link and that link's hash
    closing, turnover: name of the last closing and its perpetual total, or empty
    """

    company: str
    siren: str
    chain: str
    sequence: int
    head: str
    closing: str
    turnover: str
    software: str


def sign(statement, key_pem, certificate_pem, now):
    """Write and sign an anchor.

    :param Statement statement:
    :param bytes key_pem: readable private key
    :param str certificate_pem:
    :param datetime now: UTC, naive; the signing time
    :rtype: bytes
    """
    root = etree.Element(f"{{{NS}}}Anchor", nsmap={None: NS})
    for name in FIELDS:
        etree.SubElement(root, f"{{{NS}}}{name}").text = str(getattr(statement, name))
    signature = xmlsec.template.create(
        root,
        xmlsec.constants.TransformExclC14N,
        xmlsec.constants.TransformRsaSha256,
        ns="ds",
        name="signature",
    )
    root.append(signature)
    whole = xmlsec.template.add_reference(
        signature, xmlsec.constants.TransformSha256, uri=""
    )
    xmlsec.template.add_transform(whole, xmlsec.constants.TransformEnveloped)
    xmlsec.template.add_transform(whole, xmlsec.constants.TransformExclC14N)
    properties = xmlsec.template.add_reference(
        signature,
        xmlsec.constants.TransformSha256,
        uri="#signed-properties",
        type=SIGNED_PROPERTIES,
    )
    xmlsec.template.add_transform(properties, xmlsec.constants.TransformExclC14N)
    info = xmlsec.template.ensure_key_info(signature)
    data = xmlsec.template.add_x509_data(info)
    xmlsec.template.x509_data_add_certificate(data)
    place = etree.SubElement(signature, f"{{{DS}}}Object")
    _add_properties(place, certificate_pem, now)

    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(key_pem, xmlsec.constants.KeyDataFormatPem)
    context.key.load_cert_from_memory(
        certificate_pem.encode(), xmlsec.constants.KeyDataFormatPem
    )
    context.register_id(_one(root, ".//xades:SignedProperties"), "Id")
    context.sign(signature)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def _add_properties(place, certificate_pem, now):
    """Add signing time and certificate digest (EN 319 132-1, 5.2.1 and 5.2.2)."""

    def add(parent, name, text=None, **attributes):
        space, _, name = name.rpartition(":")
        found = etree.SubElement(parent, f"{{{NAMES[space]}}}{name}", attributes)
        found.text = text
        return found

    qualifying = etree.SubElement(
        place,
        f"{{{XADES}}}QualifyingProperties",
        {"Target": "#signature"},
        nsmap={"xades": XADES},
    )
    signed = add(qualifying, "xades:SignedProperties", Id="signed-properties")
    properties = add(signed, "xades:SignedSignatureProperties")
    add(
        properties, "xades:SigningTime", now.replace(tzinfo=None).isoformat()[:19] + "Z"
    )
    certificate = add(add(properties, "xades:SigningCertificateV2"), "xades:Cert")
    digest = add(certificate, "xades:CertDigest")
    add(digest, "ds:DigestMethod", Algorithm=SHA256)
    add(digest, "ds:DigestValue", _fingerprint64(_der(certificate_pem)))


def verify(content, certificate_pem):
    """Check the signature of an anchor and give what it says.

    :param bytes content:
    :param str certificate_pem: of the key that must have signed it
    :return: (statement, signing time)
    :rtype: tuple[Statement, datetime]
    :raise AnchorError: it proves nothing
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root = etree.fromstring(content, parser)
    except etree.XMLSyntaxError as error:
        raise AnchorError("it is not XML") from error
    if root.tag != f"{{{NS}}}Anchor":
        raise AnchorError("it is not an anchor")
    signature = _one(root, "ds:Signature")
    properties = _one(
        signature, "ds:Object/xades:QualifyingProperties/xades:SignedProperties"
    )
    references = signature.findall("ds:SignedInfo/ds:Reference", NAMES)
    signed = [(found.get("URI"), found.get("Type")) for found in references]
    wanted = [("", None), (f"#{properties.get('Id')}", SIGNED_PROPERTIES)]
    if signed != wanted or len(root.findall(".//*[@Id]")) != 2:
        raise AnchorError("the signature does not cover the statement")
    digest = _one(
        properties, ".//xades:SigningCertificateV2/xades:Cert/xades:CertDigest"
    )
    if _one(digest, "ds:DigestValue").text != _fingerprint64(_der(certificate_pem)):
        raise AnchorError("another certificate signed it")
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(
        certificate_pem.encode(), xmlsec.constants.KeyDataFormatCertPem
    )
    context.register_id(properties, "Id")
    try:
        context.verify(signature)
    except xmlsec.Error as error:
        raise AnchorError("the signature does not match the content") from error
    values = {name: _one(root, f"a:{name}").text or "" for name in FIELDS}
    try:
        statement = Statement(**{**values, "sequence": int(values["sequence"])})
        at = datetime.fromisoformat(_one(properties, ".//xades:SigningTime").text[:19])
    except (TypeError, ValueError) as error:
        raise AnchorError("a value of the statement cannot be read") from error
    return statement, at


def _one(parent, path):
    found = parent.findall(path, NAMES)
    if len(found) != 1:
        raise AnchorError(f"it has {len(found)} {path.rpartition(':')[2]}")
    return found[0]


def _der(certificate_pem):
    lines = certificate_pem.strip().splitlines()
    return base64.b64decode("".join(lines[1:-1]))


def _fingerprint64(der):
    return base64.b64encode(hashlib.sha256(der).digest()).decode()
