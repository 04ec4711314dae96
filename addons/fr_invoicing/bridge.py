# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Posted invoice -> einvoice values. The only file that knows both sides.

Odoo hands out floats: they become Decimal here, once. Amounts of lines and taxes are
those of the ledger (amount_currency), so that document and accounts cannot differ.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from odoo.tools import html2plaintext

from .const import EAS_EMAIL, NATURES
from .einvoice import identifiers, mentions, tva
from .einvoice.document import (
    QUANTITY_DECIMALS,
    Address,
    Allowance,
    Document,
    Endpoint,
    Line,
    Note,
    Party,
    Payment,
    Period,
    Reference,
    TaxSubtotal,
    decimals,
    present_price,
    round_half_up,
)
from .messages import fatal

PRODUCT = "product"
ROUNDING = "rounding"


@dataclass(frozen=True)
class LineTax:
    """The TVA of one line: regime and rate, and the tax it comes from."""

    category: str
    rate: Decimal | None
    vatex: str
    mention: str
    tax: object


def exact(value):
    """Turn what Odoo hands out into a Decimal.

    >>> exact(0.1)
    Decimal('0.1')
    """
    return value if isinstance(value, Decimal) else Decimal(str(value or 0))


# === Reading the invoice === #


def product_lines(move):
    """Give the lines that are invoiced, in the order shown."""
    return move.invoice_line_ids.filtered(
        lambda line: line.display_type == PRODUCT
    ).sorted(lambda line: (line.sequence, line.id))


def references(move):
    """Give the earlier invoices a document corrects (BG-3).

    :rtype: tuple[Reference]
    """
    if origins := move._fr_get_corrected_moves():
        return tuple(Reference(origin.name, origin.invoice_date) for origin in origins)
    if move.fr_origin_number:
        return (Reference(move.fr_origin_number, move.fr_origin_date or None),)
    return ()


def line_nature(line):
    """Say whether a line is goods or services.

    By its product, else by the scope of its tax, else by the company's setting.
    """
    if line.product_id:
        return NATURES.get(line.product_id.type, tva.SERVICES)
    scope = line.tax_ids[:1].tax_scope
    return NATURES.get(scope) or line.company_id.fr_default_nature


def line_tax(line):
    """Give the TVA of a line.

    :rtype: LineTax
    """
    tax = line.tax_ids.flatten_taxes_hierarchy()[:1]
    if not tax:
        regime = tva.regimes()["franchise"]
        return LineTax(regime.category, Decimal(0), regime.vatex, regime.mention, tax)
    category, vatex, mention = tax._fr_get_regime(
        line_nature(line), line.move_id.commercial_partner_id
    )
    rate = None if category == "O" else exact(tax.amount)
    return LineTax(category, rate, vatex, mention, tax)


def nature(move):
    """Give the nature of the whole document."""
    return tva.nature(line_nature(line) for line in product_lines(move))


def facts(move):
    """Give what the choice of legal mentions depends on.

    :rtype: mentions.Facts
    """
    company = move.company_id
    found = [line_tax(line).mention for line in product_lines(move)]
    return mentions.Facts(
        buyer=move.commercial_partner_id._fr_get_buyer_kind(),
        nature=nature(move),
        vat_on_debits=company.fr_vat_on_debits,
        penalty=company.fr_late_penalty,
        has_discount=bool(
            company.fr_discount_terms or move.invoice_payment_term_id.early_discount
        ),
        has_legal_form=bool(company.fr_legal_form),
        has_registry=bool(company.fr_registry_city),
        vat_mentions=tuple(dict.fromkeys(key for key in found if key)),
    )


# === Building the document === #


