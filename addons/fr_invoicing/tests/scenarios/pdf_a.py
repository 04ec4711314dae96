# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Looks at a finished PDF for what PDF/A-3 (ISO 19005-3) and Factur-X demand.

Not a full validator: what is named here is what a validator of that kind refuses most
(structure, metadata, colours, fonts, attachments, tags, forbidden features).
"""

import io
import re
from xml.etree import ElementTree

import pikepdf

RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
PDFA_ID = "{http://www.aiim.org/pdfa/ns/id/}"
EXTENSION = "{http://www.aiim.org/pdfa/ns/extension/}"
SCHEMA = "{http://www.aiim.org/pdfa/ns/schema#}"
PROPERTY = "{http://www.aiim.org/pdfa/ns/property#}"
FX = "{urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#}"
PREFIXES = {
    "fx": FX[1:-1],
    "pdfaExtension": EXTENSION[1:-1],
    "pdfaSchema": SCHEMA[1:-1],
    "pdfaProperty": PROPERTY[1:-1],
    "pdfaid": PDFA_ID[1:-1],
    "rdf": RDF[1:-1],
}
FORBIDDEN_ACTIONS = {
    "/Launch",
    "/Sound",
    "/Movie",
    "/ResetForm",
    "/ImportData",
    "/Hide",
    "/SetOCGState",
    "/Rendition",
    "/Trans",
    "/GoTo3DView",
    "/JavaScript",
    "/SubmitForm",
}


def xml_inside(content, name="factur-x.xml"):
    """Give the bytes of the embedded invoice."""
    with pikepdf.open(io.BytesIO(content)) as pdf:
        return bytes(pdf.attachments[name].get_file().read_bytes())


def check(content, level="EN 16931", name="factur-x.xml"):
    """Say what a validator would refuse.

    :param bytes content: the file
    :param str level: conformance level that the metadata must name
    :rtype: list[str]
    """
    problems = [*_bytes(content)]
    with pikepdf.open(io.BytesIO(content)) as pdf:
        problems += [
            *_trailer(pdf),
            *_metadata(pdf, level, name),
            *_colours(pdf),
            *_attachments(pdf, name),
            *_fonts(pdf),
            *_tags(pdf),
            *_forbidden(pdf),
        ]
    return problems


def _bytes(content):
    if not re.match(rb"%PDF-1\.[4-7][\r\n]", content):
        yield "header"
    second = content.split(b"\n", 2)[1]
    if second[:1] != b"%" or len(second) < 5 or min(second[1:5]) < 128:
        yield "no comment of four bytes above 127 after the header"
    if not content.rstrip(b"\r\n").endswith(b"%%EOF"):
        yield "bytes after the end of file"


def _trailer(pdf):
    identifiers = pdf.trailer.get("/ID")
    if identifiers is None or len(identifiers) != 2 or not bytes(identifiers[0]):
        yield "no file identifier"
    if pdf.is_encrypted or "/Encrypt" in pdf.trailer:
        yield "encrypted"


def _metadata(pdf, level, name):
    stream = pdf.Root.get("/Metadata")
    if stream is None:
        yield "no metadata"
        return
    packet = bytes(stream.read_bytes())
    if not packet.lstrip().startswith(b"<?xpacket begin="):
        yield "no xpacket"
    body = re.sub(rb"<\?xpacket.*?\?>", b"", packet)
    root = ElementTree.fromstring(body)
    blocks = root.findall(f".//{RDF}RDF")
    if len(blocks) != 1:
        yield f"{len(blocks)} rdf:RDF"
    for prefix, uri in PREFIXES.items():
        if f'xmlns:{prefix}="{uri}"'.encode() not in packet:
            yield f"prefix {prefix} is not the prescribed one"
    values = {}
    for description in blocks[0].findall(f"{RDF}Description"):
        if description.get(f"{RDF}about") is None:
            yield "rdf:Description without rdf:about"
        values.update({key: value for key, value in description.items()})
        for child in description:
            values[child.tag] = child.text if not len(child) else child
    for key, expected in (
        (f"{PDFA_ID}part", "3"),
        (f"{FX}DocumentType", "INVOICE"),
        (f"{FX}DocumentFileName", name),
        (f"{FX}Version", "1.0"),
        (f"{FX}ConformanceLevel", level),
    ):
        if values.get(key) != expected:
            yield f"{key} is {values.get(key)!r}, not {expected!r}"
    if values.get(f"{PDFA_ID}conformance") not in ("A", "B", "U"):
        yield "conformance is none of A, B, U"
    yield from _extension(blocks[0])
    yield from _information(pdf, root)


def _extension(block):
    schema = block.find(f".//{EXTENSION}schemas/{RDF}Bag/{RDF}li")
    if schema is None:
        yield "no extension schema"
        return
    if schema.findtext(f"{SCHEMA}namespaceURI") != FX[1:-1]:
        yield "the extension schema is not that of Factur-X"
    if schema.findtext(f"{SCHEMA}prefix") != "fx":
        yield "the extension schema has another prefix"
    described = [
        item.findtext(f"{PROPERTY}name")
        for item in schema.findall(f"{SCHEMA}property/{RDF}Seq/{RDF}li")
    ]
    expected = ["ConformanceLevel", "DocumentFileName", "DocumentType", "Version"]
    if sorted(described) != expected:
        yield f"the extension schema describes {described}"


def _information(pdf, root):
    """The document information and the metadata must say the same."""
    text = ElementTree.tostring(root, encoding="unicode")
    information = pdf.docinfo if "/Info" in pdf.trailer else {}
    for key in ("/Title", "/Producer", "/Author"):
        if key in information and str(information[key]) not in _unescaped(text):
            yield f"{key} of the information is not in the metadata"


def _unescaped(text):
    return text.replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">")


def _colours(pdf):
    intents = [item for item in pdf.Root.get("/OutputIntents", [])]
    profiles = [item.get("/DestOutputProfile") for item in intents]
    if len(intents) != 1 or intents[0].get("/S") != "/GTS_PDFA1" or not profiles[0]:
        yield "no single output intent GTS_PDFA1 with a profile"
        return
    data = profiles[0].read_bytes()
    if data[36:40] != b"acsp" or profiles[0].get("/N") != 3 or data[16:20] != b"RGB ":
        yield "the profile is no RGB profile of three components"
    for page in pdf.pages:
        contents = page.obj["/Contents"]
        streams = contents if isinstance(contents, pikepdf.Array) else [contents]
        content = b"\n".join(stream.read_bytes() for stream in streams)
        if re.search(rb"\d\s+[kK]\s|/DeviceCMYK\s+(cs|CS)\s", content):
            yield "CMYK colour under an RGB intent"
        for shown in re.findall(rb"<([0-9A-Fa-f]+)>", content):
            if any(shown[at : at + 4] == b"0000" for at in range(0, len(shown), 4)):
                yield "a sign that the font lacks (.notdef)"


def _attachments(pdf, name):
    associated = list(pdf.Root.get("/AF", []))
    names = [str(item.get("/UF", item.get("/F", ""))) for item in associated]
    if names.count(name) != 1:
        yield f"{name} is associated {names.count(name)} times"
        return
    for item in associated:
        if "/UF" not in item or "/F" not in item:
            yield "a file specification without /F or /UF"
        stream = item["/EF"]["/F"]
        if stream.get("/Type") != "/EmbeddedFile" or "/Subtype" not in stream:
            yield "an embedded file without type"
        if "/ModDate" not in stream.get("/Params", {}):
            yield "an embedded file without date"
        relationship = str(item.get("/AFRelationship", ""))
        if str(item["/UF"]) == name:
            if relationship not in ("/Alternative", "/Data", "/Source"):
                yield f"relationship {relationship}"
            if str(stream.get("/Subtype")) not in ("/text/xml", "/application/xml"):
                yield f"{name} is {stream.get('/Subtype')}"
    if name not in pdf.attachments:
        yield f"{name} is not in the name tree"


def _fonts(pdf):
    for page in pdf.pages:
        fonts = page.obj.get("/Resources", {}).get("/Font", {})
        for font in fonts.values():
            label = str(font.get("/BaseFont"))
            if "/ToUnicode" not in font:
                yield f"{label} has no ToUnicode"
            for one in font.get("/DescendantFonts", [font]):
                descriptor = one.get("/FontDescriptor", {})
                if not {"/FontFile", "/FontFile2", "/FontFile3"} & set(descriptor):
                    yield f"{label} is not embedded"


def _tags(pdf):
    if not pdf.Root.get("/MarkInfo", {}).get("/Marked"):
        yield "not marked as tagged"
    if "/StructTreeRoot" not in pdf.Root:
        yield "no structure tree"
    if not str(pdf.Root.get("/Lang", "")):
        yield "no language"


def _forbidden(pdf):
    if "/AA" in pdf.Root or "/JavaScript" in pdf.Root.get("/Names", {}):
        yield "actions of the document"
    if str(pdf.Root.get("/OpenAction", {}).get("/S", "")) in FORBIDDEN_ACTIONS:
        yield "an action at opening"
    if "/XFA" in pdf.Root.get("/AcroForm", {}):
        yield "XFA form"
    for item in pdf.objects:
        if isinstance(item, pikepdf.Stream):
            if "/F" in item:
                yield "a stream in another file"
            if "LZWDecode" in str(item.get("/Filter", "")):
                yield "LZW compression"
            if item.get("/Subtype") == "/PS" or "/OPI" in item:
                yield "PostScript object"
    for page in pdf.pages:
        for annotation in page.obj.get("/Annots", []):
            flags = int(annotation.get("/F", 0))
            if annotation.get("/Subtype") != "/Popup" and not flags & 4:
                yield "an annotation that is not printed"
            if flags & 0b100011:
                yield "a hidden annotation"
            action = annotation.get("/A", {})
            if str(action.get("/S", "")) in FORBIDDEN_ACTIONS:
                yield f"action {action.get('/S')}"
