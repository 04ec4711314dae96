# Part of Relevé. See LICENSE file for full copyright and licensing details.
import io
import json
import zipfile

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from ..sealing.bundle import BundleSource
from ..sealing.verify import verify
from .seal_common import LOGGER, SealCommon


@tagged("post_install", "-at_install")
class TestArchiveDestruction(SealCommon):
    """What is past its retention may be destroyed, on purpose and on record."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.manager = new_test_user(
            cls.env,
            "fr_archive_manager",
            groups="account.group_account_manager",
            company_id=cls.company.id,
            company_ids=[(6, 0, cls.company.ids)],
        )
        cls.reader = new_test_user(
            cls.env,
            "fr_archive_reader",
            groups="account.group_account_invoice",
            company_id=cls.company.id,
            company_ids=[(6, 0, cls.company.ids)],
        )
        # issued long ago, kept until the end of 2025
        cls.old = cls._make_invoice(
            [cls._line()], cls.person, invoice_date="2015-03-05"
        )
        cls.new = cls._make_invoice([cls._line()], cls.person)
        for move in cls.old | cls.new:
            for kind, name in (("pdf", "facture.pdf"), ("xml", "factur-x.xml")):
                cls.env["fr.seal.entry"]._append(
                    kind, move, f"{kind} of {move.id}".encode(), name
                )
        cls.env["fr.seal.chain"]._get(cls.company)._link()

    def _archived(self, move):
        return self.env["fr.archive.entry"].search(
            [("model", "=", "account.move"), ("res_id", "=", move.id)]
        )

    def _wizard(self, entries=None, user=None, **values):
        wizards = self.env["fr.archive.destruction"].with_user(user or self.manager)
        if entries:
            wizards = wizards.with_context(
                active_model=entries._name, active_ids=entries.ids
            )
        return wizards.with_company(self.company).create(values)

    @mute_logger(LOGGER)
    def _codes(self):
        return {problem.code for problem in self._verify()}

    def test_only_what_is_past_its_retention_goes(self):
        old, new = self._archived(self.old), self._archived(self.new)
        self.assertEqual(set(old.mapped("is_over")), {True})
        self.assertEqual(set(new.mapped("is_over")), {False})
        found = self.env["fr.archive.entry"].search(
            [("is_over", "=", True), ("company_id", "=", self.company.id)]
        )
        self.assertEqual(found, old)
        self.assertEqual(self._chain().over_count, 2)
        wizard = self._wizard(old | new, reason="Fin de la conservation légale")
        self.assertEqual((wizard.entry_count, wizard.kept_count), (2, 2))
        with self.assertRaisesRegex(UserError, "undone"):
            wizard.action_destroy()
        wizard.is_sure = True
        wizard.action_destroy()
        self.assertTrue(all(old.mapped("destroyed_at")))
        self.assertFalse(any(new.mapped("destroyed_at")))
        self.assertFalse(any(entry._get_attachment() for entry in old))
        self.assertEqual(old.destroyed_by_id, self.manager)
        facts = self.env["fr.seal.entry"].search(
            [("kind", "=", "destruction"), ("res_id", "in", old.ids)]
        )
        self.assertEqual(
            {json.loads(fact.payload)["sha256"] for fact in facts},
            set(old.mapped("sha256")),
        )
        self.assertEqual(self._codes(), set(), "recorded: no problem")
        with self.assertRaisesRegex(UserError, "destroyed"):
            old[:1].action_download()

    def test_a_document_still_to_be_kept_is_refused(self):
        new = self._archived(self.new)
        with self.assertRaisesRegex(UserError, "kept until"):
            new._destroy("No reason is good enough")
        with self.assertRaisesRegex(UserError, "Say why"):
            self._archived(self.old)._destroy(" ")
        with self.assertRaises(AccessError):
            self._wizard(user=self.reader, reason="x")

    def test_a_destruction_nobody_recorded_is_named(self):
        old, new = self._archived(self.old), self._archived(self.new)
        self._tamper(
            "UPDATE fr_archive_entry SET destroyed_at = now() WHERE id IN %s",
            old._ids,
        )
        self.assertEqual(self._codes(), {"destroyed_unrecorded"})
        self._tamper(
            "UPDATE fr_archive_entry SET destroyed_at = NULL WHERE id IN %s", old._ids
        )
        self._tamper(
            "UPDATE fr_archive_entry SET retention_until = '2026-01-01' WHERE id IN %s",
            new._ids,
        )
        self.assertEqual(self._codes(), {"retention_shortened"})
        # a true destruction of a document whose date was forged
        self._tamper(
            "UPDATE fr_archive_entry SET document_date = '2010-01-01',"
            " retention_until = '2020-12-31' WHERE id IN %s",
            new._ids,
        )
        new.invalidate_recordset()
        new._destroy("Forged")
        self.assertEqual(self._codes(), {"retention_shortened", "destroyed_early"})

    def test_the_bundle_tells_of_the_destruction(self):
        self._archived(self.old).with_user(self.manager)._destroy("Fin du délai")
        wizard = (
            self.env["fr.archive.export"]
            .with_context(active_model="account.move", active_ids=self.old.ids)
            .create({})
        )
        self.env.invalidate_all()
        wizard.action_export()
        content = b"".join(wizard._iter_zip())
        with zipfile.ZipFile(io.BytesIO(content)) as bundle:
            names = bundle.namelist()
        self.assertTrue([name for name in names if "/destruction-" in name], names)
        self.assertFalse([name for name in names if name.endswith(".pdf")])
        problems = list(verify(BundleSource(io.BytesIO(content))))
        self.assertEqual(problems, [])

    def test_files_of_an_invoice_go_with_its_archive(self):
        """The copy on the invoice too: else nothing is destroyed."""
        self.new._fr_generate_facturx()
        entries = self._archived(self.new).filtered("source_attachment_id")
        self.assertEqual(len(entries), 2)
        sources = entries.source_attachment_id
        self._tamper(
            "UPDATE fr_archive_entry SET retention_until = %s WHERE id IN %s",
            fields.Date.to_date("2026-01-01"),
            entries._ids,
        )
        entries.invalidate_recordset()
        entries._destroy("Fin du délai")
        self.assertFalse(sources.exists())
        self.new.invalidate_recordset()
        self.assertFalse(self.new.invoice_pdf_report_id)
