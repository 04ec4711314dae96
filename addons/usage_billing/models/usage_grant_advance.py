from odoo import Command, api, fields, models
from odoo.exceptions import UserError, ValidationError

FUNDINGS = [
    ("gift", "Given: a discount"),
    ("advance", "Paid in advance"),
]


class UsageGrant(models.Model):
    """Where the money of a credit comes from, and what the ledger says of it.

    A credit that was given is a discount: the invoice shows the usage and takes the
    credit off the same revenue account. A credit that was paid in advance is a debt to
    the customer: it is invoiced like any deposit on the prepayment account (4191) with
    the tax of what it will pay, due when it is collected; each invoice of usage then
    takes its part off that account, with the tax, so that neither the revenue nor the
    tax counts twice.
    """

    _inherit = "usage.grant"

    funding = fields.Selection(
        FUNDINGS,
        required=True,
        default="gift",
        help="A given credit lowers the revenue. One paid in advance is invoiced as a "
        "deposit on the prepayment account, and taken off that account when used.",
    )
    advance_move_id = fields.Many2one(
        "account.move",
        string="Deposit Invoice",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="set null",
        help="The invoice by which the customer paid the credit.",
    )

    @api.constrains("funding", "unit", "recurs")
    def _check_funding(self):
        for grant in self:
            if grant.funding != "advance":
                continue
            if grant.unit != "money":
                raise ValidationError(
                    self.env._(
                        "Credit %(credit)s is of units: only a credit of money can be "
                        "paid in advance.",
                        credit=grant.name,
                    )
                )
            if grant.recurs:
                raise ValidationError(
                    self.env._(
                        "Credit %(credit)s is paid in advance and would renew unpaid: "
                        "create a credit for each payment.",
                        credit=grant.name,
                    )
                )

    def write(self, vals):
        """The ledger said what a credit is as soon as something took or paid it."""
        if "funding" in vals:
            for grant in self:
                if vals["funding"] != grant.funding and grant._is_in_the_ledger():
                    raise UserError(
                        self.env._(
                            "Credit %(credit)s stands on invoices already: end it and "
                            "create another one.",
                            credit=grant.name,
                        )
                    )
        return super().write(vals)

    def _is_in_the_ledger(self):
        self.ensure_one()
        if self._get_advance():
            return True
        parts = self.env["usage.rated.component"].sudo()  # of the same subscription
        return bool(
            parts.search_count(
                [
                    ("key", "=", f"grant-{self.id}"),
                    ("rated_line_id.subscription_id", "=", self.subscription_id.id),
                    ("rated_line_id.state", "=", "posted"),
                ],
                limit=1,
            )
        )

    def _get_advance(self):
        """The deposit invoice, unless it was cancelled."""
        return self.advance_move_id.filtered(lambda move: move.state != "cancel")

    # ------------------------------------------------------------------
    # the deposit invoice
    # ------------------------------------------------------------------
    def action_invoice(self):
        """Make the draft deposit invoice of a credit that is paid in advance."""
        self.ensure_one()
        if self.unit != "money" or self.funding != "advance":
            raise UserError(
                self.env._("Only a credit of money paid in advance is invoiced.")
            )
        if not self._get_advance():
            moves = self.env["account.move"].with_company(self.company_id)
            self.advance_move_id = moves.create(self._prepare_advance_vals())
        return self.action_view_invoice()

    def action_view_invoice(self):
        self.ensure_one()
        return self.advance_move_id._get_records_action()

    def _prepare_advance_vals(self):
        subscription = self.subscription_id
        payer = subscription.payer_id
        said = self.with_context(lang=payer.lang or self.env.lang)
        account = self.env["usage.account.role"]._require_account(
            self.company_id, "prepayment"
        )
        return {
            "move_type": "out_invoice",
            "company_id": self.company_id.id,
            "partner_id": payer.id,
            "currency_id": self.currency_id.id,
            "invoice_origin": subscription.code,
            "ref": subscription.po_number or False,
            "invoice_line_ids": [
                Command.create(
                    {
                        "name": said.env._(
                            "Prepaid credit: %(credit)s, %(subscription)s",
                            credit=said.name,
                            subscription=subscription.code,
                        ),
                        "quantity": 1.0,
                        "price_unit": float(self.amount),
                        "account_id": account.id,
                        "tax_ids": [Command.set(self._get_advance_taxes().ids)],
                    }
                )
            ],
        }

    def _get_advance_taxes(self):
        """Tax of the deposit: that of everything the credit may pay.

        :rtype: account.tax
        :raise UserError: it may pay for things with different taxes
        """
        today = fields.Date.context_today(self)
        version = self.subscription_id._get_version_at(today)
        products = version.charge_ids.filtered(
            lambda charge: self._may_pay(charge.key)
        ).product_id
        found = {
            product.taxes_id._filter_taxes_by_company(self.company_id)
            for product in products
        }
        if len(found) > 1:
            raise UserError(
                self.env._(
                    "Credit %(credit)s may pay for products with different taxes "
                    "(%(taxes)s). Limit it to charges with the same tax (Only on), one "
                    "credit for each.",
                    credit=self.name,
                    taxes=", ".join(
                        sorted(
                            " + ".join(taxes.mapped("name")) or "–" for taxes in found
                        )
                    ),
                )
            )
        taxes = found.pop() if found else self.env["account.tax"]
        position = (
            self.env["account.fiscal.position"]
            .with_company(self.company_id)
            ._get_fiscal_position(self.subscription_id.payer_id)
        )
        return position.map_tax(taxes)


class UsageBillingRun(models.Model):
    """What a paid credit covers is taken off the prepayment account."""

    _inherit = "usage.billing.run"

    def _prepare_move_line_vals(self, env, rated, component, sign, shown=None):
        vals = super()._prepare_move_line_vals(env, rated, component, sign, shown)
        if component.role != "grant":
            return vals
        grant_id = int(component.key.partition("-")[2])
        grants = rated.subscription_id.sudo().grant_ids  # what was taken is known
        grant = grants.filtered(lambda one: one.id == grant_id)
        if grant.funding == "advance":
            vals["account_id"] = (
                self.env["usage.account.role"]
                ._require_account(self.company_id, "prepayment")
                .id
            )
            if move := grant._get_advance():
                vals["name"] = env._(
                    "%(line)s (deposit %(invoice)s)",
                    line=vals["name"],
                    invoice=move.name,
                )
        return vals
