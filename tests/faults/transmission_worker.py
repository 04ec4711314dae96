"""One scheduled exchange in a process of its own: ``transmission_worker.py CONFIG DB``.

Does what the scheduled action does, committing where it commits, so that the test may
kill it at any instant.
"""

import sys
from datetime import timedelta


def main(config, database, later_s):
    """Exchange once with every platform, some seconds later than it is."""
    import odoo.cli  # noqa: F401  (makes the namespace package complete)
    from odoo import SUPERUSER_ID, api, fields
    from odoo.modules.registry import Registry
    from odoo.tools import config as settings

    settings.parse_config(["-c", config, "-d", database], setup_logging=True)
    with Registry(database).cursor() as cr:
        env = api.Environment(cr, SUPERUSER_ID, {})
        now = fields.Datetime.now() + timedelta(seconds=int(later_s))
        for platform in env["fr.platform"].search([]):
            platform._exchange(now, cr.commit)


if __name__ == "__main__":
    main(*sys.argv[1:])
