"""Machines joined by Ray (https://docs.ray.io).

Ray runs in a process of its own: it prints on standard output, takes SIGTERM for itself, waits for minutes where nobody
answers, and takes the whole process with it when the machine's part of the cluster fails.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import queue
import re
import socket
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self

from sensic.cluster.process import Event, Events, WorkerProcess
from sensic.cluster.protocol import Deaths, Report, Results, Task
from sensic.errors import ClusterError, UsageError

_ANSWER, _JOIN = 5.0, 60.0  # seconds for someone to answer at the address, and for joining then
_ATTEMPTS = 2  # to join
_POLL = 0.5  # seconds between reports


class RayExecutor:
    """The CPUs of a Ray cluster, one for each task. ``address`` is "auto" (the cluster that this machine is part of, or
    the one that RAY_ADDRESS names) or ray://HOST:PORT.

    Every machine needs what the tasks use, in the same version. A context manager. Raises UsageError for another
    address or where Ray is not installed, ClusterError where no cluster answers.
    """

    def __init__(self, address: str) -> None:
        if address != "auto" and not re.fullmatch(r"ray://[^/]+:[0-9]{1,5}", address):
            raise UsageError(f"cluster is auto or ray://HOST:PORT, not {address!r}")
        if importlib.util.find_spec("ray") is None:
            raise UsageError("a cluster needs Ray: pip install 'sensic[cluster]'")
        named = os.environ.get("RAY_ADDRESS") or address if address == "auto" else address
        if named != "auto":
            _knock(named)
        self._events: Events = queue.SimpleQueue()
        self._driver = WorkerProcess(self._events, 0, Task("joining", _join, named))
        try:
            self._next(_JOIN)
        except queue.Empty:
            self.close()
            raise ClusterError(f"whoever listens at {named} is no Ray cluster, or too slow") from None
        except BaseException:
            self.close()
            raise

    def run(self, tasks: Sequence[Task], on_report: Callable[[int, Any], None]) -> Results:
        self._driver.give(1, Task("driving", _drive, tasks))
        try:
            while (event := self._next()).kind == "report":
                kind, number, value = event.value
                if kind == "done":
                    yield number, value
                else:
                    on_report(number, value)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """The cluster ends the tasks of who has gone."""
        self._driver.end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _next(self, timeout: float | None = None) -> Event:
        event = self._events.get(timeout=timeout)
        if event.kind == "raised":
            raise event.value
        if event.kind == "died":
            raise ClusterError(f"the connection to the cluster broke: its process {event.value}")
        return event


def _knock(address: str) -> None:
    """Raises ClusterError where nobody listens."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), _ANSWER).close()
    except (OSError, ValueError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ClusterError(f"no cluster answers at {address}: {reason}") from error


def _join(address: str, report: Report) -> None:
    """In the process of Ray."""
    import ray

    for attempt in range(_ATTEMPTS):
        try:
            ray.init(address=address, logging_level=logging.ERROR, log_to_driver=False)
            break
        except Exception as error:  # a head that is busy is slow to start what serves a client
            if attempt == _ATTEMPTS - 1:
                raise ClusterError(f"no Ray cluster can be joined at {address}: {_first_line(error)}") from error
    resources: Callable[[], dict[str, float]] = ray.cluster_resources
    if not resources().get("CPU"):
        raise ClusterError(f"the cluster at {address} has no CPUs")


def _drive(tasks: Sequence[Task], report: Report) -> None:
    """In the process of Ray: reports ("report", number, value) and ("done", number, result)."""
    import ray.exceptions

    remote: Any = ray.remote
    board = remote(num_cpus=0, max_restarts=-1, max_concurrency=2)(_Board).remote()
    work = remote(num_cpus=1, max_retries=0)(_work)
    deaths = Deaths(tasks)
    running = {work.remote(number, task, board): number for number, task in enumerate(tasks)}
    asked = board.take.remote()
    while running:
        awaited = [asked, *running]
        ray.wait(awaited)
        ready, _ = ray.wait(awaited, num_returns=len(awaited), timeout=0)
        if asked in ready:
            ready.remove(asked)
            for number, value in _news(asked).items():
                report(("report", number, value))
            asked = board.take.remote()
        for reference in ready:
            number = running.pop(reference)
            try:
                report(("done", number, ray.get(reference)))
            except ray.exceptions.RayTaskError as error:
                raise error.cause from None
            except ray.exceptions.RayError as error:
                deaths.add(number, f"was lost: {_first_line(error)}")
                running[work.remote(number, tasks[number], board)] = number


def _news(asked: Any) -> dict[int, Any]:
    """What the board answered; nothing while it is begun again on another machine."""
    import ray.exceptions

    try:
        found: dict[int, Any] = ray.get(asked)
    except ray.exceptions.RayError:
        time.sleep(_POLL)
        return {}
    return found


class _Board:
    """Where tasks leave their reports until somebody looks."""

    def __init__(self) -> None:
        self._news: dict[int, Any] = {}

    def put(self, number: int, value: Any) -> None:
        self._news[number] = value

    def take(self) -> dict[int, Any]:
        """What is new after a while."""
        time.sleep(_POLL)
        news, self._news = self._news, {}
        return news


def _work(number: int, task: Task, board: Any) -> Any:
    due = time.monotonic()

    def report(value: Any) -> None:
        nonlocal due
        if time.monotonic() >= due:
            board.put.remote(number, value)
            due = time.monotonic() + _POLL

    return task.function(task.argument, report)


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
