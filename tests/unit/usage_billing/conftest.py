# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Tests here may import what several of them share by its name."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
