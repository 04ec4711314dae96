# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Findings of the official rules that are faults of the rules, not of the report.

Kept as narrow as the fault: anything else the same rule finds stays fatal.

- Negative amounts collected (TT-95, TT-99): the Schematron applies G1.16, which has no
  sign, where annex 7 wants G7.07, which has one; XP Z12-014 annex A case 43 corrects a
  payment by a negative one (France_RFE issue 60, open since 2026-09-10).
"""

import re
from dataclasses import replace

SIGNED = re.compile(rb"<Amount>-\d{1,17}(\.\d{1,2})?</Amount>")
AMOUNT = re.compile(rb"<Amount>([^<]*)</Amount>")
PLACE = re.compile(r"PaymentsReport.*SubTotals.*Amount")
WARNING = "warning"


def waive(findings, xml):
    """Turn findings that only the known fault explains into warnings.

    The message of the rule does not say which value it read, so they are waived only
    when every amount of the report is a well written one, signed or not, and there are
    exactly as many of these findings as negative amounts.

    :param findings: values with rule, severity, location, message, and replaceable
    :param bytes xml: the report they are about
    :rtype: list
    """
    amounts = AMOUNT.findall(xml)
    negatives = SIGNED.findall(xml)
    suspects = [finding for finding in findings if _is_suspect(finding)]
    well_written = all(
        re.fullmatch(rb"-?\d{1,17}(\.\d{1,2})?", amount) for amount in amounts
    )
    if not suspects or not well_written or len(suspects) != len(negatives):
        return list(findings)
    return [
        replace(finding, severity=WARNING) if _is_suspect(finding) else finding
        for finding in findings
    ]


def _is_suspect(finding):
    return (
        finding.rule == "G1.16"
        and finding.severity == "fatal"
        and bool(PLACE.search(finding.location))
    )
