"""Customers with usage for the benchmarks: French businesses on one plan.

Everything is made through the models and the event store, as the suite itself does, and
is the same in every run. Companies are fictional: their SIREN lie in 999 xxx xxx.
"""

from datetime import datetime, time, timedelta
from decimal import Decimal
from itertools import islice

from odoo import Command, fields

from odoo.addons.usage_billing.metering import EventRow

REGIONS = ("fr-par", "fr-lyo", "nl-ams")

#: event type, aggregation
METERS = {
    "compute": "sum",
    "storage": "max",
    "requests": "count",
}


def siren(number):
    """A SIREN with a valid key, the same for the same number.

    >>> siren(0), siren(1)
    ('999000002', '999000010')
    """
    return _with_key(f"999{number:05d}")


def siret(number):
    """The SIRET of the only site of that business, both keys valid."""
    return _with_key(f"{siren(number)}0000")


def _with_key(digits):
    """Add the last digit that the Luhn check asks for."""
    total = 0
    for position, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 if position % 2 else 2)
        total += value - 9 if value > 9 else value
    return f"{digits}{-total % 10}"


def create_plan(env):
    """One plan whose month makes five invoice lines: a fee, two tiers, two meters.

    :return: ``usage.plan`` with one approved version
    """
    product = env["product.product"].create(
        {"name": "Cloud usage", "type": "service", "list_price": 0}
    )
    meters = {
        event_type: env["usage.meter"].create(
            {
                "name": event_type.capitalize(),
                "code": f"bench-{event_type}",
                "event_type": event_type,
                "aggregation": aggregation,
                "dimension_keys": "region",
                "unit_label": {"compute": "h", "storage": "GB"}.get(event_type, "call"),
            }
        )
        for event_type, aggregation in METERS.items()
    }
    charges = [
        {"name": "Subscription", "model": "flat", "unit_price": "49"},
        {
            "name": "Compute",
            "model": "graduated",
            "meter_id": meters["compute"].id,
            "tier_ids": [
                Command.create({"up_to": "10", "unit_price": "0.085"}),
                Command.create({"up_to": None, "unit_price": "0.062"}),
            ],
        },
        {
            "name": "Storage",
            "model": "per_unit",
            "meter_id": meters["storage"].id,
            "unit_price": "0.02",
        },
        {
            "name": "Requests",
            "model": "package",
            "meter_id": meters["requests"].id,
            "package_size": "10",
            "package_price": "0.4",
        },
    ]
    plan = env["usage.plan"].create({"name": "Cloud", "code": "bench-cloud"})
    version = env["usage.plan.version"].create(
        {
            "plan_id": plan.id,
            "valid_from": "2020-01-01",
            "charge_ids": [
                Command.create(
                    {"product_id": product.id, "sequence": sequence, **charge}
                )
                for sequence, charge in enumerate(charges)
            ],
        }
    )
    version.action_approve()
    return plan


def create_subscriptions(env, plan, count, **vals):
    """Active subscriptions, each of a French business of its own with one subject.

    :param vals: of every subscription, such as ``date_start``
    :return: ``usage.subscription``
    """
    env = env(context={**env.context, "tracking_disable": True, "no_vat_validation": 1})
    partners = env["res.partner"].create(
        [
            {
                "name": f"Client fictif {number:05d} SARL",
                "is_company": True,
                "street": f"{number % 90 + 1} rue de l'Exemple",
                "zip": "69003",
                "city": "Lyon",
                "country_id": env.ref("base.fr").id,
                "company_registry": siret(number),
                "lang": "fr_FR",
                "email": f"client-{number:05d}@client.example",
            }
            for number in range(count)
        ]
    )
    subscriptions = env["usage.subscription"].create(
        [
            {"plan_id": plan.id, "partner_id": partner.id, "tz": "Europe/Paris", **vals}
            for partner in partners
        ]
    )
    env["usage.subject"].create(
        [
            {
                "subject": f"project-{subscription.id}",
                "subscription_id": subscription.id,
            }
            for subscription in subscriptions
        ]
    )
    subscriptions.action_activate()
    return subscriptions


def add_usage(env, subscriptions, count, start, end, chunk=50_000, source="bench"):
    """Store events of these subscriptions, spread evenly from start to end.

    :param int count: how many events
    :param datetime start, end: naive UTC
    :param str source: code of their source; another one makes other events
    """
    source = env["usage.source"].create({"name": source.title(), "code": source})
    subjects = subscriptions.subject_ids.mapped("subject")
    events = _events(subjects, count, start, end)
    number = 0
    while rows := list(islice(events, chunk)):
        number += 1
        accepted = create_batch(env, source, f"Bench {number}")._append(rows).accepted
        if accepted != len(rows):
            raise RuntimeError(f"{accepted} of {len(rows)} events were stored")
        env.cr.commit()
        env.invalidate_all()


def create_batch(env, source, name="Bench"):
    """A delivery that events may be appended to."""
    batches = env["usage.batch"].sudo()  # made by imports, not by users
    return batches.create(
        {"name": name, "source_id": source.id, "company_id": env.company.id}
    )


def _events(subjects, count, start, end):
    """Events in the order of time: each subject in turn, in ever other ways."""
    types, step = tuple(METERS), (end - start) / count
    for number in range(count):
        turn = number // len(subjects)
        etype = types[turn % len(types)]
        yield EventRow(
            event_id=f"event-{number:09d}",
            type=etype,
            subject=subjects[number % len(subjects)],
            time=start + number * step,
            value=None
            if etype == "requests"
            else Decimal(number * 7919 % 997 + 500) / Decimal(100),
            dimensions={"region": REGIONS[turn % 7 % len(REGIONS)]},
            properties={"host": f"vm-{number % 50}", "job": f"{number:x}"},
            row_number=number + 1,
        )


def month_before():
    """First and last local day of the month before this one."""
    first = fields.Date.today().replace(day=1)
    last = first - timedelta(days=1)
    return last.replace(day=1), last


def noon(day):
    """Naive UTC instant in the middle of a day, the same day in Paris."""
    return datetime.combine(day, time(12))
