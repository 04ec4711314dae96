"""Plays the neutral revenue-share cases on the pure package ``splitting``.

``play(case)`` returns the figures of the case with the names that its
``expected`` uses; the runner compares them. A clause that is not built yet
raises :class:`Unsupported` with its name; what the case says and nobody read is
an error, never a skip.
"""

from datetime import date
from decimal import Decimal
from fractions import Fraction

from harness import BadCase, Unsupported
from reading import Read

from splitting import (
    allocate,
    channel,
    clauses,
    clearing,
    errors,
    guarantee,
    payout,
    release,
    reversal,
    totals,
    values,
    waterfall,
)

# On the written list (unsupported.json), with the reason of each.
UNSUPPORTED = {
    "posting",
    "clearing_posting",
    "fx_payout",
    "amendment",
    "usage",
    "dispute",
    "late",
    "batch",
    "clawback",
    "match_on_remaining",
}
# Told for the reader of the case, or needed by some families only.
TOLD = (
    *("currency", "operator", "decimals", "trigger", "base", "granularity"),
    *("partner", "reseller", "rules", "share_currency", "settlement_currency"),
)
TOLD_OF_EVENTS = ("partner", "customer", "date", "usage_date", "invoice_date")
# Family -> the events it knows.
EVENTS = {
    "split": {"line"},
    "periods": {"line"},
    "idempotent": {"line"},
    "invoiced": {"invoice", "credit_note", "write_off", "payment"},
    "collected": {"invoice", "credit_note", "write_off", "payment"},
    "refund": {"charge", "refund"},
    "guarantee": {"earned"},
    "payout": {"earned"},
    "statement": {"opening", "earned", "adjustment", "offset", "paid"},
    "statements": {"earned"},
    "selfbill": {"share"},
    "fx": {"earned"},
    "das2": {"paid"},
    "chain": {"usage"},
    "wholesale": {"usage"},
    "isolation": {"view"},
    "dimension": {"line", "refund"},
    "clearing": {"sale"},
    "versions": {"line"},
    "attribution": {"line"},
    "bundle": {"bundle"},
}
LINE_FIELDS = ("net", "vat", "cost", "quantity", "events", "type", "id", "period")


def play(case):
    """Return the figures of one case."""
    family = case["family"]
    if family in UNSUPPORTED:
        raise Unsupported(family)
    agreement = Read(case["agreement"], "agreement")
    transactions = [
        Read(data, f"transactions[{index}]")
        for index, data in enumerate(case["transactions"])
    ]
    for name in TOLD:
        agreement.get(name)
    for data in transactions:
        for name in TOLD_OF_EVENTS:
            data.get(name)
        if data["type"] not in EVENTS[family]:
            raise BadCase(f"{data.where}: {data['type']} is unknown in {family}")
    if agreement.get("trigger") not in (None, "invoiced", "collected"):
        raise BadCase(f"trigger {agreement['trigger']} is unknown")
    try:
        figures = FAMILIES[family](agreement, transactions)
    except errors.SplitError as error:
        if error.code in UNSUPPORTED:
            raise Unsupported(error.code) from error
        raise
    for read in (agreement, *transactions):
        read.done()
    return figures


def _money(value, decimals):
    return allocate.half_up(value, decimals)


def _amounts(amounts, decimals):
    return {name: _money(amount, decimals) for name, amount in amounts.items()}


def _decimals(agreement):
    return int(agreement.get("decimals", 2))


# -- clauses -----------------------------------------------------------------


def _rule(index, data):
    scale = None
    if data["type"] in values.TIERED:
        scale = values.Scale(
            tiers=tuple(
                values.Tier(tier["up_to"], tier["rate"]) for tier in data["tiers"]
            ),
            mode=data.get("tier_mode", "graduated"),
            basis=data.get("tier_basis", "amount"),
            bound=data.get("bound", "upper_inclusive"),
            reset=data.get("reset", "period"),
        )
    prorate = data.get("prorate")
    cap = data.get("cap")
    return values.Rule(
        key=index,
        partner=data["partner"],
        kind=data["type"],
        value=Decimal(data.get("value", "0")),
        priority=data["priority"],
        on=data.get("on", "base"),
        deduct=data.get("deduct", False),
        match=tuple((name, (v,)) for name, v in data.get("match", {}).items()),
        scale=scale,
        prorate=Fraction(str(prorate["days"])) / Fraction(str(prorate["of"]))
        if prorate
        else Fraction(1),
        limited_to_available=data.get("limited_to_available", False),
        cap=values.Cap(cap["amount"], cap["per"]) if cap else None,
    )


