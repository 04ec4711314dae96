# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""The invoice as EN 16931 numbers it (BT-/BG- terms), as immutable values.

Built by the add-on's bridge from a posted invoice, read by the XML writer and by the
page template, so that both carry the same figures.
"""

import re
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from .errors import DocumentError

# XP Z12-012 BR-FR-DEC-02 and -03
QUANTITY_DECIMALS = 4
PRICE_DECIMALS = 6

# UNTDID 1001, the subset of BR-FR-04 whose amounts are a credit to the customer
CREDIT_TYPE_CODES = frozenset({"261", "262", "381", "396", "502", "503"})
# XML 1.0, production Char
FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
DIRECT_DEBIT_CODES = frozenset({"49", "59"})
PROFILES = ("EN16931", "EXTENDED-CTC-FR")
# EN 16931 BT-125-1
ATTACHMENT_TYPES = frozenset(
    {
        "application/pdf",
        "image/png",
        "image/jpeg",
        "text/csv",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "application/vnd.oasis.opendocument.spreadsheet",
    }
)
SELF_BILLED_TYPE_CODES = frozenset({"261", "389", "471", "473", "500", "501", "502"})


def decimals(value):
    """Count the decimals a figure really needs (1.500 needs one).

    >>> decimals(Decimal("1.500")), decimals(Decimal("1E+3"))
    (1, 0)
    """
    return max(0, -value.normalize().as_tuple().exponent)


def round_half_up(value, places=2):
    """Round away from zero at the half, as invoices are rounded.

    >>> round_half_up(Decimal("-0.005")), round_half_up(Decimal("-0.001"))
    (Decimal('-0.01'), Decimal('0.00'))
    """
    # the sum drops the sign of a zero: an amount is never written -0.00
    return value.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP) + 0


def present_price(quantity, price, amount, places=2):
    """Find figures for BT-129 x BT-146 / BT-149 that round to the line amount.

    French rules allow quantities of at most 4 decimals, prices of at most 6 and no
    negative price. The amount is the truth (it is in the ledger); the other two are
    shown as given whenever they lead to it, otherwise the whole quantity becomes the
    price base ("12.35 for 37"), otherwise the line reads 1 x amount.

    >>> present_price(Decimal("2"), Decimal("-3"), Decimal("-6"))
    (Decimal('-2'), Decimal('3'), None)
    >>> present_price(Decimal("3"), Decimal("3.333333"), Decimal("10.00"))
    (Decimal('3'), Decimal('3.333333'), None)
    >>> present_price(Decimal("7000000"), Decimal("0.000000124"), Decimal("0.87"))
    (Decimal('7000000'), Decimal('0.87'), Decimal('7000000'))

    :param Decimal quantity: invoiced quantity, any sign
    :param Decimal price: unit price net of discount, any sign, any decimals
    :param Decimal amount: net amount of the line, at the currency's decimals
    :param int places: decimals of the currency
    :return: quantity, price >= 0, base quantity > 0 or None
    :rtype: tuple[Decimal, Decimal, Decimal | None]
    """
    if price < 0:
        quantity, price = -quantity, -price
    if decimals(quantity) <= QUANTITY_DECIMALS and quantity:
        if (
            decimals(price) <= PRICE_DECIMALS
            and round_half_up(quantity * price, places) == amount
        ):
            return quantity, price, None
        exact = amount / quantity
        if exact >= 0:
            rounded = round_half_up(exact, PRICE_DECIMALS).normalize()
            if round_half_up(quantity * rounded, places) == amount:
                return quantity, rounded, None
            return quantity, abs(amount), abs(quantity)
    elif not quantity and not amount and decimals(price) <= PRICE_DECIMALS:
        return quantity, price, None
    one = Decimal(-1) if amount < 0 else Decimal(1)
    return one, abs(amount), None


def clean_text(text):
    """Give a text that XML may carry: control characters become blanks.

    XML 1.0 forbids them and a name pasted from elsewhere may hold them; emoji and every
    other character stay.

    >>> clean_text("Serveur\x07 ")
    'Serveur'
    """
    return FORBIDDEN.sub(" ", text or "").strip()


def _require_decimal(owner, **values):
    for name, value in values.items():
        if value is not None and not (isinstance(value, Decimal) and value.is_finite()):
            raise DocumentError("not_decimal", owner=owner, field=name, value=value)


@dataclass(frozen=True, slots=True)
class Address:
    """BG-5/BG-8/BG-15: lines (at most three), postcode, city, ISO 3166 country."""

    lines: tuple = ()
    postcode: str = ""
    city: str = ""
    country_code: str = ""
    subdivision: str = ""

    def __post_init__(self):
        if len(self.lines) > 3:
            raise DocumentError("too_many_address_lines", lines=len(self.lines))


@dataclass(frozen=True, slots=True)
class Endpoint:
    """BT-34/BT-49: where the document is delivered; scheme from the EAS list."""

    scheme: str
    value: str


@dataclass(frozen=True, slots=True)
class Party:
    """Seller (BG-4), buyer (BG-7) or delivery place (BG-13).

    siren: BT-30/BT-47 with scheme 0002; siret: BT-29/BT-46/BT-71 with scheme 0009
    vat: BT-31/BT-48 with its country prefix
    """

    name: str
    address: Address
    siren: str = ""
    siret: str = ""
    vat: str = ""
    endpoint: Endpoint | None = None
    trading_name: str = ""
    legal_info: str = ""
    contact_name: str = ""
    phone: str = ""
    email: str = ""

    def __post_init__(self):
        if not self.name.strip():
            raise DocumentError("party_without_name")
        if self.siren and not re.fullmatch(r"\d{9}", self.siren):
            raise DocumentError("siren_format", party=self.name, value=self.siren)
        if self.siret and not re.fullmatch(r"\d{14}", self.siret):
            raise DocumentError("siret_format", party=self.name, value=self.siret)


@dataclass(frozen=True, slots=True)
class Note:
    """BG-1: text with its subject code (UNTDID 4451: PMT, PMD, AAB, REG, ...)."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Period:
    """BG-14/BG-26: first and last day billed, both included; one may be missing."""

    start: date | None
    end: date | None

    def __post_init__(self):
        if not (self.start or self.end):
            raise DocumentError("empty_period")
        if self.start and self.end and self.start > self.end:
            raise DocumentError("period_order", start=self.start, end=self.end)


