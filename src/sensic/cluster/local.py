"""Processes of this machine."""

from __future__ import annotations

import queue
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from sensic.cluster.process import Events, WorkerProcess
from sensic.cluster.protocol import Deaths, Results, Task
from sensic.errors import UsageError


def whole_workers(workers: int) -> int:
    """That number. Raises UsageError below 1, and for what is no whole number."""
    if isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
        raise UsageError(f"workers is a whole number, 1 or more, not {workers!r}")
    return workers


class LocalExecutor:
    """``workers`` processes. Raises UsageError for a number below 1."""

    def __init__(self, workers: int) -> None:
        self.workers = whole_workers(workers)

    def run(self, tasks: Sequence[Task], on_report: Callable[[int, Any], None]) -> Results:
        waiting, left = deque(range(len(tasks))), len(tasks)
        deaths = Deaths(tasks)
        events: Events = queue.SimpleQueue()
        workers: set[WorkerProcess] = set()
        try:
            while left:
                while waiting and len(workers) < self.workers:
                    workers.add(WorkerProcess(events, waiting[0], tasks[waiting.popleft()]))
                worker, kind, value = events.get()
                number = worker.number
                if worker not in workers:
                    continue  # the end of one that was not needed any more
                if kind == "report":
                    on_report(number, value)
                elif kind == "raised":
                    raise value
                elif kind == "died":
                    workers.remove(worker)
                    waiting.appendleft(number)
                    deaths.add(number, value)
                else:
                    left -= 1
                    if waiting:
                        worker.give(waiting[0], tasks[waiting.popleft()])
                    else:
                        workers.remove(worker)
                        worker.end()
                    yield number, value
        finally:
            for worker in workers:
                worker.end()
