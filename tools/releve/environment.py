"""Python environments: one that runs Odoo and the tests, one for lint tools and one
for the official clients of other systems (their versions fight).
"""

import base64
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import zipfile

from . import debian, native, paths, safe
from .ui import Failure, run, step

UV = "uv==0.13.9"
LAUNCHER = (
    "#!python\nimport odoo.cli\n\nif __name__ == '__main__':\n    odoo.cli.main()\n"
)
REGISTRY = (
    "Python packages could not be installed. Check that the package index of this "
    "machine answers "
    "(pip download wheel), then run the same command again."
)


def lock(name):
    """Path of a lock file: "" for the suite, "tools", "lint", "clients", "compiler"."""
    return paths.CONFIG / (f"requirements-{name}.txt" if name else "requirements.txt")


def python():
    """The interpreter environments are built with: 3.11, or 3.12 where there is no
    3.11.
    """
    for name in (sys.executable, "python3.11", "python3.12"):
        found = shutil.which(name)
        if not found:
            continue
        command = [
            found,
            "-c",
            "import sys; print(*sys.version_info[:2], sys.executable)",
        ]
        major, minor, path = subprocess.run(
            command, capture_output=True, text=True, check=True
        ).stdout.split(None, 2)
        if (major, minor) in (("3", "11"), ("3", "12")):
            return path.strip(), f"{major}.{minor}"
    raise Failure(
        f"Python 3.11 (or 3.12) is needed; this is {platform.python_version()}. "
        f"Install python3.11 and start with "
        "python3.11 -m tools.releve."
    )


def _settings():
    """Environment for uv: its cache beside ours, and the package index pip is
    configured for, if any.
    """
    environment = {
        **os.environ,
        "UV_CACHE_DIR": str(paths.cache() / "uv-cache"),
        "UV_PYTHON_DOWNLOADS": "never",
    }
    environment.pop("VIRTUAL_ENV", None)
    if "UV_DEFAULT_INDEX" not in environment:
        pip = [sys.executable, "-m", "pip", "config", "get", "global.index-url"]
        index = (
            os.environ.get("PIP_INDEX_URL")
            or subprocess.run(
                pip, capture_output=True, text=True, check=False
            ).stdout.strip()
        )
        if index:
            environment["UV_DEFAULT_INDEX"] = index
    return environment


def uv():
    """Path of the uv program; installed into its own environment the first time."""
    interpreter, version = python()
    home = paths.cache() / "uv" / f"{UV.replace('==', '-')}-py{version}"
    program = home / "bin" / "uv"
    if (home / ".complete").exists():
        return program
    with safe.locked(home.parent / "lock"):
        if not (home / ".complete").exists():
            with step(f"{UV} from the Python package index"):
                shutil.rmtree(home, ignore_errors=True)
                _bare_environment(interpreter, home)
                run([home / "bin" / "pip", "install", "-q", UV], problem=REGISTRY)
                (home / ".complete").touch()
    return program


def _bare_environment(interpreter, home):
    probe = subprocess.run(
        [interpreter, "-c", "import ensurepip"], capture_output=True, check=False
    )
    if probe.returncode:
        missing = debian.install({"python3-venv": "creating Python environments"})
        if missing:
            raise Failure(
                "Python's venv module is incomplete: ask an administrator to install "
                "python3-venv."
            )
    run([interpreter, "-m", "venv", home], problem="Python's venv module failed")


def stub_wheel(source, folder):
    """Write a wheel that makes an unpacked Odoo importable and gives it a real ``odoo``
    script.

    It declares no requirement, so that our lock decides the versions. A real script is
    needed because prefork mode starts its own first argument again.

    :param Source source: where the ``odoo`` package lies
    :param Path folder: where to write the wheel
    :return: path of the wheel
    """
    info = "odoo-19.0.dist-info"
    files = {
        "odoo-19.0.pth": f"{source.path}\n",
        "odoo-19.0.data/scripts/odoo": LAUNCHER,
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: odoo\nVersion: 19.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: releve\nRoot-Is-Purelib: "
        "true\nTag: py3-none-any\n",
    }
    record = []
    for name, text in files.items():
        value = (
            base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest())
            .rstrip(b"=")
            .decode()
        )
        record.append(f"{name},sha256={value},{len(text.encode())}\n")
    files[f"{info}/RECORD"] = "".join([*record, f"{info}/RECORD,,\n"])
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / "odoo-19.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return wheel


