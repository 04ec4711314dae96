"""What makes an unpacked Odoo importable."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tools.releve import cli, environment, native, odoo_source, settings
from tools.releve.odoo_source import Source
from tools.releve.ui import Failure, run


def test_stub_wheel_has_path_script_and_no_requirement(tmp_path):
    source = Source(Path("/somewhere/odoo"), "19.0", "key")
    wheel = environment.stub_wheel(source, tmp_path)
    with zipfile.ZipFile(wheel) as archive:
        assert archive.read("odoo-19.0.pth").decode() == "/somewhere/odoo\n"
        assert b"Requires-Dist" not in archive.read("odoo-19.0.dist-info/METADATA")
        assert archive.read("odoo-19.0.data/scripts/odoo").startswith(b"#!python")


def build(folder):
    """What is said when the library is built with the compiler that CC names."""
    source = folder / "native"
    shutil.copytree(native.SOURCE, source, dirs_exist_ok=True)
    done = subprocess.run(
        [sys.executable, "setup.py", "-q", "build_py", "-d", folder / "lib"],
        cwd=source,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode
    assert "Install gcc" in done.stderr and "in the variable CC" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
def compiler(tmp_path):
    """A program that writes down its arguments and fails, in a folder with a space."""
    program = tmp_path / "of a user" / "bin" / "python"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\necho "$@" > "{tmp_path}/said"; exit 3\n')
    program.chmod(0o755)
    return program


def test_the_library_is_built_by_the_compiler_that_cc_names(
    compiler, tmp_path, monkeypatch
):
    monkeypatch.setenv("CC", f"'{compiler}' cc")
    assert native.compiler() == f"'{compiler}' cc"
    build(tmp_path)
    said = (tmp_path / "said").read_text()
    assert said.startswith("cc -O3") and said.endswith("columns.c\n")
    assert "-march" not in said and "-mcpu" not in said


def test_ziglang_builds_for_any_processor_and_from_any_folder(
    compiler, tmp_path, monkeypatch
):
    monkeypatch.setenv("CC", native.ziglang(compiler.parents[1]))
    build(tmp_path)
    said = (tmp_path / "said").read_text()
    assert said.startswith("-m ziglang cc -mcpu=baseline -O3")


@pytest.mark.parametrize("name", ["no such compiler", "'without an end"])
def test_a_compiler_that_cannot_be_called_is_told_with_what_to_do(
    name, tmp_path, monkeypatch
):
    monkeypatch.setenv("CC", name)
    build(tmp_path)


def test_ziglang_comes_only_where_the_machine_has_no_compiler(monkeypatch, tmp_path):
    used = []
    monkeypatch.setattr(environment, "_build", lambda home, _title, do: do(home))
    monkeypatch.setattr(environment, "_install", lambda *_arguments: None)
    monkeypatch.setattr(environment, "stub_wheel", lambda *_arguments: None)
    monkeypatch.setattr(environment, "uv", lambda: "uv")
    monkeypatch.setattr(environment, "_compiler", lambda: tmp_path / "zig env")
    monkeypatch.setattr(native, "install", lambda *arguments: used.append(arguments[3]))
    for found in ("gcc", None):
        monkeypatch.setattr(native, "compiler", lambda found=found: found)
        environment.suite(Source(Path("/somewhere/odoo"), "19.0", "key"))
    assert used == ["gcc", f"'{tmp_path}/zig env/bin/python' -m ziglang cc"]


def test_without_a_compiler_of_the_machine_there_is_none(monkeypatch, tmp_path):
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert native.compiler() is None
    # nor one that has no headers to compile with
    (tmp_path / "gcc").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "gcc").chmod(0o755)
    assert native.compiler() is None
    (tmp_path / "clang").write_text("#!/bin/sh\nexit 0\n")
    (tmp_path / "clang").chmod(0o755)
    assert native.compiler() == "clang"
    lock = environment.lock("compiler").read_text()
    assert lock.startswith("ziglang==") and "--hash=sha256:" in lock


@pytest.mark.parametrize(
    "name", [str(path.relative_to(native.SOURCE)) for path in native.sources()]
)
def test_another_library_is_another_environment(name, tmp_path, monkeypatch):
    monkeypatch.setattr(environment, "_build", lambda home, *_arguments: home.name)
    source, folder = Source(Path("/somewhere/odoo"), "19.0", "key"), tmp_path / "native"
    shutil.copytree(native.SOURCE, folder)
    before = environment.suite(source)
    monkeypatch.setattr(native, "SOURCE", folder)
    assert environment.suite(source) == before
    with open(folder / name, "a") as file:
        file.write("another one")
    assert environment.suite(source) != before


def test_other_odoo_than_19_is_refused_with_what_to_do(tmp_path, monkeypatch):
    release = tmp_path / "odoo" / "release.py"
    release.parent.mkdir()
    release.write_text("version_info = (18, 0, 0, 'final', 0, '')\n")
    monkeypatch.setenv("ODOO_SRC", str(tmp_path))
    with pytest.raises(Failure, match="Odoo 18.0.*19.0.*ODOO_SRC"):
        odoo_source.obtain()


def test_folder_without_odoo_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("ODOO_SRC", str(tmp_path))
    with pytest.raises(Failure, match="holds no odoo/release.py"):
        odoo_source.obtain()


def test_environment_variable_wins_over_default(monkeypatch):
    monkeypatch.setenv("RELEVE_PORT", "8100")
    assert settings.get("odoo", "port", "RELEVE_PORT", "8069") == "8100"
    monkeypatch.delenv("RELEVE_PORT")
    assert settings.get("odoo", "nothing", "RELEVE_PORT", "8069") == "8069"


def test_failing_program_becomes_a_readable_failure(capsys):
    with pytest.raises(Failure, match=r"Index is silent \(status 3\)"):
        code = "import sys; print('detail'); sys.exit(3)"
        run([sys.executable, "-c", code], problem="Index is silent", quiet=True)
    assert "detail" in capsys.readouterr().out


def test_failure_ends_the_command_with_status_1(monkeypatch, capsys):
    def fail(*_arguments, **_options):
        raise Failure("No disk. Buy one.")

    monkeypatch.setattr(cli, "prepare", fail)
    assert cli.main(["setup"]) == 1
    assert "Stopped: No disk. Buy one." in capsys.readouterr().err


def test_every_command_explains_itself():
    done = subprocess.run(
        [sys.executable, "-m", "tools.releve", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    for name in ("demo", "test", "golden", "bench", "lint", "i18n", "clean", "db"):
        assert f"    {name}" in done.stdout
