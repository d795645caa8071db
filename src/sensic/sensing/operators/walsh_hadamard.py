"""The Walsh–Hadamard transform by butterflies, in order of sequency (how often a row changes its sign)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sensic.sensing.operators.protocol import (
    Samples,
    Spec,
    bands_last,
    blocks_of,
    check_frames,
    group_of,
    wide,
)

BLOCK = 8


def butterflies(x: Samples, axis: int) -> Samples:
    """The Walsh–Hadamard transform in natural (Sylvester) order along ``axis``, whose length n is a power of two:
    n log2 n additions, nothing normalised, so that doing it twice gives n times the input."""
    x = np.moveaxis(x, axis, -1)
    length, half = x.shape[-1], 1
    while half < length:
        pairs = x.reshape(*x.shape[:-1], length // (2 * half), 2, half)
        low, high = pairs[..., 0, :], pairs[..., 1, :]
        x = np.stack((low + high, low - high), -2).reshape(x.shape)
        half *= 2
    return np.moveaxis(x, -1, axis)


def sequency(length: int) -> NDArray[np.intp]:
    """Rows of the natural order that change their sign 0, 1, 2, … times; for 8: 0 4 6 2 3 7 5 1."""
    natural = butterflies(np.eye(length, dtype=np.int64), 1)
    return np.argsort((natural[:, 1:] != natural[:, :-1]).sum(1))


def hadamard(length: int) -> NDArray[np.int64]:
    """The matrix, its rows in order of sequency."""
    rows: NDArray[np.int64] = np.take(butterflies(np.eye(length, dtype=np.int64), 1), sequency(length), 0)
    return rows


_ORDER = {length: sequency(length) for length in (1, 2, 4, BLOCK)}
_NATURAL = {length: np.argsort(order) for length, order in _ORDER.items()}


class WalshHadamard:
    """8×8 blocks, ``frames`` (1, 2 or 4) of them together. Band 64 t + 8 v + u has temporal, vertical and horizontal
    sequency t, v, u. Aᵀ A = ``gain`` I with ``gain`` = 64 × frames. Raises UsageError for other ``frames``."""

    kind, seed, block = "wht", 0, BLOCK

    def __init__(self, frames: int = 1) -> None:
        check_frames(frames)
        self.frames = frames
        self.bands = self.gain = BLOCK * BLOCK * frames
        self.additions = 6.0 + frames.bit_length() - 1

    @property
    def spec(self) -> Spec:
        return {"kind": self.kind, "frames": self.frames}

    def transform(self, blocks: Samples) -> Samples:
        """Of [..., frames, 8, 8], as a camera does it."""
        for axis in (-1, -2, -3):
            blocks = np.take(butterflies(blocks, axis), _ORDER[blocks.shape[axis]], axis)
        return blocks

    def forward(self, x: Samples) -> NDArray[np.int32]:
        blocks = self.transform(blocks_of(np.asarray(x, np.int32), self.frames, BLOCK))
        bands = blocks.reshape(*blocks.shape[:-3], self.bands)
        return np.ascontiguousarray(np.moveaxis(bands, -1, -3), np.int32)

    def adjoint(self, y: Samples) -> Samples:
        last = wide(bands_last(y, self.bands))
        blocks = last.reshape(*last.shape[:-1], self.frames, BLOCK, BLOCK)
        for axis in (-1, -2, -3):  # the natural order's matrix is symmetric
            blocks = butterflies(np.take(blocks, _NATURAL[blocks.shape[axis]], axis), axis)
        return group_of(blocks)

    def inverse(self, y: Samples) -> NDArray[np.float64]:
        """The samples [..., frames, H, W] whose measurements are ``y``."""
        samples: NDArray[np.float64] = self.adjoint(y) / self.gain
        return samples
