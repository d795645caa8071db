"""Options that several commands share."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from sensic.errors import UsageError

Model = Annotated[
    str | None, typer.Option("--model", "-m", metavar="FILE", help="A model's name or directory.", show_default=False)
]
Threads = Annotated[int | None, typer.Option("--threads", "-t", metavar="N", help="Threads; all cores by default.")]
Json = Annotated[bool, typer.Option("--json", help="JSON lines on stdout, each with a type.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress and no notes.")]


def check_stdout(destination: str, *, as_json: bool) -> None:
    """Raises UsageError where video on stdout would be mixed with JSON, or spoil a terminal."""
    if destination != "-":
        return
    if as_json:
        raise UsageError("--json needs stdout for itself: give a file instead of -")
    if sys.stdout.isatty():
        raise UsageError("video is not for a terminal: give a file, or pipe stdout into something")
