"""``sensic play``."""

from __future__ import annotations

import contextlib
import shlex
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, cast

import typer

from sensic.cli import arguments, console
from sensic.cli.decode import told
from sensic.errors import OutputError, StreamError, UsageError

if TYPE_CHECKING:
    from sensic import DecodeReport

# How each is told to play y4m from a pipe and then to quit.
_PLAYERS = (
    ("ffplay", ["-loglevel", "error", "-autoexit", "-f", "yuv4mpegpipe", "-"]),
    ("mpv", ["--really-quiet", "-"]),
    ("vlc", ["--quiet", "--play-and-exit", "-"]),
)


def play(
    source: Annotated[str, typer.Argument(metavar="IN", help="A Sensic stream; - is stdin.")],
    player: Annotated[
        str | None,
        typer.Option("--player", metavar="CMD", help="A command that reads y4m on stdin; else ffplay, mpv or vlc."),
    ] = None,
    on_error: arguments.OnError = "fail",
    limit: arguments.Limit = None,
    model: arguments.Model = None,
    threads: arguments.Threads = None,
    workers: arguments.Groups = 1,
    precision: arguments.Precision = "float",
    backend: arguments.Backend = "onnxruntime",
) -> None:
    """Play a stream: y4m into a player, or onto stdout where that is a pipe. There is no sound."""
    import sensic

    options: dict[str, Any] = {
        "model": model, "threads": threads, "workers": workers, "precision": precision, "backend": backend,
        "on_error": on_error, **arguments.limits(limit),
    }  # fmt: skip
    if player is None and not sys.stdout.isatty():
        _finish(sensic.decode(source, "-", **options))
        return
    command = _command(player)
    try:
        process = subprocess.Popen(command, stdin=subprocess.PIPE)
    except OSError as error:
        raise UsageError(f"can't start {command[0]}: {error.strerror}") from error
    pipe = cast(BinaryIO, process.stdin)
    report: DecodeReport | None = None
    try:
        report = sensic.decode(source, pipe, format="y4m", **options)
    except OutputError as error:
        if not isinstance(error.__cause__, BrokenPipeError):  # that is how a player is closed
            raise
    finally:
        with contextlib.suppress(BrokenPipeError):
            pipe.close()
        code = process.wait()
    if code:
        raise OutputError(f"{command[0]} ended with code {code}")
    if report is not None:
        _finish(report)


def _finish(report: DecodeReport) -> None:
    """Say what was concealed, and end."""
    if report.concealed:
        console.notes(told(report.concealed))
        raise typer.Exit(StreamError.exit_code)


def _command(player: str | None) -> list[str]:
    if player is not None:
        words = shlex.split(player)
        if not words:
            raise UsageError("--player is empty")
        return words
    for name, options in _PLAYERS:
        if shutil.which(name):
            return [name, *options]
    names = ", ".join(name for name, _ in _PLAYERS)
    raise UsageError(f"no player found ({names}); name one with --player, or pipe stdout into one")
