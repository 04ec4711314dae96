# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Put every add-on folder on the path, so that cores import by their names."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

for addon in sorted((ROOT / "addons").iterdir()):
    if addon.is_dir() and str(addon) not in sys.path:
        sys.path.insert(0, str(addon))