def _build(home, title, install):
    """Create an environment in place (environments cannot be moved) and mark it
    complete at the end.
    """
    done = home / ".complete"
    if done.exists():
        return home
    with safe.locked(home.parent / f".{home.name}.lock"):
        if not done.exists():
            with step(title):
                shutil.rmtree(home, ignore_errors=True)
                run(
                    [uv(), "venv", "-q", "--python", python()[0], home],
                    env=_settings(),
                    problem=REGISTRY,
                )
                install(home)
                done.touch()
    return home


def _install(home, *arguments):
    command = [
        uv(),
        "pip",
        "install",
        "--no-deps",
        "--python",
        home / "bin" / "python",
        *arguments,
    ]
    run(command, env=_settings(), problem=REGISTRY)


def suite(source):
    """Environment with Odoo, the suite's requirements, PostgreSQL's programs and the
    test tools.

    :return: folder of the environment
    :rtype: Path
    """
    key = paths.digest(
        *(lock(""), lock("tools"), source.key, str(source.path), python()[1], LAUNCHER),
        *native.sources(),
    )

    def install(home):
        _install(home, "--require-hashes", "-r", lock(""), "-r", lock("tools"))
        _install(home, stub_wheel(source, home / "share"))
        compiler = native.compiler() or native.ziglang(_compiler())
        native.install(uv(), home, _settings(), compiler)

    return _build(paths.cache() / "venv" / key, f"Python environment ({key})", install)


def _compiler():
    """Environment with a C compiler, for machines that have none."""
    return _locked("compiler", "C compiler")


def lint():
    """Environment with ruff, pylint-odoo and the OCA checks."""
    return _locked("lint", "Lint environment")


def clients():
    """Environment with the official clients of other systems, and pytest."""
    return _locked("clients", "Environment of the official clients")


def _locked(name, title):
    """Environment with what a lock file names, and nothing else."""
    key = paths.digest(lock(name), python()[1])
    return _build(
        paths.cache() / "venv" / f"{name}-{key}",
        f"{title} ({key})",
        lambda home: _install(home, "--require-hashes", "-r", lock(name)),
    )


def relock():
    """Resolve ``requirements*.in`` again into the lock files (only binaries, with
    hashes).
    """
    stub = paths.VAR / "stub"
    from .odoo_source import obtain

    stub_wheel(obtain(), stub)
    for name in ("", "tools", "lint", "clients", "compiler"):
        target = lock(name)
        command = [
            uv(),
            "pip",
            "compile",
            "--universal",
            "--only-binary",
            ":all:",
            "--generate-hashes",
            "--python-version",
            "3.11",
            "--override",
            paths.CONFIG / "requirements-overrides.txt",
            "--find-links",
            stub,
            "--no-emit-package",
            "odoo",
            "--no-header",
            "--no-emit-find-links",
            "--upgrade",
            "-q",
            target.with_suffix(".in"),
            "-o",
            target,
        ]
        run(command, env=_settings(), problem=REGISTRY, cwd=paths.CONFIG)


def resolve_for(python_version):
    """Resolve the suite's lock for another Python, binaries only, installing nothing.

    :param str python_version: such as "3.12"
    :return: what the installer would do
    :rtype: str
    """
    command = [uv(), "pip", "install", "--dry-run", "--no-deps", "--require-hashes"]
    command += ["--python-version", python_version, "--only-binary", ":all:"]
    command += ["--python-platform", "x86_64-manylinux_2_39"]
    command += ["--target", paths.VAR / "resolved", "-r", lock("")]
    return run(command, env=_settings(), quiet=True, problem=REGISTRY)