@dataclass(frozen=True, slots=True)
class Allowance:
    """Reduction or extra charge of a line (BG-27/28) or of the document (BG-20/21).

    amount: positive, in invoice currency, without VAT
    is_charge: added instead of deducted (BG-21, BG-28)
    reason_code: UNTDID 5189 for allowances (95 discount), 7161 for charges
    category, rate: VAT of a document level allowance (BT-95/96, BT-102/103); ""
        and None on a line, whose own VAT holds
    """

    amount: Decimal
    base_amount: Decimal | None = None
    percent: Decimal | None = None
    reason: str = ""
    reason_code: str = "95"
    is_charge: bool = False
    category: str = ""
    rate: Decimal | None = None

    def __post_init__(self):
        _require_decimal(
            "allowance", amount=self.amount, base=self.base_amount, rate=self.rate
        )
        if self.amount < 0:
            raise DocumentError("negative_allowance", amount=self.amount)

    @property
    def signed(self):
        """Give what it adds to the total: negative for an allowance."""
        return self.amount if self.is_charge else -self.amount


@dataclass(frozen=True, slots=True)
class Line:
    """BG-25, one billed position.

    quantity (BT-129, <= 4 decimals) x net_price (BT-146, >= 0, <= 6 decimals)
    / base_quantity (BT-149, 1 when None) - allowances = net_amount (BT-131)
    """

    key: str
    name: str
    quantity: Decimal
    unit_code: str
    net_price: Decimal
    net_amount: Decimal
    category: str
    rate: Decimal | None
    base_quantity: Decimal | None = None
    allowances: tuple = ()
    description: str = ""
    item_code: str = ""
    period: Period | None = None

    def __post_init__(self):
        _require_decimal(
            f"line {self.key}",
            quantity=self.quantity,
            net_price=self.net_price,
            net_amount=self.net_amount,
            rate=self.rate,
            base_quantity=self.base_quantity,
        )
        if not self.name.strip():
            raise DocumentError("line_without_name", line=self.key)
        if self.net_price < 0:
            raise DocumentError("negative_price", line=self.key, price=self.net_price)
        if decimals(self.quantity) > QUANTITY_DECIMALS:
            raise DocumentError("quantity_decimals", line=self.key, value=self.quantity)
        if decimals(self.net_price) > PRICE_DECIMALS:
            raise DocumentError("price_decimals", line=self.key, value=self.net_price)
        if self.base_quantity is not None and self.base_quantity <= 0:
            raise DocumentError("base_quantity", line=self.key)


