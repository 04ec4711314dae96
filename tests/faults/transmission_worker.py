"""Exchanges in a process of its own: ``transmission_worker.py CONFIG DB LATER TIMES``.

Does what the scheduled action does, committing where it commits, so that the test may
kill it at any instant.
"""

import sys
from datetime import timedelta

# between two exchanges of one process, so that whatever waits is due
STEP_S = 1000


def main(config, database, later_s, times="1"):
    """Exchange some times with every platform, some seconds later than it is."""
    import odoo.cli  # noqa: F401  (makes the namespace package complete)
    from odoo import SUPERUSER_ID, api, fields
    from odoo.modules.registry import Registry
    from odoo.tools import config as settings

    settings.parse_config(["-c", config, "-d", database], setup_logging=True)
    with Registry(database).cursor() as cr:
        env = api.Environment(cr, SUPERUSER_ID, {})
        for number in range(int(times)):
            later = timedelta(seconds=int(later_s) + number * STEP_S)
            for platform in env["fr.platform"].search([]):
                platform._exchange(fields.Datetime.now() + later, cr.commit)


if __name__ == "__main__":
    main(*sys.argv[1:])
