"""The files of an archived month: written so that they are whole or not there.

``events.copy.gz`` holds rows in PostgreSQL's text COPY format, by key. It is a gzip
file of many members (RFC 1952, section 2.2): any tool reads it as one, and one row is
found by reading the member it lies in. Where members begin is in the manifest.
"""

import gzip
import hashlib
import os
import re
import zlib
from bisect import bisect_right
from uuid import UUID

from .errors import StoreError

#: Columns of a row, and where in it stand the ones that are looked at.
COLUMNS = (
    "id, time, payload_hash, key, route_id, row_number, event_id, value, amount,"
    " properties"
)
ID, KEY, ROUTE = 0, 3, 4
FILE, MANIFEST = "events.copy.gz", "manifest.json"
#: Bytes of rows in a member.
MEMBER = 8 << 20
_BLOCK = 1 << 20
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


class Members:
    """Takes whole rows and writes them to a file as gzip members.

    begins: (key of the first row as hexadecimal text, offset) of each member
    """

    def __init__(self, file):
        self.file = file
        self.begins = []
        self._packer = None
        self._taken = 0

    # no model, so no write() above: pylint: disable-next=method-required-super
    def write(self, row):
        """For COPY TO STDOUT, which gives row by row."""
        if self._packer is None:
            key = row.split(b"\t", KEY + 1)[KEY].decode().replace("-", "")
            self.begins.append((key, self.file.tell()))
            self._packer = zlib.compressobj(6, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
            self._taken = 0
        self.file.write(self._packer.compress(row))
        self._taken += len(row)
        if self._taken >= MEMBER:
            self.close()

    def close(self):
        if self._packer is not None:
            self.file.write(self._packer.flush())
            self._packer = None
        elif not self.begins:  # no row at all: still a gzip file
            self.file.write(gzip.compress(b"", mtime=0))


def write(path, fill):
    """Write a file so that it is whole or not there, and on the disk.

    :param fill: function of the open file
    """
    draft = path.with_suffix(path.suffix + ".part")
    with open(draft, "wb") as file:
        fill(file)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    handle = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def export(cursor, name, path):
    """Write the rows of a month's table.

    :return: see :attr:`Members.begins`
    """
    begins = []

    def fill(file):
        members = Members(file)
        cursor.copy_expert(
            f"COPY (SELECT {COLUMNS} FROM {name} ORDER BY key) TO STDOUT", members
        )
        members.close()
        begins.extend(members.begins)

    write(path, fill)
    return begins


def read_again(path):
    """Rows and SHA-256 of an archive file as it is on disk.

    :raise StoreError: "archive_broken": it cannot be read to its end
    """
    digest, rows = hashlib.sha256(), 0
    try:
        with open(path, "rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
        with gzip.open(path) as source:
            while block := source.read(_BLOCK):
                rows += block.count(b"\n")
    except (OSError, EOFError, zlib.error) as error:
        raise StoreError("archive_broken", path=str(path)) from error
    return rows, digest.hexdigest()


def rows_of_routes(path, sha256, route_ids):
    """Rows of a file with one of these routes, as they stand in it.

    :param str sha256: of the file when it was written
    :rtype: Iterator[bytes]
    :raise StoreError: "archive_broken", at the end: it is another file
    """
    wanted = {str(number).encode() for number in route_ids}
    try:
        with open(path, "rb") as file:
            hashed = _Hashed(file)
            with gzip.GzipFile(fileobj=hashed) as source:
                for row in source:
                    if row.split(b"\t", ROUTE + 1)[ROUTE] in wanted:
                        yield row
            hashed.read_rest()
    except (OSError, EOFError, zlib.error) as error:
        raise StoreError("archive_broken", path=str(path)) from error
    if hashed.digest.hexdigest() != sha256:
        raise StoreError("archive_broken", path=str(path))


def rows_with_keys(path, begins, keys):
    """Rows of a file with one of these keys; only their members are read.

    :param begins: see :attr:`Members.begins`
    :param keys: as hexadecimal text
    :return: {key: list of the texts of COLUMNS, None for NULL} of those that are there
    :raise StoreError: "archive_broken": a member cannot be read
    """
    firsts = [key for key, _offset in begins]
    places, found = {}, {}
    for key in sorted(keys):
        place = bisect_right(firsts, key) - 1
        if place >= 0:
            places.setdefault(place, {})[str(UUID(key)).encode()] = key
    try:
        with open(path, "rb") as file:
            for place, wanted in places.items():
                file.seek(begins[place][1])
                last = max(wanted)
                with gzip.GzipFile(fileobj=file) as source:
                    for row in source:
                        fields = row.split(b"\t", ROUTE + 1)
                        if fields[KEY] in wanted:
                            found[wanted[fields[KEY]]] = _texts(row)
                        if fields[KEY] >= last:
                            break
    except (OSError, EOFError, zlib.error) as error:
        raise StoreError("archive_broken", path=str(path)) from error
    return found


def _texts(row):
    """Fields of a row of PostgreSQL's text COPY format ("COPY", File Formats)."""
    return [
        None if field == "\\N" else _ESCAPED.sub(_unescape, field)
        for field in row.decode().rstrip("\n").split("\t")
    ]


def _unescape(found):
    return _ESCAPES.get(found[1], found[1])


class _Hashed:
    """A file that is read once and knows the digest of what was read."""

    def __init__(self, file):
        self.file = file
        self.digest = hashlib.sha256()

    # no model, so no read() above: pylint: disable-next=method-required-super
    def read(self, size=-1):
        data = self.file.read(size)
        self.digest.update(data)
        return data

    def read_rest(self):
        while self.read(_BLOCK):
            pass
