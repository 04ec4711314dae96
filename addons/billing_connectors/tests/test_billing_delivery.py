# Part of Relevé. See LICENSE file for full copyright and licensing details.
import gzip
import json
from argparse import Namespace
from decimal import Decimal
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryDirectory
from unittest.mock import patch

from psycopg2 import IntegrityError

from odoo.cli.command import find_command
from odoo.exceptions import UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import HEADER, MAPPING, ConnectorCase


@tagged("post_install", "-at_install")
class TestBillingDelivery(ConnectorCase):
    def test_every_row_ends_in_one_place(self):
        text = (
            self._rows(range(3))
            + self._rows([0])  # the same row again: a duplicate
            + self._rows([1], quantity="9")  # the same id, other content: held
            + "u1,nobody,2026-09-01T10:00:00Z,cpu,1,eu\n"
            + "u2,alpha,2026-09-01T10:00:00Z,unheard-of,1,eu\n"
            + "b1,alpha,2026-09-01T10:00:00Z,cpu,NaN,eu\n"
            + "b2,alpha,yesterday,cpu,1,eu\n"
            + "b3,alpha,2026-09-01T10:00:00Z,cpu\n"
            + "b4,alpha,2026-09-01T10:00:00Z,cpu,,eu\n"
            + "i1,alpha,2026-09-01T10:00:00Z,cpu,1,internal\n"
        )
        delivery = self._import(text)
        self.assertEqual(delivery.state, "done")
        self.assertCounts(delivery, accepted=3, duplicate=1, held=7, ignored=1)
        self.assertEqual(delivery.ignored_detail, {"internal": 1})
        held = self.env["usage.quarantine"].search(
            [("batch_id", "=", delivery.batch_id.id)]
        )
        self.assertEqual(
            sorted((row.row_number, row.reason_code) for row in held),
            [
                (6, "conflict"),
                (7, "unknown_subject"),
                (8, "unknown_meter"),
                (9, "invalid_value"),
                (10, "invalid_time"),
                (11, "unreadable"),
                (12, "missing_field"),
            ],
        )
        # the inbox puts rows together by the bare name, in every language
        missing = held.filtered(lambda row: row.reason_code == "missing_field")
        self.assertEqual(missing.detail, "quantity")

    def test_rows_of_a_file_tell_what_is_wrong_in_the_language_of_the_reader(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        self.env = self.env(context={**self.env.context, "lang": "fr_FR"})
        text = "b1,alpha,2026-09-01T10:00:00Z,cpu,n/a,eu\n"
        delivery = self._import(text + "b2,alpha,hier,cpu,1,eu\n")
        held = delivery.batch_id.quarantine_ids.sorted("row_number")
        # kept in English, whoever imported the file
        self.assertEqual(held[0].detail, "“n/a” in column quantity is not a number")
        said = held.with_context(lang="fr_FR").mapped("detail_text")
        self.assertEqual(
            [text.replace("\xa0", " ") for text in said],
            [
                "« n/a » dans la colonne quantity n'est pas un nombre",
                "« hier » dans la colonne time n'est pas une heure",
            ],
        )

    def test_a_file_is_kept_without_being_read_into_memory(self):
        content = (HEADER + self._rows(range(50))).encode()
        with TemporaryDirectory() as folder:
            path = Path(folder) / "u.csv"
            path.write_bytes(content)
            with patch.object(Path, "read_bytes", side_effect=AssertionError):
                delivery = self.env["billing.delivery"]._import_file(path, self.mapping)
        self.assertCounts(delivery, accepted=50)
        kept = delivery.attachment_id.sudo()
        self.assertEqual(kept.raw, content)
        self.assertEqual(kept.file_size, len(content))
        self.assertEqual(kept.checksum, kept._compute_checksum(content))
        self.assertFalse(kept.index_content)  # usage is not for the full-text search
        # Odoo keeps the same content under the same name
        self.env.flush_all()
        other = self.env["ir.attachment"].create({"name": "same", "raw": content})
        self.assertEqual(other.store_fname, kept.store_fname)

    def test_a_file_that_is_there_with_another_content_is_not_touched(self):
        kept = self._import(self._rows([0])).attachment_id.sudo()
        place = Path(kept._full_path(kept.store_fname))
        place.write_bytes(b"something else")
        self.addCleanup(place.unlink)
        with self.assertRaises(UserError):
            kept._keep_file((HEADER + self._rows([0])).encode(), {"name": "again"})
        self.assertEqual(place.read_bytes(), b"something else")
        self.assertEqual(list(place.parent.glob("*.part")), [])

    def test_held_row_keeps_what_was_received(self):
        delivery = self._import("b1,alpha,2026-09-01T10:00:00Z,cpu,1e400,eu\n")
        held = self.env["usage.quarantine"].search(
            [("batch_id", "=", delivery.batch_id.id)]
        )
        self.assertEqual(json.loads(held.raw)["quantity"], "1e400")
        self.assertIn("1e400", held.detail)

    def test_batch_agrees_with_its_delivery(self):
        delivery = self._import(self._rows(range(5)) + "bad\n")
        batch = delivery.batch_id
        self.assertEqual(batch.state, "done")
        self.assertEqual(batch.delivery_id, delivery)
        self.assertEqual(
            (batch.rows_read, batch.accepted_count, batch.quarantined_count), (6, 5, 1)
        )

    def test_second_import_of_same_file_adds_nothing(self):
        first = self._import(self._rows(range(4)))
        again = self._import(self._rows(range(4)), name="other name.csv")
        self.assertEqual(again, first)
        self.assertCounts(first, accepted=4)
        self.assertEqual(first.resent_count, 1)
        self.assertIn("other name.csv", first.message_ids[0].body)

    def test_same_content_packed_is_the_same_delivery(self):
        text = (HEADER + self._rows(range(4))).encode()
        first = self._import(text)
        self.assertEqual(self._import(gzip.compress(text), name="u.csv.gz"), first)

    def test_database_refuses_the_same_content_twice(self):
        delivery = self._import(self._rows(range(2)))
        with mute_logger("odoo.sql_db"), self.assertRaises(IntegrityError):
            delivery.sudo().copy({"batch_id": False})

    def test_overlapping_file_counts_known_rows_as_duplicates(self):
        self._import(self._rows(range(6)))
        delivery = self._import(self._rows(range(3, 9)))
        self.assertCounts(delivery, accepted=3, duplicate=3)

    def test_import_in_slices_equals_import_at_once(self):
        text = self._rows(range(50)) + "bad\n" + self._rows(range(50, 60))
        delivery = self._import(text, slice_rows=7)
        self.assertCounts(delivery, accepted=60, held=1)
        self.assertEqual(len(delivery.batch_id), 1)

    def test_import_stopped_after_a_slice_goes_on(self):
        raw = (HEADER + self._rows(range(50))).encode()
        delivery = self.Delivery._receive(raw, self.mapping, name="u.csv")
        self.assertTrue(delivery._import_slice(20))
        self.assertEqual((delivery.state, delivery.rows_read), ("importing", 20))
        delivery.action_import()
        self.assertEqual(delivery.state, "done")
        self.assertCounts(delivery, accepted=50)

    def test_slice_that_fails_leaves_no_trace(self):
        raw = (HEADER + self._rows(range(50))).encode()
        delivery = self.Delivery._receive(raw, self.mapping, name="u.csv")
        delivery._import_slice(20)
        with (
            patch.object(
                type(delivery), "_count", side_effect=RuntimeError("killed here")
            ),
            self.assertRaises(RuntimeError),
            self.env.cr.savepoint(),
        ):
            delivery._import_slice(20)
        delivery.invalidate_recordset()
        self.assertEqual(delivery.rows_read, 20)
        delivery._import_all()
        self.assertCounts(delivery, accepted=50)

    def test_large_file_is_left_to_the_background(self):
        raw = (HEADER + self._rows(range(5))).encode()
        delivery = self.Delivery._receive(raw, self.mapping, name="u.csv")
        with patch(
            "odoo.addons.billing_connectors.models.billing_delivery.DIRECT_BYTES", 10
        ):
            delivery.action_import()
        self.assertEqual(delivery.state, "queued")
        job = self.env["queue.job"].search([("method_name", "=", "_job_import")])
        self.assertEqual(len(job), 1)
        self.env.flush_all()
        with self.enter_registry_test_mode():
            delivery._job_import()
        delivery.invalidate_recordset()
        self.assertEqual(delivery.state, "done")
        self.assertCounts(delivery, accepted=5)

    def test_scheduled_action_imports_what_waits(self):
        raw = (HEADER + self._rows(range(5))).encode()
        delivery = self.Delivery._receive(raw, self.mapping, name="u.csv")
        delivery._set_state("queued")
        with patch.object(
            type(self.env["ir.cron"]), "_commit_progress", return_value=60
        ):
            self.Delivery._cron_import()
        self.assertEqual(delivery.state, "done")

    def test_file_its_mapping_cannot_read_fails_with_the_reason(self):
        delivery = self._import((HEADER.replace("quantity", "qty") + "x\n").encode())
        self.assertEqual(delivery.state, "failed")
        self.assertIn("quantity", delivery.problem)
        self.assertFalse(delivery.batch_id)
        # sent again with a mapping that can read it
        fields = {**MAPPING["fields"], "value": "qty"}
        other = self._create_mapping(name="Other", fields=fields)
        raw = (HEADER.replace("quantity", "qty") + "x\n").encode()
        again = self._import(raw, mapping=other, source=self.source)
        self.assertEqual(again, delivery)
        self.assertEqual(delivery.state, "done")
        self.assertCounts(delivery, held=1)

    def test_empty_file_is_never_received(self):
        with self.assertRaises(UserError):
            self._import(b"")
        self.assertFalse(self.Delivery.search([("source_id", "=", self.source.id)]))

    def test_imported_delivery_cannot_be_deleted(self):
        delivery = self._import(self._rows(range(2)))
        with self.assertRaises(UserError):
            delivery.sudo().unlink()

    def test_a_test_writes_nothing(self):
        self._import(self._rows(range(2)))
        text = (
            HEADER + self._rows(range(5)) + "u,nobody,2026-09-01,cpu,1,eu\nbad\n"
            "i,alpha,2026-09-01,cpu,1,internal\n"
        )
        content = self.Delivery._inspect(text.encode(), "u.csv")
        tables = ("usage_batch", "usage_quarantine", "usage_store_event")
        before = [self._size(table) for table in tables]
        totals = self.Delivery._test_file(content, self.mapping, self.source)
        self.assertEqual(
            totals,
            {
                "rows": 8,
                "accepted": 3,
                "duplicate": 2,
                "ignored": 1,
                "held": {"unknown_subject": 1, "unreadable": 1},
                "is_partial": False,
            },
        )
        self.assertEqual([self._size(table) for table in tables], before)

    def _size(self, table):
        self.env.cr.execute(f"SELECT count(*) FROM {table}")  # pylint: disable=sql-injection
        return self.env.cr.fetchone()[0]

    def test_quantities_are_stored_to_the_last_digit(self):
        quantity = "12345678901234567890.12345678901234567890"
        self._import(self._rows([1], quantity=quantity))
        period = self.subscription._get_period_at(
            self.env["usage.event"].search([("subject", "=", "alpha")]).time
        )
        (found,) = self.env["usage.batch"]._store().aggregate(period, self.meter)
        self.assertEqual(found.quantity, Decimal(quantity))


@tagged("post_install", "-at_install")
class TestDeliveryScope(ConnectorCase):
    """Files that restate a billing period of an account."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.restating = cls._create_mapping(
            name="Restating",
            source={"code": "restating", "delivery_mode": "overwrite"},
            identity={"mode": "scope", "parts": ["region"]},
            ignore=[],
        )

    def _deliver(self, quantity, regions=("eu",), name="u.csv"):
        text = "".join(
            f"x,alpha,2026-09-02T10:00:00Z,cpu,{quantity},{region}\n"
            for region in regions
        )
        return self._import(text, mapping=self.restating, name=name)

    def _quantity(self):
        period = self.subscription._get_period_at(
            self.env["usage.event"].search([("subject", "=", "alpha")])[0].time
        )
        store = self.env["usage.batch"]._store()
        return sum(
            row.quantity
            for row in store.aggregate(period, self.meter, dimensions=False)
        )

    def test_new_version_of_a_scope_replaces_the_old_one(self):
        first = self._deliver(5)
        self.assertEqual(self._quantity(), 5)
        second = self._deliver(7, name="corrected.csv")
        self.assertEqual(second.state, "done")
        self.assertEqual(self._quantity(), 7)
        self.assertEqual(first.batch_id.state, "superseded")
        self.assertEqual(first.scope_ids.mapped("is_current"), [False])
        self.assertEqual(second.scope_ids.mapped("is_current"), [True])

    def test_same_version_again_is_a_resend(self):
        first = self._deliver(5)
        self.assertEqual(self._deliver(5, name="again.csv"), first)
        self.assertEqual(self._quantity(), 5)

    def test_other_scopes_of_the_source_stay(self):
        self._deliver(5)
        self._deliver(7, regions=("us",))
        self.assertEqual(self._quantity(), 12)

    def test_file_that_restates_a_part_is_refused_with_what_to_do(self):
        first = self._deliver(5, regions=("eu", "us"))
        second = self._deliver(7, name="part.csv")
        self.assertEqual(second.state, "failed")
        self.assertIn(first.name, second.problem)
        self.assertEqual(self._quantity(), 10)


@tagged("post_install", "-at_install")
class TestCommandLine(ConnectorCase):
    """``odoo billing_import``, without the start of the process."""

    def _command(self, path, **options):
        command = find_command("billing_import")()
        given = {
            "company": None,
            "mapping": None,
            "source": None,
            "provision": False,
            "slice_rows": 3,
        }
        self.env.flush_all()
        with self.enter_registry_test_mode(), self.registry.cursor() as cr:
            command.import_file(
                self.env(cr=cr), Path(path), Namespace(**{**given, **options})
            )
        self.env.invalidate_all()

    def test_file_is_imported_and_not_again(self):
        with NamedTemporaryFile("w", suffix=".csv") as file:
            file.write(HEADER + self._rows(range(5)))
            file.flush()
            self._command(file.name)
            self._command(file.name)
        delivery = self.Delivery.search([("source_id", "=", self.source.id)])
        self.assertEqual(delivery.resent_count, 1)
        self.assertCounts(delivery, accepted=5)

    def test_a_source_or_company_that_is_not_there_takes_nothing(self):
        before = self.Delivery.search_count([])
        with NamedTemporaryFile("w", suffix=".csv") as file:
            file.write(HEADER + self._rows(range(2)))
            file.flush()
            with self.assertRaisesRegex(UserError, "no source with the code misspelt"):
                self._command(file.name, source="misspelt")
            with self.assertRaisesRegex(UserError, "no company 99999"):
                self._command(file.name, company=99999)
        self.assertEqual(self.Delivery.search_count([]), before)
        with self.assertRaisesRegex(UserError, "There is no file"):
            self._command(Path(__file__).parent)

    def test_mapping_file_and_rule(self):
        definition = {**MAPPING, "name": "By hand", "source": {"code": "by_hand"}}
        with TemporaryDirectory() as folder:
            mapping, usage = Path(folder) / "m.json", Path(folder) / "u.csv"
            mapping.write_text(json.dumps(definition), encoding="utf-8")
            usage.write_text(HEADER + "a,new-one,2026-09-01,disk,2,eu\n")
            self._command(usage, mapping=str(mapping), provision=True)
        delivery = self.Delivery.search([("source_id.code", "=", "by_hand")])
        self.assertCounts(delivery, accepted=1)
        self.assertEqual(
            self.env["usage.subject"]
            .search([("subject", "=", "new-one")])
            .subscription_id.partner_id.name,
            "new-one",
        )
