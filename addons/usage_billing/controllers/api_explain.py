"""Why a line of an invoice costs what it costs, for programs and for people."""

from odoo import http
from odoo.tools import LazyTranslate

from ..api import problem
from ..api.operations import Operation, Parameter, register_schema
from .api import api_route
from .api_schemas import EXACT, MODULE

_lt = LazyTranslate(__name__)

TEXT = {"type": "string"}
EXPLANATION = register_schema(
    MODULE,
    "Explanation",
    {
        "type": "object",
        "description": _lt(
            "From the measured quantity to the amount. The rows of kind amount and "
            "rounding add up to the amount; the residual is zero."
        ),
        "required": ["line", "amount", "rows", "sentence", "residual"],
        "properties": {
            "line": {"type": "integer"},
            "charge": TEXT,
            "name": TEXT,
            "dimensions": {"type": "object"},
            "period": {"type": "object"},
            "currency": TEXT,
            "version": {"type": "integer"},
            "revision": {"type": "integer"},
            "amount": EXACT,
            "rows": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "code": TEXT,
                        "kind": {
                            "enum": ["quantity", "note", "amount", "rounding", "total"]
                        },
                        "value": EXACT,
                        "text": TEXT,
                        "detail": TEXT,
                        "facts": {"type": "object"},
                    },
                },
            },
            "sentence": TEXT,
            "residual": EXACT,
        },
    },
)


class ExplainApi(http.Controller):
    @api_route(
        Operation(
            "GET",
            "/usage/v1/rated-lines/{number}/explanation",
            "explainRatedLine",
            _lt("Why a rated line costs what it costs"),
            tag="quotes",
            scope="read",
            parameters=(
                Parameter(
                    "number",
                    _lt("Number of the rated line."),
                    {"type": "integer", "minimum": 1, "maximum": 2**31 - 1},
                    place="path",
                    required=True,
                    example=1,
                ),
            ),
            responses={200: (_lt("The explanation"), "Explanation")},
            problems={404: _lt("No such rated line")},
        )
    )
    def explain_rated_line(self, call, number):
        call.refuse_unknown_parameters()
        line = call.find("usage.rated.line", number)
        payer = line.subscription_id.payer_id.commercial_partner_id
        if call.key.partner_id and payer.id != call.key.partner_id:
            line = line.browse()  # prices are the payer's business
        if not line:
            raise problem.not_found(
                _lt("There is no rated line %(number)s.", number=number[:20])
            )
        return 200, line.with_context(lang=call.lang)._get_explanation()
