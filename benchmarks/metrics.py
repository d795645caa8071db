"""Distances between decoded pictures and their source, computed on the 4:2:0 samples themselves."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from benchmarks.clips import Planes


def mean_squared_errors(decoded: Sequence[Planes], source: Sequence[Planes]) -> tuple[float, float, float]:
    """Of Y, U and V, each averaged over all frames. Raises ValueError when frames are missing or differ in shape."""
    if len(decoded) != len(source) or not source:
        raise ValueError(f"{len(decoded)} frames decoded, {len(source)} in the source")
    total = np.zeros(3)
    for got, wanted in zip(decoded, source, strict=True):
        for k, (a, b) in enumerate(zip(got, wanted, strict=True)):
            if a.shape != b.shape:
                raise ValueError(f"plane {'yuv'[k]} is {a.shape}, the source's is {b.shape}")
            difference = a.astype(np.int32) - b.astype(np.int32)
            total[k] += float(np.mean(difference * difference))
    y, u, v = total / len(source)
    return y, u, v


def psnr(mean_squared_error: float, depth: int = 8) -> float:
    """Decibels, infinite for equal pictures. The peak is 255 for 8 bits and 1023 for 10."""
    peak = (1 << depth) - 1
    return math.inf if mean_squared_error == 0 else 10 * math.log10(peak * peak / mean_squared_error)


def plane_psnrs(decoded: Sequence[Planes], source: Sequence[Planes], depth: int = 8) -> tuple[float, float, float]:
    """PSNR of Y, U and V from the error averaged over all frames (not the mean of the frames' PSNR)."""
    y, u, v = mean_squared_errors(decoded, source)
    return psnr(y, depth), psnr(u, depth), psnr(v, depth)