def _terms(agreement):
    return values.Terms(
        decimals=_decimals(agreement),
        base=agreement.get("base", "net"),
        granularity=agreement.get("granularity", "settlement"),
        rules=tuple(_rule(i, data) for i, data in enumerate(agreement["rules"])),
        deductions=tuple(
            values.Deduction(data["type"], data.get("value", data.get("amount")))
            for data in agreement.get("deductions", ())
        ),
    )


def _line(index, data):
    return values.Line(
        key=index,
        net=Decimal(data["net"]),
        vat=Decimal(data.get("vat", "0")),
        cost=Decimal(data.get("cost", "0")),
        quantity=Decimal(data.get("quantity", "0")),
        events=Decimal(data["events"]) if "events" in data else None,
        attributes=tuple(
            (name, value)
            for name, value in data.items()
            if name not in LINE_FIELDS and isinstance(value, str)
        ),
    )


def _figures(result, decimals):
    figures = {
        "shares": _amounts(result.by_partner(), decimals),
        "residual": _money(result.residual, decimals),
        "base": _money(result.base, decimals),
        "deducted": _money(result.deducted, decimals),
    }
    if result.shortfall:
        figures["shortfall"] = _amounts(result.shortfall, decimals)
    return figures


# -- split -------------------------------------------------------------------


def _split(agreement, transactions):
    if any("period" in data for data in transactions):
        return _periods(agreement, transactions)
    terms = _terms(agreement)
    lines = [_line(i, data) for i, data in enumerate(transactions)]
    return _figures(waterfall.split(terms, lines), terms.decimals)


def _idempotent(agreement, transactions):
    seen = {}
    for data in transactions:
        if dict(data.items()) != dict(seen.setdefault(data["id"], data).items()):
            raise BadCase(f"{data.where}: another content under the same id")
    figures = _split(agreement, list(seen.values()))
    return {**figures, "duplicates": len(transactions) - len(seen)}


def _periods(agreement, transactions):
    terms = _terms(agreement)
    by_period = {}
    for index, data in enumerate(transactions):
        by_period.setdefault(data["period"], []).append(_line(index, data))
    history, periods, year = {}, [], None
    whole, residual, base = {}, Decimal(0), Decimal(0)
    for period, lines in sorted(by_period.items()):
        history = waterfall.next_period(history, year in (None, period[:4]))
        year = period[:4]
        result = waterfall.split(terms, lines, history)
        history = result.history
        for name, amount in result.by_partner().items():
            whole[name] = whole.get(name, Decimal(0)) + amount
        residual += result.residual
        base += result.base
        periods.append({"period": period, **_figures(result, terms.decimals)})
    return {
        "periods": periods,
        "shares": _amounts(whole, terms.decimals),
        "residual": _money(residual, terms.decimals),
        "base": _money(base, terms.decimals),
    }


# -- invoices, credit notes, payments ----------------------------------------


class _Invoice:
    """An invoice as the case tells it, with its share as first computed."""

    def __init__(self, terms, data):
        result = waterfall.split(terms, [_line(data["id"], data)])
        self.net = Decimal(data["net"])
        self.due = self.net + Decimal(data.get("vat", "0"))
        self.base, self.amounts = result.base, result.by_partner()
        self.credited_net = self.credited_due = Decimal(0)
        self.collected = self.written_off = Decimal(0)
        self.base_before, self.before = Decimal(0), {}

    def credit(self, data):
        self.credited_net += Decimal(data["net"])
        self.credited_due += Decimal(data["net"]) + Decimal(data.get("vat", "0"))


