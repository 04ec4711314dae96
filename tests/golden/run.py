#!/usr/bin/env python3
# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Play golden cases on an engine: python tests/golden/run.py [--cases DIR]

DIR (our own cases by default) holds rating/*.json and/or revshare/*.json. Engine
`core` calls the pure packages; `odoo` acts as a billing manager on a database. A
case is skipped only for a feature on the written list (unsupported.json);
whatever else cannot be played has failed. Exit status: 0 when none failed, 1
when any did, 2 when there was nothing to play.
"""

import argparse
import contextlib
import importlib
import json
import os
import sys
import traceback
from collections import Counter, defaultdict
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
AREAS = ("rating", "revshare")
ENGINES = ("core", "odoo")

for folder in (HERE, *sorted((ROOT / "addons").iterdir())):
    if folder.is_dir() and str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

from harness import BadCase, Mismatch, Unsupported, compare  # noqa: E402


@dataclass(frozen=True)
class Case:
    """One case as found: id, area, family, file, data (None if unreadable)."""

    id: str
    area: str
    family: str
    data: dict | None
    problem: str = ""


@dataclass(frozen=True)
class Outcome:
    """state: passed, failed or skipped; detail: why, or expected and got."""

    case: Case
    state: str
    detail: str = ""


def load_cases(directory):
    """Every case of a folder; a file that cannot be read is a failing case."""
    found = []
    for area in AREAS:
        for path in sorted((directory / area).glob("*.json")):
            found.extend(_load_file(area, path))
    seen = Counter(case.id for case in found)
    return [
        Case(case.id, case.area, case.family, None, "id is not unique")
        if seen[case.id] > 1
        else case
        for case in found
    ]


def _load_file(area, path):
    try:
        content = json.loads(
            path.read_text(encoding="utf-8"),
            parse_float=Decimal,
            object_pairs_hook=_no_repeated_key,
        )
        cases = _rating_cases(content) if area == "rating" else [content]
        return [_case(area, path, data) for data in cases]
    except (ValueError, BadCase) as error:
        return [Case(path.name, area, path.stem, None, str(error))]


def _no_repeated_key(pairs):
    data = dict(pairs)
    if len(data) != len(pairs):
        raise BadCase("an object has the same key twice")
    return data


def _rating_cases(content):
    if not isinstance(content, dict) or set(content) != {"schema", "family", "cases"}:
        raise BadCase("a rating file has schema, family and cases")
    if content["schema"] != 1:
        raise BadCase(f"schema {content['schema']} is unknown")
    for data in content["cases"]:
        if isinstance(data, dict) and data.get("family") != content["family"]:
            raise BadCase(f"{data.get('id')} is of another family than its file")
    return content["cases"]


def _case(area, path, data):
    if not isinstance(data, dict):
        raise BadCase("a case is an object")
    for name in ("id", "family"):
        if not isinstance(data.get(name), str):
            raise BadCase(f"a case has no {name}")
    return Case(data["id"], area, data["family"], data)


@contextlib.contextmanager
def players(engine, areas, database, config, store="postgres"):
    """Yield {area: play}; an adapter that is not there raises Unsupported."""
    with contextlib.ExitStack() as stack:
        if store == "clickhouse":
            stack.enter_context(_in_clickhouse(database, config))
        found = {}
        for area in areas:
            name = f"{engine}_{area}"
            if not (HERE / f"{name}.py").exists():
                found[area] = _not_built(area)
                continue
            module = importlib.import_module(name)
            if engine == "core":
                found[area] = module.play
            else:
                session = module.open_session(database, config)
                found[area] = stack.enter_context(session).play
        yield found


def _in_clickhouse(database, config):
    import odoo_store

    return odoo_store.clickhouse(database, config)


def _not_built(area):
    def play(case):
        raise Unsupported(area)

    return play


def play_case(case, play, unsupported):
    """Outcome of one case; an error of the product or adapter is a failure."""
    if case.problem:
        return Outcome(case, "failed", case.problem)
    if not case.data.get("expected"):
        return Outcome(case, "failed", "nothing is expected")
    try:
        got = play(case.data)
        if got is not None:
            compare(case.data["expected"], got)
    except Unsupported as error:
        if error.feature in unsupported:
            return Outcome(case, "skipped", error.feature)
        detail = f"{error.feature} is not on the list of unsupported features"
        return Outcome(case, "failed", detail)
    except Mismatch as error:
        return Outcome(case, "failed", str(error))
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{Path(last.filename).name}:{last.lineno}"
        return Outcome(case, "failed", f"{type(error).__name__}: {error} ({place})")
    return Outcome(case, "passed")


def report(outcomes, unsupported):
    """Print the table by family, what failed, what was skipped, the last line."""
    families = defaultdict(Counter)
    for outcome in outcomes:
        families[outcome.case.area, outcome.case.family][outcome.state] += 1
    width = max(len(f"{area}/{family}") for area, family in families)
    print(f"{'family':{width}}  passed  failed  skipped")
    for (area, family), count in sorted(families.items()):
        name = f"{area}/{family}"
        row = "".join(f"{count[s]:8}" for s in ("passed", "failed", "skipped"))
        print(f"{name:{width}}{row}")
    for outcome in outcomes:
        if outcome.state == "failed":
            print(f"FAILED {outcome.case.id}: {outcome.detail}")
    skipped = Counter(o.detail for o in outcomes if o.state == "skipped")
    for feature, number in sorted(skipped.items()):
        print(f"skipped {number}: {feature}: {unsupported[feature]}")


def regressions(outcomes, listed):
    """Listed ids that were not passed by this run."""
    passed = {outcome.case.id for outcome in outcomes if outcome.state == "passed"}
    return sorted(set(listed) - passed)


def arguments(argv):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=Path, default=HERE / "cases", metavar="DIR")
    parser.add_argument("--engine", choices=ENGINES, default="core")
    parser.add_argument(
        "--store",
        choices=("postgres", "clickhouse"),
        default="postgres",
        help="engine odoo: where the events are kept",
    )
    parser.add_argument("--kind", help="only these kinds, separated by commas")
    parser.add_argument("--family", help="only this family, or area/family, or area")
    parser.add_argument("--id", action="append", help="only this case; repeatable")
    parser.add_argument(
        "--database",
        default=os.environ.get("RELEVE_GOLDEN_DATABASE"),
        help="engine odoo: database to act on (or RELEVE_GOLDEN_DATABASE)",
    )
    parser.add_argument(
        "--config",
        default=os.environ.get("RELEVE_GOLDEN_CONFIG"),
        help="engine odoo: path of odoo.conf (or RELEVE_GOLDEN_CONFIG)",
    )
    parser.add_argument(
        "--unsupported", type=Path, default=HERE / "unsupported.json", metavar="FILE"
    )
    parser.add_argument(
        "--passing", type=Path, default=HERE / "passing.json", metavar="FILE"
    )
    parser.add_argument(
        "--check-passing", action="store_true", help="fail when a listed id fails"
    )
    parser.add_argument(
        "--update-passing", action="store_true", help="add what passes to the list"
    )
    return parser.parse_args(argv)


def _wanted(case, options):
    names = {case.area, case.family, f"{case.area}/{case.family}"}
    if options.family and options.family not in names:
        return False
    if options.kind and (case.data or {}).get("kind") not in options.kind.split(","):
        return False
    return not options.id or case.id in options.id


def main(argv=None):
    options = arguments(argv)
    cases = [case for case in load_cases(options.cases) if _wanted(case, options)]
    if not cases:
        print(f"no case found in {options.cases}", file=sys.stderr)
        return 2
    unsupported = json.loads(options.unsupported.read_text())[options.engine]
    areas = sorted({case.area for case in cases})
    with players(
        options.engine, areas, options.database, options.config, options.store
    ) as play:
        outcomes = [play_case(case, play[case.area], unsupported) for case in cases]
    report(outcomes, unsupported)
    failed = _keep_passing(outcomes, options)
    count = Counter(outcome.state for outcome in outcomes)
    print(
        f"{count['passed']} passed, {count['failed']} failed, "
        f"{count['skipped']} skipped"
    )
    return 1 if count["failed"] or failed else 0


def _keep_passing(outcomes, options):
    """Check or extend the committed list; return the ids that left it."""
    lists = json.loads(options.passing.read_text())
    listed = lists[options.engine]
    lost = []
    if options.check_passing:
        if options.family or options.id or options.kind:
            seen = {outcome.case.id for outcome in outcomes}
            listed = [case_id for case_id in listed if case_id in seen]
        lost = regressions(outcomes, listed)
        for case_id in lost:
            print(f"NO LONGER PASSING {case_id}")
    if options.update_passing:
        passed = {o.case.id for o in outcomes if o.state == "passed"}
        lists[options.engine] = sorted(set(lists[options.engine]) | passed)
        options.passing.write_text(json.dumps(lists, indent=1) + "\n")
    return lost


if __name__ == "__main__":
    sys.exit(main())
