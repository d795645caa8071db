"""Encoders and decoders side by side, and one after the other for long: the same bytes, nothing left behind."""

from __future__ import annotations

import gc
import multiprocessing
import os
import threading
import warnings
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import pytest

import sensic
from benchmarks.leaks import heap
from tests.codec.pictures import write_video
from tests.concurrency.jobs import MODEL, OPTIONS, SEVERAL, job


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("together")
    write_video(folder / "in.mkv", 10, 48, 32)
    return folder


@pytest.fixture(scope="module")
def alone(folder: Path) -> list[tuple[str, str]]:
    return [job(folder, number) for number in range(len(OPTIONS))]


def executor(kind: str) -> Executor:
    """``forkserver`` forks where everything is imported and nothing has run: who forks while threads run, or have just
    ended, may copy a lock of OpenCV's that nobody gives back."""
    if kind == "threads":
        return ThreadPoolExecutor(SEVERAL)
    context = multiprocessing.get_context(kind)
    context.set_forkserver_preload([job.__module__, "sensic.codec.transcode"])
    return ProcessPoolExecutor(2, context)


@pytest.mark.parametrize("kind", ["threads", "forkserver", "spawn"])
def test_several_at_once(kind: str, folder: Path, alone: list[tuple[str, str]]) -> None:
    if kind not in {"threads", *multiprocessing.get_all_start_methods()}:
        pytest.skip(f"this system can't {kind}")
    count = SEVERAL if kind == "threads" else len(OPTIONS)
    with executor(kind) as pool:
        found = list(pool.map(job, [folder] * count, range(count)))
    assert found == [alone[number % len(OPTIONS)] for number in range(count)]


def test_two_decoders_in_turns(folder: Path, alone: list[tuple[str, str]]) -> None:
    """A stream that is open doesn't notice another."""
    with (
        sensic.open_video(folder / "0.mkv", model=MODEL, threads=1) as one,
        sensic.open_video(folder / "1.mkv", model=MODEL, threads=1) as other,
    ):
        turns = [(a.y.copy(), b.y.copy()) for a, b in zip(one, other, strict=True)]
    for number, pictures in enumerate(zip(*turns, strict=True)):
        with sensic.open_video(folder / f"{number}.mkv", model=MODEL, threads=1) as video:
            assert all((frame.y == y).all() for frame, y in zip(video, pictures, strict=True))


def state() -> dict[str, object]:
    import signal

    import cv2
    import numpy as np

    handlers = {name: signal.getsignal(name) for name in (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE)}
    return {
        "environment": dict(os.environ), "signals": handlers, "warnings": list(warnings.filters),
        "folder": os.getcwd(), "NumPy": np.geterr(), "OpenCV": cv2.getNumThreads(), "mask": os.umask(os.umask(0o22)),
    }  # fmt: skip


def test_nothing_global_is_changed(folder: Path, alone: list[tuple[str, str]]) -> None:
    before = state()
    for number in range(len(OPTIONS)):
        assert job(folder, number) == alone[number]
    assert state() == before


def kept() -> tuple[int, int, int, int]:
    """Bytes of the heap, objects of Python, open files, threads of this process."""
    gc.collect()
    return heap(), len(gc.get_objects()), len(os.listdir("/proc/self/fd")), threading.active_count()


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="needs /proc")
def test_nothing_leaks(tmp_path: Path) -> None:
    """A thousand of each: benchmarks/leaks.py."""
    source = write_video(tmp_path / "in.mkv", 2, 16, 16)

    def once(number: int) -> None:
        options = OPTIONS[number % len(OPTIONS)]
        sensic.encode(source, tmp_path / "s.mkv", threads=1, **options)
        sensic.decode(tmp_path / "s.mkv", tmp_path / "out.mkv", model=options.get("model"), threads=1)

    for number in range(24):
        once(number)
    held, objects, *open_before = kept()
    for number in range(12):
        once(number)
    held_after, objects_after, *open_after = kept()
    assert open_after == open_before
    assert objects_after - objects < 12  # not one for each
    assert held_after - held < 1 << 20  # a small model that stayed would be 12 MB