def _by_period(decimals, moves):
    """Add up (period, shares, residual) moves into the expected shape."""
    periods, whole, residual = {}, {}, Decimal(0)
    for period, shares, rest in moves:
        own = periods.setdefault(period, [{}, Decimal(0)])
        for name, amount in shares.items():
            own[0][name] = own[0].get(name, Decimal(0)) + amount
            whole[name] = whole.get(name, Decimal(0)) + amount
        own[1] += rest
        residual += rest
    return {
        "periods": [
            {
                "period": period,
                "shares": _amounts(shares, decimals),
                "residual": _money(rest, decimals),
            }
            for period, (shares, rest) in periods.items()
        ],
        "shares": _amounts(whole, decimals),
        "residual": _money(residual, decimals),
    }


def _invoiced(agreement, transactions):
    terms, invoices, moves = _terms(agreement), {}, []
    clawback = agreement.get("bad_debt") == "clawback"
    for data in transactions:
        period = data.get("period")
        if data["type"] == "invoice":
            invoice = invoices[data["id"]] = _Invoice(terms, data)
            rest = invoice.base - sum(invoice.amounts.values())
            moves.append((period, invoice.amounts, rest))
            continue
        invoice = invoices[data["invoice"]]
        if data["type"] == "credit_note":
            invoice.credit(data)
        elif data["type"] == "write_off":
            written_off = Decimal(data["amount"])
            invoice.written_off += written_off if clawback else 0
        else:
            data.get("amount")  # a payment changes nothing on the invoiced basis
        ratio = reversal.reversed_ratio(
            invoice.credited_net, invoice.net
        ) + reversal.reversed_ratio(invoice.written_off, invoice.due)
        taken = reversal.mirror(
            reversal.Stored(
                invoice.base, invoice.amounts, invoice.base_before, invoice.before
            ),
            min(ratio, Fraction(1)),
            terms.decimals,
        )
        invoice.base_before -= taken.base
        invoice.before = {
            name: invoice.before.get(name, Decimal(0)) - amount
            for name, amount in taken.amounts.items()
        }
        moves.append((period, taken.amounts, taken.residual))
    return _by_period(terms.decimals, moves)


def _collected(agreement, transactions):
    terms, invoices, moves = _terms(agreement), {}, []
    for data in transactions:
        if data["type"] == "invoice":
            invoices[data["id"]] = _Invoice(terms, data)
            continue
        invoice = invoices[data["invoice"]]
        if data["type"] == "payment":
            invoice.collected += Decimal(data["amount"])
        elif data["type"] == "credit_note":
            invoice.credit(data)
        else:
            data.get("amount")  # a write-off releases nothing
        base, amounts = release.after_credit(
            invoice.base,
            invoice.amounts,
            reversal.reversed_ratio(invoice.credited_net, invoice.net),
            terms.decimals,
        )
        base, amounts = release.released(
            base,
            amounts,
            invoice.due - invoice.credited_due,
            invoice.collected,
            terms.decimals,
        )
        moved = release.difference(amounts, invoice.before)
        rest = base - invoice.base_before - sum(moved.values())
        invoice.base_before, invoice.before = base, amounts
        moves.append((data.get("period"), moved, rest))
    return _by_period(terms.decimals, moves)


def _refund(agreement, transactions):
    decimals, events = _decimals(agreement), []
    fee = Decimal(agreement["fee"])
    charge, refunded = Decimal(0), Decimal(0)
    before = {agreement["partner"]: Decimal(0)}
    base_before = Decimal(0)
    for data in transactions:
        amount = Decimal(data["amount"])
        if data["type"] == "charge":
            charge = amount
            shares, rest = {agreement["partner"]: charge - fee}, fee
        elif agreement["refund_fee"] == "proportional":
            refunded += amount
            stored = reversal.Stored(
                charge, {agreement["partner"]: charge - fee}, base_before, before
            )
            ratio = reversal.reversed_ratio(refunded, charge)
            taken = reversal.mirror(stored, ratio, decimals)
            base_before -= taken.base
            before = {n: before[n] - part for n, part in taken.amounts.items()}
            shares, rest = taken.amounts, taken.residual
        else:
            shares, rest = {agreement["partner"]: -amount}, Decimal(0)
        events.append((shares, rest))
    figures = _by_period(decimals, [(None, shares, rest) for shares, rest in events])
    figures["events"] = [
        {"shares": _amounts(shares, decimals), "residual": _money(rest, decimals)}
        for shares, rest in events
    ]
    return figures


