"""The commands."""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from . import (
    approved_platform,
    bench,
    catalogues,
    clean,
    databases,
    debian,
    demo,
    environment,
    lint,
    odoo_source,
    paths,
    postgres,
    testing,
)
from .odoo import Odoo, suite_addons
from .ui import Failure, run, say


def prepare(kind="main", *, packages=True):
    """Everything up to a running PostgreSQL.

    :param str kind: cluster, "main" (durable) or "test" (fast)
    :rtype: Odoo
    """
    paths.require_disk_space()
    if packages:
        debian.install(debian.runtime_packages())
    source = odoo_source.obtain()
    home = environment.suite(source)
    return Odoo(home, source, postgres.start(home, kind), paths.VAR / f"odoo-{kind}")


def _prepare_for(options):
    """Everything up to a database that must be there."""
    odoo = prepare(options.cluster, packages=False)
    others = postgres.running(odoo.environment, options.cluster)
    databases.require(odoo, options.name, others)
    return odoo


def _split(text):
    return [part for part in (text or "").split(",") if part]


def setup(options):
    odoo = prepare(options.cluster)
    debian.install(debian.TEST_PACKAGES)
    if options.lint:
        environment.lint()
    databases.base_template(odoo)
    say(f"Odoo {odoo.source.version}: {odoo.source.path}")
    say(f"Python: {odoo.python}")
    say(f"PostgreSQL: 127.0.0.1:{odoo.server.port} (cluster {options.cluster})")


def env(options):
    """Print what a shell needs to work by hand."""
    odoo = prepare(options.cluster, packages=False)
    facts = {
        "RELEVE_PYTHON": odoo.python,
        "RELEVE_ODOO": odoo.source.path / "odoo",
        "PGHOST": odoo.server.host,
        "PGPORT": odoo.server.port,
        "PGUSER": odoo.server.user,
        "PGPASSFILE": odoo.server.passfile or "",
        "PATH": f"{odoo.environment / 'bin'}:{odoo.server.bin}:$PATH",
    }
    for name, value in facts.items():
        print(f'export {name}="{value}"')


def pg(options):
    home = environment.suite(odoo_source.obtain())
    if options.action == "start":
        postgres.start(home, options.cluster)
    elif options.action == "stop":
        postgres.stop(home, options.cluster)
    else:
        postgres.destroy(home, options.cluster)


def db(options):
    odoo = prepare(options.cluster, packages=False)
    addons = _split(options.addons)
    if options.drop:
        databases.drop(odoo, options.name)
    elif options.update:
        databases.require(odoo, options.name)
        odoo.install(options.name, _split(options.update), update=True)
    elif options.install:
        odoo.install(options.name, _split(options.install))
    else:
        databases.create(odoo, options.name, addons)
        say(f"Database {options.name} is ready (log in with admin / admin)")


def serve(options):
    demo.require_port(options.port)
    odoo = _prepare_for(options)
    config = odoo.configuration(
        options.name,
        http_port=options.port,
        workers=options.workers,
        cron=1,
        log_level=options.log_level,
    )
    say(f"http://localhost:{options.port} (database {options.name}); stop with Ctrl-C")
    os.chdir(paths.ROOT)
    os.execve(
        odoo.script,
        [str(odoo.script), "-c", str(config), *options.rest],
        odoo.variables(),
    )


def shell(options):
    odoo = _prepare_for(options)
    if options.script:
        odoo.script_in(
            options.name, options.script, *options.rest, log_level=options.log_level
        )
    else:
        odoo.shell(options.name, log_level=options.log_level)


def verify(options):
    odoo = _prepare_for(options)
    if not odoo.verify(options.name, *options.rest):
        raise Failure("Some rollups do not equal their events")


def platform(options):
    home = environment.suite(odoo_source.obtain())
    approved_platform.run(home / "bin" / "python", options)


def test(options):
    return testing.run_all(prepare("test"))


def test_lane(options):
    odoo = prepare("test", packages=False)
    testing.run_stages(odoo, _split(options.stages), Path(options.result))


def check_lint(options):
    lint.run_all()
    if lint.odoo_rules(prepare("test", packages=False)):
        raise Failure("Odoo's lint rules found something")


def i18n(options):
    problem = catalogues.update(prepare("test", packages=False))
    if problem:
        raise Failure(problem)


def golden(options):
    odoo = prepare("test", packages=False)
    engines = [options.engine] if options.engine else ["core", "odoo"]
    if options.store:
        engines = ["odoo"]  # the cores keep no events
    rest = [*options.rest, *(["--store", options.store] if options.store else [])]
    failed = [
        engine
        for engine in engines
        if testing.golden(odoo, engine, options.cases, *rest)
    ]
    return int(bool(failed))


def odoo_test(options):
    odoo = prepare("test", packages=False)
    addons = _split(options.addon) or suite_addons()
    name = options.db or databases.temporary("test")
    if not options.db:
        databases.copy(odoo, databases.suite_template(odoo, addons), name)
    targets = options.path or [str(paths.ADDONS / addon) for addon in addons]
    wanted = ["-k", options.k] if options.k else []
    command = testing.odoo_pytest(odoo, name, targets, *wanted, *options.rest)
    try:
        done = subprocess.run(
            command, env=odoo.variables(), cwd=paths.ROOT, check=False
        )
        return done.returncode
    finally:
        if not options.db and not options.keep:
            databases.drop(odoo, name)


