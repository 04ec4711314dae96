"""The Debian mirror is the one the machine already uses."""

import pytest

from tools.releve import debian

DEB822 = """\
# a comment
Types: deb
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
"""
VENDOR = "deb [signed-by=/etc/k.gpg] https://vendor.example/apt stable main\n"


@pytest.fixture
def etc(tmp_path, monkeypatch):
    monkeypatch.delenv("RELEVE_DEBIAN_MIRROR", raising=False)
    (tmp_path / "sources.list.d").mkdir()
    return tmp_path


def test_mirror_from_deb822_sources(etc):
    (etc / "sources.list.d" / "debian.sources").write_text(DEB822)
    assert debian.mirror(etc) == "http://mirror.example/debian"


def test_mirror_from_one_line_sources_with_options(etc):
    (etc / "sources.list").write_text(
        "# deb http://old.example/debian bookworm main\n"
        "deb http://sec.example/debian-security bookworm-security main\n"
        "deb [arch=amd64] http://one.example/debian/ bookworm main contrib\n"
    )
    assert debian.mirror(etc) == "http://one.example/debian/"


def test_security_archive_and_vendors_are_not_the_mirror(etc):
    (etc / "sources.list").write_text(
        "deb http://sec.example/debian-security bookworm-security main\n"
    )
    (etc / "sources.list.d" / "vendor.list").write_text(VENDOR)
    assert debian.mirror(etc) is None


def test_disabled_stanza_is_ignored(etc):
    text = DEB822.replace(
        "Types: deb\nURIs: http://mirror.example/debian\n",
        "Enabled: no\nTypes: deb\nURIs: http://mirror.example/debian\n",
    )
    (etc / "sources.list.d" / "debian.sources").write_text(text)
    assert debian.mirror(etc) is None


def test_environment_variable_wins(etc, monkeypatch):
    (etc / "sources.list.d" / "debian.sources").write_text(DEB822)
    monkeypatch.setenv("RELEVE_DEBIAN_MIRROR", "http://mine.example/debian")
    assert debian.mirror(etc) == "http://mine.example/debian"


def test_without_any_mirror_the_message_says_what_to_do(monkeypatch):
    monkeypatch.setattr(debian, "mirror", lambda: None)
    with pytest.raises(debian.Failure, match="RELEVE_DEBIAN_MIRROR.*ODOO_SRC"):
        debian.require_mirror()


def test_every_runtime_package_has_a_reason():
    assert all(reason for reason in debian.runtime_packages().values())
