"""What both coders of symbols share: the order of blocks, neighbours, and the prediction of means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Symbols = NDArray[np.int32]
Shape = tuple[int, int]


@dataclass(frozen=True)
class Geometry:
    """Rows and columns of blocks of Y, U and V."""

    shapes: tuple[Shape, Shape, Shape]

    def rows(self) -> list[tuple[int, int]]:
        """(plane, row) in the order of coding: stripes of two rows of luma blocks, one of U, one of V."""
        stripes = max(-(-self.shapes[0][0] // 2), self.shapes[1][0])
        order = [entry for i in range(stripes) for entry in ((0, 2 * i), (0, 2 * i + 1), (1, i), (2, i))]
        return [(plane, row) for plane, row in order if row < self.shapes[plane][0]]

    def places(self) -> list[Ints]:
        """The number of each block [h, w] in the order of coding, for each plane."""
        places = [np.zeros(shape, np.int64) for shape in self.shapes]
        count = 0
        for plane, row in self.rows():
            width = self.shapes[plane][1]
            places[plane][row] = np.arange(count, count + width)
            count += width
        return places


def left(values: NDArray[np.int64]) -> Ints:
    """What is left of each block of [..., h, w]; 0 outside."""
    out = np.zeros_like(values)
    out[..., 1:] = values[..., :-1]
    return out


def upper(values: NDArray[np.int64]) -> Ints:
    out = np.zeros_like(values)
    out[..., 1:, :] = values[..., :-1, :]
    return out


def mean_residuals(means: Symbols, first: int) -> tuple[Ints, Ints]:
    """Residuals and activities [h, w] of the symbols of means."""
    values = means.astype(np.int64)
    a, b = left(values), upper(values)
    c = upper(a)
    a[:, 0], c[:, 0] = b[:, 0], b[:, 0]
    b[0], c[0] = a[0], a[0]
    a[0, 0] = b[0, 0] = c[0, 0] = first
    low, high = np.minimum(a, b), np.maximum(a, b)
    predicted = np.where(c >= high, low, np.where(c <= low, high, a + b - c))
    return values - predicted, np.abs(a - c) + np.abs(b - c)


class Means:
    """The means of a plane while they are decoded; the same prediction, block by block."""

    def __init__(self, shape: Shape, first: int) -> None:
        self._width, self._first = shape[1], first
        self.values = [0] * (shape[0] * shape[1])

    def predict(self, row: int, column: int) -> tuple[int, int]:
        """Prediction and activity."""
        values, width = self.values, self._width
        at = row * width + column
        if not row and not column:
            return self._first, 0
        if not row:
            return values[at - 1], 0
        if not column:
            return values[at - width], 0
        a, b, c = values[at - 1], values[at - width], values[at - width - 1]
        low, high = (a, b) if a < b else (b, a)
        predicted = low if c >= high else high if c <= low else a + b - c
        return predicted, abs(a - c) + abs(b - c)


class Sparse:
    """Decoded symbols of a plane: only those that are not 0 are kept."""

    def __init__(self, bands: int, shape: Shape) -> None:
        self._shape = (bands, *shape)
        self._places: list[int] = []
        self._values: list[int] = []
        self._area = shape[0] * shape[1]

    def put(self, band: int, place: int, value: int) -> None:
        """``place`` is row × width + column."""
        self._places.append(band * self._area + place)
        self._values.append(value)

    def dense(self) -> Symbols:
        """int32 [bands, h, w]."""
        out = np.zeros(self._shape, np.int32)
        out.ravel()[np.array(self._places, np.int64)] = np.array(self._values, np.int64).astype(np.int32)
        return out


def padded_bytes(shape: Shape) -> bytearray:
    """A byte for each block, with a column of zeros before and a row above: neighbours are always there. Block (r, c)
    is at (r + 1)(w + 1) + c + 1."""
    return bytearray((shape[0] + 1) * (shape[1] + 1))


Planes = Sequence[Symbols]
