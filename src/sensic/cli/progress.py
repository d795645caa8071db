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
_TEXT = 72  # columns beside the bar


class View:
    """What is said of a Progress; other commands count other things than frames."""

    def text(self, progress: Any) -> str:
        return describe(progress)

    def fields(self, progress: Any) -> dict[str, Any]:
        """For a JSON line."""
        return {
            "stage": progress.stage,
            "frames": progress.frames,
            "total": progress.total,
            "bytes": progress.bytes,
            "seconds": round(progress.seconds, 3),
            "frames_per_second": round(progress.frames_per_second, 3),
            "eta_seconds": _rounded(progress.seconds_left),
            "predicted_bytes": _rounded(progress.predicted_bytes),
            "bits_per_pixel": _rounded(progress.bits_per_pixel, 6),
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

        terminal = Console(stderr=True)
        bar = BarColumn(bar_width=max(8, min(30, terminal.width - _TEXT)))
        self._bar = RichProgress(bar, TextColumn("{task.description}"), console=terminal, transient=True)
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
    """Frames done, frames per second, time left; what is written so far, predicted size, bits per pixel."""
    of = f"/{progress.total}" if progress.total else ""
    stage = "" if progress.stage == "coding" else f"{progress.stage}  "
    parts = [f"{stage}{progress.frames}{of} frames", f"{progress.frames_per_second:.1f}/s"]
    if progress.seconds_left is not None:
        parts.append(f"{console.clock(progress.seconds_left)} left")
    if progress.bytes:
        predicted = progress.predicted_bytes
        of = "" if predicted is None else f" of about {console.amount(predicted)}"
        parts.append(f"{console.amount(progress.bytes)}{of}")
    if progress.bits_per_pixel is not None:
        parts.append(f"{progress.bits_per_pixel:.4f} bpp")
    return "  ".join(parts)


def _rounded(value: float | None, digits: int | None = None) -> float | None:
    return None if value is None else round(value, digits)
