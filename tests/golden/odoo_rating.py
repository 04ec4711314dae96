# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Plays rating cases on a database, as a billing manager would.

The door for the runner. The story of a case is in :mod:`odoo_story`, the kinds in
:mod:`odoo_prices`, :mod:`odoo_documents` and :mod:`odoo_metering`.
"""

from odoo_charges import charge_vals
from odoo_story import (
    UNITS,
    ZERO,
    Bill,
    Session,
    Story,
    after,
    open_session,
    result,
)

__all__ = [
    "UNITS",
    "ZERO",
    "Bill",
    "Session",
    "Story",
    "after",
    "charge_vals",
    "open_session",
    "result",
]
