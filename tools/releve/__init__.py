"""Set-up and daily commands of the project, standard library only.

Run as ``python3 -m tools.releve <command>`` from the clone; the Makefile's targets are
one-line calls of it.

What lives where:

- the cache (``RELEVE_CACHE``) holds what any clone may share: the unpacked Odoo, Python
  environments, dumps of freshly built databases. Every entry is named after a hash of
  what it was made from, appears by one atomic rename, and is never changed afterwards.
- ``.var/`` in the clone holds what belongs to it alone: PostgreSQL clusters, Odoo's
  data folder, generated configuration, logs.

So killing any command at any moment and running it again is always safe.
"""
