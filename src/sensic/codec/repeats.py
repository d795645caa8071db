"""Whether the last picture shows a frame as well as the one that it was coded for. Encoder only."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from sensic.codec.complexity import block_means
from sensic.codec.pixels import Floats, Planes

STILL, SAME = 6.0, 1.05
"""A picture may be shown again for a frame that differs from the one it was coded for by no more than STILL in any
block of any plane (mean squared difference, 8 bits; noise of deviation s makes 2 s²), if its error is no more than SAME
times what it was."""
PEAK = np.float32(255)


@dataclass(frozen=True)
class Coded:
    """A frame that was coded: its ``quality`` and its ``planes``, and the ``picture`` that came of it."""

    quality: int
    planes: Planes
    picture: Planes

    def shows(self, planes: Planes, quality: int) -> bool:
        """Whether the picture will do for a frame of these ``planes`` at ``quality``."""
        if quality > self.quality or not all(map(_alike, planes, self.planes)):
            return False
        errors = (map(_error, self.picture, source) for source in (planes, self.planes))
        return all(now <= SAME * before for now, before in zip(*errors, strict=True))


def _alike(a: Floats, b: Floats) -> bool:
    """Whether two tensors [1, C, H, W], luma or chroma, differ little in every block."""
    shrink = a.shape[1]  # chroma has two planes and half the size
    return all(block_means(np.square(PEAK * (x - y)), shrink).max() <= STILL for x, y in zip(a[0], b[0], strict=True))


def _error(a: Floats, b: Floats) -> float:
    return float(cv2.norm(a.ravel(), b.ravel(), cv2.NORM_L2SQR))
