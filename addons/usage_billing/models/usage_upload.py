# Part of Relevé. See LICENSE file for full copyright and licensing details.
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError
from odoo.tools import formatLang

UPLOAD = "usage.upload.mixin"
#: largest file that a form takes; ``usage_billing.upload_bytes`` says otherwise
UPLOAD_BYTES = 2 << 30


class UsageUploadMixin(models.AbstractModel):
    """A form with a usage file that comes as it is, block by block, with progress.

    The widget ``usage_file`` sends the file to ``/usage/upload/<model>``, which keeps
    it as an attachment of nobody yet; the record that takes it makes it its own.
    Neither browser nor server holds the file in memory.
    """

    _name = UPLOAD
    _description = "Usage File of a Form"

    attachment_id = fields.Many2one(
        "ir.attachment", string="Usage File", copy=False, ondelete="restrict"
    )
    file_name = fields.Char(copy=False)
    upload_limit = fields.Float(
        compute="_compute_upload_limit",
        string="Largest File (bytes)",
        digits=(20, 0),
    )
    upload_text = fields.Char(compute="_compute_upload_text", string="Size of Files")

    # ------------------------------------------------------------------
    # compute
    # ------------------------------------------------------------------
    def _compute_upload_limit(self):
        self.upload_limit = self._get_upload_limit()

    @api.depends("upload_limit")
    @api.depends_context("lang")
    def _compute_upload_text(self):
        for record in self:
            number = int(record.upload_limit) >> 20
            if number < 1024:
                size = self.env._("%(number)s MB", number=number)
            else:
                number = formatLang(self.env, number / 1024, digits=1)
                size = self.env._("%(number)s GB", number=number)
            record.upload_text = record._say_upload_limit(size)

    # ------------------------------------------------------------------
    # create / write
    # ------------------------------------------------------------------
    @api.model_create_multi
    def create(self, vals_list):
        records = super().create(vals_list)
        records._own_uploads()
        return records

    def write(self, vals):
        result = super().write(vals)
        if "attachment_id" in vals:
            self._own_uploads()
        return result

    # ------------------------------------------------------------------
    # business
    # ------------------------------------------------------------------
    @api.model
    def _may_upload(self):
        """Whether this user may give a file: who may make such a record."""
        return self.has_access("create")

    @api.model
    def _check_uploader(self):
        """:raise UserError: this user may give no file"""
        self.check_access("create")

    @api.model
    def _get_upload_limit(self):
        """Bytes of the largest file that the form takes."""
        parameters = self.env["ir.config_parameter"].sudo()  # a number, no secret
        return int(parameters.get_param("usage_billing.upload_bytes", UPLOAD_BYTES))

    def _say_upload_limit(self, size):
        """What a person reads beside the file.

        :param str size: in words
        :rtype: str
        """
        return self.env._("A file of up to %(size)s.", size=size)

    @api.model
    def _keep_upload(self, file, name):
        """Keep a file for a record of this user that is not there yet.

        :param BinaryIO file: open
        :rtype: ir.attachment
        """
        self._check_uploader()
        return self.env["ir.attachment"]._keep_file(
            file, {"name": name or "usage.csv", "res_model": self._name}
        )

    def _own_uploads(self):
        """Uploads go with their record; only the user's own can be taken."""
        for record in self:
            file = record.attachment_id.sudo()  # to look whose it is
            if file and (
                file.res_model != self._name
                or file.create_uid != self.env.user
                or (file.res_id and file.res_id != record.id)
            ):
                raise AccessError(self.env._("Upload the usage file again."))
            if file and not file.res_id:
                file.res_id = record.id

    @api.autovacuum
    def _gc_uploads(self):
        """Forget files that were uploaded and never taken."""
        self.env["ir.attachment"].search(
            [
                ("res_model", "=", self._name),
                ("res_id", "in", (False, 0)),
                ("create_date", "<", fields.Datetime.now() - timedelta(days=1)),
            ]
        ).unlink()
