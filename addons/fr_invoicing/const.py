# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Codes used by more than one file, each with its source."""

# territories of the French Republic where French VAT law applies (CGI 294: no VAT is
# charged in GF and YT, but the invoice rules hold)
FR_COUNTRY_CODES = ("FR", "GP", "MQ", "RE", "GF", "YT")

# electronic address scheme of the French directory (XP Z12-013), and plain e-mail
EAS_FRANCE = "0225"
EAS_EMAIL = "EM"

DOCUMENT_KINDS = [
    ("standard", "Standard"),
    ("deposit", "Deposit"),
    ("final", "Final, after deposit"),
    ("corrective", "Corrective, replaces an invoice"),
    ("rebate", "Global rebate"),
]

# BT-23, second character, those that nothing in the ledger can tell
FRAMES = [
    ("3", "Subcontractor with direct payment"),
    ("5", "Subcontractor"),
    ("6", "Co-contractor"),
    ("7", "VAT already reported (receipt turned into an invoice)"),
]

# product type of Odoo -> nature of the operation
NATURES = {"service": "services", "consu": "goods", "combo": "goods"}

# sale taxes of Odoo's French chart (account.tax-fr.csv) -> regime of vat_regime.csv
TAX_REGIMES = {
    "tva_normale": "standard",
    "tva_intermediaire": "standard",
    "tva_reduite": "standard",
    "tva_specifique": "standard",
    "tva_super_reduite": "standard",
    "tva_normale_ttc": "standard",
    "tva_intermediaire_ttc": "standard",
    "tva_specifique_ttc": "standard",
    "tva_reduite_ttc": "standard",
    "tva_super_reduite_ttc": "standard",
    "tva_normale_encaissement": "standard",
    "tva_intermediaire_encaissement": "standard",
    "tva_reduite_encaissement": "standard",
    "tva_super_reduite_encaissement": "standard",
    "tva_normale_encaissement_ttc": "standard",
    "tva_intermediaire_encaissement_ttc": "standard",
    "tva_reduite_encaissement_ttc": "standard",
    "tva_super_reduite_encaissement_ttc": "standard",
    "tva_sale_good_0": "exempt",
    "tva_sale_service_0": "exempt",
    "tva_sale_good_export_0": "export_goods",
    "tva_sale_service_export_0": "export_services",
    "tva_sale_good_intra_0": "intra_goods",
    "tva_sale_service_intra_0": "intra_services",
}

# sale taxes of the chart on goods -> their twins on services, due on payment
SERVICE_TAXES = {
    f"tva_{rate}{kind}": f"tva_{rate}_encaissement{kind}"
    for rate in ("normale", "intermediaire", "reduite", "super_reduite")
    for kind in ("", "_ttc")
}

LATE_PENALTIES = [
    ("ecb", "European Central Bank rate plus 10 points"),
    ("legal", "Three times the legal interest rate"),
    ("rate", "Fixed yearly rate"),
]

FACTURX_STATES = [
    ("none", "Not made"),
    ("pending", "Waiting"),
    ("valid", "Valid"),
    ("invalid", "Invalid"),
    ("error", "Not checked"),
]

# what the chain of a company seals; "flow" is a message to or from a platform
SEAL_KINDS = [
    ("begin", "Beginning"),
    ("entry", "Entry"),
    ("pdf", "PDF"),
    ("xml", "XML"),
    ("usage", "Usage"),
    ("status", "Status"),
    ("payment", "Payment"),
    ("receipt", "Payment Recorded"),
    ("flow", "Message"),
    ("closing", "Closing"),
    ("anchor", "Anchor"),
    ("key", "Key"),
    ("report", "E-reporting"),
    ("destruction", "Destruction"),
]

# the printed page, see einvoice/page/look.py
PAGE_GROUPINGS = [
    ("none", "Nothing, as on the invoice"),
    ("service", "Service"),
    ("subscription", "Subscription"),
    ("site", "Site"),
    ("cost_centre", "Cost centre"),
]
PAGE_DETAILS = [
    ("itemised", "Itemised"),
    ("summary", "Summary"),
    ("both", "Summary, then itemised"),
]
PAGE_CHARTS = [
    ("none", "No chart"),
    ("services", "Amount by service"),
    ("months", "Last months"),
]
