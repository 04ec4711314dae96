import json
from datetime import date

from werkzeug.exceptions import NotFound

from odoo import http
from odoo.exceptions import AccessError, MissingError
from odoo.fields import Domain
from odoo.http import content_disposition, request

from odoo.addons.account.controllers.portal import PortalAccount


class UsagePortal(PortalAccount):
    """What customers see of their usage.

    Parse, check who asks, call ``usage.explorer``, render. A record that is not the
    visitor's own answers like one that does not exist: 404. Templates get dicts only.
    """

    # ------------------------------------------------------------------
    # home page and invoice page of the portal
    # ------------------------------------------------------------------
    @http.route()
    def home(self, **kw):
        response = super().home(**kw)
        rows = self._get_overview()
        response.qcontext["usage_card"] = (
            {"count": len(rows), "amount": self._explorer()._prepare_month_text(rows)}
            if rows
            else None
        )
        return response

    def _invoice_get_page_view_values(self, invoice, access_token, **kwargs):
        values = super()._invoice_get_page_view_values(invoice, access_token, **kwargs)
        values["usage_groups"] = self._explorer()._prepare_invoice_usage(
            invoice.sudo()  # the page checked access to the invoice
        )
        values["usage_token"] = access_token
        return values

    # ------------------------------------------------------------------
    # usage pages
    # ------------------------------------------------------------------
    @http.route("/my/usage", type="http", auth="user", website=True, readonly=True)
    def portal_my_usage(self, **kw):
        rows = self._get_overview()
        values = self._prepare_portal_layout_values()
        values.update(
            page_name="usage",
            usage_rows=rows,
            usage_total=self._explorer()._prepare_month_text(rows),
        )
        return request.render("usage_billing.portal_my_usage", values)

    @http.route(
        "/my/usage/<int:subscription_id>",
        type="http",
        auth="user",
        website=True,
        readonly=True,
    )
    def portal_my_usage_period(self, subscription_id, period=None, view=None, **kw):
        subscription_sudo, period_sudo = self._get_own_period(subscription_id, period)
        values = self._prepare_portal_layout_values()
        values.update(
            page_name="usage",
            usage=self._explorer()._prepare_page(
                subscription_sudo,
                period_sudo,
                self._can_see_amounts(subscription_sudo),
                view,
            ),
            json=json,
        )
        return request.render("usage_billing.portal_my_usage_period", values)

    @http.route(
        "/my/usage/<int:subscription_id>/events",
        type="http",
        auth="user",
        website=True,
        readonly=True,
    )
    def portal_my_usage_events(
        self, subscription_id, period=None, meter=None, day=None, after=None, **kw
    ):
        subscription_sudo, period_sudo = self._get_own_period(subscription_id, period)
        meter_sudo = self._get_meter(subscription_sudo, period_sudo, meter)
        url = f"/my/usage/{subscription_id}"
        return self._render_events(
            period_sudo,
            meter_sudo,
            self._read_day(period_sudo, day),
            after,
            back=f"{url}?period={period_sudo.id}&view={meter_sudo.code}",
            url=f"{url}/events?period={period_sudo.id}&meter={meter_sudo.id}",
            crumb=subscription_sudo.name,
            event_url=f"{url}/event?period={period_sudo.id}&meter={meter_sudo.id}",
        )

    @http.route(
        "/my/usage/<int:subscription_id>/csv",
        type="http",
        auth="user",
        website=True,
        readonly=True,
    )
    def portal_my_usage_csv(self, subscription_id, period=None, **kw):
        subscription_sudo, period_sudo = self._get_own_period(subscription_id, period)
        return self._make_csv(
            *self._explorer()._prepare_period_file(
                period_sudo, self._can_see_amounts(subscription_sudo)
            )
        )

    # ------------------------------------------------------------------
    # usage behind an invoice: also for whom the invoice was shared with
    # ------------------------------------------------------------------
    @http.route(
        "/my/invoices/<int:invoice_id>/usage/<int:rated_line_id>",
        type="http",
        auth="public",
        website=True,
        readonly=True,
    )
    def portal_my_invoice_usage(
        self, invoice_id, rated_line_id, access_token=None, **kw
    ):
        move_sudo = self._get_own_invoice(invoice_id, access_token)
        line_sudo = self._get_invoice_line(move_sudo, rated_line_id)
        values = self._prepare_portal_layout_values()
        values.update(
            page_name="invoice_usage",
            invoice_name=move_sudo.name,
            invoice_url=move_sudo.get_portal_url(),
            usage=self._explorer()._prepare_invoice_line_page(line_sudo),
            events_url=self._get_events_url(move_sudo, line_sudo, access_token),
            json=json,
        )
        return request.render("usage_billing.portal_my_invoice_usage", values)

    @http.route(
        "/my/invoices/<int:invoice_id>/usage/<int:rated_line_id>/events",
        type="http",
        auth="public",
        website=True,
        readonly=True,
    )
    def portal_my_invoice_usage_events(
        self,
        invoice_id,
        rated_line_id,
        day=None,
        after=None,
        access_token=None,
        **kw,
    ):
        move_sudo = self._get_own_invoice(invoice_id, access_token)
        line_sudo = self._get_invoice_line(move_sudo, rated_line_id)
        if not line_sudo.meter_id:
            raise NotFound()
        period_sudo = line_sudo.period_id
        token = f"?access_token={access_token}" if access_token else ""
        return self._render_events(
            period_sudo,
            line_sudo.meter_id,
            self._read_day(period_sudo, day),
            after,
            back=f"/my/invoices/{invoice_id}/usage/{rated_line_id}{token}",
            url=self._get_events_url(move_sudo, line_sudo, access_token),
            crumb=move_sudo.name,
            dimensions=line_sudo.dimensions,
        )

    @http.route(
        "/my/invoices/<int:invoice_id>/usage.csv",
        type="http",
        auth="public",
        website=True,
        readonly=True,
    )
    def portal_my_invoice_usage_csv(self, invoice_id, access_token=None, **kw):
        move_sudo = self._get_own_invoice(invoice_id, access_token)
        if not move_sudo.usage_rated_line_ids:
            raise NotFound()
        return self._make_csv(*self._explorer()._prepare_invoice_file(move_sudo))

    # ------------------------------------------------------------------
    # who asks, and for what
    # ------------------------------------------------------------------
    def _explorer(self):
        # sudo: portal users have no right on usage models; every record passed to
        # it was looked up with the visitor's own domain
        return request.env["usage.explorer"].sudo()

    def _get_own_subscriptions(self):
        domain = self._explorer()._get_own_domain(request.env.user.partner_id)
        return self._explorer().env["usage.subscription"].search(domain)

    def _get_overview(self):
        return self._explorer()._prepare_overview(
            self._get_own_subscriptions(), request.env.user
        )

    def _can_see_amounts(self, subscription_sudo):
        return self._explorer()._can_see_amounts(request.env.user, subscription_sudo)

    def _get_own_period(self, subscription_id, period_id):
        """Subscription and period asked for, when both are the visitor's own.

        :raise NotFound: not there, or somebody else's: the answer is the same
        """
        explorer = self._explorer()
        subscription_sudo = explorer.env["usage.subscription"].search(
            explorer._get_own_domain(request.env.user.partner_id)
            & Domain("id", "=", subscription_id)
        )
        period_sudo = explorer._get_periods(
            subscription_sudo, period_id=self._read_id(period_id)
        )[:1]
        if not period_sudo:
            raise NotFound()
        return subscription_sudo, period_sudo

    def _read_id(self, text):
        """Number of a record in the address; None for none.

        :raise NotFound: no number
        """
        if text is None:
            return None
        if not (text.isascii() and text.isdigit() and len(text) < 10):
            raise NotFound()
        return int(text)

    def _get_meter(self, subscription_sudo, period_sudo, meter_id):
        """A meter that the plan of the period counts with and the visitor may see.

        :raise NotFound: another meter, or none
        """
        charges = self._explorer()._get_period_lines(
            period_sudo, self._can_see_amounts(subscription_sudo)
        )
        allowed = {str(line.meter_id) for line in charges if line.meter_id}
        if meter_id not in allowed:
            raise NotFound()
        return self._explorer().env["usage.meter"].browse(int(meter_id))

    def _get_own_invoice(self, invoice_id, access_token):
        """Posted invoice the visitor may read, by own right or by its secret link.

        :raise NotFound: not there, not allowed, or not posted
        """
        try:
            move_sudo = self._document_check_access(
                "account.move", invoice_id, access_token
            )
        except (AccessError, MissingError) as error:
            raise NotFound() from error
        if move_sudo.state != "posted":
            raise NotFound()
        return move_sudo

    def _get_invoice_line(self, move_sudo, rated_line_id):
        line_sudo = move_sudo.usage_rated_line_ids.filtered(
            lambda line: line.id == rated_line_id
        )
        if not line_sudo:
            raise NotFound()
        return line_sudo

    def _get_events_url(self, move_sudo, line_sudo, access_token):
        url = f"/my/invoices/{move_sudo.id}/usage/{line_sudo.id}/events"
        return f"{url}?access_token={access_token}" if access_token else f"{url}?"

    def _read_day(self, period_sudo, text):
        """Local day of the period, None when none was asked for.

        :raise NotFound: no date, or a day outside the period
        """
        if not text:
            return None
        try:
            day = date.fromisoformat(text)
        except ValueError as error:
            raise NotFound() from error
        if not period_sudo.local_start <= day < period_sudo.local_end:
            raise NotFound()
        return day

    # ------------------------------------------------------------------
    # answers
    # ------------------------------------------------------------------
    def _render_events(
        self,
        period_sudo,
        meter_sudo,
        day,
        after,
        back,
        url,
        crumb,
        dimensions=None,
        event_url="",
    ):
        explorer = self._explorer()
        values = self._prepare_portal_layout_values()
        values.update(
            page_name="usage_events",
            usage_crumb={"name": crumb, "url": back},
            usage_meter={
                "name": meter_sudo.name,
                "unit": meter_sudo.unit_label or "",
            },
            usage_period=explorer._prepare_period(period_sudo),
            usage_day=explorer._format_day(day) if day else "",
            usage_page=explorer._prepare_events(
                period_sudo, meter_sudo, day, after, dimensions
            ),
            usage_event_url=event_url,
            usage_next_url=f"{url}&day={day.isoformat()}" if day else url,
        )
        return request.render("usage_billing.portal_my_usage_events", values)

    def _make_csv(self, name, content):
        return request.make_response(
            content,
            headers=[
                ("Content-Type", "text/csv; charset=utf-8"),
                ("Content-Disposition", content_disposition(name)),
                ("Content-Length", len(content)),
                ("X-Content-Type-Options", "nosniff"),
            ],
        )
