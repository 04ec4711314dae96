# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""What every rating adapter reads alike: the head of a case, times and events.

Neutral on purpose: no word of the product, so that both engines may use it.
"""

from datetime import datetime
from zoneinfo import ZoneInfo

from harness import BadCase, Fields

#: decimals of the currencies the case README names
DECIMALS = {"JPY": 0}

#: ways to round a quantity; the plain one has several names
ROUNDINGS = {
    "up": "up",
    "down": "down",
    "half_up": "half_up",
    "nearest": "half_up",
    "round": "half_up",
}

#: kinds and models of the case README; anything else is a mistake in the case
KINDS = frozenset(
    """price filtered percentage event_priced split true_up plan_commitment windowed
    windowed_commitment rerate late_events aggregate rollup level_changes level_events
    prorated_quantity prorate prorate_dates plan_change days anchors grants wallets
    coupons spread invoice credit_note sum_rounded progressive""".split()
)
MODELS = frozenset(
    """per_unit package graduated volume graduated_blocks volume_blocks stairstep
    percentage graduated_percentage event_priced cost_plus""".split()
)


def open_case(data):
    """Strict fields of a case, its head read; and its kind.

    :rtype: tuple[Fields, str]
    :raise BadCase: the kind is not one of the README
    """
    case = Fields(data, data.get("id", "case"))
    for name in ("id", "family", "source", "title", "notes"):
        case.text(name, "")
    case.raw("expected")
    case.text("currency")
    bounds(case)
    kind = case.text("kind")
    if kind not in KINDS:
        raise BadCase(f"{case.where}: unknown kind {kind}")
    return case, kind


def model_of(fields):
    """Price model of a charge.

    :raise BadCase: the model is not one of the README
    """
    model = fields.text("model")
    if model not in MODELS:
        raise BadCase(f"{fields.where}: unknown model {model}")
    return model


def only_charge(case):
    """The charge of a case that has one."""
    charges = case.objects("charges")
    if len(charges) != 1:
        raise BadCase(f"{case.where}: one charge was expected")
    return charges[0]


def instant(text):
    """Aware instant of an ISO time."""
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    if moment.tzinfo is None:
        raise BadCase(f"{text}: a time without zone")
    return moment


def bounds(case):
    """Start and end of the period as aware instants, and the name of its zone."""
    fields = case.object("period")
    start, end = instant(fields.text("start")), instant(fields.text("end"))
    return start, end, fields.text("timezone")


def local_dates(case):
    """Local dates of the two bounds of the period."""
    start, end, zone = bounds(case)
    local = ZoneInfo(zone)
    return start.astimezone(local).date(), end.astimezone(local).date()


def rounding_of(fields):
    """Mode and decimals of a rounding object; (None, 0) where there is none.

    :raise BadCase: a mode the README does not use
    """
    if fields is None:
        return None, 0
    mode = fields.text("mode")
    if mode not in ROUNDINGS:
        raise BadCase(f"{fields.where}: unknown rounding {mode}")
    return ROUNDINGS[mode], fields.integer("decimals", 0)


class Event:
    """An event of a case, its properties still as text."""

    def __init__(self, fields):
        self.id = fields.text("id")
        self.at = instant(fields.text("timestamp"))
        self.properties = fields.raw("properties", {})
        self.identity = {
            "id": self.id,
            "timestamp": fields.raw("timestamp"),
            "source": fields.text("source", None),
            "subscription": fields.text("subscription", None),
            "code": fields.text("code", None),
        }
        self.amount = fields.number("amount", None)
        self.where = fields.where

    def number(self, name):
        """Decimal of a property."""
        return Fields(self.properties, self.where).number(name)


def read_events(case):
    """Every event of a case, as listed."""
    return [Event(fields) for fields in case.objects("events")]
