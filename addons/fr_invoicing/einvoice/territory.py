# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Where a place stands for French VAT: mainland, Corsica, overseas, Monaco.

Three areas. FRANCE: sales there bear French VAT and invoices between businesses go
through the platforms. MONACO: French VAT, but its businesses are not established in
France for the reform. OUTSIDE: French soil where French VAT is not charged (Guyane,
Mayotte, the collectivities): sales there are like exports, reported in flux 10.
Overseas places are often typed as country France: the postcode then decides.
"""

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

DATA = Path(__file__).with_name("data") / "territory.csv"

FRANCE = "france"
MONACO = "monaco"
OUTSIDE = "outside"


@dataclass(frozen=True, slots=True)
class Territory:
    """One row of data/territory.csv.

    postcode: how the postcodes begin that belong to it when the country says France
    rates: which rates of data/vat_rate.csv hold there, "" for none
    """

    code: str
    country_code: str
    postcode: str
    vat_area: str
    rates: str
    source: str

    @property
    def is_overseas(self):
        """Say whether goods sent there from the mainland leave it (CGI 294-2)."""
        return self.code not in ("metropole", "corsica", "monaco")


@cache
def territories():
    """Give every territory by code.

    :rtype: dict[str, Territory]
    """
    with DATA.open(encoding="utf-8", newline="") as stream:
        rows = [Territory(**row) for row in csv.DictReader(stream)]
    return {row.code: row for row in rows}


def find(country_code, postcode=""):
    """Give the territory of an address, or None abroad.

    >>> find("FR", "97400").code, find("RE", "").code, find("FR", "20 090").code
    ('reunion', 'reunion', 'corsica')
    >>> find("FR", "97133").code, find("FR", "69001").code, find("DE", "20095")
    ('saint_barth', 'metropole', None)

    :param str country_code: ISO 3166 code, "" is read as France
    :param str postcode: as typed
    :rtype: Territory | None
    """
    known = territories()
    digits = "".join(filter(str.isdigit, postcode or ""))
    if (country_code or "FR") != "FR":
        found = [row for row in known.values() if row.country_code == country_code]
        if len(found) == 1 and found[0].code == "guadeloupe":
            # Saint-Barthélemy and Saint-Martin kept the postcodes of Guadeloupe
            return _longest(known, digits, ("saint_barth", "saint_martin")) or found[0]
        return found[0] if found else None
    if len(digits) != 5:
        return known["metropole"]
    return _longest(known, digits, known) or known["metropole"]


def _longest(known, digits, codes):
    matching = [
        known[code]
        for code in codes
        if known[code].postcode and digits.startswith(known[code].postcode)
    ]
    return max(matching, key=lambda row: len(row.postcode), default=None)