class DocumentBuilder:
    """Builds the document of one invoice; `mentions` are kept for the page.

    :param move: account.move record, posted (or draft, for a preview)
    :param wordings: fr.legal.text by code, in force on the day of the invoice
    """

    def __init__(self, move, wordings):
        self.move = move
        self.wordings = wordings
        self.places = move.currency_id.decimal_places
        self.sign = Decimal(move.direction_sign)
        self.is_french = (move.partner_id.lang or "fr_FR").startswith(
            "fr"
        ) or move.commercial_partner_id.fr_is_french
        self.facts = facts(move)
        self.terms = html2plaintext(move.narration or "").strip()
        self.findings = []
        self.mentions = [
            (mention, self._word(mention.key))
            for mention in mentions.required(self.facts)
        ]

    def build(self):
        """Give the document.

        :rtype: Document
        :raise DocumentError: a value no invoice may carry
        """
        move = self.move
        lines = tuple(
            self._line(str(number), line)
            for number, line in enumerate(product_lines(move), start=1)
        )
        period = self._period(lines)
        currency = move.currency_id.name
        untaxed = self._amount(move.amount_untaxed)
        rounding = self._rounding()
        tax_total = self._amount(move.amount_tax)
        line_total = sum((line.net_amount for line in lines), Decimal(0))
        untaxed -= rounding or 0
        in_euro = currency == "EUR"
        return Document(
            number=move.name or "/",
            issue_date=move.invoice_date or move.date,
            type_code=move.fr_type_code,
            process_code=move.fr_process_code,
            currency=currency,
            currency_decimals=self.places,
            seller=seller(move),
            buyer=buyer(move),
            lines=lines,
            taxes=self._taxes(),
            line_total=line_total,
            untaxed_total=untaxed,
            tax_total=tax_total,
            grand_total=untaxed + tax_total,
            due_total=untaxed + tax_total + (rounding or 0),
            rounding=rounding,
            notes=self._notes(),
            due_date=move.invoice_date_due or None,
            payment_terms=html2plaintext(
                self.in_language(move.invoice_payment_term_id).note or ""
            ).strip(),
            payment=payment(move),
            remittance=move.payment_reference or "",
            delivery=self._delivery(),
            delivery_date=self._delivery_date(period),
            period=period,
            vat_point_code=self._vat_point(),
            preceding=references(move),
            order_reference=order_reference(move),
            tax_currency="" if in_euro else "EUR",
            tax_amount_accounting=(
                None if in_euro else abs(exact(move.amount_tax_signed))
            ),
        )

    def in_language(self, record):
        """Give a record in the document's language, where it is activated."""
        code = "fr_FR" if self.is_french else "en_US"
        if record.env["res.lang"]._get_data(code=code):
            return record.with_context(lang=code)
        return record

    def _line(self, key, line):
        tax = line_tax(line)
        amount = self._amount(self.sign * exact(line.amount_currency))
        quantity = exact(line.quantity)
        price = exact(line.price_unit)
        allowances = ()
        is_plain = (
            not line.discount
            and not tax.tax.price_include
            and decimals(quantity) <= QUANTITY_DECIMALS
        )
        if line.discount and not tax.tax.price_include:
            gross = round_half_up(quantity * price, self.places)
            reduction = gross - amount
            if reduction > 0 and price >= 0 and decimals(price) <= 6:
                allowances = (
                    Allowance(
                        amount=reduction,
                        base_amount=gross,
                        percent=round_half_up(exact(line.discount)),
                        reason="Remise" if self.is_french else "Discount",
                    ),
                )
                quantity, price, base = present_price(
                    quantity, price, gross, self.places
                )
        if not allowances:
            if not is_plain and quantity:
                # tax included in the price or discount: the net price follows
                price = amount / quantity
            quantity, price, base = present_price(quantity, price, amount, self.places)
        name, description = _name_and_description(line)
        return Line(
            key=key,
            name=name,
            description=description,
            quantity=quantity,
            unit_code=unit_code(line),
            net_price=price,
            base_quantity=base,
            net_amount=amount,
            allowances=allowances,
            category=tax.category,
            rate=tax.rate,
            item_code=line.product_id.default_code or "",
            period=line_period(line),
        )

    def _taxes(self):
        """Sum lines and tax entries by category and rate (BG-23)."""
        bases, amounts, reasons = defaultdict(Decimal), defaultdict(Decimal), {}
        keys_of_tax = {}
        for line in product_lines(self.move):
            tax = line_tax(line)
            key = (tax.category, tax.rate)
            bases[key] += self._amount(self.sign * exact(line.amount_currency))
            reasons.setdefault(key, tax)
            keys_of_tax[tax.tax.id] = key
        for entry in self.move.line_ids.filtered("tax_line_id"):
            key = keys_of_tax.get(entry.tax_line_id.id)
            if key:
                amounts[key] += self._amount(self.sign * exact(entry.amount_currency))
        return tuple(
            TaxSubtotal(
                category=category,
                rate=rate,
                basis=basis,
                amount=amounts[category, rate],
                exemption_code=reasons[category, rate].vatex,
                exemption_text=(
                    self._word(reasons[category, rate].mention)
                    if reasons[category, rate].mention
                    else ""
                ),
            )
            for (category, rate), basis in bases.items()
        )

    def _notes(self):
        notes = [
            Note(mention.code, text) for mention, text in self.mentions if mention.code
        ]
        notes.append(Note("BAR", mentions.TREATMENTS[self.facts.buyer]))
        if self.terms:
            notes.append(Note("AAI", self.terms))
        return tuple(notes)

    def _period(self, lines):
        periods = [line.period for line in lines if line.period]
        starts = [period.start for period in periods if period.start]
        ends = [period.end for period in periods if period.end]
        if not (starts or ends):
            return None
        return Period(min(starts, default=None), max(ends, default=None))

    def _rounding(self):
        """Give the cash rounding kept on a line of its own (BT-114), or None."""
        lines = self.move.line_ids.filtered(
            lambda line: line.display_type == ROUNDING and not line.tax_line_id
        )
        if not lines:
            return None
        return self._amount(
            sum((self.sign * exact(line.amount_currency) for line in lines), Decimal(0))
        )

    def _delivery(self):
        """Give the delivery place: for goods, when it is another address."""
        move = self.move
        place = move.partner_shipping_id or move.partner_id
        is_intra = any(line_tax(line).category == "K" for line in product_lines(move))
        if not is_intra and (
            self.facts.nature == tva.SERVICES or place == move.partner_id
        ):
            return None
        return Party(
            name=place.name or place.commercial_partner_id.name,
            address=_address(place),
        )

    def _delivery_date(self, period):
        if self.move.fr_document_kind == "deposit":
            return None
        return (
            self.move.delivery_date
            or (period and period.end)
            or self.move.invoice_date
            or None
        )

    def _vat_point(self):
        found = {
            tax.tax.tax_exigibility
            for tax in map(line_tax, product_lines(self.move))
            if tax.category == "S"
        }
        return tva.vat_point_code(self.facts.nature, found)

    def _word(self, key):
        wording = self.wordings.get(key)
        if not wording:
            finding = fatal(
                self.move,
                "legal_text_missing",
                key=key,
                date=self.move.invoice_date or self.move.date,
            )
            if finding not in self.findings:
                self.findings.append(finding)
            return "-"
        company = self.move.company_id
        rate = exact(company.fr_late_penalty_rate).normalize()
        capital = exact(company.fr_share_capital).normalize()
        return wording._format(
            self.is_french,
            {
                "company": company.name,
                "legal_form": company.fr_legal_form or "",
                "capital": f"{capital:,f}".replace(",", " "),
                "city": company.fr_registry_city or "",
                "siren": _spaced(company.partner_id.fr_siren or ""),
                "rate": f"{rate:f}".replace(".", "," if self.is_french else "."),
                "terms": self._discount_terms(),
            },
        )

    def _discount_terms(self):
        """Say the discount of the payment term, else the company's."""
        term = self.move.invoice_payment_term_id
        if term.early_discount:
            percent = f"{exact(term.discount_percentage).normalize():f}"
            days = term.discount_days
            if self.is_french:
                percent = percent.replace(".", ",")
                return f"{percent} % pour un paiement sous {days} jours."
            return f"{percent}% if paid within {days} days."
        lang = "fr_FR" if self.is_french else "en_US"
        return self.move.company_id.with_context(lang=lang).fr_discount_terms or ""

    def _amount(self, value):
        return round_half_up(exact(value), self.places)


