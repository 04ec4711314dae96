# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Client of an approved platform: flow and directory services of XP Z12-013.

pyfrctc has one too, but knows a fixed list of platforms, sends no tracking id and tells
no failure from another; an outbox needs all three, so this is a client of our own on
top of `requests`.

Every answer is bounded in time and size, and no redirection is followed.
"""

import contextlib
import json
import time
from urllib.parse import quote

import requests

from .errors import DENIED, LATER, REFUSED, UNKNOWN, UNREACHABLE, TransmissionError
from .values import Settings, Token, moment, remote_flow, stamp

JSON_LIMIT = 8 * 1024 * 1024
FILE_LIMIT = 100 * 1024 * 1024  # XP Z12-013: a flow has at most 100 MB
PAGE = 100
MIME_TYPES = {"Factur-X": "application/pdf"}
USER_AGENT = "Releve fr_invoicing"


class PlatformClient:
    """Conversation with one platform.

    :param Settings settings: where and who
    :param Token token: a token kept from earlier, if any
    :param clock: gives seconds since the epoch
    """

    def __init__(self, settings: Settings, token=None, clock=time.time):
        self.settings = settings
        self.token = token or Token("")
        self.clock = clock
        self._session = requests.Session()
        self._session.headers["User-Agent"] = USER_AGENT
        self._session.trust_env = False

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self._session.close()

    # === Flow service === #

    def is_healthy(self):
        """Say whether the flow service answers that it runs.

        :raise TransmissionError: it does not answer, or not to us
        """
        self._call("GET", f"{self.settings.flow_url}/v1/healthcheck")
        return True

    def send(self, content, name, syntax, tracking_id, request_id, sha256, **more):
        """Hand over one document (POST /v1/flows).

        :param bytes content: the file
        :param str tracking_id: our own key, at most 64 characters: the platform keeps
            it, so that a lost answer can be asked for again
        :param str request_id: UUID, the same at every attempt of the same flow
        :param more: processingRule, flowProfile
        :return: the flow as the platform took it
        :rtype: RemoteFlow
        :raise TransmissionError: kind UNKNOWN when it may have been taken all the same
        """
        info = {
            "trackingId": tracking_id,
            "name": name,
            "flowSyntax": syntax,
            "sha256": sha256,
            **{key: value for key, value in more.items() if value},
        }
        mime = MIME_TYPES.get(syntax, "application/xml")
        answer = self._call(
            "POST",
            f"{self.settings.flow_url}/v1/flows",
            changes=True,
            headers={"Request-Id": request_id},
            files={
                "flowInfo": (None, json.dumps(info), "application/json"),
                "file": (name, content, mime),
            },
        )
        try:
            return remote_flow(_json(answer))
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise TransmissionError(
                UNKNOWN, "answer_unreadable", reason=str(error)[:200]
            ) from error

    def find(self, tracking_id):
        """Give the flows the platform took under a tracking id of ours.

        :rtype: list[RemoteFlow]
        """
        return [
            flow
            for flow in self._search({"trackingId": tracking_id})
            # a platform that ignores the filter must not make us adopt another's flow
            if flow.tracking_id == tracking_id
        ]

    def changed(self, after, flow_types=(), directions=()):
        """Give the flows new or changed after a moment, page by page to the last.

        :param datetime after: naive UTC, excluded
        :rtype: iterator of RemoteFlow
        """
        where = {"updatedAfter": stamp(after)}
        if flow_types:
            where["flowType"] = list(flow_types)
        if directions:
            where["flowDirection"] = list(directions)
        return self._search(where)

    def flow(self, flow_id):
        """Give the present state of one flow.

        :rtype: RemoteFlow
        """
        answer = self._call(
            "GET",
            f"{self.settings.flow_url}/v1/flows/{quote(flow_id, safe='')}",
            params={"docType": "Metadata"},
        )
        return self._read(remote_flow, answer)

    def download(self, flow_id):
        """Give the original file of a flow.

        :rtype: bytes
        """
        return self._call(
            "GET",
            f"{self.settings.flow_url}/v1/flows/{quote(flow_id, safe='')}",
            params={"docType": "Original"},
            limit=FILE_LIMIT,
        )

    # === Webhooks === #

    def webhooks(self):
        """Give the webhooks this account has: webhookId, callbackUrl...

        :rtype: list[dict]
        """
        answer = self._call("GET", f"{self.settings.flow_url}/v1/webhooks")
        return self._read(dict, answer).get("webhooks") or []

    def subscribe(self, callback_url):
        """Ask to be called when a flow is new or changes.

        :return: webhookId, and signingKey in Base64
        :rtype: tuple[str, str]
        """
        answer = self._call(
            "POST",
            f"{self.settings.flow_url}/v1/webhooks",
            json={"callbackUrl": callback_url},
        )
        return self._read(lambda data: (data["webhookId"], data["signingKey"]), answer)

    def unsubscribe(self, webhook_id):
        """Ask not to be called any more; harmless when that is so already."""
        self._call(
            "DELETE",
            f"{self.settings.flow_url}/v1/webhooks/{quote(webhook_id, safe='')}",
            absent=b"",
        )

    def _search(self, where):
        body = {"where": where, "limit": PAGE}
        seen = set()
        while True:
            answer = self._call(
                "POST", f"{self.settings.flow_url}/v1/flows/search", json=body
            )
            page = self._read(dict, answer)
            results = page.get("results") or []
            fresh = [row for row in results if row.get("flowId") not in seen]
            seen.update(row.get("flowId") for row in fresh)
            for row in fresh:
                yield self._read(lambda data: remote_flow(data), row, parsed=True)
            cursor = page.get("nextCursor")
            if cursor:
                body = {"where": where, "limit": PAGE, "cursor": cursor}
            elif len(results) >= PAGE and fresh and "updatedAfter" in where:
                # platforms before 1.3 page by date
                last = max(row.get("updatedAt") or "" for row in fresh)
                where = {**where, "updatedAfter": stamp(moment(last))}
                body = {"where": where, "limit": PAGE}
            else:
                return
            if not fresh:
                return

    # === Directory service === #

    def directory_lines(self, siren):
        """Give the lines of a company in the directory, as JSON objects.

        An unknown company has none.

        :rtype: list[dict]
        """
        body = {
            "filters": {"siren": {"op": "strict", "value": siren}},
            "include": ["siren", "siret", "routingCode"],
            "limit": PAGE,
            "ignore": 0,
        }
        lines = []
        while True:
            answer = self._call(
                "POST",
                f"{self._directory_url()}/v1/directory-line/search",
                json=body,
                absent=b"{}",
            )
            results = self._read(dict, answer).get("results") or []
            lines += results
            if len(results) < PAGE or body["ignore"] > 20 * PAGE:
                return lines
            body["ignore"] += PAGE

    def legal_unit(self, siren):
        """Give what the directory knows of a company, None when nothing.

        :rtype: dict | None
        """
        answer = self._call(
            "GET",
            f"{self._directory_url()}/v1/siren/code-insee:{quote(siren, safe='')}",
            absent=b"null",
        )
        return _json(answer)

    def _directory_url(self):
        if not self.settings.directory_url:
            raise TransmissionError(REFUSED, "no_directory")
        return self.settings.directory_url

    # === OAuth2 (client credentials) === #

    def sign_in(self):
        """Get a token when there is none that still serves.

        :raise TransmissionError: kind DENIED when the platform does not know us
        """
        if self.token.is_good(self.clock()):
            return self.token
        data = {"grant_type": "client_credentials"}
        if self.settings.scope:
            data["scope"] = self.settings.scope
        url = self.settings.token_url
        status, headers, content = self._exchange(
            "POST",
            url,
            limit=JSON_LIMIT,
            data=data,
            auth=(self.settings.client_id, self.settings.client_secret),
        )
        if status in (400, 401, 403):
            raise TransmissionError(DENIED, "credentials", **_facts(status, content))
        if status != 200:
            self._raise(status, headers, content, changes=False)
        try:
            answer = _json(content)
            self.token = Token(
                answer["access_token"],
                self.clock() + float(answer.get("expires_in") or 300),
            )
        except (KeyError, ValueError, TypeError) as error:
            raise TransmissionError(UNREACHABLE, "token_unreadable") from error
        return self.token

    # === Exchange === #

    def _call(self, method, url, *, changes=False, absent=None, limit=JSON_LIMIT, **kw):
        """Make one call with our token, with a second token if the first is refused.

        :param bool changes: the call makes the platform keep something
        :param bytes absent: what a 404 means, when it is no error
        """
        headers = kw.pop("headers", {})
        if self.settings.organization_id:
            headers["Organization-Id"] = self.settings.organization_id
        for is_last in (False, True):
            token = self.sign_in()
            status, answer_headers, content = self._exchange(
                method,
                url,
                limit=limit,
                changes=changes,
                headers={**headers, "Authorization": f"Bearer {token.value}"},
                **kw,
            )
            if status == 401 and not is_last:
                self.token = Token("")
                continue
            break
        if 200 <= status < 300:
            return content
        if status == 404 and absent is not None:
            return absent
        return self._raise(status, answer_headers, content, changes)

    def _exchange(self, method, url, *, limit, changes=False, **kw):
        """Send and read, within limits.

        :return: status, headers, body
        """
        timeout = self.settings.timeout_s
        end = time.monotonic() + 2 * self.settings.timeout_s
        try:
            with self._session.request(
                method, url, timeout=timeout, allow_redirects=False, stream=True, **kw
            ) as response:
                parts, size = [], 0
                for part in response.iter_content(65536):
                    size += len(part)
                    parts.append(part)
                    if size > limit or time.monotonic() > end:
                        raise TransmissionError(
                            UNKNOWN if changes else UNREACHABLE,
                            "answer_too_long",
                            size=size,
                        )
                return response.status_code, response.headers, b"".join(parts)
        except (requests.ConnectTimeout, requests.exceptions.SSLError) as error:
            raise TransmissionError(
                UNREACHABLE, "no_connection", reason=_reason(error)
            ) from error
        except requests.RequestException as error:
            # refused before anything was sent, or broken on the way: told apart below
            kind = UNKNOWN if changes and not _never_sent(error) else UNREACHABLE
            raise TransmissionError(
                kind, "no_connection", reason=_reason(error)
            ) from error

    def _raise(self, status, headers, content, changes):
        """Raise what an answer that is no success means."""
        facts = _facts(status, content)
        if status == 429:
            raise TransmissionError(
                LATER, "too_many", retry_after_s=_retry_after(headers), **facts
            )
        if status in (401, 403):
            raise TransmissionError(DENIED, "denied", **facts)
        if status >= 500 or status < 200:
            raise TransmissionError(
                UNKNOWN if changes else UNREACHABLE,
                "platform_failed",
                retry_after_s=_retry_after(headers),
                **facts,
            )
        if 300 <= status < 400 or status in (404, 405):
            raise TransmissionError(DENIED, "wrong_address", **facts)
        if status == 408:
            raise TransmissionError(
                UNKNOWN if changes else UNREACHABLE, "platform_failed", **facts
            )
        raise TransmissionError(REFUSED, "refused", **facts)

    def _read(self, reader, content, parsed=False):
        try:
            return reader(content if parsed else _json(content))
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise TransmissionError(
                UNREACHABLE, "answer_unreadable", reason=str(error)[:200]
            ) from error


def _json(content):
    return json.loads(content)


def _facts(status, content):
    """Give what an error answer says (schema Error), cut to a length people read."""
    facts = {"status": status, "error": "", "text": ""}
    with contextlib.suppress(ValueError):
        data = json.loads(content)
        if isinstance(data, dict):
            facts["error"] = str(data.get("errorCode") or data.get("error") or "")[:80]
            facts["text"] = str(
                data.get("errorMessage") or data.get("error_description") or ""
            )[:300]
    return facts


def _retry_after(headers):
    text = headers.get("Retry-After") or ""
    return min(int(text), 86400) if text.isdigit() else 0


def _never_sent(error):
    """Say whether the connection was refused before a byte of the request left."""
    reason = getattr(error.args[0] if error.args else None, "reason", None)
    return type(reason).__name__ in ("NewConnectionError", "ConnectTimeoutError")


def _reason(error):
    """Say what happened without addresses in memory or credentials."""
    reason = getattr(error.args[0] if error.args else None, "reason", None) or error
    return f"{type(reason).__name__}"
