# Part of Relevé. See LICENSE file for full copyright and licensing details.
from datetime import timedelta

from odoo import fields
from odoo.exceptions import AccessError, RedirectWarning, UserError
from odoo.tests import new_test_user, tagged

from .common_transmission import TransmissionCommon

SIREN = "200000008"
MOVED = f"{SIREN}_COMPTA"


@tagged("post_install", "-at_install")
class TestDirectory(TransmissionCommon):
    def _lines(self, *lines, **more):
        self.approved.store.set_lines(SIREN, list(lines), name="Client", **more)

    def test_closed_line_stops_the_invoice_with_what_to_do(self):
        self._lines({"address": SIREN, "status": "Disabled"}, {"address": f"{SIREN}_A"})
        move, flow = self._issue()
        self._exchange()
        self.assertEqual((flow.state, flow.error_code), ("held", "directory_closed"))
        self.assertIn("Choose an open line", flow.error)
        self.assertIn(SIREN, flow.error)
        self.assertEqual(self.approved.store.taken(), [])
        self.assertEqual(move.fr_transmission_state, "held")
        self._lines({"address": SIREN})
        flow.action_retry()
        self._exchange(seconds=5)
        self.assertEqual(flow.state, "sent")

    def test_each_verdict_has_its_sentence(self):
        for lines, code in (
            ([], "directory_unknown"),
            (
                [{"address": f"{SIREN}_A", "status": "Disabled"}],
                "directory_no_platform",
            ),
            ([{"address": SIREN, "status": "Upcoming"}], "directory_not_yet"),
            ([{"address": f"{SIREN}_A"}], "directory_address_missing"),
        ):
            self._lines(*lines)
            self.business.fr_directory_seen_at = False
            _move, flow = self._issue()
            self._exchange(seconds=5)
            self.assertEqual((flow.state, flow.error_code), ("held", code))
            self.assertIn(self.business.display_name, flow.error)

    def test_lines_are_kept_for_a_day(self):
        self._issue()
        self._exchange()
        self._issue()
        self._exchange(seconds=90)

        def count():
            names = [name for name, _id in self.approved.store.requests]
            return names.count("searchDirectoryLine")

        self.assertEqual(count(), 1)
        self._issue()
        self._exchange(days=2)
        self.assertEqual(count(), 2)

    def test_a_directory_that_is_down_delays_and_loses_nothing(self):
        self.approved.faults.add("status", operation="searchDirectoryLine", status=503)
        _move, flow = self._issue()
        self.assertFalse(self._exchange())
        self.assertEqual(flow.state, "waiting")
        self._exchange(minutes=5)
        self.assertEqual(flow.state, "sent")

    def test_look_up_shows_lines_and_chooses_the_only_sensible_one(self):
        siret = f"{SIREN}00017"
        self._lines(
            {"address": SIREN, "status": "Disabled"},
            {
                "address": f"{SIREN}_{siret}_SERVICE1",
                "siret": siret,
                "routing": "SERVICE1",
                "b2g": {"serviceCodeStatus": True},
            },
            {"address": f"{SIREN}_{siret}", "siret": siret},
            public=True,
        )
        action = self.business.action_fr_look_up()
        lines = self.env["fr.directory.line"].search(action["domain"])
        self.assertEqual(len(lines), 3)
        self.assertEqual(self.business.fr_eaddress, f"{SIREN}_{siret}")
        self.assertEqual(lines.filtered("is_chosen").address, f"{SIREN}_{siret}")
        service = lines.filtered("routing_code")
        self.assertTrue(service.is_public and service.service_code_required)
        service.action_choose()
        self.assertEqual(self.business.fr_eaddress, service.address)
        with self.assertRaises(UserError):
            lines.filtered(lambda line: line.status == "Disabled").action_choose()
        # looked up again, lines that are gone go
        self._lines({"address": SIREN})
        self.business.action_fr_look_up()
        self.assertEqual(self.business.fr_directory_line_ids.mapped("address"), [SIREN])

    def test_public_buyers_are_sent_as_b2g(self):
        self._lines({"address": SIREN}, public=True)
        self.business.action_fr_look_up()
        move, flow = self._issue()
        self.assertEqual(flow.processing_rule, "B2G")
        self._exchange()
        self.assertEqual(self._taken(move)[0].rule, "B2G")

    def test_who_issues_invoices_chooses_where_they_go(self):
        self._lines({"address": SIREN, "status": "Disabled"}, {"address": MOVED})
        users = {
            group: new_test_user(self.env, group.rpartition(".")[2], group)
            for group in (
                "account.group_account_invoice",
                "account.group_account_readonly",
            )
        }
        reader = self.business.with_user(users["account.group_account_readonly"])
        with self.assertRaises(AccessError):
            reader.action_fr_look_up()
        biller = self.business.with_user(users["account.group_account_invoice"])
        biller.action_fr_look_up()
        self.assertEqual(self.business.fr_eaddress, MOVED)
        self._lines({"address": SIREN}, {"address": MOVED})
        biller.action_fr_look_up()
        line = self.business.fr_directory_line_ids.filtered(
            lambda row: row.address == SIREN
        )
        line.with_user(users["account.group_account_invoice"]).action_choose()
        self.assertEqual(self.business.fr_eaddress, SIREN)
        with self.assertRaises(AccessError):
            biller.name = "Autre"

    def test_look_up_says_what_is_missing(self):
        with self.assertRaisesRegex(UserError, "SIREN"):
            self.person.action_fr_look_up()
        self.company.fr_platform_id = False
        with self.assertRaisesRegex(UserError, "platform"):
            self.business.action_fr_look_up()


