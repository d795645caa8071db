"""``sensic`` as a process of its own, to which something happens while it is at work."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.vectors.streams import HERE

SENSIC = (sys.executable, "-m", "sensic.cli")
MODEL = ("--model", str(HERE / "model"), "--threads", "1")
_CAPABILITIES = (1, 2)  # of root: to write, and to read, whatever the modes say
_DROP = 24  # PR_CAPBSET_DROP

JOBS: dict[str, tuple[str, ...]] = {
    "encode": ("encode", "in.mkv", "out/o.mkv", *MODEL, "--preset", "0", "--gop", "4"),
    "sensing": ("encode", "in.mkv", "out/o.mkv", "--profile", "sensing"),
    "decode": ("decode", "stream.mkv", "out/o.mkv", *MODEL),
}


@dataclass(frozen=True)
class Ended:
    """What is left after a job: exit code, what it said on stderr, files in the folder of outputs."""

    code: int
    said: str
    left: list[str]

    def check_one_line(self, code: int, part: str) -> None:
        assert (self.code, self.said.count("\n")) == (code, 1), self
        assert self.said.startswith("sensic: "), self
        assert part in self.said


class Place:
    """A folder with sources, and ``out`` for the outputs."""

    def __init__(self, folder: Path, sources: Path) -> None:
        self.folder, self.out = folder, folder / "out"
        self.out.mkdir()
        self._sources = {path.name: path.read_bytes() for path in sources.iterdir()}
        for name in self._sources:
            shutil.copy(sources / name, folder / name)

    def run(
        self,
        words: tuple[str, ...],
        happens: Callable[[subprocess.Popen[bytes]], None] | None = None,
        before: Callable[[], None] | None = None,
        program: tuple[str, ...] = SENSIC,
    ) -> Ended:
        """Let something happen while the job is stopped after its first frames. ``before`` is done in the process."""
        json = ("--json",) if happens else ("--quiet",)
        with subprocess.Popen(
            [*program, *words, *json], cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            preexec_fn=before,
        ) as process:  # fmt: skip
            if happens:
                assert process.stdout is not None
                assert b'"progress"' in process.stdout.readline()
                process.send_signal(signal.SIGSTOP)
                happens(process)
                process.send_signal(signal.SIGCONT)
            said = process.communicate(timeout=120)[1].decode()
        left = sorted(os.listdir(self.out)) if self.out.exists() else []
        return Ended(process.returncode, said, left)

    def check_sources(self, *but: str) -> None:
        for name in self._sources.keys() - {*but}:
            assert (self.folder / name).read_bytes() == self._sources[name]


def no_privileges() -> None:
    """For root: modes count from now on. For the process to be."""
    libc = ctypes.CDLL(None)
    for capability in _CAPABILITIES:
        libc.prctl(_DROP, capability, 0, 0, 0)


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[None]:
    """A small disk of its own there; skips the test where mounting is not allowed."""
    words = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    try:
        done: Any = subprocess.run(words, capture_output=True, check=False)
    except OSError:
        pytest.skip("there is no mount")
    if done.returncode:
        pytest.skip("mounting is not allowed here")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)
