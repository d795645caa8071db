"""How far a command is: a bar on a terminal, plain lines elsewhere, JSON lines, or nothing."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from sensic.cli import console

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

    from sensic import Progress

_LINE_EVERY, _RECORD_EVERY = 5.0, 0.5  # seconds


class View:
    """What is said of a Progress; other commands count other things than frames."""

    def text(self, progress: Any) -> str:
        return describe(progress)

    def fields(self, progress: Any) -> dict[str, Any]:
        """For a JSON line."""
        return {
            "frames": progress.frames,
            "total": progress.total,
            "bytes": progress.bytes,
            "seconds": round(progress.seconds, 3),
            "frames_per_second": round(_speed(progress), 3),
            "eta_seconds": _rounded(_eta(progress)),
            "predicted_bytes": _rounded(_predicted(progress)),
        }

    def position(self, progress: Any) -> tuple[float, float | None]:
        """How much is done, and of how much, for a bar."""
        return progress.frames, progress.total


class Display:
    """Shows nothing; a context manager that is called with each Progress."""

    def __init__(self, view: View | None = None) -> None:
        self.view = view or View()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def __call__(self, progress: Any) -> None:
        pass


class Lines(Display):
    """A line on stderr every few seconds."""

    def __init__(self, view: View | None = None) -> None:
        super().__init__(view)
        self._due = time.monotonic() + _LINE_EVERY

    def __call__(self, progress: Any) -> None:
        now = time.monotonic()
        if now >= self._due:
            self._due = now + _LINE_EVERY
            console.status(self.view.text(progress))


class Records(Display):
    """A JSON line on stdout, twice a second at most."""

    def __init__(self, view: View | None = None) -> None:
        super().__init__(view)
        self._due = 0.0

    def __call__(self, progress: Any) -> None:
        now = time.monotonic()
        if now >= self._due:
            self._due = now + _RECORD_EVERY
            console.record("progress", **self.view.fields(progress))


class Bar(Display):
    """A bar on the terminal, gone when all is done."""

    def __init__(self, view: View | None = None) -> None:
        super().__init__(view)
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

    def __call__(self, progress: Any) -> None:
        if self._bar is not None and self._task is not None:
            done, total = self.view.position(progress)
            self._bar.update(self._task, completed=done, total=total, description=self.view.text(progress))


def display(*, quiet: bool, as_json: bool, view: View | None = None) -> Display:
    """The display that fits where stderr goes and what was asked for."""
    if as_json:
        return Records(view)
    if quiet:
        return Display(view)
    return Bar(view) if sys.stderr.isatty() else Lines(view)


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
