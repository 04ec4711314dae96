"""The body of POST /usage/v1/quotes, read and checked."""

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal, InvalidOperation

from .problem import ApiProblem
from .words import Sentence as _lt

#: items of one basket
MAX_ITEMS = 500

BODY = {"plan", "customer", "subscription", "date", "fees", "items", "products"}
ITEM = {"plan", "charge", "quantity", "dimensions", "values", "amount", "at"}
PRODUCT = {"product", "quantity", "price"}


@dataclass(frozen=True, slots=True)
class QuoteItem:
    """One piece of usage: charge is the key of a charge or the code of a meter.

    at: when it happens, for prices by hour; local to the customer without a zone
    """

    plan: str
    charge: str
    quantity: Decimal
    dimensions: dict = field(default_factory=dict)
    values: tuple | None = None
    amount: Decimal | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class QuoteProduct:
    """A fixed item: price None for the list price of the product."""

    product: str
    quantity: Decimal
    price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class QuoteRequest:
    """plan: of items that name none; fees: recurring fees of the plans count too"""

    plan: str
    customer: str
    subscription: str
    day: date | None
    fees: bool
    items: tuple[QuoteItem, ...]
    products: tuple[QuoteProduct, ...]


def read(document):
    """Read the body of a request.

    :param document: of JSON, numbers are int or Decimal
    :rtype: QuoteRequest
    :raise ApiProblem: 422 naming the field that is wrong
    """
    _check_object(document, "", BODY)
    plan = _text(document, "plan", "")
    items = _list(document, "items")
    products = _list(document, "products")
    if len(items) + len(products) > MAX_ITEMS:
        raise _invalid(
            "items", _lt("A basket has at most %(most)s items.", most=MAX_ITEMS)
        )
    if not plan and not items and not products:
        raise _invalid("items", _lt("The basket is empty and names no plan."))
    return QuoteRequest(
        plan=plan,
        customer=_text(document, "customer", ""),
        subscription=_text(document, "subscription", ""),
        day=_day(document.get("date")),
        fees=_flag(document.get("fees", True)),
        items=tuple(
            _item(item, f"items[{number}]", plan) for number, item in enumerate(items)
        ),
        products=tuple(
            _product(item, f"products[{number}]")
            for number, item in enumerate(products)
        ),
    )


def _item(item, place, plan):
    _check_object(item, place, ITEM)
    found = _text(item, "plan", place) or plan
    if not found:
        raise _invalid(f"{place}.plan", _lt("Say on which plan the item is priced."))
    charge = _text(item, "charge", place)
    if not charge:
        raise _invalid(f"{place}.charge", _lt("Say which charge or meter is used."))
    dimensions = item.get("dimensions") or {}
    if not isinstance(dimensions, dict) or not all(
        isinstance(value, str) for value in dimensions.values()
    ):
        raise _invalid(f"{place}.dimensions", _lt("Dimensions are texts by name."))
    values = item.get("values")
    if values is not None:
        if not isinstance(values, list):
            raise _invalid(f"{place}.values", _lt("Values are a list of numbers."))
        values = tuple(
            _number(value, f"{place}.values[{number}]")
            for number, value in enumerate(values)
        )
    amount = item.get("amount")
    return QuoteItem(
        plan=found,
        charge=charge,
        quantity=_number(item.get("quantity", 0), f"{place}.quantity"),
        dimensions=dimensions,
        values=values,
        amount=None if amount is None else _number(amount, f"{place}.amount"),
        at=_moment(item.get("at"), f"{place}.at"),
    )


def _product(item, place):
    _check_object(item, place, PRODUCT)
    product = _text(item, "product", place)
    if not product:
        raise _invalid(f"{place}.product", _lt("Name the product by its reference."))
    price = item.get("price")
    return QuoteProduct(
        product=product,
        quantity=_number(item.get("quantity", 1), f"{place}.quantity"),
        price=None if price is None else _number(price, f"{place}.price"),
    )


def _check_object(value, place, known):
    if not isinstance(value, dict):
        raise _invalid(place or "body", _lt("A JSON object is expected."))
    for name in value:
        if name not in known:
            where = f"{place}.{name}" if place else name
            raise _invalid(
                where[:120],
                _lt(
                    "There is no such member here. Known: %(names)s.",
                    names=", ".join(sorted(known)),
                ),
            )


def _text(value, name, place):
    text = value.get(name, "")
    if text is None:
        return ""
    if not isinstance(text, str) or len(text) > 200 or "\x00" in text:
        where = f"{place}.{name}" if place else name
        raise _invalid(where, _lt("A text of at most 200 characters is expected."))
    return text.strip()


def _list(value, name):
    found = value.get(name) or []
    if not isinstance(found, list):
        raise _invalid(name, _lt("A list is expected."))
    return found


def _flag(value):
    if not isinstance(value, bool):
        raise _invalid("fees", _lt("True or false is expected."))
    return value


def _day(value):
    if value is None:
        return None
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        raise _invalid("date", _lt("A date such as 2026-11-30 is expected.")) from None


def _moment(value, place):
    if value is None:
        return None
    try:
        return datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise _invalid(
            place, _lt("A time such as 2026-11-30T23:00 is expected.")
        ) from None


def _number(value, place):
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        raise _invalid(place, _lt("A decimal number is expected."))
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise _invalid(place, _lt("A decimal number is expected.")) from None
    if not number.is_finite() or abs(number.adjusted()) > 30:
        raise _invalid(place, _lt("A decimal number of reasonable size is expected."))
    return number


def _invalid(where, detail):
    return ApiProblem(
        422,
        "invalid_quote",
        _lt("The quote cannot be read"),
        detail,
        where,
        _lt("Correct the request and send it again; a quote stores nothing."),
    )


__all__ = ["QuoteItem", "QuoteProduct", "QuoteRequest", "read"]
