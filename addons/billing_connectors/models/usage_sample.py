# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo import models

from odoo.addons.usage_billing.sample import story, usage_file


class UsageSample(models.Model):
    """The sample month comes as the file of the platform, faults included."""

    _inherit = "usage.sample"

    def _load_file(self, company, source, start, end):
        """Import the generated file as an upload in the back office would.

        The month to bill comes with its faults, the one that runs is clean.
        """
        key = f"delivery.{start:%Y-%m}"
        delivery = self._get(company, key)
        if delivery:
            return delivery.batch_id
        month = usage_file.build(start, end, faults=start == story.START)
        Delivery = self.env["billing.delivery"]
        content = Delivery._inspect(month.content, month.name)
        delivery = Delivery._import_file(
            month.content,
            mapping=Delivery._mapping_for(content, company),
            source=source,
            name=month.name,
            company=company,
        )
        self._remember(company, key, delivery)
        return delivery.batch_id
