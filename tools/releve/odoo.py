"""Starting Odoo: configuration files and the console script."""

import os
import string
import subprocess
from dataclasses import dataclass
from pathlib import Path

from . import paths, safe, settings
from .odoo_source import Source
from .postgres import Server, free_port
from .ui import run, run_showing_modules


def suite_addons():
    """Names of the suite's add-ons that exist in this clone, in the order of
    config/addons.txt.
    """
    lines = (paths.CONFIG / "addons.txt").read_text().splitlines()
    names = [
        line.strip() for line in lines if line.strip() and not line.startswith("#")
    ]
    return [
        name for name in names if (paths.ADDONS / name / "__manifest__.py").exists()
    ]


@dataclass(frozen=True)
class Odoo:
    """One Odoo on one server: everything needed to run its commands.

    data: folder of the file stores, one per cluster because databases of two clusters
        may share a name
    """

    environment: Path
    source: Source
    server: Server
    data: Path

    @property
    def python(self):
        return self.environment / "bin" / "python"

    @property
    def script(self):
        return self.environment / "bin" / "odoo"

    def filestore(self, database):
        return self.data / "filestore" / database

    def configuration(
        self, database, *, http_port=None, workers=0, cron=0, log_level="warn"
    ):
        """Write the configuration file for one database and return its path."""
        http_port = http_port or free_port()
        self.data.mkdir(parents=True, exist_ok=True)
        folders = [
            folder for folder in (paths.ADDONS, *self.source.addons) if folder.is_dir()
        ]
        values = {
            "addons_path": ",".join(str(folder) for folder in folders),
            "data_dir": self.data,
            "db_host": self.server.host,
            "db_port": self.server.port,
            "db_user": self.server.user,
            "db_password": self.server.password(),
            "db_name": database,
            "http_port": http_port,
            "gevent_port": settings.get("odoo", "gevent_port", "RELEVE_GEVENT_PORT")
            or free_port(),
            "workers": workers,
            "max_cron_threads": cron,
            "log_level": log_level,
        }
        template = string.Template((paths.CONFIG / "odoo.conf").read_text())
        target = self.data / f"{database}.conf"
        safe.write(target, template.substitute(values), 0o600)
        return target

    def variables(self):
        """Environment of Odoo's processes."""
        found = self.server.environment()
        found.pop("PGDATABASE")
        found["PYTHONPATH"] = ""
        found["RELEVE_SHARED"] = os.environ.get(
            "RELEVE_SHARED", str(paths.ROOT.parent / "shared")
        )
        return found

    def shell(self, database, **conf):
        """Open Odoo's interactive shell."""
        config = self.configuration(database, **conf)
        run(
            [self.script, "shell", "-c", config, "-d", database, "--no-http"],
            env=self.variables(),
            cwd=paths.ROOT,
        )

    def install(self, database, addons, *, update=False):
        """Install or update add-ons and stop."""
        flag = "-u" if update else "-i"
        verb = "Updating" if update else "Installing"
        problem = f"{verb} {', '.join(addons)} failed; Odoo's log is above"
        config = self.configuration(database)
        run_showing_modules(
            [
                *[self.script, "-c", config, "-d", database, flag, ",".join(addons)],
                *["--stop-after-init", "--no-http"],
                "--log-handler=odoo.modules.loading:INFO",
            ],
            problem=problem,
            env=self.variables(),
            cwd=paths.ROOT,
        )

    def verify(self, database, *arguments):
        """Run ``odoo usage_verify`` on a database.

        :return: whether it found no difference
        """
        command = [
            self.script,
            f"--addons-path={paths.ADDONS}",
            "usage_verify",
            "-c",
            self.configuration(database),
            "-d",
            database,
            *arguments,
        ]
        done = subprocess.run(
            [str(part) for part in command],
            env=self.variables(),
            cwd=paths.ROOT,
            check=False,
        )
        return done.returncode == 0

    def script_in(self, database, script, *arguments, **options):
        """Run a Python file inside an Odoo environment, committing at its end.

        The file finds ``env`` (superuser, language of the first user) and ``arguments``
        as globals.
        """
        config = self.configuration(database, **options)
        inside = Path(__file__).with_name("inside.py")
        run(
            [self.python, inside, config, database, script, *arguments],
            env=self.variables(),
            cwd=paths.ROOT,
            problem=f"{Path(script).name} failed",
        )
