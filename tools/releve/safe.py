"""Making files and folders so that neither a kill nor a second process leaves half of
one.
"""

import fcntl
import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path

from .ui import say


@contextmanager
def locked(path):
    """Hold an exclusive lock on a file; the kernel gives it back even when the process
    is killed.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"    waiting for another command that holds {path.name}")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@contextmanager
def new_folder(target):
    """Yield an empty folder that becomes ``target`` only when the block ends well.

    The caller holds the lock of ``target``, so what an earlier, killed attempt left
    behind can be swept away.
    """
    target = Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    for stale in target.parent.glob(f".{target.name}.new-*"):
        shutil.rmtree(stale, ignore_errors=True)
    work = Path(tempfile.mkdtemp(prefix=f".{target.name}.new-", dir=target.parent))
    work.chmod(0o755)
    try:
        yield work
        work.rename(target)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise


def write(path, text, mode=0o644):
    """Replace a file in one step."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w") as stream:
            stream.write(text)
        os.chmod(name, mode)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
