# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Verify sealed invoices without Odoo.

    python3 -m sealing bundle inspection.zip
    python3 -m sealing database "dbname=releve" --filestore FOLDER --anchors FOLDER

Names every altered, missing, added or reordered item, one a line. Ends with 0 when
there is none, 1 when there is one, 2 when nothing could be verified, 3 when only
signatures could not be checked because lxml, xmlsec or cryptography is missing.
"""

# a command line: pylint: disable=print-used

import argparse
import sys
import zipfile

from .kept import read_paths
from .verify import verify


def main(arguments=None):
    """Run the command; see the module."""
    parser = argparse.ArgumentParser(
        prog="sealing", description=__doc__.split("\n", 1)[0]
    )
    commands = parser.add_subparsers(dest="command", required=True)
    bundle = commands.add_parser("bundle", help="a ZIP made for an inspection")
    bundle.add_argument("path")
    bundle.add_argument(
        "--fingerprint",
        help="SHA-256 of the certificate, learnt from the company by another way",
    )
    database = commands.add_parser("database", help="a PostgreSQL database")
    database.add_argument("dsn", help='for example "dbname=releve host=127.0.0.1"')
    database.add_argument("--filestore", help="folder of the attachments' bytes")
    for command in (bundle, database):
        command.add_argument(
            "--anchors",
            action="append",
            default=[],
            metavar="PATH",
            help="an anchor kept outside, or a folder of them; may be given again",
        )
    options = parser.parse_args(arguments)
    run = _bundle if options.command == "bundle" else _database
    return run(options)


def _bundle(options):
    from .bundle import BundleSource

    try:
        source = BundleSource(options.path)
        chain = source.chains()[0]
    except (OSError, zipfile.BadZipFile, KeyError, ValueError, TypeError) as error:
        print(f"The bundle cannot be read: {error}", file=sys.stderr)
        return 2
    fingerprints = {anchor["fingerprint"] for anchor in source.manifest["anchors"]}
    print(f"{chain.name}: chain {chain.uuid}, links to {chain.last_sequence}")
    print(f"{len(source.manifest['documents'])} documents")
    for fingerprint in sorted(fingerprints):
        print(f"signed with certificate {fingerprint}")
    if options.fingerprint and fingerprints - {options.fingerprint.lower()}:
        print("PROBLEM: anchors are signed with another certificate than yours")
        return 1
    return _report(source, options)


def _database(options):
    import psycopg2

    from .database import DatabaseSource

    try:
        connection = psycopg2.connect(options.dsn)
    except psycopg2.Error as error:
        print(f"The database cannot be read: {error}", file=sys.stderr)
        return 2
    connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
    try:
        with connection.cursor() as cursor:
            source = DatabaseSource(cursor, options.filestore)
            for chain in source.chains():
                print(f"{chain.name}: chain {chain.uuid}, {chain.last_sequence} links")
            if not options.filestore:
                print("Files are not compared: give --filestore")
            return _report(source, options)
    except psycopg2.Error as error:
        print(f"The database cannot be read: {error}", file=sys.stderr)
        return 2
    finally:
        connection.close()


def _report(source, options):
    """Print every problem; give the exit code."""
    kept = read_paths(options.anchors)
    chains = {chain.uuid for chain in source.chains()}
    for anchor in kept:
        if not anchor.error and anchor.chain not in chains:
            print(f"{anchor.name} is an anchor of another chain: {anchor.chain}")
    if not kept:
        print("No anchor kept outside was given (--anchors): an old backup put back")
        print("or a chain written anew from its beginning cannot be told apart.")
    count = unchecked = 0
    for problem in verify(source, kept):
        if problem.code == "signature_unchecked":
            unchecked += 1
        else:
            count += 1
        print(f"PROBLEM [{problem.code}] {problem}")
    print(f"{count} problems")
    if count:
        return 1
    return 3 if unchecked else 0


if __name__ == "__main__":
    sys.exit(main())
