import hashlib
import secrets
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from odoo import api, fields, models, sql_db, tools
from odoo.exceptions import UserError, ValidationError
from odoo.tools import SQL

from ..api import problem
from ..api.words import Sentence as _lt

#: Beginning of every token, so that secret scanners and people recognise one.
PREFIX = "rlv_"
#: Characters of a token that stay visible.
SHOWN = len(PREFIX) + 6
#: Scope -> field.
SCOPES = {
    "ingest": "can_ingest",
    "read": "can_read",
    "correct": "can_correct",
    "quote": "can_quote",
}
#: Seconds between two notes of a key's use.
NOTED_EVERY_S = 60

#: Seconds after which a worker reads a key again that nobody said changed: a request
#: that began before a change may read the key as it was after the others forgot it.
KEPT_S = 5

#: Parts of a second's allowance that a worker takes at once.
BLOCKS = 20

_allowances = {}
_allowances_lock = threading.Lock()
_noted = {}
_noted_lock = threading.Lock()


class KeyFacts(NamedTuple):
    """What a request needs to know of its key, kept in memory between requests.

    scopes: frozenset of scope names
    partner_id: the only customer the key may read, 0 for every one
    expires_at: naive UTC, None for never
    """

    id: int
    company_id: int
    source_id: int
    source_active: bool
    scopes: frozenset
    partner_id: int
    expires_at: datetime | None
    rate_limit: int
    rate_burst: int


@dataclass(slots=True)
class _Kept:
    """Facts of a key, and when they were read (monotonic)."""

    facts: KeyFacts
    read_at: float


