# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""The official rules: good documents pass, each mutation fails, no rules no verdict."""

import os
import shutil
from datetime import date
from decimal import Decimal as D

import pytest
from einvoice_samples import (
    BUYER,
    GERMAN_BUYER,
    NOTES,
    PERSON,
    SELLER,
    changed,
    credit_note,
    exempt,
    invoice,
    line,
)

from einvoice import facturx, validate
from einvoice.document import Allowance, Endpoint, Note
from einvoice.errors import ValidatorError
from einvoice.findings import has_fatal


def good_documents():
    """Give one document per situation; all must pass."""
    consumer = (*NOTES, Note("BAR", "B2C"))
    rates = {
        "lines": (
            line("1", "1", "10", "10.00"),
            line("2", "2", "15.5", "31.00", rate=D("5.5")),
            line("3", "1", "20", "20.00", rate=D("2.1")),
        ),
        "taxes": tuple(
            tax
            for tax in (
                changed(invoice().taxes[0], basis=D("10.00"), amount=D("2.00")),
                changed(
                    invoice().taxes[0],
                    rate=D("5.5"),
                    basis=D("31.00"),
                    amount=D("1.71"),
                ),
                changed(
                    invoice().taxes[0],
                    rate=D("2.1"),
                    basis=D("20.00"),
                    amount=D("0.42"),
                ),
            )
        ),
        "line_total": D("61.00"),
        "untaxed_total": D("61.00"),
        "tax_total": D("4.13"),
        "grand_total": D("65.13"),
        "due_total": D("65.13"),
    }
    discounted = line(
        "1",
        "10",
        "1000",
        "9000.00",
        allowances=(Allowance(D("1000.00"), D("10000.00"), D("10"), "Remise"),),
    )
    return {
        "invoice": invoice(),
        "credit note": credit_note(),
        "corrective": credit_note(type_code="384"),
        "several rates": invoice(**rates),
        "discount and negative line": invoice(
            lines=(
                discounted,
                line("2", "-1", "500", "-500.00"),
                line("3", "7000000", "1500", "1500.00", base_quantity=D(7000000)),
            ),
        ),
        "consumer": invoice(buyer=PERSON, notes=consumer),
        "reverse charge": exempt(
            "AE", "VATEX-EU-AE", "Autoliquidation", GERMAN_BUYER, "B2BINT"
        ),
        "intra goods": exempt(
            "K",
            "VATEX-EU-IC",
            "Exonération",
            GERMAN_BUYER,
            "B2BINT",
            delivery=changed(GERMAN_BUYER, vat=""),
            process_code="B1",
        ),
        "export": exempt("G", "VATEX-EU-G", "Exportation", GERMAN_BUYER, "B2BINT"),
        "out of scope": exempt("O", "VATEX-EU-O", "Hors champ", GERMAN_BUYER, "B2BINT"),
        "franchise": exempt(
            "E", "VATEX-FR-FRANCHISE", "TVA non applicable", BUYER, "B2B"
        ),
        "dollars": invoice(
            currency="USD", tax_currency="EUR", tax_amount_accounting=D("1818.18")
        ),
        "rounded": invoice(rounding=D("0.03"), due_total=D("12000.03")),
    }


