"""Learned measurements whose weights are −1, 0 and +1: still additions only."""

from __future__ import annotations

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


class LearnedTernary:
    """``rows`` [bands, frames × block × block] of −1, 0, +1; a row runs over frame, line, column. ``model`` is the
    SHA-256 (hexadecimal) of the model that holds them, which the stream names. Raises UsageError."""

    kind, seed = "learned_ternary", 0

    def __init__(self, rows: NDArray[np.int8], frames: int = 1, block: int = 8, model: str = "") -> None:
        check_frames(frames)
        if rows.ndim != 2 or rows.shape[1] != frames * block * block or not np.isin(rows, (-1, 0, 1)).all():
            raise UsageError(
                f"rows are [bands, {frames * block * block}] of -1, 0 and 1, not {list(rows.shape)} of {rows.dtype}"
            )
        self._rows = rows.astype(np.int32)
        self.frames, self.block, self.bands, self.model = frames, block, int(rows.shape[0]), model
        self.additions = float(np.maximum(np.abs(self._rows).sum(1) - 1, 0).sum()) / rows.shape[1]

    @property
    def spec(self) -> Spec:
        return {"kind": self.kind, "frames": self.frames, "block": self.block, "model": self.model}

    def forward(self, x: Samples) -> NDArray[np.int32]:
        blocks = blocks_of(np.asarray(x, np.int32), self.frames, self.block)
        samples = blocks.reshape(*blocks.shape[:-3], self._rows.shape[1])
        return np.ascontiguousarray(np.moveaxis(samples @ self._rows.T, -1, -3), np.int32)

    def adjoint(self, y: Samples) -> Samples:
        samples = wide(bands_last(y, self.bands)) @ self._rows
        return group_of(samples.reshape(*samples.shape[:-1], self.frames, self.block, self.block))
