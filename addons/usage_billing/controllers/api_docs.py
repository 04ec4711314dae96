"""The documents of the API: OpenAPI, Postman collection, a page for people."""

from odoo import http
from odoo.http import Response
from odoo.tools import LazyTranslate

from ..api import limits, openapi, page
from ..api.operations import Operation, Parameter
from .api import answer, api_route
from .api_problems import problems_in
from .api_reasons import reasons_in
from .api_schemas import STORABLE

_lt = LazyTranslate(__name__)

VERSION = "1.0.0"
LANG = Parameter(
    "lang",
    _lt("Language of the texts, such as en or fr. Default: Accept-Language."),
    {"type": "string", "pattern": STORABLE},
)
INFO = {
    "title": _lt("Relevé usage API"),
    "version": VERSION,
    "summary": _lt("Send usage events, read usage."),
    "description": _lt(
        "Send usage events once or many times: each counts once. Read what they come "
        "to by customer, meter, dimension and time. Errors are problem details (RFC "
        "9457) with a code, the field and what to do."
    ),
    "license": {"name": "AGPL-3.0", "identifier": "AGPL-3.0-or-later"},
}
TAGS = {
    "events": _lt("Events"),
    "usage": _lt("Usage"),
    "meters": _lt("Meters"),
    "batches": _lt("Deliveries"),
    "quotes": _lt("Quotes"),
    "documentation": _lt("Documentation"),
}


class DocumentationApi(http.Controller):
    @api_route(
        Operation(
            "GET",
            "/usage/v1/openapi.json",
            "getOpenApi",
            _lt("This description, for programs (OpenAPI 3.1)"),
            tag="documentation",
            parameters=(LANG,),
            responses={200: (_lt("The OpenAPI document"), "Document")},
        )
    )
    def get_openapi(self, call):
        return self._answer(openapi.document, call)

    @api_route(
        Operation(
            "GET",
            "/usage/v1/postman.json",
            "getPostman",
            _lt("The same as a Postman collection"),
            tag="documentation",
            parameters=(LANG,),
            responses={200: (_lt("The collection, format 2.1.0"), "Document")},
        )
    )
    def get_postman(self, call):
        return self._answer(openapi.postman, call)

    def _answer(self, make, call):
        headers = {"Cache-Control": "public, max-age=300", "Vary": "Accept-Language"}
        return 200, _make(make, call), headers

    @http.route(
        ["/usage/v1/docs", "/usage/v1"],
        type="http",
        auth="none",
        methods=["GET"],
        save_session=False,
        readonly=True,
    )
    def show_documentation(self, **_query):
        """The page: nothing of it comes from another server, no script runs in it."""
        return answer(DocumentationApi._show, self, None, {})

    def _show(self, call):
        document = _make(openapi.document, call)
        env = call.env(context={"lang": call.lang})
        html = env["ir.qweb"]._render(
            "usage_billing.api_documentation",
            {
                "doc": page.describe(document, _tags(call)),
                "language": call.lang.split("_")[0],
                "reasons": [
                    (code, *texts)
                    for code, texts in reasons_in(call.lang).items()
                    if code
                ],
                "problems": problems_in(call.lang),
                "limits": {
                    "events": limits.MAX_EVENTS,
                    "name": limits.MAX_NAME,
                    "dimensions": limits.MAX_DIMENSIONS,
                    "properties": limits.MAX_PROPERTIES,
                },
            },
        )
        return Response(
            f"<!DOCTYPE html>\n{html}",
            content_type="text/html; charset=utf-8",
            headers={
                "Content-Security-Policy": "default-src 'self'; script-src 'none'",
                "Vary": "Accept-Language",
            },
        )


def _tags(call):
    return {tag: text._translate(call.lang) for tag, text in TAGS.items()}


def _make(make, call):
    """A document for this server, these add-ons and this reader."""
    return make(
        INFO,
        call.http.url_root.rstrip("/"),
        call.env.registry._init_modules,
        lambda text: text._translate(call.lang),
    )
