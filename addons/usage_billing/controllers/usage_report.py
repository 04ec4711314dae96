import json
from contextlib import ExitStack

import pytz
from werkzeug.exceptions import BadRequest, NotFound

from odoo import api, http
from odoo.exceptions import AccessError, UserError
from odoo.http import content_disposition, request

from ..models.usage_report import BUCKETS, ReportQuery
from .portal import UsagePortal

ASKED = ("period", "meter", "bucket", "group")


class UsageReportController(http.Controller):
    """The usage report as a file, for users of the back office."""

    @http.route("/usage/report.csv", type="http", auth="user", readonly=True)
    def usage_report_csv(self, **options):
        report = request.env["usage.report"]
        try:
            query = report._read_options(options)
        except AccessError as error:
            raise NotFound() from error
        except (UserError, ValueError) as error:
            raise BadRequest(str(error)) from error
        return stream_csv(report.sudo(), query, amounts=True)


class UsageReportPortal(UsagePortal):
    """The usage report of one subscription, for the customer."""

    @http.route(
        "/my/usage/<int:subscription_id>/report",
        type="http",
        auth="user",
        website=True,
        readonly=True,
    )
    def portal_my_usage_report(self, subscription_id, **options):
        query, period_sudo, choices = self._read_report(subscription_id, options)
        explorer = self._explorer()
        subscription_sudo = query.subscriptions
        page = (
            explorer.env["usage.report"]._prepare_report(
                query, self._can_see_amounts(subscription_sudo)
            )
            if query.meter
            else None
        )
        values = self._prepare_portal_layout_values()
        values.update(
            page_name="usage_report",
            usage_crumb={
                "name": subscription_sudo.name,
                "url": f"/my/usage/{subscription_id}?period={period_sudo.id}",
            },
            report=page,
            report_choices=choices,
            report_url=f"/my/usage/{subscription_id}/report",
            report_query="&".join(
                f"{key}={choices[key]}"
                for key in ("period", "meter", "bucket", "group")
            ),
            usage_subscription=subscription_sudo.name,
            usage_period=explorer._prepare_period(period_sudo),
            json=json,
        )
        return request.render("usage_billing.portal_my_usage_report", values)

    @http.route(
        "/my/usage/<int:subscription_id>/event",
        type="http",
        auth="user",
        website=True,
        readonly=True,
    )
    def portal_my_usage_event(
        self, subscription_id, period=None, meter=None, at=None, **kw
    ):
        subscription_sudo, period_sudo = self._get_own_period(subscription_id, period)
        meter_sudo = self._get_meter(subscription_sudo, period_sudo, meter)
        explorer = self._explorer()
        event = explorer._find_event(period_sudo, meter_sudo, at)
        if event is None:
            raise NotFound()
        story = explorer.env["usage.event.story"].with_context(tz=period_sudo.tz)
        steps = story._get_customer_steps(
            event, period_sudo, meter_sudo, self._can_see_amounts(subscription_sudo)
        )
        url = f"/my/usage/{subscription_id}/events"
        values = self._prepare_portal_layout_values()
        values.update(
            page_name="usage_event",
            usage_crumb={
                "name": meter_sudo.name,
                "url": f"{url}?period={period_sudo.id}&meter={meter_sudo.id}",
            },
            usage_event_name=event.event_id,
            usage_details=explorer._prepare_event(
                event,
                pytz.timezone(period_sudo.tz),
                explorer._get_customer_names(meter_sudo),
            ),
            usage_story=story._render(steps),
        )
        return request.render("usage_billing.portal_my_usage_event", values)

    @http.route(
        "/my/usage/<int:subscription_id>/report.csv",
        type="http",
        auth="user",
        website=True,
        readonly=True,
    )
    def portal_my_usage_report_csv(self, subscription_id, **options):
        query, _period, _choices = self._read_report(subscription_id, options)
        if not query.meter:
            raise NotFound()
        return stream_csv(
            self._explorer().env["usage.report"],
            query,
            self._can_see_amounts(query.subscriptions),
        )

    def _read_report(self, subscription_id, options):
        """What the visitor asks for, when it is the visitor's own.

        :return: ReportQuery, the period, and the choices of the form
        :raise NotFound: somebody else's, or a meter or detail not for customers
        """
        subscription_sudo, period_sudo = self._get_own_period(
            subscription_id, options.get("period")
        )
        explorer = self._explorer()
        lines = explorer._get_period_lines(
            period_sudo, self._can_see_amounts(subscription_sudo)
        )
        meters = explorer.env["usage.meter"].browse(
            dict.fromkeys(line.meter_id for line in lines if line.meter_id)
        )
        meter = meters[:1]
        if options.get("meter"):
            meter = meters.filtered(lambda item: item.code == options["meter"])
            if not meter:
                raise NotFound()
        bucket = options.get("bucket") or "day"
        groups = sorted(explorer._get_customer_names(meter)) if meter else []
        group = options.get("group") or ""
        if bucket not in BUCKETS or (group and group not in groups):
            raise NotFound()
        names = explorer.env["usage.report"]._get_meter_names(meters)
        choices = {
            "periods": [
                explorer._prepare_period(item)
                for item in explorer._get_periods(subscription_sudo)
            ],
            "period": period_sudo.id,
            "meters": [{"code": item.code, "name": names[item.id]} for item in meters],
            "meter": meter.code or "",
            "bucket": bucket,
            "groups": groups,
            "group": group,
        }
        query = ReportQuery(
            subscription_sudo,
            meter,
            period_sudo.local_start,
            period_sudo.local_end,
            bucket,
            group,
        )
        return query, period_sudo, choices


def stream_csv(report, query, amounts):
    """Answer with the file while it is read, in a transaction of its own.

    The request's transaction ends before the first line is asked for.

    :param usage.report report: in an environment that may read what the query holds
    """
    env, ids = report.env, query.subscriptions.ids
    meter_id = query.meter.id

    def lines():
        with ExitStack() as stack:
            cr = stack.enter_context(env.registry.cursor())
            new = api.Environment(cr, env.uid, env.context, su=True)  # looked up before
            own = ReportQuery(
                new["usage.subscription"].browse(ids),
                new["usage.meter"].browse(meter_id),
                query.start,
                query.end,
                query.bucket,
                query.group,
            )
            for text in new["usage.report"]._iter_file(own, amounts):
                yield text.encode()

    name = report._get_file_name(query)
    return request.make_response(
        lines(),
        headers=[
            ("Content-Type", "text/csv; charset=utf-8"),
            ("Content-Disposition", content_disposition(name)),
            ("X-Content-Type-Options", "nosniff"),
            ("Cache-Control", "no-store"),
        ],
    )
