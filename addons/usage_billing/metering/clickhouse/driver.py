"""What the store asks of ClickHouse, and how a driver is found."""

import os
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import parse_qs, unquote, urlsplit

from ..errors import StoreError

#: First version with 256-bit numbers and dictionary-coded columns by default.
MODERN = (21, 8)


class StoreUnavailable(StoreError):
    """ClickHouse cannot be asked now; the same call may work later."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows that travel with a query and are gone after it.

    columns: (name, ClickHouse type)
    """

    name: str
    columns: Sequence[tuple[str, str]]
    rows: list = field(default_factory=list)


class Driver(Protocol):
    """One connection. Not shared between threads or processes.

    Values are int, str, Decimal, None, and lists of str; no float.
    """

    modern: bool

    def query(self, sql: str, tables: Iterable[Table] = ()) -> list[tuple]:
        """Rows of a SELECT.

        :raise StoreUnavailable: no answer
        :raise StoreError: "clickhouse", the server refused
        """

    def execute(self, sql: str) -> None:
        """Run a statement without an answer."""

    def insert(
        self,
        table: str,
        columns: Sequence[tuple[str, str]],
        rows: list,
        token: str = "",
    ) -> None:
        """Insert rows as one block.

        :param token: a block sent again under the same token is not stored again, as
            far back as the server remembers
        """

    def close(self) -> None:
        """End the connection."""


_cache = threading.local()


def connect(url, password="", directory=None):
    """The driver of this thread for an address, made when there is none.

    :param str url: ``chdb:`` for the embedded engine with its data in ``directory``,
        ``chdb:///path`` with its data elsewhere, or
        ``clickhouse://user@host:9000/database?secure=1``
    :param str password: of the server's user
    :rtype: Driver
    :raise StoreError: "store_address", the address cannot be understood
    """
    key = (os.getpid(), url, password, directory)
    found = getattr(_cache, "entry", None)
    if found and found[0] == key:
        return found[1]
    driver = _open(url, password, directory)
    if found and found[0][0] == key[0]:
        found[1].close()
    _cache.entry = (key, driver)
    return driver


def _open(url, password, directory):
    parts = urlsplit(url or "")
    if parts.scheme == "chdb":
        from .embedded import EmbeddedDriver

        folder = unquote(parts.path)
        # A folder beside wherever a process was started would be another one for the
        # next process, and empty.
        if parts.netloc or folder and not os.path.isabs(folder):
            raise StoreError("store_address", address=url)
        return EmbeddedDriver(folder or directory)
    if parts.scheme == "clickhouse" and parts.hostname:
        from .server import ServerDriver

        options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        secure = options.pop("secure", "0") not in ("0", "", "false")
        if options:
            raise StoreError("store_address", address=_shown(parts))
        return ServerDriver(
            host=parts.hostname,
            port=_port(parts) or (9440 if secure else 9000),
            user=unquote(parts.username or "default"),
            password=password or unquote(parts.password or ""),
            database=parts.path.strip("/") or "default",
            secure=secure,
        )
    raise StoreError("store_address", address=_shown(parts))


def _port(parts):
    """Port of an address, None where it names none."""
    try:
        return parts.port
    except ValueError as error:
        raise StoreError("store_address", address=_shown(parts)) from error


def _shown(parts):
    """An address as it may be shown: without a password."""
    return f"{parts.scheme}://{parts.hostname or ''}{parts.path}"


def text(value):
    """A text as a literal of SQL."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'").replace("\0", "\\0")
    return f"'{escaped}'"


def texts(values):
    """Texts as an array literal."""
    return f"[{', '.join(map(text, values))}]"


def numbers(values):
    """Integers as the inside of a list."""
    return ", ".join(str(int(value)) for value in values)
