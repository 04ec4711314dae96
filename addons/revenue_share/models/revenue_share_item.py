from collections import defaultdict

from odoo import api, fields, models
from odoo.exceptions import UserError

from odoo.addons.usage_billing.fields_exact import Exact

from .. import bridge
from ..splitting import waterfall
from ..splitting.allocate import half_up

OPEN_FIELDS = {"statement_period_start"}
SALE, CREDIT, UNDO = "sale", "credit", "undo"


class RevenueShareItem(models.Model):
    """The base of shares: one posted invoice line under one agreement.

    - ``sale``: a line of an invoice (or of a credit note that reverses nothing)
    - ``credit``: the part of an earlier sale that a credit note takes back
    - ``undo``: an invoice or credit note was set back to draft

    A credit or undo points to its sale and mirrors what the sale gave; nothing is
    computed again. An item is written once; identity is (agreement, source key).
    """

    _name = "revenue.share.item"
    _description = "Revenue Share Item"
    _order = "date desc, id desc"
    _rec_name = "source_key"
    _check_company_auto = True

    agreement_id = fields.Many2one(
        "revenue.share.agreement",
        required=True,
        ondelete="restrict",
        index=True,
        readonly=True,
    )
    company_id = fields.Many2one(
        "res.company", required=True, index=True, readonly=True
    )
    version_id = fields.Many2one(
        "revenue.share.agreement.version",
        required=True,
        ondelete="restrict",
        index=True,
        readonly=True,
    )
    source = fields.Selection(
        [
            (SALE, "Invoice line"),
            (CREDIT, "Credit note"),
            (UNDO, "Set back to draft"),
        ],
        required=True,
        readonly=True,
    )
    source_key = fields.Char(required=True, readonly=True)
    move_id = fields.Many2one(
        "account.move",
        string="Invoice",
        ondelete="set null",
        index="btree_not_null",
        readonly=True,
    )
    move_line_id = fields.Many2one(
        "account.move.line",
        string="Invoice line",
        ondelete="set null",
        index="btree_not_null",
        readonly=True,
    )
    origin_item_id = fields.Many2one(
        "revenue.share.item",
        string="Takes back",
        ondelete="restrict",
        index="btree_not_null",
        readonly=True,
    )
    undone_item_id = fields.Many2one(
        "revenue.share.item",
        string="Undoes",
        ondelete="restrict",
        index="btree_not_null",
        readonly=True,
    )
    customer_id = fields.Many2one(
        "res.partner", ondelete="restrict", index=True, readonly=True
    )
    product_id = fields.Many2one(
        "product.product", ondelete="restrict", index="btree_not_null", readonly=True
    )
    label = fields.Char(readonly=True)
    date = fields.Date(required=True, index=True, readonly=True)
    statement_period_start = fields.Date(
        string="Settled in the period from", readonly=True, index="btree_not_null"
    )
    currency_id = fields.Many2one("res.currency", required=True, readonly=True)
    quantity = Exact(readonly=True)
    net = fields.Monetary(string="Net amount", readonly=True)
    vat = fields.Monetary(string="VAT", readonly=True)
    cost = fields.Monetary(readonly=True)
    base = fields.Monetary(
        string="Shared base", readonly=True, help="What the rules are applied to."
    )
    line_ids = fields.One2many("revenue.share.line", "item_id", string="Shares")
    shared_amount = fields.Monetary(
        string="Shared", compute="_compute_shared_amount", help="Sum of the shares."
    )
    residual = fields.Monetary(
        string="Kept",
        compute="_compute_shared_amount",
        help="What we keep of the shared base.",
    )

    _source_once = models.Constraint(
        "UNIQUE (agreement_id, source_key)", "This invoice line is already shared."
    )
    _undone_once = models.UniqueIndex(
        "(undone_item_id) WHERE undone_item_id IS NOT NULL",
        "This share item is already undone.",
    )

    @api.depends("line_ids.amount", "base")
    def _compute_shared_amount(self):
        sums = dict(
            self.env["revenue.share.line"]._read_group(
                [("item_id", "in", self.ids)], ["item_id"], ["amount:sum"]
            )
        )
        for item in self:
            item.shared_amount = sums.get(item, 0.0)
            item.residual = item.base - item.shared_amount

    def write(self, vals):
        if set(vals) - OPEN_FIELDS:
            raise UserError(
                self.env._("Shared revenue cannot be changed: it follows its invoice.")
            )
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_never(self):
        raise UserError(
            self.env._("Shared revenue cannot be deleted: it follows its invoice.")
        )

    # recording posted documents

    @api.model
    def _record(self, moves):
        """Record what posted invoices and credit notes share; a second time, nothing.

        Set-based: the number of queries grows with agreements, not with invoices.

        :param moves: posted customer invoices and credit notes
        :return: the new items
        """
        items = self.browse()
        for company, own in moves.grouped("company_id").items():
            credits = own.filtered(
                lambda move: move.move_type == "out_refund" and move.reversed_entry_id
            )
            agreements = self.env["revenue.share.agreement"].search(
                [("company_id", "=", company.id), ("state", "=", "active")]
            )
            if agreements:
                items |= self._record_sales(own - credits, agreements)
            if credits:
                items |= self._record_credits(credits)
        return items

    def _record_sales(self, moves, agreements):
        lines = moves.invoice_line_ids.filtered(
            lambda line: line.display_type == "product"
        )
        live, seen = self._get_live(lines)
        vals_list, shares, terms_by_version = [], [], {}
        for agreement in agreements:
            for line in lines:
                if (agreement, line) in live:
                    continue
                prepared = self._prepare_sale(agreement, line, terms_by_version)
                if prepared is None:
                    continue
                vals, split = prepared
                vals["source_key"] = f"aml:{line.id}:{seen[agreement, line]}"
                vals_list.append(vals)
                shares.append(split)
        items = self.create(vals_list)
        self._create_shares(items, shares)
        return items

    def _get_live(self, lines):
        """Say which lines are shared now, and how often each was.

        :return: (set of live (agreement, line), (agreement, line) -> count)
        """
        items = self.search([("move_line_id", "in", lines.ids), ("source", "=", SALE)])
        undone = self.search([("undone_item_id", "in", items.ids)]).undone_item_id
        seen = defaultdict(int)
        for item in items:
            seen[item.agreement_id, item.move_line_id] += 1
        live = {(item.agreement_id, item.move_line_id) for item in items - undone}
        return live, seen

    def _prepare_sale(self, agreement, line, terms_by_version):
        """Return (vals of the item, its Split) of an invoice line, or None.

        :param dict terms_by_version: clauses already read, filled on the way

        None when no version is in force, the customer is not attributed, or (for an
        agreement with all customers) no rule looks at the line.
        """
        day = self._get_basis_date(agreement, line)
        version = agreement._get_version(day)
        if not version:
            return None
        attributed = agreement.applies_to == "attributed"
        customer = self._get_customer(line)
        if attributed and not agreement._get_attribution(line, customer, day):
            return None
        vals = self._prepare_sale_vals(agreement, version, line, day)
        if version not in terms_by_version:
            terms_by_version[version] = bridge.terms_of(version)
        terms = bridge.in_currency(terms_by_version[version], line.currency_id)
        source = bridge.line_of(
            {
                "key": line.id,
                **{name: vals[name] for name in ("net", "vat", "cost", "quantity")},
            },
            line.product_id,
        )
        if not attributed and not terms.matches(source):
            return None
        vals["base"] = half_up(source.base(terms.base), terms.decimals)
        return vals, waterfall.split(terms.early(), [source])

    def _get_basis_date(self, agreement, line):
        """Return the date that decides version, attribution and period of a line."""
        if agreement.date_basis == "usage" and line.usage_period_start:
            return line.usage_period_start
        return line.move_id.invoice_date or line.move_id.date

    def _get_customer(self, line):
        """Return the company that used what a line bills; the payer may be another."""
        subscription = line.usage_rated_line_id.subscription_id
        return (subscription.partner_id or line.move_id).commercial_partner_id

    def _prepare_sale_vals(self, agreement, version, line, day):
        move = line.move_id
        sign = -1 if move.move_type == "out_refund" else 1
        # What the invoice shows may be scaled ("per 1,000 calls"): this is what counts.
        quantity = line.usage_quantity
        if quantity is None:
            quantity = bridge.to_decimal(line.quantity)
        net = bridge.to_decimal(line.price_subtotal)
        cost = bridge.to_decimal(
            line.company_id.currency_id._convert(
                line.product_id.with_company(line.company_id).standard_price,
                line.currency_id,
                line.company_id,
                day,
                round=False,
            )
            if line.product_id
            else 0
        )
        return {
            "agreement_id": agreement.id,
            "company_id": line.company_id.id,
            "version_id": version.id,
            "source": SALE,
            "move_id": move.id,
            "move_line_id": line.id,
            "customer_id": self._get_customer(line).id,
            "product_id": line.product_id.id,
            "label": line.name,
            "date": day,
            "currency_id": line.currency_id.id,
            "quantity": sign * quantity,
            "net": sign * net,
            "vat": sign * (bridge.to_decimal(line.price_total) - net),
            "cost": half_up(
                sign * bridge.to_decimal(line.quantity) * cost,
                line.currency_id.decimal_places,
            ),
        }

    def _create_shares(self, items, splits):
        vals_list = []
        for item, split in zip(items, splits, strict=True):
            for key, figures in bridge.by_beneficiary(split.shares).items():
                rule, partner, _line = key
                vals_list.append(
                    item._prepare_line_vals("share", rule, partner, figures, 0)
                )
        return self.env["revenue.share.line"].create(vals_list)

    def _prepare_line_vals(self, kind, rule, partner, figures, number, **extra):
        """Build one share of an item.

        :param figures: (amount, exact amount, basis)
        :param int number: how many lines the (item, rule, partner) already has
        """
        self.ensure_one()
        amount, exact, basis = figures
        return {
            "agreement_id": self.agreement_id.id,
            "company_id": self.company_id.id,
            "version_id": self.version_id.id,
            "rule_id": rule,
            "item_id": self.id,
            "partner_id": partner,
            "kind": kind,
            "date": self.date,
            "currency_id": self.currency_id.id,
            "basis": basis,
            "exact_amount": exact,
            "amount": amount,
            "line_key": f"item:{self.id}:{rule}:{partner}:{number}",
            "trace": {
                "version": self.version_id.number,
                "base": str(bridge.to_decimal(self.base)),
                "basis": str(basis),
                "exact": str(exact),
                "rounded": str(amount),
            },
            **extra,
        }
