"""Prediction of a picture: the previous one, sampled along the motion field."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sensic.motion.field import BLOCK, Field

FloatArray = NDArray[np.float32]


@lru_cache(maxsize=8)
def positions(height: int, width: int) -> FloatArray:
    """Every pixel's own coordinates, float32 [H, W, 2], x first."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    return np.ascontiguousarray(np.stack([x, y], -1))


_NO_SECOND_MAP = np.empty(0, np.float32)


def _sample(plane: FloatArray, where: NDArray[Any]) -> FloatArray:
    out = cv2.remap(plane, where, _NO_SECOND_MAP, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(out, np.float32)


def warp(y: FloatArray, uv: FloatArray, field: Field) -> tuple[FloatArray, FloatArray]:
    """The planes predicted from ``y`` float32 [H, W] and ``uv`` float32 [2, H/2, W/2] along ``field`` [2, H/16, W/16].

    The vectors sit at the centres of their blocks and are interpolated linearly between them (constant beyond the
    outermost centres); pixels are sampled bicubically (a = -0.75, positions rounded to 1/32 pixel), the border
    repeated. Chroma moves by the mean of its four luma vectors, halved: exactly the field interpolated ×8.
    Values may overshoot the range of the input, as a cubic does.
    """
    height, width = y.shape
    if field.shape != (2, height // BLOCK, width // BLOCK) or height % BLOCK or width % BLOCK:
        raise ValueError(f"a picture of {width}x{height} does not go with a field of shape {field.shape}")
    pixels = np.ascontiguousarray(field.transpose(1, 2, 0), np.float32) / 4
    luma = cv2.add(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_LINEAR), positions(height, width))
    size = (width // 2, height // 2)
    chroma = cv2.resize(pixels / 2, size, interpolation=cv2.INTER_LINEAR)
    chroma = cv2.add(chroma, positions(size[1], size[0]))
    return _sample(y, luma), np.stack([_sample(plane, chroma) for plane in uv])