def client_test(options):
    """Tests of the official clients, in their own environment."""
    odoo = prepare("test", packages=False)
    python = environment.clients() / "bin" / "python"
    command = [python, "-m", "pytest", "tests/clients", *options.rest]
    return subprocess.run(
        command, env=odoo.variables(), cwd=paths.ROOT, check=False
    ).returncode


def fault_test(options):
    """Tests that kill processes and send hostile requests; the long ones on demand."""
    odoo = prepare("test", packages=False)
    command = testing.pytest_command(
        odoo, "-p", "no:odoo", "tests/faults", *options.rest
    )
    variables = odoo.variables() | ({"RELEVE_LONG": "1"} if options.long else {})
    return subprocess.run(
        command, env=variables, cwd=paths.ROOT, check=False
    ).returncode


def run_demo(options):
    demo.run(lambda: prepare("main"), options)


def run_bench(options):
    bench.run(prepare("main"), _split(options.only), options.size)


def run_clean(options):
    clean.run(options.everything)


def relock(_options):
    environment.relock()


def lint_tool(options):
    home = environment.lint()
    run([home / "bin" / options.rest[0], *options.rest[1:]], cwd=paths.ROOT)


def _parser():
    parser = argparse.ArgumentParser(
        prog="python3 -m tools.releve", description=__doc__
    )
    commands = parser.add_subparsers(required=True, metavar="command")

    def add(name, function, text, cluster="test"):
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(function=function)
        if cluster:
            command.add_argument(
                "--cluster", choices=list(postgres.SETTINGS), default=cluster
            )
        return command

    add("setup", setup, "obtain everything and build the base database").add_argument(
        "--lint", action="store_true"
    )
    add("env", env, "print variables for a shell: eval $(python3 -m tools.releve env)")
    add("pg", pg, "start, stop or destroy a cluster").add_argument(
        "action", choices=["start", "stop", "destroy"]
    )
    command = add("db", db, "create a database from the template, update or drop it")
    command.add_argument("name")
    command.add_argument("--addons", default="")
    command.add_argument("--install", default="")
    command.add_argument("--update", default="")
    command.add_argument("--drop", action="store_true")
    command = add("serve", serve, "serve a database")
    command.add_argument("name")
    command.add_argument("--port", type=int, default=8069)
    command.add_argument("--workers", type=int, default=0)
    command.add_argument("--log-level", default="info")
    command.add_argument("rest", nargs="*")
    command = add("shell", shell, "Odoo shell, or run a script with env")
    command.add_argument("name")
    command.add_argument("--script")
    command.add_argument("--log-level", default="warn")
    command.add_argument("rest", nargs="*")
    command = add("verify", verify, "compare the rollups of a database with its events")
    command.add_argument("name")
    command.add_argument("rest", nargs="*", help="options of odoo usage_verify")
    command = add(
        "odoo-test",
        odoo_test,
        "Odoo tests of one or all add-ons on a fresh copy of the template",
        None,
    )
    command.add_argument(
        "--addon", default="", help="one or more, comma separated; all by default"
    )
    command.add_argument(
        "--path", action="append", help="file or folder instead of the whole add-on"
    )
    command.add_argument("-k")
    command.add_argument("--db", help="use this existing database as it is")
    command.add_argument("--keep", action="store_true")
    command.add_argument("rest", nargs="*")
    add(
        "client-test", client_test, "official clients against a served Odoo", None
    ).add_argument("rest", nargs="*")
    command = add("fault-test", fault_test, "kills, races and hostile requests", None)
    command.add_argument("--long", action="store_true", help="24 rounds of kills")
    command.add_argument("rest", nargs="*")
    add("test", test, "every check of the project", None)
    command = add("test-lane", test_lane, "some stages of the test run", None)
    command.add_argument("stages", help=",".join(testing.STAGES))
    command.add_argument("result", help="file for their outcome")
    add("lint", check_lint, "read the code without running it", None)
    add("i18n", i18n, "export and merge the catalogues", None)
    command = add("golden", golden, "play the golden cases", None)
    command.add_argument("--cases")
    command.add_argument("--engine", choices=["core", "odoo"])
    command.add_argument("--store", choices=["postgres", "clickhouse"])
    command.add_argument("rest", nargs="*")
    command = add("demo", run_demo, "the suite with sample or given usage", None)
    command.add_argument("--usage", default="")
    command.add_argument("--mapping", default="")
    command.add_argument("--no-serve", dest="serve", action="store_false")
    command.add_argument("--port", type=int)
    command.add_argument("--workers", type=int, default=0)
    command = add("bench", run_bench, "one JSON line per benchmark", None)
    command.add_argument("--only", default="")
    command.add_argument("--size", choices=["small", "full"], default="small")
    command = add("platform", platform, "an approved platform to try out", None)
    command.add_argument("--port", type=int, default=8090)
    command.add_argument(
        "--life",
        default="approved",
        help="what becomes of invoices: approved, usual, "
        "refused, disputed, suspended, rejected, lost or silent",
    )
    command = add("clean", run_clean, "delete what this clone generated", None)
    command.add_argument("--everything", action="store_true")
    add("relock", relock, "resolve the requirements again", None)
    command = add("lint-tool", lint_tool, "run one tool of the lint environment", None)
    command.add_argument("rest", nargs=argparse.REMAINDER)
    return parser


def main(arguments=None):
    options = _parser().parse_args(arguments)
    try:
        return options.function(options) or 0
    except Failure as failure:
        print(f"\nStopped: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted; run the same command again to go on.", file=sys.stderr)
        return 130
