# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""What the verifier can find, named so that a person finds the place."""

from dataclasses import asdict, dataclass

#: code -> sentence; the placeholders are the fields of :class:`Problem`
SENTENCES = {
    # the chain itself
    "link_missing": "{what} link(s) of the chain are missing: {where}",
    "link_altered": "{where} ({field} {what}) was altered: its hash does not match",
    "link_order": "{where} ({what}) does not follow the link before it: links were "
    "exchanged, put in or taken out",
    "link_twice": "{where} ({field} {what}) stands twice in the chain",
    "head_mismatch": "The chain ends with {found}, its record says {expected}: links "
    "were removed at the end or the record was altered",
    "chain_missing": "The chain record of {what} is missing",
    "chain_altered": "The chain record of {what}: {field} is {found}, sealed as "
    "{expected}",
    "key_altered": "The sealed fact {what} ({where}) is filed under {found}",
    "not_linked": "{field} {what} waits for its link since {found}",
    "payload_altered": "The sealed content of {field} {what} ({where}) was altered",
    "payload_missing": "The sealed content of {field} {what} ({where}) is missing",
    # the ledger against the chain
    "move_missing": "Entry {what} ({where}) was deleted",
    "move_altered": "Entry {what} ({where}): {field} is {found}, sealed as {expected}",
    "sealed_again": "Entry {what}, {where}: {field} was sealed as {expected}, then "
    "sealed again as {found}",
    "line_altered": "Entry {what}, {where}: {field} is {found}, sealed as {expected}",
    "line_missing": "Entry {what}: {where} was deleted",
    "line_added": "Entry {what}: {where} was added",
    "move_not_sealed": "Entry {what} ({where}) is posted but not sealed",
    "move_unmarked": "Entry {what} ({where}) is sealed but no longer marked as such",
    "payment_missing": "Payment of {what} ({where}) was deleted: {expected}",
    "payment_altered": "Payment of {what} ({where}): {field} is {found}, sealed as "
    "{expected}",
    "payment_not_sealed": "Payment of {what} ({where}) is not sealed: {found}",
    # statuses of the invoices
    "status_missing": "Status {field} of {what} ({where}) was deleted",
    "status_altered": "Status of {what} ({where}): {field} is {found}, sealed as "
    "{expected}",
    "status_not_sealed": "Status {field} ({where}) is not sealed",
    # files
    "file_missing": "File {what} ({where}) is missing",
    "file_altered": "File {what} ({where}) was altered: its SHA-256 is {found}, sealed "
    "as {expected}",
    "file_added": "File {what} ({where}) was put beside the one that was issued",
    "file_unknown": "File {what} is in the bundle but not in its manifest",
    "archive_missing": "The archive record of {field} {what} ({where}) is missing",
    "archive_altered": "The archive record {what} ({where}): {field} is {found}, "
    "expected {expected}",
    "retention_shortened": "The archive record {what} ({where}) is kept until "
    "{found}, which is before {expected}",
    "destroyed_unrecorded": "File {what} ({where}) is marked as destroyed, and no "
    "sealed record says so",
    "destroyed_early": "File {what} ({where}) was destroyed on {found}, it had to be "
    "kept until {expected}",
    # closings and anchors
    "closing_altered": "Closing {what}: {field} is {found}, the chain gives {expected}",
    "closing_missing": "Closing {what} is missing",
    "closing_not_sealed": "Closing {what} is not in the chain",
    "anchor_missing": "The anchor {what} ({where}) is missing",
    "anchor_invalid": "The anchor {what} has no valid signature: {found}",
    "anchor_mismatch": "The anchor {what} signs another chain: {field} is {found}, "
    "signed as {expected}",
    "anchor_kept": "The anchor kept outside, {what}, signs link {where} with hash "
    "{expected}; here it is {found}: links were written anew or removed, or an older "
    "backup was restored",
    "anchor_unreadable": "The anchor kept outside, {what}, cannot be read: {found}",
    "signature_unchecked": "The anchor {what} could not be checked: {found}",
    "not_signed": "No signed anchor covers the end of the chain (link {expected})",
    # guards of the database
    "guard_missing": "The trigger {what} on {where} is missing",
    "guard_disabled": "The trigger {what} on {where} is disabled",
    "bundle_unreadable": "The bundle cannot be read: {found}",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One altered, missing, added or reordered item.

    what: number or name of the document
    where: model and id, line, file or link
    field: column, when one value differs
    expected, found: the two values
    """

    code: str
    what: str = ""
    where: str = ""
    field: str = ""
    expected: str = ""
    found: str = ""

    def __str__(self):
        return SENTENCES[self.code].format(**asdict(self))
