# Part of Relevé. See LICENSE file for full copyright and licensing details.
import io
import zipfile

from odoo.tests import HttpCase, new_test_user, tagged

from ..sealing.bundle import BundleSource
from ..sealing.verify import verify
from .seal_common import SealCommon


@tagged("post_install", "-at_install")
class TestInspectionTour(SealCommon, HttpCase):
    def test_inspection_takes_at_most_five_clicks(self):
        user = new_test_user(
            self.env,
            "fr_inspected",
            groups="account.group_account_invoice",
            company_id=self.company.id,
            company_ids=[(6, 0, self.company.ids)],
        )
        move = self._make_invoice([self._line()], self.person)
        move._fr_generate_facturx()
        self._pay(move, 20)
        self._chain()._link()
        self.start_tour(
            "/odoo/action-account.action_move_out_invoice",
            "fr_invoicing_inspection",
            login=user.login,
        )
        wizard = self.env["fr.archive.export"].search([("create_uid", "=", user.id)])
        self.assertEqual(wizard.move_ids, move)
        self.authenticate(user.login, user.login)
        answer = self.url_open(f"/fr_invoicing/inspection/{wizard.id}")
        kind = answer.headers["Content-Type"]
        self.assertEqual(kind, "application/zip", answer.text[:2000])
        with zipfile.ZipFile(io.BytesIO(answer.content)) as bundle:
            names = {name.rpartition("/")[2] for name in bundle.namelist()}
        self.assertIn("reglements.json", names)
        self.assertIn("clotures.csv", names)
        for suffix in (".pdf", ".xml"):
            self.assertTrue([name for name in names if name.endswith(suffix)], names)
        problems = list(verify(BundleSource(io.BytesIO(answer.content))))
        self.assertEqual(problems, [])
        # nobody else fetches it
        stranger = new_test_user(self.env, "fr_stranger", groups="base.group_user")
        self.authenticate(stranger.login, stranger.login)
        answer = self.url_open(f"/fr_invoicing/inspection/{wizard.id}")
        self.assertIn(answer.status_code, (403, 404))
