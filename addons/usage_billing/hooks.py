"""What installing and uninstalling do beside creating and dropping models."""


def uninstall_hook(env):
    """Drop the event store: its tables are not models, so nothing else does."""
    env["usage.event"]._drop_store()
    env["usage.shipment"]._drop_store()
    env["usage.api.key"]._drop_allowances()
    env.cr.execute(
        "DROP FUNCTION IF EXISTS usage_price_guard, usage_version_guard,"
        " usage_price_version, usage_override_guard, usage_override_tier_guard CASCADE"
    )
