"""What the person at the terminal sees: steps, their duration, and failures that say
what to do.
"""

import re
import subprocess
import sys
import time
from contextlib import contextmanager


class Failure(Exception):
    """A problem the user can act on; the message says what failed, why, and what to do
    next.
    """


def say(text):
    """Print one line at once, also when the output is a pipe."""
    print(text, flush=True)


@contextmanager
def step(title):
    """Announce a piece of work and, when it ends well, how long it took."""
    say(f"==> {title}")
    started = time.monotonic()
    yield
    say(f"    done in {time.monotonic() - started:.1f} s: {title}")


def run(command, *, problem=None, quiet=False, **options):
    """Run a command and stop with a clear message when it fails.

    :param list command: program and arguments
    :param str problem: sentence shown on failure; the command's own output precedes it
    :param bool quiet: keep the output back unless the command fails
    :return: standard output when quiet, else None
    :raise Failure: the command is missing or ends with a status other than 0
    """
    command = [str(part) for part in command]
    if quiet:
        options.update(stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    sys.stdout.flush()
    try:
        done = subprocess.run(command, text=True, check=False, **options)
    except FileNotFoundError as error:
        raise Failure(
            f"{command[0]} is not installed. {problem or ''}".strip()
        ) from error
    if done.returncode:
        if quiet and done.stdout:
            say(done.stdout.rstrip())
        what = problem or f"Command failed: {' '.join(command[:6])}"
        raise Failure(f"{what} (status {done.returncode})")
    return done.stdout


LOADING = re.compile(r"Loading module (\w+) \((\d+)/(\d+)\)")
CHATTER = re.compile(r"^\S+ \S+ \d+ INFO |security risk|^<string>:\d+: ")


def run_showing_modules(command, *, problem, **options):
    """Run Odoo, showing which add-on it loads and whatever is not mere information.

    :raise Failure: the command ends with a status other than 0
    """
    process = subprocess.Popen(
        [str(part) for part in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        **options,
    )
    shown = 0
    for line in process.stdout:
        found = LOADING.search(line)
        if found and (int(found[2]) >= shown + 10 or found[2] == found[3]):
            shown = int(found[2])
            say(f"    add-on {found[2]} of {found[3]}: {found[1]}")
        elif not found and not CHATTER.search(line):
            say(line.rstrip())
    if process.wait():
        raise Failure(f"{problem} (status {process.returncode})")
