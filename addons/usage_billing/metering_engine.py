"""Which engine keeps a company's events, and how it is reached.

Settings (system parameters, which administrators alone can read)
    ``usage_billing.clickhouse_url``
        ``chdb:`` (default) or ``clickhouse://user@host:9000/database?secure=1``
    ``usage_billing.clickhouse_password``
        of the server's user; ``usage_clickhouse_password`` in the configuration file
        wins over it
"""

import os
from inspect import isgenerator

from odoo.exceptions import UserError
from odoo.tools import config

from .bridge import warm
from .metering.clickhouse import tables
from .metering.clickhouse.driver import StoreUnavailable, connect
from .metering.clickhouse.store import ClickhouseStore
from .metering.connection import exact_cursor
from .metering.errors import StoreError
from .metering.postgres import PostgresStore
from .metering.schema import month_text

URL = "usage_billing.clickhouse_url"
PASSWORD = "usage_billing.clickhouse_password"
EMBEDDED = "chdb:"


def store_of(env, company, **options):
    """The event store of a company, on the environment's transaction.

    :param options: of :class:`~.metering.postgres.PostgresStore`
    """
    warm(company, ["usage_store_engine"])
    if company.usage_store_engine == "clickhouse":
        return clickhouse_of(env, company, **options)
    store = CompanyPostgres(exact_cursor(env.cr), **options)
    store.env = env
    return store


def clickhouse_of(env, company, **options):
    """The events of a company as ClickHouse has them, whatever its engine is."""
    cursor = exact_cursor(env.cr)
    store = CompanyStore(cursor, lambda: driver_of(env), company.id, **options)
    store.env = env
    return store


def driver_of(env):
    """This thread's connection to ClickHouse, its tables ready and ours.

    :raise StoreError: see :func:`explain`
    """
    parameters = env["ir.config_parameter"].sudo()  # addresses are for the server only
    driver = connect(
        parameters.get_param(URL) or EMBEDDED,
        config.get("usage_clickhouse_password") or parameters.get_param(PASSWORD) or "",
        os.path.join(config["data_dir"], "usage_clickhouse", env.cr.dbname),
    )
    database = parameters.get_param("database.uuid")
    if getattr(driver, "database", None) != database:
        tables.prepare(driver, database)
        driver.database = database
    return driver


def explain(env, error):
    """A sentence for a person, of an error of the store.

    :param StoreError error: raised by a call of the store
    :rtype: str
    """
    facts = error.facts
    if isinstance(error, StoreUnavailable):
        return env._(
            "ClickHouse does not answer (%(detail)s). Nothing is lost: usage waits in "
            "PostgreSQL and is shipped when it answers again.",
            detail=facts.get("detail", ""),
        )
    match error.code:
        case "no_chdb":
            return env._(
                "The embedded ClickHouse is not installed: pip install "
                "chdb-core==26.9.0, or enter the address of a server."
            )
        case "no_clickhouse_driver":
            return env._(
                "The client of ClickHouse is not installed: pip install "
                "clickhouse-driver==0.2.11."
            )
        case "store_address":
            return env._(
                "“%(address)s” is no address of ClickHouse. Write chdb: for the "
                "embedded one, chdb:///folder for another folder than Odoo's, or "
                "clickhouse://user@host:9000/database.",
                address=facts["address"],
            )
        case "foreign_store":
            return env._(
                "The tables in ClickHouse belong to another database (%(owner)s). A "
                "copy of a database needs a ClickHouse database of its own.",
                owner=facts["owner"],
            )
        case "store_behind":
            return env._(
                "Too much usage still waits to be shipped to ClickHouse "
                "(%(shipments)s deliveries). Ship it first, then ask again.",
                shipments=facts["shipments"],
            )
        case "shipment_rows" | "shipment_differs":
            return env._(
                "What arrived in ClickHouse is not what was sent: %(facts)s. The next "
                "attempt sends it anew.",
                facts=", ".join(f"{key} {value}" for key, value in facts.items()),
            )
        case "events_archived":
            return env._(
                "Events of %(month)s are in the archive, and this is counted from "
                "events. Bring the month back under Configuration, Months of Events.",
                month=month_text(facts["month"]),
            )
        case "too_many_digits":
            return env._(
                "Event %(event)s has a number of more than %(whole)s digits before "
                "or %(decimals)s after the point, which ClickHouse cannot hold. The "
                "events of this company stay in PostgreSQL.",
                event=facts["event"],
                whole=tables.WIDE_WHOLE,
                decimals=tables.WIDE_DECIMALS,
            )
        case "old_server":
            return env._(
                "This version of ClickHouse is too old for numbers of that many "
                "digits. Use 21.8 or later."
            )
    return env._("ClickHouse refused: %(detail)s", detail=facts.get("detail", error))


class StoreProblem(UserError):
    """An error of the store, told to a person; it holds a subscription, not a run."""

    def __init__(self, env, error):
        super().__init__(explain(env, error))
        self.store_code = error.code


def _telling(engine, name):
    """A call of the store whose errors are sentences."""
    method = getattr(engine, name)

    def told(self, *arguments, **options):
        try:
            found = method(self, *arguments, **options)
            return self._tell(found) if isgenerator(found) else found
        except StoreError as error:
            raise StoreProblem(self.env, error) from error

    told.__doc__ = method.__doc__
    return told


class _ForPeople:
    """The store of a company, for people: errors are told as sentences."""

    env = None

    def _tell(self, generator):
        try:
            yield from generator
        except StoreError as error:
            raise StoreProblem(self.env, error) from error


class CompanyStore(_ForPeople, ClickhouseStore):
    """Of a company with its events in ClickHouse."""


class CompanyPostgres(_ForPeople, PostgresStore):
    """Of any other."""


for _engine, _base in (
    (CompanyStore, ClickhouseStore),
    (CompanyPostgres, PostgresStore),
):
    for _name in (
        "aggregate", "quantities", "daily", "usage", "explain", "stream", "verify",
        "rebuild", "periods_of_batches", "periods_of_types",
    ):  # fmt: skip
        setattr(_engine, _name, _telling(_base, _name))


__all__ = [
    "StoreError",
    "StoreProblem",
    "clickhouse_of",
    "driver_of",
    "explain",
    "store_of",
]
