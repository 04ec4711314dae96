# Part of Relevé. See LICENSE file for full copyright and licensing details.
from odoo.tests import tagged

from odoo.addons.usage_billing.tests.common import UsageFactory

from .amounts import AmountScenarios
from .common import DAY, ScenarioCase
from .companies import CompanyScenarios
from .corrections import CorrectionScenarios
from .documents import DocumentScenarios
from .orders import OrderScenarios
from .parties import PartyScenarios
from .payments import PaymentScenarios
from .usage import UsageScenarios
from .vat import VatScenarios


@tagged("post_install", "-at_install")
class TestScenarios(
    DocumentScenarios,
    VatScenarios,
    AmountScenarios,
    PaymentScenarios,
    PartyScenarios,
    OrderScenarios,
    CorrectionScenarios,
    CompanyScenarios,
    UsageScenarios,
    UsageFactory,
    ScenarioCase,
):
    """All scenarios, on one company set up once."""

    allow_inherited_tests_method = True
    day = DAY

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.product = cls.service  # of the usage factory
