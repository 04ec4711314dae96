"""The FEC checker: a right file passes, each wrong thing is found where it is."""

import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import fec, fec_check, fec_messages, numbering

ROOT = Path(__file__).resolve().parents[3]
LEDGER = ROOT / "addons" / "fr_invoicing" / "ledger"

LINES = [
    "VE|Ventes|VE/2026/00001|20260105|411000|Clients|C1|Client un|VE/2026/00001"
    "|20260105|Client un|120,00|0,00|A1|20260210|20260105||",
    "VE|Ventes|VE/2026/00001|20260105|706000|Services|||VE/2026/00001|20260105"
    "|Abonnement|0,00|100,00|||20260105||",
    "VE|Ventes|VE/2026/00001|20260105|445710|TVA|||VE/2026/00001|20260105"
    "|TVA 20 %|0,00|20,00|||20260105||",
    "VE|Ventes|VE/2026/00002|20260106|411000|Clients|C2|Client deux|VE/2026/00002"
    "|20260106|Client deux|50,00|0,00|||20260107|55,10|USD",
    "VE|Ventes|VE/2026/00002|20260106|706000|Services|||VE/2026/00002|20260106|Usage"
    "|0,00|50,00|||20260107|-55,10|USD",
    "BQ|Banque|BQ/2026/00001|20260210|512000|Banque|||Virement 7|20260210|Client un"
    "|120,00|0,00|||20260211||",
    "BQ|Banque|BQ/2026/00001|20260210|411000|Clients|C1|Client un|Virement 7|20260210"
    "|Client un|0,00|120,00|A1|20260210|20260211||",
]
NAME = "100000009FEC20261231.txt"


def write(lines, header=fec.COLUMNS, encoding="utf-8", end="\r\n"):
    return end.join(["|".join(header), *lines]).encode(encoding)


def changed(position, column, value):
    lines = [line.split("|") for line in LINES]
    lines[position][fec.COLUMNS.index(column)] = value
    return write(["|".join(line) for line in lines])


def found(content, name=NAME):
    report = fec_check.check(content, name)
    return {(f.code, f.line, f.column) for f in report.findings}


def test_a_right_file_passes():
    report = fec_check.check(write(LINES), NAME)
    assert not report.findings
    assert (report.lines, report.entries, report.journals) == (7, 3, 2)
    assert report.debit == report.credit == 29000
    assert report.encoding == "UTF-8"


def test_tabs_latin_letters_and_amount_with_side_pass():
    rows = []
    for line in LINES:
        cells = line.replace("Ventes", "Ventes cédées").split("|")
        debit, credit = cells[fec.DEBIT], cells[fec.CREDIT]
        cells[fec.DEBIT : fec.CREDIT + 1] = (
            [debit, "D"] if debit != "0,00" else [credit, "C"]
        )
        rows.append("\t".join(cells))
    content = "\n".join(["\t".join(fec.COLUMNS_SIDE), *rows, ""]).encode("iso8859-15")
    report = fec_check.check(content, NAME)
    assert not report.findings
    assert report.encoding == "ISO 8859-15"
    assert report.debit == report.credit == 29000


# what is spoilt: line (from 0), column, value -> code, line of the file, column
SPOILT = [
    (0, "EcritureDate", "20260230", "date", 2, "EcritureDate"),
    (0, "EcritureDate", "2026-01-05", "date", 2, "EcritureDate"),
    (1, "PieceDate", "", "missing", 3, "PieceDate"),
    (1, "ValidDate", "20251231", "order", 3, "ValidDate"),
    (0, "ValidDate", "20260101", "valid_before_entry", 2, "ValidDate"),
    (2, "Credit", "20.00", "amount", 4, "Credit"),
    (2, "Credit", " 20,00 €", "amount", 4, "Credit"),
    (2, "Credit", "19,99", "entry_balance", 2, "EcritureNum"),
    (2, "Credit", "19,99", "journal_balance", 0, ""),
    (2, "Credit", "19,99", "file_balance", 0, ""),
    (1, "Debit", "100,00", "both_sides", 3, "Debit"),
    (0, "Debit", "-120,00", "negative", 2, "Debit"),
    (0, "Debit", "", "no_amount", 2, "Debit"),
    (0, "CompteNum", "CLI", "account", 2, "CompteNum"),
    (0, "CompteNum", "", "missing", 2, "CompteNum"),
    (0, "CompAuxLib", "", "partner_pair", 2, "CompAuxNum"),
    (0, "DateLet", "", "letter_pair", 2, "EcritureLet"),
    (3, "Idevise", "", "currency_pair", 5, "Montantdevise"),
    (3, "Idevise", "dollar", "currency", 5, "Idevise"),
    (0, "PieceRef", "-", "placeholder", 2, "PieceRef"),
    (0, "PieceRef", "", "missing", 2, "PieceRef"),
    (1, "EcritureDate", "20260106", "entry_dates", 3, "EcritureDate"),
    (0, "EcritureDate", "20270105", "outside_year", 2, "EcritureDate"),
    (6, "CompAuxLib", "Client 1", "label_changes", 8, "CompAuxLib"),
    (0, "EcritureLib", '"Client un"', "quoted", 2, "EcritureLib"),
    (5, "EcritureNum", "BQ/2026/00002", "entry_balance", 7, "EcritureNum"),
]


