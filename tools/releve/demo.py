"""``make demo``: a database with the suite, the main job on sample or given usage, and
a served Odoo."""

import os
from pathlib import Path

from . import databases, paths, settings
from .odoo import suite_addons
from .postgres import port_is_free
from .ui import Failure, say, step

JOB = Path(__file__).with_name("demo_job.py")


def run(odoo_of, options):
    """Prepare, run the main job, and serve unless told not to.

    :param odoo_of: function that sets everything up and returns the Odoo
    :param options: usage, mapping, serve, port, workers
    """
    port = options.port or int(settings.get("odoo", "port", "RELEVE_PORT", "8069"))
    files = [_file(options.usage), _file(options.mapping)]
    if options.serve:
        require_port(port)
    odoo = odoo_of()
    name = _database(files)
    _ready(odoo, name)
    odoo.script_in(name, JOB, *files, http_port=port)
    if options.serve:
        serve(odoo, name, port, options.workers)


def _file(text):
    """Absolute path of a file the user named, or an empty text."""
    if not text:
        return ""
    path = Path(text).expanduser().resolve()
    if not path.is_file():
        raise Failure(f"There is no file {path}.")
    return str(path)


def _database(files):
    """One database for the sample, one for each given file: they never mix."""
    if not any(files):
        return "demo"
    return f"demo_{paths.digest(*[Path(name) if name else '' for name in files])}"


def require_port(port):
    """Stop early when the port is taken: the work before serving takes minutes.

    :raise Failure: says how to choose another port
    """
    if not port_is_free(port):
        raise Failure(
            f"Port {port} is taken by another program. Choose another one, such as "
            f"make demo PORT={_next_free(port)}"
        )


def _next_free(port):
    while port < 65535 and not port_is_free(port):
        port += 1
    return port


def _ready(odoo, name):
    """Make the database, or bring an older one to the present state of the add-ons.

    The state it was brought to is kept as the database's comment, which copies of
    the database do not inherit.
    """
    key = databases.suite_key(odoo, suite_addons())
    if not databases.exists(odoo, name):
        with step(f"Database {name}"):
            databases.copy(odoo, databases.suite_template(odoo), name)
    elif databases.comment(odoo, name) != key:
        with step(f"Updating the database {name}: the add-ons changed"):
            odoo.install(name, suite_addons(), update=True)
    databases.set_comment(odoo, name, key)


def serve(odoo, name, port, workers):
    """Replace this process with Odoo."""
    config = odoo.configuration(
        name, http_port=port, workers=workers, cron=1, log_level="warn"
    )
    say(f"\nOdoo is served on http://localhost:{port} (Ctrl-C stops it)")
    os.chdir(paths.ROOT)
    script = str(odoo.script)
    os.execve(script, [script, "-c", str(config)], odoo.variables())
