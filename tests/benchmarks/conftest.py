"""A clip small enough to code in a moment."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from sensic.evaluation import Clip, load

WIDTH, HEIGHT = 64, 48


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Twelve frames of a gradient that grows lighter, lossless."""
    path = tmp_path / "source.mkv"
    shapes = ((HEIGHT, WIDTH), (HEIGHT // 2, WIDTH // 2), (HEIGHT // 2, WIDTH // 2))
    with av.open(str(path), "w") as writer:
        stream = writer.add_stream("ffv1", rate=Fraction(25))
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for i in range(12):
            planes = [np.add.outer(np.arange(h) * 3, np.arange(w) * 2) + 4 * i for h, w in shapes]
            packed = np.concatenate([p.astype(np.uint8).ravel() for p in planes]).reshape(HEIGHT * 3 // 2, WIDTH)
            writer.mux(stream.encode(av.VideoFrame.from_ndarray(packed, format="yuv420p")))
        writer.mux(stream.encode(None))
    return path


@pytest.fixture
def clip(source: Path, tmp_path: Path) -> Clip:
    """Its first ten frames."""
    (tmp_path / "work").mkdir()
    return load(source, tmp_path / "work", 10)
