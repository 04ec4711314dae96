"""Why a rated line costs what it costs: its evidence as data, rows and one sentence.

quantity -> conversion -> allowance -> price -> discount -> bounds -> coupons ->
rounding -> amount; what earlier revisions billed is a row of its own. The exact amounts
of the rows and the rounding add up to the amount: :func:`residual` is zero.

The words are those of the reader's language; the figures are of the evidence that was
stored when the line was rated, so an explanation never changes.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from functools import reduce

from . import messages
from .fields_exact import to_text
from .rating.rounding import exact_arithmetic

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Row:
    """One term of the explanation.

    code: step, or label of the component
    kind: quantity, note (a fact about the price), amount, rounding or total
    value: units for a quantity, zero for a note, currency units otherwise, exact
    text: what it is, in words; detail: how it comes about ("2 × 10"), may be empty
    facts: figures behind it, texts of numbers
    """

    code: str
    kind: str
    value: Decimal
    text: str
    detail: str = ""
    facts: dict = field(default_factory=dict)

    def data(self):
        """The row as JSON."""
        return {
            "code": self.code,
            "kind": self.kind,
            "value": to_text(self.value),
            "text": self.text,
            "detail": self.detail,
            "facts": self.facts,
        }


def explain(env, line):
    """Rows of a rated line, from the meter to the amount.

    :param env: environment in the reader's language
    :param usage.rated.line line: any state
    :rtype: list[Row]
    """
    line = line.with_env(env)
    return [
        *_quantity_rows(env, line),
        *_price_rows(env, line),
        *_amount_rows(env, line),
        *_total_rows(env, line),
    ]


def residual(rows):
    """What the equation leaves over: components + rounding - amount due; zero."""
    with exact_arithmetic():
        terms = [row.value for row in rows if row.kind in ("amount", "rounding")]
        due = next(row.value for row in rows if row.code == "due")
        return sum(terms, ZERO) - due


def sentence(env, line, rows):
    """The whole explanation as one sentence a customer can read."""
    steps = [
        f"{row.text} {row.detail}".strip() for row in rows if row.kind == "quantity"
    ]
    steps += [row.text for row in rows if row.kind == "note"]
    amounts = [
        _term(env, row.text, f"{row.detail} = {_figure(env, row.value)}")
        if row.detail
        else _term(env, row.text, _figure(env, row.value))
        for row in rows
        if row.kind == "amount"
    ]
    due = next(row for row in rows if row.code == "due")
    rounding = next(row for row in rows if row.code == "rounding")
    if rounding.value:
        amounts.append(_term(env, rounding.text, _figure(env, rounding.value)))
    text = env._(
        "%(steps)s. %(amount)s = %(terms)s.",
        steps=_listed(env, steps) or line.charge_id.with_env(env).name,
        amount=messages.amounts(env, [(line.currency_id, due.value)]),
        terms=_listed(env, amounts) or "0",
    )
    return text[:1].upper() + text[1:]


def _term(env, name, value):
    return env._("%(name)s: %(value)s", name=name, value=value)


def _listed(env, terms):
    """Terms in a row; French has a space before the semicolon."""
    return reduce(
        lambda first, then: env._("%(first)s; %(then)s", first=first, then=then),
        terms or [""],
    )


def _figure(env, value):
    return messages.number(env, value)


def _amount(value):
    return Decimal(str(value))


# ----------------------------------------------------------------------
# quantities
# ----------------------------------------------------------------------
def _quantity_rows(env, line):
    unit = line.charge_id.unit_label or line.unit_label or ""
    rows = []
    if line.quantity is not None and line.meter_id:
        rows.append(
            Row(
                "metered",
                "quantity",
                line.quantity,
                env._("measured"),
                _units(env, line.quantity, unit),
                {"events": line.event_count},
            )
        )
    for step in (line.evidence or {}).get("steps", ()):
        make = _QUANTITY_STEPS.get(step["step"])
        if make:
            rows.append(make(env, step, unit))
    return rows


def _units(env, value, unit):
    return f"{_figure(env, value)} {messages.unit(env, unit, value)}".strip()


def _convert(env, step, unit):
    facts = {"divisor": _figure(env, _amount(step["divide_by"]))}
    text = {
        "up": env._("divided by %(divisor)s and rounded up", **facts),
        "down": env._("divided by %(divisor)s and rounded down", **facts),
        "half_up": env._("divided by %(divisor)s and rounded to the nearest", **facts),
    }.get(step["rounding"]) or env._("divided by %(divisor)s", **facts)
    quantity = _amount(step["quantity"])
    return Row(
        "convert", "quantity", quantity, text, f"= {_units(env, quantity, unit)}", step
    )


def _included(env, step, unit):
    quantity = _amount(step["quantity"])
    with exact_arithmetic():
        used = _amount(step["before"]) - quantity
    text = env._(
        "less %(used)s free of %(included)s included",
        used=_figure(env, used),
        included=_figure(env, _amount(step["included"])),
    )
    return Row(
        "included", "quantity", quantity, text, f"= {_units(env, quantity, unit)}", step
    )


def _accumulated(env, step, unit):
    quantity = _amount(step["quantity_before"])
    text = env._(
        "on top of the earlier periods' %(units)s", units=_figure(env, quantity)
    )
    return Row("accumulated", "quantity", quantity, text, "", step)


def _pricing_unit(env, step, unit):
    rate = _amount(step["rate"])
    text = env._(
        "prices in %(unit)s, each worth %(rate)s",
        unit=step["unit"],
        rate=_figure(env, rate),
    )
    return Row("pricing_unit", "quantity", rate, text, "", step)


_QUANTITY_STEPS = {
    "convert": _convert,
    "included": _included,
    "accumulated": _accumulated,
    "pricing_unit": _pricing_unit,
}


# ----------------------------------------------------------------------
# where the price comes from
# ----------------------------------------------------------------------
def _price_rows(env, line):
    """The exception that gave the price; its name and reason stay in the house."""
    found = line.sudo().override_id
    if not found:
        return
    day = messages.day(env, found.date_from)
    if found.partner_id:
        text = env._("under the terms agreed with you since %(date)s", date=day)
    else:
        text = env._("under the special terms in force since %(date)s", date=day)
    facts = {"since": found.date_from.isoformat()}
    yield Row("override", "note", ZERO, text, "", facts)


# ----------------------------------------------------------------------
# amounts
# ----------------------------------------------------------------------
def _amount_rows(env, line):
    steps = {step["step"]: step for step in (line.evidence or {}).get("steps", ())}
    for part in line.component_ids:
        name = messages.component_label(env, part)
        if not name:
            name = line.price_id.name or line.charge_id.name or ""
        detail, facts = "", {"key": part.key, "role": part.role}
        if part.quantity is not None and part.unit_price is not None:
            detail = f"{_figure(env, part.quantity)} × {_figure(env, part.unit_price)}"
            facts |= {
                "quantity": to_text(part.quantity),
                "unit_price": to_text(part.unit_price),
            }
        elif part.role in steps:
            detail = _bound(env, part.role, steps[part.role])
            facts |= steps[part.role]
        yield Row(
            part.label or part.key, "amount", part.exact_amount, name, detail, facts
        )


def _bound(env, role, step):
    """What a discount or bound says, where the component has no price."""
    if role == "discount" and "percent" in step:
        return f"{_figure(env, _amount(step['percent']))} %"
    if role in ("maximum", "minimum") and role in step:
        return _figure(env, _amount(step[role]))
    if role == "coupon" and step.get("percent"):
        return f"{_figure(env, _amount(step['percent']))} %"
    return ""


# ----------------------------------------------------------------------
# totals
# ----------------------------------------------------------------------
def _total_rows(env, line):
    with exact_arithmetic():
        exact = sum(line.component_ids.mapped("exact_amount"), ZERO)
        due = line.amount or ZERO
        rounding = due - exact
        before = line.already_billed or ZERO
        whole = due + before
    yield Row("rounding", "rounding", rounding, env._("rounding"))
    yield Row("due", "total", due, env._("billed by this line"))
    if before:
        yield Row("billed", "total", before, env._("billed before for this period"))
        yield Row("cumulative", "total", whole, env._("the period costs in all"))
