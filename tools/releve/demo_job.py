"""The main job: from a usage file to paid, shared, valid invoices, and a summary.

Run inside a database with the four add-ons; the globals are ``env`` and ``arguments``
(path of a usage file or "", path of a mapping or ""). Without a file it tells the
sample story, with one it creates the missing customers, meters and prices by the
mapping's rule. Every step finds what an earlier run left: killed at any moment, or run
again, it goes on from there and does nothing twice.

Ends with an error when a check of the summary says no.
"""

import time
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path

from odoo.addons.usage_billing.sample import story

PORTAL_INVOICES = "usage_billing.group_usage_billing_portal_invoices"
ROLES = {
    "manager": ("Billing manager", "usage_billing.group_usage_billing_manager"),
    "approver": ("Approver", "usage_billing.group_usage_billing_approver"),
    "auditor": ("Auditor", "usage_billing.group_usage_billing_auditor"),
}
#: What Odoo gives to users made on its screens: customers and products may be made.
STAFF = (
    "base.group_user",
    "base.group_partner_manager",
    "product.group_product_manager",
)
PORTAL_ROLES = {
    "customer": ("Comptabilité", "partner.studio", PORTAL_INVOICES),
    "partner": (
        "Comptabilité",
        "partner.reseller",
        "revenue_share.group_revenue_share_portal_partner",
    ),
}
PAYERS_SHOWN = 12
# What a second run must leave as it is.
COUNTED = (
    "res_partner",
    "usage_batch",
    "usage_quarantine",
    "usage_store_event",
    "usage_billing_run",
    "usage_rated_line",
    "account_move",
    "account_payment",
    "account_partial_reconcile",
    "revenue_share_item",
    "revenue_share_line",
    "revenue_share_statement",
    "res_users",
)