@tagged("post_install", "-at_install")
class TestDirectoryBeforePosting(TransmissionCommon):
    """What the directory last said is told while the invoice can still change."""

    def _moved(self, hours=0):
        """The customer's line is closed and another is open, as asked some time ago."""
        self.approved.store.set_lines(
            SIREN,
            [{"address": SIREN, "status": "Disabled"}, {"address": MOVED}],
            name="Client",
        )
        with self.platform._client() as client:
            self.business._fr_look_up(
                client, self.platform, fields.Datetime.now() - timedelta(hours=hours)
            )

    def _codes_of(self, move):
        return {
            finding.code: finding.severity
            for finding in move._fr_preflight_document()
            if finding.code.startswith(("directory_", "public_"))
        }

    def test_closed_line_is_refused_before_posting_when_another_is_open(self):
        self._moved()
        move = self._make_invoice([self._line()], post=False)
        with self.assertRaisesRegex(RedirectWarning, "closed in the directory"):
            move.action_post()
        self.assertEqual(move.state, "draft")
        self.assertFalse(move.name and move.name != "/")
        self.business.fr_directory_line_ids.filtered(
            lambda line: line.address == MOVED
        ).action_choose()
        move.action_post()
        self.assertEqual(move.state, "posted")

    def test_an_old_answer_warns_and_stops_nobody(self):
        self._moved(hours=30)
        self.approved.faults.outage(days=1, unreachable=True)  # down, too
        move = self._make_invoice([self._line()], post=False)
        self.assertEqual(self._codes_of(move), {"directory_line_closed": "warning"})
        alerts = move._get_alerts()
        self.assertTrue(any(SIREN in alert["message"] for alert in alerts.values()))
        move.action_post()
        self.assertEqual(move.state, "posted")

    def test_customer_without_platform_can_be_invoiced(self):
        self.approved.store.set_lines(SIREN, [{"address": SIREN, "status": "Disabled"}])
        self.business.action_fr_look_up()
        move, flow = self._issue()
        self.assertEqual(self._codes_of(move), {"directory_none_open": "warning"})
        self._exchange()
        self.assertEqual(flow.state, "held")

    def test_sending_dialogue_warns(self):
        self._moved(hours=30)
        move, _flow = self._issue()
        wizard = self.env["account.move.send.wizard"].create({"move_id": move.id})
        alert = wizard.alerts[f"fr_directory_{move.id}"]
        self.assertIn("closed in the directory", alert["message"])
        self.assertEqual(alert["action"]["res_id"], self.business.id)

    def test_held_invoice_is_made_again_for_the_line_chosen_since(self):
        self._moved(hours=30)
        move, flow = self._issue()
        self.assertTrue(move.fr_sealed_at)  # cannot go back to draft
        former = move._fr_get_xml_attachment().raw
        self._exchange()
        self.assertEqual((flow.state, flow.error_code), ("held", "directory_closed"))
        self.business.fr_directory_line_ids.filtered(
            lambda line: line.address == MOVED
        ).action_choose()
        flow.action_retry()
        self.assertEqual(flow.state, "cancelled")
        again = move.fr_flow_ids.filtered(lambda row: row.state == "waiting")
        self.assertEqual(len(again), 1)
        self._exchange(seconds=5)
        self.assertEqual(again.state, "sent")
        (taken,) = self._taken(move)
        self.assertEqual(taken.content, again._get_bytes())
        xml = move._fr_get_xml_attachment().raw
        self.assertIn(MOVED.encode(), xml)
        self.assertNotIn(MOVED.encode(), former)
        self.assertValid(move)
        archived = self.env["fr.archive.entry"].search(
            [("model", "=", "account.move"), ("res_id", "=", move.id)]
        )
        self.assertEqual(len(archived.filtered(lambda row: row.kind == "xml")), 2)
        with self.assertRaisesRegex(UserError, "handed over"):
            self.business.fr_eaddress = SIREN
            move._fr_remake_facturx()

    def test_retry_without_a_change_sends_the_same_file(self):
        self._moved(hours=30)
        _move, flow = self._issue()
        self._exchange()
        self.approved.store.set_lines(SIREN, [{"address": SIREN}])
        flow.action_retry()
        self.assertEqual(flow.state, "waiting")
        self._exchange(seconds=5)
        self.assertEqual(flow.state, "sent")

    def test_customers_of_drafts_are_looked_up_ahead(self):
        self.approved.store.set_lines(
            SIREN, [{"address": SIREN, "status": "Disabled"}, {"address": MOVED}]
        )
        move = self._make_invoice([self._line()], post=False)
        self.assertFalse(self._codes_of(move))
        self._exchange()
        self.assertEqual(self._codes_of(move), {"directory_line_closed": "fatal"})

    def test_public_buyer_wants_its_references(self):
        self.approved.store.set_lines(
            SIREN,
            [
                {
                    "address": SIREN,
                    "siret": f"{SIREN}00017",
                    "b2g": {
                        "serviceCodeStatus": True,
                        "managesLegalCommitmentCode": True,
                    },
                }
            ],
            public=True,
        )
        self.business.action_fr_look_up()
        move = self._make_invoice([self._line()], post=False)
        self.assertEqual(
            self._codes_of(move),
            {"public_service_code": "fatal", "public_commitment": "fatal"},
        )
        move.fr_buyer_reference, move.ref = "SVC-1", "ENG-7"
        self.assertFalse(self._codes_of(move))
