"""How many threads there are decides nothing: neither a byte of a stream nor a sample of a picture.

Chunks that workers share: ``test_chunks.py``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest

import sensic

BUNNY = Path(__file__).parents[2] / "demo" / "bunny.mp4"
FILTERS = sensic.Filters(scale="256:144", trim="0f:5f")
THREADS = (1, 2, 4)


@contextmanager
def threads_everywhere(count: int) -> Iterator[int]:
    """OpenCV, whose optical flow works in parts too, gets as many as the networks."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(count)
    try:
        yield count
    finally:
        cv2.setNumThreads(before)


@pytest.mark.parametrize(("model", "preset"), [("default", "medium"), ("default", "slow"), ("fast", "fast")])
def test_threads_change_neither_streams_nor_pictures(model: str, preset: str, tmp_path: Path) -> None:
    streams, pictures = [], []
    for count in THREADS:
        path = tmp_path / f"{count}.mkv"
        with threads_everywhere(count) as threads:
            sensic.encode(BUNNY, path, model=model, preset=preset, gop=3, filters=FILTERS, threads=threads)
        streams.append(path.read_bytes())
    for count in THREADS:
        with threads_everywhere(count) as threads, sensic.open_video(streams[0], threads=threads) as video:
            pictures.append([np.concatenate([plane.ravel() for plane in frame.planes]) for frame in video])
    assert len(pictures[0]) == 5
    assert len({*streams}) == 1
    for others in pictures[1:]:
        for one, other in zip(pictures[0], others, strict=True):
            assert np.array_equal(one, other)
