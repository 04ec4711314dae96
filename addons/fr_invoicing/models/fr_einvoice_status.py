# Part of Relevé. See LICENSE file for full copyright and licensing details.
import hashlib
from decimal import Decimal

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..transmission import cdar, delivery, statuses

KEPT = ("move_id", "code", "said_at", "key", "reasons", "amounts", "direction")


class FrEinvoiceStatus(models.Model):
    """One status in the life of an invoice, said by us or by the other side.

    Rows are only added. Which one stands is computed from all of them, so they may come
    late, twice and in any order.
    """

    _name = "fr.einvoice.status"
    _description = "Invoice Status"
    _order = "said_at desc, id desc"
    _rec_name = "code"
    _check_company_auto = True

    company_id = fields.Many2one("res.company", required=True, readonly=True)
    move_id = fields.Many2one(
        "account.move",
        string="Invoice",
        required=True,
        readonly=True,
        index=True,
        check_company=True,
        ondelete="restrict",
    )
    flow_id = fields.Many2one(
        "fr.einvoice.flow",
        string="Message",
        readonly=True,
        index="btree_not_null",
        check_company=True,
    )
    direction = fields.Selection(
        [("in", "Received"), ("out", "Said by Us")], required=True, readonly=True
    )
    code = fields.Char(required=True, readonly=True)
    label = fields.Char(string="Status", compute="_compute_words")
    said_at = fields.Datetime(
        string="On", required=True, readonly=True, help="As its issuer dates it."
    )
    received_at = fields.Datetime(string="Received on", readonly=True)
    issuer = fields.Char(readonly=True)
    issuer_text = fields.Char(string="By", compute="_compute_words")
    reasons = fields.Json(string="Reasons as Received", readonly=True)
    reasons_text = fields.Text(string="Reasons", compute="_compute_words")
    amounts = fields.Json(string="Amounts as Data", readonly=True)
    amounts_text = fields.Char(string="Amounts", compute="_compute_words")
    flow_state = fields.Selection(related="flow_id.state", string="Transmission")
    is_compulsory = fields.Boolean(compute="_compute_words")
    key = fields.Char(required=True, readonly=True)

    _key_unique = models.Constraint(
        "UNIQUE (company_id, key)", "A status is recorded once."
    )

    @api.depends("code", "reasons", "amounts", "issuer")
    @api.depends_context("lang")
    def _compute_words(self):
        is_french = (self.env.lang or "").startswith("fr")
        roles = {
            "WK": self.env._("Platform"),
            "DFH": self.env._("Tax office"),
            "SE": self.env._("Seller"),
            "BY": self.env._("Buyer"),
        }
        for status in self:
            known = statuses.statuses().get(status.code)
            name = statuses.label(status.code, is_french)
            status.label = f"{status.code} {name}" if name != status.code else name
            status.issuer_text = roles.get(status.issuer, status.issuer)
            status.is_compulsory = bool(known and known.is_compulsory)
            status.reasons_text = "\n".join(
                _reason_line(reason, is_french) for reason in status.reasons or []
            )
            status.amounts_text = ", ".join(
                _amount_text(amount, is_french) for amount in status.amounts or []
            )

    def _get_collected(self):
        """Sum what the statuses 212 among these say was collected.

        :rtype: Decimal
        """
        return sum(
            (
                Decimal(amount["amount"])
                for status in self
                if status.code == statuses.COLLECTED
                for amount in status.amounts or []
                if amount["type"] == cdar.COLLECTED_AMOUNT
            ),
            Decimal(0),
        )

    # === Kept as they are === #

    @api.ondelete(at_uninstall=False)
    def _unlink_except_recorded(self):
        raise UserError(self.env._("The statuses of an invoice are kept."))

    def write(self, vals):
        if vals.keys() & set(KEPT):
            self._unlink_except_recorded()
        return super().write(vals)

    # === Received === #

    @api.model
    def _take(self, flow, message, now):
        """Record a received status on its invoice.

        :param fr.einvoice.flow flow: the message as kept
        :param Message message: what it says
        :return: (code, facts) of a problem, None when recorded (or known already)
        """
        move = self._find_move(flow.company_id, message)
        if not move:
            return (
                "invoice_unknown",
                {"number": message.invoice_number, "siren": message.seller_siren},
            )
        key = _key(message)
        known = self.sudo().search(
            [("company_id", "=", flow.company_id.id), ("key", "=", key)]
        )
        if not known:
            known = self._record(
                move,
                message.code,
                message.said_at,
                key,
                direction="in",
                flow_id=flow.id,
                received_at=now,
                issuer=message.issuer.name or message.issuer.role,
                reasons=[
                    {"code": why.code, "text": why.text, "note": why.note}
                    for why in message.whys
                    if why.code or why.text or why.note
                ],
                amounts=_amounts(message.amounts),
            )
            known._after_take()
        flow._set_state(delivery.PROCESSED, move_id=move.id)
        return None

    def _find_move(self, company, message):
        """Find the invoice a message is about: ours by number, a supplier's by both."""
        moves = self.env["account.move"].sudo()  # of the company of the message
        own = company._fr_get_siren()
        if not message.seller_siren or message.seller_siren == own:
            return moves.search(
                [
                    ("company_id", "=", company.id),
                    ("name", "=", message.invoice_number),
                    ("move_type", "in", ("out_invoice", "out_refund")),
                    ("state", "!=", "draft"),
                ],
                limit=1,
            )
        return moves.search(
            [
                ("company_id", "=", company.id),
                ("ref", "=", message.invoice_number),
                ("move_type", "in", ("in_invoice", "in_refund")),
                ("commercial_partner_id.fr_siren", "=", message.seller_siren),
            ],
            limit=1,
        )

    def _after_take(self):
        """Say in the invoice's history what needs a person, and ask for one."""
        for status in self:
            found = statuses.statuses().get(status.code)
            if status.code not in statuses.NEEDS_REASON and not (found and found.ends):
                continue
            move = status.move_id
            move.message_post(
                body=self.env._(
                    "%(status)s, said by %(issuer)s. %(reasons)s",
                    status=status.label,
                    issuer=status.issuer_text or "",
                    reasons=status.reasons_text or "",
                )
            )
            user = move.invoice_user_id
            if user and user.active:
                move.activity_schedule(
                    "mail.mail_activity_data_todo",
                    summary=status.label,
                    note=move.fr_next_action,
                    user_id=user.id,
                )

    # === Said by us === #

    @api.model
    def _say(self, move, code, key, whys=(), said_at=None, issuer=None):
        """Say a status of ours and put it in the outbox, in one transaction.

        :param str key: what the status is, stable for ever
        :param whys: cdar.Why values
        :return: the status of this key, new or not
        :rtype: fr.einvoice.status
        """
        key = f"out/{move.id}/{code}/{key}"
        found = self.sudo().search(
            [("company_id", "=", move.company_id.id), ("key", "=", key)]
        )
        if found:
            return found
        said_at = said_at or fields.Datetime.now()
        message = move._fr_build_message(code, key, whys, said_at)
        flow = self.env["fr.einvoice.flow"]._enqueue(
            move._fr_get_platform(),
            "status",
            cdar.write(message),
            f"{(move.name or '').replace('/', '_')}_{code}.xml",
            "CDAR",
            f"S{hashlib.sha256(key.encode()).hexdigest()[:40]}",
            move_id=move.id,
            processing_rule="NotApplicable",
        )
        return self._record(
            move,
            code,
            said_at,
            key,
            direction="out",
            flow_id=flow.id,
            issuer=move.company_id.name,
            reasons=[
                {"code": why.code, "text": why.text, "note": why.note}
                for why in whys
                if why.code or why.note
            ],
            amounts=_amounts(message.amounts),
        )

    def _record(self, move, code, said_at, key, **more):
        """Add a status, and let the sealed chain know it."""
        status = self.sudo().create(  # rows are made here only
            {
                "company_id": move.company_id.id,
                "move_id": move.id,
                "code": code,
                "said_at": said_at,
                "key": key,
                **more,
            }
        )
        if "fr.seal.entry" in self.env:
            self.env["fr.seal.entry"]._append(
                "status",
                status,
                {
                    "invoice": move.name or move.ref or "",
                    "code": code,
                    "said_at": fields.Datetime.to_string(said_at),
                    "direction": status.direction,
                    "key": key,
                    "reasons": status.reasons or [],
                    "amounts": status.amounts or [],
                },
            )
        return status


