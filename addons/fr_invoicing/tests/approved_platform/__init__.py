# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""An approved platform to try things out on: it listens on loopback and forgets.

It speaks the flow and directory services of XP Z12-013. Where the official OpenAPI
files are found (RELEVE_SHARED, or --openapi), routes, requests and its own answers are
taken from and checked with them; else a small table of the same routes serves.

It behaves like platforms do: tokens end, acknowledgements come later, invoices live a
life of statuses, and anything may be slow, limited, broken or down (see `faults`). Its
clock is its own and can be moved by days.

Nothing here imports Odoo or the add-on: it is the other side, written apart.

    platform = ApprovedPlatform()
    platform.start()
    ... platform.url, platform.client_id, platform.client_secret ...
    platform.stop()
"""

from .server import ApprovedPlatform

__all__ = ["ApprovedPlatform"]
