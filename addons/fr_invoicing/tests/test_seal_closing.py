# Part of Relevé. See LICENSE file for full copyright and licensing details.
import hashlib
import io
import json
import subprocess
import sys
import tempfile
import zipfile
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from unittest.mock import patch

import pypdf
from freezegun import freeze_time

from odoo.exceptions import AccessError, UserError
from odoo.modules.module import get_manifest
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from ..sealing.bundle import BundleSource
from ..sealing.verify import verify
from .seal_common import SealCommon

PACKAGE = Path(__file__).parents[1]


@tagged("post_install", "-at_install")
class TestSealClosing(SealCommon):
    """Closings, anchors, keys, and the bundle of an inspection."""

    @contextmanager
    def _at(self, instant):
        """Seal facts at an instant: of Python's clock and of the transaction's."""
        now = datetime.fromisoformat(instant)
        with freeze_time(instant), patch.object(self.env.cr, "_now", now):
            yield

    def _story(self):
        """Two days of November and one of December; the second day is empty."""
        with self._at("2026-11-29 10:00:00"):
            first = self._make_invoice([self._line()])
            self._make_invoice([self._line(price=10)], self.person)
        with self._at("2026-11-29 22:30:00"):
            # 23:30 in Paris
            self._pay(first, 20)
        with self._at("2026-12-01 08:00:00"):
            self._credit(first)
        with self._at("2026-12-02 03:00:00"):
            return self.env["fr.seal.closing"]._close_due(self._chain())

    def test_days_months_and_perpetual_total(self):
        closings = self._story()
        self.assertEqual(
            closings.mapped("name"),
            ["2026-11-29", "2026-11-30", "2026-11", "2026-12-01"],
        )
        days = closings.filtered(lambda closing: closing.period == "day")
        # 120 + 12, nothing, the credit note of 120
        self.assertEqual(days.mapped("documents"), [2, 0, 1])
        self.assertEqual(days.mapped("total"), [Decimal(132), 0, Decimal(-120)])
        self.assertEqual(days.mapped("tax"), [Decimal(22), 0, Decimal(-20)])
        self.assertEqual(days.mapped("collected"), [Decimal(20), 0, 0])
        self.assertEqual(days.mapped("consumer"), [0, 0, 0])
        self.assertEqual(days.mapped("turnover"), [Decimal(132), 132, 12])
        month = closings.filtered(lambda closing: closing.period == "month")
        self.assertEqual((month.total, month.collected), (Decimal(132), Decimal(20)))
        with self._at("2026-12-02 04:00:00"):
            self.assertFalse(self.env["fr.seal.closing"]._close_due(self._chain()))
        self.assertEqual(self._verify(), [])

    def test_financial_year_is_closed_on_its_last_day(self):
        with self._at("2026-12-31 10:00:00"):
            self._make_invoice([self._line()])
        with self._at("2027-01-01 03:00:00"):
            closings = self.env["fr.seal.closing"]._close_due(self._chain())
        self.assertEqual(closings.mapped("period"), ["day", "month", "year"])
        self.assertEqual(closings.mapped("total"), [Decimal(120)] * 3)

    def test_backdated_invoice_counts_on_the_day_it_was_posted(self):
        with self._at("2026-11-29 10:00:00"):
            self._make_invoice([self._line()])
        with self._at("2026-11-30 10:00:00"):
            self._make_invoice([self._line(price=10)], invoice_date="2026-11-01")
        with self._at("2026-12-01 03:00:00"):
            closings = self.env["fr.seal.closing"]._close_due(self._chain())
        self.assertEqual(closings[:2].mapped("total"), [Decimal(120), Decimal(12)])

    @mute_logger("odoo.addons.fr_invoicing.models.fr_seal_dashboard")
    def test_altered_closing_is_named(self):
        closing = self._story()[0]
        self._tamper("UPDATE fr_seal_closing SET total = 100 WHERE id = %s", closing.id)
        problem = self._verify()[0]
        self.assertEqual(
            (problem.code, problem.what, problem.field, problem.expected),
            ("closing_altered", "2026-11-29", "total", "132"),
        )
        for change in (
            lambda: closing.sudo().write({"total": 1}),
            closing.sudo().unlink,
            lambda: closing.sudo().create({}),
        ):
            with self.assertRaises(UserError):
                change()

    # === keys and anchors ===

    def test_anchor_is_signed_archived_and_sealed(self):
        self._make_invoice([self._line()])
        chain = self._chain()
        anchor = self.env["fr.seal.anchor"]._sign(chain)
        self.assertEqual(self._entries(anchor).kind, "anchor")
        self.assertEqual(anchor.key_id.origin, "made")
        self.assertFalse(self.env["fr.seal.anchor"]._sign(chain), "nothing new")
        self._make_invoice([self._line()])
        self.assertTrue(self.env["fr.seal.anchor"]._sign(chain))
        self.assertEqual(self._verify(), [])

    def test_key_rotation_keeps_old_anchors_valid(self):
        self._make_invoice([self._line()])
        first = self.env["fr.seal.anchor"]._sign(self._chain()).key_id
        second = self.env["fr.seal.key"]._make(self.company)
        self.assertFalse(first.active_key)
        self.assertTrue(first.retired_at)
        self.assertEqual(self.env["fr.seal.anchor"]._sign(self._chain()).key_id, second)
        self.assertEqual(self._verify(), [])
        with self.assertRaises(UserError):
            first.unlink()

    def test_private_key_is_for_the_system_group_alone(self):
        key = self.env["fr.seal.key"]._make(self.company)
        accountant = new_test_user(
            self.env,
            "fr_seal_accountant",
            groups="account.group_account_manager",
            company_id=self.company.id,
            company_ids=[(6, 0, self.company.ids)],
        )
        as_accountant = key.with_user(accountant)
        self.assertTrue(as_accountant.read(["fingerprint"]))
        with self.assertRaises(AccessError):
            as_accountant.read(["private_key"])
        self.assertFalse(key._fields["private_key"].exportable)

    def test_passphrase_outside_the_database_encrypts_the_key(self):
        self.patch(
            self.env.registry["fr.seal.key"], "_get_passphrase", lambda self: "phrase"
        )
        self._make_invoice([self._line()])
        key = self.env["fr.seal.anchor"]._sign(self._chain()).key_id
        self.assertTrue(key.is_encrypted)
        self.assertIn("ENCRYPTED", key.private_key)
        self.patch(
            self.env.registry["fr.seal.key"], "_get_passphrase", lambda self: "other"
        )
        with self.assertRaisesRegex(UserError, "passphrase"):
            key._open()

    # === the bundle ===

    def _export(self, moves):
        wizard = (
            self.env["fr.archive.export"]
            .with_context(active_model="account.move", active_ids=moves.ids)
            .create({})
        )
        action = wizard.action_export()
        self.assertEqual(action["url"], f"/fr_invoicing/inspection/{wizard.id}")
        return b"".join(wizard._iter_zip())

    def _run_verifier(self, content, *options):
        """Run the command as an inspector does: the package inside the bundle alone."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "bundle.zip")
            path.write_bytes(content)
            place = PACKAGE
            if zipfile.is_zipfile(path):
                with zipfile.ZipFile(path) as bundle:
                    bundle.extractall(Path(folder, "out"))
                place = Path(folder, "out", "verifier")
            return subprocess.run(
                [sys.executable, "-m", "sealing", "bundle", str(path), *options],
                cwd=place,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )

    def _bundle(self):
        move = self._make_invoice([self._line()], self.person)
        other = self._make_invoice([self._line()])
        (move | other)._fr_generate_facturx()
        self._pay(move, 20)
        return move, self._export(move)

    def test_bundle_holds_the_document_and_verifies_without_odoo(self):
        move, content = self._bundle()
        with zipfile.ZipFile(io.BytesIO(content)) as bundle:
            names = bundle.namelist()
            folder = f"documents/{move.name.replace('/', '_')}/"
            mine = [name for name in names if name.startswith("documents/")]
            self.assertTrue(all(name.startswith(folder) for name in mine), mine)
            pdf = next(name for name in mine if name.endswith(".pdf"))
            self.assertEqual(bundle.read(pdf), move.invoice_pdf_report_id.raw)
            paid = json.loads(bundle.read(f"{folder}reglements.json"))
            self.assertEqual(Decimal(paid[0]["amount"]), 20)
        done = self._run_verifier(content)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        self.assertIn("0 problems", done.stdout)

    def _altered(self, content, change):
        """Write the bundle anew with files changed by ``change(name, bytes)``."""
        target = io.BytesIO()
        with (
            zipfile.ZipFile(io.BytesIO(content)) as source,
            zipfile.ZipFile(target, "w") as bundle,
        ):
            for name in source.namelist():
                new = change(name, source.read(name))
                if new is not None:
                    bundle.writestr(name, new)
        return target.getvalue()

    def _codes(self, content):
        return {problem.code for problem in verify(BundleSource(io.BytesIO(content)))}

    def test_altered_bundle_is_named(self):
        _move, content = self._bundle()
        self.assertEqual(self._codes(content), set())

        def replace(suffix, old, new):
            def change(name, data):
                return data.replace(old, new) if name.endswith(suffix) else data

            return self._codes(self._altered(content, change))

        def drop(suffix):
            return self._codes(
                self._altered(
                    content, lambda name, data: None if name.endswith(suffix) else data
                )
            )

        self.assertIn("file_altered", replace(".pdf", b"%PDF", b"%PDX"))
        self.assertIn("link_altered", replace("chain.jsonl", b'n":1,', b'n":2,'))
        self.assertIn("file_missing", drop(".pdf"))
        self.assertIn("anchor_invalid", drop(".pem"))
        self.assertIn("head_mismatch", drop("chain.jsonl"))
        # a manifest that agrees with a forged PDF disagrees with the chain
        self.assertIn("archive_altered", self._codes(self._forge(content, ".pdf")))
        self.assertIn("payload_altered", self._codes(self._forge(content, "entree")))

    def _forge(self, content, part):
        """Change a file and its manifest together."""
        changed = {}

        def change(name, data):
            if part in name:
                data = data.replace(b"1", b"2")
                changed[name] = hashlib.sha256(data).hexdigest()
            if name == "manifest.json":
                manifest = json.loads(data)
                for file in manifest["files"]:
                    file["sha256"] = changed.get(file["path"], file["sha256"])
                data = json.dumps(manifest).encode()
            return data

        return self._altered(content, change)

    def test_command_names_the_problem_and_fails(self):
        _move, content = self._bundle()
        forged = self._forge(content, "entree")
        done = self._run_verifier(forged)
        self.assertEqual(done.returncode, 1)
        self.assertIn("PROBLEM [payload_altered]", done.stdout)
        self.assertEqual(self._run_verifier(forged[:100]).returncode, 2)
        self.assertEqual(
            self._run_verifier(content, "--fingerprint", "ab").returncode, 1
        )

    def test_nothing_sealed_is_refused_with_a_reason(self):
        draft = self._make_invoice([self._line()], post=False)
        with self.assertRaisesRegex(UserError, "No sealed document"):
            self._export(draft)

    def test_attestation_is_filled_in(self):
        self._make_invoice([self._line()])
        content = self._chain()._render_attestation()
        self.assertEqual(content[:5], b"%PDF-")
        text = "".join(
            page.extract_text() for page in pypdf.PdfReader(io.BytesIO(content)).pages
        )
        self.assertIn("Hébergeur Exemple SAS", text)
        self.assertIn("100000009", text)
        version = get_manifest("fr_invoicing")["version"]
        self.assertIn(version, text)
