# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""The platform behind HTTP, on loopback."""

import base64
import json
import threading
import time
from email.parser import BytesParser
from email.policy import HTTP
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

from . import faults
from .openapi import Description
from .store import Store

LIMIT = 100 * 1024 * 1024
SERVICES = {"/flow-service": "flow", "/directory-service": "directory"}


class Refusal(Exception):
    """An answer that is an error: status, errorCode, errorMessage."""

    def __init__(self, status, code, text="", retry_after=0):
        super().__init__(code)
        self.status, self.code, self.text = status, code, text
        self.retry_after = retry_after


class HangUp(Exception):
    """End the connection without an answer."""


class ApprovedPlatform:
    """A platform on a port of its own.

    :param int port: 0 takes a free one
    :param openapi: folder of the official files, when not where they usually are
    """

    client_id, client_secret = "releve", "a-secret-for-tests"

    def __init__(self, port=0, openapi=None):
        self.store = Store()
        self.description = Description(openapi)
        handler = type("Handler", (_Handler,), {"platform": self})
        self._http = ThreadingHTTPServer(("127.0.0.1", port), handler)
        self._http.daemon_threads = True
        self._thread = None
        self.own_mistakes = []

    @property
    def url(self):
        """Give the address, without a slash at the end."""
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    @property
    def flow_url(self):
        """Give the base URL of the flow service."""
        return f"{self.url}/flow-service"

    @property
    def directory_url(self):
        """Give the base URL of the directory service."""
        return f"{self.url}/directory-service"

    @property
    def token_url(self):
        """Give the URL tokens come from."""
        return f"{self.url}/oauth2/token"

    @property
    def clock(self):
        """Give the platform's clock."""
        return self.store.clock

    @property
    def faults(self):
        """Give what goes wrong."""
        return self.store.faults

    def start(self):
        """Listen in a thread."""
        self._thread = threading.Thread(target=self._http.serve_forever, daemon=True)
        self._thread.start()
        return self

    def serve(self):
        """Listen until interrupted."""
        self._http.serve_forever()

    def stop(self):
        """Stop listening."""
        self._http.shutdown()
        self._http.server_close()
        if self._thread:
            self._thread.join(timeout=5)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_error):
        self.stop()


