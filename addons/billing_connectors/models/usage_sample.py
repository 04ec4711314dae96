# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo import models

from odoo.addons.usage_billing.sample import usage_file


class UsageSample(models.Model):
    """The sample month comes as the file of the platform, faults included."""

    _inherit = "usage.sample"

    def _load_usage(self, company):
        """Import the generated file as an upload in the back office would.

        :return: the batch of the delivery
        :rtype: usage.batch
        """
        source = self._ensure(
            company, "source", "usage.source", self._prepare_source_vals(company)
        )
        if source.batch_ids:
            return source.batch_ids.sorted("id")[0]
        month = usage_file.build()
        Delivery = self.env["billing.delivery"]
        content = Delivery._inspect(month.content, month.name)
        mapping = Delivery._mapping_for(content, company)
        delivery = Delivery._import_file(
            month.content,
            mapping=mapping,
            source=source,
            name=month.name,
            company=company,
        )
        self._remember(company, "delivery", delivery)
        return delivery.batch_id
