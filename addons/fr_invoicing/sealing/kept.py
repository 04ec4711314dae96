# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Anchors kept outside the database: what tells that a chain was cut or put back.

A database restored from an old backup, or a chain computed anew from its beginning,
agrees with itself. It does not agree with an anchor that somebody kept. The signature
of a kept file is not what is relied on here, its place is: standard library only.
"""

from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from .problems import Problem

NS = "urn:releve:seal:1"


@dataclass(frozen=True, slots=True)
class KeptAnchor:
    """What a kept file says; ``error`` when it could not be read."""

    name: str
    chain: str = ""
    sequence: int = 0
    head: str = ""
    error: str = ""


def read(name, content):
    """Read one kept file.

    :param str name: for the report
    :param bytes content:
    :rtype: KeptAnchor
    """
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        return KeptAnchor(name, error="it declares entities")
    try:
        root = ElementTree.fromstring(content)
        if root.tag != f"{{{NS}}}Anchor":
            return KeptAnchor(name, error="it is not an anchor")
        return KeptAnchor(
            name,
            root.findtext(f"{{{NS}}}chain") or "",
            int(root.findtext(f"{{{NS}}}sequence") or ""),
            root.findtext(f"{{{NS}}}head") or "",
        )
    except (ElementTree.ParseError, ValueError) as error:
        return KeptAnchor(name, error=str(error) or "it is not an anchor")


def read_paths(paths):
    """Read files, and the .xml files of folders and the folders in them.

    :rtype: list[KeptAnchor]
    """
    found = []
    for path in map(Path, paths):
        files = sorted(path.rglob("*.xml")) if path.is_dir() else [path]
        for file in files:
            try:
                found.append(read(file.name, file.read_bytes()))
            except OSError as error:
                found.append(KeptAnchor(file.name, error=str(error)))
    return found


def check_kept(kept, chain, hashes, is_part=False):
    """Yield what the kept anchors of a chain contradict.

    :param kept: list of KeptAnchor, those of other chains are left out
    :param chain: the chain verified
    :param hashes: {sequence: hash computed from the link}
    :param is_part: the chain was handed over up to a link, later anchors say nothing
    """
    for anchor in kept:
        if anchor.chain != chain.uuid:
            continue
        if anchor.sequence < chain.start_sequence:
            continue
        if is_part and anchor.sequence > chain.last_sequence:
            continue
        found = hashes.get(anchor.sequence)
        if found != anchor.head:
            yield Problem(
                "anchor_kept",
                anchor.name,
                str(anchor.sequence),
                expected=anchor.head[:16],
                found=(found or "no such link")[:16],
            )


def unreadable(kept):
    """Yield the kept files nothing could be read from."""
    for anchor in kept:
        if anchor.error:
            yield Problem("anchor_unreadable", anchor.name, found=anchor.error)
