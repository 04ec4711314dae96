# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""The hash chain: one per company, each link covers the one before."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from .canonical import canonical, sha256
from .problems import Problem

VERSION = 1


@dataclass(frozen=True, slots=True)
class Link:
    """One sealed fact.

    sequence: place in the chain of its company, from 1, without hole
    kind: entry, pdf, xml, status, payment, flow, closing, anchor, ...
    key: what it is about, ``model,id``
    revision: 1 for the first seal of an entry, n for its n-th recorded amendment
    name: number or name a person knows it by
    sealed_at: UTC, to the second
    user: id of the user who did it
    payload_sha256, size: of the exact bytes sealed
    """

    sequence: int
    kind: str
    key: str
    revision: int
    name: str
    sealed_at: datetime
    user: int
    payload_sha256: str
    size: int
    previous_hash: str
    hash: str


def genesis(chain_uuid):
    """Give what stands before the first link: chains cannot be spliced together.

    :param str chain_uuid: drawn once when the chain begins
    """
    return sha256(f"fr-seal:{VERSION}:{chain_uuid}".encode())


def link_hash(link):
    """Compute the hash of a link from all its other fields.

    :param Link link: its ``hash`` is not looked at
    """
    return sha256(
        canonical(
            {
                "version": VERSION,
                "sequence": link.sequence,
                "kind": link.kind,
                "key": link.key,
                "revision": link.revision,
                "name": link.name,
                "sealed_at": link.sealed_at,
                "user": link.user,
                "payload_sha256": link.payload_sha256,
                "size": link.size,
                "previous_hash": link.previous_hash,
            }
        )
    )


def extend(links: Iterable[Link], sequence: int, head: str) -> Iterator[Link]:
    """Put facts that are not linked yet behind the head of the chain.

    :param links: in the order they shall stand; sequence and hashes are ignored
    :param sequence: of the last link, 0 when there is none
    :param head: hash of the last link, or :func:`genesis`
    """
    for link in links:
        sequence += 1
        link = replace(link, sequence=sequence, previous_hash=head)
        head = link_hash(link)
        yield replace(link, hash=head)


def check(links: Iterable[Link], previous_hash: str, sequence: int = 0):
    """Yield the problems of a run of links.

    :param links: ordered by sequence
    :param previous_hash: hash that must stand before the first one
    :param sequence: number before the first one, 0 at the beginning of a chain
    :return: iterator of :class:`Problem`
    """
    for link in links:
        where = f"link {link.sequence}"
        if link.sequence <= sequence:
            yield Problem("link_twice", link.name, where, link.kind)
            continue
        if link.sequence > sequence + 1:
            missing = link.sequence - sequence - 1
            last = link.sequence - 1
            yield Problem(
                "link_missing",
                f"{missing}",
                f"links {sequence + 1} to {last}" if missing > 1 else f"link {last}",
            )
        elif link.previous_hash != previous_hash:
            yield Problem(
                "link_order",
                link.name,
                where,
                "previous_hash",
                previous_hash,
                link.previous_hash,
            )
        expected = link_hash(link)
        if expected != link.hash:
            yield Problem("link_altered", link.name, where, link.kind)
        sequence, previous_hash = link.sequence, link.hash
