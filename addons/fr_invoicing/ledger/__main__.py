# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Check a FEC without Odoo: ``python3 addons/fr_invoicing/ledger FILE``.

The answer of the process is 0 when nothing is wrong, 1 with errors, 2 when the file
cannot be read; warnings alone answer 0.
"""

import argparse
import sys
from datetime import date
from pathlib import Path

if not __package__:  # run as a folder: make the package importable by its name
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from ledger import fec_check
from ledger.fec_messages import ERROR


def main(arguments=None):
    """Read the command line, check, print."""
    parser = argparse.ArgumentParser(prog="ledger", description=__doc__)
    parser.add_argument("file", type=Path, help="the FEC to check")
    parser.add_argument("--start", type=date.fromisoformat, help="first day (ISO)")
    parser.add_argument("--end", type=date.fromisoformat, help="last day (ISO)")
    parser.add_argument("--lang", default="en", choices=("en", "fr"))
    options = parser.parse_args(arguments)
    try:
        content = options.file.read_bytes()
    except OSError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    report = fec_check.check(content, options.file.name, options.start, options.end)
    words = {
        "en": ("error", "warning", "line", "lines", "entries", "journals"),
        "fr": ("erreur", "alerte", "ligne", "lignes", "écritures", "journaux"),
    }[options.lang]
    for finding in report.findings:
        kind = words[0] if finding.severity == ERROR else words[1]
        place = f"{words[2]} {finding.line}" if finding.line else options.file.name
        column = f" {finding.column}" if finding.column else ""
        message = finding.message(options.lang)
        sys.stdout.write(f"{kind}: {place}{column}: {message}\n")
    total = (
        f"{report.lines} {words[3]}, {report.entries} {words[4]}, "
        f"{report.journals} {words[5]}; {fec_check.money(report.debit)} = "
        f"{fec_check.money(report.credit)}; {report.encoding or '?'}"
    )
    summary = f"{report.errors} {words[0]}(s), {report.warnings} {words[1]}(s)"
    sys.stdout.write(f"{total}\n{summary}\n")
    return 1 if report.errors else 0


if __name__ == "__main__":
    sys.exit(main())
