"""Run a Python file inside an Odoo environment: ``inside.py CONFIG DATABASE FILE
[ARGUMENT...]``.

Runs with the suite's interpreter. The file is executed with the globals ``env`` (an
environment of the superuser) and ``arguments`` (list of text); what it wrote is
committed when it ends without an exception.
"""

import runpy
import sys


def main(config, database, script, *arguments):
    import odoo.cli  # noqa: F401  (makes the namespace package complete)
    from odoo import SUPERUSER_ID, api
    from odoo.modules.registry import Registry
    from odoo.tools import config as settings

    settings.parse_config(["-c", config, "-d", database], setup_logging=True)
    registry = Registry(database)
    with registry.cursor() as cr:
        env = api.Environment(cr, SUPERUSER_ID, {})
        runpy.run_path(
            script,
            init_globals={"env": env, "arguments": list(arguments)},
            run_name="__main__",
        )
    registry.signal_changes()  # servers that run forget what the script changed


if __name__ == "__main__":
    sys.path.pop(0)  # the folder of this file: its names must not hide others
    main(*sys.argv[1:])