class Job:
    """The state of one run of the main job."""

    def __init__(self, env, usage="", mapping=""):
        self.company = env.ref("base.main_company")
        self.env = env(
            context={
                **env.context,
                "lang": "en_US",
                "tz": self.company._usage_get_zone(),
                "allowed_company_ids": self.company.ids,
            }
        )
        self.usage = usage and Path(usage)
        self.mapping = mapping
        self.seconds = {}
        self.checks = {}
        self.rows = []

    @property
    def sample(self):
        return self.env["usage.sample"]

    def _as(self, login):
        """The records' environment as one of the demo users, rights included."""
        user = self.env["res.users"].search([("login", "=", login)])
        return self.env(user=user.id)

    @contextmanager
    def _stage(self, name):
        print(f"==> {name}", flush=True)
        started = time.monotonic()
        yield
        self.env.cr.commit()
        self.seconds[name] = time.monotonic() - started

    # ------------------------------------------------------------------
    # the way of the data
    # ------------------------------------------------------------------
    def run(self):
        before = self._count()
        with self._stage("Company, catalogue, subscriptions"):
            cutoff = self._prepare()
        with self._stage("Usage file imported"):
            delivery = self._import()
        with self._stage("Billing run computed"):
            run = self._compute(cutoff)
        with self._stage("Approved and posted"):
            self._post(run)
        moves = self._get_invoices()
        if not self.usage:
            with self._stage("Shares of the partners"):
                self._settle()
            with self._stage("One invoice credited, one paid"):
                self._credit(moves)
                self._pay(moves)
            with self._stage("Statements sent"):
                self._send_statements()
        with self._stage("Factur-X made and checked"):
            documents = moves | moves.reversal_move_ids
            self._make_facturx(documents)
        with self._stage("Checks"):
            self._check(delivery, run, moves, documents)
        self._print(before == self._count())

    def _prepare(self):
        """Create what the usage needs.

        :return: last local day to bill
        """
        self._create_users()
        if not self.usage:
            self.sample._load(self.company, usage=False)
            self._create_portal_users()
            return date.fromordinal(story.END.toordinal() - 1)
        self.sample._load_settings(self.company)
        # customers made by rule have no SIREN yet; their invoices are posted all the
        # same and the summary names those that cannot be Factur-X
        self.company.fr_check_on_post = False
        deliveries = self.env["billing.delivery"]
        self.mapping = self.env["billing.mapping"]._find(self.mapping, self.company)
        if not self.mapping:
            content = deliveries._inspect(self.usage)
            self.mapping = deliveries._mapping_for(content, self.company)
        provision = self.mapping._provision(self.usage)
        for note in provision.notes:
            print(f"    {note}")
        return provision.cutoff_date

    def _import(self):
        """Import the file slice by slice, through the door the upload wizard uses."""
        started = time.monotonic()
        deliveries = self.env["billing.delivery"]
        known = deliveries.search([])
        if not self.usage:
            batch = self.sample._load_usage(self.company)
            delivery = batch.delivery_id
        else:
            delivery = deliveries._receive(
                self.usage, self.mapping, company=self.company
            )
            self.env.cr.commit()
            while delivery._import_committed_slice():
                self.env.cr.commit()
                self.env.invalidate_all()
        self.env.cr.commit()
        self.env.invalidate_all()
        if delivery.state != "done":
            raise SystemExit(f"{delivery.name} was not imported: {delivery.problem}")
        imported = sum((deliveries.search([]) - known).mapped("rows_read"))
        self.speed = imported / (time.monotonic() - started)
        return delivery

    def _compute(self, cutoff):
        """Rate everything due; goes on with a run that was interrupted."""
        runs = self._as("manager")["usage.billing.run"]
        known = runs.search(
            [("company_id", "=", self.company.id), ("cutoff_date", "=", cutoff)],
            order="id desc",
        )
        run = known.filtered(lambda run: run.state != "posted")[:1]
        if not run:
            if known and not known[:1]._find_due_periods():
                return known[:1]
            run = runs.create({"company_id": self.company.id, "cutoff_date": cutoff})
        if run.state == "new":
            run._start_computing()
            self.env.cr.commit()
        if run.state == "computing":
            run._run_to_end("_compute_slice", commit=self.env.cr.commit)
        return run

    def _post(self, run):
        run = run.with_env(self._as("approver"))
        if run.state == "review":
            run.action_approve()
            self.env.cr.commit()
        if run.state == "approved":
            run._set_state("posting")
        if run.state == "posting":
            run._run_to_end("_post_slice", commit=self.env.cr.commit)
        self.env.invalidate_all()

    def _get_invoices(self):
        """Every document the billing runs of the company made, oldest first."""
        return self.env["account.move"].search(
            [("company_id", "=", self.company.id), ("usage_run_id", "!=", False)],
            order="id",
        )

    def _settle(self):
        """Compute the shares of every period that has some, as draft statements."""
        agreements = self._as("approver")["revenue.share.agreement"].search(
            [("company_id", "=", self.company.id), ("state", "=", "active")]
        )
        for agreement in agreements:
            for period in agreement._get_open_periods():
                agreement._settle(*period)

    def _credit(self, moves):
        """Credit the association's invoice in full, as an accountant would."""
        invoice = self._get_invoice_of(moves, "garden")
        if not invoice or invoice.reversal_move_ids:
            return
        wizard = (
            self.env["account.move.reversal"]
            .with_context(active_model="account.move", active_ids=invoice.ids)
            .create(
                {
                    "reason": "October is a gift to the association",
                    "journal_id": invoice.journal_id.id,
                }
            )
        )
        wizard.refund_moves()
        credit = invoice.reversal_move_ids
        credit.action_post()
        lines = (invoice | credit).line_ids
        lines.filtered(
            lambda line: (
                line.account_id.account_type == "asset_receivable"
                and not line.reconciled
            )
        ).reconcile()

    def _pay(self, moves):
        """Register the studio's payment in full."""
        invoice = self._get_invoice_of(moves, "studio")
        if not invoice or invoice.payment_state != "not_paid":
            return
        self.env["account.payment.register"].with_context(
            active_model="account.move", active_ids=invoice.ids
        ).create({})._create_payments()

    def _get_invoice_of(self, moves, key):
        partner = self.sample._get(self.company, f"partner.{key}")
        return moves.filtered(
            lambda move: move.partner_id == partner and move.move_type == "out_invoice"
        )[:1]

    def _send_statements(self):
        """Bring the statements up to date with the credit note and send them."""
        self._settle()
        self._as("approver")["revenue.share.statement"].search(
            [("company_id", "=", self.company.id), ("state", "=", "draft")]
        ).action_send()

    def _make_facturx(self, documents):
        documents._fr_generate_facturx()

    # ------------------------------------------------------------------
    # logins
    # ------------------------------------------------------------------
    def _create_users(self):
        for login, (name, group) in ROLES.items():
            staff = STAFF[:1] if login == "auditor" else STAFF
            self._create_user(login, {"name": f"{name} (demo)"}, *staff, group)

    def _create_portal_users(self):
        for login, (name, key, group) in PORTAL_ROLES.items():
            company = self.sample._get(self.company, key)
            contact = self.sample._ensure(
                self.company,
                f"contact.{login}",
                "res.partner",
                {"name": name, "parent_id": company.id, "lang": company.lang},
            )
            user = self._create_user(
                login, {"partner_id": contact.id}, "base.group_portal", group
            )
            if user:
                self.sample._remember(self.company, f"user.{login}", user)

    def _create_user(self, login, vals, *groups):
        users = self.env["res.users"].with_context(no_reset_password=True)
        if users.with_context(active_test=False).search([("login", "=", login)]):
            return None
        return users.create(
            {
                "login": login,
                "password": login,
                "tz": story.TIME_ZONE,
                "company_id": self.company.id,
                "company_ids": [(6, 0, self.company.ids)],
                "group_ids": [(6, 0, [self.env.ref(group).id for group in groups])],
                **vals,
            }
        )

    # ------------------------------------------------------------------
    # checks: by SQL, from the tables, not from what the steps believe
    # ------------------------------------------------------------------
    def _query(self, statement, *parameters):
        self.env.cr.execute(statement, parameters)
        return self.env.cr.fetchall()

    def _count(self):
        """How much there is of what the job makes."""
        return {
            table: self._query(f"SELECT COUNT(*) FROM {table}")[0][0]  # noqa: S608
            for table in COUNTED
        }

    def _check(self, delivery, run, moves, documents):
        self.env.flush_all()
        self._check_rows(delivery)
        self._check_run(run, moves)
        self._check_money(moves)
        self._check_ledger()
        self._check_facturx(documents)
        if not self.usage:
            self._check_shares(moves)

    def _check_rows(self, delivery):
        parts = (
            delivery.accepted_count,
            delivery.duplicate_count,
            delivery.quarantined_count,
            delivery.ignored_count,
        )
        self._row("Rows read", delivery.rows_read)
        for name, count in zip(
            ("accepted", "duplicate", "quarantined", "ignored by rule"),
            parts,
            strict=True,
        ):
            self._row(f"  {name}", count)
        reasons = self._query(
            """SELECT reason_code, COUNT(*) FROM usage_quarantine
                WHERE batch_id = %s AND state = 'open'
             GROUP BY reason_code ORDER BY reason_code""",
            delivery.batch_id.id,
        )
        if reasons:
            self._row(
                "  quarantined by reason",
                ", ".join(f"{reason} {count}" for reason, count in reasons),
            )
        speed = f"{self.speed:,.0f}" if self.speed else "nothing imported this time"
        self._row("Events per second", speed)
        if not self.usage:
            running = self.env["billing.delivery"].search([]) - delivery
            self._row("Rows of the running month", sum(running.mapped("rows_read")))
        self.checks["every row read is accounted for"] = (
            sum(parts) == delivery.rows_read > 0
        )

    def _check_run(self, run, moves):
        states = dict(
            self._query(
                """SELECT state, COUNT(*) FROM usage_billing_run_line
                    WHERE run_id = %s GROUP BY state""",
                run.id,
            )
        )
        held = states.get("held", 0)
        self._row("Billing run", f"{run.name}, {run.state}")
        self._row("Subscriptions rated", sum(states.values()) - held)
        self._row("Subscriptions held", held)
        for line in run.line_ids.filtered(lambda line: line.state == "held")[:5]:
            self._row(f"  {line.subscription_id.code}", line.reason)
        self._row("Invoices posted", len(moves))
        self.checks["the run is posted and nothing is held"] = (
            run.state == "posted" and not held and bool(moves)
        )
        periods = moves.usage_rated_line_ids.period_id
        differences = self.env["usage.batch"]._store().verify(periods)
        self.checks["day and period totals equal their events"] = not differences

    def _check_money(self, moves):
        """Rated, posted and booked on class 70, per payer and currency."""
        rows = self._query(
            """
            WITH documents AS (
                SELECT id, commercial_partner_id AS payer, currency_id,
                       CASE move_type WHEN 'out_refund' THEN -1 ELSE 1 END AS sign,
                       amount_untaxed::text::numeric AS untaxed,
                       amount_tax::text::numeric AS tax,
                       amount_total::text::numeric AS total
                  FROM account_move WHERE id = ANY(%s) AND state = 'posted'
            ), rated AS (
                SELECT d.payer, d.currency_id, SUM(l.amount) AS amount
                  FROM usage_rated_line l JOIN documents d ON d.id = l.move_id
                 WHERE l.state = 'posted' GROUP BY 1, 2
            ), booked AS (
                SELECT d.payer, d.currency_id, -SUM(l.amount_currency) AS amount
                  FROM account_move_line l
                  JOIN documents d ON d.id = l.move_id
                  JOIN account_account a ON a.id = l.account_id
                 WHERE a.code_store ->> %s LIKE '70%%' GROUP BY 1, 2
            ), posted AS (
                SELECT payer, currency_id, SUM(sign * untaxed) AS untaxed,
                       SUM(sign * tax) AS tax, SUM(sign * total) AS total
                  FROM documents GROUP BY 1, 2
            )
            SELECT p.name, c.name, r.amount::text, posted.untaxed::text,
                   b.amount::text, posted.tax::text, posted.total::text
              FROM posted
              JOIN res_partner p ON p.id = posted.payer
              JOIN res_currency c ON c.id = posted.currency_id
              LEFT JOIN rated r USING (payer, currency_id)
              LEFT JOIN booked b USING (payer, currency_id)
          ORDER BY p.name
            """,
            moves.ids,
            str(self.company.root_id.id),
        )
        self.payers = [
            (payer, currency, *(Decimal(text or 0) for text in figures))
            for payer, currency, *figures in rows
        ]
        for currency in sorted({row[1] for row in self.payers}):
            own = [row for row in self.payers if row[1] == currency]
            for title, column in (("untaxed", 3), ("TVA", 5), ("total", 6)):
                amount = sum(row[column] for row in own)
                self._row(f"Invoiced, {title}", f"{amount:,.2f} {currency}")
        self.checks["rated = posted untaxed = movement of class 70, per payer"] = bool(
            rows
        ) and all(row[2] == row[3] == row[4] for row in self.payers)

    def _check_ledger(self):
        unbalanced = self._query(
            """SELECT move_id FROM account_move_line
                WHERE company_id = %s AND parent_state = 'posted'
             GROUP BY move_id HAVING SUM(debit) != SUM(credit)""",
            self.company.id,
        )
        [(debit, credit)] = self._query(
            """SELECT SUM(debit), SUM(credit) FROM account_move_line
                WHERE company_id = %s AND parent_state = 'posted'""",
            self.company.id,
        )
        self.checks["ledger balanced"] = not unbalanced and debit == credit

    def _check_facturx(self, documents):
        rows = self._query(
            """SELECT name, fr_facturx_state FROM account_move
                WHERE id = ANY(%s) ORDER BY id""",
            documents.ids,
        )
        valid = sum(state == "valid" for _name, state in rows)
        self._row("Factur-X valid", f"{valid}/{len(rows)}")
        bad = documents.filtered(lambda move: move.fr_facturx_state != "valid")
        for move in bad[:3]:
            reason = move._fr_get_findings_text().partition("\n")[0]
            self._row(f"  {move.name}", reason or move.fr_facturx_state)
        if self.usage and bad:
            self._row("  why", "customers made by rule have no SIREN yet: fill it in")
        if not self.usage:
            self.checks["every document is a valid Factur-X"] = valid == len(rows) > 0

    def _check_shares(self, moves):
        """Shares and what is left of the shared base, and the credited invoice."""
        rows = self._query(
            """SELECT a.name,
                      (SELECT COALESCE(SUM(base), 0)::numeric(16, 2)::text
                         FROM revenue_share_item WHERE agreement_id = a.id),
                      (SELECT COALESCE(SUM(amount), 0)::numeric(16, 2)::text
                         FROM revenue_share_line WHERE agreement_id = a.id)
                 FROM revenue_share_agreement a
                WHERE a.company_id = %s ORDER BY a.name""",
            self.company.id,
        )
        shared = Decimal(0)
        for name, base, part in rows:
            base, part = Decimal(base), Decimal(part)
            shared += part
            self._row(
                name,
                f"{base:,.2f} shared: partner {part:,.2f}, kept {base - part:,.2f} EUR",
            )
        told = self._query(
            """SELECT SUM(amount_total)::text FROM revenue_share_statement
                WHERE company_id = %s AND state IN ('sent', 'accepted')""",
            self.company.id,
        )[0][0]
        self.checks["shares of the partners = their statements"] = (
            shared != 0 and Decimal(told or 0) == shared
        )
        invoice = self._get_invoice_of(moves, "garden")
        family = (invoice | invoice.reversal_move_ids).ids
        figures = [
            Decimal(text)
            for [text] in self._query(
                """SELECT SUM(l.amount)::numeric(16, 2)::text
                     FROM revenue_share_line l JOIN revenue_share_item i
                       ON i.id = l.item_id
                    WHERE i.move_id = ANY(%s) GROUP BY i.move_id ORDER BY i.move_id""",
                family,
            )
        ]
        self._row(
            f"Shares of {invoice.name}, credited",
            " ".join(f"{figure:+,.2f}" for figure in figures)
            + f" = {sum(figures, Decimal(0)):.2f} EUR",
        )
        self.checks["the credit note brings its shares to zero"] = (
            len(figures) == 2 and figures[0] > 0 and sum(figures) == 0
        )

    # ------------------------------------------------------------------
    # summary
    # ------------------------------------------------------------------
    def _row(self, title, value):
        self.rows.append(
            (title, f"{value:,}" if isinstance(value, int) else str(value))
        )

    def _print(self, is_unchanged):
        width = max(len(title) for title, _value in self.rows) + 2
        print("\n" + "=" * 78)
        print(
            f" {self.company.name}: {self.usage.name if self.usage else 'the sample'}"
        )
        print("=" * 78)
        for title, value in self.rows:
            print(f" {title:<{width}} {value}")
        print("-" * 78)
        for payer, currency, rated, posted, booked, *_rest in self.payers[
            :PAYERS_SHOWN
        ]:
            print(
                f" {payer[:34]:<34} rated {rated:>11,.2f}  posted {posted:>11,.2f}  "
                f"70 {booked:>11,.2f} {currency}"
            )
        if len(self.payers) > PAYERS_SHOWN:
            print(
                f" … and {len(self.payers) - PAYERS_SHOWN} payers more, checked alike"
            )
        print("-" * 78)
        for name, is_good in self.checks.items():
            print(f" {name:<62} {'yes' if is_good else 'NO'}")
        print("-" * 78)
        for name, seconds in self.seconds.items():
            print(f" {name:<62} {seconds:7.1f} s")
        print("=" * 78)
        if is_unchanged:
            print(" All of this was there already: this run changed nothing.")
        self._print_logins()
        bad = [name for name, is_good in self.checks.items() if not is_good]
        if bad:
            raise SystemExit("The main job found something wrong: " + "; ".join(bad))

    def _print_logins(self):
        print("\n Logins (this machine only; the password is the login):")
        print("   admin      administrator")
        for login, (name, _group) in ROLES.items():
            print(f"   {login:<10} {name.lower()}")
        if not self.usage:
            for login, (_name, key, _group) in PORTAL_ROLES.items():
                company = self.sample._get(self.company, key)
                print(f"   {login:<10} portal of {company.name}")
        print(flush=True)


if __name__ == "__main__":
    Job(globals()["env"], *globals()["arguments"]).run()