# -- settlement --------------------------------------------------------------


def _earned(transactions):
    earned = {}
    for data in transactions:
        period = data["period"]
        earned[period] = earned.get(period, Decimal(0)) + Decimal(data["amount"])
    return earned


def _guarantee(agreement, transactions):
    decimals, earned = _decimals(agreement), _earned(transactions)
    amounts = list(earned.values())
    cap = agreement.get("cap")
    cap = Decimal(cap["amount"] if isinstance(cap, dict) else cap) if cap else None
    if "advance" in agreement:
        clause = agreement["advance"]
        payables = guarantee.advanced(amounts, Decimal(clause["amount"]))
    else:
        clause = agreement["guarantee"]
        if clause["recoup"] == "lifetime":
            milestones = clause.get("milestones", [clause.get("amount")] * len(amounts))
            payables = guarantee.guaranteed_for_life(
                amounts, [Decimal(milestone) for milestone in milestones], cap
            )
        elif clause["recoup"] in ("none", "excess"):
            payables = guarantee.guaranteed(
                amounts, Decimal(clause["amount"]), clause["recoup"], cap
            )
        else:
            raise BadCase(f"recoup {clause['recoup']} is unknown")
    return {
        "periods": [
            {
                "period": period,
                "payable": _money(payable.payable, decimals),
                "top_up": _money(payable.top_up, decimals),
                "recouped": _money(payable.recouped, decimals),
                "unrecouped": _money(payable.unrecouped, decimals),
            }
            for period, payable in zip(earned, payables, strict=True)
        ],
        "shares": {
            clause["partner"]: _money(sum(p.payable for p in payables), decimals)
        },
    }


def _payout(agreement, transactions):
    clause = agreement["payout"]
    if set(clause) - {"minimum"}:
        raise Unsupported("payout.holdback")
    decimals, earned = _decimals(agreement), _earned(transactions)
    periods = payout.payouts(list(earned.values()), Decimal(clause["minimum"]))
    [partner] = {data["partner"] for data in transactions}
    return {
        "payouts": [_money(period.paid, decimals) for period in periods],
        "carried": [_money(period.carried, decimals) for period in periods],
        "shares": {partner: _money(sum(earned.values()), decimals)},
    }


def _statement(agreement, transactions):
    sums = totals.by_key(
        (data["type"], Decimal(data["amount"])) for data in transactions
    )
    names = ("opening", "earned", "adjustment", "offset", "paid")
    closing = totals.roll_forward(*(sums.get(name, Decimal(0)) for name in names))
    return {"closing": _money(closing, _decimals(agreement))}


def _statements(agreement, transactions):
    sums = totals.by_key(
        (data["currency"], Decimal(data["amount"])) for data in transactions
    )
    return {"statements": _amounts(sums, _decimals(agreement))}


def _selfbill(agreement, transactions):
    decimals = _decimals(agreement)
    net = sum(Decimal(data["amount"]) for data in transactions)
    figures = totals.with_vat(net, Decimal(agreement["vat_rate"]), decimals)
    names = ("net", "vat", "gross")
    signed = [abs(figure) for figure in figures]
    return {
        **_amounts(dict(zip(names, signed, strict=True)), decimals),
        "type_code": "261" if net < 0 else "389",
    }


def _fx(agreement, transactions):
    decimals, rate = _decimals(agreement), Decimal(agreement["rate"])
    if agreement.get("quote", "settlement_per_share") != "settlement_per_share":
        rate = 1 / Fraction(rate)
    shares = totals.by_key(
        (data["partner"], Decimal(data["amount"])) for data in transactions
    )
    settled, gap = totals.converted(shares, rate, decimals)
    return {
        "shares": _amounts(shares, decimals),
        "settlement": _amounts(settled, decimals),
        "conversion_difference": _money(gap, decimals),
    }


