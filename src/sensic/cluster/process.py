"""A worker process, seen from the parent."""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from typing import Any, NamedTuple, TypeAlias

from sensic.cluster.protocol import Task
from sensic.cluster.worker import COMMAND, SIZE_BYTES
from sensic.errors import ClusterError

_LAST_LINES = 2  # of what a worker said before it died


class Event(NamedTuple):
    """What became of a task: ``kind`` is report, done, raised, or died with the words for it as ``value``."""

    worker: WorkerProcess
    kind: str
    value: Any


Events: TypeAlias = "queue.SimpleQueue[Event]"


class WorkerProcess:
    """A process that runs one task after the other, and a thread that puts what comes of them into ``events``.

    It is begun anew and not forked, so that a program that uses this needs no ``__main__`` guard, and ends when this
    process does, however it ends. ``number`` is that of the task at hand. Raises ClusterError where it can't be begun.
    """

    def __init__(self, events: Events, number: int, task: Task) -> None:
        self._events = events
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 (closed by the thread)
        environment = {
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": os.pathsep.join(map(str, sys.path)),  # what can be imported here can be there
            "PYTHONSAFEPATH": "1",
        }
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-c", COMMAND],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._said,
                env=environment,
            )
        except OSError as error:
            self._said.close()
            raise ClusterError(f"a worker can't be started: {error.strerror}") from error
        self._thread = threading.Thread(target=self._listen, name="sensic-worker", daemon=True)
        self._thread.start()
        self.give(number, task)

    def give(self, number: int, task: Task) -> None:
        """Begin a task; only when the one before has ended."""
        self.number = number
        data = pickle.dumps(task)
        assert self._process.stdin is not None
        with contextlib.suppress(OSError, ValueError):  # it is dead: the thread will tell
            self._process.stdin.write(len(data).to_bytes(SIZE_BYTES, "little") + data)
            self._process.stdin.flush()

    def end(self) -> None:
        """At once, whatever it is doing."""
        self._process.kill()
        self._thread.join()

    def _listen(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        broken = ""
        with self._said, self._process.stdout as messages:
            try:
                while True:
                    self._events.put(Event(self, *pickle.load(messages)))
            except EOFError:
                pass
            except Exception as error:  # whatever unpickling half a message may raise
                broken = f"; its last message can't be read: {error}"
                self._process.kill()
            code = self._process.wait()
            with contextlib.suppress(OSError):
                self._process.stdin.close()
            self._events.put(Event(self, "died", _how(code, self._last_words()) + broken))

    def _last_words(self) -> str:
        self._said.seek(0)
        lines = [line.strip() for line in self._said.read().decode(errors="replace").splitlines() if line.strip()]
        return "; ".join(lines[-_LAST_LINES:])


def _how(code: int, said: str) -> str:
    """A verb phrase for the end of a process."""
    if code >= 0:
        return f"ended with code {code}" + (f": {said}" if said else "")
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"was killed by {name}" + (" (out of memory?)" if name == "SIGKILL" else "")
