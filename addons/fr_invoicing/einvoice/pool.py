# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Warm worker processes and the conversation with them.

A worker is a program of ours started beside Odoo's own processes: what it loads (Saxon)
must not be loaded there, and it can be stopped when it takes too long. It speaks one
line of JSON per message and says `{"ready": true}` first.

    calling thread ---- one slice of work ----> worker 1   (kept warm between calls)
                   `--- another slice --------> worker 2   (started if there is enough)

A worker that dies at work is replaced and its slice asked once more; one that exceeds
its time is killed and the call raises. A worker ends by itself when its input closes
(the parent ended) or after its idle time.
"""

import contextlib
import json
import os
import select
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from .errors import ValidatorError

CHUNK = 1 << 16


class WorkerGone(Exception):
    """The process ended or closed its side in the middle of the talk."""


class Worker:
    """One process.

    :param list[str] command: how to start it
    :param float start_s: seconds allowed until it says it is ready
    """

    def __init__(self, command, start_s):
        self.command = command
        self.start_s = start_s
        self.process = None
        self._unread = b""

    def is_alive(self):
        """Say whether the process runs."""
        return self.process is not None and self.process.poll() is None

    def ask(self, message, limit):
        """Give the answer to a message, on a fresh process when there is none.

        :param dict message: what the program understands
        :param float limit: seconds allowed for the answer
        :rtype: dict
        :raise ValidatorError: no answer in time, none at all twice, or an error
        """
        line = json.dumps(message).encode() + b"\n"
        try:
            return self._answer(line, limit)
        except WorkerGone:
            # its idle time had passed, or someone killed it: once more on a fresh one
            try:
                return self._answer(line, limit)
            except WorkerGone as error:
                raise ValidatorError("validator_died") from error

    def close(self):
        """End the process, if any."""
        process, self.process = self.process, None
        self._unread = b""
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

    def _answer(self, line, limit):
        try:
            if not self.is_alive():
                self._start()
            return self._exchange(line, limit)
        except (WorkerGone, ValidatorError):
            self.close()
            raise

    def _start(self):
        self.close()
        try:
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
            )
        except OSError as error:
            raise ValidatorError("validator_missing", reason=str(error)) from error
        for stream in (self.process.stdin, self.process.stdout):
            os.set_blocking(stream.fileno(), False)
        hello = self._exchange(b"", self.start_s)
        if not hello.get("ready"):
            raise ValidatorError("validator_failed", reason=hello.get("error", ""))

    def _exchange(self, line, limit):
        """Write a line and read one, both within the time limit."""
        deadline = time.monotonic() + limit
        to_write = memoryview(line)
        while to_write or b"\n" not in self._unread:
            left = deadline - time.monotonic()
            if left <= 0:
                self.process.kill()
                raise ValidatorError("validator_timeout", seconds=limit)
            to_write = self._move_some(to_write, left)
        answer, self._unread = self._unread.split(b"\n", 1)
        try:
            return json.loads(answer)
        except ValueError as error:
            raise ValidatorError(
                "validator_failed", reason="unreadable answer"
            ) from error

    def _move_some(self, to_write, seconds):
        """Write or read what the pipes take now; give what is left to write."""
        stdin, stdout = self.process.stdin.fileno(), self.process.stdout.fileno()
        poll = select.poll()
        poll.register(stdout, select.POLLIN)
        if to_write:
            poll.register(stdin, select.POLLOUT)
        for stream, event in poll.poll(seconds * 1000):
            try:
                if stream == stdin and event & select.POLLOUT:
                    to_write = to_write[os.write(stdin, to_write[:CHUNK]) :]
                elif stream == stdout:
                    received = os.read(stdout, CHUNK)
                    if not received:
                        raise WorkerGone
                    self._unread += received
                elif stream == stdin:
                    raise WorkerGone
            except BlockingIOError:
                continue
            except BrokenPipeError as error:
                raise WorkerGone from error
        return to_write


class Pool:
    """A few workers of one program, shared by the threads of a process.

    :param list[str] command: how to start one
    :param int size: how many there may be at most
    :param float start_s: seconds allowed to start one
    """

    def __init__(self, command, size, start_s):
        self.workers = [Worker(command, start_s) for _ in range(size)]
        self._idle = list(self.workers)
        self._changed = threading.Condition()

    def map(self, messages, limits):
        """Give the answers to several messages, as many at a time as there are workers.

        :param list[dict] messages: one per slice of work
        :param list[float] limits: seconds allowed for each
        :return: answers in the order of the messages
        :rtype: list[dict]
        :raise ValidatorError: one of them had no answer
        """
        if len(messages) <= 1 or len(self.workers) == 1:
            return list(map(self._ask, messages, limits))
        with ThreadPoolExecutor(min(len(messages), len(self.workers))) as threads:
            return list(threads.map(self._ask, messages, limits))

    def close(self):
        """End all processes."""
        for worker in self.workers:
            worker.close()

    def _ask(self, message, limit):
        with self._changed:
            self._changed.wait_for(lambda: self._idle)
            # a warm one first, so that a single caller keeps one process, not all
            worker = next((one for one in self._idle if one.is_alive()), self._idle[-1])
            self._idle.remove(worker)
        try:
            return worker.ask(message, limit)
        finally:
            with self._changed:
                self._idle.append(worker)
                self._changed.notify()
