"""Vectors fitted to the warp itself, by Gauss and Newton. Encoder only.

The search compares blocks that move as a whole, but the warp interpolates vectors between the centres of blocks, so
that every vector moves the pixels of four blocks, and a picture that is bent or turned is predicted far better by
vectors that no block would choose for itself. Here all of them move at once, each by the least-squares step of the
pixels that hang on it, weighted as they hang; a step is kept where the error that it takes away is worth its bits. Then
every block may have a neighbour's vector or its last one instead, judged in the same way.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from sensic.motion.field import BLOCK, LIMIT, Field, Plane
from sensic.motion.pricing import edged, pair_bits

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]

DAMPING = 120.0
"""Added to the squared slopes of a block's pixels: without texture nothing moves."""
LONGEST, STEP = 1.0, 0.8
"""Pixels that a vector moves at a time, and the share of the least-squares step that it goes."""
SIDES = tuple((slice(1 + y, y - 1 or None), slice(1 + x, x - 1 or None)) for y, x in ((0, 1), (0, -1), (1, 0), (-1, 0)))
"""Where the neighbours of all blocks are in a field with an edge around it."""


@lru_cache(maxsize=16)
def _hang(blocks: int, stride: int) -> Floats:
    """How much each ``stride``-th pixel hangs on the blocks' vectors, along an axis: [blocks * 16 / stride, blocks]."""
    centre = (np.arange(0, blocks * BLOCK, stride) + 0.5) / BLOCK - 0.5
    apart = np.abs(np.clip(centre, 0, blocks - 1)[:, None] - np.arange(blocks))
    return np.asarray(np.maximum(1 - apart, 0), np.float32)


