# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""What is wrong with an invoice before its document is built, in words for people.

The official rules would find most of it too, afterwards and in their own words; here
each sentence names the record and the field to correct. Four files: the parties, the
taxes, the document, its kind. Sources: einvoice/mentions.py, einvoice/data/*.csv and
the BR-FR rules named beside each check.
"""

from .document import check_document
from .kinds import check_kind
from .parties import check_buyer, check_company, check_partner
from .taxes import check_lines, check_tax

__all__ = [
    "check_buyer",
    "check_company",
    "check_document",
    "check_kind",
    "check_lines",
    "check_partner",
    "check_tax",
]
