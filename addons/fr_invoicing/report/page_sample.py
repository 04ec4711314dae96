# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""An invoice that never was, to show a template: usage with tiers, two places."""

from datetime import date
from decimal import Decimal

from dateutil.relativedelta import relativedelta

from ..einvoice.document import (
    Address,
    Document,
    Line,
    Party,
    Payment,
    Period,
    TaxSubtotal,
    round_half_up,
)
from ..einvoice.page import look
from ..einvoice.page.grouping import Entry

RATE = Decimal(20)
# an account number with valid keys, of a bank code that nobody holds
IBAN = "FR7699999000010000001001834"
BUYER = Party(
    name="Société Exemple SAS",
    address=Address(("8 rue du Modèle",), "44000", "Nantes", "FR"),
    siren="200000008",
    siret="20000000800017",
    vat="FR37200000008",
)
# (service, French), (step, French), (unit, French), quantity, price, free steps, place
ROWS = (
    (("Team plan", "Forfait Équipe"), None, None, "1", "49.00", (), 0),
    (
        ("API calls", "Appels API"),
        ("Tier 2 (10,001–100,000)", "Tranche 2 (10 001–100 000)"),
        ("calls", "appels"),
        "90000",
        "0.0012",
        ((("Tier 1 (1–10,000)", "Tranche 1 (1–10 000)"), "10000"),),
        0,
    ),
    (
        ("API calls", "Appels API"),
        ("Tier 3 (above 100,000)", "Tranche 3 (au-delà de 100 000)"),
        ("calls", "appels"),
        "335741",
        "0.0009",
        (),
        0,
    ),
    (
        ("Object storage", "Stockage objet"),
        None,
        ("GB", "Go"),
        "1234.5",
        "0.023",
        (),
        1,
    ),
    (("Team plan", "Forfait Équipe"), None, None, "1", "49.00", (), 1),
)
PLACES = (("Paris office", "Agence de Paris"), ("Lyon office", "Agence de Lyon"))
CENTRES = (("Production", "Exploitation"), ("Research", "Recherche"))
CONTRACTS = (
    ("Main contract", "Contrat principal"),
    ("Test contract", "Contrat d'essai"),
)


def sample(seller, day, is_french):
    """Give document and entries.

    :param Party seller: the company's own identity
    :param date day: date of the invoice
    :return: Document, list[Entry]
    """
    column = 1 if is_french else 0
    last = day.replace(day=1) - relativedelta(days=1)
    period = Period(last.replace(day=1), last)
    entries = [
        _entry(str(number), row, column, period)
        for number, row in enumerate(ROWS, start=1)
    ]
    untaxed = sum((entry.amount for entry in entries), Decimal(0))
    tax = round_half_up(untaxed * RATE / 100)
    document = Document(
        number=f"{'EXEMPLE' if is_french else 'SAMPLE'}-{day.year}-001",
        issue_date=day,
        type_code="380",
        process_code="S1",
        currency="EUR",
        seller=seller,
        buyer=BUYER,
        lines=tuple(entry.line for entry in entries),
        taxes=(TaxSubtotal("S", RATE, untaxed, tax),),
        line_total=untaxed,
        untaxed_total=untaxed,
        tax_total=tax,
        grand_total=untaxed + tax,
        due_total=untaxed + tax,
        due_date=day + relativedelta(days=30),
        payment=Payment("58", IBAN, seller.name),
        remittance=f"{'EXEMPLE' if is_french else 'SAMPLE'}-{day.year}-001",
        period=period,
        order_reference="BC-1042",
    )
    return document, entries


def _entry(key, row, column, period):
    service, step, unit, quantity, price, free, place = row
    quantity, price = Decimal(quantity), Decimal(price)
    name = service[column]
    line = Line(
        key=key,
        name=name,
        quantity=quantity,
        unit_code="C62",
        net_price=price,
        net_amount=round_half_up(quantity * price),
        category="S",
        rate=RATE,
        period=period,
    )
    return Entry(
        line=line,
        name=step[column] if step else name,
        labels={
            look.SERVICE: name,
            look.SITE: PLACES[place][column],
            look.COST_CENTRE: CENTRES[place][column],
            look.SUBSCRIPTION: CONTRACTS[place][column],
        },
        block=(name, place) if step else None,
        block_name=name if step else "",
        quantity=quantity,
        unit=unit[column] if unit else "",
        price=price,
        free=tuple((words[column], Decimal(value)) for words, value in free),
    )


def history(day):
    """Give months to draw, the last one this invoice's: [(first day, amount)]."""
    values = ("402.10", "455.00", "431.62", "489.37", "512.80", "536.56")
    first = date(day.year, day.month, 1)
    return [
        (first - relativedelta(months=len(values) - 1 - index), Decimal(value))
        for index, value in enumerate(values)
    ]
