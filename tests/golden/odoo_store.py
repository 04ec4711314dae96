# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""The event store in ClickHouse while golden cases are played on a database.

The embedded engine, in a directory that is made for it and thrown away. One of two
deliveries is shipped at once and the rest stays on its way, so that quantities are made
of both.
"""

import contextlib
import shutil
import tempfile
from unittest.mock import patch


@contextlib.contextmanager
def clickhouse(dbname, config):
    """Every company of a database keeps its events in ClickHouse."""
    import odoo.cli  # noqa: F401  (makes the namespace package complete)
    from odoo import SUPERUSER_ID, api
    from odoo.modules.registry import Registry
    from odoo.tools import config as settings

    settings.parse_config(["-c", config, "-d", dbname], setup_logging=True)
    registry = Registry(dbname)
    directory = tempfile.mkdtemp(prefix="chdb-golden-")
    from odoo.addons.usage_billing import metering_engine
    from odoo.addons.usage_billing.models import usage_batch

    with registry.cursor() as cr:
        env = api.Environment(cr, SUPERUSER_ID, {})
        env["ir.config_parameter"].set_param(metering_engine.URL, f"chdb://{directory}")
        env["res.company"].search([]).usage_store_engine = "clickhouse"
        driver = metering_engine.driver_of(env)
    append = usage_batch.UsageBatch._append

    def append_and_ship(batch, *arguments, **options):
        result = append(batch, *arguments, **options)
        shipments = batch.env["usage.shipment"].sudo().search([("state", "!=", "done")])
        shipments = shipments.filtered(lambda shipment: shipment.id % 2)
        if shipments._ship(driver) != len(shipments):
            raise RuntimeError(f"not shipped: {shipments[:1].error}")
        return result

    try:
        with patch.object(usage_batch.UsageBatch, "_append", append_and_ship):
            yield
        with registry.cursor() as cr:
            cr.execute("SELECT count(*) FROM usage_shipment WHERE state = 'done'")
            (shipped,) = cr.fetchone()
        ((stored,),) = driver.query("SELECT count() FROM usage_event")
        print(f"ClickHouse: {shipped} deliveries shipped, {stored} events there")
    finally:
        driver.stop()
        shutil.rmtree(directory, ignore_errors=True)
