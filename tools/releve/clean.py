"""``make clean``: stop this clone's servers and delete what was generated in it."""

import shutil

from . import environment, odoo_source, paths, postgres
from .ui import say


def run(everything):
    """Delete ``.var`` and the tools' caches in the clone.

    :param bool everything: also the cache shared with other clones
    """
    if (paths.VAR / "pg").exists():
        home = environment.suite(odoo_source.obtain())
        for kind in postgres.SETTINGS:
            postgres.destroy(home, kind)
    for name in (".var", ".pytest_cache", ".ruff_cache", ".hypothesis"):
        shutil.rmtree(paths.ROOT / name, ignore_errors=True)
    if everything:
        shutil.rmtree(paths.cache(), ignore_errors=True)
    say("Clean: databases, logs and generated files of this clone are gone.")
