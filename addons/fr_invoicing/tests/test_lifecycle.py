# Part of Relevé. See LICENSE file for full copyright and licensing details.
from decimal import Decimal

from odoo.exceptions import UserError
from odoo.tests import Form, tagged

from ..transmission import cdar
from .common_transmission import TransmissionCommon


@tagged("post_install", "-at_install")
class TestLifecycle(TransmissionCommon):
    def _accepted(self, *lines, **values):
        move, _flow = self._issue(*lines, **values)
        self._exchange()
        self._exchange(seconds=30)
        self._exchange(seconds=30)
        return move

    def _say(self, move, code, reason="", words=""):
        [taken] = self._taken(move)
        return self.approved.store.say(taken.facts, code, reason, words)

    def _said(self, move):
        """Give the messages about an invoice that the platform took."""
        taken = self.approved.store.taken("status", move.name)
        return [cdar.read(flow.content) for flow in taken]

    def _amounts(self, message):
        return {amount.percent: amount.amount for amount in message.amounts}

    # === Received === #

    def test_refusal_names_reason_and_next_step(self):
        move = self._accepted()
        self._say(move, "210", "TX_TVA_ERR", "Taux de TVA erroné")
        self._exchange(seconds=60)
        self.assertEqual(move.fr_status_code, "210")
        self.assertIn("Wrong VAT rate", move.fr_status_reasons)
        self.assertIn("credit note", move.fr_next_action)
        french = move.with_context(lang="fr_FR")
        self.assertEqual(french.fr_status_label, "210 Refusée")
        self.assertIn("Taux de TVA erroné", french.fr_status_reasons)

    def test_every_status_of_the_other_side_is_recorded(self):
        move = self._accepted()
        reasons = {
            "206": "QTE_ERR",
            "207": "PU_ERR",
            "208": "CMD_ERR",
            "210": "TX_TVA_ERR",
            "213": "REJ_SEMAN",
            "221": "ROUTAGE_ERR",
            "501": "IRR_SYNTAX",
        }
        wanted = ["204", "205", "206", "207", "208", "209", "211", "214", "220", "221"]
        wanted += ["224", "225", "226", "227", "228", "501", "213", "210"]
        for code in wanted:
            self._say(move, code, reasons.get(code, ""), "x" if code in reasons else "")
            self.approved.clock.advance(seconds=2)
        self._exchange(seconds=60)
        failed = self.env["fr.einvoice.flow"].search([("state", "=", "failed")])
        self.assertEqual(failed.mapped("error"), [])
        self.assertLessEqual(set(wanted), set(self._codes(move)))
        for status in move.fr_status_ids:
            self.assertIn(status.code, status.label)

    def test_twice_and_late_changes_nothing(self):
        move = self._accepted()
        self._say(move, "204")
        self._exchange(hours=1)
        late = self.approved.store.flows.copy()
        self._say(move, "205")
        self._exchange(hours=1)
        before = self._codes(move)
        # the same statuses delivered again under other identifiers, older ones last
        for flow in late.values():
            if flow.flow_type == "CustomerInvoiceLC":
                self.approved.store.put(
                    flow.flow_type, "CDAR", flow.content, flow.name, flow.facts
                )
        self._exchange(hours=1)
        self.assertEqual(self._codes(move), before)
        self.assertEqual(move.fr_status_code, "205")

    def test_message_that_breaks_the_rules_is_kept_and_not_believed(self):
        move = self._accepted()
        self._say(move, "207")  # without the reason it needs
        self._exchange(seconds=60)
        flow = self.env["fr.einvoice.flow"].search([("state", "=", "failed")])
        self.assertEqual(flow.error_code, "rules_broken")
        self.assertIn("BR-FR-CDV-15", flow.error)
        self.assertEqual(move.fr_status_code, "203")
        self.assertTrue(flow._get_bytes())

    def test_hostile_messages_do_no_harm(self):
        bomb = (
            b'<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;">]>'
            b"<a>&b;</a>"
        )
        for content in (b"", b"%PDF-1.7", bomb, b"<a/>", b"\x00" * 1000):
            self.approved.store.put("CustomerInvoiceLC", "CDAR", content, "evil.xml")
        self.approved.store.put("StateTransactionReportLC", "CDAR", b"<a/>", "r.xml")
        self.assertTrue(self._exchange(seconds=10))
        flows = self.env["fr.einvoice.flow"].search([("direction", "=", "in")])
        self.assertEqual(set(flows.mapped("state")), {"failed"})
        self.assertTrue(all(flows.mapped("error")))

    def test_status_of_an_unknown_invoice_waits_for_it(self):
        move = self._accepted()
        facts = self._taken(move)[0].facts
        other = type(facts)(**{**vars(facts), "number": "INV/2026/09999"})
        self.approved.store.say(other, "204")
        self._exchange(seconds=60)
        flow = self.env["fr.einvoice.flow"].search([("state", "=", "failed")])
        self.assertEqual(flow.error_code, "invoice_unknown")
        self.assertIn("INV/2026/09999", flow.error)
        for _number in range(3):
            flow.action_retry()
            self._exchange(seconds=60)
        self.assertEqual(flow.state, "failed")

    # === Collected (212) === #

    def test_partial_payment_is_said_per_rate(self):
        """120 at 20 % and 110 at 10 %: 115 of 230 collects 60 and 55."""
        line = self._line()
        tax = self._tax("tva_intermediaire_encaissement")
        tax.active = True
        other = self._line(tax_ids=[(6, 0, tax.ids)])
        move = self._accepted(line, other)
        self._bank_line(move, 115)
        self._exchange(seconds=60)
        self._exchange(seconds=60)
        [message] = self._said(move)
        self.assertEqual(message.code, "212")
        self.assertEqual(
            self._amounts(message), {Decimal(20): Decimal(60), Decimal(10): Decimal(55)}
        )
        self.assertEqual(move.fr_status_code, "212")

    def test_bounced_payment_is_said_with_the_opposite_amount(self):
        move = self._accepted()
        self._bank_line(move, 120)
        self._exchange(seconds=60)
        self._receivable(move).remove_move_reconcile()
        self._exchange(seconds=60)
        amounts = [self._amounts(message) for message in self._said(move)]
        self.assertEqual(amounts, [{Decimal(20): Decimal(120)}, {Decimal(20): -120}])
        self.assertEqual(move.fr_status_code, "203")

    def test_payment_undone_before_it_was_said_is_not_said(self):
        move = self._accepted()
        self._bank_line(move, 120)
        self._receivable(move).remove_move_reconcile()
        self._exchange(seconds=60)
        self.assertEqual(self._said(move), [])
        self.assertEqual(move.fr_status_code, "203")

    def test_goods_are_not_said_as_collected(self):
        move = self._accepted(self._line(product=self.good))
        self._bank_line(move, 120)
        self._exchange(seconds=60)
        self.assertEqual(self._said(move), [])

    def test_collected_waits_until_the_invoice_is_accepted(self):
        move, _flow = self._issue()
        self._bank_line(move, 120)
        self._exchange()
        self.assertEqual(self._said(move), [])
        self._exchange(minutes=20)
        self._exchange(minutes=20)
        self.assertEqual(len(self._said(move)), 1)

    def test_nothing_compulsory_after_a_refusal(self):
        move = self._accepted()
        self._say(move, "210", "TX_TVA_ERR", "Taux")
        self._exchange(seconds=60)
        self._bank_line(move, 120)
        self._exchange(seconds=60)
        self.assertEqual(self._said(move), [])
        with self.assertRaises(UserError):
            move._fr_answer("212")

    # === Said by hand === #

    def test_completed_answers_a_suspension(self):
        move = self._accepted()
        self._say(move, "208", "CMD_ERR", "Numéro de commande absent")
        self._exchange(seconds=60)
        self.assertIn("Completed", move.fr_next_action)
        action = move.with_context(fr_status_code="209").action_fr_answer()
        form = Form(self.env["fr.status.answer"].with_context(**action["context"]))
        form.note = "Bon de commande BC-42"
        form.save().action_say()
        self._exchange(seconds=60)
        [message] = self._said(move)
        self.assertEqual(message.code, "209")
        self.assertEqual(message.whys[0].note, "Bon de commande BC-42")

    # === Kept === #

    def test_statuses_are_kept(self):
        move = self._accepted()
        status = move.fr_status_ids[:1].sudo()
        with self.assertRaises(UserError):
            status.write({"code": "205"})
        with self.assertRaises(UserError):
            status.unlink()
