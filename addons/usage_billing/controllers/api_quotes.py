"""POST /usage/v1/quotes: what any basket would cost."""

from zoneinfo import ZoneInfo

from odoo import fields, http
from odoo.tools import LazyTranslate

from .. import price_words, rater
from ..api import quotes
from ..api.operations import Operation, register_schema
from ..api.problem import ApiProblem
from .api import api_route
from .api_schemas import EXACT, MODULE, NUMBER, STORABLE

_lt = LazyTranslate(__name__)

TEXT = {"type": "string", "pattern": STORABLE, "maxLength": 200}
REQUEST = register_schema(
    MODULE,
    "QuoteRequest",
    {
        "type": "object",
        "description": _lt("A basket of usage and fixed items."),
        "additionalProperties": False,
        "properties": {
            "plan": {
                **TEXT,
                "description": _lt("Code of the plan of items that name none."),
            },
            "customer": {
                **TEXT,
                "description": _lt(
                    "Reference of the customer, for its exceptions and taxes."
                ),
            },
            "subscription": {
                **TEXT,
                "description": _lt(
                    "Code of a subscription, in place of a customer: its step of a "
                    "ramp, coupons, prepaid credits and kept free units count too."
                ),
            },
            "date": {
                "type": ["string", "null"],
                "format": "date",
                "description": _lt("Prices in force on this day; today by default."),
            },
            "fees": {
                "type": "boolean",
                "default": True,
                "description": _lt(
                    "Whether recurring fees and minimums of the plan count too; false "
                    "prices only what the basket names, such as a ticket."
                ),
            },
            "items": {
                "type": "array",
                "maxItems": quotes.MAX_ITEMS,
                "items": {
                    "type": "object",
                    "required": ["charge"],
                    "additionalProperties": False,
                    "properties": {
                        "plan": TEXT,
                        "charge": {
                            **TEXT,
                            "minLength": 1,
                            "description": _lt(
                                "Key of the charge, or code of its meter."
                            ),
                        },
                        "quantity": NUMBER,
                        "dimensions": {
                            "type": "object",
                            "propertyNames": {"pattern": STORABLE},
                            "additionalProperties": {
                                "type": "string",
                                "pattern": STORABLE,
                            },
                        },
                        "values": {
                            "type": ["array", "null"],
                            "items": NUMBER,
                            "description": _lt("Value of each event, for percentages."),
                        },
                        "amount": NUMBER,
                        "at": {
                            "type": ["string", "null"],
                            "description": _lt(
                                "Time of the usage, for prices by hour, such as "
                                "2026-11-30T23:00; local to the customer where it "
                                "names no zone."
                            ),
                        },
                    },
                },
            },
            "products": {
                "type": "array",
                "maxItems": quotes.MAX_ITEMS,
                "items": {
                    "type": "object",
                    "required": ["product"],
                    "additionalProperties": False,
                    "properties": {
                        "product": {
                            **TEXT,
                            "minLength": 1,
                            "description": _lt("Internal reference of the product."),
                        },
                        "quantity": NUMBER,
                        "price": NUMBER,
                    },
                },
            },
        },
    },
)
register_schema(
    MODULE,
    "Quote",
    {
        "type": "object",
        "description": _lt("What the basket costs, line by line, with each step."),
        "required": ["currency", "lines", "untaxed", "tax", "total"],
        "properties": {
            "currency": {"type": "string"},
            "date": {"type": "string", "format": "date"},
            "untaxed": EXACT,
            "tax": EXACT,
            "total": EXACT,
            "lines": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "plan": {"type": "string"},
                        "charge": {"type": "string"},
                        "name": {"type": "string"},
                        "product": {"type": ["string", "null"]},
                        "quantity": {"anyOf": [EXACT, {"type": "null"}]},
                        "unit": {"type": "string"},
                        "dimensions": {"type": "object"},
                        "amount": EXACT,
                        "explanation": {"type": "string"},
                    },
                },
            },
        },
    },
)
TICKET = {
    "fees": False,
    "date": "2026-11-30",
    "items": [
        {"plan": "rail", "charge": "km", "quantity": "120"},
        {"plan": "city-bus", "charge": "rides", "quantity": "2"},
    ],
    "products": [{"product": "BIKE-DAY", "quantity": 1}],
}


