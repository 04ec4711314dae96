# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Hand-made documents for the tests of the einvoice package.

SIREN 100000009 and 200000008 are the fictive ones of XP Z12-014 annex B.
"""

from dataclasses import replace
from datetime import date
from decimal import Decimal

from einvoice.document import (
    Address,
    Document,
    Endpoint,
    Line,
    Note,
    Party,
    Payment,
    Period,
    Reference,
    TaxSubtotal,
)

D = Decimal

SELLER = Party(
    name="Hébergeur Exemple SAS",
    address=Address(("35 rue d'Ici",), "75018", "Paris", "FR"),
    siren="100000009",
    siret="10000000900017",
    vat="FR88100000009",
    endpoint=Endpoint("0225", "100000009"),
)
BUYER = Party(
    name="Client Exemple SARL",
    address=Address(("1 rue de Là", "Bâtiment B"), "69001", "Lyon", "FR"),
    siren="200000008",
    siret="20000000800017",
    vat="FR37200000008",
    endpoint=Endpoint("0225", "200000008"),
)
GERMAN_BUYER = Party(
    name="Kunde GmbH",
    address=Address(("Hafen 1",), "20095", "Hamburg", "DE"),
    vat="DE123456788",
    endpoint=Endpoint("9930", "DE123456788"),
)
PERSON = Party(
    name="Une Personne",
    address=Address(("2 place du Marché",), "31000", "Toulouse", "FR"),
    endpoint=Endpoint("EM", "une.personne@example.com"),
)
NOTES = (
    Note("PMD", "Pénalités de retard : trois fois le taux d'intérêt légal."),
    Note("PMT", "Indemnité forfaitaire pour frais de recouvrement : 40 EUR."),
    Note("AAB", "Pas d'escompte pour paiement anticipé."),
)
OCTOBER = Period(date(2026, 10, 1), date(2026, 10, 31))


def line(key, quantity, price, amount, **values):
    """Give a line at 20 % unless told otherwise."""
    values = {
        "name": f"Service {key}",
        "unit_code": "C62",
        "category": "S",
        "rate": D("20"),
    } | values
    return Line(
        key=key,
        quantity=D(quantity),
        net_price=D(price),
        net_amount=D(amount),
        **values,
    )


def invoice(**values):
    """Give a French service invoice of 2 lines: 10 000.00 + 2 000.00 TVA."""
    values = {
        "number": "FAC/2026/00003",
        "issue_date": date(2026, 11, 1),
        "type_code": "380",
        "process_code": "S1",
        "currency": "EUR",
        "seller": SELLER,
        "buyer": BUYER,
        "lines": (
            line("1", "200", "40", "8000.00", unit_code="HUR", period=OCTOBER),
            line("2", "5", "400", "2000.00", unit_code="DAY"),
        ),
        "taxes": (TaxSubtotal("S", D("20"), D("10000.00"), D("2000.00")),),
        "line_total": D("10000.00"),
        "untaxed_total": D("10000.00"),
        "tax_total": D("2000.00"),
        "grand_total": D("12000.00"),
        "due_total": D("12000.00"),
        "notes": (*NOTES, Note("BAR", "B2B")),
        "due_date": date(2026, 12, 1),
        "payment": Payment("58", "FR7630006000011234567890189"),
        "remittance": "FAC/2026/00003",
        "period": OCTOBER,
        "vat_point_code": "72",
    } | values
    return Document(**values)


def credit_note(**values):
    """Give the credit note of the whole invoice."""
    values = {
        "number": "RFAC/2026/00001",
        "type_code": "381",
        "preceding": (Reference("FAC/2026/00003", date(2026, 11, 1)),),
        "payment": None,
    } | values
    return invoice(**values)


def exempt(category, code, text, buyer, note, **values):
    """Give an invoice of 100.00 without TVA."""
    rate = None if category == "O" else D("0")
    values = {
        "buyer": buyer,
        "lines": (line("1", "1", "100", "100.00", category=category, rate=rate),),
        "taxes": (TaxSubtotal(category, rate, D("100.00"), D("0.00"), code, text),),
        "line_total": D("100.00"),
        "untaxed_total": D("100.00"),
        "tax_total": D("0.00"),
        "grand_total": D("100.00"),
        "due_total": D("100.00"),
        "notes": (*NOTES, Note("BAR", note)),
        "vat_point_code": "",
    } | values
    return invoice(**values)


def changed(document, **values):
    """Give the document with other values."""
    return replace(document, **values)
