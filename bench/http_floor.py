"""The floor of ``ingest_http``: a bare WSGI application that stores events.

Nothing but werkzeug with threads, the standard library's ``json`` and psycopg2: parse,
text COPY into a temporary table, insert what is new, commit. No key, no customer, no
meter, no period, no sums, no quarantine; two of its uses end in the same rows though.

    http_floor.py PORT DSN
"""

import io
import json
import sys
import threading

import psycopg2
from werkzeug.serving import WSGIRequestHandler, run_simple

TABLE = (
    "id text, type text, subject text, time timestamp, value numeric, properties jsonb"
)
local = threading.local()
pool = []
lock = threading.Lock()


class Quiet(WSGIRequestHandler):
    def log(self, *_arguments):
        """Say nothing: what is measured is the work."""


def connection(dsn):
    """A connection with its staging table, kept from request to request."""
    with lock:
        if pool:
            return pool.pop()
    found = psycopg2.connect(dsn)
    with found.cursor() as cursor:
        cursor.execute(f"CREATE TEMP TABLE staged ({TABLE}) ON COMMIT DELETE ROWS")
    found.commit()
    return found


def escape(text):
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")


def application(dsn):
    def serve(environ, start_response):
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        events = json.loads(body)["events"]
        text = "".join(
            f"{escape(event['id'])}\t{escape(event['type'])}\t"
            f"{escape(event['subject'])}\t{event['time']}\t{event['value']}\t"
            f"{escape(json.dumps(event['properties']))}\n"
            for event in events
        )
        conn = connection(dsn)
        with conn.cursor() as cursor:
            cursor.copy_expert("COPY staged FROM STDIN", io.StringIO(text))
            cursor.execute(
                "INSERT INTO bench_floor SELECT * FROM staged ON CONFLICT DO NOTHING"
            )
            count = cursor.rowcount
        conn.commit()
        with lock:
            pool.append(conn)
        answer = json.dumps({"accepted": count}).encode()
        start_response("202 Accepted", [("Content-Type", "application/json")])
        return [answer]

    return serve


if __name__ == "__main__":
    _script, port, dsn = sys.argv
    run_simple(
        "127.0.0.1", int(port), application(dsn), threaded=True, request_handler=Quiet
    )
