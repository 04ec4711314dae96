from werkzeug.exceptions import NotFound

from odoo import http
from odoo.exceptions import AccessError, MissingError
from odoo.http import content_disposition, request

from odoo.addons.portal.controllers.portal import CustomerPortal, pager

from ..report import statement_pdf

MODEL = "revenue.share.statement"
LIST_URL = "/my/revenue-share/statements"
LINES_PER_PAGE = 50


class RevenueSharePortal(CustomerPortal):
    """Statements for the partner's own users.

    Pages get the texts of ``_get_document_values``, never a record. What a user may
    not see is not found: a guessed number tells nothing.
    """

    def _prepare_home_portal_values(self, counters):
        values = super()._prepare_home_portal_values(counters)
        if "revenue_share_statement_count" in counters:
            values["revenue_share_statement_count"] = (
                request.env[MODEL].search_count(self._get_own_domain())
                if request.env[MODEL].has_access("read")
                else 0
            )
        return values

    def _get_own_domain(self):
        partner = request.env.user.commercial_partner_id
        return [("partner_id", "=", partner.id), ("state", "in", ("sent", "accepted"))]

    def _get_own_statement(self, statement_id):
        """Return a statement of the user's company, or answer 404."""
        try:
            self._document_check_access(MODEL, statement_id)
        except (AccessError, MissingError) as error:
            raise NotFound() from error
        own = request.env[MODEL].search(
            [("id", "=", statement_id), *self._get_own_domain()]
        )
        if not own:
            raise NotFound()
        return own

    @http.route(
        [LIST_URL, f"{LIST_URL}/page/<int:page>"],
        type="http",
        auth="user",
        website=True,
        readonly=True,
    )
    def portal_statements(self, page=1, **_kwargs):
        """List the statements of the user's company, the newest first."""
        statements = request.env[MODEL]
        if not statements.has_access("read"):
            raise NotFound()
        domain = self._get_own_domain()
        pages = pager(
            url=LIST_URL,
            total=statements.search_count(domain),
            page=page,
            step=self._items_per_page,
        )
        own = statements.search(
            domain, limit=self._items_per_page, offset=pages["offset"]
        )
        return request.render(
            "revenue_share.portal_statements",
            {
                **self._prepare_portal_layout_values(),
                "page_name": "revenue_share_statements",
                "statements": [
                    {**one._get_head_values(), "url": f"{LIST_URL}/{one.id}"}
                    for one in own
                ],
                "pager": pages,
                "default_url": LIST_URL,
            },
        )

    @http.route(
        f"{LIST_URL}/<int:statement_id>", type="http", auth="user", website=True
    )
    def portal_statement(self, statement_id, page=1, **_kwargs):
        """Show one statement: what it adds up to, by product, and line by line."""
        statement = self._get_own_statement(statement_id)
        url = f"{LIST_URL}/{statement.id}"
        page = int(page) if str(page).isdigit() else 1
        offset = (max(page, 1) - 1) * LINES_PER_PAGE
        values = statement._get_document_values(limit=LINES_PER_PAGE, offset=offset)
        return request.render(
            "revenue_share.portal_statement",
            {
                **self._prepare_portal_layout_values(),
                "page_name": "revenue_share_statement",
                "statement": values,
                "url": url,
                "line_page": max(page, 1),
                "line_pages": -(-values["line_count"] // LINES_PER_PAGE),
            },
        )

    @http.route(
        f"{LIST_URL}/<int:statement_id>/accept",
        type="http",
        auth="user",
        methods=["POST"],
        website=True,
    )
    def portal_statement_accept(self, statement_id, **_kwargs):
        """Record that the partner agrees."""
        statement = self._get_own_statement(statement_id)
        # Access was checked; a partner has no other way to write on a statement.
        statement.sudo().action_accept()
        return request.redirect(f"{LIST_URL}/{statement.id}")

    @http.route(
        f"{LIST_URL}/<int:statement_id>/<any(pdf,csv):kind>",
        type="http",
        auth="user",
        website=True,
    )
    def portal_statement_file(self, statement_id, kind, **_kwargs):
        """Download a statement of the user's company."""
        return self._answer_file(self._get_own_statement(statement_id), kind)

    @http.route(
        "/revenue_share/statements/<int:statement_id>/<any(pdf,csv):kind>",
        type="http",
        auth="user",
    )
    def statement_file(self, statement_id, kind, **_kwargs):
        """Download a statement from the back office, with the rights of the user."""
        if not request.env.user._is_internal():
            raise NotFound()
        try:
            self._document_check_access(MODEL, statement_id)
        except (AccessError, MissingError) as error:
            raise NotFound() from error
        return self._answer_file(request.env[MODEL].browse(statement_id), kind)

    def _answer_file(self, statement, kind):
        if kind == "pdf":
            content, mimetype = statement_pdf.render(statement), "application/pdf"
        else:
            content, mimetype = statement._render_csv(), "text/csv; charset=utf-8"
        name = statement._get_file_name(kind)
        return request.make_response(
            content,
            headers=[
                ("Content-Type", mimetype),
                ("Content-Disposition", content_disposition(name)),
                ("Cache-Control", "private, no-store"),
            ],
        )
