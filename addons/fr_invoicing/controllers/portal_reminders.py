# Part of Relevé. See LICENSE file for full copyright and licensing details.
from werkzeug.exceptions import NotFound

from odoo import http
from odoo.http import request

from odoo.addons.portal.controllers.portal import CustomerPortal


class ReminderPortal(CustomerPortal):
    """The reminders a customer received, with the invoices to pay.

    Only those that were sent, of the visitor's own company; templates get dicts.
    """

    def _get_reminders_sudo(self, reminder_id=None):
        partner = request.env.user.partner_id.commercial_partner_id
        domain = [("partner_id", "=", partner.id), ("state", "=", "sent")]
        if reminder_id:
            domain.append(("id", "=", reminder_id))
        # sudo: portal users have no right on the model, the domain is the right
        return request.env["fr.reminder"].sudo().search(domain)

    def _prepare_home_portal_values(self, counters):
        values = super()._prepare_home_portal_values(counters)
        if "fr_reminder_count" in counters:
            values["fr_reminder_count"] = len(self._get_reminders_sudo())
        return values

    @http.route("/my/reminders", type="http", auth="user", website=True, readonly=True)
    def portal_my_reminders(self, **kw):
        """List the reminders."""
        values = self._prepare_portal_layout_values()
        values.update(
            page_name="fr_reminder",
            rows=[self._row(reminder) for reminder in self._get_reminders_sudo()],
        )
        return request.render("fr_invoicing.portal_my_reminders", values)

    @http.route(
        "/my/reminders/<int:reminder_id>",
        type="http",
        auth="user",
        website=True,
        readonly=True,
    )
    def portal_my_reminder(self, reminder_id, **kw):
        """Show one reminder."""
        reminder_sudo = self._get_reminders_sudo(reminder_id)
        if not reminder_sudo:
            raise NotFound
        values = self._prepare_portal_layout_values()
        values.update(
            page_name="fr_reminder",
            reminder=self._row(reminder_sudo),
            lines=[
                {
                    "number": line.move_id.name,
                    "url": f"/my/invoices/{line.move_id.id}",
                    "due": line.due,
                    "days": line.days,
                    "unpaid": line.unpaid,
                    "left": line.move_id.amount_residual,
                    "interest": line.interest,
                    "indemnity": line.indemnity,
                }
                for line in reminder_sudo.line_ids
            ],
        )
        return request.render("fr_invoicing.portal_my_reminder", values)

    def _row(self, reminder):
        return {
            "id": reminder.id,
            "date": reminder.date,
            "level": reminder.level_id.name,
            "currency": reminder.currency_id,
            "total": reminder.total,
            "interest": reminder.interest,
            "indemnity": reminder.indemnity,
            "company": reminder.company_id.name,
        }