class UsageApiKey(models.Model):
    """A key to the API: what may be done with it, for whom, until when.

    Only a hash of the token is kept. A token is 256 random bits, so a plain SHA-256 is
    enough: there is nothing to guess (unlike a password).
    """

    _name = "usage.api.key"
    _description = "API Key"
    _inherit = ["mail.thread"]
    _order = "name, id"
    _check_company_auto = True

    name = fields.Char(required=True, tracking=True, help="Who or what uses the key.")
    company_id = fields.Many2one(
        "res.company", required=True, index=True, default=lambda self: self.env.company
    )
    source_id = fields.Many2one(
        "usage.source",
        index=True,
        check_company=True,
        ondelete="restrict",
        tracking=True,
        help="Events sent with the key come from this source, so their ids are unique "
        "within it.",
    )
    partner_id = fields.Many2one(
        "res.partner",
        string="Only Customer",
        index="btree_not_null",
        ondelete="restrict",
        tracking=True,
        help="The key reads usage of this customer and its contacts only. Empty: of "
        "every customer of the company.",
    )

    # what it may do
    can_ingest = fields.Boolean(string="Send Events", default=True, tracking=True)
    can_read = fields.Boolean(string="Read Usage", tracking=True)
    can_correct = fields.Boolean(string="Void and Amend Events", tracking=True)
    can_quote = fields.Boolean(string="Ask for Quotes", tracking=True)

    # until when, how often
    expires_at = fields.Datetime(
        string="Expires", tracking=True, help="Empty: never. Prefer a date."
    )
    rate_limit = fields.Integer(
        string="Requests per Second",
        required=True,
        default=1000,
        tracking=True,
        help="On average; 0 is no limit. Beyond it requests are refused and told when "
        "to come again.",
    )
    rate_burst = fields.Integer(
        string="Burst",
        required=True,
        default=2000,
        tracking=True,
        help="Requests that may come at once after a pause.",
    )

    # the token
    token_hash = fields.Char(
        readonly=True, copy=False, groups="usage_billing.group_usage_billing_system"
    )
    token_prefix = fields.Char(string="Token", readonly=True, copy=False)
    issued_at = fields.Datetime(string="Issued", readonly=True, copy=False)
    last_used_at = fields.Datetime(string="Last Used", readonly=True, copy=False)
    revoked_at = fields.Datetime(string="Revoked", readonly=True, copy=False)
    revoked_by_id = fields.Many2one(
        "res.users", readonly=True, copy=False, ondelete="set null"
    )
    state = fields.Selection(
        [
            ("new", "No token yet"),
            ("active", "In force"),
            ("expired", "Expired"),
            ("revoked", "Revoked"),
        ],
        compute="_compute_state",
        search="_search_state",
    )

    _token_hash_unique = models.UniqueIndex(
        "(token_hash) WHERE token_hash IS NOT NULL", "This token exists already."
    )
    _rate_range = models.Constraint(
        "CHECK(rate_limit >= 0 AND rate_burst >= 1)",
        "The rate limit is 0 (none) or more, the burst at least 1.",
    )

    # ------------------------------------------------------------------
    # compute
    # ------------------------------------------------------------------
    @api.depends("revoked_at", "expires_at", "token_prefix")
    def _compute_state(self):
        now = fields.Datetime.now()
        for key in self:
            if key.revoked_at:
                key.state = "revoked"
            elif not key.token_prefix:
                key.state = "new"
            elif key.expires_at and key.expires_at <= now:
                key.state = "expired"
            else:
                key.state = "active"

    def _search_state(self, operator, value):
        if operator != "in":
            return NotImplemented
        now = fields.Datetime.now()
        no_token = fields.Domain("token_prefix", "=", False)
        revoked = fields.Domain("revoked_at", "!=", False)
        expired = fields.Domain("expires_at", "<=", now)
        domains = {
            "revoked": revoked,
            "new": no_token & ~revoked,
            "expired": expired & ~no_token & ~revoked,
            "active": ~no_token
            & ~revoked
            & (
                fields.Domain("expires_at", "=", False)
                | fields.Domain("expires_at", ">", now)
            ),
        }
        return fields.Domain.OR(domains[state] for state in value if state in domains)

    # ------------------------------------------------------------------
    # constraints
    # ------------------------------------------------------------------
    @api.constrains("can_ingest", "can_correct", "source_id")
    def _check_source(self):
        for key in self:
            if (key.can_ingest or key.can_correct) and not key.source_id:
                raise ValidationError(
                    self.env._(
                        "Key %(key)s sends or corrects events: choose the source they "
                        "come from.",
                        key=key.name,
                    )
                )

    # ------------------------------------------------------------------
    # create / write / unlink
    # ------------------------------------------------------------------
    def init(self):
        """Make what keys need in the database besides their table.

        Allowances live in an unlogged table: counting costs no disk write. A crash of
        the server empties it, and every key has its full allowance again.

        A change of a key, or of what keys of a source may do, tells every worker to
        forget what it knows, in the transaction of the change itself: each request
        looks for that anyhow, so the next one after the commit asks anew, whoever made
        the change (a shell, a scheduled action, SQL). Odoo tells the others only where
        a request ends.
        """
        self.env.cr.execute(
            SQL(
                "CREATE UNLOGGED TABLE IF NOT EXISTS usage_api_allowance ("
                " key_id integer PRIMARY KEY, tokens double precision NOT NULL,"
                " refilled_at timestamptz NOT NULL) WITH (fillfactor = 20)"
            )
        )
        self.env.cr.execute(_SIGNAL)

    @api.model
    def _drop_allowances(self):
        """Drop what :meth:`init` made (uninstall of the add-on)."""
        self.env.cr.execute(
            "DROP TABLE IF EXISTS usage_api_allowance;"
            " DROP FUNCTION IF EXISTS usage_api_signal CASCADE"
        )

    def write(self, vals):
        result = super().write(vals)
        self.env.registry.clear_cache()
        return result

    @api.ondelete(at_uninstall=False)
    def _unlink_except_used(self):
        for key in self:
            if key.last_used_at:
                raise UserError(
                    self.env._(
                        "Key %(key)s was used and is kept as a trace of it. Revoke it "
                        "instead.",
                        key=key.name,
                    )
                )

    def unlink(self):
        result = super().unlink()
        self.env.registry.clear_cache()
        return result

    # ------------------------------------------------------------------
    # actions
    # ------------------------------------------------------------------
    def action_issue_token(self):
        """Make a token and show it, once. A former token stops working."""
        self.ensure_one()
        token = self._issue_token()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Token of %(key)s", key=self.name),
            "res_model": "usage.api.key.token",
            "view_mode": "form",
            "target": "new",
            "context": {"default_token": token},
        }

    def action_revoke(self):
        """Stop these keys, in every worker from the next request on."""
        self.filtered(lambda key: not key.revoked_at).write(
            {"revoked_at": fields.Datetime.now(), "revoked_by_id": self.env.uid}
        )
        return True

    # ------------------------------------------------------------------
    # business
    # ------------------------------------------------------------------
    def _issue_token(self):
        """Give the key a new token.

        :return: the token; nobody can read it again
        :rtype: str
        """
        self.ensure_one()
        if self.revoked_at:
            raise UserError(
                self.env._(
                    "Key %(key)s is revoked. Make a new key instead.", key=self.name
                )
            )
        token = PREFIX + secrets.token_urlsafe(32)
        self.write(
            {
                "token_hash": _hash(token),
                "token_prefix": f"{token[:SHOWN]}…",
                "issued_at": fields.Datetime.now(),
            }
        )
        return token

    @api.model
    def _authenticate(self, token, scope):
        """The key of a token, when it may be used for this now.

        Counts the request against the key's rate limit and notes the use.

        :param str token: as sent, may be empty
        :param str scope: one of SCOPES, or None for any key in force
        :return: the key, as superuser; the caller keeps to ``source_id``,
            ``company_id`` and ``partner_id``
        :raise ApiProblem: 401, 403 or 429
        """
        return self.sudo().browse(self._check(token, scope).id)

    @api.model
    def _check(self, token, scope):
        """The same for busy routes: the facts only, without a record to read.

        :rtype: KeyFacts
        """
        if not token:
            raise problem.unauthorized(_lt("No API key was sent."), "missing_key")
        return self._check_hash(_hash(token), scope)

    @api.model
    def _check_hash(self, token_hash, scope):
        """The same for a key that is known by the hash of its token."""
        kept = self._get_kept(token_hash)
        now = time.monotonic()
        if abs(now - kept.read_at) > KEPT_S:
            kept.facts, kept.read_at = self._read_facts(token_hash), now
        facts = kept.facts
        if facts.expires_at and facts.expires_at <= fields.Datetime.now():
            raise problem.unauthorized(_lt("The API key has expired."), "expired_key")
        if scope and scope not in facts.scopes:
            raise problem.forbidden(scope)
        if scope in ("ingest", "correct") and not facts.source_active:
            raise problem.unauthorized(
                _lt("The source of the API key is archived."), "archived_source"
            )
        if facts.rate_limit:
            self._take_allowance(facts)
        self._note_use(facts.id)
        return facts

    @api.model
    @tools.ormcache("token_hash")
    def _get_kept(self, token_hash):
        """Facts of the key with this hash, kept until some key changes.

        :rtype: _Kept
        :raise ApiProblem: there is none, which is not kept
        """
        return _Kept(self._read_facts(token_hash), time.monotonic())

    @api.model
    def _read_facts(self, token_hash):
        """Facts of the key with this hash, as its record has them.

        :rtype: KeyFacts
        :raise ApiProblem: there is none
        """
        key = (
            self.env["usage.api.key"]
            .sudo()
            .search([("token_hash", "=", token_hash), ("revoked_at", "=", False)])
        )
        if not key:
            raise problem.unauthorized(_lt("The API key is unknown or revoked."))
        return KeyFacts(
            id=key.id,
            company_id=key.company_id.id,
            source_id=key.source_id.id or 0,
            source_active=key.source_id.active,
            scopes=frozenset(scope for scope, name in SCOPES.items() if key[name]),
            partner_id=key.partner_id.commercial_partner_id.id or 0,
            expires_at=key.expires_at or None,
            rate_limit=key.rate_limit,
            rate_burst=key.rate_burst,
        )

    @api.model
    def _take_allowance(self, facts):
        """Count one request: a token bucket shared by all workers and hosts.

        A worker takes several tokens at once where many are allowed, and keeps them for
        a second: together the workers never let more pass than the bucket holds.

        :raise ApiProblem: 429, with the seconds to wait
        """
        place = (self.env.cr.dbname, facts.id)
        now = time.monotonic()
        with _allowances_lock:
            left, until = _allowances.get(place, (0, 0.0))
            if left > 0 and now < until:
                _allowances[place] = (left - 1, until)
                return
        block = max(1, min(facts.rate_limit, facts.rate_burst) // BLOCKS)
        cost = {
            "key": facts.id,
            "rate": facts.rate_limit,
            "burst": facts.rate_burst,
            "block": block,
        }
        with self._own_cursor() as cr:
            cr.execute(_TAKE, cost)
            if not cr.rowcount and block > 1:
                block = cost["block"] = 1
                cr.execute(_TAKE, cost)
            if cr.rowcount:
                with _allowances_lock:
                    _allowances[place] = (block - 1, now + 1)
                return
            cr.execute(_WAIT, cost)
            [wait] = cr.fetchone() or [1]
        raise problem.too_many_requests(max(1, wait))

    @api.model
    def _note_use(self, key_id):
        """Keep the time of the last use, to the minute, without waiting for locks."""
        note = (self.env.cr.dbname, key_id)
        now = time.monotonic()
        with _noted_lock:
            if now - _noted.get(note, -NOTED_EVERY_S) < NOTED_EVERY_S:
                return
            _noted[note] = now
        with self._own_cursor() as cr:
            cr.execute(
                "UPDATE usage_api_key SET last_used_at = now() AT TIME ZONE 'UTC'"
                " WHERE id IN (SELECT id FROM usage_api_key WHERE id = %s"
                " FOR NO KEY UPDATE SKIP LOCKED)",
                [key_id],
            )

    @contextmanager
    def _own_cursor(self):
        """A connection of its own on which each statement is a transaction.

        A refused or failed request counts too, no request waits for another one's
        commit, and a route that only reads can still note that it was used.
        """
        with sql_db.db_connect(self.env.cr.dbname).cursor() as cr:
            cr.connection.autocommit = True
            try:
                yield cr
            finally:
                cr.connection.autocommit = False


class UsageApiKeyToken(models.AbstractModel):
    """Shows a token once. Has no table: the token is never stored."""

    _name = "usage.api.key.token"
    _description = "API Key Token"

    id = fields.Id()
    token = fields.Char(readonly=True)


#: What clears the caches of every process, see ``Registry.check_signaling``. Columns
#: are those that ``KeyFacts`` come from: noting a use is no change. The table may be
#: missing while the first registry of a database is made.
_SIGNAL = """
    CREATE OR REPLACE FUNCTION usage_api_signal() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF to_regclass('orm_signaling_default') IS NOT NULL THEN
            INSERT INTO orm_signaling_default DEFAULT VALUES;
        END IF;
        RETURN NULL;
    END $$;
    CREATE OR REPLACE TRIGGER usage_api_signal
        AFTER DELETE OR UPDATE OF token_hash, revoked_at, expires_at, company_id,
            source_id, partner_id, can_ingest, can_read, can_correct, can_quote,
            rate_limit, rate_burst
        ON usage_api_key FOR EACH STATEMENT EXECUTE FUNCTION usage_api_signal();
    CREATE OR REPLACE TRIGGER usage_api_signal AFTER UPDATE OF active, company_id
        ON usage_source FOR EACH STATEMENT EXECUTE FUNCTION usage_api_signal();
"""
_REFILLED = (
    "least(%(burst)s, a.tokens + %(rate)s * greatest(0,"
    " extract(epoch FROM clock_timestamp() - a.refilled_at))::double precision)"
)
_TAKE = f"""
    INSERT INTO usage_api_allowance AS a (key_id, tokens, refilled_at)
    VALUES (%(key)s, %(burst)s - %(block)s, clock_timestamp())
    ON CONFLICT (key_id) DO UPDATE
       SET tokens = {_REFILLED} - %(block)s, refilled_at = clock_timestamp()
     WHERE {_REFILLED} >= %(block)s
"""
_WAIT = f"""
    SELECT ceil((1 - {_REFILLED}) / %(rate)s)::int
      FROM usage_api_allowance a WHERE key_id = %(key)s
"""


def _hash(token):
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