@pytest.mark.parametrize(
    ("position", "column", "value", "code", "line", "where"), SPOILT
)
def test_what_is_wrong_is_named_with_its_place(
    position, column, value, code, line, where
):
    assert (code, line, where) in found(changed(position, column, value))


def test_a_missing_number_is_reported_on_the_next_entry():
    lines = [line.replace("VE/2026/00002", "VE/2026/00005") for line in LINES]
    report = fec_check.check(write(lines), NAME)
    (finding,) = report.findings
    assert (finding.code, finding.line) == ("gap", 5)
    assert finding.facts == {
        "journal": "VE",
        "first": "VE/2026/00002",
        "last": "VE/2026/00004",
        "count": 3,
    }


def test_one_sequence_over_all_journals_has_no_gaps():
    numbers = {"VE/2026/00001": "1", "VE/2026/00002": "2", "BQ/2026/00001": "3"}
    lines = LINES
    for long, short in numbers.items():
        lines = [
            "|".join(short if i == 2 and c == long else c for i, c in enumerate(cells))
            for cells in (line.split("|") for line in lines)
        ]
    assert not fec_check.check(write(lines), NAME).findings
    lines = [line.replace("|3|", "|4|") for line in lines]
    codes = [f.code for f in fec_check.check(write(lines), NAME).findings]
    assert codes == ["gap_one"]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty"),
        (write([]), "empty"),
        (b"\xef\xbb\xbf" + write(LINES), "bom"),
        (write(LINES).replace(b"|", b";"), "separator"),
        (write(LINES, header=fec.COLUMNS[:-1]), "header"),
        (write(LINES, header=(*fec.COLUMNS[1::-1], *fec.COLUMNS[2:])), "header"),
        (write(LINES, header=[c.lower() for c in fec.COLUMNS]), "header_case"),
        (write([*LINES, ""], end="\n") + b"\n", "blank_line"),
        (write([*LINES, "one|two"]), "fields"),
        (write(LINES) + b"\0", "encoding"),
        (write(LINES).replace(b"Ventes", b"\x93Ventes\x94"), "encoding"),
        (write([LINES[0], LINES[3], *LINES[1:3], *LINES[4:]]), "entry_scattered"),
    ],
)
def test_a_file_of_the_wrong_shape(content, code):
    assert code in {finding for finding, _line, _column in found(content)}


def test_a_number_that_comes_back_after_a_whole_entry_is_used_twice():
    again = [line.replace("Abonnement", "Autre") for line in LINES[:3]]
    findings = found(write([*LINES[:5], *again, *LINES[5:]]))
    assert ("number_twice", 7, "EcritureNum") in findings
    assert "entry_scattered" not in {code for code, _line, _column in findings}


def test_a_sequence_of_the_year_begins_at_its_first_number():
    lines = [line for line in LINES if "VE/2026/00001" not in line]
    assert ("late_start", 2, "EcritureNum") in found(write(lines))
    # the end of the numbers of the year before is no late start
    earlier = [line.replace("VE/2026/", "VE/2025/") for line in lines]
    assert "late_start" not in {code for code, _line, _column in found(write(earlier))}


def test_lines_may_end_by_a_carriage_return_alone():
    report = fec_check.check(write(LINES, end="\r"), NAME)
    assert not report.findings
    assert report.lines == len(LINES)


def test_a_plus_sign_is_read_and_foreign_digits_are_not():
    assert not found(changed(2, "Credit", "+20,00"))
    arabic = "".join(chr(0x660 + int(digit)) for digit in "20260105")
    assert ("date", 2, "EcritureDate") in found(changed(0, "EcritureDate", arabic))
    assert ("amount", 4, "Credit") in found(changed(2, "Credit", "٢٠,00"))


