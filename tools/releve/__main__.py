"""Entry point of ``python3 -m tools.releve``."""

import sys

from .cli import main

sys.exit(main())
