# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Identity of a row: what makes a second delivery of it the same event.

Three ways, declared by the mapping (the standard names no key for FOCUS 1.0; an AWS
line item id repeats; telephone and trace files carry none):

``columns``  declared columns, joined; an empty one is a row error
``scope``    delivery scope (billing period x billing account) + version + row number:
             the file restates the scope, a new version supersedes the old one
``row``      sha256 of the file's content + row number; never a hash of the row alone,
             because equal rows can be real
"""

MODES = ("columns", "scope", "row")
VERSION_LENGTH = 16


def join_key(parts) -> str:
    """Join key parts so that different parts never give the same key.

    >>> join_key(["a|b", "c"]) == join_key(["a", "b|c"])
    False
    """
    return "|".join(
        part.replace("\\", "\\\\").replace("|", "\\|")
        if "|" in part or "\\" in part
        else part
        for part in parts
    )


def version_of(content_sha256: str) -> str:
    """Name the version of a delivered scope after its content: a resend is the same."""
    return content_sha256[:VERSION_LENGTH]


def scope_event_id(scope: str, version: str, row_number: int) -> str:
    """Event id of a row of a restated scope."""
    return f"{scope}#{version}#{row_number}"


def row_event_id(content_sha256: str, row_number: int) -> str:
    """Event id of a row of a file without ids."""
    return f"{content_sha256}:{row_number}"
