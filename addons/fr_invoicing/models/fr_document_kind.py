# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo import api, fields, models, tools
from odoo.exceptions import ValidationError

from ..const import DOCUMENT_KINDS, FRAMES
from ..dated import in_force
from ..einvoice import kinds

# who issues and who is paid, in the order of the tables of einvoice/kinds.py
INVOICE_CODES = ("invoice_code", "self_billed_code", "factored_code", "both_code")
CREDIT_CODES = (
    "credit_code",
    "credit_self_code",
    "credit_factored_code",
    "credit_both",
)


class FrDocumentKind(models.Model):
    """What a document is called, and the codes it bears (BT-3, BT-23).

    Reference data shared by all companies, as the norm is: dated, so that a new list of
    codes is a new record and documents of the past keep theirs. What a document *does*
    (`kind`, `frame`) is read from the ledger and decides which record holds; the codes
    are the record's. A kind may be the usual one of a customer or of a journal.
    """

    _name = "fr.document.kind"
    _description = "French Document Kind"
    _order = "sequence, id"

    name = fields.Char(required=True, translate=True)
    sequence = fields.Integer(default=10)
    active = fields.Boolean(default=True)
    kind = fields.Selection(
        DOCUMENT_KINDS,
        string="What It Does",
        required=True,
        help="Read from the lines of the invoice, or chosen there.",
    )
    frame = fields.Selection(
        FRAMES,
        string="Special Frame",
        help="Second character of the billing frame (BT-23). Empty: normal, already "
        "paid or final after deposit, as the ledger says.",
    )
    valid_from = fields.Date(help="First day of these codes. Empty: always so far.")
    valid_to = fields.Date(help="Last day, included. Empty: still open.")
    source = fields.Char(help="The norm the codes come from.")
    invoice_code = fields.Char("Invoice", size=3, help="BT-3 of our own invoice.")
    self_billed_code = fields.Char(
        "Self-billed", size=3, help="BT-3 when we issue it in a supplier's name."
    )
    factored_code = fields.Char(
        "Factored", size=3, help="BT-3 when the claim was assigned to a factor."
    )
    both_code = fields.Char("Self-billed and Factored", size=3)
    credit_code = fields.Char("Credit Note", size=3)
    credit_self_code = fields.Char("Self-billed Credit Note", size=3)
    credit_factored_code = fields.Char("Factored Credit Note", size=3)
    credit_both = fields.Char("Self-billed and Factored Credit Note", size=3)

    @api.constrains(*INVOICE_CODES, *CREDIT_CODES)
    def _check_codes(self):
        for record in self:
            for names, allowed in (
                (INVOICE_CODES, kinds.INVOICE_CODES),
                (CREDIT_CODES, kinds.CREDIT_CODES),
            ):
                for name in names:
                    value = record[name]
                    if value and value not in allowed:
                        raise ValidationError(
                            self.env._(
                                "%(value)s is no type code of “%(field)s” "
                                "(XP Z12-012, BR-FR-04): choose one of %(codes)s.",
                                value=value,
                                field=record._fields[name].get_description(
                                    self.env, ["string"]
                                )["string"],
                                codes=", ".join(sorted(allowed)),
                            )
                        )

    @api.constrains("valid_from", "valid_to")
    def _check_dates(self):
        for record in self:
            start, end = record.valid_from, record.valid_to
            if start and end and start > end:
                raise ValidationError(
                    self.env._(
                        "“%(name)s” ends before it begins.", name=record.display_name
                    )
                )

    # === Create, write, unlink: what was found by day is looked up again === #

    @api.model_create_multi
    def create(self, vals_list):
        self.env.registry.clear_cache()
        return super().create(vals_list)

    def write(self, vals):
        self.env.registry.clear_cache()
        return super().write(vals)

    def unlink(self):
        self.env.registry.clear_cache()
        return super().unlink()

    # === Business === #

    @api.model
    def _get_for(self, kind, frame, day):
        """Give the record in force of what a document does, maybe empty.

        A frame without a record of its own falls back on the kind alone; of several,
        the one that began last holds.

        :param str kind: one of kinds.KINDS
        :param str frame: second character of BT-23 chosen, or ""
        :param date day: of the document
        """
        return self.browse(self._get_id_for(kind, frame, day))

    @api.model
    @tools.ormcache("kind", "frame", "day")
    def _get_id_for(self, kind, frame, day):
        """Give the id of the record in force, or False: a run asks for every invoice.

        :rtype: int | bool
        """
        records = self.sudo().search(
            [
                ("kind", "=", kind),
                ("frame", "in", (frame, False) if frame else (False,)),
                *in_force(day),
            ]
        )
        records = records.sorted(
            lambda record: (
                (record.frame or "") != (frame or ""),
                -(record.valid_from.toordinal() if record.valid_from else 0),
                record.sequence,
            )
        )
        return records[:1].id

    def _get_type_code(self, is_credit, is_self_billed, is_factored):
        """Give BT-3, "" where the record says nothing of it.

        :rtype: str
        """
        names = CREDIT_CODES if is_credit else INVOICE_CODES
        record = self.sudo()  # reference data
        return record[names[2 * bool(is_factored) + bool(is_self_billed)]] or ""


class AccountJournal(models.Model):
    _inherit = "account.journal"

    fr_document_kind_id = fields.Many2one(
        "fr.document.kind",
        string="French Invoices Are",
        domain="[('kind', '=', 'standard')]",
        help="What ordinary invoices of this journal are: for example those of a "
        "subcontractor with direct payment.",
    )
