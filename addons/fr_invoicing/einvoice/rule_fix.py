# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Which value to correct when an official rule is broken.

The rules name terms of the norm (BT-49); people correct fields. The table
data/rule_fix.csv leads from one to the other, first match first.
"""

import csv
import re
from functools import cache
from pathlib import Path

DATA = Path(__file__).with_name("data") / "rule_fix.csv"
LINE = re.compile(
    r"(?:LineItem|InvoiceLine|CreditNoteLine)(?:\[[^\]\d][^\]]*\])*\[(\d+)\]"
)
OWN_LINE = re.compile(r"^line (\d+)$")


@cache
def _table():
    with DATA.open(encoding="utf-8", newline="") as stream:
        return tuple(
            (re.compile(row["rule"]), row["target"], row["field"])
            for row in csv.DictReader(stream)
        )


def find(rule):
    """Give what to correct for a rule.

    >>> find("BR-FR-11_BT-47"), find("BR-AE-10"), find("XSD")
    (('buyer', 'company_registry'), ('tax', 'fr_tax_profile_id'), ('', ''))

    :param str rule: id of the broken rule
    :return: target (move, line, tax, buyer, delivery, seller, company, bank) and field
    :rtype: tuple[str, str]
    """
    for pattern, target, field in _table():
        if pattern.match(rule):
            return target, field
    return "", ""


def line_number(location):
    """Give the number of the line a finding is about, 0 when it is not about one.

    >>> line_number("/*[1]/*:IncludedSupplyChainTradeLineItem[3]/*")
    3
    >>> line_number("line 12"), line_number("totals")
    (12, 0)
    """
    found = OWN_LINE.search(location) or LINE.search(location)
    return int(found[1]) if found else 0