def mutations():
    """Give documents with one fault each, and the rule that must see it."""
    no_siren = changed(BUYER, siren="", siret="")
    return {
        "wrong total": (invoice(grand_total=D("12000.01")), "BR-CO-15"),
        "wrong sum of lines": (invoice(line_total=D("9999.00")), "BR-CO-10"),
        "line amount": (
            invoice(
                lines=(
                    line("1", "200", "40", "8000.00"),
                    line("2", "5", "399", "2000.00"),
                )
            ),
            "ARITH-131",
        ),
        "tax amount": (
            invoice(
                taxes=(changed(invoice().taxes[0], amount=D("1999.00")),),
                tax_total=D("1999.00"),
                grand_total=D("11999.00"),
                due_total=D("11999.00"),
            ),
            "ARITH-117",
        ),
        "buyer without SIREN": (invoice(buyer=no_siren), "BR-FR-11_BT-47"),
        "seller without SIREN": (
            invoice(seller=changed(SELLER, siren="", siret="")),
            "BR-FR-10_BT-30",
        ),
        "SIRET of another": (
            invoice(buyer=changed(BUYER, siret="10000000900017")),
            "BR-FR-09_BT-46",
        ),
        "no penalty note": (
            invoice(notes=(*NOTES[1:], Note("BAR", "B2B"))),
            "BR-FR-05_BT-22_PMD",
        ),
        "two recovery notes": (
            invoice(notes=(*NOTES, NOTES[1], Note("BAR", "B2B"))),
            "BR-FR-06_BT-21_PMT",
        ),
        "buyer without address": (
            invoice(buyer=changed(BUYER, endpoint=None)),
            "BR-FR-12_BT-49",
        ),
        "foreign address scheme": (
            invoice(buyer=changed(BUYER, endpoint=Endpoint("EM", "a@example.com"))),
            "BR-FR-21_BT-49",
        ),
        "blank in number": (invoice(number="FAC 3"), "BR-FR-02_BT-1"),
        "no billing frame": (invoice(process_code=""), "BR-FR-08_BT-23"),
        "rate not French": (
            invoice(
                lines=(line("1", "1", "10000", "10000.00", rate=D("19")),),
                taxes=(changed(invoice().taxes[0], rate=D("19"), amount=D("1900.00")),),
                tax_total=D("1900.00"),
                grand_total=D("11900.00"),
                due_total=D("11900.00"),
            ),
            "BR-FR-16_BT-119",
        ),
        "due before issue": (invoice(due_date=date(2026, 10, 1)), "BR-FR-CO-07_BT-9"),
        "credit note without invoice": (
            credit_note(preceding=()),
            "BR-FR-CO-05_BT-3",
        ),
        "exempt without reason": (
            exempt("E", "", "", BUYER, "B2B"),
            "BR-E-10",
        ),
        "intra goods without country": (
            exempt("K", "VATEX-EU-IC", "Exonération", GERMAN_BUYER, "B2BINT"),
            "BR-IC-12",
        ),
        "dollars without euro": (invoice(currency="USD"), "BR-FR-CO-12_BT-5"),
    }


def test_every_situation_passes_every_fatal_rule(checker):
    documents = {name: facturx.to_xml(doc) for name, doc in good_documents().items()}
    found = checker.check(documents)
    assert set(found) == set(documents)
    assert {
        name: [item.rule for item in items]
        for name, items in found.items()
        if has_fatal(items)
    } == {}


def test_every_mutation_is_seen_by_its_rule(checker):
    cases = mutations()
    found = checker.check(
        {name: facturx.to_xml(doc) for name, (doc, _) in cases.items()}
    )
    missed = {
        name: sorted({item.rule for item in found[name] if item.is_fatal})
        for name, (_, rule) in cases.items()
        if rule not in {item.rule for item in found[name] if item.is_fatal}
    }
    assert missed == {}


def test_structure_is_checked_by_the_schema(checker):
    xml = facturx.to_xml(invoice()).replace(b"ram:BilledQuantity", b"ram:BuiltQuantity")
    found = checker.check({"x": xml})["x"]
    assert "XSD" in {item.rule for item in found}


def test_text_that_is_no_xml_is_fatal(checker):
    assert has_fatal(checker.check({"x": b"not xml"})["x"])


def test_another_profile_is_fatal(checker):
    xml = facturx.to_xml(invoice()).replace(
        b"urn:cen.eu:en16931:2017", b"urn:factur-x.eu:1p0:minimum"
    )
    assert "PROFILE" in {item.rule for item in checker.check({"x": xml})["x"]}


def test_empty_request_starts_nothing():
    checker = validate.Checker(python="/nowhere/python")
    assert checker.check({}) == {}


def test_missing_interpreter_raises():
    checker = validate.Checker(python="/nowhere/python")
    with pytest.raises(ValidatorError, match="validator_missing"):
        checker.check({"x": facturx.to_xml(invoice())})


def test_missing_rule_file_raises(tmp_path):
    checker = validate.Checker(rules=str(tmp_path))
    with pytest.raises(ValidatorError, match="rule file missing"):
        checker.check({"x": facturx.to_xml(invoice())})


