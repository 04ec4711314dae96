# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""The ZIP handed over at an inspection: written in one pass, verified anywhere.

manifest.json           what is inside, with the SHA-256 of every file
chain.jsonl             the links, without content
documents/NUMBER/…      PDF, XML, sealed content, payments, usage, rules
anchors/…  keys/…       signed statements and public certificates
verifier/sealing/…      this package; LISEZMOI.txt says how to run it
"""

import json
import zipfile
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from .canonical import sha256
from .chain import Link
from .database import TEXTS, Anchor, ArchivedFile, Chain
from .problems import Problem

VERSION = 1
MANIFEST = "manifest.json"
CHAIN = "chain.jsonl"


class _Chunks:
    """A stream that is read while it is written; never holds more than one file."""

    def __init__(self):
        self.parts, self.position = [], 0

    # no model: pylint: disable-next=method-required-super
    def write(self, data):
        self.parts.append(bytes(data))
        self.position += len(data)
        return len(data)

    def flush(self):
        """Nothing waits: what is written can be drained."""

    def drain(self):
        parts, self.parts = self.parts, []
        return b"".join(parts)


class BundleWriter:
    """Writes a bundle a file at a time; ``drain`` gives the bytes so far."""

    def __init__(self):
        self._chunks = _Chunks()
        self._zip = zipfile.ZipFile(self._chunks, "w", zipfile.ZIP_DEFLATED)
        self._files, self._names = [], set()

    def add(self, path, content, **about):
        """Add one file.

        :param about: kind, key and revision of the fact it belongs to, if any
        """
        path = self._free(path)
        self._zip.writestr(path, content)
        self._files.append(
            {"path": path, "sha256": sha256(content), "size": len(content), **about}
        )

    def add_lines(self, path, lines):
        """Add a file made of lines of bytes without holding it whole."""
        import hashlib

        digest, size = hashlib.sha256(), 0
        with self._zip.open(path, "w", force_zip64=True) as target:
            for line in lines:
                target.write(line)
                digest.update(line)
                size += len(line)
        self._files.append({"path": path, "sha256": digest.hexdigest(), "size": size})

    def _free(self, path):
        """Give a path that is not taken: two documents may have one number."""
        stem, dot, suffix = path.rpartition(".")
        count, free = 1, path
        while free in self._names:
            count += 1
            free = f"{stem}-{count}{dot}{suffix}"
        self._names.add(free)
        return free

    def drain(self):
        return self._chunks.drain()

    def close(self, manifest):
        """Add verifier and manifest, and end the ZIP.

        :param dict manifest: company, chain, anchors, documents, selection, ...
        """
        for path in sorted(Path(__file__).parent.glob("*.py")):
            self.add(f"verifier/sealing/{path.name}", path.read_bytes())
        manifest = {"version": VERSION, **manifest, "files": self._files}
        text = json.dumps(manifest, ensure_ascii=False, indent=1, default=str)
        self._zip.writestr(MANIFEST, text.encode())
        self._zip.close()


def link_line(link):
    """Write a link as one line of chain.jsonl."""
    values = asdict(link)
    values["sealed_at"] = link.sealed_at.isoformat(timespec="seconds")
    return (
        json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
    )


def read_link(line):
    values = json.loads(line)
    values["sealed_at"] = datetime.fromisoformat(values["sealed_at"])
    return Link(**values)


class BundleSource:
    """What the verifier reads of a bundle; see database.DatabaseSource."""

    has_ledger = False
    is_complete = False

    def __init__(self, path):
        """:raise OSError, zipfile.BadZipFile, KeyError, ValueError: no bundle"""
        self._zip = zipfile.ZipFile(path)
        self.manifest = json.loads(self._zip.read(MANIFEST))
        self._documents = set(self.manifest["documents"])
        self._paths = {
            (file["kind"], file["key"], file["revision"]): file["path"]
            for file in self.manifest["files"]
            if file.get("kind") in TEXTS and "revision" in file
        }

    def _read(self, path):
        try:
            return self._zip.read(path)
        except (KeyError, zipfile.BadZipFile):
            # a CRC that does not match is an altered file too
            return None

    def problems(self):
        """Compare every file with the manifest."""
        names = {name for name in self._zip.namelist() if not name.endswith("/")}
        for file in self.manifest["files"]:
            names.discard(file["path"])
            content = self._read(file["path"])
            if content is None:
                yield Problem("file_missing", file["path"], "bundle")
            elif sha256(content) != file["sha256"]:
                yield Problem(
                    "file_altered",
                    file["path"],
                    "bundle",
                    expected=file["sha256"],
                    found=sha256(content),
                )
        for name in sorted(names - {MANIFEST}):
            yield Problem("file_unknown", name)

    def chains(self):
        return [Chain(**self.manifest["chain"])]

    def links(self, _chain):
        if CHAIN not in self._zip.namelist():
            return
        try:
            with self._zip.open(CHAIN) as lines:
                for line in lines:
                    link = read_link(line)
                    path = self._paths.get((link.kind, link.key, link.revision))
                    content = self._read(path) if path else None
                    yield link, content and content.decode(errors="replace")
        except (zipfile.BadZipFile, ValueError, KeyError, TypeError):
            # the rest cannot be read: problems() named the file, the head is missing
            return

    def unlinked(self, _chain):
        return ()

    def is_overdue(self, _sealed_at):
        return False

    def holds_payload(self, link):
        return (link.kind, link.key, link.revision) in self._paths

    def payloads(self, links):
        found = {}
        for link in links:
            path = self._paths.get((link.kind, link.key, link.revision))
            content = self._read(path) if path else None
            found[link.key, link.revision] = content and content.decode()
        return found

    def check_begin(self, _chain, _sealed):
        return ()

    def added_files(self, _chain):
        return ()

    def holds(self, link):
        return self.must_hold(link.kind, link.key)

    def must_hold(self, kind, key):
        """Files of the documents in the selection, and nothing of other customers."""
        return kind in ("pdf", "xml") and key in self._documents

    def anchors(self, _chain):
        for anchor in self.manifest["anchors"]:
            content = self._read(anchor["path"])
            yield Anchor(
                anchor["id"],
                anchor["name"],
                anchor["sequence"],
                anchor["head"],
                anchor["fingerprint"],
                content,
            )

    def certificate(self, _chain, fingerprint):
        content = self._read(f"keys/{fingerprint}.pem")
        return content.decode() if content else None

    def files(self, _chain):
        for file in self.manifest["files"]:
            # an anchor is proven by its signature; the last one has no link yet
            is_text = file.get("kind") in TEXTS and "revision" in file
            if file.get("kind") and file["kind"] != "anchor" and not is_text:
                path = file["path"]
                yield ArchivedFile(
                    path,
                    file["kind"],
                    file["key"],
                    path,
                    file["sha256"],
                    # the bytes were compared with the manifest already
                    (),
                )
