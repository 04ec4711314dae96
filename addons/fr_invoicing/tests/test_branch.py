# Part of Relevé. See LICENSE file for full copyright and licensing details.
import base64
from datetime import date

from lxml import etree

from odoo import Command
from odoo.exceptions import UserError
from odoo.tests import tagged

from .test_ereporting import EreportingCommon

SIREN = "100000009"


@tagged("post_install", "-at_install")
class TestBranch(EreportingCommon):
    """A branch without numbers of its own is its parent wherever the law looks."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.branch = cls.env["res.company"].create(
            {
                "name": "Hébergeur Exemple Lyon",
                "parent_id": cls.company.id,
                "country_id": cls.env.ref("base.fr").id,
                "street": "3 rue des Baies",
                "zip": "69002",
                "city": "Lyon",
                "email": "lyon@example.com",
                "fr_facturx_auto": False,
                "fr_ereporting_from": "2026-09-01",
            }
        )
        cls.env["account.chart.template"].try_loading(
            "fr", cls.branch, install_demo=False
        )
        cls.env.user.company_ids |= cls.branch
        cls.both = cls.branch | cls.company

    def _in(self, companies, model):
        """Give a model as a user sees it who chose these companies, the first first."""
        return self.env[model].with_context(allowed_company_ids=companies.ids)

    def _sell(self, partner=None, **values):
        """Post an invoice of the branch."""
        moves = self._in(self.both, "account.move")
        move = moves.create(
            {
                "move_type": "out_invoice",
                "company_id": self.branch.id,
                "partner_id": (partner or self.business).id,
                "invoice_date": date(2026, 11, 2),
                "invoice_line_ids": [Command.create(self._line())],
                **values,
            }
        )
        move.action_post()
        self.assertEqual(move.state, "posted")
        return move

    def _make_fec(self, companies, **values):
        wizard = self._in(companies, "l10n_fr.fec.export.wizard").create(
            {"date_from": "2026-01-01", "date_to": "2026-12-31", **values}
        )
        action = wizard.create_fec_report_action()
        return self.env["fr.fec.export"].browse(action["res_id"])

    def test_it_has_no_numbers_of_its_own(self):
        self.assertFalse(self.branch.vat or self.branch.fr_siren)
        self.assertEqual(self.branch._fr_get_siren(), SIREN)
        self.assertEqual(self.company._fr_get_establishments(), self.both)
        self.assertEqual(self.branch._fr_get_establishments(), self.branch)

    def test_ereporting_declares_the_parent(self):
        self._sell(self.person)
        self.env["fr.ereporting.collector"]._collect(self.branch)
        period = self.periods.search(
            [
                ("company_id", "=", self.branch.id),
                ("kind", "=", "sale"),
                ("date_start", "<=", "2026-11-02"),
                ("date_end", ">=", "2026-11-02"),
            ]
        )
        period._refresh_state()
        report = period._make_report()
        self.assertEqual(report.state, "ready", report.findings)
        root = etree.fromstring(report._get_xml())
        self.assertIn(SIREN, root.xpath("//*[local-name()='Issuer']//text()"))
        self.assertEqual(report._header().company, self.company.name)
        # beside the report of the parent, not in its place
        self.assertEqual(report.name, f"{SIREN}-B{self.branch.id}-S20261101-1")

    def test_ereporting_follows_the_regime_of_the_parent(self):
        self.company.fr_vat_regime = "quarterly"
        self.assertEqual(self.branch._fr_ereporting_regime(), "quarterly")

    def test_seller_of_a_reported_invoice_is_the_parent(self):
        move = self._sell(
            self.german,
            invoice_line_ids=[
                Command.create(
                    self._line(
                        tax_ids=[Command.set(self._tax("tva_sale_service_intra_0").ids)]
                    )
                )
            ],
        )
        self.env["fr.ereporting.collector"]._collect(self.branch)
        items = self.env["fr.ereporting.item"].search([("move_id", "=", move.id)])
        self.assertEqual(items.mapped("flow"), ["10.1"])
        found = self.env["fr.ereporting.collector"]._invoice(move, [])
        self.assertEqual(found.seller.identifier, SIREN)
        self.assertEqual(found.seller.vat, "FR88100000009")

    def test_fec_bears_the_parent(self):
        move = self._sell()
        export = self._make_fec(self.both)
        self.assertEqual(export.name, f"{SIREN}FEC20261231.txt")
        self.assertIn(move.name, base64.b64decode(export.file).decode())

    def test_fec_of_the_parent_holds_its_branches(self):
        move = self._sell()
        with self.assertRaisesRegex(UserError, self.branch.name):
            self._make_fec(self.company)
        self.assertTrue(self._make_fec(self.company, test_file=True))
        export = self._make_fec(self.company | self.branch)
        self.assertEqual(export.name, f"{SIREN}FEC20261231.txt")
        self.assertIn(move.name, base64.b64decode(export.file).decode())
        # with a number of its own it is another taxable person, with a file of its own
        self.branch.vat = "FR37200000008"
        export = self._make_fec(self.company | self.branch)
        self.assertNotIn(move.name, base64.b64decode(export.file).decode())
        export = self._make_fec(self.both)
        self.assertEqual(export.name, "200000008FEC20261231.txt")

    def test_flows_and_messages_name_the_parent(self):
        move = self._sell()
        self.assertEqual(move._fr_get_tracking_id(1), f"{SIREN}:{move.name}:1")
        message = move._fr_build_message("212", "x/1", (), None)
        self.assertEqual(message.seller_siren, SIREN)
        self.assertEqual(message.issuer.siren, SIREN)
        self.assertEqual(message.issuer.name, self.company.name)
        found = self.env["fr.einvoice.status"]._find_move(self.branch, message)
        self.assertEqual(found, move)

    def test_des_bears_the_parent(self):
        page = self._in(self.both, "fr.des").create({"year": 2026, "month": "11"})
        self.assertEqual(page.company_id, self.branch)
        with self.assertRaisesRegex(UserError, "Nothing to declare"):
            page.action_export_xml()  # its VAT number is known

    def test_anchor_of_the_seal_names_the_parent(self):
        self._sell()
        chain = self.env["fr.seal.chain"]._get(self.branch)
        signed = self.env["fr.seal.anchor"]._sign(chain)
        self.assertTrue(signed)
        archived = self.env["fr.archive.entry"].search(
            [("model", "=", "fr.seal.anchor"), ("res_id", "=", signed.id)]
        )
        self.assertIn(SIREN.encode(), archived._get_attachment().raw)
        self.assertFalse(chain._verify())

    def test_set_up_asks_a_branch_for_no_number(self):
        setup = self._in(self.both, "fr.setup").create({"company_id": self.branch.id})
        self.assertEqual(setup.siren, SIREN)
        self.assertFalse(setup.proposed_vat)
        self.assertFalse(setup.identity_todo)
        self.assertFalse(setup.vat_todo)
