# Part of Relevé. See LICENSE file for full copyright and licensing details.
import base64
from pathlib import Path

from odoo import api, fields, models
from odoo.exceptions import AccessError, LockError, UserError
from odoo.tools import format_datetime

from odoo.addons.queue_job.exception import RetryableJobError
from odoo.addons.usage_billing.metering import connection

from .. import bridge, messages
from ..const import DELIVERY_STATES, DIRECT_BYTES, SLICE_ROWS, TEST_ROWS
from ..feeds import identity
from ..feeds.content import Content, inspect_content
from ..feeds.parsers import open_feed
from ..feeds.values import FeedError

IMPORTER = "usage_billing.group_usage_billing_user"


class BillingDelivery(models.Model):
    """One file as it was received, and what became of each of its rows.

    The content is kept as received. It is known by the sha256 of its unpacked bytes:
    the same content from the same source, under whatever name, is the same delivery and
    adds nothing; the database refuses a second one.

    Import works in slices. Each slice writes its events, its held rows, its counts and
    the line it reached in one transaction; killed at any moment, going on from that
    line finishes with the same result, because an event's identity does not change.
    """

    _name = "billing.delivery"
    _description = "Usage Delivery"
    _inherit = ["mail.thread"]
    _order = "received_at desc, id desc"
    _check_company_auto = True

    # what was received
    name = fields.Char(string="File", required=True, readonly=True)
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, index=True
    )
    source_id = fields.Many2one(
        "usage.source",
        required=True,
        readonly=True,
        index=True,
        check_company=True,
        ondelete="restrict",
    )
    mapping_id = fields.Many2one(
        "billing.mapping",
        required=True,
        readonly=True,
        index=True,
        check_company=True,
        ondelete="restrict",
    )
    content_hash = fields.Char(
        string="SHA-256",
        required=True,
        readonly=True,
        index=True,
        help="Of the unpacked content: packing or renaming a file does not change it.",
    )
    size_bytes = fields.Integer(string="Size (bytes)", readonly=True)
    attachment_id = fields.Many2one(
        "ir.attachment", readonly=True, index="btree_not_null", ondelete="restrict"
    )
    received_at = fields.Datetime(
        required=True, readonly=True, default=fields.Datetime.now
    )
    resent_count = fields.Integer(
        readonly=True, help="How often the same content arrived again."
    )
    resent_at = fields.Datetime(string="Last Resent At", readonly=True)
    resent_text = fields.Char(compute="_compute_resent_text")

    # how it is read
    encoding = fields.Char(readonly=True)
    delimiter = fields.Char(readonly=True)
    decimal_sign = fields.Char(readonly=True)
    is_gzip = fields.Boolean(string="Packed (gzip)", readonly=True)
    unpacked_bytes = fields.Float(string="Unpacked Size", digits=(20, 0), readonly=True)

    # what became of it
    state = fields.Selection(
        DELIVERY_STATES,
        required=True,
        readonly=True,
        default="new",
        index=True,
        tracking=True,
    )
    problem = fields.Char(readonly=True, help="Why the file could not be imported.")
    batch_id = fields.Many2one(
        "usage.batch",
        readonly=True,
        index="btree_not_null",
        check_company=True,
        ondelete="restrict",
    )
    last_line = fields.Integer(readonly=True, default=1)
    rows_read = fields.Integer(readonly=True)
    accepted_count = fields.Integer(string="Accepted", readonly=True)
    duplicate_count = fields.Integer(string="Duplicates", readonly=True)
    quarantined_count = fields.Integer(string="Held", readonly=True)
    ignored_count = fields.Integer(
        string="Ignored", readonly=True, help="Left out by a rule of the mapping."
    )
    ignored_detail = fields.Json(readonly=True)
    ignored_text = fields.Char(
        compute="_compute_ignored_text", string="Ignored by Rule"
    )
    quarantine_open_count = fields.Integer(compute="_compute_quarantine_open_count")
    scope_ids = fields.One2many("billing.delivery.scope", "delivery_id", readonly=True)

    _content_unique = models.Constraint(
        "UNIQUE(company_id, source_id, content_hash)",
        "This content was already delivered by the source.",
    )
    _rows_balance = models.Constraint(
        "CHECK(rows_read = accepted_count + duplicate_count + quarantined_count"
        " + ignored_count)",
        "Each row read is accepted, duplicate, held or ignored.",
    )

    # ------------------------------------------------------------------
    # compute
    # ------------------------------------------------------------------
    @api.depends("resent_count", "resent_at")
    def _compute_resent_text(self):
        for delivery in self:
            delivery.resent_text = delivery.resent_count and self.env._(
                "The same content arrived again, %(count)s time(s), last on %(date)s. "
                "Nothing was added.",
                count=delivery.resent_count,
                date=format_datetime(self.env, delivery.resent_at),
            )

    @api.depends("ignored_detail")
    def _compute_ignored_text(self):
        for delivery in self:
            delivery.ignored_text = ", ".join(
                f"{rule}: {count}"
                for rule, count in sorted((delivery.ignored_detail or {}).items())
            )

    def _compute_quarantine_open_count(self):
        counts = dict(
            self.env["usage.quarantine"]._read_group(
                [("batch_id", "in", self.batch_id.ids), ("state", "=", "open")],
                ["batch_id"],
                ["__count"],
            )
        )
        for delivery in self:
            delivery.quarantine_open_count = counts.get(delivery.batch_id, 0)

    # ------------------------------------------------------------------
    # unlink
    # ------------------------------------------------------------------
    @api.ondelete(at_uninstall=False)
    def _unlink_except_imported(self):
        for delivery in self:
            if delivery.batch_id:
                raise UserError(
                    self.env._(
                        "Delivery %(delivery)s brought usage into the store and is its "
                        "proof of origin. It cannot be deleted.",
                        delivery=delivery.name,
                    )
                )

    # ------------------------------------------------------------------
    # actions
    # ------------------------------------------------------------------
    def action_import(self):
        """Go on with an import that waits, stopped or failed."""
        self._check_importer()
        for delivery in self.filtered(lambda d: d.state != "done"):
            delivery._start()
        return True

    def action_view_quarantine(self):
        self.ensure_one()
        return self.batch_id.action_view_quarantine()

    def action_view_events(self):
        self.ensure_one()
        return self.batch_id.action_view_events()

    def action_view_batch(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "usage.batch",
            "view_mode": "form",
            "res_id": self.batch_id.id,
        }

    def action_download(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_url",
            "url": f"/web/content/{self.attachment_id.id}?download=true",
            "target": "self",
        }

    # ------------------------------------------------------------------
    # business: import
    # ------------------------------------------------------------------
    @api.model
    def _import_file(
        self, raw, mapping=None, source=None, name=None, company=None, slice_rows=None
    ):
        """Import a usage file to its end, in the caller's transaction.

        The one door for the wizard, the command line and other code.

        :param bytes | str | Path raw: the content, or the path of the file
        :param billing.mapping mapping: None to find it by the columns of the file
        :param usage.source source: None for the mapping's own
        :param str name: file name, needed for bytes
        :param res.company company: None for the current one
        :return: the delivery: ``done``, or ``failed`` with its ``problem``
        :rtype: billing.delivery
        :raise UserError: the file cannot be opened, or no mapping fits
        """
        delivery = self._receive(raw, mapping, source, name, company)
        delivery._import_all(slice_rows or SLICE_ROWS)
        return delivery

    @api.model
    def _receive(self, raw, mapping=None, source=None, name=None, company=None):
        """Keep a file as received; the same content again is only counted.

        :return: the delivery, new or the one that already brought this content
        """
        self._check_importer()
        company = company or (mapping and mapping.company_id) or self.env.company
        content = self._inspect(raw, name, mapping)
        mapping = mapping or self._mapping_for(content, company)
        source = source or mapping._get_source()
        found = self.sudo().search(  # a fact of the company: was it received before
            [
                ("company_id", "=", company.id),
                ("source_id", "=", source.id),
                ("content_hash", "=", content.sha256),
            ]
        )
        if found:
            found._note_resent(content.name, mapping)
            return found.with_env(self.env)
        vals = self._prepare_delivery_vals(content, mapping, source, company)
        delivery = self.sudo().create(vals)  # users receive, only this method writes
        attachments = self.env[
            "ir.attachment"
        ].sudo()  # read with the delivery's rights
        delivery.attachment_id = attachments._keep_file(
            content.raw,
            {
                "name": content.name,
                "mimetype": "application/gzip" if content.is_gzip else "text/csv",
                "res_model": self._name,
                "res_id": delivery.id,
                "company_id": company.id,
            },
        )
        return delivery.with_env(self.env)

    @api.model
    def _inspect(self, raw, name=None, mapping=None):
        """First reading of a file: fingerprint, packing, encoding.

        :rtype: feeds.content.Content
        :raise UserError: the file cannot be read
        """
        encoding = mapping and mapping._spec().options.get("encoding")
        try:
            return inspect_content(raw, name or "", encoding or None)
        except FeedError as error:
            raise UserError(messages.sentence(self.env, error)) from error

    @api.model
    def _mapping_for(self, content, company):
        mapping = self.env["billing.mapping"]._suggest(content, company)
        if not mapping:
            raise UserError(
                self.env._(
                    "No mapping knows the columns of %(file)s. Make one under "
                    "Configuration, File Mappings, and name its columns.",
                    file=content.name,
                )
            )
        return mapping

    @api.model
    def _prepare_delivery_vals(self, content, mapping, source, company):
        return {
            "name": content.name,
            "company_id": company.id,
            "source_id": source.id,
            "mapping_id": mapping.id,
            "content_hash": content.sha256,
            "size_bytes": min(content.size, 2**31 - 1),
            "encoding": content.encoding,
            "is_gzip": content.is_gzip,
            "unpacked_bytes": content.unpacked_size,
        }

    def _start(self):
        """Import a small file now, a large one in the background."""
        for delivery in self:
            if delivery.unpacked_bytes <= DIRECT_BYTES:
                delivery._import_all()
            else:
                delivery._set_state("queued")
                delivery.with_delay(
                    identity_key=f"billing_delivery_{delivery.id}",
                    description=self.env._("Import %(file)s", file=delivery.name),
                )._job_import()

    def _import_all(self, slice_rows=SLICE_ROWS):
        """Slice after slice in the caller's transaction."""
        while self._import_slice(slice_rows):
            pass

    def _import_committed_slice(self, limit=None):
        """One slice on its own READ COMMITTED connection, committed with it.

        :return: whether rows are left
        :raise LockError: another process imports a slice of this delivery
        """
        with connection(self.env) as env:
            return self.with_env(env)._import_slice(limit or SLICE_ROWS)

    def _job_import(self):
        """Background: import one slice and order the next."""
        try:
            has_more = self._import_committed_slice()
        except LockError as error:
            raise RetryableJobError(str(error)) from error
        if has_more:
            self.with_delay(
                description=self.env._("Import %(file)s", file=self.name),
            )._job_import()

    @api.model
    def _cron_import(self):
        """Where no job runner works: go on with deliveries that wait or stopped."""
        cron = self.env["ir.cron"]
        waiting = self.search([("state", "in", ("queued", "importing"))], limit=50)
        for delivery in waiting:
            has_more = True
            while has_more:
                has_more = delivery._import_slice()
                if not cron._commit_progress(1):
                    return

    def _import_slice(self, limit=SLICE_ROWS):
        """Import the next rows: events, held rows, counts and position together.

        Harmless when the delivery is done; tries a failed one again. A file that
        cannot be read by its mapping ends as failed with the reason; nothing of it is
        stored.

        :param int limit: rows of the slice
        :return: whether rows are left
        :rtype: bool
        """
        delivery = self.sudo()  # the store and the counts are written by the system
        delivery.ensure_one()
        delivery.lock_for_update()
        delivery.invalidate_recordset()
        if delivery.state == "done":
            return False
        try:
            with self.env.cr.savepoint():
                feed = delivery._open_feed()
                delivery._begin(feed)
                delivery._append_slice(feed, limit)
        except FeedError as error:
            delivery._fail(messages.sentence(self.env, error))
        except UserError as error:
            delivery._fail(str(error))
        return delivery.state == "importing"

    def _append_slice(self, feed, limit):
        """Read, map and store up to ``limit`` rows after the last line."""
        read = 0
        for chunk in feed.chunks(after_line=self.last_line, limit=limit):
            rows = bridge.event_rows(chunk, feed.header)
            result = self.batch_id._append(rows)
            self._count(chunk, result)
            read += chunk.read
        if read < limit:
            self._finish()

    def _count(self, chunk, result):
        """Add the outcome of a chunk; the position moves with it."""
        detail = dict(self.ignored_detail or {})
        for row in chunk.ignored:
            detail[row.rule] = detail.get(row.rule, 0) + 1
        held = sum(result.quarantined.values())
        self.write(
            {
                "last_line": chunk.last_line,
                "rows_read": self.rows_read + chunk.read,
                "accepted_count": self.accepted_count + result.accepted,
                "duplicate_count": self.duplicate_count + result.duplicate,
                "quarantined_count": self.quarantined_count + held,
                "ignored_count": self.ignored_count + len(chunk.ignored),
                "ignored_detail": detail,
            }
        )

    def _begin(self, feed):
        """First slice: settle what was detected, claim the scopes, open the batch."""
        self._set_state("importing")
        if self.batch_id:
            return
        self.write({"delimiter": feed.delimiter, "decimal_sign": feed.decimal})
        if feed.compiled.scopes:
            self._claim_scopes(feed)
        self.batch_id = self.env["usage.batch"].create(self._prepare_batch_vals())

    def _prepare_batch_vals(self):
        return {
            "name": self.name,
            "source_id": self.source_id.id,
            "company_id": self.company_id.id,
            "file_name": self.name,
            "attachment_id": self.attachment_id.id,
            "content_sha256": self.content_hash,
            # the same scopes give the same text: that is how versions meet
            "scope": "\n".join(self.scope_ids.mapped("name")) or False,
            "version": identity.version_of(self.content_hash),
            "delivery_id": self.id,
        }

    def _finish(self):
        self.batch_id.write(
            {
                "rows_read": self.rows_read,
                "accepted_count": self.accepted_count,
                "duplicate_count": self.duplicate_count,
                "quarantined_count": self.quarantined_count,
                "ignored_count": self.ignored_count,
                "state": "done",
            }
        )
        if self.scope_ids:
            self._replace_versions()
        self._set_state("done")

    def _replace_versions(self):
        """Take back earlier deliveries of the same scopes, now that this one is in."""
        replaced = self.batch_id._supersede()
        if replaced:
            self.message_post(
                body=self.env._(
                    "This delivery replaces %(files)s, whose usage no longer counts.",
                    files=", ".join(replaced.mapped("name")),
                )
            )

    def _fail(self, problem):
        self.problem = problem
        self._set_state("failed")

    def _set_state(self, state):
        """The one place where a delivery changes state; harmless when already there."""
        if self.state != state:
            vals = {"state": state}
            if state == "done":
                vals["problem"] = False
            self.sudo().write(vals)  # users order an import, the system records it

    def _note_resent(self, name, mapping):
        """The same content came again: count it, say it, and let a failed one retry."""
        self.ensure_one()
        self.write(
            {
                "resent_count": self.resent_count + 1,
                "resent_at": fields.Datetime.now(),
            }
        )
        self.message_post(
            body=self.env._(
                "The same content arrived again as %(file)s. Nothing was added.",
                file=name,
            )
        )
        if self.state == "failed" and not self.batch_id:
            # nothing of it was stored: another mapping may read it
            self.mapping_id = mapping
            self._set_state("new")

    # ------------------------------------------------------------------
    # business: reading
    # ------------------------------------------------------------------
    def _content(self):
        """The kept file, without reading it again from the start.

        :rtype: feeds.content.Content
        """
        self.ensure_one()
        attachment = self.attachment_id
        raw = None
        if attachment.store_fname:
            path = Path(attachment._full_path(attachment.store_fname))
            raw = path if path.is_file() else None
        raw = raw or attachment.raw
        if not self.delimiter:
            content = inspect_content(raw, self.name, self.encoding)
            return content._replace(name=self.name)
        return Content(
            raw,
            self.name,
            self.content_hash,
            self.size_bytes,
            int(self.unpacked_bytes),
            self.is_gzip,
            self.encoding,
            "",
        )

    def _open_feed(self):
        """The file bound to its mapping.

        :rtype: feeds.parsers.CsvFeed
        :raise FeedError: the mapping cannot read the file
        """
        spec = self.mapping_id._spec()
        if self.delimiter:
            spec = bridge.with_settings(
                spec, self.delimiter, self.decimal_sign, self.encoding
            )
        return open_feed(self._content(), spec)

    @api.model
    def _test_file(self, content, mapping, source, limit=TEST_ROWS):
        """Try an import and take everything back: what would become of the rows?

        :param feeds.content.Content content: an inspected file
        :return: rows, accepted, duplicate, ignored, held by reason, is_partial
        :rtype: dict
        :raise FeedError: the mapping cannot read the file
        """
        self._check_importer()
        feed = open_feed(content, mapping._spec())
        totals = {"rows": 0, "accepted": 0, "duplicate": 0, "ignored": 0, "held": {}}
        savepoint = self.env.cr.savepoint(flush=True)
        try:
            batch = (
                self.env["usage.batch"]
                .sudo()  # written and taken back with the savepoint
                .create(
                    {
                        "name": content.name,
                        "source_id": source.id,
                        "company_id": source.company_id.id,
                    }
                )
            )
            for chunk in feed.chunks(limit=limit):
                rows = bridge.event_rows(chunk, feed.header)
                result = batch._append(rows)
                totals["rows"] += chunk.read
                totals["accepted"] += result.accepted
                totals["duplicate"] += result.duplicate
                totals["ignored"] += len(chunk.ignored)
                for reason, count in result.quarantined.items():
                    totals["held"][reason] = totals["held"].get(reason, 0) + count
        finally:
            self.env.flush_all()
            savepoint.close(rollback=True)
            self.env.invalidate_all(flush=False)
        totals["is_partial"] = totals["rows"] >= limit
        return totals

    # ------------------------------------------------------------------
    # business: rights and scopes
    # ------------------------------------------------------------------
    def _check_importer(self):
        if not (self.env.su or self.env.user.has_group(IMPORTER)):
            raise AccessError(self.env._("Only users of usage billing import usage."))

    def _claim_scopes(self, feed):
        """Take note of the billing periods and accounts the file restates.

        The same content again never gets here (it is the same delivery). Another
        content for a scope is a new version of it.
        """
        scopes = set()
        for chunk in feed.chunks():
            scopes |= chunk.scopes
        self.env["billing.delivery.scope"]._claim(self, scopes)


def decode_upload(data):
    """Bytes of an uploaded file (a Binary field's value)."""
    return base64.b64decode(data or b"")
