# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Selections used by more than one file."""

FORMATS = [("csv", "CSV"), ("focus", "FOCUS 1.0")]

DELIVERY_STATES = [
    ("new", "Received"),
    ("queued", "Waiting"),
    ("importing", "Importing"),
    ("done", "Imported"),
    ("failed", "Failed"),
]

#: rows of one slice: a slice is one transaction
SLICE_ROWS = 100_000
#: files up to this size (unpacked) are imported at once, larger ones in the background
DIRECT_BYTES = 4 << 20
#: rows a test or preview reads at most
TEST_ROWS = 50_000
PREVIEW_ROWS = 10

#: row errors of the core -> reason codes of the quarantine
REASONS = {
    "missing_field": "missing_field",
    "invalid_value": "invalid_value",
    "value_out_of_range": "invalid_value",
    "invalid_time": "invalid_time",
    "unknown_unit": "unknown_unit",
    "invalid_text": "invalid_value",
    "malformed_row": "unreadable",
}
