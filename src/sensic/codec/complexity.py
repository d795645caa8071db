"""How hard a frame will be to code, from source pictures alone."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from sensic.motion import BLOCK, Candidates

Luma = NDArray[np.uint8]
SHRINK = 4
"""Pictures are looked at in a fourth of their size: what is finer than that hardly changes the order of frames."""


def texture(luma: Luma) -> float:
    """The mean distance of samples [H, W] from their surroundings, 8-bit steps: for a frame that nothing predicts."""
    small = _small(luma)
    return float(cv2.norm(small, cv2.blur(small, (3, 3)), cv2.NORM_L1)) / small.size


def change(luma: Luma, previous: Luma, candidates: Candidates) -> float:
    """The mean difference from ``previous`` along the vectors proposed, 8-bit steps."""
    now, before = _small(luma), _small(previous)
    height, width = now.shape
    field = candidates.fields[1].astype(np.float32) / (4 * SHRINK)  # quarters of a pixel of the large picture
    x, y = (cv2.resize(part, (width, height), interpolation=cv2.INTER_NEAREST) for part in field)
    x += np.arange(width, dtype=np.float32)
    y += np.arange(height, dtype=np.float32)[:, None]
    moved = cv2.remap(before, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return float(cv2.norm(now, moved, cv2.NORM_L1)) / now.size


def difference(luma: Luma, previous: Luma) -> float:
    """The mean difference from ``previous`` where nothing moves, 8-bit steps."""
    return float(cv2.norm(_small(luma), _small(previous), cv2.NORM_L1)) * SHRINK**2 / luma.size


def _small(luma: Luma) -> Luma:
    return np.asarray(cv2.resize(luma, None, fx=1 / SHRINK, fy=1 / SHRINK, interpolation=cv2.INTER_AREA), np.uint8)


assert BLOCK % SHRINK == 0
