"""Synthetic footage: a textured picture that pans, with a square that moves on its own."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from sensic.video import Colour, Frame, VideoInfo, VideoSink


def pictures(count: int, width: int = 64, height: int = 48, depth: int = 8, seed: int = 0) -> Iterator[Frame]:
    generator = np.random.default_rng(seed)
    wide, tall = width + 2 * count + 2, height + 2
    texture = cv2.GaussianBlur(generator.random((tall, wide, 3), np.float32), (0, 0), 2.5)
    texture = (texture - texture.min()) / (texture.max() - texture.min())
    peak, kind = (255, np.uint8) if depth == 8 else (1023, np.uint16)
    half = (-(-height // 2), -(-width // 2))
    for number in range(count):
        view = np.rint(texture[1 : height + 1, 2 * number : 2 * number + width] * peak).astype(kind)
        y = np.ascontiguousarray(view[..., 0])
        y[8:20, number : number + 12] = peak // 2
        u, v = (np.ascontiguousarray(view[::2, ::2, c][: half[0], : half[1]]) for c in (1, 2))
        yield Frame(y, u, v, depth, 100 * number, Fraction(1, 2500), 100, Colour(1, 1, 1, False))


def info(width: int = 64, height: int = 48, depth: int = 8) -> VideoInfo:
    return VideoInfo(
        width=width,
        height=height,
        depth=depth,
        time_base=Fraction(1, 2500),
        rate=Fraction(25),
        colour=Colour(1, 1, 1, False),
    )


def write_video(path: Path, count: int, width: int = 64, height: int = 48, depth: int = 8) -> Path:
    """A lossless file of ``pictures``."""
    with VideoSink(path, info(width, height, depth)) as sink:
        for frame in pictures(count, width, height, depth):
            sink.write(frame)
    return path
