"""A ClickHouse server, by clickhouse-driver and the native protocol."""

from ..errors import StoreError
from .driver import MODERN, StoreUnavailable

CONNECT_SECONDS = 10
ANSWER_SECONDS = 300
SETTINGS = {"max_query_size": 1 << 30, "max_ast_elements": 100_000_000}


class ServerDriver:
    """:class:`~.driver.Driver` on a server or a cluster's node."""

    def __init__(self, host, port, user, password, database, secure=False):
        try:
            from clickhouse_driver import Client, errors
        except ImportError as error:
            raise StoreError("no_clickhouse_driver") from error
        self._errors = errors
        self._client = Client(
            host,
            port=port,
            user=user,
            password=password,
            database=database,
            secure=secure,
            connect_timeout=CONNECT_SECONDS,
            send_receive_timeout=ANSWER_SECONDS,
            settings=SETTINGS,
        )
        self._modern = None

    @property
    def modern(self):
        """Whether the server knows 256-bit numbers."""
        if self._modern is None:
            ((version,),) = self.query("SELECT version()")
            self._modern = tuple(map(int, version.split(".")[:2])) >= MODERN
        return self._modern

    def query(self, sql, tables=()):
        return self._do(
            sql,
            external_tables=[
                {
                    "name": table.name,
                    "structure": list(table.columns),
                    "data": [
                        dict(zip((name for name, _ in table.columns), row, strict=True))
                        for row in table.rows
                    ],
                }
                for table in tables
            ]
            or None,
        )

    def execute(self, sql):
        self._do(sql)

    def insert(self, table, columns, rows, token=""):
        if not rows:
            return
        names = ", ".join(name for name, _type in columns)
        settings = {}
        if token and self.modern:
            settings["insert_deduplication_token"] = token
        self._do(f"INSERT INTO {table} ({names}) VALUES", rows, settings=settings)

    def close(self):
        self._client.disconnect()

    def _do(self, sql, *arguments, **options):
        try:
            return self._client.execute(sql, *arguments, **options)
        except self._errors.ServerException as error:
            detail = str(error).split("Stack trace", 1)[0].strip()
            raise StoreError("clickhouse", detail=detail) from error
        except (self._errors.Error, OSError, EOFError) as error:
            self._client.disconnect()
            raise StoreUnavailable("clickhouse_away", detail=str(error)) from error