class QuoteApi(http.Controller):
    @api_route(
        Operation(
            "POST",
            "/usage/v1/quotes",
            "createQuote",
            _lt("Price a basket"),
            _lt(
                "Any usage and fixed items on any plan, or on several at once, priced "
                "by the function that bills. Nothing is stored."
            ),
            tag="quotes",
            scope="quote",
            body={"application/json": (REQUEST, {"ticket": TICKET})},
            responses={200: (_lt("The price, line by line"), "Quote")},
            problems={
                400: _lt("The body is no JSON"),
                404: _lt("No such plan, customer, subscription or product"),
                413: _lt("The body is too large"),
                415: _lt("Another charset or encoding"),
                422: _lt("A member is wrong, or the plan does not price an item"),
            },
        )
    )
    def create_quote(self, call):
        call.refuse_unknown_parameters()
        wanted = quotes.read(call.read_json())
        company = call.env["res.company"].browse(call.key.company_id)
        finder = _Finder(call, company)
        partner, subscription = finder.customer(wanted)
        plan = wanted.plan or subscription.plan_id.code
        zone = subscription.tz or partner.tz or company._usage_get_zone()
        # today is the customer's: the API itself keeps to UTC
        day = wanted.day or fields.Date.context_today(company.with_context(tz=zone))
        items = [
            (
                finder.version(item.plan or plan, day, subscription),
                rater.Item(
                    item.charge,
                    item.quantity,
                    item.dimensions,
                    item.values,
                    item.amount,
                    at=_local(item.at, ZoneInfo(zone)),
                ),
            )
            for item in wanted.items
        ]
        fees_of = call.env["usage.plan.version"]
        if wanted.fees:
            fees_of = fees_of.concat(*(version for version, _item in items))
            if plan:
                fees_of |= finder.version(plan, day, subscription)
        quote = call.env["usage.quote"]._quote(
            company,
            items,
            [
                (finder.product(item.product), item.quantity, item.price)
                for item in wanted.products
            ],
            day=day,
            partner=partner,
            fees_of=fees_of,
            subscription=subscription,
        )
        return 200, _document(quote, day)


def _local(moment, zone):
    """A time on the customer's clock; one without a zone is meant so already."""
    return moment.astimezone(zone) if moment and moment.tzinfo else moment


class _Finder:
    """Records of the key's company by the names a caller knows."""

    def __init__(self, call, company):
        self.env = call.env
        self.key = call.key
        self.company = company

    def customer(self, wanted):
        """Customer and subscription of a request, either may be empty."""
        subscription = self.env["usage.subscription"]
        partner = self.env["res.partner"]
        if wanted.subscription:
            subscription = self._one(
                "usage.subscription", "code", wanted.subscription, "subscription"
            )
            partner = subscription.partner_id
        elif wanted.customer:
            partner = self._one("res.partner", "ref", wanted.customer, "customer")
        own = self.key.partner_id
        if own:
            if partner and own not in (partner.id, partner.commercial_partner_id.id):
                raise self._missing(
                    "subscription" if subscription else "customer",
                    wanted.subscription or wanted.customer,
                )
            partner = partner or partner.browse(own)
        return partner, subscription

    def version(self, code, day, subscription):
        """Version of a plan in force on a day, for this customer."""
        plan = self._one("usage.plan", "code", code, "plan")
        version = (
            subscription._get_version_at(day)
            if subscription.plan_id == plan
            else plan._get_version_at(day)
        )
        if not version:
            raise ApiProblem(
                422,
                "no_price",
                _lt("The plan has no prices"),
                _lt(
                    "Plan “%(plan)s” has no prices in force on %(day)s.",
                    plan=code,
                    day=str(day),
                ),
                "plan",
                _lt("Ask for a day on which the plan has a version in force."),
            )
        return version

    def product(self, reference_):
        return self._one("product.product", "default_code", reference_, "product")

    def _one(self, model, name, value, member):
        domain = [(name, "=", value), ("company_id", "in", [self.company.id, False])]
        found = self.env[model].search(domain, limit=1)
        if not found:
            raise self._missing(member, value)
        return found

    def _missing(self, member, value):
        return ApiProblem(
            404,
            "not_found",
            _lt("Not found"),
            _lt("There is none with the code “%(code)s”.", code=value),
            member,
            _lt("Send a code of the company of the key."),
        )


def _document(quote, day):
    return {
        "currency": quote.currency.name,
        "date": day.isoformat(),
        "untaxed": quote.untaxed,
        "tax": quote.tax,
        "total": quote.total,
        "lines": [
            {
                "plan": line.plan,
                "charge": line.charge,
                "name": line.name,
                "product": line.product.default_code or None,
                "quantity": line.quantity,
                "unit": line.unit,
                "dimensions": line.dimensions,
                "amount": line.amount,
                "explanation": price_words.in_one_sentence(line.steps),
            }
            for line in quote.lines
        ],
    }
