"""Obtaining Odoo 19 and making it importable.

Looked for in this order: a folder named by ``ODOO_SRC``; Debian's ``odoo-19`` package,
downloaded with an apt configuration of our own (apt checks the archive's signature and
the package's hash) and unpacked, not installed. Only its ``odoo`` folder is used: the
package's other top-level folders (``addons``, ``setup``) would hide ours.
"""

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

from . import debian, paths, safe
from .ui import Failure, run, say, step

PACKAGE = "odoo-19"
# Targets of the relative links inside the package; font-awesome of the older suite has
# the paths it expects.
LINKED = [
    "fonts-roboto-unhinted",
    "fonts-montserrat",
    "fonts-ocr-b",
    "libjs-jquery",
    "libjs-jquery-form",
    "libjs-underscore",
    "fonts-font-awesome/bookworm",
    "fonts-inconsolata/bookworm",
]
# Left out of Debian's package; every back-office page asks for it and logs an error
# without it.
ABSENT_ASSET = "odoo/addons/mail/static/lib/selfie_segmentation/selfie_segmentation.js"
LAYOUT = "1"  # raise when the way the package is unpacked changes
ADVICE = (
    "Name a folder with Odoo 19 Community instead: ODOO_SRC=/path (a checkout of its "
    "19.0 branch or an unpacked "
    "source archive)."
)


@dataclass(frozen=True)
class Source:
    """An Odoo 19 that can be imported.

    path: folder that holds the ``odoo`` package and nothing else that matters
    version: "19.0..." as its publisher names it
    key: hash that changes whenever the content may have changed
    addons: further add-on folders (a source checkout keeps most add-ons beside the
        package)
    """

    path: Path
    version: str
    key: str
    addons: tuple = ()


def obtain():
    """Return the Odoo source, downloading it the first time."""
    named = os.environ.get("ODOO_SRC")
    if named:
        return _from_folder(Path(named).expanduser().resolve())
    store = paths.cache() / "odoo"
    current = store / f"current-{LAYOUT}.json"
    known = _read(current)
    if known:
        return known
    with safe.locked(store / "lock"):
        known = _read(current)
        if known:
            return known
        with step("Odoo 19 from the Debian archive"):
            source = _from_debian(store)
        facts = {"path": str(source.path), "version": source.version, "key": source.key}
        safe.write(current, json.dumps(facts))
        return source


def _read(current):
    if not current.exists():
        return None
    facts = json.loads(current.read_text())
    path = Path(facts["path"])
    return Source(path, facts["version"], facts["key"]) if path.is_dir() else None


def _release(folder):
    text = (folder / "odoo" / "release.py").read_text()
    match = re.search(r"version_info\s*=\s*\((\d+),\s*(\d+)", text)
    return f"{match[1]}.{match[2]}" if match else "unknown"


def _require_19(version, origin):
    if not version.startswith("19.0"):
        raise Failure(
            f"{origin} is Odoo {version}; this suite is written for Odoo 19.0. {ADVICE}"
        )


def _from_folder(folder):
    if not (folder / "odoo" / "release.py").exists():
        raise Failure(f"ODOO_SRC={folder} holds no odoo/release.py. {ADVICE}")
    version = _release(folder)
    _require_19(version, f"ODOO_SRC={folder}")
    key = paths.digest(str(folder), (folder / "odoo" / "release.py"))
    link = paths.cache() / "odoo" / f"folder-{key}"
    with safe.locked(link.parent / "lock"):
        if not link.is_dir():
            with safe.new_folder(link) as work:
                (work / "odoo").symlink_to(folder / "odoo")
    beside = folder / "addons"
    return Source(
        link, version, key, (beside,) if (beside / "account").is_dir() else ()
    )


def _from_debian(store):
    for program in ("apt-get", "dpkg-deb", "tar"):
        if not shutil.which(program):
            raise Failure(
                f"{program} is not on this machine, so Debian's Odoo cannot be "
                f"fetched. {ADVICE}"
            )
    apt = _Apt(store / "apt")
    apt.update()
    version, sha256 = apt.candidate(PACKAGE)
    _require_19(version, f"Debian's {PACKAGE}")
    say(f"    {PACKAGE} {version}, sha256 {sha256}")
    key = paths.digest(sha256, LAYOUT)
    target = store / key
    if not target.is_dir():
        archives = apt.download([f"{PACKAGE}={version}", *LINKED])
        with safe.new_folder(target) as work:
            _unpack(archives, work)
        shutil.rmtree(apt.archives, ignore_errors=True)
    return Source(target / "usr/lib/python3/dist-packages", version, key)