class Fitting:
    """One picture [H, W] and the reference that it is predicted from, both uint8; every ``stride``-th pixel of every
    ``stride``-th row is looked at. A bit is worth a squared error of ``weight``; ``previous`` is the last field.
    ``field`` [2, H/16, W/16] is the one to begin with, later the one that was found."""

    def __init__(
        self, current: Plane, reference: Plane, field: Field, previous: Field, weight: float, stride: int = 2
    ) -> None:
        shape = current.shape[0] // BLOCK, current.shape[1] // BLOCK
        self._previous, self._weight, self._area = previous, weight, np.float32(stride**2)
        self._rows, self._columns = (_hang(blocks, stride) for blocks in shape)
        self._across = np.ascontiguousarray(self._columns.T)
        self._shares = self._rows, self._columns
        self._reach = np.asarray(self._rows > 0, np.float32), np.asarray(self._columns > 0, np.float32)
        self._current = current[::stride, ::stride].astype(np.float32)
        slopes = (cv2.Sobel(reference, cv2.CV_32F, *axis, ksize=3, scale=1 / 8) for axis in ((1, 0), (0, 1)))
        self._planes: list[Floats] = [np.asarray(plane, np.float32) for plane in (reference, *slopes)]
        y, x = (np.arange(0, size, stride, dtype=np.float32) for size in current.shape)
        self._where = x, y[:, None]
        rows, columns = np.indices(shape)
        self._turns = [(rows % 2 == i) & (columns % 2 == j) for i in (0, 1) for j in (0, 1)]
        self._take(field)

    def fit(self, rounds: int, *, by_turns: bool = False, merges: int = 0) -> Field:
        """``field`` after so many ``rounds`` of steps, and of ``merges`` with neighbours and the last field.

        ``by_turns`` decides for a quarter of the blocks at a time, none of them neighbours, who then know what the
        others did: better, and more work. Merges always do.
        """
        self._count(self._reach if by_turns else self._shares)
        for _ in range(rounds):
            before, stepped = self.field, self._stepped()
            for turn in self._turns if by_turns else [np.True_]:
                self._try(np.where(turn, stepped, self.field))
            if self.field is before:
                break
        self._count(self._reach)
        for _ in range(merges):
            before = self.field
            for turn in self._turns:
                for side in SIDES:
                    around = edged(self.field)
                    self._try(np.where(turn, around[:, *side], self.field))
                self._try(np.where(turn, self._previous, self.field))
            if self.field is before:
                break
        return self.field

    @property
    def error(self) -> float:
        """The squared error of the prediction along ``field``, over all pixels."""
        return float((self._left * self._left).sum() * self._area)

    def _take(self, field: Field) -> None:
        places = self._places(field)
        self.field, self._left = field, self._rest(places)
        self._at: Floats | None = places  # the next two are made when asked for
        self._errors: Floats | None = None  # of what hangs on every vector

    def _count(self, counted: tuple[Floats, Floats]) -> None:
        """How much the pixels that hang on a vector count from now on."""
        self._counted, self._errors = counted, None

    def _try(self, tried: Field) -> None:
        """Take those vectors of ``tried`` that are worth their bits."""
        differs = (tried != self.field).any(0)
        if not differs.any():
            return
        rest = self._rest(self._places(tried))
        if self._errors is None:
            self._errors = self._sums(self._left * self._left, self._counted)
        gain = self._errors - self._sums(rest * rest, self._counted)
        own = pair_bits(self.field, self.field, self._previous)
        better = differs & (gain > self._weight * (pair_bits(tried, self.field, self._previous) - own))
        if not better.any():
            return
        field, taken = np.where(better, tried, self.field), _hanging(better)
        if (taken & _hanging(differs & ~better)).any():
            self._take(field)
        else:  # no pixel hangs on what is taken and on what is not
            side = len(rest) // len(taken)
            np.copyto(self._left, rest, where=taken.repeat(side, 0).repeat(side, 1))
            self.field, self._at, self._errors = field, None, None

    def _stepped(self) -> Field:
        at = self._places(self.field) if self._at is None else self._at
        x, y = (self._moved(plane, at, cv2.INTER_LINEAR) for plane in (1, 2))
        factors = ((x, x), (y, y), (x, y), (x, self._left), (y, self._left))
        xx, yy, xy, xr, yr = (self._sums(a * b, self._shares).astype(np.float64) for a, b in factors)
        xx, yy = xx + DAMPING, yy + DAMPING
        step = np.stack([yy * xr - xy * yr, xx * yr - xy * xr]) / (xx * yy - xy * xy)
        quarters = np.rint(4 * STEP * np.clip(step, -LONGEST, LONGEST))
        return np.asarray(np.clip(self.field + quarters, -LIMIT, LIMIT), np.int16)

    def _rest(self, places: Floats) -> Floats:
        return self._current - self._moved(0, places, cv2.INTER_CUBIC)

    def _places(self, field: Field) -> Floats:
        """What the pixels that are looked at are predicted from: coordinates [2, H / stride, W / stride], x first."""
        places = np.empty((2, *self._current.shape), np.float32)
        for part, where, out in zip(field, self._where, places, strict=True):
            np.add(self._rows @ (part.astype(np.float32) / 4 @ self._across), where, out=out)
        return places

    def _moved(self, plane: int, places: Floats, kernel: int) -> Floats:
        # Two maps, as OpenCV 5.0.0 makes nonsense of a single one unless the kernel is cubic.
        x, y = places
        moved = cv2.remap(self._planes[plane], x, y, kernel, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(moved, np.float32)

    def _sums(self, values: Floats, counted: tuple[Floats, Floats]) -> Floats:
        """Over the pixels that hang on every vector, as much as they are ``counted``: [h, w]."""
        rows, columns = counted
        return np.asarray(rows.T @ values @ columns * self._area, np.float32)


def _hanging(blocks: Bools) -> Bools:
    """The quarters of blocks [2h, 2w] whose pixels hang on any of the ``blocks`` [h, w]."""
    quarters = blocks.repeat(2, 0).repeat(2, 1).astype(np.uint8)
    return np.asarray(cv2.dilate(quarters, np.ones((3, 3), np.uint8)), np.bool_)