def seller(move):
    """Give the seller (BG-4).

    :rtype: Party
    """
    company = move.company_id
    partner = company.partner_id
    return Party(
        name=company.name,
        address=_address(partner),
        siren=partner.fr_siren or "",
        siret=partner.fr_siret or "",
        vat=_vat(company.vat, partner.country_id.code),
        endpoint=partner._fr_get_endpoint(),
        email=company.email or "",
        phone=company.phone or "",
        contact_name=company.name if company.email or company.phone else "",
    )


def buyer(move):
    """Give the buyer (BG-7): identity of the company, address of the invoice contact.

    :rtype: Party
    """
    partner = move.partner_id
    commercial = move.commercial_partner_id
    endpoint = partner._fr_get_endpoint()
    if not endpoint and move.company_id.email:
        # BR-FR-12 wants an address on every document: the seller delivers on paper
        endpoint = Endpoint(EAS_EMAIL, move.company_id.email)
    siren = commercial.fr_siren if commercial.fr_is_french else ""
    return Party(
        name=commercial.name or partner.name or "",
        address=_address(partner if partner.country_id else commercial),
        siren=siren or "",
        siret=(commercial.fr_siret or "") if siren else "",
        vat=_vat(commercial.vat, commercial.country_id.code),
        endpoint=endpoint,
    )


