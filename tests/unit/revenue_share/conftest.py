"""Makes the core importable by its own name: ``from splitting import ...``."""

import sys
from pathlib import Path

ADDON = Path(__file__).parents[3] / "addons" / "revenue_share"
if str(ADDON) not in sys.path:
    sys.path.insert(0, str(ADDON))
