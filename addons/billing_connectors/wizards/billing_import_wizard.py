# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo import Command, api, fields, models
from odoo.exceptions import UserError
from odoo.tools import format_datetime

from odoo.addons.usage_billing.fields_exact import Exact

from .. import messages
from ..const import PREVIEW_ROWS, TEST_ROWS
from ..feeds.parsers import open_feed
from ..feeds.values import FeedError, ParsedUsage, RowError
from ..models.billing_delivery import IMPORTER, decode_upload


class BillingImportWizard(models.TransientModel):
    """Import usage: upload, look at the first rows, try without writing, import.

    It only asks and shows: reading, testing and importing are methods of
    ``billing.delivery``, which the command line and other code call too.
    """

    _name = "billing.import.wizard"
    _description = "Import Usage"
    _inherit = ["usage.upload.mixin"]

    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company
    )
    attachment_id = fields.Many2one(
        ondelete="set null", help="CSV or FOCUS 1.0, plain or packed with gzip."
    )
    data = fields.Binary(
        string="Content", attachment=False, help="For programs: instead of a file."
    )
    mapping_id = fields.Many2one(
        "billing.mapping",
        domain="[('company_id', '=', company_id)]",
        help="Empty: found by the columns of the file.",
    )
    source_id = fields.Many2one(
        "usage.source",
        domain="[('company_id', '=', company_id)]",
        help="Empty: the source of the mapping.",
    )
    state = fields.Selection(
        [("upload", "File"), ("preview", "Check")], default="upload", readonly=True
    )

    # what was detected
    encoding = fields.Char(readonly=True)
    delimiter = fields.Char(readonly=True)
    decimal_sign = fields.Char(readonly=True)
    size_bytes = fields.Integer(string="Size (bytes)", readonly=True)
    known_delivery_id = fields.Many2one("billing.delivery", readonly=True)
    known_text = fields.Char(compute="_compute_known_text")
    line_ids = fields.One2many("billing.import.wizard.line", "wizard_id", readonly=True)

    # what a test found
    is_tested = fields.Boolean(readonly=True)
    is_partial = fields.Boolean(
        readonly=True, help="Only the first rows of a large file were tried."
    )
    tested_count = fields.Integer(string="Rows Tried", readonly=True)
    new_count = fields.Integer(string="New", readonly=True)
    duplicate_count = fields.Integer(string="Duplicates", readonly=True)
    unknown_count = fields.Integer(
        string="Unknown Customer or Meter",
        readonly=True,
        help="Would be held until the customer or meter exists.",
    )
    invalid_count = fields.Integer(
        string="Invalid", readonly=True, help="Would be held: the row cannot be read."
    )
    other_count = fields.Integer(
        string="Held for Other Reasons",
        readonly=True,
        help="Outside the subscription, in the future, or in conflict with usage "
        "already received.",
    )
    ignored_count = fields.Integer(string="Ignored by Rule", readonly=True)

    # ------------------------------------------------------------------
    # compute
    # ------------------------------------------------------------------
    @api.depends("known_delivery_id")
    def _compute_known_text(self):
        for wizard in self:
            known = wizard.known_delivery_id
            wizard.known_text = known and self.env._(
                "This content was already received as %(file)s on %(date)s. Importing "
                "it again adds nothing.",
                file=known.name,
                date=format_datetime(self.env, known.received_at),
            )

    # ------------------------------------------------------------------
    # uploads
    # ------------------------------------------------------------------
    @api.model
    def _may_upload(self):
        return self.env.user.has_group(IMPORTER)

    @api.model
    def _check_uploader(self):
        self.env["billing.delivery"]._check_importer()

    def _say_upload_limit(self, size):
        return self.env._(
            "Files of up to %(size)s. Larger ones are imported on the server, by "
            "the command odoo billing_import: ask your administrator.",
            size=size,
        )

    # ------------------------------------------------------------------
    # actions
    # ------------------------------------------------------------------
    def action_read(self):
        """Read the file: mapping, detected settings, first rows."""
        self.ensure_one()
        self.env["billing.delivery"]._check_importer()
        content = self._content()
        mapping = self.mapping_id or self.env["billing.delivery"]._mapping_for(
            content, self.company_id
        )
        source = self.source_id or mapping._get_source()
        known = self.env["billing.delivery"].search(
            [
                ("company_id", "=", self.company_id.id),
                ("source_id", "=", source.id),
                ("content_hash", "=", content.sha256),
            ]
        )
        try:
            feed = open_feed(content, mapping._spec())
            lines = self._prepare_lines(feed, source)
        except FeedError as error:
            raise UserError(messages.sentence(self.env, error)) from error
        self.write(
            {
                "state": "preview",
                "mapping_id": mapping.id,
                "source_id": source.id,
                "encoding": content.encoding,
                "delimiter": "tab" if feed.delimiter == "\t" else feed.delimiter,
                "decimal_sign": feed.decimal,
                "size_bytes": content.size,
                "known_delivery_id": known.id,
                "is_tested": False,
                "line_ids": [Command.clear(), *map(Command.create, lines)],
            }
        )
        return self._reopen()

    def action_test(self):
        """Try the import on the real tables and take everything back."""
        self.ensure_one()
        try:
            totals = self.env["billing.delivery"]._test_file(
                self._content(), self.mapping_id, self.source_id, TEST_ROWS
            )
        except FeedError as error:
            raise UserError(messages.sentence(self.env, error)) from error
        held = dict(totals["held"])
        unknown = held.pop("unknown_subject", 0) + held.pop("unknown_meter", 0)
        invalid = sum(
            held.pop(reason, 0)
            for reason in (
                "invalid_value",
                "invalid_time",
                "missing_field",
                "unknown_unit",
                "unreadable",
            )
        )
        self.write(
            {
                "is_tested": True,
                "is_partial": totals["is_partial"],
                "tested_count": totals["rows"],
                "new_count": totals["accepted"],
                "duplicate_count": totals["duplicate"],
                "unknown_count": unknown,
                "invalid_count": invalid,
                "other_count": sum(held.values()),
                "ignored_count": totals["ignored"],
            }
        )
        return self._reopen()

    def action_import(self):
        """Receive the file and import it, at once or in the background."""
        self.ensure_one()
        Delivery = self.env["billing.delivery"]
        delivery = Delivery._receive(
            self._get_raw(),
            self.mapping_id,
            self.source_id,
            name=self.file_name,
            company=self.company_id,
        )
        if delivery.state != "done":
            delivery._start()
        return {
            "type": "ir.actions.act_window",
            "res_model": "billing.delivery",
            "view_mode": "form",
            "res_id": delivery.id,
        }

    def action_provision(self):
        """Create customers, meters and prices by the rule of the mapping."""
        self.ensure_one()
        self.mapping_id._provision(self._get_raw(), self.file_name)
        return self.action_read()

    def action_back(self):
        self.ensure_one()
        self.write({"state": "upload", "mapping_id": False, "source_id": False})
        return self._reopen()

    # ------------------------------------------------------------------
    # business
    # ------------------------------------------------------------------
    def _content(self):
        return self.env["billing.delivery"]._inspect(
            self._get_raw(), self.file_name, self.mapping_id
        )

    def _get_raw(self):
        """The file, or where it is.

        :rtype: bytes | Path
        """
        if self.attachment_id:
            return self.attachment_id._get_kept()
        if not self.data:
            raise UserError(self.env._("Choose a usage file first."))
        return decode_upload(self.data)

    def _reopen(self):
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Import Usage"),
            "res_model": self._name,
            "view_mode": "form",
            "res_id": self.id,
            "target": "new",
            "context": {"dialog_size": "extra-large"},
        }

    def _prepare_lines(self, feed, source):
        """First rows with the customer and the meters they would meet.

        :param feeds.parsers.CsvFeed feed: the file bound to the mapping
        :rtype: list[dict]
        """
        found = []
        for _line, _row, result in feed.rows():
            found.append(result)
            if len(found) == PREVIEW_ROWS:
                break
        owners = self._get_owners(
            {row.subject for row in found if isinstance(row, ParsedUsage)}, source
        )
        meters = self._get_meter_names(
            {row.type for row in found if isinstance(row, ParsedUsage)}
        )
        return [self._prepare_line_vals(row, owners, meters) for row in found]

    def _prepare_line_vals(self, row, owners, meters):
        if isinstance(row, RowError):
            return {
                "row_number": row.row_number,
                "outcome": "invalid",
                "detail": messages.row_sentence(self.env, row),
            }
        if not isinstance(row, ParsedUsage):
            return {"row_number": row.row_number, "outcome": "ignored"}
        subscription = owners.get(row.subject)
        meter = meters.get(row.type)
        detail = False
        if not subscription:
            detail = self.env._("No subscription has the subject %s.", row.subject)
        elif not meter:
            detail = self.env._("No meter counts usage of kind %s.", row.type)
        return {
            "detail": detail,
            "row_number": row.row_number,
            "outcome": "ready" if subscription and meter else "unknown",
            "event_id": row.event_id,
            "event_time": row.time.replace(microsecond=0),
            "subject": row.subject,
            "event_type": row.type,
            "value": row.value,
            "amount": row.amount,
            "currency": row.currency,
            "dimensions": ", ".join(f"{k}: {v}" for k, v in row.dimensions.items()),
            "partner_id": subscription.partner_id.id if subscription else False,
            "meters": meter,
        }

    @api.model
    def _get_owners(self, subjects, source):
        """Subscription of each subject; the source's own mapping wins."""
        found = self.env["usage.subject"].search(
            [
                ("company_id", "=", source.company_id.id),
                ("subject", "in", list(subjects)),
                ("source_id", "in", [False, source.id]),
            ],
            order="source_id nulls first, valid_from nulls first",
        )
        return {record.subject: record.subscription_id for record in found}

    def _get_meter_names(self, types):
        found = self.env["usage.meter"].search(
            [
                ("company_id", "=", self.company_id.id),
                ("event_type", "in", list(types)),
            ]
        )
        return {
            kind: ", ".join(meters.mapped("name"))
            for kind, meters in found.grouped("event_type").items()
        }


class BillingImportWizardLine(models.TransientModel):
    """One of the first rows of the file, as the mapping reads it."""

    _name = "billing.import.wizard.line"
    _description = "Import Usage: Row"
    _order = "row_number, id"

    wizard_id = fields.Many2one(
        "billing.import.wizard", required=True, index=True, ondelete="cascade"
    )
    row_number = fields.Integer(string="Line", readonly=True)
    outcome = fields.Selection(
        [
            ("ready", "Ready"),
            ("unknown", "Unknown"),
            ("ignored", "Ignored by rule"),
            ("invalid", "Invalid"),
        ],
        readonly=True,
    )
    detail = fields.Char(readonly=True)
    event_id = fields.Char(readonly=True)
    event_time = fields.Datetime(string="Time", readonly=True)
    subject = fields.Char(readonly=True)
    event_type = fields.Char(string="Kind of Usage", readonly=True)
    value = Exact(string="Quantity", readonly=True)
    amount = Exact(string="Cost", readonly=True)
    currency = fields.Char(readonly=True)
    dimensions = fields.Char(readonly=True)
    partner_id = fields.Many2one("res.partner", string="Customer", readonly=True)
    meters = fields.Char(readonly=True)
