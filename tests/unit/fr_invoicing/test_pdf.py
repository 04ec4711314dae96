# Part of Relevé. See LICENSE file for full copyright and licensing details.
import io

import pytest
from einvoice_samples import invoice
from pypdf import PdfReader
from weasyprint import HTML

from einvoice import facturx, pdf
from einvoice.errors import PdfError

PAGE = """<html lang="fr"><head><title>Facture FAC/2026/00003</title>
<style>html { font-family: "DejaVu Sans" }</style></head>
<body><h1>Facture</h1><p>%s</p></body></html>"""


@pytest.fixture(scope="module")
def made():
    """Give a Factur-X and the XML inside."""
    xml = facturx.to_xml(invoice())
    return pdf.render(PAGE % "12 000,00", xml, facturx.FILENAME, facturx.XMP_LEVEL), xml


def test_made_file_is_what_it_promises(made):
    content, xml = made
    assert pdf.inspect(content, xml, facturx.FILENAME) == []


def test_xml_comes_out_as_the_official_library_reads_it(made):
    from facturx import get_level, get_xml_from_pdf
    from lxml import etree

    content, xml = made
    name, found = get_xml_from_pdf(content, check_xsd=True)
    assert (name, found) == ("factur-x.xml", xml)
    assert get_level(etree.fromstring(found)) == "en16931"


def test_page_is_tagged_pdf_a_3(made):
    content, _xml = made
    packet = PdfReader(io.BytesIO(content)).trailer["/Root"]["/Metadata"].get_object()
    assert b'pdfaid:part="3"' in packet.get_data()
    assert b'pdfaid:conformance="A"' in packet.get_data()
    assert packet.get_data().count(b"<rdf:RDF") == 1


def test_another_xml_inside_is_noticed(made):
    content, xml = made
    found = pdf.inspect(
        content, xml.replace(b"12000.00", b"13000.00"), facturx.FILENAME
    )
    assert [item.rule for item in found] == ["PDF-XML"]


def test_plain_pdf_is_not_taken_for_facturx():
    content = HTML(string=PAGE % "x").write_pdf()
    rules = {item.rule for item in pdf.inspect(content, b"", facturx.FILENAME)}
    assert rules & {"PDF-SYNTAX", "PDF-INTENT"}


def test_text_that_is_no_pdf_is_noticed():
    rules = [item.rule for item in pdf.inspect(b"hello", b"", facturx.FILENAME)]
    assert rules == ["PDF-SYNTAX"]


def test_what_odoo_makes_is_noticed(shared):
    path = shared / "data/einvoice/samples/bad/odoo_ce_19.0.0_service.pdf"
    assert pdf.inspect(path.read_bytes(), b"", facturx.FILENAME)


def test_page_without_language_is_refused():
    xml = facturx.to_xml(invoice())
    page = (PAGE % "x").replace(' lang="fr"', "")
    with pytest.raises(PdfError, match="PDF-LANG"):
        pdf.render(page, xml, facturx.FILENAME, facturx.XMP_LEVEL)


@pytest.mark.parametrize("address", ["file:///etc/passwd", "http://127.0.0.1:9/x"])
def test_page_cannot_load_files_or_network(address):
    fetcher = pdf.ClosedFetcher({})
    with pytest.raises(ValueError, match="disallowed"):
        fetcher.fetch(address)
