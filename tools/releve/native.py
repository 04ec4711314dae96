"""The compiled part of the suite, ``native/``: built here, for this machine."""

import os
import shlex
import shutil
import subprocess

from . import paths
from .ui import run

SOURCE = paths.ROOT / "native"
COMPILERS = ("cc", "gcc", "clang")
PROBLEM = (
    "The C library in native/ could not be built. Install gcc and libc6-dev, or name "
    "another C compiler in the variable CC; then run the same command again."
)


def sources():
    """Files that decide what is built."""
    package = SOURCE / "releve_native"
    return [
        *(SOURCE / "pyproject.toml", SOURCE / "setup.py"),
        *sorted([*package.glob("*.py"), *package.glob("*.c")]),
    ]


def compiler():
    """The C compiler that CC names, or one of the machine; None when there is none."""
    return os.environ.get("CC") or next(filter(_is_whole, COMPILERS), None)


def _is_whole(name):
    """Whether a compiler is there, with the headers of the C library."""
    if not shutil.which(name):
        return False
    done = subprocess.run(
        [name, "-fsyntax-only", "-x", "c", "-"],
        input=b"#include <string.h>\n",
        capture_output=True,
        check=False,
    )
    return not done.returncode


def ziglang(home):
    """The compiler of the package ``ziglang``, as CC names it.

    :param Path home: environment; its path may have spaces
    """
    return shlex.join([str(home / "bin" / "python"), "-m", "ziglang", "cc"])


def install(uv, home, settings, compiler):
    """Build the library and install it.

    :param Path uv: the installer
    :param Path home: environment, with setuptools
    :param dict settings: variables for uv
    :param str compiler: command with its arguments
    """
    folder = home / "share" / "native"
    shutil.rmtree(folder, ignore_errors=True)
    for file in sources():
        copy = folder / file.relative_to(SOURCE)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, copy)
    command = [
        *(uv, "pip", "install", "-q", "--no-deps", "--no-cache"),
        *("--no-build-isolation", "--python", home / "bin" / "python"),
        folder,
    ]
    variables = {
        **settings,
        "CC": compiler,
        "ZIG_GLOBAL_CACHE_DIR": str(paths.cache() / "zig"),
        "ZIG_LOCAL_CACHE_DIR": str(paths.cache() / "zig"),
    }
    run(command, env=variables, problem=PROBLEM)
