# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Factur-X PDF: HTML in, PDF/A-3a with the XML inside out (WeasyPrint).

WeasyPrint writes PDF/A-3 by itself, except for the XMP properties of Factur-X: its
`xmp_metadata` option adds a second rdf:RDF, which strict validators refuse. So the
descriptions are folded into the rdf:RDF it generates, with the prefixes PDF/A fixes.
"""

import io
import logging
import os
import re
import threading
import unicodedata
from xml.etree import ElementTree

from pydyf import Array, Dictionary
from pypdf import PdfReader
from pypdf.errors import PyPdfError

from .document import clean_text
from .errors import PdfError
from .findings import FATAL, Finding

# they log every step at INFO, even when imported, and Odoo's root logger listens
for _name in ("weasyprint", "weasyprint.progress", "fontTools"):
    logging.getLogger(_name).setLevel(logging.ERROR)

from weasyprint import CSS, HTML, Attachment  # noqa: E402
from weasyprint.text.fonts import FontConfiguration  # noqa: E402
from weasyprint.urls import URLFetcher, URLFetcherResponse  # noqa: E402

VARIANT = "pdf/a-3a"
RELATIONSHIP = "Alternative"
# Factur-X 1.08 section 6: the namespace and the four properties of the XMP
FX = "urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#"
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
EXTENSION = "http://www.aiim.org/pdfa/ns/extension/"
SCHEMA = "http://www.aiim.org/pdfa/ns/schema#"
PROPERTY = "http://www.aiim.org/pdfa/ns/property#"
PREFIXES = {
    "fx": FX,
    "pdfaExtension": EXTENSION,
    "pdfaSchema": SCHEMA,
    "pdfaProperty": PROPERTY,
}
PROPERTIES = (
    ("DocumentFileName", "The name of the embedded XML document"),
    ("DocumentType", "The type of the hybrid document in capital letters"),
    ("Version", "The version of the standard the embedded XML follows"),
    ("ConformanceLevel", "The conformance level of the embedded XML document"),
)


class ClosedFetcher(URLFetcher):
    """Lets a page load our fonts ("font:name") and data: images, nothing else.

    A page must never reach a file or the network: texts on it come from users.

    :param dict fonts: name -> path of a font file
    """

    def __init__(self, fonts):
        super().__init__(allowed_protocols=("data",), allow_redirects=False)
        self.fonts = fonts

    def fetch(self, url, headers=None):
        """Give a font, or decode a data: address."""
        name = url.removeprefix("font:")
        if name != url:
            with open(self.fonts[name], "rb") as stream:
                return URLFetcherResponse(url, stream.read())
        return super().fetch(url, headers)


# the stylesheet all documents of one colour share: parsed once, not per document
SHARED_STYLE = re.compile(r'<style data-shared="page">(.*?)</style>', re.DOTALL)
MAX_STYLES = 32
NO_SIGN = "\N{WHITE SQUARE}"
_local = threading.local()


def _lay_out(html, fonts):
    """Lay out a page.

    Parsing the common stylesheet and loading the fonts cost as much as a short invoice,
    so both are kept per thread (fonts are not safe to share) and process (a fork must
    not remove the files of its parent).
    """
    fetcher = ClosedFetcher(fonts or {})
    found = SHARED_STYLE.search(html)
    if not found:
        return HTML(string=html, url_fetcher=fetcher).render()
    key = (os.getpid(), tuple(sorted((fonts or {}).items())))
    if getattr(_local, "key", None) != key:
        _local.key, _local.styles = key, {}
        _local.font_config = FontConfiguration()
    text = found[1]
    style = _local.styles.get(text)
    if style is None:
        if len(_local.styles) >= MAX_STYLES:
            _local.styles.clear()
        style = _local.styles[text] = CSS(
            string=text, url_fetcher=fetcher, font_config=_local.font_config
        )
    rest = html[: found.start()] + html[found.end() :]
    return HTML(string=rest, url_fetcher=fetcher).render(
        stylesheets=[style], font_config=_local.font_config
    )


def render(html, xml, filename, level, fonts=None):
    """Make the Factur-X file.

    :param str html: whole page with lang, title and @page rules
    :param bytes xml: the checked CII document
    :param str filename: name inside the PDF ("factur-x.xml")
    :param str level: conformance level as the XMP spells it ("EN 16931")
    :param dict fonts: name -> path of the fonts the page may load as "font:name"
    :return: PDF/A-3a
    :rtype: bytes
    :raise PdfError: the page cannot be drawn, or the result is not as promised
    """

    def carry_xml(document):
        document.metadata.attachments = [
            Attachment(
                string=xml,
                name=filename,
                description="Factur-X",
                relationship=RELATIONSHIP,
            )
        ]
        _fold_facturx_metadata(document.metadata, filename, level)

    pdf = _write(html, fonts, carry_xml)
    findings = inspect(pdf, xml, filename)
    if findings:
        reasons = "; ".join(f"{item.rule} {item.message}" for item in findings)
        raise PdfError("pdf_not_as_promised", reason=reasons)
    return pdf


def render_page(html, fonts=None):
    """Draw a page without XML: a draft, to look at.

    :return: PDF/A-3a
    :raise PdfError: the page cannot be drawn
    """
    return _write(html, fonts)


def _write(html, fonts, prepare=None):
    """Draw a page as PDF/A-3a.

    PDF/A forbids what a font has no sign for (6.2.11.8), and texts come from users: a
    sign that no font of the machine has is drawn as an empty square, and an emoji left
    out. The XML has the text as it is.

    :param prepare: called with the document before it is written
    """
    try:
        # a control character pasted into a name would break the XML of the metadata
        document = _lay_out(clean_text(html), fonts)
        if prepare:
            prepare(document)
        pdf = document.write_pdf(
            pdf_variant=VARIANT, output_intent="srgb", finisher=_finish
        )
    except (ValueError, OSError, TypeError) as error:
        raise PdfError("pdf_failed", reason=str(error)) from error
    missing = {sign for font in document.fonts.values() for sign in font.missing}
    missing.discard(ord(NO_SIGN))
    if missing:
        signs = {sign: _instead(chr(sign)) for sign in missing}
        return _write(html.translate(signs), fonts, prepare)
    return pdf


def _instead(sign):
    is_letter = unicodedata.category(sign)[0] in "LNP"
    return NO_SIGN if is_letter else ""


def _finish(_document, pdf):
    """Mend what WeasyPrint writes before it becomes bytes."""
    _scope_headers(pdf)
    if "AF" in pdf.catalog:
        # it lists an attachment once for the name tree and once for the object
        pdf.catalog["AF"] = Array(dict.fromkeys(pdf.catalog["AF"]))


def _scope_headers(pdf):
    """Say of each table header whether it heads a column or a row (PDF/UA-1 7.5)."""
    by_number = {item.number: item for item in pdf.objects}

    def parent(item):
        return by_number[int(item["P"].split()[0])]

    for item in pdf.objects:
        if isinstance(item, Dictionary) and item.get("S") == "/TH" and "A" in item:
            is_column = parent(parent(item)).get("S") == "/THead"
            item["A"]["Scope"] = "/Column" if is_column else "/Row"


def _fold_facturx_metadata(metadata, filename, level):
    generate = metadata.generate_rdf_metadata

    def generate_with_facturx(*args, **options):
        for prefix, uri in PREFIXES.items():
            ElementTree.register_namespace(prefix, uri)
        root = ElementTree.fromstring(generate(*args, **options))
        root.extend([_facturx_extension(), _facturx_properties(filename, level)])
        return ElementTree.tostring(root, encoding="utf-8")

    metadata.generate_rdf_metadata = generate_with_facturx


def _facturx_extension():
    description = ElementTree.Element(f"{{{RDF}}}Description", {f"{{{RDF}}}about": ""})
    schemas = ElementTree.SubElement(description, f"{{{EXTENSION}}}schemas")
    bag = ElementTree.SubElement(schemas, f"{{{RDF}}}Bag")
    schema = _resource(
        bag,
        {
            f"{{{SCHEMA}}}schema": "Factur-X PDFA Extension Schema",
            f"{{{SCHEMA}}}namespaceURI": FX,
            f"{{{SCHEMA}}}prefix": "fx",
        },
    )
    properties = ElementTree.SubElement(schema, f"{{{SCHEMA}}}property")
    sequence = ElementTree.SubElement(properties, f"{{{RDF}}}Seq")
    for name, description_text in PROPERTIES:
        _resource(
            sequence,
            {
                f"{{{PROPERTY}}}name": name,
                f"{{{PROPERTY}}}valueType": "Text",
                f"{{{PROPERTY}}}category": "external",
                f"{{{PROPERTY}}}description": description_text,
            },
        )
    return description


def _facturx_properties(filename, level):
    description = ElementTree.Element(f"{{{RDF}}}Description", {f"{{{RDF}}}about": ""})
    for name, value in (
        ("DocumentType", "INVOICE"),
        ("DocumentFileName", filename),
        ("Version", "1.0"),
        ("ConformanceLevel", level),
    ):
        ElementTree.SubElement(description, f"{{{FX}}}{name}").text = value
    return description


def _resource(parent, values):
    item = ElementTree.SubElement(
        parent, f"{{{RDF}}}li", {f"{{{RDF}}}parseType": "Resource"}
    )
    for tag, value in values.items():
        ElementTree.SubElement(item, tag).text = value
    return item


def inspect(pdf, xml, filename):
    """Look at a finished file for what makes it a Factur-X PDF/A-3.

    Not a full PDF/A validator (none can be had here): header, identifier, metadata,
    output intent, embedded fonts, and the XML inside being the one expected.

    :param bytes pdf: the file
    :param bytes xml: the XML it must carry
    :param str filename: the name it must carry it under
    :rtype: list[Finding]
    """
    try:
        reader = PdfReader(io.BytesIO(pdf))
        catalog = reader.trailer["/Root"]
        return [
            *_inspect_structure(pdf, reader, catalog),
            *_inspect_metadata(catalog, filename),
            *_inspect_attachment(reader, catalog, xml, filename),
            *_inspect_fonts(reader),
        ]
    except (PyPdfError, KeyError, ElementTree.ParseError) as error:
        return [_finding("PDF-SYNTAX", f"unreadable: {error!r}")]


def _inspect_structure(pdf, reader, catalog):
    if not pdf.startswith(b"%PDF-1.7"):
        yield _finding("PDF-HEADER", "the header is not %PDF-1.7")
    elif pdf[9:10] != b"%" or any(byte < 128 for byte in pdf[10:14]):
        yield _finding("PDF-HEADER", "no comment of four binary bytes after the header")
    if "/ID" not in reader.trailer:
        yield _finding("PDF-ID", "no file identifier")
    if reader.is_encrypted:
        yield _finding("PDF-ENCRYPTED", "encryption is forbidden")
    intents = catalog.get("/OutputIntents") or []
    if not any("/DestOutputProfile" in intent.get_object() for intent in intents):
        yield _finding("PDF-INTENT", "no output intent with a colour profile")
    if not catalog.get("/Lang"):
        yield _finding("PDF-LANG", "no document language")
    if not (catalog.get("/MarkInfo") or {}).get("/Marked"):
        yield _finding("PDF-TAGS", "the content is not tagged")


def _inspect_metadata(catalog, filename):
    packet = catalog["/Metadata"].get_object().get_data()
    body = packet[packet.index(b"?>") + 2 : packet.rindex(b"<?xpacket")]
    root = ElementTree.fromstring(body)
    blocks = root.findall(f".//{{{RDF}}}RDF")
    if len(blocks) != 1:
        yield _finding("PDF-XMP", f"{len(blocks)} rdf:RDF instead of one")
    found = {
        child.tag: child.text
        for block in blocks
        for description in block
        for child in description
    }
    if found.get(f"{{{FX}}}DocumentFileName") != filename:
        yield _finding("PDF-XMP", "the Factur-X properties are missing")
    if f"{{{EXTENSION}}}schemas" not in found:
        yield _finding("PDF-XMP", "the Factur-X extension schema is missing")
    for block in blocks:
        for description in block:
            if description.get(f"{{{RDF}}}about") is None:
                yield _finding("PDF-XMP", "a description without rdf:about")


def _inspect_attachment(reader, catalog, xml, filename):
    if reader.attachments.get(filename) != [xml]:
        yield _finding("PDF-XML", f"{filename} is not the checked document")
    files = [item.get_object() for item in catalog.get("/AF") or []]
    if not any(
        str(item.get("/UF") or item.get("/F")) == filename
        and item.get("/AFRelationship") == f"/{RELATIONSHIP}"
        for item in files
    ):
        yield _finding("PDF-AF", f"{filename} is not associated as {RELATIONSHIP}")


def _inspect_fonts(reader):
    for page in reader.pages:
        fonts = (page.get("/Resources") or {}).get("/Font") or {}
        for font in fonts.get_object().values() if fonts else ():
            font = font.get_object()
            for descendant in font.get("/DescendantFonts") or [font]:
                descriptor = descendant.get_object().get("/FontDescriptor") or {}
                if not any(
                    key in descriptor.get_object()
                    for key in ("/FontFile", "/FontFile2", "/FontFile3")
                ):
                    yield _finding("PDF-FONT", f"{font.get('/BaseFont')} not embedded")


def _finding(rule, message):
    return Finding(
        rule=rule, severity=FATAL, location="", message=message, source="pdf"
    )
