"""Builds the library with the C compiler that CC names, ``cc`` without it.

CC may have arguments: ``CC="python3 -m ziglang cc"`` is the compiler of the package
``ziglang``, for machines that have none.
"""

import os
import shlex
import subprocess
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.dist import Distribution

HERE = Path(__file__).parent
#: No option for one processor: what is built in an image runs on others.
OPTIONS = ["-O3", "-std=gnu11", "-fPIC", "-shared"]


class BuildLibrary(build_py):
    def run(self):
        super().run()
        package = Path(self.build_lib, "releve_native")
        package.mkdir(parents=True, exist_ok=True)
        compiler = os.environ.get("CC") or "cc"
        command = [
            *shlex.split(compiler),
            *OPTIONS,
            *("-o", str(package / "columns.so")),
            str(HERE / "releve_native" / "columns.c"),
        ]
        try:
            subprocess.run(command, check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise SystemExit(
                f"The C compiler “{compiler}” did not work ({error}). Install gcc, or "
                "name another one in the variable CC; usage_billing also runs without "
                "this package, only slower."
            ) from error


class PlatformDistribution(Distribution):
    def has_ext_modules(self):
        """The wheel is for machines of this kind."""
        return True


def wheel_command():
    """Command that names the wheel for any Python 3, as none is linked with."""
    try:
        from setuptools.command.bdist_wheel import bdist_wheel
    except ImportError:  # before setuptools 70
        from wheel.bdist_wheel import bdist_wheel

    class BuildWheel(bdist_wheel):
        def get_tag(self):
            return "py3", "none", super().get_tag()[2]

    return BuildWheel


setup(
    distclass=PlatformDistribution,
    cmdclass={"build_py": BuildLibrary, "bdist_wheel": wheel_command()},
)
