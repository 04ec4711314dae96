from odoo import models, tools

#: Loaded before any database is known, so that senders of usage are answered 503 while
#: PostgreSQL is away. Nothing but those routes depends on it.
SERVER_WIDE = {"usage_billing", "billing_connectors"}


class IrModuleModule(models.Model):
    _inherit = "ir.module.module"

    def button_uninstall(self):
        """Let these add-ons go although the configuration loads them server-wide.

        Odoo refuses that to protect add-ons it cannot run without. These two it can:
        without them installed their routes are only known while no database is.
        """
        config = tools.config
        loaded = config["server_wide_modules"]
        config["server_wide_modules"] = [
            name for name in loaded if name not in SERVER_WIDE
        ]
        try:
            return super().button_uninstall()
        finally:
            config["server_wide_modules"] = loaded
