"""A polite end: the first Ctrl-C or SIGTERM is a wish, the second one is obeyed at once."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Iterator
from types import FrameType
from typing import NoReturn


class Stop:
    """``wanted`` once a signal has come."""

    def __init__(self) -> None:
        self.number: int | None = None

    @property
    def wanted(self) -> bool:
        return self.number is not None

    def leave(self) -> NoReturn:
        """End as the signal would have: KeyboardInterrupt, or SystemExit with 143 for SIGTERM."""
        if self.number == signal.SIGTERM:
            sys.exit(128 + signal.SIGTERM)
        raise KeyboardInterrupt

    def _heard(self, number: int, frame: FrameType | None) -> None:
        if self.wanted:
            self.leave()
        self.number = number


@contextlib.contextmanager
def stoppable() -> Iterator[Stop]:
    """Signals become wishes inside; outside the main thread, where none arrive, nothing changes."""
    stop = Stop()
    before = {}
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(ValueError):
            before[number] = signal.signal(number, stop._heard)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
