"""What the workers of these tests do."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from sensic.cluster import Report
from sensic.errors import InputError


def square(value: int, report: Report) -> int:
    report(value)
    print("what a library says does not disturb")
    return value * value


def fail(name: str, report: Report) -> None:
    raise InputError(f"no such thing: {name}")


def unusual(argument: None, report: Report) -> None:
    class Odd(Exception):  # can't be pickled
        pass

    raise Odd("odd")


def die(how: int, report: Report) -> None:
    os.kill(os.getpid(), how)


def leave(code: int, report: Report) -> None:
    import sys

    print("last words", file=sys.stderr)
    sys.stderr.flush()
    os._exit(code)


def die_until(marks: Path, report: Report) -> int:
    """Killed twice, then well; returns how often it was begun."""
    begun = len(list(marks.iterdir()))
    (marks / str(begun)).touch()
    if begun < 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return begun + 1


def linger(pid_file: Path, report: Report) -> None:
    pid_file.write_text(str(os.getpid()))
    report("here")
    time.sleep(600)
