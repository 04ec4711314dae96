# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Structural check of a FEC (LPF art. A47 A-1), ours or anybody's.

Reads the bytes once, counts in whole cents and remembers entries, journals and labels
only, so that a file of millions of lines is checked in one pass.
"""

import re
from dataclasses import dataclass, field
from datetime import date

from . import fec, numbering
from .fec_messages import ERROR, sentence, severity

#: findings kept for each code; all are counted
KEPT = 50

# the sign may stand first (LPF A47 A-1 VII)
_AMOUNT = re.compile(r"[+-]?[0-9]+(?:,[0-9]{1,2})?")
_CURRENCY_AMOUNT = re.compile(r"[+-]?[0-9]+(?:,[0-9]+)?")
_ACCOUNT = re.compile(r"[1-9][0-9][0-9]")
_CURRENCY = re.compile(r"[A-Z]{3}")
_DAY = re.compile(r"[0-9]{8}")
_NAME = re.compile(r"([0-9]{9})FEC([0-9]{8})\.(?:txt|csv)", re.IGNORECASE)
_PLACEHOLDERS = frozenset(("-", "/", ".", "0", "N/A"))


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong.

    line: number in the file, the header is 1; 0 for the file as a whole
    column: name of the column, or ""
    """

    code: str
    line: int
    column: str
    facts: dict

    @property
    def severity(self):
        """ERROR or WARNING."""
        return severity(self.code)

    def message(self, lang="en"):
        """Say it in words."""
        return sentence(self.code, self.facts, lang)


@dataclass
class Report:
    """What the check saw.

    columns, width: expected names of the columns, number of columns of the header
    debit, credit: totals in cents
    counts: code -> number of findings, also of those not kept
    findings: at most KEPT for each code, in the order of the file
    """

    encoding: str = ""
    separator: str = ""
    columns: tuple = ()
    width: int = 0
    lines: int = 0
    entries: int = 0
    journals: int = 0
    debit: int = 0
    credit: int = 0
    counts: dict = field(default_factory=dict)
    findings: list = field(default_factory=list)

    @property
    def errors(self):
        """Number of errors."""
        return sum(n for code, n in self.counts.items() if severity(code) == ERROR)

    @property
    def warnings(self):
        """Number of warnings."""
        return sum(self.counts.values()) - self.errors

    def add(self, code, line=0, column="", **facts):
        """Count a finding and keep it unless there are many of its kind."""
        seen = self.counts.get(code, 0)
        self.counts[code] = seen + 1
        if seen < KEPT:
            self.findings.append(Finding(code, line, column, facts))


def check(content, name="", start=None, end=None):
    """Check a file.

    :param bytes content: the whole file
    :param str name: its name, to check it and to learn the closing date; "" skips that
    :param start, end: dates of the fiscal year when they are known
    :rtype: Report
    """
    report = Report()
    closing = _check_name(report, name)
    if closing and end and closing != end:
        report.add("closing_date", value=f"{closing:%Y%m%d}", expected=f"{end:%Y%m%d}")
    end = end or closing
    text = _decode(report, content)
    if text is None:
        return report
    # a line ends by carriage return, line feed or both
    lines = text.split("\n" if "\n" in text else "\r")
    if lines and not lines[-1]:
        lines.pop()
    if not lines or not lines[0].strip():
        report.add("empty")
        return report
    if not _check_header(report, lines[0].rstrip("\r")):
        return report
    _Reader(report, start, end).check_lines(lines)
    report.findings.sort(key=lambda finding: finding.line)
    return report


def _check_name(report, name):
    """Give the closing date a file name tells, or None."""
    if not name:
        return None
    match = _NAME.fullmatch(name)
    closing = match and _to_date(match.group(2))
    if not closing:
        report.add("file_name", value=name)
        return None
    if not fec.has_key(match.group(1)):
        report.add("file_siren", value=match.group(1))
    return closing


