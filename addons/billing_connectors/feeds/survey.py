# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""What has to exist before a file can be billed: customers, subjects, meters, prices.

A mapping may carry a rule for it under ``provision``::

    {"prices": "pass_through" | "unit_prices",
     "currency": "EUR",                 default: the currency column of the file
     "time_zone": "UTC",                zone of the subscriptions, default UTC
     "country": "FR",                   of customers that have to be created
     "plan": {"code": "METER", "name": "Metered energy"},
     "default_unit_price": "0.10",      for kinds of usage without a meter below
     "meters": [{"code": "kwh", "name": "Energy", "event_type": "energy",
                 "aggregation": "sum", "value_source": "value", "value_property": "",
                 "dimension_keys": [], "unit": "kWh", "unit_code": "KWH",
                 "unit_price": "0.2516"}]}

``pass_through`` bills what the supplier already worked out: the amount on each row, one
charge for each customer and period, rounded once. ``unit_prices`` bills quantity times
price, one charge for each meter.
"""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation

from .values import FeedError, MappingError

PRICES = ("pass_through", "unit_prices")
_KEYS = {
    "prices", "currency", "time_zone", "country", "plan", "default_unit_price",
    "meters",
}  # fmt: skip
_METER_KEYS = {
    "code", "name", "event_type", "aggregation", "value_source", "value_property",
    "dimension_keys", "unit", "unit_code", "unit_price",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class MeterRule:
    """A meter to have, and its price (None: passed through)."""

    code: str
    name: str
    event_type: str
    aggregation: str = "sum"
    value_source: str = "value"
    value_property: str = ""
    dimension_keys: tuple = ()
    unit: str = ""
    unit_code: str = "C62"
    unit_price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class ProvisionRule:
    """A checked rule; see the module's text."""

    prices: str
    plan_code: str
    plan_name: str
    currency: str | None = None
    time_zone: str = "UTC"
    country: str | None = None
    default_unit_price: Decimal | None = None
    meters: tuple = ()


@dataclass(slots=True)
class CustomerUsage:
    """One customer of a file: who, under which subjects, from when to when (UTC)."""

    key: str
    name: str
    subjects: set = field(default_factory=set)
    first: datetime | None = None
    last: datetime | None = None
    rows: int = 0

    def add(self, subject, moment):
        self.subjects.add(subject)
        self.rows += 1
        if self.first is None or moment < self.first:
            self.first = moment
        if self.last is None or moment > self.last:
            self.last = moment


@dataclass(slots=True)
class Survey:
    """What a file holds, by customer (in the order of the file)."""

    customers: dict = field(default_factory=dict)
    types: set = field(default_factory=set)
    currencies: set = field(default_factory=set)
    first: datetime | None = None
    last: datetime | None = None


def load_rule(spec) -> ProvisionRule:
    """Check the rule a mapping carries.

    :param feeds.mapping.MappingSpec spec: a checked mapping
    :raise MappingError: ``missing_key``, ``unknown_key``, ``wrong_value``
    """
    data = spec.provision
    for key in data:
        if key not in _KEYS:
            raise MappingError("unknown_key", key=f"provision.{key}")
    prices = data.get("prices")
    if prices is None:
        raise MappingError("missing_key", key="provision.prices")
    if prices not in PRICES:
        raise MappingError("wrong_value", key="provision.prices", value=prices)
    if prices == "pass_through" and "amount" not in spec.fields:
        raise MappingError("missing_key", key="fields.amount")
    plan = data.get("plan") or {}
    default = _price(data.get("default_unit_price"), "default_unit_price")
    return ProvisionRule(
        prices=prices,
        plan_code=str(plan.get("code") or spec.source.get("code") or spec.name),
        plan_name=str(plan.get("name") or spec.name),
        currency=data.get("currency"),
        time_zone=data.get("time_zone", "UTC"),
        country=data.get("country"),
        default_unit_price=default,
        meters=tuple(_meter(m, spec, prices, default) for m in data.get("meters", ())),
    )


def _meter(data, spec, prices, default):
    for key in data:
        if key not in _METER_KEYS:
            raise MappingError("unknown_key", key=f"provision.meters.{key}")
    if not data.get("code"):
        raise MappingError("missing_key", key="provision.meters.code")
    event_type = data.get("event_type") or spec.fields["type"].const
    if not event_type:
        raise MappingError("missing_key", key="provision.meters.event_type")
    price = _price(data.get("unit_price"), data["code"])
    price = default if price is None else price
    if prices == "unit_prices" and price is None:
        raise MappingError("missing_key", key=f"provision.meters.{data['code']}.price")
    return MeterRule(
        code=data["code"],
        name=str(data.get("name") or data["code"]),
        event_type=event_type,
        aggregation=data.get("aggregation", "sum"),
        value_source=data.get("value_source", "value"),
        value_property=data.get("value_property", ""),
        dimension_keys=tuple(data.get("dimension_keys", ())),
        unit=data.get("unit", ""),
        unit_code=data.get("unit_code", "C62"),
        unit_price=None if prices == "pass_through" else price,
    )


def _price(value, where):
    if value is None:
        return None
    try:
        price = Decimal(value if isinstance(value, Decimal) else str(value))
    except InvalidOperation as error:
        raise MappingError("wrong_value", key=where, value=value) from error
    if isinstance(value, float) or not price.is_finite():
        raise MappingError("wrong_value", key=where, value=value)
    return price


def survey(feed) -> Survey:
    """Read a file once for its customers, kinds of usage, currencies and dates.

    Memory grows with the customers and subjects of the file, not with its rows.

    :param feeds.parsers.csv_feed.CsvFeed feed: an open feed
    """
    found = Survey()
    for usage, key, name in feed.customers():
        customer = found.customers.get(key)
        if customer is None:
            customer = found.customers[key] = CustomerUsage(key, name)
        customer.add(usage.subject, usage.time)
        found.types.add(usage.type)
        if usage.currency:
            found.currencies.add(usage.currency)
        if found.first is None or usage.time < found.first:
            found.first = usage.time
        if found.last is None or usage.time > found.last:
            found.last = usage.time
    return found


def meters_for(rule, types) -> tuple:
    """Meters of the rule, and one for each kind of usage it does not name.

    :raise FeedError: ``no_price`` when such a kind has no default price
    """
    known = {meter.event_type for meter in rule.meters}
    extra = []
    for kind in sorted(types - known):
        if rule.prices == "pass_through":
            extra.append(MeterRule(kind, kind, kind, value_source="amount"))
        elif rule.default_unit_price is None:
            raise FeedError("no_price", type=kind)
        else:
            extra.append(
                MeterRule(kind, kind, kind, unit_price=rule.default_unit_price)
            )
    return rule.meters + tuple(extra)


def currency_for(rule, found) -> str | None:
    """Currency of the plan: declared, else the only one of the file, else None.

    :raise FeedError: ``several_currencies``; ``other_currency`` when declared prices
        would meet costs in another currency
    """
    if len(found.currencies) > 1:
        raise FeedError(
            "several_currencies", currencies=", ".join(sorted(found.currencies))
        )
    written = next(iter(found.currencies), None)
    if (
        rule.prices == "pass_through"
        and rule.currency
        and written
        not in (
            None,
            rule.currency,
        )
    ):
        raise FeedError("other_currency", currency=written, declared=rule.currency)
    return rule.currency or written
