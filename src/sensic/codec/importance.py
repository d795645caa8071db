"""How much the error of a block matters: it goes on into all frames that are predicted from it.

As in x264's macroblock tree (Garrett-Glaser, "A novel macroblock-tree algorithm for high-performance optimization of
dependent video coding", 2009): from the last frame that is known back to the one at hand, every block hands on to
those it is predicted from what it counts itself, times the share of it that prediction explains. Source pictures tell,
so this is known before anything is coded.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sensic.codec.complexity import Link
from sensic.motion.search import trade_off

PRICE, POWER = 3.0, 0.6
"""Bits that a squared quantisation step is worth in a block that counts n frames: PRICE · n^POWER."""
UNSEEN = 0.1
"""Squared error that a prediction may have and still not be corrected, times the weight of errors at a quality."""

Floats = NDArray[np.float64]


def importance(links: Sequence[Link], quality: int, shape: tuple[int, int]) -> Floats:
    """How many frames every block counts, itself included: [h, w] >= 1.

    ``links`` are those of the frames that follow, each to the frame before it; ``quality`` 0..63, ``shape`` (h, w).
    """
    unseen = UNSEEN / trade_off(quality)
    count = np.ones(shape)
    for link in reversed(links):
        share = np.clip(1 - link.error / (link.spread + unseen), 0, 1)
        count = 1 + _handed_back(count * share, link.vectors)
    return count


def _handed_back(amount: Floats, vectors: NDArray[np.int16]) -> Floats:
    """``amount`` [h, w] of every block, given to the four blocks that its ``vectors`` [2, h, w] (quarter pixels) point
    at; those outside are given to the edge."""
    height, width = amount.shape
    rows, columns = np.indices(amount.shape)
    x = np.clip(columns + vectors[0] / 64, 0, width - 1)
    y = np.clip(rows + vectors[1] / 64, 0, height - 1)
    left, top = x.astype(np.int64), y.astype(np.int64)
    right, bottom = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    x, y = x - left, y - top
    out = np.zeros(amount.size)
    for place, part in (
        (top * width + left, (1 - y) * (1 - x)),
        (top * width + right, (1 - y) * x),
        (bottom * width + left, y * (1 - x)),
        (bottom * width + right, y * x),
    ):
        out += np.bincount(place.ravel(), (amount * part).ravel(), amount.size)
    return out.reshape(amount.shape)


def worth(count: Floats) -> NDArray[np.float32]:
    """Bits for a squared quantisation step in every block [h, w], of its importance."""
    return (PRICE * count**POWER).astype(np.float32)
