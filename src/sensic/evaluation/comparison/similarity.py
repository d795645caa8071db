"""Metrics of a pair of pictures, computed as they come; luma only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sensic.evaluation.metrics.samples import psnr

WINDOW = 11
_SIGMA = 1.5


class Similarity:
    """Of all pairs so far: ``psnrs`` in dB and ``ssims`` (None where pictures are smaller than the window)."""

    def __init__(self, depth: int) -> None:
        self._depth = depth
        self._squared: list[float] = []
        self.psnrs: list[float] = []
        self.ssims: list[float | None] = []

    def add(self, one: NDArray[Any], other: NDArray[Any]) -> None:
        error = np.subtract(one, other, dtype=np.float32)
        self._squared.append(float(np.vdot(error, error)) / error.size)
        self.psnrs.append(psnr(self._squared[-1], self._depth))
        self.ssims.append(ssim(one, other, self._depth))

    @property
    def psnr(self) -> float:
        """Of the error averaged over all pairs."""
        return psnr(sum(self._squared) / len(self._squared), self._depth)

    @property
    def ssim(self) -> float | None:
        return mean(self.ssims)


def mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def ssim(one: NDArray[Any], other: NDArray[Any], depth: int) -> float | None:
    """Mean structural similarity where a Gaussian window of 11 lies inside; None for smaller pictures.

    Z. Wang et al., "Image quality assessment: from error visibility to structural similarity", 2004. The same as in
    ``sensic.evaluation.metrics``, where FFmpeg computes it.
    """
    if min(one.shape) < WINDOW:
        return None
    a, b = one.astype(np.float32), other.astype(np.float32)
    peak = (1 << depth) - 1
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    mean_a, mean_b = _blur(a), _blur(b)
    variances = _blur(a * a) - mean_a**2 + _blur(b * b) - mean_b**2
    covariance = _blur(a * b) - mean_a * mean_b
    luminance = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
    return float((luminance * (2 * covariance + c2) / (variances + c2)).mean(dtype=np.float64))


def _blur(image: NDArray[np.float32]) -> NDArray[np.float32]:
    margin = WINDOW // 2
    smooth = cv2.GaussianBlur(image, (WINDOW, WINDOW), _SIGMA, borderType=cv2.BORDER_REFLECT)
    return np.asarray(smooth, np.float32)[margin:-margin, margin:-margin]
