"""Calls of a platform: only signed ones, of now, count."""

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transmission import webhook

KEY = base64.b64encode(b"0123456789abcdef" * 4).decode()
BODY = b'{"flowId": "F1"}'
NOW = 1_790_000_000


def signed(body=BODY, epoch=NOW, is_hex=False):
    """Sign as the norm says, step by step."""
    fingerprint = hashlib.sha256(body + b"@" + str(epoch).encode())
    text = fingerprint.hexdigest().encode() if is_hex else fingerprint.digest()
    digest = hmac.new(base64.b64decode(KEY), text, hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


@pytest.mark.parametrize("is_hex", [False, True])
def test_a_signed_call_is_genuine(is_hex):
    assert webhook.is_genuine(BODY, str(NOW), signed(is_hex=is_hex), KEY, NOW + 5)


@pytest.mark.parametrize(
    ("body", "epoch", "signature", "key", "now"),
    [
        (BODY + b" ", str(NOW), signed(), KEY, NOW),
        (BODY, str(NOW + 1), signed(), KEY, NOW),
        (BODY, str(NOW), "", KEY, NOW),
        (BODY, "", signed(), KEY, NOW),
        (BODY, "-1", signed(), KEY, NOW),
        (BODY, "١", signed(), KEY, NOW),
        (BODY, str(NOW), signed(), "", NOW),
        (BODY, str(NOW), signed(), "not base64!", NOW),
        (BODY, str(NOW), signed(), KEY, NOW + webhook.LONGEST_AGE_S + 1),
        (BODY, str(NOW), signed(), KEY, NOW - webhook.LONGEST_AGE_S - 1),
        (BODY, str(NOW), "é", KEY, NOW),
    ],
)
def test_anything_else_is_not(body, epoch, signature, key, now):
    assert not webhook.is_genuine(body, epoch, signature, key, now)


@given(st.binary(max_size=50), st.text(max_size=20), st.text(max_size=60))
def test_garbage_never_raises(body, epoch, signature):
    assert not webhook.is_genuine(body, epoch, signature, KEY, NOW)