def _das2(agreement, transactions):
    declared = totals.above_threshold(
        [(d["partner"], d["account"], Decimal(d["amount"])) for d in transactions],
        agreement["in_scope_accounts"],
        Decimal(agreement["threshold"]),
    )
    return {"das2": _amounts(declared, 2)}


# -- channels, dimensions, clearing ------------------------------------------


def _chain(agreement, transactions):
    decimals = _decimals(agreement)
    quantity = sum(Decimal(data["quantity"]) for data in transactions)
    levels = [
        (level["partner"], Decimal(level["sells_at"])) for level in agreement["levels"]
    ]
    kept, retail = channel.margins(levels, quantity, decimals)
    residual = kept.pop(agreement["operator"])
    return {
        "shares": _amounts(kept, decimals),
        "residual": _money(residual, decimals),
        "retail": _money(retail, decimals),
    }


def _scale_of(book):
    return values.Scale(
        tuple(
            values.Tier(tier["up_to"], tier.get("rate", tier.get("price")))
            for tier in book["tiers"]
        )
    )


def _rated(book, quantities, decimals):
    if book["mode"] == "unit":
        price, discount = book["price"], "0"
    elif book["mode"] == "list_discount":
        price, discount = book["list"], book["discount_pct"]
    elif book["mode"] == "graduated_pooled":
        return channel.pooled(quantities, _scale_of(book), decimals)
    elif book["mode"] == "graduated":
        scale = _scale_of(book)
        return sum(channel.pooled([q], scale, decimals) for q in quantities)
    else:
        raise ValueError(book["mode"])
    return sum(
        channel.discounted(quantity, Decimal(price), Decimal(discount), decimals)
        for quantity in quantities
    )


def _wholesale(agreement, transactions):
    decimals = _decimals(agreement)
    quantities = [Decimal(data["quantity"]) for data in transactions]
    retail = _rated(agreement["retail"], quantities, decimals)
    bought = _rated(agreement["wholesale"], quantities, decimals)
    return {
        "retail": _money(retail, decimals),
        "wholesale": _money(bought, decimals),
        "margin": _money(retail - bought, decimals),
    }


def _isolation(agreement, transactions):
    return {
        "visible": {
            data["user_of"]: channel.visible(
                agreement["tree"],
                agreement["customers"],
                data["user_of"],
                agreement.get("downstream_visible", True),
            )
            for data in transactions
        }
    }


def _dimension(agreement, transactions):
    decimals = _decimals(agreement)
    for clause in ("seller_commission", "fallback_weights"):
        if any(clause in part for part in (agreement, *agreement["rules"])):
            raise Unsupported(f"dimension.{clause}")
    [rule] = agreement["rules"]
    if rule["type"] != "by_weight" or len(rule) != len(
        {"type", "priority"} & set(rule)
    ):
        raise BadCase(f"{rule.where}: by_weight was expected")
    rule.get("priority")
    shares, base = {}, Decimal(0)
    for data in transactions:
        if data["type"] != "line":
            raise Unsupported("dimension.refund")
        weights = {name: Decimal(w) for name, w in data["weights"].items()}
        net = Decimal(data["net"])
        parts = allocate.spread(net, weights.values(), decimals)
        base += net
        for name, part in zip(weights, parts, strict=True):
            shares[name] = shares.get(name, Decimal(0)) + part
    return {
        "shares": _amounts(shares, decimals),
        "residual": _money(base - sum(shares.values()), decimals),
    }


def _clearing(agreement, transactions):
    decimals = _decimals(agreement)
    if "fee" in agreement:
        raise Unsupported("clearing.fee")
    sales = [
        clearing.Sale(
            data["seller"],
            Decimal(data["amount"]),
            {name: Decimal(part) for name, part in data["entitled"].items()},
        )
        for data in transactions
    ]
    entitled, collected, net = clearing.positions(sales)
    figures = {
        "entitled": _amounts(entitled, decimals),
        "collected": _amounts(collected, decimals),
        "shares": _amounts(entitled, decimals),
        "residual": _money(sum(collected.values()) - sum(entitled.values()), decimals),
        "net": _amounts(net, decimals),
    }
    if agreement.get("netting") == "bilateral":
        figures["pairs"] = [
            {"from": debtor, "to": creditor, "amount": _money(amount, decimals)}
            for (debtor, creditor), amount in clearing.pairs(sales).items()
        ]
    return figures