@dataclass(frozen=True, slots=True)
class TaxSubtotal:
    """BG-23: one VAT category and rate of the document."""

    category: str
    rate: Decimal | None
    basis: Decimal
    amount: Decimal
    exemption_code: str = ""
    exemption_text: str = ""

    def __post_init__(self):
        _require_decimal("tax", rate=self.rate, basis=self.basis, amount=self.amount)


@dataclass(frozen=True, slots=True)
class Reference:
    """BG-3: number and date of an earlier invoice.

    type_code: its BT-3 (386 for a deposit); written in profile EXTENDED-CTC-FR only
    """

    number: str
    issue_date: date | None = None
    type_code: str = ""


@dataclass(frozen=True, slots=True)
class Prepayment:
    """A deposit invoice this final invoice settles.

    reference: the deposit invoice, also one of `Document.preceding`
    untaxed, tax: what it bore, positive, in invoice currency
    is_deducted: True when negative lines deduct it (the usual way, the ledger's own),
        False when it is part of `Document.prepaid`
    """

    reference: Reference
    untaxed: Decimal
    tax: Decimal
    is_deducted: bool = True

    def __post_init__(self):
        _require_decimal("prepayment", untaxed=self.untaxed, tax=self.tax)


@dataclass(frozen=True, slots=True)
class Attachment:
    """BG-24: a supporting document carried inside the XML.

    name: file name (BT-125-2); mime: one of ATTACHMENT_TYPES (BT-125-1)
    reference: BT-122, what the parties call it; description: BT-123, in France a code
        of BR-FR-17 (FEUILLE_DE_STYLE, LISIBLE, RIB, BORDEREAU_SUIVI, ...)
    """

    name: str
    mime: str
    content: bytes
    reference: str = ""
    description: str = ""

    def __post_init__(self):
        if self.mime not in ATTACHMENT_TYPES:
            raise DocumentError("attachment_type", name=self.name, value=self.mime)


@dataclass(frozen=True, slots=True)
class Payment:
    """BG-16: how to pay.

    means_code: UNTDID 4461 (30 transfer, 58 SEPA transfer, 59 SEPA direct debit,
        49 direct debit, 48 card, 20 cheque, 10 cash, 57 standing agreement)
    account, account_name, bic: where to pay (BT-84 to 86); empty on direct debits
    mandate: BT-89, unique mandate reference (RUM) of a direct debit
    creditor_id: BT-90, SEPA creditor identifier (ICS)
    debited_account: BT-91, the buyer's IBAN
    """

    means_code: str
    account: str = ""
    account_name: str = ""
    bic: str = ""
    means_text: str = ""
    mandate: str = ""
    creditor_id: str = ""
    debited_account: str = ""

    @property
    def is_direct_debit(self):
        """Say whether the seller collects the amount."""
        return self.means_code in DIRECT_DEBIT_CODES


