from odoo import api, fields, models
from odoo.tools import SQL

from ..fields_exact import Exact

#: characters of a name that are kept apart; index entries are limited
LONGEST = 400

#: what rows of a reason have in common, besides their source
BY_SUBJECT = ("unknown_subject", "before_start", "after_end", "no_period")
BY_DETAIL = ("unknown_unit", "currency", "missing_field")


def what_of(reason, subject, event_type, detail):
    """The name that rows of one cause share, empty when only the source is shared.

    The SQL of ``_assign`` says the same.
    """
    if reason in BY_SUBJECT:
        return (subject or "")[:LONGEST]
    if reason == "unknown_meter":
        return (event_type or "")[:LONGEST]
    if reason in BY_DETAIL:
        return (detail or "")[:LONGEST]
    return ""


class UsageQuarantineCause(models.Model):
    """Why rows wait: a reason, the name it is about, the source they come from.

    Made by the store when it holds rows, and kept: it remembers a decision for rows
    that come later. How many rows wait is not kept here but counted when somebody
    looks, in ``usage.quarantine.inbox``, so that two imports never wait for each other.
    """

    _name = "usage.quarantine.cause"
    _description = "Cause of Quarantined Usage"
    _order = "id desc"
    _check_company_auto = True

    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, index=True
    )
    source_id = fields.Many2one(
        "usage.source",
        required=True,
        readonly=True,
        index=True,
        check_company=True,
        ondelete="cascade",
    )
    reason_code = fields.Selection(
        lambda self: (
            self.env["usage.quarantine"]
            ._fields["reason_code"]
            ._description_selection(self.env)
        ),
        string="Reason",
        required=True,
        readonly=True,
    )
    what = fields.Char(
        string="About",
        readonly=True,
        help="The subject, type, unit or field that all these rows have in common.",
    )

    # remembered for rows that come later
    is_muted = fields.Boolean(
        string="Ignored from Now on",
        readonly=True,
        help="Rows of this cause that arrive later are ignored at once.",
    )
    mute_reason = fields.Char(string="Why Ignored", readonly=True)

    # looked at now and then, see _assess
    suggested_subscription_id = fields.Many2one(
        "usage.subscription", readonly=True, index="btree_not_null", ondelete="set null"
    )
    suggested_meter_id = fields.Many2one(
        "usage.meter", readonly=True, index="btree_not_null", ondelete="set null"
    )
    suggested_name = fields.Char(readonly=True, help="The known name that is closest.")
    suggestion_score = fields.Integer(readonly=True, help="Per cent in common.")
    stake_amount = Exact(
        string="Amount at Stake",
        readonly=True,
        help="What these rows would come to: rated with the prices of the subscription "
        "they belong to or most likely belong to, else the amounts they bring.",
    )
    stake_currency_id = fields.Many2one("res.currency", readonly=True)
    stake_basis = fields.Json(readonly=True, help="How the amount was found.")
    assessed_at = fields.Datetime(readonly=True)
    assessed_count = fields.Integer(readonly=True, aggregator=None)

    _cause_unique = models.UniqueIndex(
        "(company_id, source_id, reason_code, coalesce(what, ''))"
    )

    @api.depends_context("lang")
    @api.depends("reason_code", "what", "source_id")
    def _compute_display_name(self):
        reasons = dict(self._fields["reason_code"]._description_selection(self.env))
        for cause in self:
            cause.display_name = self.env._(
                "%(reason)s: %(what)s",
                reason=reasons.get(cause.reason_code, ""),
                what=cause.what or cause.source_id.name,
            )

    # ------------------------------------------------------------------
    # business
    # ------------------------------------------------------------------
    @api.model
    def _find_or_create(self, company_id, source_id, keys):
        """Causes of rows that are about to be held.

        Waits for nobody where the cause exists, and for the other one where two imports
        meet the same stranger for the first time at once.

        :param keys: (reason code, what), repeated as they come
        :return: what a held row takes from its cause:
            {(reason code, what): (id, state, resolution reason)}
        """
        wanted = sorted(set(keys))
        codes, whats = zip(*wanted, strict=True)
        parameters = {"company": company_id, "source": source_id, "user": self.env.uid}
        cursor = self.env.cr.connection.cursor()
        cursor.execute(
            "INSERT INTO usage_quarantine_cause (company_id, source_id, reason_code,"
            " what, create_uid, create_date, write_uid, write_date)"
            " SELECT %(company)s, %(source)s, k.reason_code, k.what, %(user)s,"
            " now() AT TIME ZONE 'UTC', %(user)s, now() AT TIME ZONE 'UTC'"
            " FROM unnest(%(codes)s::varchar[], %(whats)s::varchar[])"
            " AS k(reason_code, what)"
            " WHERE NOT EXISTS (SELECT FROM usage_quarantine_cause c"
            " WHERE c.company_id = %(company)s AND c.source_id = %(source)s"
            " AND c.reason_code = k.reason_code AND coalesce(c.what, '') = k.what)"
            " ON CONFLICT DO NOTHING",
            {**parameters, "codes": list(codes), "whats": list(whats)},
        )
        cursor.execute(
            "SELECT c.reason_code, coalesce(c.what, ''), c.id,"
            " CASE WHEN c.is_muted THEN 'ignored' ELSE 'open' END,"
            " CASE WHEN c.is_muted THEN c.mute_reason END"
            " FROM usage_quarantine_cause c"
            " JOIN unnest(%(codes)s::varchar[], %(whats)s::varchar[])"
            " AS k(reason_code, what)"
            " ON c.reason_code = k.reason_code AND coalesce(c.what, '') = k.what"
            " WHERE c.company_id = %(company)s AND c.source_id = %(source)s",
            {**parameters, "codes": list(codes), "whats": list(whats)},
        )
        return {(code, what): tuple(rest) for code, what, *rest in cursor.fetchall()}

    @api.model
    def _assign(self, row_ids=None):
        """Give rows their cause: those named, or all that have none (older database).

        :param list[int] row_ids: rows whose reason has changed
        """
        scope = SQL("q.cause_id IS NULL")
        if row_ids is not None:
            scope = SQL("q.id = ANY(%s)", list(row_ids))
        what = SQL(
            """coalesce(left(CASE
                   WHEN q.reason_code = ANY(%s) THEN q.subject
                   WHEN q.reason_code = 'unknown_meter' THEN q.event_type
                   WHEN q.reason_code = ANY(%s) THEN q.detail
               END, %s), '')""",
            list(BY_SUBJECT),
            list(BY_DETAIL),
            LONGEST,
        )
        self.env["usage.quarantine"].flush_model()
        self.env.cr.execute(
            SQL(
                """INSERT INTO usage_quarantine_cause
                       (company_id, source_id, reason_code, what, create_date)
                   SELECT DISTINCT q.company_id, q.source_id, q.reason_code, %s,
                          now() AT TIME ZONE 'UTC'
                     FROM usage_quarantine q WHERE %s
                   ON CONFLICT DO NOTHING""",
                what,
                scope,
            )
        )
        self.env.cr.execute(
            SQL(
                """UPDATE usage_quarantine q SET cause_id = c.id
                     FROM usage_quarantine_cause c
                    WHERE %s AND c.company_id = q.company_id
                      AND c.source_id = q.source_id
                      AND c.reason_code = q.reason_code
                      AND coalesce(c.what, '') = %s""",
                scope,
                what,
            )
        )
        self.env["usage.quarantine"].invalidate_model(["cause_id"])
