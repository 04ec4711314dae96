# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Sentences of the seal: what the verifier found, and why a key cannot be used."""

from odoo.tools.translate import LazyTranslate

_lt = LazyTranslate(__name__)

SEAL_KEY_ERRORS = {
    "certificate": _lt("The certificate cannot be read."),
    "password": _lt(
        "The file cannot be opened: it is not a PKCS#12 file, or the password is wrong."
    ),
    "empty": _lt("The file holds no private key with its certificate."),
    "algorithm": _lt("The key must be an RSA key of at least 2048 bits."),
    "expired": _lt("The certificate has expired: import a valid one."),
    "passphrase": _lt(
        "The private key cannot be opened: the passphrase of the server "
        "(fr_seal_passphrase) is not the one it was encrypted with. Ask the "
        "administrator, or put a new key in use."
    ),
    "removed": _lt(
        "The private key is not in this database: a copy of a database does not sign. "
        "Put a new key in use if this is the live one."
    ),
}

#: codes of sealing/problems.py
PROBLEMS = {
    "link_missing": _lt("%(what)s link(s) of the chain are missing: %(where)s"),
    "link_altered": _lt(
        "%(where)s (%(field)s %(what)s) was altered: its hash does not match"
    ),
    "link_order": _lt(
        "%(where)s (%(what)s) does not follow the link before it: links were "
        "exchanged, put in or taken out"
    ),
    "link_twice": _lt("%(where)s (%(field)s %(what)s) stands twice in the chain"),
    "head_mismatch": _lt(
        "The chain ends with %(found)s, its record says %(expected)s: links were "
        "removed at the end or the record was altered"
    ),
    "chain_missing": _lt("The chain record of %(what)s is missing"),
    "chain_altered": _lt(
        "The chain record of %(what)s: %(field)s is %(found)s, sealed as %(expected)s"
    ),
    "key_altered": _lt("The sealed fact %(what)s (%(where)s) is filed under %(found)s"),
    "not_linked": _lt("%(field)s %(what)s waits for its link since %(found)s"),
    "payload_altered": _lt(
        "The sealed content of %(field)s %(what)s (%(where)s) was altered"
    ),
    "payload_missing": _lt(
        "The sealed content of %(field)s %(what)s (%(where)s) is missing"
    ),
    "move_missing": _lt("Entry %(what)s (%(where)s) was deleted"),
    "move_altered": _lt(
        "Entry %(what)s (%(where)s): %(field)s is %(found)s, sealed as %(expected)s"
    ),
    "sealed_again": _lt(
        "Entry %(what)s, %(where)s: %(field)s was sealed as %(expected)s, then sealed "
        "again as %(found)s"
    ),
    "line_altered": _lt(
        "Entry %(what)s, %(where)s: %(field)s is %(found)s, sealed as %(expected)s"
    ),
    "line_missing": _lt("Entry %(what)s: %(where)s was deleted"),
    "line_added": _lt("Entry %(what)s: %(where)s was added"),
    "move_not_sealed": _lt("Entry %(what)s (%(where)s) is posted but not sealed"),
    "move_unmarked": _lt(
        "Entry %(what)s (%(where)s) is sealed but no longer marked as such"
    ),
    "payment_missing": _lt("Payment of %(what)s (%(where)s) was deleted: %(expected)s"),
    "payment_altered": _lt(
        "Payment of %(what)s (%(where)s): %(field)s is %(found)s, sealed as "
        "%(expected)s"
    ),
    "payment_not_sealed": _lt(
        "Payment of %(what)s (%(where)s) is not sealed: %(found)s"
    ),
    "status_missing": _lt("Status %(field)s of %(what)s (%(where)s) was deleted"),
    "status_altered": _lt(
        "Status of %(what)s (%(where)s): %(field)s is %(found)s, sealed as %(expected)s"
    ),
    "status_not_sealed": _lt("Status %(field)s (%(where)s) is not sealed"),
    "file_missing": _lt("File %(what)s (%(where)s) is missing"),
    "file_altered": _lt(
        "File %(what)s (%(where)s) was altered: its SHA-256 is %(found)s, sealed as "
        "%(expected)s"
    ),
    "file_added": _lt(
        "File %(what)s (%(where)s) was put beside the one that was issued"
    ),
    "file_unknown": _lt("File %(what)s is in the bundle but not in its manifest"),
    "archive_missing": _lt(
        "The archive record of %(field)s %(what)s (%(where)s) is missing"
    ),
    "archive_altered": _lt(
        "The archive record %(what)s (%(where)s): %(field)s is %(found)s, expected "
        "%(expected)s"
    ),
    "retention_shortened": _lt(
        "The archive record %(what)s (%(where)s) is kept until %(found)s, which is "
        "before %(expected)s"
    ),
    "destroyed_unrecorded": _lt(
        "File %(what)s (%(where)s) is marked as destroyed, and no sealed record says so"
    ),
    "destroyed_early": _lt(
        "File %(what)s (%(where)s) was destroyed on %(found)s, it had to be kept until "
        "%(expected)s"
    ),
    "closing_altered": _lt(
        "Closing %(what)s: %(field)s is %(found)s, the chain gives %(expected)s"
    ),
    "closing_missing": _lt("Closing %(what)s is missing"),
    "closing_not_sealed": _lt("Closing %(what)s is not in the chain"),
    "anchor_missing": _lt("The anchor %(what)s (%(where)s) is missing"),
    "anchor_invalid": _lt("The anchor %(what)s has no valid signature: %(found)s"),
    "anchor_mismatch": _lt(
        "The anchor %(what)s signs another chain: %(field)s is %(found)s, signed as "
        "%(expected)s"
    ),
    "anchor_kept": _lt(
        "The anchor kept outside, %(what)s, signs link %(where)s with hash "
        "%(expected)s; here it is %(found)s: links were written anew or removed, or an "
        "older backup was restored"
    ),
    "anchor_unreadable": _lt(
        "The anchor kept outside, %(what)s, cannot be read: %(found)s"
    ),
    "signature_unchecked": _lt("The anchor %(what)s could not be checked: %(found)s"),
    "not_signed": _lt(
        "No signed anchor covers the end of the chain (link %(expected)s)"
    ),
    "guard_missing": _lt("The trigger %(what)s on %(where)s is missing"),
    "guard_disabled": _lt("The trigger %(what)s on %(where)s is disabled"),
    "bundle_unreadable": _lt("The bundle cannot be read: %(found)s"),
}