def _unpack(archives, folder):
    for archive in archives:
        if archive.name.startswith(PACKAGE):
            # of 60 languages keep French: 380 MB instead of 1.2 GB
            command = (
                'dpkg-deb --fsys-tarfile "$1" | tar -x -C "$2" --no-same-owner '
                "--wildcards --exclude='*/i18n*/[a-eg-z]*.po' "
                "./usr/lib/python3/dist-packages/odoo"
            )
            run(
                ["bash", "-o", "pipefail", "-c", command, "unpack", archive, folder],
                problem="Unpacking Odoo failed",
            )
        else:
            run(
                ["dpkg-deb", "-x", archive, folder],
                problem=f"Unpacking {archive.name} failed",
            )
    package = folder / "usr/lib/python3/dist-packages"
    absent = package / ABSENT_ASSET
    if not absent.exists():
        absent.parent.mkdir(parents=True, exist_ok=True)
        absent.write_text("")
    broken = [
        link for link in package.rglob("*") if link.is_symlink() and not link.exists()
    ]
    if broken:
        say(
            f"    note: {len(broken)} links of the package lead nowhere, the first is "
            f"{broken[0].name}"
        )


class _Apt:
    """apt with a configuration, lists and downloads of its own; the machine's package
    state is not touched.
    """

    def __init__(self, folder):
        self.folder = folder
        self.archives = folder / "archives"
        for part in (
            "lists/partial",
            "cache/archives/partial",
            "state",
            "etc",
            "archives",
        ):
            (folder / part).mkdir(parents=True, exist_ok=True)
        address = debian.require_mirror()
        stanza = dedent(
            f"""\
            Types: deb
            URIs: {address}
            Suites: sid bookworm
            Components: main
            Signed-By: {debian.DEFAULT_KEYRING}
            """
        )
        safe.write(folder / "etc" / "debian.sources", stanza)
        settings = dedent(
            f"""\
            Dir::State "{folder}/state";
            Dir::State::lists "{folder}/lists";
            Dir::State::status "/dev/null";
            Dir::Cache "{folder}/cache";
            Dir::Etc::SourceList "/dev/null";
            Dir::Etc::SourceParts "{folder}/etc";
            Dir::Etc::Preferences "/dev/null";
            Dir::Etc::PreferencesParts "/dev/null";
            Acquire::Languages "none";
            Acquire::Retries "3";
            """
        )
        if os.geteuid() == 0:
            settings += 'APT::Sandbox::User "root";\n'
        safe.write(folder / "apt.conf", settings)
        self.environment = {
            **os.environ,
            "APT_CONFIG": str(folder / "apt.conf"),
            "LC_ALL": "C.UTF-8",
        }
        self.problem = (
            "Odoo could not be fetched from the Debian archive. Check that the "
            "package mirror of this machine "
            f"answers and has the suites sid and bookworm, or name another one with "
            f"RELEVE_DEBIAN_MIRROR. {ADVICE}"
        )

    def update(self):
        run(["apt-get", "update", "-q"], problem=self.problem, env=self.environment)

    def candidate(self, package):
        """Version and sha256 of the newest package the archive offers."""
        done = subprocess.run(
            ["apt-cache", "show", "--no-all-versions", package],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        facts = dict(re.findall(r"^(Version|SHA256): (\S+)$", done.stdout, re.M))
        if len(facts) < 2:
            raise Failure(f"The Debian archive has no package {package}. {ADVICE}")
        return facts["Version"], facts["SHA256"]

    def download(self, packages):
        """Download into ``archives`` and return the files; apt checks size and hash of
        each.
        """
        shutil.rmtree(self.archives, ignore_errors=True)
        self.archives.mkdir()
        run(
            ["apt-get", "download", "-q", *packages],
            problem=self.problem,
            env=self.environment,
            cwd=self.archives,
        )
        return sorted(self.archives.glob("*.deb"))
