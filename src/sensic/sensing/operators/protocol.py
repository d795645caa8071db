"""What every measurement operator can do."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from sensic.errors import UsageError

Spec = dict[str, int | str]
Samples = NDArray[Any]
"""Integers or floats."""

FRAMES = (1, 2, 4)
"""How many frames a group may have."""


class Operator(Protocol):
    """``A``: [..., frames, H, W] to [..., bands, H / block, W / block].

    ``kind`` and ``seed`` say which; ``additions`` is what ``forward`` costs a pixel (there are no multiplications).
    """

    @property
    def kind(self) -> str: ...
    @property
    def seed(self) -> int: ...
    @property
    def frames(self) -> int: ...
    @property
    def block(self) -> int: ...
    @property
    def bands(self) -> int: ...
    @property
    def additions(self) -> float: ...
    @property
    def spec(self) -> Spec:
        """All that ``operator`` needs to build it again."""

    def forward(self, x: Samples) -> NDArray[np.int32]:
        """A x, exact. Raises UsageError for shapes that don't fit."""

    def adjoint(self, y: Samples) -> Samples:
        """Aᵀ y: int64 for integers (exact), else float64. Raises UsageError for shapes that don't fit."""


def check_frames(frames: int) -> None:
    """Raises UsageError where a group can't have so many frames."""
    if frames not in FRAMES:
        raise UsageError(f"frames is one of {', '.join(map(str, FRAMES))}, not {frames!r}")


def blocks_of(x: Samples, frames: int, block: int) -> Samples:
    """[..., frames, H, W] as [..., H/block, W/block, frames, block, block]. Raises UsageError."""
    if x.ndim < 3 or x.shape[-3] != frames or x.shape[-2] % block or x.shape[-1] % block:
        raise UsageError(f"a group is [..., {frames}, H, W], H and W multiples of {block}, not {list(x.shape)}")
    *leading, _, height, width = x.shape
    cut = x.reshape(*leading, frames, height // block, block, width // block, block)
    return np.moveaxis(cut, (-5, -3, -1), (-3, -2, -1))


def group_of(blocks: Samples) -> Samples:
    """The inverse of ``blocks_of``."""
    *leading, rows, columns, frames, block, _ = blocks.shape
    moved = np.moveaxis(blocks, (-3, -2, -1), (-5, -3, -1))
    return moved.reshape(*leading, frames, rows * block, columns * block)


def bands_last(y: Samples, bands: int) -> Samples:
    """[..., bands, h, w] as [..., h, w, bands]. Raises UsageError."""
    if y.ndim < 3 or y.shape[-3] != bands:
        raise UsageError(f"measurements are [..., {bands}, h, w], not {list(y.shape)}")
    return np.moveaxis(y, -3, -1)


def wide(values: Samples) -> Samples:
    """int64 or float64, so that no sum overflows."""
    return values.astype(np.float64 if values.dtype.kind == "f" else np.int64)
