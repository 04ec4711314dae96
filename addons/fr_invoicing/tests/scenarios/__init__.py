# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Invoices played from their creation in Odoo to the bytes that leave.

Written from the law and the norms, not from the code: the XML is read, added up and
compared with ledger and page by programs of this folder alone.
"""

from . import test_scenario_agreement
from . import test_scenario_bad_data
from . import test_scenarios