def payment(move):
    """Give how to pay (BG-16); credit notes have none.

    :rtype: Payment | None
    """
    bank = move.partner_bank_id
    if move.move_type != "out_invoice" or not bank:
        return None
    account = (bank.sanitized_acc_number or "").upper()
    return Payment(
        means_code="58" if bank.acc_type == "iban" else "30",
        account=account,
        account_name=bank.acc_holder_name or bank.partner_id.name or "",
        bic=bank.bank_bic or "",
    )


def order_reference(move):
    """Give the customer's order number (BT-13), "" on credit notes."""
    if move.move_type != "out_invoice":
        return ""
    return (move.ref or "").strip()


def line_period(line):
    """Give the service period of a line (BG-26), or None.

    usage_period_end is the first day not billed; the document wants the last billed.
    """
    start = _optional(line, "usage_period_start")
    end = _optional(line, "usage_period_end")
    if not (start or end):
        return None
    return Period(start or None, end - timedelta(days=1) if end else None)


def unit_code(line):
    """Give the unit of measure (BT-130, UN/ECE recommendation 20); C62 is one."""
    meter = _optional(line, "usage_rated_line_id") and line.usage_rated_line_id.meter_id
    if meter and meter.unit_code:
        return meter.unit_code
    if not line.product_uom_id:
        return "C62"
    return line.env["account.edi.common"]._get_uom_unece_code(line.product_uom_id)


def _optional(record, name):
    """Give a field that another version of usage_billing may not have."""
    return record[name] if name in record._fields else False


def _name_and_description(line):
    rows = [row.strip() for row in (line.name or "").splitlines() if row.strip()]
    name = (
        rows[0] if rows else line.product_id.display_name or line.account_id.name or "-"
    )
    return name, "\n".join(rows[1:])


def line_label(line):
    return _name_and_description(line)[0]


def _address(partner):
    lines = tuple(row.strip() for row in (partner.street, partner.street2) if row)
    return Address(
        lines=lines,
        postcode=partner.zip or "",
        city=partner.city or "",
        country_code=partner.country_id.code or "",
        subdivision=partner.state_id.name or "",
    )


def _vat(number, country_code):
    """Give a VAT number with its country prefix (EN 16931 BR-CO-09)."""
    number = identifiers.clean(number).upper()
    if number and not number[:2].isalpha():
        return f"{country_code or ''}{number}"
    return number


def _spaced(siren):
    return " ".join((siren[:3], siren[3:6], siren[6:])) if siren else ""