def _decode(report, content):
    if content.startswith(b"\xef\xbb\xbf"):
        report.add("bom", 1)
        content = content[3:]
    zero = content.find(b"\0")
    if zero >= 0:
        report.add("encoding", byte=zero)
        return None
    try:
        text = content.decode("utf-8")
        report.encoding = "UTF-8"
    except UnicodeDecodeError:
        control = re.search(rb"[\x80-\x9f]", content)
        if control:  # no letter in ISO 8859-15
            report.add("encoding", byte=control.start())
            return None
        text = content.decode("iso8859-15")
        report.encoding = "ISO 8859-15"
    return text


def _check_header(report, header):
    """Check the names of the columns; say whether the lines can be read."""
    for separator in ("\t", "|"):
        if separator in header:
            report.separator = separator
            break
    else:
        found = next((c for c in ";," if c in header), "?")
        report.add("separator", 1, value=found)
        return False
    names = [name.strip() for name in header.split(separator)]
    side = len(names) > fec.DEBIT and names[fec.DEBIT].lower() == "montant"
    expected = fec.COLUMNS_SIDE if side else fec.COLUMNS
    for position, wanted in enumerate(expected):
        found = names[position] if position < len(names) else ""
        if found == wanted:
            continue
        code = "header_case" if found.lower() == wanted.lower() else "header"
        facts = {"position": position + 1, "value": found or "–", "expected": wanted}
        report.add(code, 1, wanted, **facts)
    if len(names) > len(expected):
        report.add("extra_columns", 1, count=len(names))
    report.columns = expected
    report.width = len(names)
    return "header" not in report.counts


class _Entry:
    """Sums of one entry."""

    __slots__ = ("balance", "credit", "date", "debit", "line")

    def __init__(self, line, day):
        self.line, self.date = line, day
        self.debit = self.credit = 0


