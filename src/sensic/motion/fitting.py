"""Vectors fitted to the warp itself, by Gauss and Newton. Encoder only.

The search compares blocks that move as a whole, but the warp interpolates vectors between the centres of blocks, so
that every vector moves the pixels of four blocks, and a picture that is bent or turned is predicted far better by
vectors that no block would choose for itself. Here all of them move at once, each by the least-squares step of the
pixels that hang on it, weighted as they hang; a step is kept where the error that it takes away is worth its bits.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from sensic.motion.field import BLOCK, LIMIT, Field, Plane
from sensic.motion.pricing import pair_bits
from sensic.motion.warp import positions

Floats = NDArray[np.float32]

STRIDE = 2
"""Every second pixel of every second row is looked at."""
DAMPING = 120.0
"""Added to the squared slopes of a block's pixels: without texture nothing moves."""
LONGEST, STEP = 1.0, 0.8
"""Pixels that a vector moves at a time, and the share of the least-squares step that it goes."""


@lru_cache(maxsize=8)
def _hang(blocks: int) -> Floats:
    """How much every STRIDE-th pixel hangs on every block's vector, along one axis: [blocks * 16 / STRIDE, blocks]."""
    centre = (np.arange(0, blocks * BLOCK, STRIDE) + 0.5) / BLOCK - 0.5
    apart = np.abs(np.clip(centre, 0, blocks - 1)[:, None] - np.arange(blocks))
    return np.asarray(np.maximum(1 - apart, 0), np.float32)


class Fitting:
    """One picture [H, W] and the reference that it is predicted from, both uint8."""

    def __init__(self, current: Plane, reference: Plane) -> None:
        self._shape = current.shape[0] // BLOCK, current.shape[1] // BLOCK
        self._current = current[::STRIDE, ::STRIDE].astype(np.float32)
        whole = reference.astype(np.float32)
        slopes = (cv2.Sobel(whole, cv2.CV_32F, *axis, ksize=3) / 8 for axis in ((1, 0), (0, 1)))
        self._planes: list[Floats] = [whole, *(np.asarray(slope, np.float32) for slope in slopes)]
        self._where = np.ascontiguousarray(positions(*current.shape)[::STRIDE, ::STRIDE].transpose(2, 0, 1))

    def fit(self, field: Field, previous: Field, weight: float, rounds: int, *, by_turns: bool = False) -> Field:
        """``field`` after some steps. A bit is worth a squared error of ``weight``; ``previous`` is the last field.

        ``by_turns`` decides for a quarter of the blocks at a time, none of them neighbours, who then know what the
        others did: better, and four times the work.
        """
        turns = self._turns() if by_turns else [np.ones(self._shape, np.bool_)]
        for _ in range(rounds):
            places, before = self._places(field), field
            rest = self._current - self._moved(0, places, cv2.INTER_CUBIC)
            stepped = self._stepped(field, rest, places)
            for turn in turns:
                field = self._better(field, np.where(turn, stepped, field), previous, weight)
            if field is before:
                break
        return field

    def _better(self, field: Field, tried: Field, previous: Field, weight: float) -> Field:
        """``field`` with those vectors of ``tried`` that are worth their bits; the very same where none is."""
        differs = (tried != field).any(0)
        if not differs.any():
            return field
        gain = self._sums(self._rest(field) ** 2) - self._sums(self._rest(tried) ** 2)
        dearer = pair_bits(tried, field, previous) - pair_bits(field, field, previous)
        better = differs & (gain > weight * dearer)
        return np.where(better, tried, field) if better.any() else field

    def _turns(self) -> list[NDArray[np.bool_]]:
        rows, columns = np.indices(self._shape)
        return [(rows % 2 == i) & (columns % 2 == j) for i in (0, 1) for j in (0, 1)]

    def error(self, field: Field) -> float:
        """The squared error of the prediction along ``field``, over all pixels."""
        rest = self._rest(field)
        return float((rest * rest).sum()) * STRIDE**2

    def _stepped(self, field: Field, rest: Floats, places: Floats) -> Field:
        x, y = (self._moved(plane, places, cv2.INTER_LINEAR) for plane in (1, 2))
        xx, yy, xy, xr, yr = (self._sums(a).astype(np.float64) for a in (x * x, y * y, x * y, x * rest, y * rest))
        xx, yy = xx + DAMPING, yy + DAMPING
        step = np.stack([yy * xr - xy * yr, xx * yr - xy * xr]) / (xx * yy - xy * xy)
        quarters = np.rint(4 * STEP * np.clip(step, -LONGEST, LONGEST))
        return np.asarray(np.clip(field + quarters, -LIMIT, LIMIT), np.int16)

    def _rest(self, field: Field) -> Floats:
        return self._current - self._moved(0, self._places(field), cv2.INTER_CUBIC)

    def _places(self, field: Field) -> Floats:
        """What the pixels that are looked at are predicted from: coordinates [2, H / STRIDE, W / STRIDE], x first."""
        rows, columns = (_hang(blocks) for blocks in self._shape)
        dense = [rows @ (part.astype(np.float32) / 4) @ columns.T for part in field]
        return np.stack(dense) + self._where

    def _moved(self, plane: int, places: Floats, kernel: int) -> Floats:
        # Two maps, as OpenCV 5.0.0 makes nonsense of a single one unless the kernel is cubic.
        x, y = np.asarray(places[0], np.float32), np.asarray(places[1], np.float32)
        moved = cv2.remap(self._planes[plane], x, y, kernel, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(moved, np.float32)

    def _sums(self, values: Floats) -> Floats:
        """Over the pixels that hang on every vector, as much as they do: [h, w]."""
        rows, columns = (_hang(blocks) for blocks in self._shape)
        return np.asarray(rows.T @ values @ columns * np.float32(STRIDE**2), np.float32)
