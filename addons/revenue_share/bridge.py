"""Records to core values and back: the only file that knows both sides."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from odoo.exceptions import ValidationError

from .messages import sentence
from .splitting import values
from .splitting.allocate import half_up
from .splitting.errors import SplitError

# Attribute of a line that rules may match on -> how it is read from the records.
PRODUCT, CATEGORY = "product", "category"


def to_decimal(amount):
    """Return a monetary amount of a record as an exact Decimal.

    :param float amount: as Odoo hands it out, already at the currency's decimals
    """
    return Decimal(str(amount or 0))


def terms_of(version, ratio=None):
    """Return the calculation clauses of an agreement version.

    :param version: one ``revenue.share.agreement.version``
    :param Fraction ratio: part of the period the version was in force, for its
        prorated fixed amounts; None for the whole
    :rtype: values.Terms
    :raise ValidationError: the clauses make no sense together
    """
    try:
        return values.Terms(
            decimals=version.agreement_id.currency_id.decimal_places,
            base=version.base,
            granularity=version.granularity,
            rules=tuple(rule_of(rule, ratio) for rule in version.rule_ids),
        )
    except SplitError as error:
        raise ValidationError(sentence(version.env, error)) from error


def in_currency(terms, currency):
    """Return the same clauses for the decimals of another currency."""
    return replace(terms, decimals=currency.decimal_places)


def rule_of(rule, ratio=None):
    """Return one rule of a version as a value of the core."""
    prorated = rule.prorate and rule.kind == "fixed" and ratio is not None
    cap = None
    if rule.cap_amount is not None:
        cap = values.Cap(rule.cap_amount, rule.cap_per)
    return values.Rule(
        key=rule.id,
        partner=str(rule.partner_id.id),
        kind=rule.kind,
        value=rule.value or Decimal(0),
        priority=rule.priority,
        on=f"share:{rule.on_partner_id.id}" if rule.on == "share" else rule.on,
        deduct=rule.on == "share" and rule.deduct,
        match=match_of(rule),
        scale=scale_of(rule),
        prorate=ratio if prorated else Fraction(1),
        limited_to_available=rule.limited_to_available,
        cap=cap,
    )


def match_of(rule):
    """Return what the lines of a rule must look like."""
    match = []
    if rule.product_ids:
        match.append((PRODUCT, tuple(rule.product_ids.ids)))
    if rule.categ_ids:
        below = rule.env["product.category"].search(
            [("id", "child_of", rule.categ_ids.ids)]
        )
        match.append((CATEGORY, tuple(below.ids)))
    return tuple(match)


def scale_of(rule):
    """Return the tiers of a rule, or None for a rule without tiers."""
    if rule.kind not in values.TIERED:
        return None
    return values.Scale(
        tiers=tuple(values.Tier(tier.up_to, tier.rate) for tier in rule.tier_ids),
        mode=rule.tier_mode,
        basis=rule.tier_basis if rule.kind == "tiered_percent" else "quantity",
        bound=rule.tier_bound,
        reset=rule.tier_reset,
    )


def line_of(vals, product):
    """Return a source line of the core for the values of an item.

    :param dict vals: ``key``, ``net``, ``vat``, ``cost``, ``quantity`` as Decimals
    :param product: the ``product.product`` of the line, may be empty
    """
    attributes = []
    if product:
        attributes = [(PRODUCT, product.id), (CATEGORY, product.categ_id.id)]
    return values.Line(attributes=tuple(attributes), **vals)


def line_of_item(item):
    """Return a stored item as a source line of the core."""
    return line_of(
        {
            "key": item.id,
            "net": to_decimal(item.net),
            "vat": to_decimal(item.vat),
            "cost": to_decimal(item.cost),
            "quantity": item.quantity or Decimal(0),
        },
        item.product_id,
    )


def by_beneficiary(shares):
    """Spell out carved shares: a plus for the partner, a minus for who pays it.

    :param shares: shares of the core
    :return: (rule id, partner id, line key or None) -> (amount, exact, basis)
    """
    amounts = {}
    for share in shares:
        parts = [(int(share.partner), 1)]
        if share.carved_from is not None:
            parts.append((int(share.carved_from), -1))
        for partner, sign in parts:
            key = (share.rule, partner, share.line)
            amount, exact, basis = amounts.get(key, (Decimal(0),) * 3)
            amounts[key] = (
                amount + sign * share.amount,
                exact + sign * share.exact,
                basis + share.basis,
            )
    return amounts


def without_fixed(terms):
    """Return the clauses without amounts that are due once per statement."""
    rules = tuple(rule for rule in terms.rules if rule.kind not in values.PER_STATEMENT)
    return replace(terms, rules=rules)


def history_of(rules, items, amounts, year_start, decimals):
    """Return what rules already gave, for yearly scales and lifetime caps.

    :param rules: rules of the core that need a history
    :param items: items settled in earlier periods
    :param amounts: rows (rule, partner, item, amount) of the lines of these items
    :param date year_start: first day of the year of the new period
    """
    sources = {item: line_of_item(item) for item in items}
    history = {}
    for rule in rules:
        settled = {"year_settled": Decimal(0), "lifetime_settled": Decimal(0)}
        for record, partner, item, amount in amounts:
            if record.id != rule.key or str(partner.id) != rule.partner:
                continue
            amount = half_up(to_decimal(amount), decimals)
            settled["lifetime_settled"] += amount
            if item.statement_period_start >= year_start:
                settled["year_settled"] += amount
        own = [
            source
            for item, source in sources.items()
            if item.statement_period_start >= year_start and source.has(rule.match)
        ]
        history[rule.key] = values.History(
            amount=sum((to_decimal(items.browse(s.key).base) for s in own), Decimal(0)),
            quantity=sum((source.quantity for source in own), Decimal(0)),
            **settled,
        )
    return history
