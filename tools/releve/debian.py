"""Debian: the mirror this machine uses, and the system packages the suite needs."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from . import paths
from .ui import Failure, run, say, step

# name: why it is needed
TEST_PACKAGES = {
    "chromium": "browser tours and screenshots",
    "poppler-utils": "looking into PDF files (pdftotext, pdftoppm)",
}
# programs that serve as well as the package of that name
PROGRAMS = {
    "chromium": ("chromium", "google-chrome"),
    "poppler-utils": ("pdftotext",),
}
# programs that serve as well as the package of that name
PROGRAMS = {
    "chromium": ("chromium", "google-chrome"),
    "poppler-utils": ("pdftotext",),
}
DEFAULT_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


def runtime_packages():
    """Packages of ``config/packages.txt``, which the Docker image installs as well.

    :return: name -> why it is needed
    :rtype: dict
    """
    lines = (paths.CONFIG / "packages.txt").read_text().splitlines()
    return dict(line.split(" ", 1) for line in lines if line and line[0] != "#")


def _deb822_stanzas(text):
    for block in re.split(r"\n\s*\n", text):
        fields, name = {}, None
        for line in block.splitlines():
            if line.startswith("#") or not line.strip():
                continue
            if line[0].isspace() and name:
                fields[name] += " " + line.strip()
            elif ":" in line:
                name, _, value = line.partition(":")
                name = name.strip().lower()
                fields[name] = value.strip()
        if fields:
            yield fields


def _deb822_sources(text):
    for fields in _deb822_stanzas(text):
        if fields.get("enabled", "yes").lower() in ("no", "false", "0", "off"):
            continue
        if "deb" in fields.get("types", "").split():
            for uri in fields.get("uris", "").split():
                yield (
                    uri,
                    fields.get("suites", "").split(),
                    fields.get("components", "").split(),
                )


def _one_line_sources(text):
    pattern = re.compile(r"^\s*deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)\s+(.+)$")
    for line in text.splitlines():
        match = pattern.match(line.split("#")[0])
        if match:
            yield match[1], [match[2]], match[3].split()


def mirror(etc=Path("/etc/apt")):
    """Address of the Debian archive this machine installs from.

    :param Path etc: apt's configuration folder
    :return: the address, or None when the machine names none
    """
    named = os.environ.get("RELEVE_DEBIAN_MIRROR")
    if named:
        return named
    sources = []
    for path in [etc / "sources.list", *sorted(etc.glob("sources.list.d/*"))]:
        if path.suffix == ".sources":
            sources += _deb822_sources(path.read_text())
        elif path.suffix == ".list" and path.exists():
            sources += _one_line_sources(path.read_text())
    for uri, suites, components in sources:
        release_suites = [
            s for s in suites if not re.search(r"security|updates|backports|/$", s)
        ]
        if (
            "main" in components
            and release_suites
            and uri.rstrip("/").endswith("debian")
        ):
            return uri
    return None


def missing_packages(wanted):
    """Names among ``wanted`` that this machine lacks; libraries all, without dpkg."""
    wanted = [
        name for name in wanted if not any(map(shutil.which, PROGRAMS.get(name, ())))
    ]
    if not wanted:
        return []
    if not shutil.which("dpkg-query"):
        return list(wanted)
    done = subprocess.run(
        ["dpkg-query", "-W", "-f=${Package} ${db:Status-Status}\n", *wanted],
        capture_output=True,
        text=True,
        check=False,
    )
    installed = {
        line.split()[0]
        for line in done.stdout.splitlines()
        if line.endswith(" installed")
    }
    return [name for name in wanted if name not in installed]


def install(packages):
    """Install what is missing of the named packages.

    :param dict packages: name -> why it is needed
    :return: names still missing, because this user may not install or the machine is
        not a Debian
    :rtype: list
    """
    missing = missing_packages(packages)
    if not missing:
        return []
    if os.geteuid() or not shutil.which("apt-get"):
        say(
            "    These packages are missing and only an administrator can install them:"
        )
        for name in missing:
            say(f"      {name}: {packages[name]}")
        return missing
    with step(f"Debian packages: {' '.join(missing)}"):
        problem = (
            "Debian packages could not be installed. Check that the package mirror "
            "of this machine answers "
            "(apt-get update), then run the same command again."
        )
        wait = ["-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=3"]
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        run(
            ["apt-get", "update", "-q", *wait],
            problem=problem,
            env=environment,
            quiet=True,
        )
        run(
            [
                "apt-get",
                "install",
                "-y",
                "-q",
                "--no-install-recommends",
                *wait,
                *missing,
            ],
            problem=problem,
            env=environment,
            quiet=True,
        )
    return []


def require_mirror():
    """Address of the Debian archive, or a failure that says how to name one."""
    address = mirror()
    if not address:
        raise Failure(
            "No Debian mirror found in apt's configuration. Name one with "
            "RELEVE_DEBIAN_MIRROR=<address>, or give "
            "an Odoo 19 source folder with ODOO_SRC=/path."
        )
    return address
