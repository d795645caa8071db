"""Footage of a camera that doesn't move: a texture that stands still, and a square that crosses it."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np

SIDE = 64


def write_footage(path: Path, frames: int, *, seed: int = 0, side: int = SIDE) -> Path:
    """A lossless video; picture t of the same seed is the same in every video."""
    scene = np.kron(np.random.default_rng(seed).integers(40, 200, (side // 8, side // 8)), np.ones((8, 8)))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = side, side, "yuv420p"
        for t in range(frames):
            picture = scene.astype(np.uint8)
            left = 2 * t % (side - 16)
            picture[24:40, left : left + 16] = 235
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "gray").reformat(format="yuv420p")))
        container.mux(stream.encode())
    return path