def _amounts(amounts):
    return [
        {
            "type": amount.type_code,
            "amount": f"{amount.amount:.2f}",
            "currency": amount.currency,
            "percent": None if amount.percent is None else f"{amount.percent:.2f}",
        }
        for amount in amounts
    ]


def _key(message):
    """Give what makes two received statuses one: their sense, not their envelope."""
    parts = [
        message.seller_siren,
        message.invoice_number,
        str(message.invoice_date or ""),
        message.code,
        message.said_at.isoformat(),
        message.issuer.role,
        message.issuer.siren,
        *(f"{why.code}|{why.note}" for why in message.whys),
        *(f"{a.type_code}|{a.amount}|{a.percent}" for a in message.amounts),
    ]
    return "in/" + hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _reason_line(reason, is_french):
    label = statuses.reason_label(reason.get("code"), is_french)
    text = label or reason.get("text") or ""
    note = reason.get("note")
    return (
        f"{text} : {note}"
        if note and is_french
        else ": ".join(part for part in (text, note) if part)
    )


def _amount_text(amount, is_french):
    value = f"{Decimal(amount['amount']):,.2f}"
    if is_french:
        value = value.replace(",", "\u202f").replace(".", ",")
    percent = amount.get("percent")
    if percent is None:
        return f"{value} {amount['currency']}"
    rate = f"{Decimal(percent).normalize():f}"
    if is_french:
        rate = rate.replace(".", ",")
    return f"{value} {amount['currency']} ({rate} %)"
