"""Random access: whatever is asked for, in whatever order, is what decoding from the start gives.

No stream has an index in the file; one that was written to a pipe doesn't even tell its sizes and its duration.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sensic
from sensic.video import Frame
from tests.codec.pictures import write_video
from tests.small_model import small_model

FRAMES, GOP = 23, 5
SEEKS = 250  # of four streams: a thousand


class Pipe(io.BytesIO):
    def seekable(self) -> bool:
        return False

    def seek(self, offset: int, whence: int = 0) -> int:
        raise io.UnsupportedOperation("a pipe")

    tell = None  # type: ignore[assignment]


@pytest.fixture(scope="module", params=["groups", "low latency", "sensing", "pipe"])
def video(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[sensic.Video]:
    folder = tmp_path_factory.mktemp("access")
    options: dict[str, Any] = {"profile": "sensing"} if request.param == "sensing" else {"model": small_model()}
    write_video(folder / "in.mkv", FRAMES, 32, 32)
    pipe = Pipe()
    sensic.encode(
        folder / "in.mkv", pipe if request.param == "pipe" else folder / "s.mkv", gop=GOP, preset=0,
        low_latency=request.param == "low latency", **options,
    )  # fmt: skip
    if request.param == "pipe":
        (folder / "s.mkv").write_bytes(pipe.getvalue())
    with sensic.open_video(folder / "s.mkv", model=None if request.param == "sensing" else small_model()) as video:
        yield video


@pytest.fixture(scope="module")
def linear(video: sensic.Video) -> list[Frame]:
    return list(video)


def same(a: Frame, b: Frame) -> bool:
    return a.pts == b.pts and all(np.array_equal(p, q) for p, q in zip(a.planes, b.planes, strict=True))


def test_seeks(video: sensic.Video, linear: list[Frame]) -> None:
    dice = np.random.default_rng(11)
    seconds = float(linear[-1].time)
    for number in dice.integers(0, FRAMES, SEEKS // 2).tolist():
        assert same(video[number], linear[number])
    for moment in dice.uniform(0, seconds + 0.5, SEEKS // 2).tolist():
        shown = max(n for n, frame in enumerate(linear) if frame.time <= moment)
        assert same(video.at(moment), linear[shown])


def test_backwards(video: sensic.Video, linear: list[Frame]) -> None:
    backwards = list(reversed(video))
    assert len(backwards) == FRAMES
    assert all(same(a, b) for a, b in zip(backwards, reversed(linear), strict=True))


def test_the_ends(video: sensic.Video, linear: list[Frame]) -> None:
    for number in (FRAMES - 1, 0, -1, -FRAMES):
        assert same(video[number], linear[number])
    for number in (FRAMES, -FRAMES - 1):
        with pytest.raises(IndexError):
            video[number]


def test_what_can_only_be_read_forward(tmp_path: Path) -> None:
    """A stream that comes out of a pipe is decoded, not sought in."""
    write_video(tmp_path / "in.mkv", 3, 16, 16)
    sensic.encode(tmp_path / "in.mkv", tmp_path / "s.mkv", profile="sensing")
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as file:
        file.write((tmp_path / "s.mkv").read_bytes())
    with os.fdopen(reading, "rb") as source, pytest.raises(sensic.UsageError, match="a pipe can't be sought in"):
        sensic.open_video(source)