def test_one_missing_schematron_raises(tmp_path):
    from einvoice import validate_worker

    shutil.copytree(validate_worker.find_rules(), tmp_path / "rules")
    os.remove(tmp_path / "rules" / validate_worker.CII_FRENCH[1])
    checker = validate.Checker(rules=str(tmp_path / "rules"))
    with pytest.raises(ValidatorError, match="BR-FR-Flux2"):
        checker.check({"x": facturx.to_xml(invoice())})


def test_missing_validator_raises(tmp_path):
    (tmp_path / "saxonche.py").write_text("raise ImportError('not here')")
    (tmp_path / "python").write_text(
        f'#!/bin/sh\nPYTHONPATH={tmp_path} exec {validate.sys.executable} "$@"\n'
    )
    (tmp_path / "python").chmod(0o755)
    checker = validate.Checker(python=str(tmp_path / "python"))
    with pytest.raises(ValidatorError, match="validator missing"):
        checker.check({"x": facturx.to_xml(invoice())})


def test_time_limit_raises_and_leaves_no_process(tmp_path):
    (tmp_path / "python").write_text("#!/bin/sh\nexec sleep 30\n")
    (tmp_path / "python").chmod(0o755)
    checker = validate.Checker(
        python=str(tmp_path / "python"), start_s=0.2, processes=2
    )
    with pytest.raises(ValidatorError, match="validator_timeout"):
        checker.check({"x": facturx.to_xml(invoice())})
    assert [worker.process for worker in checker.pool.workers] == [None] * 2


def test_killed_validator_is_started_again(checker):
    xml = facturx.to_xml(invoice())
    checker.check({"x": xml})
    warm = [worker.process for worker in checker.pool.workers if worker.is_alive()]
    assert warm
    for process in warm:
        process.kill()
        process.wait()
    assert not has_fatal(checker.check({"x": xml})["x"])


def test_validator_that_dies_at_work_raises(tmp_path):
    (tmp_path / "python").write_text("#!/bin/sh\necho '{\"ready\": true}'\nread line\n")
    (tmp_path / "python").chmod(0o755)
    checker = validate.Checker(python=str(tmp_path / "python"))
    with pytest.raises(ValidatorError, match="validator_died"):
        checker.check({"x": facturx.to_xml(invoice())})


def test_answer_for_fewer_documents_raises(tmp_path):
    (tmp_path / "python").write_text(
        "#!/bin/sh\necho '{\"ready\": true}'\nread line\necho '{\"results\": []}'\n"
    )
    (tmp_path / "python").chmod(0o755)
    checker = validate.Checker(python=str(tmp_path / "python"))
    with pytest.raises(ValidatorError, match="validator_incomplete"):
        checker.check({"x": facturx.to_xml(invoice())})


def test_provided_good_samples_pass_and_bad_ones_fail(checker, shared):
    folder = shared / "data" / "einvoice" / "samples"
    good = {
        path.name: path.read_bytes()
        for path in sorted(folder.glob("good/fr_*_38?.xml"))
    }
    bad = {path.name: path.read_bytes() for path in sorted(folder.glob("bad/*.xml"))}
    assert good and bad
    found = checker.check(good | bad)
    assert [name for name in good if has_fatal(found[name])] == []
    assert [name for name in bad if not has_fatal(found[name])] == []


def test_our_documents_pass_the_rules_published_beside_the_package(shared):
    from lxml import etree
    from saxonche import PySaxonProcessor

    folder = shared / "data" / "einvoice"
    sheets = (
        folder / "en16931-1.3.16" / "EN16931-CII-validation.xslt",
        folder / "fnfe-1.4.0.01" / "cii" / "xslt" / "BR-FR-Flux2-Schematron-CII.xslt",
    )
    failed = []
    with PySaxonProcessor(license=False) as saxon:
        for sheet in sheets:
            program = saxon.new_xslt30_processor().compile_stylesheet(
                stylesheet_file=str(sheet)
            )
            for name, document in good_documents().items():
                node = saxon.parse_xml(xml_text=facturx.to_xml(document).decode())
                report = etree.fromstring(
                    program.transform_to_string(xdm_node=node).encode()
                )
                failed += [
                    (sheet.name, name, item.get("id"))
                    for item in report.iter(
                        "{http://purl.oclc.org/dsdl/svrl}failed-assert"
                    )
                    if item.get("flag") == "fatal"
                ]
    assert failed == []
