"""Prediction of a picture: the previous one, sampled along the motion field."""

from __future__ import annotations

from functools import lru_cache

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


def _moving(field: Field) -> tuple[slice, slice] | None:
    """Rows and columns of blocks outside which nothing moves; None where all stands still."""
    rows, columns = np.flatnonzero(field.any((0, 2))), np.flatnonzero(field.any((0, 1)))
    if not rows.size:
        return None
    # One more on each side: between the centres of blocks vectors are interpolated.
    return slice(max(rows[0] - 1, 0), rows[-1] + 2), slice(max(columns[0] - 1, 0), columns[-1] + 2)


def _sample(plane: FloatArray, vectors: FloatArray, blocks: tuple[slice, slice], side: int) -> FloatArray:
    """``plane`` along ``vectors`` of blocks of ``side`` pixels; what stands still is copied."""
    height, width = plane.shape
    where = cv2.resize(vectors, (width, height), interpolation=cv2.INTER_LINEAR)
    box = tuple(slice(part.start * side, part.stop * side) for part in blocks)
    where = cv2.add(np.ascontiguousarray(where[box]), np.ascontiguousarray(positions(height, width)[box]))
    moved = cv2.remap(plane, where, _NO_SECOND_MAP, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    if moved.shape == plane.shape:
        return np.asarray(moved, np.float32)
    out = plane.copy()
    out[box] = moved
    return out


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
    blocks = _moving(field)
    if blocks is None:
        return y.copy(), uv.copy()
    pixels = np.ascontiguousarray(field.transpose(1, 2, 0), np.float32) / np.float32(4)
    return (
        _sample(y, pixels, blocks, BLOCK),
        np.stack([_sample(plane, pixels / np.float32(2), blocks, BLOCK // 2) for plane in uv]),
    )