class _Handler(BaseHTTPRequestHandler):
    platform = None
    protocol_version = "HTTP/1.1"

    def log_message(self, *_arguments):
        """Say nothing: the one who looks on reads the page or the list of requests."""

    def do_GET(self):  # noqa: N802
        self._serve()

    def do_POST(self):  # noqa: N802
        self._serve()

    def do_DELETE(self):  # noqa: N802
        self._serve()

    # === One request === #

    def _serve(self):
        store = self.platform.store
        length = int(self.headers.get("Content-Length") or 0)
        if length > LIMIT:
            self._answer_json(413, {"errorCode": "FILE_SIZE_EXCEEDED"})
            return
        body = self.rfile.read(length) if length else b""
        store.tick()
        parts = urlsplit(self.path)
        try:
            if parts.path.startswith("/control"):
                self._answer_json(200, control(self.platform, json.loads(body or "{}")))
            elif parts.path == "/":
                self._answer(200, "text/html; charset=utf-8", page(self.platform))
            else:
                self._serve_api(parts, body)
        except HangUp:
            self.close_connection = True
        except Refusal as refusal:
            headers = (
                {"Retry-After": str(refusal.retry_after)} if refusal.retry_after else {}
            )
            self._answer_json(
                refusal.status,
                {"errorCode": refusal.code, "errorMessage": refusal.text},
                headers,
            )
        except (KeyError, ValueError, TypeError) as error:
            self._answer_json(
                400, {"errorCode": "INVALID_REQUEST", "errorMessage": repr(error)}
            )

    def _serve_api(self, parts, body):
        store = self.platform.store
        if store.faults.is_down():
            if store.faults.is_unreachable:
                raise HangUp
            raise Refusal(503, "RESOURCE_ERROR", "down")
        if parts.path == "/oauth2/token":
            self._guarded("token", lambda: self._token(body))
            return
        prefix = "/" + parts.path.lstrip("/").partition("/")[0]
        service = SERVICES.get(prefix)
        path = unquote(parts.path[len(prefix) :])
        found = service and self.platform.description.match(service, self.command, path)
        if not found:
            raise Refusal(404, "MISSING_RESOURCE", parts.path)
        operation, arguments = found
        if store.faults.is_limited():
            raise Refusal(429, "TOO_MANY_REQUESTS", retry_after=store.faults.window_s)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        self._guarded(
            operation,
            lambda: self._operate(service, operation, arguments, query, body),
        )

    def _guarded(self, operation, work):
        """Do something, unless a fault is waiting for it."""
        fault = self.platform.store.faults.take(operation)
        kind = fault.kind if fault else ""
        if kind == faults.DROP:
            raise HangUp
        if kind == faults.STATUS:
            raise Refusal(
                fault.status, "FAULT", "asked for", retry_after=fault.retry_after
            )
        if kind == faults.DELAY:
            time.sleep(fault.seconds)
        if kind == faults.DOUBLE:
            work()
        status, content, mime = work()
        if kind == faults.CALL:
            fault.hook()
        if kind in (faults.LOST, faults.CALL):
            raise HangUp
        if kind == faults.FAIL_AFTER:
            raise Refusal(500, "INTERNAL_ERROR")
        if kind == faults.GARBAGE:
            status, content, mime = 202, b"<html>Proxy</html>", "text/html"
        self._answer(status, mime, content)

    # === Operations === #

    def _token(self, body):
        given = {key: value[0] for key, value in parse_qs(body.decode()).items()}
        basic = self.headers.get("Authorization", "")
        if basic.startswith("Basic "):
            user, _colon, secret = base64.b64decode(basic[6:]).decode().partition(":")
        else:
            user, secret = given.get("client_id"), given.get("client_secret")
        if given.get("grant_type") != "client_credentials":
            raise Refusal(400, "unsupported_grant_type")
        expected = (self.platform.client_id, self.platform.client_secret)
        if (user, secret) != expected:
            raise Refusal(401, "invalid_client")
        token, seconds = self.platform.store.new_token()
        answer = {"access_token": token, "token_type": "Bearer", "expires_in": seconds}
        return 200, json.dumps(answer).encode(), "application/json"

    def _operate(self, service, operation, arguments, query, body):
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        if operation != "getHealth" and not self.platform.store.is_signed_in(token):
            raise Refusal(401, "MISSING_TOKEN")
        request = (operation, self.headers.get("Request-Id") or "")
        self.platform.store.requests.append(request)
        work = getattr(self, f"_op_{operation}", None)
        if not work:
            raise Refusal(501, "NOT_IMPLEMENTED", operation)
        status, answer, mime = work(service, arguments, query, body)
        if mime == "application/json":
            self.platform.own_mistakes += self.platform.description.answer_problems(
                service, operation, status, answer
            )
            return status, json.dumps(answer).encode(), mime
        return status, answer, mime

    def _checked(self, service, operation, body):
        data = json.loads(body)
        problems = self.platform.description.request_problems(service, operation, data)
        if problems:
            raise Refusal(400, "MISSING_REQUIRED_FIELD", "; ".join(problems)[:500])
        return data

    def _op_getHealth(self, *_nothing):  # noqa: N802
        return 200, b"", "text/plain"

    def _op_createFlow(self, service, _arguments, _query, body):  # noqa: N802
        parts = _multipart(self.headers.get("Content-Type", ""), body)
        if not {"flowInfo", "file"} <= parts.keys():
            raise Refusal(400, "MISSING_REQUIRED_FIELD", "flowInfo, file")
        info = self._checked(service, "createFlow", parts["flowInfo"])
        flow = self.platform.store.take(info, parts["file"])
        answer = flow.info()
        for name in ("acknowledgement", "flowDirection", "flowType", "updatedAt"):
            del answer[name]
        return 202, answer, "application/json"

    def _op_searchFlows(self, service, _arguments, _query, body):  # noqa: N802
        data = self._checked(service, "searchFlows", body)
        if not data["where"]:
            raise Refusal(400, "MISSING_REQUIRED_FIELD", "where")
        with self.platform.store.lock:
            return 200, self.platform.store.search(data), "application/json"

    def _op_getFlow(self, _service, arguments, query, _body):  # noqa: N802
        flow = self.platform.store.flows.get(arguments["flowId"])
        if not flow:
            raise Refusal(404, "MISSING_RESOURCE", arguments["flowId"])
        if query.get("docType", "Metadata") == "Metadata":
            return 200, flow.info(), "application/json"
        return 200, flow.content, "application/octet-stream"

    def _op_listWebhooks(self, *_nothing):  # noqa: N802
        known = self.platform.store.bell.subscribers
        answer = {
            "count": len(known),
            "webhookIds": list(known),
            "webhooks": list(known.values()),
        }
        return 200, answer, "application/json"

    def _op_createWebhook(self, service, _arguments, _query, body):  # noqa: N802
        params = self._checked(service, "createWebhook", body)
        answer = self.platform.store.bell.subscribe(params)
        return 201, answer, "application/json"

    def _op_deleteWebhook(self, _service, arguments, _query, _body):  # noqa: N802
        known = self.platform.store.bell.subscribers
        if not known.pop(arguments["webhookUid"], None):
            raise Refusal(404, "MISSING_RESOURCE", arguments["webhookUid"])
        return 204, b"", "text/plain"

    def _op_searchDirectoryLine(self, service, _arguments, _query, body):  # noqa: N802
        data = self._checked(service, "searchDirectoryLine", body)
        siren = ((data.get("filters") or {}).get("siren") or {}).get("value", "")
        found = self.platform.store.lines(siren)
        skip = data.get("ignore", 0)
        page_of = found[skip : skip + data.get("limit", 50)]
        answer = {
            "search": data,
            "totalNumberOfResults": len(found),
            "results": page_of,
        }
        return 200, answer, "application/json"

    def _op_getDirectoryLineById(self, _service, arguments, _query, _body):  # noqa: N802
        address = arguments["addressing_identifier"]
        for line in self.platform.store.lines(address[:9]):
            if line["addressingIdentifier"] == address:
                return 200, line, "application/json"
        raise Refusal(404, "MISSING_RESOURCE", address)

    def _op_getCompanyBySiren(self, _service, arguments, _query, _body):  # noqa: N802
        known = self.platform.store.unit(arguments["siren"])
        if not known:
            raise Refusal(404, "MISSING_RESOURCE", arguments["siren"])
        return 200, known["unit"], "application/json"

    # === Answers === #

    def _answer_json(self, status, data, headers=None):
        self._answer(status, "application/json", json.dumps(data).encode(), headers)

    def _answer(self, status, mime, content, headers=None):
        try:
            self.send_response(status)
            self.send_header("Content-Type", mime)
            self.send_header("Content-Length", str(len(content)))
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True


