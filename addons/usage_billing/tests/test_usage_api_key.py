from contextlib import nullcontext
from datetime import datetime
from decimal import Decimal

from freezegun import freeze_time

from odoo import fields, sql_db
from odoo.exceptions import AccessError, UserError, ValidationError

from ..metering import EventRow, RejectedRow
from ..models import usage_api_key
from .common import tagged
from .common_api import ApiCase


class ApiCursorCase(ApiCase):
    """Cursors that the code opens are the test's own."""

    def setUp(self):
        super().setUp()
        self.env.flush_all()
        self.registry_enter_test_mode()


@tagged("post_install", "-at_install")
class TestUsageApiKey(ApiCursorCase):
    def test_key_in_force_is_recognised_and_its_use_noted(self):
        usage_api_key._noted.clear()
        self.patch(type(self.key), "_own_cursor", lambda _key: nullcontext(self.env.cr))
        key = self.env["usage.api.key"]._authenticate(self.token, "ingest")
        self.assertEqual(key, self.key)
        self.assertEqual(key.source_id, self.source)
        self.env.invalidate_all()
        noted = self.key.last_used_at
        self.assertTrue(noted)
        self.key.last_used_at = False
        self.env["usage.api.key"]._authenticate(self.token, "ingest")
        self.assertFalse(self.key.last_used_at, "noted once a minute")

    def test_only_a_hash_of_the_token_is_kept(self):
        self.env.flush_all()
        self.env.cr.execute(
            "SELECT k::text FROM usage_api_key k WHERE id = %s", [self.key.id]
        )
        [row] = self.env.cr.fetchone()
        self.assertNotIn(self.token, row)
        self.assertIn(self.token[:10], row)
        self.assertEqual(len(self.token), len("rlv_") + 43)

    def test_missing_and_unknown_tokens_are_refused(self):
        self.assertEqual(self._refused("").code, "missing_key")
        problem = self._refused("rlv_wrong")
        self.assertEqual((problem.status, problem.code), (401, "invalid_key"))
        self.assertIn("WWW-Authenticate", problem.headers)
        self.assertEqual(self._refused("\udcff\x00").code, "invalid_key")

    def test_revoked_key_is_refused_at_once(self):
        self.env["usage.api.key"]._authenticate(self.token, "ingest")
        self.key.action_revoke()
        self.assertEqual(self._refused(self.token).status, 401)
        self.assertEqual(self.key.state, "revoked")
        with self.assertRaises(UserError):
            self.key.action_issue_token()

    def test_change_of_a_key_tells_every_worker_when_it_commits(self):
        """Also one that is not made through a request: it is in the transaction."""

        def signals():
            self.env.cr.execute("SELECT count(*) FROM orm_signaling_default")
            return self.env.cr.fetchone()[0]

        self.env.flush_all()
        for table, change in (
            ("usage_api_key", "revoked_at = now()"),
            ("usage_api_key", "can_read = NOT can_read"),
            ("usage_api_key", "expires_at = now()"),
            ("usage_source", "active = false"),
        ):
            before = signals()
            self.env.cr.execute(f"UPDATE {table} SET {change}")
            self.assertEqual(signals(), before + 1, change)
        before = signals()
        self.env.cr.execute("UPDATE usage_api_key SET last_used_at = now()")
        self.assertEqual(signals(), before, "to be used is no change")

    def test_key_that_a_slow_request_kept_is_read_again(self):
        keys = self.env["usage.api.key"]
        keys._authenticate(self.token, "ingest")
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE usage_api_key SET revoked_at = now() WHERE id = %s", [self.key.id]
        )
        self.env.invalidate_all()
        kept = keys._get_kept(usage_api_key._hash(self.token))
        with self.assertQueryCount(0):  # nothing to ask within the time
            self.assertEqual(keys._check(self.token, "ingest").id, self.key.id)
        kept.read_at -= usage_api_key.KEPT_S + 1
        self.assertEqual(self._refused(self.token).status, 401)

    def test_replaced_token_stops_working(self):
        action = self.key.action_issue_token()
        self.assertEqual(self._refused(self.token).status, 401)
        token = action["context"]["default_token"]
        self.assertTrue(self.env["usage.api.key"]._authenticate(token, "ingest"))

    def test_expired_key_is_refused(self):
        self.key.expires_at = fields.Datetime.now()
        self.assertEqual(self._refused(self.token).code, "expired_key")
        self.assertEqual(self.key.state, "expired")
        self.key.expires_at = datetime(2090, 1, 1)
        self.assertTrue(self.env["usage.api.key"]._authenticate(self.token, "ingest"))
        with freeze_time("2090-01-01 00:00:01"):
            self.assertEqual(self._refused(self.token).code, "expired_key")

    def test_scope_that_the_key_lacks_is_refused(self):
        problem = self._refused(self.token, "read")
        self.assertEqual((problem.status, problem.code), (403, "missing_scope"))
        self.key.can_read = True
        self.assertTrue(self.env["usage.api.key"]._authenticate(self.token, "read"))

    def test_archived_source_sends_nothing_more(self):
        self.env["usage.api.key"]._authenticate(self.token, "ingest")
        self.source.active = False
        self.assertEqual(self._refused(self.token).code, "archived_source")

    def test_sending_needs_a_source(self):
        with self.assertRaises(ValidationError):
            self._create_key(source_id=False)
        key, _token = self._create_key(source_id=False, can_ingest=False, can_read=True)
        self.assertEqual(key.state, "active")

    def test_used_key_is_kept(self):
        unused, _token = self._create_key(name="Unused")
        unused.unlink()
        self.key.last_used_at = fields.Datetime.now()
        with self.assertRaises(UserError):
            self.key.unlink()

    def test_rate_limit_lets_the_burst_pass_and_says_when_to_come_again(self):
        key, token = self._create_key(rate_limit=1, rate_burst=3)
        self.addCleanup(self._forget_allowance, key.id)
        self._forget_allowance(key.id)
        for _request in range(3):
            self.env["usage.api.key"]._authenticate(token, "ingest")
        problem = self._refused(token)
        self.assertEqual((problem.status, problem.code), (429, "rate_limited"))
        self.assertEqual(problem.headers["Retry-After"], "1")

    def test_allowance_grows_with_time_up_to_the_burst(self):
        key, token = self._create_key(rate_limit=2, rate_burst=4)
        self.addCleanup(self._forget_allowance, key.id)
        self._set_allowance(key.id, tokens=0, age_s=1)
        for _request in range(2):
            self.env["usage.api.key"]._authenticate(token, "ingest")
        self.assertEqual(self._refused(token).status, 429)
        self._set_allowance(key.id, tokens=0, age_s=3600)
        for _request in range(4):
            self.env["usage.api.key"]._authenticate(token, "ingest")
        self.assertEqual(self._refused(token).status, 429)

    def _set_allowance(self, key_id, tokens, age_s):
        with sql_db.db_connect(self.env.cr.dbname).cursor() as cr:
            cr.execute(
                "INSERT INTO usage_api_allowance VALUES (%s, %s, now() - %s *"
                " interval '1 second') ON CONFLICT (key_id) DO UPDATE SET"
                " tokens = excluded.tokens, refilled_at = excluded.refilled_at",
                [key_id, tokens, age_s],
            )

    def _forget_allowance(self, key_id):
        with sql_db.db_connect(self.env.cr.dbname).cursor() as cr:
            cr.execute("DELETE FROM usage_api_allowance WHERE key_id = %s", [key_id])

    def test_who_may_see_and_make_keys(self):
        with self.assertRaises(AccessError):
            self.key.with_user(self.users["user"]).read(["name"])
        manager = self.key.with_user(self.users["manager"])
        manager.read(["name", "token_prefix", "last_used_at"])
        for action in ("action_issue_token", "action_revoke"):
            with self.assertRaises(AccessError):
                getattr(manager, action)()
        with self.assertRaises(AccessError):
            manager.read(["token_hash"])
        self.key.with_user(self.users["system"]).action_revoke()

    def test_other_company_does_not_see_the_key(self):
        other = self.env["res.company"].create({"name": "Other"})
        user = self.users["system"]
        user.write({"company_ids": [(6, 0, other.ids)], "company_id": other.id})
        self.assertFalse(
            self.env["usage.api.key"].with_user(user).search([("id", "=", self.key.id)])
        )

    def test_state_can_be_searched(self):
        expired, _token = self._create_key(expires_at="2020-01-01")
        revoked, _token = self._create_key()
        revoked.action_revoke()
        new = self.env["usage.api.key"].create(
            {"name": "New", "source_id": self.source.id}
        )
        ours = self.key | expired | revoked | new
        for key in ours:
            found = ours.search([("id", "in", ours.ids), ("state", "=", key.state)])
            self.assertEqual(found, key)


