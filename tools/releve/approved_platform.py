"""``platform``: an approved platform on this machine, for trying out transmission."""

import os
import sys

from . import paths

FOLDER = paths.ROOT / "addons" / "fr_invoicing" / "tests"


def run(python, options):
    """Serve until interrupted.

    :param python: interpreter with the suite's packages
    :param options: port, life
    """
    arguments = ["--port", str(options.port), "--life", options.life]
    environment = {**os.environ, "PYTHONPATH": str(FOLDER)}
    environment.setdefault("RELEVE_SHARED", str(paths.ROOT.parent / "shared"))
    sys.stdout.flush()
    os.execve(
        str(python),
        [str(python), "-P", "-m", "approved_platform", *arguments],
        environment,
    )
