"""Where the time goes: functions that count the seconds spent in them, without those spent in each other."""

from __future__ import annotations

import functools
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

T = TypeVar("T")
Watched = tuple[Any, str, str | Callable[..., str]]
"""An owner, the name of its function, and the stage that it belongs to (or what tells it from the arguments)."""


class Stopwatch:
    """CPU seconds by stage, of the threads that call the functions (not of helpers that these start)."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._local, self._lock = threading.local(), threading.Lock()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Counts for ``name`` what is done inside, less what inner stages count."""
        inner = getattr(self._local, "inner", 0.0)
        self._local.inner, began = 0.0, time.thread_time()
        try:
            yield
        finally:
            spent = time.thread_time() - began
            with self._lock:
                self.seconds[name] += spent - self._local.inner
            self._local.inner = inner + spent

    def watch(self, function: Callable[..., Any], stage: str | Callable[..., str]) -> Callable[..., Any]:
        @functools.wraps(function)
        def watched(*args: Any, **kwargs: Any) -> Any:
            with self.stage(stage if isinstance(stage, str) else stage(*args, **kwargs)):
                return function(*args, **kwargs)

        return watched

    def each(self, name: str, items: Iterable[T]) -> Iterator[T]:
        """The same items; the time that each takes to come counts for ``name``."""
        iterator = iter(items)
        while True:
            with self.stage(name):
                try:
                    item = next(iterator)
                except StopIteration:
                    return
            yield item

    @contextmanager
    def watching(self, functions: list[Watched]) -> Iterator[None]:
        """Replaces the functions by watched ones while it lasts."""
        with ExitStack() as stack:
            for owner, name, stage in functions:
                original = getattr(owner, name)
                stack.callback(setattr, owner, name, original)
                setattr(owner, name, self.watch(original, stage))
            yield