# -- clauses by date ---------------------------------------------------------


class _Version:
    def __init__(self, data):
        self.number, self.rate = str(data["version"]), Decimal(data["rate"])
        self.date_from = date.fromisoformat(data["from"])
        self.date_to = date.fromisoformat(data["to"]) if data["to"] else None


def _versions(agreement, transactions):
    decimals = _decimals(agreement)
    versions = [_Version(data) for data in agreement["versions"]]
    basis = agreement["date_basis"] + "_date"
    nets, unmatched = {}, Decimal(0)
    for data in transactions:
        found = clauses.version_in_force(versions, date.fromisoformat(data[basis]))
        if found is None:
            unmatched += Decimal(data["net"])
            continue
        nets[found] = nets.get(found, Decimal(0)) + Decimal(data["net"])
    by_version = {
        version.number: allocate.half_up(
            Fraction(net) * Fraction(version.rate) / 100, decimals
        )
        for version, net in nets.items()
    }
    share = sum(by_version.values(), Decimal(0))
    whole = sum(nets.values(), Decimal(0)) + unmatched
    return {
        "shares": {agreement["partner"]: _money(share, decimals)},
        "residual": _money(whole - share, decimals),
        "by_version": _amounts(by_version, decimals),
        "unmatched": _money(unmatched, decimals),
    }


def _attribution(agreement, transactions):
    decimals, clause = _decimals(agreement), agreement["attribution"]
    whole, shared = Decimal(0), Decimal(0)
    for index, data in enumerate(transactions):
        net = Decimal(data["net"])
        whole += net
        if clause["mode"] == "first_purchase":
            own = index == 0
        elif clause["mode"] == "months":
            start = clause.get("customer_start", agreement.get("customer_start"))
            own = clauses.is_attributed(
                date.fromisoformat(data["date"]),
                date.fromisoformat(start),
                int(clause["months"]),
            )
        else:
            raise ValueError(clause["mode"])
        shared += net if own else 0
    share = allocate.half_up(
        Fraction(shared) * Fraction(Decimal(agreement["rate"])) / 100, decimals
    )
    return {
        "shares": {agreement["partner"]: _money(share, decimals)},
        "residual": _money(whole - share, decimals),
    }


def _bundle(agreement, transactions):
    decimals, parts = _decimals(agreement), agreement["components"]
    price = sum(Decimal(data["net"]) for data in transactions)
    allocated = totals.unbundled(
        price, [Decimal(part["standalone"]) for part in parts], decimals
    )
    shares = {}
    for part, amount in zip(parts, allocated, strict=True):
        rate = Fraction(Decimal(part["rate"]))
        if part["partner"] is None:
            continue
        share = allocate.half_up(Fraction(amount) * rate / 100, decimals)
        shares[part["partner"]] = shares.get(part["partner"], Decimal(0)) + share
    return {
        "allocated": _amounts(
            {p["code"]: a for p, a in zip(parts, allocated, strict=True)}, decimals
        ),
        "shares": _amounts(shares, decimals),
        "residual": _money(price - sum(shares.values()), decimals),
    }


FAMILIES = {
    "split": _split,
    "periods": _periods,
    "idempotent": _idempotent,
    "invoiced": _invoiced,
    "collected": _collected,
    "refund": _refund,
    "guarantee": _guarantee,
    "payout": _payout,
    "statement": _statement,
    "statements": _statements,
    "selfbill": _selfbill,
    "fx": _fx,
    "das2": _das2,
    "chain": _chain,
    "wholesale": _wholesale,
    "isolation": _isolation,
    "dimension": _dimension,
    "clearing": _clearing,
    "versions": _versions,
    "attribution": _attribution,
    "bundle": _bundle,
}