@tagged("post_install", "-at_install")
class TestUsageIngest(ApiCursorCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.meter = cls._create_meter("api.call")
        plan = cls._create_plan(
            [{"name": "Calls", "model": "per_unit", "meter_id": cls.meter.id}]
        )
        cls.subscription = cls._create_subscription(plan, subject="s-1")

    def _row(self, number, **kw):
        return EventRow(
            **{
                "event_id": f"e-{number}",
                "type": "api.call",
                "subject": "s-1",
                "time": datetime(2026, 9, 15, 12),
                "value": Decimal(number),
                "row_number": number,
                **kw,
            }
        )

    def _outcomes(self, result):
        return [(o.row_number, o.status, o.code) for o in result.outcomes]

    def test_every_row_is_accounted_for(self):
        first = self.source._ingest([self._row(1), self._row(2)])
        self.assertEqual((first.accepted, first.outcomes), (2, ()))
        rows = [
            self._row(1),
            self._row(2, value=Decimal(3)),
            self._row(3),
            self._row(4, subject="nobody"),
            RejectedRow(5, "missing_field", "id", "{}"),
        ]
        result = self.source._ingest(rows)
        self.assertEqual(
            (result.accepted, result.duplicate, result.conflict, result.quarantined),
            (1, 1, 1, 2),
        )
        self.assertEqual(
            self._outcomes(result),
            [
                (1, "duplicate", ""),
                (2, "conflict", "conflict"),
                (4, "quarantined", "unknown_subject"),
                (5, "quarantined", "missing_field"),
            ],
        )
        batch = self.env["usage.batch"].browse(result.batch_id)
        self.assertEqual((batch.state, batch.rows_read), ("done", 5))
        self.assertEqual(batch.accepted_count + batch.duplicate_count, 2)
        self.assertEqual(batch.quarantined_count, 3)
        self.assertEqual(batch.source_id, self.source)

    def test_quantity_counts_at_once(self):
        self.source._ingest([self._row(1), self._row(2)])
        period = self.subscription.period_ids
        store = self.env["usage.batch"]._store()
        [aggregate] = store.aggregate(period, self.meter)
        self.assertEqual((aggregate.quantity, aggregate.count), (Decimal(3), 2))
        self.assertEqual(store.verify(period), [])

    def test_nothing_to_store_makes_no_batch(self):
        result = self.source._ingest([])
        self.assertEqual((result.batch_id, sum(result[1:5])), (None, 0))
