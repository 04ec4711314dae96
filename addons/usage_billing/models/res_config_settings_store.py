from odoo import api, fields, models
from odoo.tools import format_datetime

from ..metering_engine import PASSWORD, URL, StoreError, StoreProblem, driver_of


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    usage_store_engine = fields.Selection(related="company_id.usage_store_engine")
    usage_store_target = fields.Selection(related="company_id.usage_store_target")
    usage_store_problem = fields.Text(related="company_id.usage_store_problem")
    usage_store_status = fields.Char(
        string="On their Way", compute="_compute_usage_store_status"
    )
    usage_clickhouse_url = fields.Char(
        string="Address of ClickHouse", config_parameter=URL
    )
    usage_clickhouse_password = fields.Char(
        string="Password",
        help="Written only; it is never shown again. Leave it empty to keep it.",
    )

    @api.depends("company_id")
    def _compute_usage_store_status(self):
        # sudo: a count and a date about the own company
        Shipment = self.env["usage.shipment"].sudo()
        for settings in self:
            company = settings.company_id
            waiting = Shipment.search(
                [("company_id", "=", company.id), ("state", "!=", "done")], order="id"
            )
            if waiting:
                settings.usage_store_status = self.env._(
                    "%(count)s events in %(shipments)s shipments on their way, the "
                    "oldest since %(date)s.",
                    count=sum(waiting.mapped("row_count")),
                    shipments=len(waiting),
                    date=format_datetime(self.env, waiting[0].create_date),
                )
            elif "clickhouse" in (
                company.usage_store_engine,
                company.usage_store_target,
            ):
                settings.usage_store_status = self.env._("Everything has arrived.")
            else:
                settings.usage_store_status = False

    def set_values(self):
        result = super().set_values()
        if self.usage_clickhouse_password:
            # sudo: administrators write it here, nobody reads it
            self.env["ir.config_parameter"].sudo().set_param(
                PASSWORD, self.usage_clickhouse_password
            )
            self.usage_clickhouse_password = False
        return result

    def action_usage_store_test(self):
        """Save the address and ask ClickHouse something."""
        self._check_usage_system()
        self.set_values()
        try:
            driver = driver_of(self.env)
            ((version,),) = driver.query("SELECT version()")
        except StoreError as error:
            raise StoreProblem(self.env, error) from error
        return self._notify_usage(
            self.env._("ClickHouse answers"),
            self.env._(
                "Version %(version)s; its tables are ready for this database.",
                version=version,
            ),
        )

    def action_usage_store_move(self):
        self.set_values()
        self.company_id.action_usage_store_move()
        return {"type": "ir.actions.client", "tag": "soft_reload"}

    def action_usage_store_stay(self):
        self.company_id.action_usage_store_stay()
        return {"type": "ir.actions.client", "tag": "soft_reload"}

    def action_usage_store_shipments(self):
        return self.env["ir.actions.act_window"]._for_xml_id(
            "usage_billing.usage_shipment_action"
        )
