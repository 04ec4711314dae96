"""Compiled code stays within its buffers, whatever comes."""

import shutil
import subprocess
from pathlib import Path

import pytest

FUZZ = Path(__file__).resolve().parents[3] / "native" / "tests" / "fuzz.c"
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]


@pytest.fixture(scope="module")
def fuzz(tmp_path_factory):
    """The program, for a compiler that looks at every access."""
    compiler, folder = shutil.which("cc"), tmp_path_factory.mktemp("fuzz")
    if not compiler:
        pytest.skip("no C compiler")
    (folder / "empty.c").write_text("int main(void) { return 0; }")
    build = [compiler, "-g", "-O1", *SANITIZERS]
    empty = [*build, "empty.c", "-o", "empty"]
    if subprocess.run(empty, cwd=folder, capture_output=True).returncode:
        pytest.skip("the C compiler has no sanitizers")
    subprocess.run([*build, FUZZ, "-o", "fuzz"], cwd=folder, check=True)
    return folder / "fuzz"


def test_no_body_leads_outside_of_a_buffer(fuzz):
    done = subprocess.run([fuzz, "40000", "1"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    bodies, read, events = (int(word) for word in done.stdout.split() if word.isdigit())
    assert bodies == 40_000
    assert read > 5_000 and events > read  # enough of them get far
