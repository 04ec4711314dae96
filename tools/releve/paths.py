"""Where things are. No other module spells a path of the clone or of the cache."""

import hashlib
import os
import shutil
from pathlib import Path

from .ui import Failure

ROOT = Path(__file__).resolve().parents[2]
VAR = ROOT / ".var"
CONFIG = ROOT / "config"
ADDONS = ROOT / "addons"
NEEDED_BYTES = 4 * 1024**3


def cache():
    """Folder shared by every clone of this user.

    For root it is a system folder: PostgreSQL refuses to run as root, and the account
    it runs under cannot look into root's home.
    """
    named = os.environ.get("RELEVE_CACHE")
    if named:
        return Path(named).expanduser().resolve()
    if os.geteuid() == 0:
        return Path("/var/cache/releve")
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "releve"


def digest(*parts):
    """Short name of some content: bytes, texts, and files given as Path."""
    total = hashlib.sha256()
    for part in parts:
        data = part.read_bytes() if isinstance(part, Path) else part
        data = data.encode() if isinstance(data, str) else data
        total.update(len(data).to_bytes(8, "big") + data)
    return total.hexdigest()[:16]


def require_disk_space():
    """Stop before starting when the downloads and databases would not fit.

    :raise Failure: less than 4 GB are free where the cache or the clone lies
    """
    for folder in (cache(), VAR):
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
        if free < NEEDED_BYTES:
            raise Failure(
                f"Only {free / 1024**3:.1f} GB are free in {folder}; 4 GB are needed. "
                f"Free some space, or name a "
                "folder on a larger disk with RELEVE_CACHE=/path."
            )
