"""Programs run one at a time, each as a process of its own, so that CPU seconds and peak memory are its own."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sensic.errors import EvaluationError

LAUNCHER = Path(__file__).with_name("launcher.py")
LAST_LINES = 3  # of what a program said before it failed


@dataclass(frozen=True)
class Usage:
    """What a process took: wall-clock ``seconds`` from its start to its end, ``cpu`` seconds (user and system, all
    threads, and children that it waited for), and ``memory``, the peak resident bytes of the largest single process
    among it and those children, as wait4(2) tells: processes that run side by side are not summed.
    """

    seconds: float
    cpu: float
    memory: int

    def __add__(self, other: Usage) -> Usage:
        """Of two that ran one after the other."""
        return Usage(self.seconds + other.seconds, self.cpu + other.cpu, max(self.memory, other.memory))


def run(
    command: Sequence[str],
    *,
    timeout: float | None = None,
    env: Mapping[str, str] | None = None,
    output: Path | None = None,
    cwd: Path | None = None,
    name: str | None = None,
) -> Usage:
    """Run ``command`` to its end. ``env`` is added to the environment, ``output`` takes its standard output (else
    dropped), ``timeout`` is in seconds, ``cwd`` is where it runs; ``name`` is what errors call it, by default the
    program's file.

    Raises EvaluationError, with the last lines of its standard error, when it can't be started, fails or takes too
    long. Whatever ends this call early, Ctrl-C included, kills the process and its children.
    """
    if not hasattr(os, "wait4"):
        raise EvaluationError("this system has no wait4, by which CPU time and memory are measured; use Linux or macOS")
    name = name or Path(command[0]).name
    program = shutil.which(command[0], path=(env or {}).get("PATH"))
    if program is None:
        raise EvaluationError(f"there is no program {command[0]}")
    with tempfile.TemporaryDirectory(prefix="sensic-") as scratch:
        report, errors = Path(scratch, "usage.json"), Path(scratch, "stderr")
        with errors.open("wb") as said, open(output or os.devnull, "wb") as told:
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(LAUNCHER), str(report), program, *command[1:]],
                stdin=subprocess.DEVNULL,
                stdout=told,
                stderr=said,
                env={**os.environ, **(env or {})},
                cwd=cwd,
                start_new_session=True,  # a group of its own, to be killed as a whole
            )
            try:
                process.wait(timeout)
            except subprocess.TimeoutExpired:
                raise EvaluationError(f"{name} was stopped: it took longer than {timeout:g} s") from None
            finally:
                _kill_group(process)
        return _usage(name, report, errors.read_bytes().decode(errors="replace"))


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    """What is left of the process and its children, if anything."""
    with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS says the latter of a group that has ended
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _usage(name: str, report: Path, said: str) -> Usage:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    last = "; ".join(lines[-LAST_LINES:]) or "it said nothing"
    if not report.exists():
        raise EvaluationError(f"{name} could not be run: {last}")
    found = json.loads(report.read_text(encoding="utf-8"))
    code = found.pop("code")
    if code < 0:
        raise EvaluationError(f"{name} was ended by {signal.Signals(-code).name}: {last}")
    if code:
        raise EvaluationError(f"{name} failed: {last}")
    return Usage(**found)


def ffmpeg() -> str:
    """Path of the FFmpeg that carries the encoders and metrics: the one of imageio-ffmpeg, or the program that the
    environment variable IMAGEIO_FFMPEG_EXE names.

    Raises EvaluationError where there is none.
    """
    try:
        import imageio_ffmpeg

        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except ImportError:
        raise EvaluationError("evaluation needs imageio-ffmpeg: pip install 'sensic[eval]'") from None
    except RuntimeError:
        raise EvaluationError("there is no ffmpeg; set IMAGEIO_FFMPEG_EXE to one") from None
