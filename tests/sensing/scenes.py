"""Scenes of flat shapes in motion: what total variation is right about."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def discs(frames: int = 4, size: int = 48) -> NDArray[np.uint8]:
    """[frames, size, size]: a disc and a bar, each moving a pixel per frame."""
    row, column = np.mgrid[:size, :size]
    pictures = []
    for frame in range(frames):
        picture = np.full((size, size), 60, np.uint8)
        picture[(row - size // 2) ** 2 + (column - size // 3 - frame) ** 2 < (size // 5) ** 2] = 200
        picture[4 + frame : 10 + frame, :] = 120
        pictures.append(picture)
    return np.stack(pictures)


def psnr(picture: NDArray[np.generic], original: NDArray[np.generic]) -> float:
    """dB, for samples of 0 to 255."""
    error = np.mean(np.square(picture.astype(np.float64) - original.astype(np.float64)))
    return float(10 * np.log10(255**2 / error))
