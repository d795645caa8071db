"""One progress bar on stderr for every script."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from sensic.evaluation import EvaluateProgress


def progress_bar() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )


@contextmanager
def evaluating() -> Iterator[Callable[[EvaluateProgress], None]]:
    """What ``evaluate`` tells, as a bar."""
    with progress_bar() as bar:
        task = bar.add_task("measuring")
        yield lambda p: bar.update(task, completed=p.done, total=p.total, description=f"{p.clip} {p.coder}")
