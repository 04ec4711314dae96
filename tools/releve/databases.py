"""Databases made from templates.

Two levels, both named after a hash of what they were built from: the base (Odoo's add-
ons the suite stands on, the main company French before its chart of accounts loads),
kept as a dump in the cache for every clone; and the suite (our add-ons on the base),
kept in the cluster. A database for work or tests is a copy of one of them.
"""

import os
import shutil
import tarfile
from dataclasses import replace
from pathlib import Path

from . import environment, paths, safe
from .odoo import Odoo, suite_addons
from .ui import Failure, say, step

BASE_ADDONS = [
    "account",
    "account_edi_ubl_cii",
    "account_payment",
    "l10n_fr_account",
    "portal",
    "product",
    "queue_job",
    "sale",
    "uom",
]
FRENCH_COMPANY = Path(__file__).with_name("french_company.py")
NOT_IN_TEMPLATE = {"tests", "readme", "__pycache__"}


def base_key(odoo):
    return paths.digest(
        odoo.source.key, environment.lock(""), ",".join(BASE_ADDONS), FRENCH_COMPANY
    )


def suite_key(odoo, addons):
    """Hash of the base and of every file of the named add-ons, and of ours they stand
    on, that a database shows.
    """
    parts = [base_key(odoo), *addons]
    for addon in suite_addons():
        folder = paths.ADDONS / addon
        for path in sorted(folder.rglob("*")):
            inner = path.relative_to(folder)
            if (
                path.is_file()
                and not NOT_IN_TEMPLATE.intersection(inner.parts)
                and path.suffix != ".pyc"
            ):
                parts += [f"{addon}/{inner}", path]
    return paths.digest(*parts)


def exists(odoo, database):
    return bool(
        odoo.server.query(
            f"select 1 from pg_database where datname = '{_name(database)}'"
        )
    )


def require(odoo, database, elsewhere=()):
    """Stop where a command is about a database that is not there.

    Odoo would make an empty one, which looks as if everything were lost.

    :param elsewhere: (name of a cluster, its server) to look in too
    """
    if exists(odoo, database):
        return
    for cluster, server in elsewhere:
        if exists(replace(odoo, server=server), database):
            raise Failure(
                f"The database {database} is in the cluster {cluster}: say "
                f"--cluster {cluster}."
            )
    raise Failure(
        f"There is no database {database} here. Make one with `python3 -m tools.releve "
        f"db {database} --addons usage_billing,…`, with the same --cluster, or show "
        "the sample with `make demo`."
    )


def comment(odoo, database):
    """The note kept with a database, empty when there is none."""
    rows = odoo.server.query(
        "select shobj_description(oid, 'pg_database') from pg_database"
        f" where datname = '{_name(database)}'"
    )
    return rows[0][0] if rows else ""


def set_comment(odoo, database, text):
    """Keep a note with a database; copies of it do not inherit the note."""
    odoo.server.query(f"comment on database \"{_name(database)}\" is '{text}'")


def drop(odoo, database):
    """Delete a database, its open connections and its file store."""
    odoo.server.query(f'drop database if exists "{_name(database)}" with (force)')
    shutil.rmtree(odoo.filestore(database), ignore_errors=True)
    (odoo.data / f"{database}.conf").unlink(missing_ok=True)


def temporary(purpose):
    """Name for a database that lives no longer than this process."""
    return f"tmp_{purpose}_{os.getpid()}"


def sweep(odoo):
    """Drop the temporary databases of processes that were killed."""
    rows = odoo.server.query(
        "select datname, substring(datname from '^tmp_[a-z0-9]+_([0-9]+)')"
        " from pg_database where datname ~ '^tmp_[a-z0-9]+_[0-9]+'"
    )
    for name, pid in rows:
        if not Path(f"/proc/{pid}").exists():
            drop(odoo, name)


def copy(odoo, template, database):
    """Make ``database`` a copy of ``template``, replacing an older one."""
    drop(odoo, database)
    odoo.server.query(
        f'create database "{_name(database)}" template "{_name(template)}"'
    )
    if odoo.filestore(template).exists():
        # stored files are named after their content and never written again: links are
        # enough
        shutil.copytree(
            odoo.filestore(template), odoo.filestore(database), copy_function=os.link
        )
    _new_identity(odoo, database)


def _new_identity(odoo, database):
    """Two databases must not share the key that signs their sessions."""
    odoo.server.query(
        "update ir_config_parameter set value = gen_random_uuid()::text"
        " where key in ('database.uuid', 'database.secret')",
        database,
    )