@dataclass(frozen=True, slots=True)
class Document:
    """An invoice or credit note ready to be written.

    The totals are given, not computed: they are those of the ledger, and
    `arithmetic.check` says whether they add up.

    allowances: document level allowances and charges (BG-20/21), one per VAT rate
    rounding (BT-114) and prepaid (BT-113, amount already paid, with VAT) are None when
        there is none; due_total = grand_total - prepaid + rounding
    prepayments: deposit invoices settled by this final one (`Prepayment`)
    due_date: the day agreed for the (last) payment
    paid_on: the day the whole was paid, when it was before the issue: what BT-9 says
        then (BR-FR-CO-09)
    instalments: (day, amount) of each when there are several
    tax_representative: the VAT group the seller belongs to (BG-11); its SIREN also
        identifies the seller with scheme 0231
    payee: who is to be paid when it is not the seller (BG-10, a factor)
    attachments: supporting documents written into the XML (BG-24)
    buyer_reference: BT-10, for a French public buyer its service code
    order_reference: BT-13, for a French public buyer the commitment number
    contract_reference: BT-12, for a French public buyer the market number
    sales_order: BT-14, our own order number
    is_public_buyer: the three references above bear their French public names
    profile: "EN16931", or "EXTENDED-CTC-FR" when something the former lacks is used
    tax_currency/tax_amount_accounting: BT-6/BT-111, required when currency is not EUR
    """

    number: str
    issue_date: date
    type_code: str
    process_code: str
    currency: str
    seller: Party
    buyer: Party
    lines: tuple
    taxes: tuple
    line_total: Decimal
    untaxed_total: Decimal
    tax_total: Decimal
    grand_total: Decimal
    due_total: Decimal
    notes: tuple = ()
    due_date: date | None = None
    paid_on: date | None = None
    instalments: tuple = ()
    payment_terms: str = ""
    payment: Payment | None = None
    remittance: str = ""
    delivery: Party | None = None
    delivery_date: date | None = None
    period: Period | None = None
    vat_point_code: str = ""
    preceding: tuple = ()
    buyer_reference: str = ""
    order_reference: str = ""
    contract_reference: str = ""
    rounding: Decimal | None = None
    prepaid: Decimal | None = None
    tax_currency: str = ""
    tax_amount_accounting: Decimal | None = None
    currency_decimals: int = 2
    allowances: tuple = ()
    prepayments: tuple = ()
    payee: Party | None = None
    tax_representative: Party | None = None
    attachments: tuple = ()
    sales_order: str = ""
    is_public_buyer: bool = False
    profile: str = "EN16931"

    def __post_init__(self):
        _require_decimal(
            "document",
            line_total=self.line_total,
            untaxed_total=self.untaxed_total,
            tax_total=self.tax_total,
            grand_total=self.grand_total,
            due_total=self.due_total,
            rounding=self.rounding,
            prepaid=self.prepaid,
            tax_amount_accounting=self.tax_amount_accounting,
        )
        if not self.lines:
            raise DocumentError("document_without_line", number=self.number)
        if not re.fullmatch(r"[A-Z]{3}", self.currency):
            raise DocumentError("currency_code", value=self.currency)
        if self.currency_decimals > 2:
            # BR-FR-DEC-01 allows two decimals in every amount
            raise DocumentError("currency_decimals", value=self.currency)
        if self.profile not in PROFILES:
            raise DocumentError("profile", value=self.profile)

    @property
    def allowance_total(self):
        """BT-107: sum of document level allowances, positive."""
        return sum((a.amount for a in self.allowances if not a.is_charge), Decimal(0))

    @property
    def charge_total(self):
        """BT-108: sum of document level charges."""
        return sum((a.amount for a in self.allowances if a.is_charge), Decimal(0))

    @property
    def buyer_service_code(self):
        """Service code of a French public buyer (code service, BT-10), or ""."""
        return self.buyer_reference if self.is_public_buyer else ""

    @property
    def commitment(self):
        """Commitment number of a French public buyer (engagement, BT-13), or ""."""
        return self.order_reference if self.is_public_buyer else ""

    @property
    def market_reference(self):
        """Market number of a French public buyer (marché, BT-12), or ""."""
        return self.contract_reference if self.is_public_buyer else ""

    @property
    def is_credit(self):
        """Say whether the amounts are owed to the buyer."""
        return self.type_code in CREDIT_TYPE_CODES

    @property
    def is_self_billed(self):
        """Say whether the buyer issued the document in the seller's name."""
        return self.type_code in SELF_BILLED_TYPE_CODES
