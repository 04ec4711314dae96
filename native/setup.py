"""Builds the library with the C compiler that CC names, ``cc`` without it.

CC may have arguments: ``CC="python3 -m ziglang cc"`` is the compiler of the package
``ziglang``, for machines that have none.
"""

import os
import shlex
import subprocess
from pathlib import Path

from setuptools import setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py
from setuptools.dist import Distribution

HERE = Path(__file__).parent
#: No option for one processor: what is built in an image runs on others.
OPTIONS = ["-O3", "-std=gnu11", "-fPIC", "-shared"]


def command(compiler, target):
    """Command that makes the library.

    :param str compiler: as in CC
    :param Path target: the library
    :raise ValueError: a quotation in ``compiler`` has no end
    """
    words = shlex.split(compiler)
    # Without being told otherwise, zig uses all that this very processor can do.
    if any(Path(word).name in {"zig", "ziglang"} for word in words):
        words.append("-mcpu=baseline")
    source = HERE / "releve_native" / "columns.c"
    return [*words, *OPTIONS, "-o", str(target), str(source)]


class BuildLibrary(build_py):
    def run(self):
        super().run()
        package = Path(self.build_lib, "releve_native")
        package.mkdir(parents=True, exist_ok=True)
        compiler = os.environ.get("CC") or "cc"
        try:
            subprocess.run(command(compiler, package / "columns.so"), check=True)
        except (OSError, ValueError, subprocess.CalledProcessError) as error:
            raise SystemExit(
                f"The C compiler “{compiler}” did not work ({error}). Install gcc, or "
                "name another one in the variable CC; usage_billing also runs without "
                "this package, only slower."
            ) from error


class PlatformDistribution(Distribution):
    def has_ext_modules(self):
        """The wheel is for machines of this kind."""
        return True


class BuildWheel(bdist_wheel):
    def get_tag(self):
        """Any Python 3, as none is linked with."""
        return "py3", "none", super().get_tag()[2]


setup(
    distclass=PlatformDistribution,
    cmdclass={"build_py": BuildLibrary, "bdist_wheel": BuildWheel},
)
