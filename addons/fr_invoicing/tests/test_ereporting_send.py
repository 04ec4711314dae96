# Part of Relevé. See LICENSE file for full copyright and licensing details.
from datetime import date

from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user, tagged

from .common_transmission import TransmissionCommon
from .test_ereporting import EreportingCommon

DAY = date(2026, 11, 3)


@tagged("post_install", "-at_install")
class TestEreportingSend(EreportingCommon, TransmissionCommon):
    """Reports reach the platform once, and its answer comes back to them."""

    def _flow(self, report):
        return self.env["fr.einvoice.flow"].search(
            [("record_model", "=", report._name), ("record_id", "=", report.id)]
        )

    def test_report_is_handed_over_and_accepted(self):
        self._consumer_invoice(DAY)
        report = self._report("sale", DAY)
        report.action_send()
        flow = self._flow(report)
        self.assertEqual((report.state, flow.state), ("sent", "waiting"))
        self.assertEqual(flow.sha256, report.sha256)
        self._exchange()
        self._exchange(seconds=30)
        self.assertEqual((flow.state, report.state), ("accepted", "accepted"))
        self.assertEqual(report.period_id.state, "accepted")
        [taken] = self.approved.store.taken("report", report.name)
        self.assertEqual(taken.content, report._get_xml())

    def test_refused_report_says_why_and_is_written_anew(self):
        self._consumer_invoice(DAY)
        report = self._report("sale", DAY)
        report.action_send()
        self.approved.faults.add("status", status=413)
        self._exchange()
        self.assertEqual(report.state, "rejected")
        self.assertTrue(report.reason_text)
        self.assertEqual(report.period_id.state, "rejected")
        again = self._report("sale", DAY)
        self.assertEqual((again.type_code, again.revision), ("IN", 2))
        again.action_send()
        self._exchange(seconds=60)
        self._exchange(seconds=60)
        self.assertEqual(again.state, "accepted")

    def test_sending_twice_is_refused_and_sends_once(self):
        self._consumer_invoice(DAY)
        report = self._report("sale", DAY)
        report.action_send()
        with self.assertRaises(UserError):
            report.action_send()
        self.assertEqual(len(self._flow(report)), 1)

    def test_night_job_sends_by_itself_when_wanted(self):
        self._consumer_invoice(DAY)
        self._report("sale", DAY)._send_if_wanted()
        period = self._period("sale", DAY)
        self.assertEqual(period.report_ids.state, "ready")
        self.company.fr_ereporting_auto = True
        period.report_ids._send_if_wanted()
        self.assertEqual(period.report_ids.state, "sent")

    def test_without_platform_the_way_out_is_said(self):
        self.company.fr_platform_id = False
        self._consumer_invoice(DAY)
        report = self._report("sale", DAY)
        with self.assertRaisesRegex(UserError, "No platform is set up"):
            report.action_send()
        self.assertEqual(report.state, "ready")


@tagged("post_install", "-at_install")
class TestEreportingAccess(EreportingCommon):
    """Who may see, who may send, and nobody writes by hand."""

    def _user(self, login, *groups):
        return new_test_user(
            self.env,
            login=login,
            groups=",".join(("base.group_user", *groups)),
            company_id=self.company.id,
            company_ids=self.company.ids,
        )

    def test_auditor_reads_and_changes_nothing(self):
        self._consumer_invoice(DAY)
        report = self._report("sale", DAY)
        auditor = self._user("auditor", "usage_billing.group_usage_billing_auditor")
        seen = report.with_user(auditor)
        self.assertEqual(seen.operation_count, 1)
        self.assertTrue(seen.period_id.summary)
        for action in ("action_send", "action_mark_sent", "action_rewrite"):
            with self.assertRaises(AccessError, msg=action):
                getattr(seen, action)()
        with self.assertRaises(AccessError):
            seen.period_id.action_make_report()
        page = self.env["fr.vat.reconciliation"].with_user(auditor).create({})
        page.action_compute()
        self.assertTrue(page.line_ids is not None)

    def test_billing_manager_reports(self):
        self._consumer_invoice(DAY)
        manager = self._user("manager", "usage_billing.group_usage_billing_manager")
        self._collect()
        period = self._period("sale", DAY)
        period._refresh_state()
        period.with_user(manager).action_make_report()
        report = period.report_ids
        self.assertEqual(report.state, "ready")
        report.with_user(manager).action_mark_sent()
        self.assertEqual(report.state, "sent")
        with self.assertRaises(AccessError):
            report.with_user(manager).write({"state": "accepted"})

    def test_employee_sees_nothing(self):
        employee = self._user("employee")
        for model in ("period", "item", "report"):
            with self.assertRaises(AccessError):
                self.env[f"fr.ereporting.{model}"].with_user(employee).search([])

    def test_other_company_is_not_seen(self):
        self._consumer_invoice(DAY)
        self._collect()
        other = self.env["res.company"].create({"name": "Autre Société"})
        stranger = new_test_user(
            self.env,
            login="stranger",
            groups="base.group_user,usage_billing.group_usage_billing_system",
            company_id=other.id,
            company_ids=other.ids,
        )
        periods = self.env["fr.ereporting.period"].with_user(stranger)
        self.assertFalse(
            periods.search([("company_id", "=", self.company.id)]),
        )