class _Reader:
    """One pass over the lines."""

    def __init__(self, report, start, end):
        self.report = report
        self.columns = report.columns
        self.has_side = self.columns is fec.COLUMNS_SIDE
        self.start = start.strftime("%Y%m%d") if start else ""
        self.end = end.strftime("%Y%m%d") if end else ""
        if end and not start:  # a fiscal year lasts two years at most
            self.start = f"{end.year - 2}{end:%m%d}"
        self.entries = {}
        self.journals = {}
        self.counters = {}
        self.labels = {}
        self.days = {"": False}
        self.last_valid = ""
        self.current = None

    def check_lines(self, lines):
        """Check every line, then what they make together."""
        separator, width = self.report.separator, self.report.width
        for number, line in enumerate(lines, 1):
            if number == 1:
                continue
            cells = line.rstrip("\r").split(separator)
            if len(cells) != width:
                if line.strip():
                    self.report.add("fields", number, count=len(cells), expected=width)
                else:
                    self.report.add("blank_line", number)
                continue
            self.report.lines += 1
            self._check_cells(number, [cell.strip() for cell in cells])
        if not self.report.lines:
            self.report.add("empty")
        self._check_whole()

    # -- one line -------------------------------------------------------------------
    def _check_cells(self, number, cells):
        report, columns = self.report, self.columns
        for position in range(len(fec.COLUMNS)):
            cell = cells[position]
            if not cell:
                if position not in fec.OPTIONAL:
                    self._check_missing(number, position, cells)
            elif cell[0] == '"' and cell[-1] == '"' and len(cell) > 1:
                report.add("quoted", number, columns[position])
        for position in fec.DATES:
            self._check_date(number, position, cells[position])
        account = cells[fec.ACCOUNT]
        if account and not _ACCOUNT.match(account):
            report.add("account", number, columns[fec.ACCOUNT], value=account)
        if cells[fec.PIECE] in _PLACEHOLDERS:
            report.add(
                "placeholder", number, columns[fec.PIECE], value=cells[fec.PIECE]
            )
        self._check_pairs(number, cells)
        debit, credit = self._read_amounts(number, cells)
        self._check_labels(number, cells)
        self._check_entry(number, cells, debit, credit)

    def _check_missing(self, number, position, cells):
        # one of the two amounts may be blank
        if position in (fec.DEBIT, fec.CREDIT) and not self.has_side:
            if position == fec.CREDIT or cells[fec.CREDIT]:
                return
        self.report.add("missing", number, self.columns[position])

    def _check_date(self, number, position, cell):
        valid = self.days.get(cell)
        if valid is None:
            valid = self.days[cell] = _to_date(cell) is not None
        if cell and not valid:
            self.report.add("date", number, self.columns[position], value=cell)

    def _check_pairs(self, number, cells):
        report, columns = self.report, self.columns
        if bool(cells[fec.PARTNER]) != bool(cells[fec.PARTNER_LABEL]):
            report.add("partner_pair", number, columns[fec.PARTNER])
        if bool(cells[fec.LETTER]) != bool(cells[fec.LETTER_DATE]):
            report.add("letter_pair", number, columns[fec.LETTER])
        self._check_date(number, fec.LETTER_DATE, cells[fec.LETTER_DATE])
        amount, currency = cells[fec.CURRENCY_AMOUNT], cells[fec.CURRENCY]
        if amount or currency:
            if bool(amount) != bool(currency):
                report.add("currency_pair", number, columns[fec.CURRENCY_AMOUNT])
            if currency and not _CURRENCY.fullmatch(currency):
                report.add("currency", number, columns[fec.CURRENCY], value=currency)
            if amount and not _CURRENCY_AMOUNT.fullmatch(amount):
                column = columns[fec.CURRENCY_AMOUNT]
                report.add("amount", number, column, value=amount)

    def _read_amounts(self, number, cells):
        """Give debit and credit in cents."""
        first = self._cents(number, fec.DEBIT, cells)
        if self.has_side:
            side = cells[fec.CREDIT].upper()
            if side not in ("D", "C", "+1", "-1"):
                self.report.add("side", number, "Sens", value=side)
            return (first, 0) if side in ("D", "+1") else (0, first)
        second = self._cents(number, fec.CREDIT, cells)
        if first and second:
            facts = {"debit": cells[fec.DEBIT], "credit": cells[fec.CREDIT]}
            self.report.add("both_sides", number, "Debit", **facts)
        elif not first and not second:
            self.report.add("no_amount", number, "Debit")
        return first, second

    def _cents(self, number, position, cells):
        cell = cells[position]
        if not cell:
            return 0
        if not _AMOUNT.fullmatch(cell):
            self.report.add("amount", number, self.columns[position], value=cell)
            return 0
        whole, _comma, part = cell.partition(",")
        if whole[0] == "-":
            self.report.add("negative", number, self.columns[position], value=cell)
        return int(whole + part.ljust(2, "0"))

    def _check_labels(self, number, cells):
        for kind, key, label in (
            ("JournalLib", fec.JOURNAL_CODE, fec.JOURNAL_LABEL),
            ("CompteLib", fec.ACCOUNT, fec.ACCOUNT_LABEL),
            ("CompAuxLib", fec.PARTNER, fec.PARTNER_LABEL),
        ):
            if not cells[key]:
                continue
            known = self.labels.setdefault((key, cells[key]), cells[label])
            if known != cells[label]:
                self.labels[key, cells[key]] = cells[label]
                facts = {
                    "value": cells[key],
                    "label": cells[label],
                    "previous": known,
                }
                self.report.add("label_changes", number, kind, **facts)

    # -- entries --------------------------------------------------------------------
    def _check_entry(self, number, cells, debit, credit):
        report = self.report
        journal, entry_number = cells[fec.JOURNAL_CODE], cells[fec.NUMBER]
        day, valid = cells[fec.DATE], cells[fec.VALID_DATE]
        key = (journal, entry_number)
        entry = self.entries.get(key)
        if entry is None:
            entry = self.entries[key] = _Entry(number, day)
            self._count(number, journal, entry_number)
            self._check_year(number, day)
            if self.days.get(valid) and self.days.get(day) and valid < day:
                report.add(
                    "valid_before_entry", number, "ValidDate", date=day, valid=valid
                )
        elif self.current != key:
            # an entry that was complete does not go on: it is another one
            is_complete = entry.debit == entry.credit != 0
            report.add(
                "number_twice" if is_complete else "entry_scattered",
                number,
                "EcritureNum",
                number=entry_number,
                journal=journal,
            )
        if entry.date != day:
            report.add(
                "entry_dates",
                number,
                "EcritureDate",
                number=entry_number,
                journal=journal,
                value=day,
                previous=entry.date,
            )
        self.current = key
        if self.days.get(valid):
            if valid < self.last_valid:
                report.add(
                    "order",
                    number,
                    "ValidDate",
                    value=valid,
                    previous=self.last_valid,
                )
            self.last_valid = max(self.last_valid, valid)
        entry.debit += debit
        entry.credit += credit
        sums = self.journals.setdefault(journal, [0, 0])
        sums[0] += debit
        sums[1] += credit

    def _check_year(self, number, day):
        if not self.end or not self.days.get(day):
            return
        if not self.start <= day <= self.end:
            self.report.add(
                "outside_year",
                number,
                "EcritureDate",
                date=day,
                start=self.start,
                end=self.end,
            )

    def _count(self, number, journal, entry_number):
        found = numbering.split(entry_number)
        if found and journal != fec.OPENING_JOURNAL:
            prefix, counter, width = found
            place = self.counters.setdefault((journal, prefix), {})
            place[counter] = (number, entry_number, width)

    # -- the whole file -------------------------------------------------------------
    def _check_whole(self):
        report = self.report
        report.entries, report.journals = len(self.entries), len(self.journals)
        for (journal, number), entry in self.entries.items():
            if entry.debit != entry.credit:
                report.add(
                    "entry_balance",
                    entry.line,
                    "EcritureNum",
                    number=number,
                    journal=journal,
                    debit=money(entry.debit),
                    credit=money(entry.credit),
                )
        for journal, (debit, credit) in self.journals.items():
            report.debit += debit
            report.credit += credit
            if debit != credit:
                facts = {"debit": money(debit), "credit": money(credit)}
                report.add("journal_balance", journal=journal, **facts)
        if report.debit != report.credit:
            facts = {"debit": money(report.debit), "credit": money(report.credit)}
            report.add("file_balance", **facts)
        self._check_numbers()

    def _check_numbers(self):
        """Look for gaps in each journal.

        A file numbered throughout, whatever the journal, has one sequence: each journal
        alone would show gaps that are none.
        """
        plain = {
            counter: (place, journal)
            for (journal, prefix), places in self.counters.items()
            if not prefix
            for counter, place in places.items()
        }
        number_of_plain = sum(
            len(places) for (_j, prefix), places in self.counters.items() if not prefix
        )
        if len(plain) == number_of_plain and plain:
            self._add_gaps("*", {n: place for n, (place, _j) in plain.items()})
        for (journal, prefix), places in self.counters.items():
            if prefix or len(plain) != number_of_plain:
                self._add_gaps(journal, places)
            self._check_start(journal, prefix, places)

    def _check_start(self, journal, prefix, places):
        """A sequence of the year that is closed begins at its first number."""
        first = min(places)
        if first > 1 and self.end and self.end[:4] in re.split(r"[^0-9]+", prefix):
            line, number, _width = places[first]
            self.report.add(
                "late_start", line, "EcritureNum", journal=journal, first=number
            )

    def _add_gaps(self, journal, places):
        for gap in numbering.gaps(places):
            line, after, width = places[gap.last + 1]
            digits = str(gap.last + 1).zfill(width)
            head, _digits, tail = after.rpartition(digits)
            self.report.add(
                "gap" if gap.count > 1 else "gap_one",
                line,
                "EcritureNum",
                journal=journal,
                first=f"{head}{gap.first:0{width}d}{tail}",
                last=f"{head}{gap.last:0{width}d}{tail}",
                count=gap.count,
            )


def _to_date(text):
    if not _DAY.fullmatch(text):
        return None
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return None


def money(cents):
    """Write cents as an amount of the file.

    >>> money(-1205)
    '-12,05'
    """
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100},{abs(cents) % 100:02d}"
