"""Factories with defaults: a test shows only what matters to it."""

from datetime import datetime
from decimal import Decimal
from itertools import count

from odoo import Command, fields
from odoo.tests import TransactionCase, new_test_user, tagged

from odoo.addons.account.tests.common import AccountTestInvoicingCommon

from ..metering import EventRow

_numbers = count(1)


class UsageFactory:
    """What usage tests create; mixed into a test case with ``env``."""

    @classmethod
    def _create_meter(cls, code="api", **kw):
        return cls.env["usage.meter"].create(
            {
                "name": code.upper(),
                "code": f"{code}-{next(_numbers)}",
                "event_type": code,
                "unit_label": code,
                **kw,
            }
        )

    @classmethod
    def _create_usage_product(cls, **kw):
        return cls.env["product.product"].create(
            {"name": "Usage", "type": "service", "list_price": 0, **kw}
        )

    @classmethod
    def _create_plan(
        cls, charges, approve=True, valid_from="2020-01-01", product=None, **kw
    ):
        """Plan with one version; charges are vals without product."""
        product = product or cls.product
        plan = cls.env["usage.plan"].create(
            {"name": "Plan", "code": f"plan-{next(_numbers)}", **kw}
        )
        version = cls.env["usage.plan.version"].create(
            {
                "plan_id": plan.id,
                "valid_from": valid_from,
                "charge_ids": [
                    Command.create({"product_id": product.id, **charge})
                    for charge in charges
                ],
            }
        )
        if approve:
            version.sudo().action_approve()
        return plan

    @classmethod
    def _create_metered_plan(cls, meter, unit_price="1", **kw):
        """Plan of a single charge: so much for each unit of a meter."""
        charge = {
            "name": "Traffic",
            "key": "traffic",
            "model": "per_unit",
            "meter_id": meter.id,
            "unit_price": unit_price,
        }
        return cls._create_plan([charge | kw])

    @classmethod
    def _create_customer(cls, **kw):
        return cls.env["res.partner"].create(
            {
                "name": f"Customer {next(_numbers)}",
                "country_id": cls.env.ref("base.fr").id,
            }
            | kw
        )

    @classmethod
    def _create_subscription(cls, plan, activate=True, subject=None, **kw):
        """Active subscription from September 2026 with its own subject."""
        vals = {"plan_id": plan.id, "date_start": "2026-09-01", **kw}
        if "partner_id" not in vals:
            vals["partner_id"] = cls._create_customer().id
        subscription = cls.env["usage.subscription"].create(vals)
        cls.env["usage.subject"].create(
            {
                "subject": subject or f"subject-{subscription.id}",
                "subscription_id": subscription.id,
                "company_id": subscription.company_id.id,
            }
        )
        if activate:
            subscription.action_activate()
        return subscription

    @classmethod
    def _add_usage(cls, subscription, event_type, *values, at=None, **kw):
        """Send events through the store, as an import does.

        :param values: one event each; None for an event that is only counted
        :return: result of the append
        """
        company = subscription.company_id
        Source = cls.env["usage.source"].with_company(company)
        source = Source.search(
            [("code", "=", "test"), ("company_id", "=", company.id)]
        ) or Source.create(
            {
                "name": "Test",
                "code": "test",
                "kind": "manual",
                "future_tolerance_min": -1,
            }
        )
        batch = (
            cls.env["usage.batch"]
            .sudo()  # a batch is made by an import, not by a user
            .with_company(company)
            .create(
                {
                    "name": f"Batch {next(_numbers)}",
                    "source_id": source.id,
                    "company_id": company.id,
                }
            )
        )
        rows = [
            EventRow(
                event_id=f"event-{next(_numbers)}",
                type=event_type,
                subject=subscription.subject_ids[0].subject,
                time=fields.Datetime.to_datetime(at) or datetime(2026, 9, 15, 12),
                value=None if value is None else Decimal(str(value)),
                row_number=number,
                **kw,
            )
            for number, value in enumerate(values, 1)
        ]
        result = batch._append(rows)
        assert result.accepted == len(rows), result
        return result

    @classmethod
    def _create_run(cls, cutoff="2026-09-30", **kw):
        return cls.env["usage.billing.run"].create({"cutoff_date": cutoff, **kw})

    @classmethod
    def _bill(cls, cutoff="2026-09-30", **kw):
        """Compute, approve and post a run."""
        run = cls._create_run(cutoff, **kw)
        run.action_compute()
        run.action_approve()
        run.action_post()
        return run


class UsageCase(UsageFactory, AccountTestInvoicingCommon):
    """French company with a chart, one product, one user of each rung."""

    @classmethod
    @AccountTestInvoicingCommon.setup_country("fr")
    def setUpClass(cls):
        super().setUpClass()
        cls.env = cls.env(context={**cls.env.context, "tracking_disable": True})
        cls.env.user.group_ids += cls.env.ref(
            "usage_billing.group_usage_billing_system"
        )
        cls.company = cls.env.company
        cls.product = cls._create_usage_product()
        cls.users = {
            role: new_test_user(
                cls.env,
                login=f"usage-{role}",
                groups=f"usage_billing.group_usage_billing_{role}",
                company_id=cls.company.id,
                company_ids=[Command.set(cls.company.ids)],
            )
            for role in ("user", "manager", "approver", "system", "auditor")
        }


__all__ = ["TransactionCase", "UsageCase", "UsageFactory", "tagged"]
