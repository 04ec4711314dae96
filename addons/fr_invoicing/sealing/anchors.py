# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Checks of signed anchors for the verifier, also where xmlsec is not installed."""

from .problems import Problem

try:
    from .anchor import AnchorError, verify
    from .keys import read_certificate
except ImportError as error:  # an inspector's computer may have bare Python only
    MISSING = str(error)
else:
    MISSING = ""


def check_anchor(anchor, chain, link_hash, source):
    """Yield what is wrong with one anchor.

    :param anchor: id, name, sequence, head, fingerprint, content (bytes or None)
    :param chain: the chain it must speak of
    :param link_hash: hash of the link it names, None when that link is not there
    :param source: gives certificates by fingerprint
    """
    if anchor.content is None:
        yield Problem("anchor_missing", anchor.name, f"link {anchor.sequence}")
        return
    if MISSING:
        yield Problem("signature_unchecked", anchor.name, found=MISSING)
        return
    certificate = source.certificate(chain, anchor.fingerprint)
    if certificate is None or (
        read_certificate(certificate).fingerprint != anchor.fingerprint
    ):
        yield Problem("anchor_invalid", anchor.name, found="its certificate is missing")
        return
    try:
        statement, _at = verify(anchor.content, certificate)
    except AnchorError as error:
        yield Problem("anchor_invalid", anchor.name, found=str(error))
        return
    for field, expected, found in (
        ("chain", statement.chain, chain.uuid),
        ("sequence", str(statement.sequence), str(anchor.sequence)),
        ("head", statement.head, link_hash or "no such link"),
        ("head", statement.head, anchor.head),
    ):
        if expected != found:
            yield Problem("anchor_mismatch", anchor.name, "", field, expected, found)
