# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""The bytes of a delivered file: opened, unpacked, fingerprinted, decoded.

``inspect_content`` reads everything once in blocks (constant memory) and tells what the
parsers need; a truncated or oversized archive is found there, before a single row is
handed out.
"""

import codecs
import gzip
import hashlib
import io
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from .values import FeedError

BLOCK = 1 << 18
SAMPLE_BYTES = 1 << 18
MAX_BYTES = 16 << 30
# deflate cannot exceed about 1032:1; usage files stay far below. Small files are free.
MAX_RATIO = 200
FREE_BYTES = 64 << 20
MAX_LINE_BYTES = 16 << 20  # beyond it no line end was seen: not a table


class Content(NamedTuple):
    """What a first reading of the bytes tells.

    raw: the bytes, or the path of the file
    name: file name without folder
    sha256: of the unpacked bytes, so that packing again does not make a new delivery
    size: bytes as delivered
    unpacked_size: bytes after unpacking
    is_gzip: delivered as gzip, told by its first bytes and not by its name
    encoding: codec name; ``utf-8-sig`` where a byte order mark starts the file
    sample: first lines as text
    """

    raw: bytes | Path
    name: str
    sha256: str
    size: int
    unpacked_size: int
    is_gzip: bool
    encoding: str
    sample: str


def inspect_content(raw, name="", encoding=None, max_bytes=MAX_BYTES) -> Content:
    """Read the bytes once: fingerprint, size, packing, encoding and a sample.

    :param bytes | str | Path raw: the content, or where it is
    :param str name: file name, needed for bytes
    :param str encoding: declared encoding, None to detect
    :raise FeedError: ``empty_file``, ``damaged_archive``, ``too_large``, ``not_text``,
        ``unknown_encoding``, ``file_not_found``
    """
    if isinstance(raw, str | os.PathLike):
        raw = Path(raw)
        name = name or raw.name
    name = os.path.basename(str(name).replace("\\", "/"))[-255:] or "usage.csv"
    if encoding:
        _check_codec(encoding)
    digest, probe, head = hashlib.sha256(), _EncodingProbe(), b""
    unpacked = 0
    size = _size(raw, name)
    is_gzip = _starts_with(raw, b"\x1f\x8b")
    limit = min(max_bytes, max(FREE_BYTES, size * MAX_RATIO)) if is_gzip else max_bytes
    line = 0
    for block in _blocks(raw, is_gzip, name):
        unpacked += len(block)
        line = 0 if b"\n" in block or b"\r" in block else line + len(block)
        if line > MAX_LINE_BYTES:
            raise FeedError("not_text", file=name)
        if unpacked > limit:
            raise FeedError("too_large", file=name, limit=limit)
        digest.update(block)
        probe.feed(block)
        if len(head) < SAMPLE_BYTES:
            head += block[: SAMPLE_BYTES - len(head)]
    if not unpacked:
        raise FeedError("empty_file", file=name)
    if head.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"PAR1", b"%PDF")):
        raise FeedError("not_text", file=name)
    found = encoding or probe.encoding(head)
    return Content(
        raw, name, digest.hexdigest(), size, unpacked, is_gzip, found,
        _sample_text(head, found),
    )  # fmt: skip


def open_text(content: Content) -> io.TextIOWrapper:
    """Open the unpacked text, line ends untouched; undecodable bytes become surrogates.

    A row that carries one is refused by the field that needs it; other rows are read.
    """
    stream = _open(content.raw)
    if content.is_gzip:
        stream = gzip.GzipFile(fileobj=stream)
    return io.TextIOWrapper(
        io.BufferedReader(stream, BLOCK),
        encoding=content.encoding,
        errors="surrogateescape" if _is_bytewise(content.encoding) else "replace",
        newline="",
    )


def _is_bytewise(encoding: str) -> bool:
    """UTF-16 and UTF-32 decode by units of several bytes: no surrogate escape there."""
    return not codecs.lookup(encoding).name.startswith(("utf-16", "utf-32"))


def _check_codec(encoding: str) -> None:
    """Refuse what is not a text codec of Python (rot13, hex and the like)."""
    try:
        b"".decode(encoding)
    except (LookupError, UnicodeError) as error:
        raise FeedError("unknown_encoding", encoding=encoding) from error


def _open(raw) -> BinaryIO:
    if not isinstance(raw, Path):
        return io.BytesIO(raw)
    try:
        return raw.open("rb")
    except OSError as error:  # a folder, somebody else's file
        raise FeedError("file_not_found", file=raw.name) from error


def _size(raw, name: str) -> int:
    if not isinstance(raw, Path):
        return len(raw)
    try:
        return raw.stat().st_size
    except OSError as error:
        raise FeedError("file_not_found", file=name) from error


def _starts_with(raw, prefix: bytes) -> bool:
    with _open(raw) as stream:
        return stream.read(len(prefix)) == prefix


def _blocks(raw, is_gzip: bool, name: str) -> Iterator[bytes]:
    with _open(raw) as stream:
        source = gzip.GzipFile(fileobj=stream) if is_gzip else stream
        try:
            while block := source.read(BLOCK):
                yield block
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise FeedError("damaged_archive", file=name) from error


def _sample_text(head: bytes, encoding: str) -> str:
    """Decode the sample and drop its last, perhaps cut, line."""
    text = head.decode(encoding, "replace")
    cut = text.rfind("\n")
    return text[: cut + 1] if len(head) == SAMPLE_BYTES and cut > 0 else text


class _EncodingProbe:
    """Counts over the whole file what speaks for UTF-8 and what against it.

    One damaged byte must not turn a UTF-8 file into another encoding, and a cp1252 file
    whose first accent stands in its last line must not be taken for UTF-8.
    """

    def __init__(self):
        self.good = self.bad = 0
        self.rest = b""

    def feed(self, block: bytes) -> None:
        block = self.rest + block
        self.rest = b""
        if block.isascii():
            return
        # keep a perhaps cut last character for the next block
        for back in range(1, min(4, len(block)) + 1):
            byte = block[-back]
            if byte >= 0xC0:
                self.rest, block = block[-back:], block[:-back]
                break
            if byte < 0x80:
                break
        for char in block.decode("utf-8", "surrogateescape"):
            if char > "\x7f":
                if "\udc80" <= char <= "\udcff":
                    self.bad += 1
                else:
                    self.good += 1

    def encoding(self, head: bytes) -> str:
        """Name the codec; the byte order mark decides, then the counts."""
        for mark, codec in (
            (codecs.BOM_UTF8, "utf-8-sig"),
            (codecs.BOM_UTF32_LE, "utf-32"),
            (codecs.BOM_UTF32_BE, "utf-32"),
            (codecs.BOM_UTF16_LE, "utf-16"),
            (codecs.BOM_UTF16_BE, "utf-16"),
        ):
            if head.startswith(mark):
                return codec
        if len(head) >= 4 and head[:4].count(0) == 2:
            if head[1] == 0 and head[3] == 0:
                return "utf-16-le"
            if head[0] == 0 and head[2] == 0:
                return "utf-16-be"
        if self.rest:
            self.bad += 1
        return "cp1252" if self.bad > self.good else "utf-8"
