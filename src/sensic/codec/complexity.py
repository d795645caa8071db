"""How hard a frame will be to code, and how it hangs on the one before: from source pictures alone."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from sensic.motion import BLOCK, Candidates, Field

Luma = NDArray[np.uint8]
Floats = NDArray[np.float32]
SHRINK = 4
"""Pictures are looked at in a fourth of their size: what is finer than that hardly changes the order of frames."""


@dataclass(frozen=True)
class Link:
    """How the blocks of a frame hang on the frame before it: ``vectors`` int16 [2, h, w] that were proposed, quarter
    pixels; the mean squared ``error`` along them, and the variance (``spread``) of the block itself, float32 [h, w] on
    the 8-bit scale. ``change`` is the mean absolute error of all."""

    vectors: Field
    error: Floats
    spread: Floats
    change: float


def texture(luma: Luma) -> float:
    """The mean distance of samples [H, W] from their surroundings, 8-bit steps: for a frame that nothing predicts."""
    small = shrunk(luma)
    return float(cv2.norm(small, cv2.blur(small, (3, 3)), cv2.NORM_L1)) / small.size


def link(luma: Luma, previous: Luma, candidates: Candidates) -> Link:
    """How ``luma`` [H, W] hangs on the ``previous`` picture along the vectors proposed."""
    now, before, field = shrunk(luma), shrunk(previous), candidates.fields[1]
    height, width = now.shape
    small = field.astype(np.float32) / np.float32(4 * SHRINK)  # pixels of the small pictures
    x, y = (cv2.resize(part, (width, height), interpolation=cv2.INTER_NEAREST) for part in small)
    x += np.arange(width, dtype=np.float32)
    y += np.arange(height, dtype=np.float32)[:, None]
    moved = np.asarray(cv2.remap(before, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.uint8)
    values = now.astype(np.float32)
    spread = block_means(values * values, SHRINK) - block_means(values, SHRINK) ** 2
    error = block_means((values - moved) ** 2, SHRINK)
    return Link(field, error, np.maximum(spread, 0), float(cv2.norm(now, moved, cv2.NORM_L1)) / now.size)


def change(luma: Luma, previous: Luma, candidates: Candidates) -> float:
    """The mean difference from ``previous`` along the vectors proposed, 8-bit steps."""
    return link(luma, previous, candidates).change


def block_means(values: Floats, shrink: int = 1) -> Floats:
    """Means [h, w] over blocks of 16 pixels of ``values`` [H, W] of a picture ``shrink`` times smaller."""
    side = BLOCK // shrink
    size = values.shape[1] // side, values.shape[0] // side
    return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_AREA), np.float32)


def difference(luma: Luma, previous: Luma) -> float:
    """The mean difference from ``previous`` where nothing moves, 8-bit steps."""
    return float(cv2.norm(shrunk(luma), shrunk(previous), cv2.NORM_L1)) * SHRINK**2 / luma.size


def shrunk(luma: Luma) -> Luma:
    return np.asarray(cv2.resize(luma, None, fx=1 / SHRINK, fy=1 / SHRINK, interpolation=cv2.INTER_AREA), np.uint8)


assert BLOCK % SHRINK == 0
