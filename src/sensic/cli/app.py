"""The application: its commands, and what becomes of errors."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import signal
import sys
from collections.abc import Iterator, Sequence
from types import FrameType
from typing import Annotated, Any, NoReturn, cast

import typer
from typer.exceptions import TyperException

from sensic import __version__
from sensic.cli import console
from sensic.cli.command import Commands, Group, build
from sensic.errors import SensicError

INTERRUPTED, TERMINATED = 130, 143
_OUT_OF_MEMORY = re.compile(
    "allocate memory|bad.alloc|insufficient memory|failed to map segment|can't start new thread", re.IGNORECASE
)
"""What the system, ONNX Runtime, OpenCV, the loader of libraries and threads say of it."""

app = typer.Typer(
    name="sensic",
    cls=Group,
    help="Sensic, a learned video codec: small files, the same pictures on every machine.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
COMMANDS = (
    *("encode", "decode", "info", "verify", "play", "compare", "export", "train", "adapt", "recover", "sense-budget"),
    *("evaluate", "data"),
)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"sensic {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Sensic, a learned video codec: small files, the same pictures on every machine."""


@functools.cache
def program() -> Group:
    """The commands as a tree; each is built when it is first looked at."""
    tree = build(app)
    assert isinstance(tree, Group)
    tree.commands = cast(Any, Commands("sensic.cli", COMMANDS))  # nobody adds to them
    return tree


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``sensic`` with these arguments (default: those of the process) and return its exit code."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    console.want_json("--json" in words)
    try:
        with _terminated_like_interrupted():
            code = _run(words)
            sys.stdout.flush()
    except BrokenPipeError:
        _forget_stdout()
        code = 1
    return code


def _run(words: list[str]) -> int:
    try:
        code = int(program().main(words, prog_name="sensic", standalone_mode=False) or 0)
        return console.error("interrupted", code) if code == INTERRUPTED else code
    except SensicError as error:
        if _is_broken_pipe(error):
            raise BrokenPipeError from error
        return console.error(str(error), error.exit_code)
    except TyperException as error:
        message = error.format_message()
        return console.error(message, 2) if message else 2  # without one the help has been shown
    except BrokenPipeError:
        raise
    except Exception as error:
        if isinstance(error, MemoryError) or _OUT_OF_MEMORY.search(str(error)):
            return console.error("not enough memory", 1)
        if isinstance(error, OSError):
            return console.error(f"{error.filename or 'the system'}: {error.strerror or error}", 1)
        if os.environ.get("SENSIC_DEBUG"):
            raise
        kind = type(error).__name__
        return console.error(f"this is a fault of Sensic: {kind}: {error} (SENSIC_DEBUG=1 shows where)", 1)


def _is_broken_pipe(error: BaseException | None) -> bool:
    """Whether whoever reads our output has gone; then there is nobody to tell."""
    while error is not None:
        if isinstance(error, BrokenPipeError):
            return True
        error = error.__cause__
    return False


def _forget_stdout() -> None:
    """Keep the interpreter from complaining when it flushes what nobody reads."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextlib.contextmanager
def _terminated_like_interrupted() -> Iterator[None]:
    """Let a polite kill clean up as Ctrl-C does: no half-written files."""

    def stop(number: int, frame: FrameType | None) -> NoReturn:
        sys.exit(TERMINATED)

    try:
        before = signal.signal(signal.SIGTERM, stop)
    except ValueError:  # not in the main thread
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
