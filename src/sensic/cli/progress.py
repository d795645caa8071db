"""How far a command is: a bar on a terminal, plain lines elsewhere, JSON lines, or nothing."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from sensic.cli import console

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

    from sensic import Progress

_LINE_EVERY, _RECORD_EVERY = 5.0, 0.5  # seconds


class Display:
    """Shows nothing; a context manager that is called with each Progress."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def __call__(self, progress: Progress) -> None:
        pass


class Lines(Display):
    """A line on stderr every few seconds."""

    def __init__(self) -> None:
        self._due = time.monotonic() + _LINE_EVERY

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        if now >= self._due:
            self._due = now + _LINE_EVERY
            console.status(describe(progress))


class Records(Display):
    """A JSON line on stdout, twice a second at most."""

    def __init__(self) -> None:
        self._due = 0.0

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        if now >= self._due:
            self._due = now + _RECORD_EVERY
            console.record(
                "progress",
                frames=progress.frames,
                total=progress.total,
                bytes=progress.bytes,
                seconds=round(progress.seconds, 3),
                frames_per_second=round(_speed(progress), 3),
                eta_seconds=_rounded(_eta(progress)),
                predicted_bytes=_rounded(_predicted(progress)),
            )


class Bar(Display):
    """A bar on the terminal, gone when all is done."""

    def __init__(self) -> None:
        self._bar: RichProgress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as RichProgress

        columns = (BarColumn(bar_width=30), TextColumn("{task.description}"))
        self._bar = RichProgress(*columns, console=Console(stderr=True), transient=True)
        self._task = self._bar.add_task("starting", total=None)
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, progress: Progress) -> None:
        if self._bar is not None and self._task is not None:
            text = describe(progress)
            self._bar.update(self._task, completed=progress.frames, total=progress.total, description=text)


def display(*, quiet: bool, as_json: bool) -> Display:
    """The display that fits where stderr goes and what was asked for."""
    if as_json:
        return Records()
    if quiet:
        return Display()
    return Bar() if sys.stderr.isatty() else Lines()


def describe(progress: Progress) -> str:
    """Frames done, frames per second, time left, predicted size."""
    of = f"/{progress.total}" if progress.total else ""
    parts = [f"{progress.frames}{of} frames", f"{_speed(progress):.1f}/s"]
    eta, predicted = _eta(progress), _predicted(progress)
    if eta is not None:
        parts.append(f"{console.clock(eta)} left")
    if predicted is not None:
        parts.append(f"about {console.amount(predicted)}")
    elif progress.bytes:
        parts.append(console.amount(progress.bytes))
    return "  ".join(parts)


def _speed(progress: Progress) -> float:
    return progress.frames / progress.seconds if progress.seconds > 0 else 0.0


def _eta(progress: Progress) -> float | None:
    speed = _speed(progress)
    return (progress.total - progress.frames) / speed if progress.total and speed else None


def _predicted(progress: Progress) -> float | None:
    if not progress.total or not progress.bytes or not progress.frames:
        return None
    return progress.bytes * progress.total / progress.frames


def _rounded(value: float | None) -> int | None:
    return None if value is None else round(value)
