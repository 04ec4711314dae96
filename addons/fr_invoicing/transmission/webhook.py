# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Who rings when a platform says that there is news (XP Z12-013 1.3, webhooks).

The platform signs what it posts: HMAC-SHA-256, with the key of the subscription,
over the SHA-256 of the body as sent, "@" and the seconds since the epoch. The norm does
not say whether the fingerprint is signed as bytes or as hexadecimal digits: both hold.
"""

import base64
import binascii
import hashlib
import hmac

# how far the clocks may differ; an older call may be a recorded one
LONGEST_AGE_S = 300


def signatures(body, epoch, key):
    """Give the signatures that are good for a call.

    :param bytes body: as sent
    :param int epoch: header Afnor-Signature-Timestamp
    :param str key: the signing key as the platform gave it, in Base64
    :rtype: tuple[str, str]
    """
    secret = base64.b64decode(key)
    fingerprint = hashlib.sha256(body + b"@" + str(epoch).encode())
    return tuple(
        base64.b64encode(hmac.digest(secret, signed, "sha256")).decode()
        for signed in (fingerprint.digest(), fingerprint.hexdigest().encode())
    )


def is_genuine(body, epoch, signature, key, now):
    """Say whether a call is the platform's, and of now.

    >>> key = base64.b64encode(b"k" * 32).decode()
    >>> good = signatures(b"{}", 1000, key)[0]
    >>> is_genuine(b"{}", "1000", good, key, 1010)
    True
    >>> is_genuine(b"{}", "1000", good, key, 9000), is_genuine(b"[]", "1000", good, key, 1010)
    (False, False)

    :param str epoch: header as received
    :param str signature: header as received
    :param float now: seconds since the epoch
    """  # noqa: E501 - the doctest cannot be broken
    if not (epoch.isdecimal() and epoch.isascii() and len(epoch) <= 12 and key):
        return False
    if abs(now - int(epoch)) > LONGEST_AGE_S:
        return False
    try:
        expected = signatures(body, int(epoch), key)
    except (binascii.Error, ValueError):
        return False
    given = signature.encode("utf-8", "replace")
    return any([hmac.compare_digest(given, good.encode()) for good in expected])