def _multipart(content_type, body):
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    message = BytesParser(policy=HTTP).parsebytes(head + body)
    if not message.is_multipart():
        raise Refusal(400, "MISSING_REQUIRED_FIELD", "multipart/form-data")
    return {
        part.get_param("name", header="content-disposition"): part.get_payload(
            decode=True
        )
        for part in message.iter_parts()
    }


def control(platform, order):
    """Obey the one who tries things out: {"do": ..., ...}.

    fault (kind, operation, times...), outage (days...), clock (days...), script (name,
    for), status (number, code, reason, words), lines (siren, lines...), taken
    """
    store, what = platform.store, order.pop("do", "")
    if what == "fault":
        store.faults.add(**order)
    elif what == "outage":
        store.faults.outage(**order)
    elif what == "clock":
        store.clock.advance(**order)
        store.tick()
    elif what == "script":
        store.scripts[order["for"]] = order["name"]
    elif what == "lines":
        store.set_lines(**order)
    elif what == "status":
        flow = store.taken(number=order["number"])[0]
        store.say(
            flow.facts, order["code"], order.get("reason", ""), order.get("words", "")
        )
    elif what == "supplier":
        store.put(
            "SupplierInvoice",
            order["syntax"],
            base64.b64decode(order["content"]),
            order["name"],
        )
    elif what != "taken":
        raise ValueError(what)
    return {
        "now": store.clock.now().isoformat(),
        "taken": [[flow.facts.number, flow.flow_id] for flow in store.taken()],
    }


def page(platform):
    """Show what the platform has, for a browser.

    :rtype: bytes
    """
    rows = "".join(
        f"<tr><td>{escape(flow.flow_id)}<td>{flow.direction}<td>{flow.flow_type}"
        f"<td>{escape(flow.name)}<td>{escape(flow.facts.number if flow.facts else '')}"
        f"<td>{flow.status}<td>{flow.updated_at:%Y-%m-%d %H:%M:%S}"
        for flow in reversed(platform.store.flows.values())
    )
    return (
        "<!doctype html><title>Approved platform for trying out</title>"
        "<style>body{font:15px sans-serif;margin:2em}td,th{padding:.3em 1em;"
        "text-align:left;border-bottom:1px solid #ddd}</style>"
        f"<h1>Approved platform for trying out</h1><p>Its clock: "
        f"{platform.clock.now():%Y-%m-%d %H:%M:%S} UTC</p><table><tr><th>Flow<th>Way"
        f"<th>Type<th>File<th>Document<th>Answer<th>Changed{rows}</table>"
    ).encode()