def test_the_name_is_checked_also_when_the_year_is_known():
    year = (date(2026, 1, 1), date(2026, 12, 31))

    def codes(name):
        return {f.code for f in fec_check.check(write(LINES), name, *year).findings}

    assert not codes(NAME)
    assert codes("fec.txt") == {"file_name"}
    assert codes("100000009FEC20270331.txt") == {"closing_date"}
    assert codes("123456789FEC20261231.txt") == {"file_siren"}


@pytest.mark.parametrize("encoding", ["utf-16", "cp1252", "cp037"])
def test_another_encoding_is_refused(encoding):
    lines = [line.replace("Ventes", "Ventes œ") for line in LINES]
    content = write(lines).decode().encode(encoding, "replace")
    assert "encoding" in {code for code, _line, _column in found(content)}


@pytest.mark.parametrize(
    "name", ["fec.txt", "100000009FEC20261331.txt", "1FEC20261231.txt"]
)
def test_a_wrong_name(name):
    assert ("file_name", 0, "") in found(write(LINES), name)


def test_many_findings_of_a_kind_are_counted_not_kept():
    lines = [LINES[0].replace("20260105|411", "x|411")] * 200
    report = fec_check.check(write(lines), NAME)
    assert report.counts["date"] == 200
    assert sum(f.code == "date" for f in report.findings) == fec_check.KEPT


def test_every_code_speaks_both_languages():
    for code, (kind, english, _french) in fec_messages.SENTENCES.items():
        assert kind in (fec_messages.ERROR, fec_messages.WARNING)
        facts = dict.fromkeys(
            set(part.split(")")[0] for part in english.split("%(")[1:]), "x"
        )
        assert fec_messages.sentence(code, facts, "en_US")
        assert fec_messages.sentence(code, facts, "fr_FR") != english


@given(st.binary(max_size=400))
def test_no_file_is_too_odd_to_be_answered(content):
    fec_check.check(content, NAME)
    fec_check.check("|".join(fec.COLUMNS).encode() + b"\n" + content, "")


@st.composite
def ledgers(draw):
    """Balanced entries with numbers in a row, in the order of validation."""
    lines, day = [], date(2026, 1, 1).toordinal()
    for number in range(1, draw(st.integers(1, 12)) + 1):
        day += draw(st.integers(0, 20))
        text = f"{date.fromordinal(min(day, date(2026, 12, 31).toordinal())):%Y%m%d}"
        cents = draw(st.lists(st.integers(1, 10**9), min_size=1, max_size=4))
        head = ["VE", "Ventes", f"VE/2026/{number:05d}", text]
        tail = [f"VE/2026/{number:05d}", text, "Libellé"]
        rows = [(fec_check.money(sum(cents)), "0,00", "411000", "Clients")]
        rows += [("0,00", fec_check.money(c), "706000", "Services") for c in cents]
        lines += [
            "|".join(
                [*head, acc, label, "", "", *tail, debit, credit, "", "", text, "", ""]
            )
            for debit, credit, acc, label in rows
        ]
    return lines


@given(ledgers(), st.data())
def test_ledgers_pass_and_a_lost_line_never_does(lines, data):
    assert not fec_check.check(write(lines), NAME).findings
    lost = data.draw(st.integers(0, len(lines) - 1))
    report = fec_check.check(write(lines[:lost] + lines[lost + 1 :]), NAME)
    assert report.counts["file_balance"] == 1
    assert report.counts["entry_balance"] == 1


@given(st.sets(st.integers(1, 60), min_size=1))
def test_gaps_and_numbers_fill_the_range(counters):
    holes = {
        n for gap in numbering.gaps(counters) for n in range(gap.first, gap.last + 1)
    }
    assert not holes & counters
    assert holes | counters == set(range(min(counters), max(counters) + 1))
    assert sum(gap.count for gap in numbering.gaps(counters)) == len(holes)


def test_the_command_names_line_and_column(tmp_path):
    path = tmp_path / NAME
    path.write_bytes(changed(2, "Credit", "19,99"))
    result = subprocess.run(
        [sys.executable, str(LEDGER), str(path), "--lang", "fr"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert "erreur: ligne 2 EcritureNum: L'écriture VE/2026/00001" in result.stdout
    path.write_bytes(write(LINES))
    clean = subprocess.run(
        [sys.executable, str(LEDGER), str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (clean.returncode, clean.stderr) == (0, "")
    assert "0 error(s), 0 warning(s)" in clean.stdout
