"""What every executor does, and how often it tries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from sensic.errors import ClusterError

DEATHS = 3
"""How many workers a task may take with it before it is given up."""

Report = Callable[[Any], None]
"""Given to a task, to tell how far it is. Only the newest value counts; values may be dropped."""


@dataclass(frozen=True)
class Task:
    """``function(argument, report)`` in a worker; ``name`` is what errors call it.

    The function is defined at the top of a module that the worker can import; argument, reports and result travel
    between processes by pickle.
    """

    name: str
    function: Callable[[Any, Report], Any]
    argument: Any


Results: TypeAlias = Generator[tuple[int, Any], None, None]


class Executor(Protocol):
    """Runs tasks in processes of their own, each with one thread for computing.

    A task whose worker dies (killed, out of memory, its machine gone) is begun again in another, at most ``DEATHS``
    times in all; an exception that a task raises is raised here and ends all work.
    """

    def run(self, tasks: Sequence[Task], on_report: Callable[[int, Any], None]) -> Results:
        """Number and result of each task, as they end. Tasks are begun in their order; ``on_report`` gets the number
        of a task and what it reported, in the calling thread. Closing the generator ends all work at once.

        Raises ClusterError, and what tasks raise.
        """
        ...


class Deaths:
    """Counts the workers that died of each task."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        self._tasks, self._counts = tasks, Counter[int]()

    def add(self, number: int, how: str) -> None:
        """Raises ClusterError where it is one too many."""
        self._counts[number] += 1
        if self._counts[number] >= DEATHS:
            name = self._tasks[number].name
            raise ClusterError(f"the worker of {name} died {DEATHS} times; the last time it {how}")
