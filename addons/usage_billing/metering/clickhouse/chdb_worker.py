"""The process that owns a chDB directory: ``python chdb_worker.py DIRECTORY``.

chDB is one engine per process, with one directory, and does not survive a fork; Odoo
forks and has many processes. So one process of its own opens the directory and answers
on the Unix socket ``s`` inside it, one request at a time. It imports nothing of ours,
and goes away when nobody was connected for IDLE seconds.

A request is a length (4 bytes, big-endian), a JSON head of that length, and the bytes
that the head announces; so is an answer.

    {"sql": ..., "rows": bool, "tables": [[name, structure, size]...],
     "insert": [statement, size] or null}
    {"size": ...} or {"error": ...}
"""

import contextlib
import json
import os
import signal
import socket
import sys
import threading
import time

IDLE = 900
FORMAT = "JSONColumnsWithMetadata"
SETTINGS = (
    "SET output_format_json_quote_64bit_integers = 0,"
    " output_format_json_quote_decimals = 1,"
    " max_query_size = 1073741824, max_ast_elements = 100000000,"
    " max_expanded_ast_elements = 100000000"
)


class Worker:
    """The engine and its socket."""

    def __init__(self, directory):
        from chdb.session import Session

        os.umask(0o077)
        os.chdir(directory)
        self.session = Session(os.path.join(directory, "data"))
        self.session.query(SETTINGS)
        self.lock = threading.Lock()
        self.connected = 0
        self.last = time.monotonic()
        with contextlib.suppress(FileNotFoundError):
            os.unlink("s")
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind("s")
        self.listener.listen(64)
        with open("pid", "w") as file:
            file.write(str(os.getpid()))

    def serve(self):
        self.listener.settimeout(5)
        while self.connected or time.monotonic() - self.last < IDLE:
            try:
                connection, _ = self.listener.accept()
            except TimeoutError:
                continue
            self.connected += 1
            threading.Thread(
                target=self.converse, args=(connection,), daemon=True
            ).start()

    def converse(self, connection):
        connection.settimeout(None)
        try:
            # an OSError: the other side is gone
            with (
                contextlib.suppress(OSError),
                connection,
                connection.makefile("rb") as incoming,
            ):
                while head := incoming.read(4):
                    request = json.loads(incoming.read(int.from_bytes(head, "big")))
                    sizes = [entry[-1] for entry in request["tables"]]
                    if request["insert"]:
                        sizes.append(request["insert"][1])
                    parts = [incoming.read(size) for size in sizes]
                    connection.sendall(self.answer(request, parts))
        finally:
            self.connected -= 1
            self.last = time.monotonic()

    def answer(self, request, parts):
        try:
            with self.lock:
                body = self.work(request, parts)
            head = {"size": len(body)}
        except Exception as error:
            body, head = b"", {"error": str(error)[:4000]}
        head = json.dumps(head).encode()
        return len(head).to_bytes(4, "big") + head + body

    def work(self, request, parts):
        made = []
        try:
            for (name, structure, _size), data in zip(
                request["tables"], parts, strict=False
            ):
                self.session.query(f"DROP TABLE IF EXISTS {name}")
                self.session.query(
                    f"CREATE TEMPORARY TABLE {name} ({structure}) ENGINE = Memory"
                )
                made.append(name)
                self.insert(f"INSERT INTO {name}", data)
            if request["insert"]:
                self.insert(request["insert"][0], parts[-1])
                return b""
            if request["rows"]:
                return self.session.query(request["sql"], FORMAT).bytes() or b""
            self.session.query(request["sql"])
            return b""
        finally:
            for name in made:
                self.session.query(f"DROP TABLE IF EXISTS {name}")

    def insert(self, statement, data):
        if not data:
            return
        stream = self.session.send_insert(statement, "TSV")
        try:
            stream.append(data)
            stream.finish()
        finally:
            stream.close()


def main():
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is meant for the server
    worker = Worker(os.path.abspath(sys.argv[1]))
    print("ready", flush=True)  # pylint: disable=print-used
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    worker.serve()
    with contextlib.suppress(FileNotFoundError):
        os.unlink("s")
    worker.session.close()


if __name__ == "__main__":
    main()
