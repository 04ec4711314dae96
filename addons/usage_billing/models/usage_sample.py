import base64
import csv
import io
import logging
from datetime import datetime
from decimal import Decimal, InvalidOperation

from psycopg2 import IntegrityError

from odoo import Command, api, fields, models
from odoo.exceptions import RedirectWarning, UserError
from odoo.tools import mute_logger

from ..sample import story, usage_file

_logger = logging.getLogger(__name__)

FRENCH = "fr_FR"
#: how a record says that something depends on it
REFUSALS = (UserError, RedirectWarning, IntegrityError)


class UsageSample(models.Model):
    """A record that the sample story made, so that the story can be taken out again.

    The story is loaded piece by piece under stable keys; loading again finds each
    piece by its key and makes only what is missing. Removing goes backwards: what
    nothing posted depends on is deleted, the rest is archived and named.

    Other add-ons take part by extending ``_load_settings``, ``_load_catalogue``,
    ``_load_usage``, ``_load_agreements`` and ``_remove_usage``. No code refers to a
    record of the story in any other way.
    """

    _name = "usage.sample"
    _description = "Sample Data Record"
    _order = "id desc"

    company_id = fields.Many2one(
        "res.company", required=True, index=True, ondelete="cascade"
    )
    key = fields.Char(required=True, help="Stable name of the piece, in the story.")
    model = fields.Char(required=True)
    res_id = fields.Many2oneReference(
        string="Record", model_field="model", required=True
    )
    former = fields.Json(
        help="Values the story wrote over on a record that was there before; they come "
        "back when it is removed."
    )

    _key_unique = models.Constraint(
        "UNIQUE(company_id, key)", "This piece of the sample story is already loaded."
    )

    # ------------------------------------------------------------------
    # actions (settings)
    # ------------------------------------------------------------------
    @api.model
    def _is_loaded(self, company):
        return bool(self.search_count([("company_id", "=", company.id)], limit=1))

    # ------------------------------------------------------------------
    # load
    # ------------------------------------------------------------------
    @api.model
    def _load(self, company, usage=True):
        """Load the story into a company; pieces that are there already stay.

        :param res.company company: where to; its legal identity is only filled in
            while it has none and nothing was posted
        :param bool usage: import the month of usage too
        :return: the pieces that were new
        :rtype: usage.sample
        """
        before = self.search([("company_id", "=", company.id)])
        loader = self.with_company(company).with_context(
            allowed_company_ids=company.ids, lang="en_US"
        )
        loader._load_settings(company)
        loader._load_partners(company)
        loader._load_catalogue(company)
        loader._load_subscriptions(company)
        loader._load_agreements(company)
        if usage:
            loader._load_usage(company)
        return self.search([("company_id", "=", company.id)]) - before

    def _load_settings(self, company):
        """Give an empty company the seller's identity; a real company keeps its own."""
        if not self._is_blank(company):
            return
        vals = self._prepare_seller_vals()
        self._fill(company, "settings.company", company, vals)
        if self._has_french():
            self._fill(company, "settings.lang", company.partner_id, {"lang": FRENCH})

    def _prepare_seller_vals(self):
        """Values of the company; an override may add plain fields of its model."""
        return {
            "name": story.SELLER.name,
            "logo": base64.b64encode(story.LOGO.read_bytes()).decode(),
            **self._prepare_address_vals(story.SELLER),
        }

    def _is_blank(self, company):
        """Whether nobody has set up the company or posted anything in it yet."""
        return (
            not company.vat
            and not company.street
            and not self.env["account.move"].search_count(
                [("company_id", "=", company.id)], limit=1
            )
        )

    def _load_partners(self, company):
        term = self._get_payment_term(company)
        for facts in story.PARTNERS:
            self._ensure(
                company,
                f"partner.{facts.key}",
                "res.partner",
                {
                    "name": facts.name,
                    "is_company": True,
                    "company_id": company.id,
                    "lang": FRENCH if self._has_french() else self.env.lang,
                    "tz": story.TIME_ZONE,
                    "property_payment_term_id": term.id,
                    **self._prepare_address_vals(facts),
                },
            )

    def _get_payment_term(self, company):
        """The company's own term of 30 days, empty where there is none."""
        terms = self.env["account.payment.term"].search(
            self.env["account.payment.term"]._check_company_domain(company)
        )
        return terms.filtered(
            lambda term: (
                term.line_ids.mapped("nb_days") == [30]
                and term.line_ids.delay_type == "days_after"
            )
        )[:1]

    def _prepare_address_vals(self, facts):
        """Address and registration of a company of the story, for a partner or company.

        An override may add registration fields that exist on both models.
        """
        return {
            "street": facts.street,
            "zip": facts.zip,
            "city": facts.city,
            "country_id": self.env.ref("base.fr").id,
            "email": facts.email,
            "phone": facts.phone,
            "website": facts.website,
            "vat": facts.vat,
            "company_registry": facts.siret,
        }

    def _load_catalogue(self, company):
        for facts in story.METERS:
            meter = self._ensure(
                company,
                f"meter.{facts.code}",
                "usage.meter",
                {
                    "name": facts.name,
                    "code": facts.code,
                    "company_id": company.id,
                    "event_type": facts.event_type,
                    "aggregation": facts.aggregation,
                    "value_source": "value",
                    "dimension_keys": ",".join(facts.dimensions),
                    "customer_keys": "region,resource",
                    "unit_label": facts.unit_label,
                    "unit_code": facts.unit_code,
                },
            )
            self._translate(meter, name=facts.name_fr, unit_label=facts.unit_label_fr)
        for facts in story.PLANS:
            for charge in facts.charges:
                self._load_product(company, charge)
        for facts in story.PLANS:
            self._load_plan(company, facts)

    def _load_plan(self, company, facts):
        plan = self._ensure(
            company,
            f"plan.{facts.code}",
            "usage.plan",
            {"name": facts.name, "code": facts.code, "company_id": company.id},
        )
        self._translate(plan, name=facts.name_fr)
        version = plan.version_ids[:1]
        if not version:
            version = self.env["usage.plan.version"].create(
                {
                    "plan_id": plan.id,
                    "valid_from": story.START,
                    "charge_ids": [
                        Command.create(
                            self._prepare_charge_vals(company, charge, number * 10)
                        )
                        for number, charge in enumerate(facts.charges, 1)
                    ],
                }
            )
            units = {meter.code: meter.unit_label_fr for meter in story.METERS}
            for record, charge in zip(version.charge_ids, facts.charges, strict=True):
                self._translate(
                    record,
                    name=charge.name_fr,
                    unit_label=units.get(charge.meter, False),
                )
            version.action_approve()

    def _prepare_charge_vals(self, company, charge, sequence):
        """Values of one charge; an override may add fields of its own."""
        vals = {
            "name": charge.name,
            "key": charge.key,
            "sequence": sequence,
            "model": charge.model,
            "product_id": self._get(company, f"product.{charge.key}").id,
            **charge.values,
        }
        if charge.meter:
            meter = self._get(company, f"meter.{charge.meter}")
            vals.update(meter_id=meter.id, unit_label=meter.unit_label)
        vals["tier_ids"] = [
            Command.create(
                {
                    "sequence": number * 10,
                    "up_to": tier.up_to or False,
                    "unit_price": tier.unit_price,
                }
            )
            for number, tier in enumerate(charge.tiers, 1)
        ]
        return vals

    def _load_product(self, company, charge):
        product = self._ensure(
            company,
            f"product.{charge.key}",
            "product.product",
            {
                "name": charge.name,
                "default_code": f"CLOUD-{charge.key.upper()}",
                "type": "service",
                "company_id": company.id,
                "sale_ok": True,
                "purchase_ok": False,
                "list_price": 0,
                **self._prepare_service_accounting_vals(company),
            },
        )
        self._translate(product, name=charge.name_fr)
        return product

    def _prepare_service_accounting_vals(self, company):
        """Account and tax of a service sold at home, from the company's own chart."""
        account = self.env["account.account"].search(
            [
                *self.env["account.account"]._check_company_domain(company),
                ("account_type", "=", "income"),
                ("code", "=like", "706%"),
            ],
            limit=1,
        )
        usual_tax = company.account_sale_tax_id
        tax = self.env["account.tax"].search(
            [
                *self.env["account.tax"]._check_company_domain(company),
                ("type_tax_use", "=", "sale"),
                ("tax_scope", "=", "service"),
                ("amount_type", "=", usual_tax.amount_type),
                ("amount", "=", usual_tax.amount),
                ("price_include", "=", False),
            ],
            limit=1,
        )
        vals = {"taxes_id": [Command.set((tax or usual_tax).ids)]}
        if account:
            vals["property_account_income_id"] = account.id
        return vals

    def _load_subscriptions(self, company):
        for facts in story.SUBSCRIPTIONS:
            reseller = facts.reseller and self._get(
                company, f"partner.{facts.reseller}"
            )
            subscription = self._ensure(
                company,
                f"subscription.{facts.code}",
                "usage.subscription",
                {
                    "name": facts.name,
                    "code": facts.code,
                    "company_id": company.id,
                    "partner_id": self._get(company, f"partner.{facts.customer}").id,
                    "reseller_id": reseller.id if reseller else False,
                    "plan_id": self._get(company, f"plan.{facts.plan}").id,
                    "date_start": story.START,
                    "tz": story.TIME_ZONE,
                    "po_number": facts.po_number,
                },
            )
            if subscription.state == "draft":
                subscription.action_activate()
            self._ensure(
                company,
                f"subject.{facts.subject}",
                "usage.subject",
                {
                    "subject": facts.subject,
                    "subscription_id": subscription.id,
                    "company_id": company.id,
                },
            )

    def _load_agreements(self, company):
        """Hook: what the company agreed with the partners of the story."""

    def _load_usage(self, company):
        """Put the usage into the event store: the month to bill and half of the next.

        :return: the batch of the month to bill
        :rtype: usage.batch
        """
        source = self._ensure(
            company, "source", "usage.source", self._prepare_source_vals(company)
        )
        batch = self._load_file(company, source, story.START, story.END)
        self._load_file(company, source, story.END, story.RUNNING_END)
        return batch

    def _load_file(self, company, source, start, end):
        """Store the usage of some local days, unless an earlier load did.

        An add-on that imports files takes the same rows through its import.

        :return: the batch of these days
        :rtype: usage.batch
        """
        month = usage_file.build(start, end, faults=False)
        batch = source.batch_ids.filtered(
            lambda batch: batch.file_name == month.name and batch.state == "done"
        )[:1]
        if not batch:
            batch = self.env["usage.batch"].create(
                {
                    "name": month.name,
                    "source_id": source.id,
                    "company_id": company.id,
                    "file_name": month.name,
                }
            )
            batch._append(self._read_rows(month.content))
        return batch

    def _prepare_source_vals(self, company):
        return {
            "name": self.env._("Cloud platform (sample)"),
            "code": story.SOURCE_CODE,
            "company_id": company.id,
            "kind": "sample",
            # the story happens in its own month, whatever the clock says
            "future_tolerance_min": -1,
        }

    def _read_rows(self, content):
        """Yield the clean rows of a generated file as the store wants them."""
        from ..metering.values import EventRow

        text = io.StringIO(content.decode(usage_file.ENCODING), newline="")
        reader = csv.DictReader(text, delimiter=usage_file.DELIMITER)
        for number, row in enumerate(reader, 1):
            try:
                value = Decimal(row["quantity"].replace(usage_file.DECIMAL_SIGN, "."))
            except InvalidOperation:
                value = None
            yield EventRow(
                event_id=row["id"],
                type=row["metric"],
                subject=row["project"],
                time=datetime.fromisoformat(row["time"]).replace(tzinfo=None),
                value=value,
                dimensions={"region": row["region"]},
                properties={"resource": row["resource"]},
                row_number=number,
            )

    # ------------------------------------------------------------------
    # remove
    # ------------------------------------------------------------------
    @api.model
    def _remove(self, company):
        """Take the story out again, backwards.

        What a posted document depends on stays: the ledger does not forget. It is
        archived where the model allows, and named in the result.

        :return: ``(number of records deleted, display names of those kept)``
        """
        remover = self.with_company(company).with_context(
            allowed_company_ids=company.ids, active_test=False
        )
        remover._remove_usage(company)
        deleted, kept = 0, []
        for piece in remover.search([("company_id", "=", company.id)], order="id desc"):
            record = self.env[piece.model].browse(piece.res_id).exists()
            if piece.former is not False:
                piece._put_back(record)
            elif record:
                name = record.display_name
                if piece._delete(record):
                    deleted += 1
                else:
                    kept.append(name)
                    piece._archive(record)
            piece.unlink()
        _logger.info(
            "sample data of %s: %s deleted, %s kept", company.name, deleted, len(kept)
        )
        return deleted, kept

    def _remove_usage(self, company):
        """Undo what was done with the story and is not posted.

        Results of billing runs that are not posted are discarded. The usage goes too,
        unless some of it was billed: then it stays as the evidence of the invoices.
        """
        subscriptions = self._get_all(company, "usage.subscription")
        self._discard_results(subscriptions)
        is_billed = self.env["usage.rated.line"].search_count(
            [("subscription_id", "in", subscriptions.ids)], limit=1
        )
        if is_billed:
            subscriptions.filtered(lambda sub: sub.state == "active").action_close()
        else:
            self._get_all(company, "usage.source")._erase()
            subscriptions.state = "draft"

    def _discard_results(self, subscriptions):
        """Forget what billing runs rated for these subscriptions and did not post."""
        lines = self.env["usage.billing.run.line"].search(
            [("subscription_id", "in", subscriptions.ids), ("state", "!=", "invoiced")]
        )
        runs = lines.run_id
        runs.filtered(lambda run: run.state == "approved").action_unapprove()
        lines._discard()
        rated = lines.rated_line_ids.filtered(lambda line: line.state == "cancelled")
        rated.unlink()
        lines.filtered(lambda line: not line.rated_line_ids).unlink()
        runs.filtered(
            lambda run: not run.line_ids and run.state in ("new", "review")
        ).unlink()

    def _delete(self, record):
        """Delete a record of the story; False when something needs it."""
        try:
            with mute_logger("odoo.sql_db"), self.env.cr.savepoint():
                if record._name == "usage.plan":
                    record.version_ids.action_draft()
                    record.version_ids.unlink()
                record.unlink()
        except REFUSALS as error:
            _logger.info("sample record %s stays: %s", record, error)
            self.env.invalidate_all()
            return False
        return True

    def _archive(self, record):
        if "active" not in record._fields:
            return
        try:
            with self.env.cr.savepoint():
                record.active = False
        except REFUSALS as error:
            _logger.info("sample record %s stays active: %s", record, error)

    def _put_back(self, record):
        """Give a record its former values, unless its documents show the new ones."""
        if record and not self.env["account.move"].search_count(
            [("company_id", "=", self.company_id.id), ("state", "=", "posted")], limit=1
        ):
            record.write(self.former)

    # ------------------------------------------------------------------
    # helpers, also for other add-ons
    # ------------------------------------------------------------------
    def _get(self, company, key):
        """Return the record of a piece, or None when it is not loaded or gone."""
        piece = self.search([("company_id", "=", company.id), ("key", "=", key)])
        record = piece and self.env[piece.model].browse(piece.res_id).exists()
        return record or None

    def _ensure(self, company, key, model, vals):
        """Return the record of a piece, made from ``vals`` when there is none."""
        record = self._get(company, key)
        if record is None:
            record = self.env[model].create(vals)
            self._remember(company, key, record)
        return record

    def _remember(self, company, key, record):
        """Note that a record belongs to the story; it is removed with it."""
        self.search([("company_id", "=", company.id), ("key", "=", key)]).unlink()
        return self.create(
            {
                "company_id": company.id,
                "key": key,
                "model": record._name,
                "res_id": record.id,
            }
        )

    def _fill(self, company, key, record, vals):
        """Write on a record that is not the story's own, keeping what it held.

        Only plain fields; empty ones come back empty.
        """
        former = {name: self._to_json(record[name]) for name in vals}
        record.write(vals)
        self._remember(company, key, record).former = former

    def _to_json(self, value):
        return value.decode() if isinstance(value, bytes) else value

    def _get_all(self, company, model):
        """Records of one model that the story made and that still exist."""
        pieces = self.search([("company_id", "=", company.id), ("model", "=", model)])
        return self.env[model].browse(pieces.mapped("res_id")).exists()

    def _has_french(self):
        return bool(self.env["res.lang"]._get_data(code=FRENCH))

    def _translate(self, record, **texts):
        """Write the French words of translated fields, where French is installed."""
        if not self._has_french():
            return
        translated = {
            name: text for name, text in texts.items() if record._fields[name].translate
        }
        if translated:
            record.with_context(lang=FRENCH).write(translated)