def _name(database):
    if not database.replace("_", "").replace("-", "").isalnum():
        raise Failure(
            f"{database!r} is no database name: letters, digits, - and _ only."
        )
    return database


def _rename(odoo, old, new):
    drop(odoo, new)
    odoo.server.query(f'alter database "{_name(old)}" rename to "{_name(new)}"')
    if odoo.filestore(old).exists():
        odoo.filestore(old).rename(odoo.filestore(new))


def _lock(odoo):
    return safe.locked(odoo.data / "templates.lock")


def base_template(odoo):
    """Name of the base template in this cluster, built or restored first if it is not
    there.
    """
    key = base_key(odoo)
    name = f"tpl_base_{key}"
    with _lock(odoo):
        if not _complete(odoo, name):
            if odoo.server.own:
                _base_through_cache(odoo, key, name)
            else:
                _build_base(odoo, name)
    return name


def _complete(odoo, template):
    """Whether a template and its file store are there; on a server that serves several
    clones the database may have come from another one.
    """
    return exists(odoo, template) and odoo.filestore(template).is_dir()


def _base_through_cache(odoo, key, name):
    """Dumps are read by the PostgreSQL that wrote them: its version names them too."""
    version = odoo.server.query("show server_version_num")[0][0][:-4]
    store = paths.cache() / "templates"
    dump = store / f"{key}-pg{version}"
    with safe.locked(store / f"{dump.name}.lock"):
        if dump.exists():
            _restore(odoo, dump, name)
        else:
            _build_base(odoo, name)
            _dump(odoo, name, dump)


def _build_base(odoo: Odoo, name):
    with step(
        "Base database: Odoo with the French chart of accounts (a few minutes, once "
        "per machine)"
    ):
        work = f"{name}_new"
        drop(odoo, work)
        odoo.server.program("createdb", "-T", "template0", "-E", "UTF8", work)
        odoo.install(work, ["base"])
        odoo.script_in(work, FRENCH_COMPANY)
        odoo.install(work, BASE_ADDONS)
        _rename(odoo, work, name)


def _dump(odoo, name, target):
    with safe.new_folder(target) as work:
        odoo.server.program(
            "pg_dump", "-Fc", "-Z1", "--no-owner", "-f", work / "database.dump", name
        )
        with tarfile.open(work / "filestore.tar", "w") as archive:
            if odoo.filestore(name).exists():
                archive.add(odoo.filestore(name), arcname=".")


def _restore(odoo, dump, name):
    with step("Base database from the cache"):
        work = f"{name}_new"
        drop(odoo, work)
        odoo.server.program("createdb", "-T", "template0", "-E", "UTF8", work)
        odoo.server.program(
            "pg_restore", "--no-owner", "-j", "2", "-d", work, dump / "database.dump"
        )
        odoo.filestore(work).mkdir(parents=True, exist_ok=True)
        with tarfile.open(dump / "filestore.tar") as archive:
            archive.extractall(odoo.filestore(work), filter="data")
        odoo.server.query("analyze", work)
        _rename(odoo, work, name)


def suite_template(odoo, addons=None):
    """Name of a template with the named add-ons of ours (all of them by default) in
    their present state.
    """
    addons = addons or suite_addons()
    if not addons:
        return base_template(odoo)
    base = base_template(odoo)
    name = f"tpl_suite_{suite_key(odoo, addons)}"
    with _lock(odoo):
        if not _complete(odoo, name):
            with step(f"Template database with {', '.join(addons)}"):
                work = f"{name}_new"
                copy(odoo, base, work)
                odoo.install(work, addons)
                _rename(odoo, work, name)
            _forget_old(odoo, keep=name)
    return name


def _forget_old(odoo, keep, spare=3):
    """Drop templates nobody will ask for again, but the newest few."""
    rows = odoo.server.query(
        "select datname from pg_database where datname like 'tpl\\_suite\\_%' order "
        "by oid desc"
    )
    for (name,) in [row for row in rows if row[0] != keep][spare:]:
        drop(odoo, name)
        say(f"    dropped the old template {name}")


def create(odoo, database, addons):
    """Create ``database`` with the named add-ons; ours come with the template, others
    are installed on the copy.
    """
    ours = [name for name in addons if name in suite_addons()]
    others = [name for name in addons if name not in ours]
    copy(odoo, suite_template(odoo, ours) if ours else base_template(odoo), database)
    if others:
        odoo.install(database, others)
