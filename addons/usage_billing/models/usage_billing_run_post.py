from decimal import Decimal

from odoo import Command, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from .. import bridge, isolation, messages

#: invoices made and posted in one transaction: the number of a journal is held
#: until the commit, so the batch is kept short (spec/performance section 3)
POST_BATCH = 50
#: how many slices are looked at for groups that no other worker has taken
SHARED = 16

#: no chatter line and no tracking on thousands of invoices: the run is the trail
QUIET = {
    "tracking_disable": True,
    "mail_create_nolog": True,
    "mail_create_nosubscribe": True,
    "mail_notrack": True,
    "mail_auto_subscribe_no_notify": True,
}

ZERO = Decimal(0)


class UsageBillingRun(models.Model):
    """Posting: one invoice per payer, currency and purchase order."""

    _inherit = "usage.billing.run"

    # ------------------------------------------------------------------
    # slices
    # ------------------------------------------------------------------
    def _post_slice(self, limit=POST_BATCH):
        """Make and post the next invoices; safe to kill and to run again.

        Takes whole groups nobody else is working on. Commits nothing: the job or
        the scheduled action does.

        :param int limit: invoices in this slice
        :return: how many lines were worked on; 0 when nothing is left to take
        """
        self.ensure_one()
        self._check_approver()
        # today is the seller's, whoever posts: scheduled actions have no time zone
        self = self.company_id._usage_at_home(self)
        groups = self._take_groups(limit)
        isolation.in_batch(
            self.env,
            groups,
            lambda some: self._invoice_groups(some),
            lambda group, reason: group[1]._hold(reason),
        )
        self._finish_posting()
        return sum(len(lines) for _key, lines in groups)

    def _take_groups(self, limit):
        """Groups of approved lines, complete and locked by this transaction.

        :return: [(group key, run lines)], at most ``limit``
        """
        every_line = self.env["usage.billing.run.line"].sudo()  # belong to the run
        approved = [("run_id", "=", self.id), ("state", "=", "approved")]
        some = every_line.search(approved, limit=limit * SHARED)
        payers = some.subscription_id.payer_id
        lines = every_line.search(
            [*approved, ("subscription_id.payer_id", "in", payers.ids)]
        )
        groups = list(lines.grouped(lambda line: line._get_group_key()).items())
        taken = []
        for key, group in groups:
            if len(taken) == limit:
                break
            if len(group.try_lock_for_update(allow_referencing=True)) == len(group):
                taken.append((key, group))
        return taken

    def _invoice_groups(self, groups):
        """Create the invoices of some groups, check them, post them, link them."""
        key_of = {line: key for key, lines in groups for line in lines}
        rated = self._get_approved_rated_lines(groups).grouped(
            lambda rated: key_of[rated.run_line_id]
        )
        none = self.env["usage.rated.line"].sudo()  # results belong to the run
        vals_list, move_groups = [], []
        for key, lines in groups:
            documents = self._split_documents(key, rated.get(key, none))
            for document_key, some in documents:
                vals = self._prepare_move_vals(document_key, lines, some)
                if vals:
                    vals_list.append(vals)
                    move_groups.append(lines)
        moves = (
            self.env["account.move"]
            .with_company(self.company_id)
            .with_context(**QUIET)
            .create(vals_list)
        )
        self._check_moves(moves)
        moves.action_post()
        # where one result has several documents, the first one is its own
        for move, lines in zip(reversed(moves), reversed(move_groups), strict=True):
            lines.write({"move_id": move.id})
        every_line = self.env["usage.billing.run.line"].sudo()
        every_line = every_line.concat(*(lines for _key, lines in groups))
        self._link_invoiced(every_line, moves)

    def _split_documents(self, key, rated_lines):
        """Documents of one group: (unique key, rated lines) pairs, the main one first.

        Extension point: an override may split further.
        """
        return [(key, rated_lines)]

    def _get_approved_rated_lines(self, groups):
        line_ids = [line.id for _key, lines in groups for line in lines]
        return (
            self.env["usage.rated.line"]
            .sudo()  # results belong to the run
            .search(
                [("run_line_id", "in", line_ids), ("state", "=", "approved")],
                order="id",
            )
            .sorted(
                lambda rated: (
                    rated.subscription_id.code,
                    rated.period_id.start_at,
                    rated.charge_id.sequence,
                    rated.charge_id.id,
                    rated.dimension_key,
                    rated.revision,
                )
            )
        )

    # ------------------------------------------------------------------
    # values
    # ------------------------------------------------------------------
    def _prepare_move_vals(self, key, lines, rated_lines):
        """Values of the invoice of one group; nothing when nothing is due.

        A negative total makes a credit note. Extension point: another add-on may
        add values, never change lines or amounts.

        :param str key: payer, currency and purchase order of the group
        :param usage.billing.run.line lines: of one payer
        :param usage.rated.line rated_lines: approved ones of these lines
        :rtype: dict | None
        """
        components = [
            (rated, component)
            for rated in rated_lines
            for component in rated.component_ids
            if component.amount
        ]
        if not components:
            return None
        total = sum((component.amount for _rated, component in components), ZERO)
        sign = -1 if total < 0 else 1
        first = lines[0].subscription_id
        payer = first.payer_id
        env = rated_lines.with_context(lang=payer.lang or self.env.lang).env
        return {
            "move_type": "out_refund" if sign < 0 else "out_invoice",
            "company_id": self.company_id.id,
            "partner_id": payer.id,
            "currency_id": first.currency_id.id,
            "invoice_date": self.invoice_date or fields.Date.context_today(self),
            "invoice_origin": self.name,
            "ref": first.po_number or False,
            "usage_run_id": self.id,
            "usage_group_key": key,
            "invoice_line_ids": list(
                self._prepare_commands(env, components, lines, sign)
            ),
        }

    def _prepare_commands(self, env, components, lines, sign):
        """Lines of an invoice, under a heading each where it has subscriptions."""
        current = None
        for rated, component in components:
            if len(lines) > 1 and rated.subscription_id != current:
                current = rated.subscription_id
                yield Command.create(
                    {"display_type": "line_section", "name": current.name}
                )
            for vals in self._prepare_component_lines(env, rated, component, sign):
                yield Command.create(vals)

    def _prepare_component_lines(self, env, rated, component, sign):
        """Lines of one component, one as a rule.

        Extension point: an override may split it, its lines add up to the amount.

        :rtype: list[dict]
        """
        return [self._prepare_move_line_vals(env, rated, component, sign)]

    def _prepare_move_line_vals(self, env, rated, component, sign, shown=None):
        """Values of one invoice line; account and taxes are left to Odoo.

        The figures of the line are those the law allows on a document (4 and 6
        decimals); the true ones stay in the ``usage_`` fields.

        :param env: environment in the payer's language
        :param int sign: -1 on a credit note
        :param rating.presentation.Presentation shown: in place of the component's
            own quantity and price, for a line that is a part of it
        """
        charge = rated.charge_id.with_env(env)
        shown = shown or bridge.presentation_of(component)
        name = messages.line_name(
            env,
            charge,
            component,
            rated.period_id,
            charge.unit_label,
            rated.dimensions,
            rated.revision,
            rated.price_id,
            shown.scale,
        )
        return {
            "product_id": charge.product_id.id,
            "name": name,
            "quantity": float(sign * shown.quantity),
            "price_unit": float(shown.price),
            "usage_component_id": component.id,
            "usage_rated_line_id": rated.id,
            "usage_period_start": rated.period_id.local_start,
            "usage_period_end": rated.period_id.local_end,
            "usage_quantity": component.quantity,
            "usage_unit_price": component.unit_price,
            "usage_exact_amount": component.exact_amount,
            "usage_unit_label": charge.unit_label,
        }

    # ------------------------------------------------------------------
    # checks and links
    # ------------------------------------------------------------------
    def _check_moves(self, moves):
        """The ledger must say what was rated, line by line, to the cent.

        :raise UserError: a line's subtotal is not the rated amount
        """
        found = moves.invoice_line_ids.filtered("usage_component_id")
        for lines in found.grouped("usage_component_id").values():
            line = lines[0]
            sign = -1 if line.move_id.move_type == "out_refund" else 1
            rated = line.usage_component_id.sudo().amount * sign
            if sum(map(bridge.money, lines.mapped("price_subtotal")), ZERO) != rated:
                raise UserError(
                    self.env._(
                        "Line %(line)s of the invoice would say %(invoiced)s instead "
                        "of the rated %(rated)s. Check the taxes of product "
                        "%(product)s: their prices must not include tax.",
                        line=line.name,
                        invoiced=line.price_subtotal,
                        rated=rated,
                        product=line.product_id.display_name,
                    )
                )
        for move in moves:
            lines = move.invoice_line_ids.usage_component_id.sudo()
            total = abs(sum(lines.mapped("amount"), ZERO))
            if bridge.money(move.amount_untaxed) != total:
                raise UserError(
                    self.env._(
                        "The invoice of %(partner)s would total %(invoiced)s instead "
                        "of the rated %(rated)s.",
                        partner=move.partner_id.display_name,
                        invoiced=move.amount_untaxed,
                        rated=total,
                    )
                )

    def _link_invoiced(self, lines, moves):
        """Write where each result landed, with the states, in four statements.

        Plain SQL: the values come from a join, and the records are frozen for
        every other writer from here on.
        """
        self.env.flush_all()
        self._link_components(moves)
        self._link_rated_lines(lines)
        self._close_periods(lines)
        self.env.execute_query(
            SQL(
                "UPDATE usage_billing_run_line SET state = 'invoiced', reason = NULL"
                " WHERE id = ANY(%s) RETURNING id",
                lines.ids,
            )
        )
        self.env.invalidate_all(flush=False)

    def _link_components(self, moves):
        self.env.execute_query(
            SQL(
                """UPDATE usage_rated_component c SET move_line_id = l.id
                     FROM account_move_line l
                    WHERE l.usage_component_id = c.id AND l.move_id = ANY(%s)
                RETURNING c.id""",
                moves.ids,
            )
        )

    def _link_rated_lines(self, lines):
        self.env.execute_query(
            SQL(
                """UPDATE usage_rated_line r SET state = 'posted', move_id = l.move_id
                     FROM usage_billing_run_line l
                    WHERE r.run_line_id = l.id AND l.id = ANY(%s)
                      AND r.state = 'approved'
                RETURNING r.id""",
                lines.ids,
            )
        )
        self._link_split_lines(lines)

    def _link_split_lines(self, lines):
        """Rated lines of a result with several documents go each to its own."""
        self.env.execute_query(
            SQL(
                """UPDATE usage_rated_line r SET move_id = m.move_id
                     FROM usage_rated_component c
                     JOIN account_move_line m ON m.id = c.move_line_id
                    WHERE c.rated_line_id = r.id AND r.run_line_id = ANY(%s)
                      AND r.move_id != m.move_id
                RETURNING r.id""",
                lines.ids,
            )
        )

    def _close_periods(self, lines):
        """The periods these results cover are billed, with the usage they had."""
        prints = {
            int(period_id): text
            for line in lines
            for period_id, text in (line.coverage or {}).items()
        }
        if not prints:
            return
        self.env.execute_query(
            SQL(
                """UPDATE usage_period p
                      SET state = 'billed', billed_fingerprint = c.fingerprint,
                          late_state = NULL
                     FROM unnest(%s, %s) AS c(id, fingerprint)
                    WHERE p.id = c.id
                RETURNING p.id""",
                list(prints),
                list(prints.values()),
            )
        )

    def _finish_posting(self):
        """Posted once no approved line is left; the held are billed later."""
        if self.state != "posting":
            return
        if self.env["usage.billing.run.line"].search_count(
            [("run_id", "=", self.id), ("state", "=", "approved")], limit=1
        ):
            return
        self._set_state("posted")
        self.finished_at = fields.Datetime.now()
        self._notify_held()


class UsageBillingRunLine(models.Model):
    _inherit = "usage.billing.run.line"

    def _get_group_key(self):
        """Lines with the same key are on one invoice (design decision 5).

        Extension point: an override may split groups further, never join them.
        """
        subscription = self.subscription_id
        return "/".join(
            (
                str(subscription.payer_id.id),
                subscription.currency_id.name,
                subscription.po_number or "",
            )
        )
