# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo.exceptions import UserError
from odoo.tests import tagged

from .common_transmission import TransmissionCommon

SIREN = "200000008"


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

    def test_look_up_says_what_is_missing(self):
        with self.assertRaisesRegex(UserError, "SIREN"):
            self.person.action_fr_look_up()
        self.company.fr_platform_id = False
        with self.assertRaisesRegex(UserError, "platform"):
            self.business.action_fr_look_up()
