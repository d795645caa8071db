"""Small footage with shots, for the tests: a soft texture that moves, another for every shot."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from sensic.video.frame import Plane
from sensic.video.planes import frame_of

SIZE = (96, 64)


def shot(seed: int, count: int, *, size: tuple[int, int] = SIZE, speed: int = 2, depth: int = 8) -> list[Plane]:
    """Luma of ``count`` pictures in which a texture moves ``speed`` pixels to the left per picture."""
    width, height = size
    random = np.random.default_rng(seed)
    coarse = random.uniform(0.1, 0.9, (max(2, height // 8), max(2, (width + speed * count) // 8))).astype(np.float32)
    texture = cv2.resize(coarse, (width + speed * count, height), interpolation=cv2.INTER_CUBIC)
    samples = np.clip(texture * ((1 << depth) - 1), 0, (1 << depth) - 1).astype(np.uint8 if depth == 8 else np.uint16)
    return [np.ascontiguousarray(samples[:, speed * t : speed * t + width]) for t in range(count)]


def write(
    path: Path,
    pictures: Sequence[Plane],
    *,
    times: Sequence[int] | None = None,
    codec: str = "ffv1",
    options: dict[str, str] | None = None,
    rate: int = 25,
    keys: Sequence[int] = (),
) -> Path:
    """A video of grey pictures; ``times`` in milliseconds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    depth = 8 if pictures[0].dtype == np.uint8 else 10
    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=rate, options=options)
        stream.height, stream.width = pictures[0].shape
        stream.pix_fmt = "yuv420p" if depth == 8 else "yuv420p10le"
        stream.codec_context.time_base = Fraction(1, 1000)
        for index, luma in enumerate(pictures):
            chroma = np.full((luma.shape[0] // 2, luma.shape[1] // 2), 1 << (depth - 1), luma.dtype)
            frame = frame_of((luma, chroma, chroma), depth)
            frame.pts = index * 1000 // rate if times is None else times[index]
            frame.time_base = Fraction(1, 1000)
            if index in keys:
                frame.pict_type = av.video.frame.PictureType.I
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def write_pack(path: Path, seeds: Sequence[int], *, frames: int = 12, depth: int = 8, speed: int = 2) -> Path:
    """A lossless pack, a clip per seed."""
    pictures = [picture for seed in seeds for picture in shot(seed, frames, depth=depth, speed=speed)]
    groups = f"keyint={frames}:min-keyint={frames}:scenecut=0:open-gop=0:lossless=1:log-level=none"
    return write(path, pictures, codec="libx265", options={"preset": "ultrafast", "x265-params": groups}, rate=24)
