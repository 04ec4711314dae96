# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Builds the document of one posted invoice."""

from collections import defaultdict
from decimal import Decimal

from odoo.tools import html2plaintext

from ..einvoice import flow_kind, kinds, mentions, tva
from ..einvoice.document import (
    QUANTITY_DECIMALS,
    Allowance,
    Document,
    Line,
    Note,
    Party,
    Period,
    TaxSubtotal,
    decimals,
    present_price,
    round_half_up,
)
from ..messages import fatal, warning
from .allowances import allowances
from .attachments import attachments
from .fixed_taxes import charges, fixed_amounts
from .kinds import factor
from .lines import (
    billed_lines,
    exact,
    line_period,
    name_and_description,
    product_lines,
    unit_code,
)
from .parties import (
    address,
    buyer,
    is_public_buyer,
    payee,
    seller,
    vat_group,
)
from .payment import instalments, paid_at_issue, payment
from .references import (
    buyer_reference,
    contract_reference,
    order_reference,
    prepayments,
    references,
    sales_order,
)
from .taxes import facts, line_tax

ROUNDING = "rounding"


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
        self.fixed = fixed_amounts(move)
        self.memo, self.units = {}, {}
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
        rounding = self._rounding()
        fixed = self._fixed_total()
        untaxed = self._amount(move.amount_untaxed) - (rounding or 0) + fixed
        tax_total = self._amount(move.amount_tax) - fixed
        paid = paid_at_issue(move)
        grand_total = untaxed + tax_total
        annexes, left_out = attachments(move)
        for name in left_out:
            self.findings.append(warning(move, "attachment_size", name=name))
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
            payee=payee(move),
            tax_representative=self._vat_group(),
            lines=lines,
            allowances=allowances(move),
            taxes=self._taxes(),
            line_total=sum((line.net_amount for line in lines), Decimal(0)),
            untaxed_total=untaxed,
            tax_total=tax_total,
            grand_total=grand_total,
            due_total=grand_total - paid.amount + (rounding or 0),
            rounding=rounding,
            prepaid=paid.amount or None,
            prepayments=prepayments(move),
            notes=self._notes(),
            due_date=move.invoice_date_due or None,
            paid_on=self._paid_on(paid),
            instalments=instalments(move),
            payment_terms=html2plaintext(
                self.in_language(move.invoice_payment_term_id).note or ""
            ).strip(),
            payment=payment(move, paid),
            remittance=move.payment_reference or "",
            delivery=self._delivery(),
            delivery_date=self._delivery_date(period),
            period=period,
            vat_point_code=self._vat_point(),
            preceding=references(move),
            buyer_reference=buyer_reference(move),
            order_reference=order_reference(move),
            contract_reference=contract_reference(move),
            sales_order=sales_order(move),
            is_public_buyer=is_public_buyer(move),
            attachments=annexes,
            tax_currency="" if in_euro else "EUR",
            tax_amount_accounting=None if in_euro else self._tax_in_euro(),
        )

    def _paid_on(self, paid):
        """Give the day an invoice already paid was (BR-FR-CO-09), or None."""
        is_paid = (self.move.fr_process_code or "")[1:] == kinds.PAID
        return paid.day if is_paid else None

    def _tax_in_euro(self):
        """Give the VAT in euro (BT-111), of the sign of the document."""
        amounts = (
            exact(entry.balance)
            for entry in self.move.line_ids.filtered("tax_line_id")
            if entry.tax_line_id.amount_type != "fixed"
        )
        return self.sign * sum(amounts, Decimal(0))

    def in_language(self, record):
        """Give a record in the document's language, where it is activated."""
        code = "fr_FR" if self.is_french else "en_US"
        if record.env["res.lang"]._get_data(code=code):
            return record.with_context(lang=code)
        return record

    def _line(self, key, line):
        tax = line_tax(line, self.memo)
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
        extra = charges(self.fixed.get(line, ()))
        name, description = name_and_description(line)
        return Line(
            key=key,
            name=name,
            description=description,
            quantity=quantity,
            unit_code=unit_code(line, self.units),
            net_price=price,
            base_quantity=base,
            net_amount=amount + sum((item.signed for item in extra), Decimal(0)),
            allowances=allowances + extra,
            category=tax.category,
            rate=tax.rate,
            item_code=line.product_id.default_code or "",
            period=line_period(line),
        )

    def _fixed_total(self):
        """Give what the fixed taxes amount to: part of the price, not of the TVA."""
        return sum(
            (amount for parts in self.fixed.values() for _tax, amount in parts),
            Decimal(0),
        )

    def _taxes(self):
        """Sum lines and tax entries by category and rate (BG-23)."""
        bases, amounts = defaultdict(Decimal), defaultdict(Decimal)
        reasons, keys_of_tax = defaultdict(list), {}
        for line in billed_lines(self.move):
            tax = line_tax(line, self.memo)
            key = (tax.category, tax.rate)
            bases[key] += self._amount(self.sign * exact(line.amount_currency))
            bases[key] += sum(amount for _tax, amount in self.fixed.get(line, ()))
            reasons[key].append((tax.vatex, tax.mention))
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
                **self._reason(reasons[category, rate]),
            )
            for (category, rate), basis in bases.items()
        )

    def _reason(self, found):
        """Give code and text of why no VAT is charged (BT-121, BT-120).

        EN 16931 has one place per category: several reasons are all written, without
        a code that would be true for some of them only.
        """
        codes = {vatex for vatex, _mention in found}
        keys = dict.fromkeys(mention for _vatex, mention in found if mention)
        return {
            "exemption_code": codes.pop() if len(codes) == 1 else "",
            "exemption_text": " ".join(self._word(key) for key in keys),
        }

    def _notes(self):
        notes = [
            Note(mention.code, text) for mention, text in self.mentions if mention.code
        ]
        treatment = mentions.TREATMENTS[self.facts.buyer]
        if self.move.fr_flow_kind == flow_kind.NONE:
            treatment = mentions.OUT_OF_SCOPE
        notes.append(Note("BAR", treatment))
        if self._vat_group():
            notes.append(Note("TXD", mentions.VAT_GROUP))
        if self.terms:
            notes.append(Note("AAI", self.terms))
        return tuple(notes)

    def _period(self, lines):
        """Give the period of the document (BG-14): the one set, else of its lines."""
        move = self.move
        if move.fr_period_start or move.fr_period_end:
            return Period(move.fr_period_start or None, move.fr_period_end or None)
        periods = [line.period for line in lines if line.period]
        starts = [period.start for period in periods if period.start]
        ends = [period.end for period in periods if period.end]
        if not (starts or ends):
            return self._deposit_period()
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

    def _deposit_period(self):
        """Give the day of a deposit on intra-community goods, not delivered yet.

        EN 16931 BR-IC-11 asks for the day of delivery or a period.
        """
        day = self.move.invoice_date
        if not day or self.move.fr_document_kind != kinds.DEPOSIT:
            return None
        return Period(day, day) if self._is_intra_goods() else None

    def _is_intra_goods(self):
        return any(
            line_tax(line, self.memo).category == "K"
            for line in product_lines(self.move)
        )

    def _delivery(self):
        """Give the delivery place: for goods, when it is another address."""
        move = self.move
        place = move.partner_shipping_id or move.partner_id
        if not self._is_intra_goods() and (
            self.facts.nature == tva.SERVICES or place == move.partner_id
        ):
            return None
        return Party(
            name=place.name or place.commercial_partner_id.name,
            address=address(place),
        )

    def _delivery_date(self, period):
        if self.move.fr_document_kind == kinds.DEPOSIT:
            return None
        return (
            self.move.delivery_date
            or (period and period.end)
            or self.move.invoice_date
            or None
        )

    def _vat_point(self):
        """Give when VAT falls due (BT-8): by nature and option, as the law says."""
        taxes = (line_tax(line, self.memo) for line in billed_lines(self.move))
        if not any(tax.category == "S" for tax in taxes):
            return ""
        return tva.vat_point_code(
            self.facts.nature,
            self.facts.vat_on_debits,
            self.move.fr_document_kind == kinds.DEPOSIT,
        )

    def _vat_group(self):
        """Give the VAT group the seller belongs to (assujetti unique), or None."""
        if any(
            line_tax(line, self.memo).category == "O"
            for line in billed_lines(self.move)
        ):
            return None  # no VAT number may be written (BR-O-02)
        return vat_group(self.move)

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
        company = self.move.company_id._fr_get_legal()
        policy = self.move.commercial_partner_id._fr_get_penalty_policy(company)
        rate = (policy and policy[1]) or company.fr_late_penalty_rate
        rate = exact(rate).normalize()
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
                "factor": factor(self.move).name or "",
                "supplier": self.move.commercial_partner_id.name or "",
                "mandate": self._mandate(),
            },
        )

    def _mandate(self):
        mandate = self.move.fr_billing_mandate_id.sudo()  # of a supplier
        if not mandate:
            return ""
        return f"{mandate.name} ({mandate.signed_date:%d/%m/%Y})"

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
        return (
            self.move.company_id._fr_get_legal()
            .with_context(lang=lang)
            .fr_discount_terms
        ) or ""

    def _amount(self, value):
        return round_half_up(exact(value), self.places)


def _spaced(siren):
    return " ".join((siren[:3], siren[3:6], siren[6:])) if siren else ""
