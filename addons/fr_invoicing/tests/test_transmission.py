# Part of Relevé. See LICENSE file for full copyright and licensing details.
import hashlib

import psycopg2

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from .common_transmission import TransmissionCommon


@tagged("post_install", "-at_install")
class TestTransmission(TransmissionCommon):
    def test_issued_invoice_is_handed_over_and_lives(self):
        move, flow = self._issue()
        self.assertEqual(flow.state, "waiting")
        self.assertEqual(move.fr_transmission_state, "waiting")
        self._exchange()
        self.assertEqual(flow.state, "sent")
        self._exchange(seconds=30)
        self.assertEqual(flow.state, "accepted")
        self._exchange(seconds=30)
        self.assertEqual(self._codes(move), ["200", "201", "202", "203"])
        self.assertEqual(move.fr_status_code, "203")
        self.assertIn("customer can read it", move.fr_next_action)
        [taken] = self._taken(move)
        self.assertEqual(taken.content, move.invoice_pdf_report_id.raw)
        self.assertEqual(hashlib.sha256(taken.content).hexdigest(), flow.sha256)
        self.assertEqual(taken.rule, "B2B")

    def test_each_syntax_is_handed_over(self):
        for syntax in ("CII", "UBL"):
            self.platform.syntax = syntax
            move, flow = self._issue()
            self._exchange()
            self._exchange(seconds=30)
            self.assertEqual((flow.syntax, flow.state), (syntax, "accepted"))
            self.assertEqual(self._taken(move)[0].facts.number, move.name)

    def test_only_domestic_business_invoices_leave(self):
        for partner in (self.person, self.german, self.american):
            _move, flow = self._issue(partner=partner)
            self.assertFalse(flow)

    def test_exchanging_again_sends_nothing_again(self):
        move, _flow = self._issue()
        for _again in range(4):
            self._exchange(seconds=90)
        move._fr_transmit()
        self._exchange(seconds=90)
        self.assertEqual(len(self._taken(move)), 1)
        creations = [name for name, _id in self.approved.store.requests]
        self.assertEqual(creations.count("createFlow"), 1)

    def test_lost_answers_are_asked_for_and_never_sent_twice(self):
        for kind in ("lost", "fail_after", "garbage"):
            self.approved.faults.add(kind)
            move, flow = self._issue()
            self._exchange()
            self.assertEqual(flow.state, "sending", kind)
            self.assertTrue(flow.error, kind)
            self._exchange(minutes=3)
            self.assertIn(flow.state, ("sent", "accepted"), kind)
            self._exchange(minutes=3)
            self.assertEqual(flow.state, "accepted", kind)
            self.assertEqual(len(self._taken(move)), 1, kind)
            outcomes = set(flow.attempt_ids.mapped("outcome"))
            self.assertIn("found", outcomes)

    def test_a_platform_slow_to_show_what_it_took_gets_it_once(self):
        self.approved.store.index_s = 100
        self.approved.faults.add("lost")
        move, flow = self._issue()
        self._exchange()
        self._exchange(seconds=70)
        self.assertEqual(flow.state, "sending")
        self._exchange(seconds=70)
        self._exchange(minutes=30)
        self.assertEqual(flow.state, "accepted")
        self.assertEqual(len(self._taken(move)), 1)

    def test_a_document_that_did_not_arrive_is_sent_later(self):
        self.approved.faults.add("drop")
        move, flow = self._issue()
        self._exchange()
        self.assertEqual(flow.state, "sending")
        self._exchange(minutes=5)
        self.assertEqual(flow.state, "sent")
        self.assertEqual(len(self._taken(move)), 1)
        self.assertEqual(flow.attempt_count, 2)

    def test_an_outage_of_days_keeps_the_queue_its_order_and_its_age(self):
        self._exchange()
        self.approved.faults.outage(days=3, unreachable=True)
        moves = [self._issue()[0] for _number in range(3)]
        flows = [move.fr_flow_ids for move in moves]
        for _day in range(3):
            self.assertFalse(self._exchange(hours=23))
            self.assertEqual({flow.state for flow in flows}, {"waiting"})
        self.assertTrue(self.platform.down_since)
        self.assertTrue(self.platform.error)
        self.assertGreater(self.platform.retry_at, self._now())
        # shown as late on the fourth day, whatever the machine's clock says
        self.env.cr.execute(
            "UPDATE fr_einvoice_flow SET deadline_at = deadline_at - interval '3 days'"
            " WHERE id = ANY(%s)",
            [[flow.id for flow in flows]],
        )
        self.env.invalidate_all()
        late = self.env["fr.einvoice.flow"].search([("is_late", "=", True)])
        self.assertEqual(late, self.env["fr.einvoice.flow"].union(*flows))
        self._exchange(hours=23)
        self._exchange(minutes=10)
        self.assertEqual({flow.state for flow in flows}, {"accepted"})
        numbers = [taken.facts.number for taken in self.approved.store.taken()]
        self.assertEqual(numbers, [move.name for move in moves])
        self.assertFalse(self.platform.down_since)
        self.assertFalse(self.platform.error)

    def test_refusals_stop_one_document_only(self):
        self.approved.faults.add("status", status=413)
        move, flow = self._issue()
        other, other_flow = self._issue()
        self._exchange()
        self.assertEqual((flow.state, other_flow.state), ("rejected", "sent"))
        self.assertIn("refused", flow.error)
        flow.action_retry()
        again = move.fr_flow_ids - flow
        self.assertEqual(again.state, "waiting")
        self._exchange(seconds=60)
        self.assertEqual(again.state, "sent")
        self.assertEqual(len(self._taken(move)), 1)
        self.assertEqual(len(self._taken(other)), 1)

    def test_a_limit_of_requests_is_obeyed(self):
        self.approved.faults.add("status", status=429, retry_after=600)
        _move, flow = self._issue()
        self.assertFalse(self._exchange())
        self.assertEqual(flow.state, "waiting")
        self.assertFalse(self._exchange(minutes=9))
        self.assertTrue(self._exchange(minutes=2))
        self.assertEqual(flow.state, "sent")

    def test_wrong_credentials_wait_for_a_person(self):
        self.platform.new_client_secret = "wrong"
        _move, flow = self._issue()
        self.assertFalse(self._exchange())
        self.assertEqual(flow.state, "waiting")
        self.assertIn("client ID and secret", self.platform.error)
        self.platform.new_client_secret = self.approved.client_secret
        self.platform.action_exchange()
        self.assertTrue(self._exchange())
        self.assertEqual(flow.state, "sent")

    def test_a_platform_that_cannot_be_asked_needs_a_person(self):
        self.platform.can_find = False
        self.approved.faults.add("lost")
        move, flow = self._issue()
        self._exchange()
        self._exchange(minutes=5)
        self.assertEqual((flow.state, flow.error_code), ("held", "uncertain"))
        flow.action_confirm_sent()
        self.assertEqual(flow.state, "sent")
        self.assertEqual(len(self._taken(move)), 1)

    def test_a_changed_file_is_not_sent(self):
        _move, flow = self._issue()
        attachment = self.env["ir.attachment"].search(
            [("res_model", "=", "fr.einvoice.flow"), ("res_id", "=", flow.id)]
            + [("res_field", "=", "content")]
        )
        with self.assertRaises(UserError):
            attachment.raw = b"changed"
        with self.assertRaises(UserError):
            attachment.unlink()
        other = attachment.copy({"res_model": False, "res_id": 0, "res_field": False})
        other.raw = b"changed"
        self.env.cr.execute(
            "UPDATE ir_attachment SET store_fname = %s, db_datas = NULL WHERE id = %s",
            [other.store_fname, attachment.id],
        )
        self.env.invalidate_all()
        self._exchange()
        self.assertEqual((flow.state, flow.error_code), ("held", "content_changed"))
        self.assertEqual(self.approved.store.taken(), [])

    def test_rows_do_not_change_whoever_tries(self):
        move, flow = self._issue()
        with self.assertRaises(UserError):
            flow.write({"tracking_id": "other"})
        with self.assertRaises(UserError):
            flow.unlink()
        with self.assertRaises(UserError):
            flow.copy()
        self._exchange()
        statements = (
            "UPDATE fr_einvoice_flow SET sha256 = 'x' WHERE id = %s",
            "UPDATE fr_einvoice_flow SET state = 'waiting' WHERE id = %s",
            "UPDATE fr_einvoice_flow SET remote_id = 'x' WHERE id = %s",
            "DELETE FROM fr_einvoice_flow WHERE id = %s",
        )
        for statement in statements:
            with (
                self.assertRaises(psycopg2.IntegrityError, msg=statement),
                mute_logger("odoo.sql_db"),
                self.env.cr.savepoint(),
            ):
                self.env.cr.execute(statement, [flow.id])
        with (
            self.assertRaises(psycopg2.IntegrityError),
            mute_logger("odoo.sql_db"),
            self.env.cr.savepoint(),
        ):
            self.env["fr.einvoice.flow"].sudo().create(
                {
                    "company_id": self.company.id,
                    "platform_id": self.platform.id,
                    "direction": "out",
                    "kind": "invoice",
                    "state": "waiting",
                    "move_id": move.id,
                    "raw": b"a second one",
                    "filename": "second.xml",
                    "syntax": "CII",
                    "tracking_id": "second",
                }
            )

    def test_what_was_handed_over_is_not_reopened(self):
        move, _flow = self._issue()
        self._exchange()
        with self.assertRaisesRegex(UserError, "credit note"):
            move.button_draft()

    def test_manual_platform_waits_for_a_person(self):
        self.platform.is_automatic = False
        move, flow = self._issue()
        self.assertFalse(flow)
        self.assertTrue(move.fr_can_transmit)
        move.action_fr_transmit()
        self.assertEqual(move.fr_transmission_state, "waiting")
        self.assertFalse(move.fr_can_transmit)
        with self.assertRaises(UserError):
            move.action_fr_transmit()

    def test_sending_by_mail_transmits_too(self):
        self.platform.is_automatic = False
        move, _flow = self._issue()
        self.env["account.move.send.wizard"].with_context(
            active_model="account.move", active_ids=move.ids
        ).create({"sending_methods": ["manual"]}).action_send_and_print()
        self.assertEqual(move.fr_transmission_state, "waiting")

    def test_peppol_and_the_platform_exclude_each_other(self):
        move, flow = self._issue()
        send = self.env["account.move.send"]
        self.assertFalse(send._is_applicable_to_move("peppol", move))
        if "peppol_move_state" not in move._fields:
            self.skipTest("account_peppol is not installed")
        move.peppol_move_state = "processing"
        self._exchange()
        self.assertEqual((flow.state, flow.error_code), ("held", "other_transmitter"))
        self.assertIn("Peppol", flow.error)
        self.assertEqual(self.approved.store.taken(), [])

    def test_inside_addresses_are_for_test_platforms_only(self):
        for url in (
            "http://api.example.com/x",
            "https://127.0.0.1/x",
            "https://localhost/x",
            "https://169.254.169.254/x",
            "https://user:pass@api.example.com/x",
            "file:///etc/passwd",
        ):
            with self.assertRaises(ValidationError, msg=url):
                self.platform.write({"is_test": False, "flow_url": url})

    def test_secrets_are_read_by_nobody(self):
        manager = new_test_user(
            self.env,
            "fr_platform_admin",
            groups="usage_billing.group_usage_billing_system,base.group_system",
            company_id=self.company.id,
            company_ids=[(6, 0, self.company.ids)],
        )
        platform = self.platform.with_user(manager)
        self.assertTrue(platform.has_client_secret)
        self.assertFalse(platform.new_client_secret)
        for name in ("client_secret", "token"):
            with self.assertRaises(AccessError):
                platform.read([name])
        platform.new_client_secret = "another"
        self.assertEqual(self.platform.sudo().client_secret, "another")
        biller = new_test_user(
            self.env, "fr_flow_biller", groups="account.group_account_invoice"
        )
        for model in ("fr.platform", "fr.einvoice.flow", "fr.einvoice.status"):
            for operation in ("write", "create", "unlink"):
                self.assertFalse(
                    self.env[model].with_user(biller).has_access(operation)
                )

    def test_other_companies_see_nothing(self):
        _move, flow = self._issue()
        other = self.env["res.company"].create({"name": "Autre Exemple"})
        user = new_test_user(
            self.env,
            "fr_flow_other",
            groups="usage_billing.group_usage_billing_system",
            company_id=other.id,
            company_ids=[(6, 0, other.ids)],
        )
        for records in (flow, self.platform):
            self.assertFalse(
                records.with_user(user).search([("id", "in", records.ids)])
            )
            with self.assertRaises(AccessError):
                records.with_user(user).read(["display_name"])
        with self.assertRaises(ValidationError):
            other.fr_platform_id = self.platform

    def test_test_of_the_connection_says_how_it_went(self):
        answer = self.platform.action_test_connection()
        self.assertEqual(answer["params"]["type"], "success")
        self.platform.new_client_secret = "wrong"
        answer = self.platform.action_test_connection()
        self.assertEqual(answer["params"]["type"], "danger")
