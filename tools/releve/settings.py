"""What the person may choose: ``config/local.ini`` (not under version control) and
environment variables.
"""

import configparser
import os
from functools import cache

from . import paths


@cache
def _file():
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(paths.CONFIG / "local.ini")
    return parser


def get(section, name, variable, default=""):
    """One setting: the environment variable wins over ``config/local.ini``, which wins
    over the default.
    """
    return (
        os.environ.get(variable) or _file().get(section, name, fallback="") or default
    )
