"""The embedded engine: talks to the one process that owns the chDB directory.

See :mod:`.chdb_worker`. Every process and thread of Odoo has a connection of its own;
the first one starts the worker, under a lock, and so does the next one after a crash.
"""

import contextlib
import fcntl
import importlib.util
import json
import os
import socket
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

from ..errors import StoreError
from .driver import StoreUnavailable

WORKER = Path(__file__).with_name("chdb_worker.py")
AGAIN_SECONDS = 2
_ESCAPES = str.maketrans(
    {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": "\\0"}
)
_QUOTED = _ESCAPES | {ord("'"): "\\'"}


class EmbeddedDriver:
    """:class:`~.driver.Driver` on chDB.

    :param str directory: where the data lies; made when it is missing
    """

    modern = True

    def __init__(self, directory):
        self.directory = str(directory)
        self._socket = self._incoming = None

    def query(self, sql, tables=()):
        body = self._ask(sql=sql, rows=True, tables=tables)
        if not body:
            return []
        answer = json.loads(body)
        columns = []
        for column in answer["meta"]:
            found = answer["data"].get(column["name"], [])
            reader = _reader(column["type"])
            if reader is not None:
                found = [None if cell is None else reader(cell) for cell in found]
            columns.append(found)
        return list(zip(*columns, strict=True))

    def execute(self, sql):
        self._ask(sql=sql)

    def insert(self, table, columns, rows, token=""):
        if not rows:
            return
        names = ", ".join(name for name, _type in columns)
        settings = f" SETTINGS insert_deduplication_token = '{token}'" if token else ""
        self._ask(insert=(f"INSERT INTO {table} ({names}){settings}", encode(rows)))

    def close(self):
        if self._socket:
            self._incoming.close()
            self._socket.close()
            self._socket = self._incoming = None

    # -- the wire ----------------------------------------------------------------------

    def _ask(self, sql="", rows=False, tables=(), insert=None):
        """One request and its answer."""
        parts = [encode(table.rows) for table in tables]
        head = {
            "sql": sql,
            "rows": rows,
            "tables": [
                [table.name, _structure(table.columns), len(part)]
                for table, part in zip(tables, parts, strict=True)
            ],
            "insert": insert and [insert[0], len(insert[1])],
        }
        if insert:
            parts.append(insert[1])
        head = json.dumps(head).encode()
        message = b"".join((len(head).to_bytes(4, "big"), head, *parts))
        end = time.monotonic() + AGAIN_SECONDS
        while True:
            if self._socket is None:
                self._connect()
            try:
                return self._exchange(message)
            except (OSError, EOFError) as error:
                self.close()
                # A worker that rested has gone, and one that is dying still takes
                # calls for a moment; a question may be asked again, rows may not.
                if insert or time.monotonic() > end:
                    raise StoreUnavailable(
                        "clickhouse_away", detail=str(error)
                    ) from error
                time.sleep(0.02)

    def _exchange(self, message):
        self._socket.sendall(message)
        size = self._incoming.read(4)
        if len(size) < 4:
            raise EOFError("the chDB process ended")
        answer = json.loads(self._read(int.from_bytes(size, "big")))
        if "error" in answer:
            raise StoreError("clickhouse", detail=answer["error"])
        return self._read(answer["size"])

    def _read(self, size):
        data = self._incoming.read(size)
        if len(data) < size:
            raise EOFError("the chDB process ended")
        return data

    # -- the process -------------------------------------------------------------------

    def _connect(self):
        os.makedirs(self.directory, mode=0o700, exist_ok=True)
        if self._dial():
            return
        with open(os.path.join(self.directory, "lock"), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if self._dial():
                return
            self._start()
            if not self._dial():
                raise StoreUnavailable("clickhouse_away", detail="chDB does not answer")

    def _dial(self):
        """Connect to a worker that is there.

        The path of a socket may have 107 bytes; through the file descriptor of its
        directory it always fits.
        """
        folder = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            dialled = socket.socket(socket.AF_UNIX)
            try:
                dialled.connect(f"/proc/self/fd/{folder}/s")
            except OSError:
                dialled.close()
                return False
        finally:
            os.close(folder)
        self._socket, self._incoming = dialled, dialled.makefile("rb")
        return True

    def _start(self):
        if importlib.util.find_spec("chdb") is None:
            raise StoreError("no_chdb")
        with open(os.path.join(self.directory, "log"), "ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-I", str(WORKER), self.directory],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
                close_fds=True,
            )
        with process.stdout as answer:
            if answer.readline().strip() != b"ready":
                raise StoreUnavailable(
                    "clickhouse_away",
                    detail=f"chDB did not start, see {self.directory}/log",
                )

    def stop(self, seconds=10):
        """End the worker and wait for it (tests, and before the data is moved)."""
        self.close()
        with contextlib.suppress(FileNotFoundError, ProcessLookupError, ValueError):
            pid = int(Path(self.directory, "pid").read_text())
            if str(WORKER).encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(pid, 15)
            end = time.monotonic() + seconds
            while Path(f"/proc/{pid}").exists() and time.monotonic() < end:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)
                time.sleep(0.02)


def _reader(type_name):
    """Function that makes the value of a JSON cell; None when it is one already."""
    if "Decimal" in type_name:
        return Decimal
    if "Int128" in type_name or "Int256" in type_name:
        return int
    return None


def _structure(columns):
    return ", ".join(f"{name} {kind}" for name, kind in columns)


def encode(rows):
    """Rows as TSV: integers, texts, Decimals, None and lists of texts."""
    lines = []
    for row in rows:
        lines.append("\t".join([_cell(value) for value in row]))
    lines.append("")
    return "\n".join(lines).encode() if rows else b""


def _cell(value):
    if value is None:
        return "\\N"
    if value.__class__ is str:
        return value.translate(_ESCAPES) if _is_special(value) else value
    if value.__class__ is Decimal:
        return format(value, "f")
    if value.__class__ is list:
        return f"[{','.join([_item(item) for item in value])}]"
    return str(value)


def _is_special(value):
    return (
        "\\" in value
        or "\t" in value
        or "\n" in value
        or "\r" in value
        or ("\0" in value)
    )


def _item(value):
    """A text inside an array."""
    return f"'{value.translate(_QUOTED)}'"
