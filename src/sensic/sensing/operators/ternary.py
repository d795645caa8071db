"""A transform of −1, 0 and +1, learned from footage by ``benchmarks/ternary.py``: still additions only."""

from __future__ import annotations

import hashlib
from collections import Counter
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensic.errors import UsageError
from sensic.sensing.operators.protocol import (
    Samples,
    Spec,
    bands_last,
    blocks_of,
    check_frames,
    group_of,
    wide,
)
from sensic.sensing.operators.walsh_hadamard import BLOCK, hadamard

MATRIX = """
+ + + + + + + +
+ + + 0 0 - - -
+ + - - - - + +
+ 0 - - + + 0 -
0 0 + - - + 0 0
+ - 0 0 0 0 - +
+ - 0 + - 0 + -
0 + - + - + - 0
"""
"""What ships; a stream names it by its hash, so that it never changes."""


def parsed(text: str) -> NDArray[np.int64]:
    """The rows of a matrix written with +, 0 and −."""
    return np.array([["-0+".index(sign) - 1 for sign in line.split()] for line in text.split("\n") if line])


class Additions:
    """A matrix [n, n] of −1, 0 and +1 as a chain of additions and subtractions of two numbers each.

    What most rows have in common is added first (Paar, 1997). ``steps`` (i, j, sign) append value i ± value j to the
    inputs; ``results`` (i, sign) pick the rows from among them. ``count`` is what it all costs.
    """

    def __init__(self, matrix: NDArray[np.int64]) -> None:
        rows = [{int(i): int(row[i]) for i in np.flatnonzero(row)} for row in matrix]
        self.steps: list[tuple[int, int, int]] = []
        count = matrix.shape[1]
        while any(len(row) > 1 for row in rows):
            pairs = Counter((i, j, row[i] * row[j]) for row in rows for i, j in combinations(sorted(row), 2))
            # Of pairs that are as frequent, mirrored inputs first: those are the butterflies of symmetric rows.
            i, j, sign = max(sorted(pairs), key=lambda pair: (pairs[pair], pair[0] + pair[1] == len(matrix) - 1))
            holders = [row for row in rows if row.get(i, 0) * row.get(j, 0) == sign]
            if holders[0][i] < 0 < holders[0][j]:
                i, j = j, i
            for row in holders:
                row[count] = row.pop(i)
                del row[j]
            self.steps.append((i, j, sign))
            count += 1
        self.results = [next(iter(row.items())) for row in rows]
        self.count = len(self.steps) + sum(sign < 0 for _, sign in self.results)

    def __call__(self, x: Samples, axis: int) -> Samples:
        values = list(np.moveaxis(x, axis, 0))
        for i, j, sign in self.steps:
            values.append(values[i] + values[j] if sign > 0 else values[i] - values[j])
        return np.stack([values[i] if sign > 0 else 0 - values[i] for i, sign in self.results], axis)


class LearnedTernary:
    """8×8 blocks: ``matrix`` [8, 8] of −1, 0, +1 along columns and rows, the first row all +1, all orthogonal; and the
    Walsh–Hadamard transform along ``frames`` (1, 2 or 4). Bands are numbered as those of ``WalshHadamard``.

    Rows have norms of their own: A Aᵀ = diag(``norms``) int64 [bands]. Raises UsageError.
    """

    kind, seed, block = "learned_ternary", 0, BLOCK

    def __init__(self, frames: int = 1, matrix: NDArray[Any] | None = None) -> None:
        check_frames(frames)
        rows = parsed(MATRIX) if matrix is None else np.asarray(matrix, np.int64)
        if rows.shape != (BLOCK, BLOCK) or not np.isin(rows, (-1, 0, 1)).all() or (rows[0] != 1).any():
            raise UsageError(f"a matrix is {BLOCK} by {BLOCK} of -1, 0 and 1, its first row of 1, not {rows.tolist()}")
        norms = np.diag(rows @ rows.T)
        if (rows @ rows.T != np.diag(norms)).any() or not norms.all():
            raise UsageError("the rows of a matrix are orthogonal, and none is 0")
        self.frames = frames
        self.bands = self.gain = BLOCK * BLOCK * frames
        self.norms = frames * np.outer(norms, norms).ravel()[np.arange(self.bands) % BLOCK**2]
        self.model = hashlib.sha256(rows.astype(np.int8).tobytes()).hexdigest()[:32]
        matrices = {-1: rows, -2: rows, -3: hadamard(frames)}
        self._chains = {axis: Additions(one) for axis, one in matrices.items()}
        self._transposed = {axis: Additions(one.T) for axis, one in matrices.items()}
        self.additions = sum(chain.count / len(chain.results) for chain in self._chains.values())

    @property
    def spec(self) -> Spec:
        return {"kind": self.kind, "frames": self.frames, "model": self.model}

    def transform(self, blocks: Samples) -> Samples:
        """Of [..., frames, 8, 8], step by step as a camera does it."""
        for axis, chain in self._chains.items():
            blocks = chain(blocks, axis)
        return blocks

    def forward(self, x: Samples) -> NDArray[np.int32]:
        blocks = self.transform(blocks_of(np.asarray(x, np.int32), self.frames, BLOCK))
        bands = blocks.reshape(*blocks.shape[:-3], self.bands)
        return np.ascontiguousarray(np.moveaxis(bands, -1, -3), np.int32)

    def adjoint(self, y: Samples) -> Samples:
        last = wide(bands_last(y, self.bands))
        blocks = last.reshape(*last.shape[:-1], self.frames, BLOCK, BLOCK)
        for axis, chain in self._transposed.items():
            blocks = chain(blocks, axis)
        return group_of(blocks)

    def inverse(self, y: Samples) -> NDArray[np.float64]:
        """The samples [..., frames, H, W] whose measurements are ``y``."""
        return self.adjoint(y / self.norms[:, None, None])
