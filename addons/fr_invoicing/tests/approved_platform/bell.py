# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Webhooks of the platform: who wants to be called, and the calls."""

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
import urllib.request
import uuid


class Bell:
    """Calls the subscribers when a flow is new or changes.

    calls: (address, HTTP status or the error) of the calls made so far
    """

    def __init__(self, clock):
        self.clock = clock
        self.subscribers = {}
        self.calls = []

    def subscribe(self, params):
        """Give the identifiers of a new webhook (WebhookIdParam)."""
        webhook_id = str(uuid.uuid4())
        key = base64.b64encode(secrets.token_bytes(32)).decode()
        now = self.clock.now().isoformat() + "Z"
        self.subscribers[webhook_id] = {
            **params,
            "webhookId": webhook_id,
            "signingKey": key,
            "createdAt": now,
        }
        return {"webhookId": webhook_id, "signingKey": key, "createdAt": now}

    def ring(self, flow):
        """Call everybody who wants to know of a flow, in the background."""
        for known in list(self.subscribers.values()):
            threading.Thread(
                target=self._call, args=(known, flow.info()), daemon=True
            ).start()

    def signed(self, webhook_id, info):
        """Give body and headers of a call, as the norm wants them signed."""
        known = self.subscribers[webhook_id]
        body = json.dumps(info).encode()
        epoch = str(int(time.time()))
        fingerprint = hashlib.sha256(body + b"@" + epoch.encode()).digest()
        secret = base64.b64decode(known["signingKey"])
        signature = hmac.new(secret, fingerprint, hashlib.sha256).digest()
        return body, {
            "Content-Type": "application/json",
            "Afnor-Signature": base64.b64encode(signature).decode(),
            "Afnor-Signature-Timestamp": epoch,
        }

    def _call(self, known, info):
        body, headers = self.signed(known["webhookId"], info)
        url = known["callbackUrl"]
        request = urllib.request.Request(url, body, headers, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                self.calls.append((url, answer.status))
        except OSError as error:
            self.calls.append((url, str(error)))
