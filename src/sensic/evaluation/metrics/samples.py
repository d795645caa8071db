"""PSNR and flicker, from the 4:2:0 samples themselves, a frame at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensic.errors import EvaluationError
from sensic.evaluation.clips import Clip, Planes
from sensic.evaluation.metrics.temporal import flicker
from sensic.evaluation.results import ClipInfo

PLANES = ("y", "u", "v")
WEIGHTS = (6, 1, 1)  # of the squared errors of Y, U and V
LIMIT = 100.0  # dB, for equal pictures too: JSON has no infinity


@dataclass(frozen=True)
class Errors:
    """Of every frame: ``squared``, the mean squared errors of Y, U and V [frames, 3] on the clip's own scale, and
    ``flicker`` [frames], see ``temporal``."""

    squared: NDArray[np.float64]
    flicker: list[float]


def compare(reference: Clip, decoded: Path) -> Errors:
    """Every frame of raw pictures with the clip's. Raises EvaluationError where they are not as many, or as large."""
    squared: list[list[float]] = []
    unsteady: list[float] = []
    before = None
    for source, coded in zip(reference.frames(), read_planes(decoded, reference.info), strict=True):
        y, u, v = (np.subtract(c, s, dtype=np.float64) for c, s in zip(coded, source, strict=True))
        squared.append([float(np.vdot(error, error)) / error.size for error in (y, u, v)])
        unsteady.append(0.0 if before is None else flicker(before, y, reference.info.depth))
        before = y
    return Errors(np.array(squared), unsteady)


def psnr(squared_error: float, depth: int) -> float:
    """Decibels, at most 100, of a mean squared error. The peak is 255 for 8 bits and 1023 for 10."""
    peak = (1 << depth) - 1
    return LIMIT if squared_error == 0 else min(LIMIT, 10 * math.log10(peak * peak / squared_error))


def plane_psnrs(squared: Sequence[float], depth: int) -> dict[str, float]:
    """PSNR of Y, U, V and all of them, from mean squared errors of the three."""
    values = {f"psnr_{plane}": psnr(error, depth) for plane, error in zip(PLANES, squared, strict=True)}
    together = sum(weight * error for weight, error in zip(WEIGHTS, squared, strict=True)) / sum(WEIGHTS)
    return {**values, "psnr_yuv": psnr(together, depth)}


def require_same_size(decoded: Path, info: ClipInfo) -> None:
    """Raises EvaluationError unless a raw file holds as many bytes as the clip's samples."""
    try:
        size = decoded.stat().st_size
    except OSError as error:
        raise EvaluationError(f"can't read {decoded.name}: {error.strerror or error}") from error
    frame = sum(_samples(info)) * _dtype(info).itemsize
    if size != frame * info.frames:
        frames = f"{size // frame} frames" + (f" and {size % frame} bytes" if size % frame else "")
        raise EvaluationError(
            f"what was decoded has {size} bytes, {frames} of {info.width}x{info.height} at {info.depth} bits; "
            f"{info.name} has {info.frames} frames, {frame * info.frames} bytes"
        )


def read_planes(path: Path, info: ClipInfo) -> Iterator[Planes]:
    """Frames of a raw planar 4:2:0 file of the clip's size and depth, little-endian. Raises EvaluationError."""
    require_same_size(path, info)
    luma, chroma, _ = _samples(info)
    half = -(-info.height // 2), -(-info.width // 2)
    with path.open("rb") as file:
        for _ in range(info.frames):
            samples = np.fromfile(file, _dtype(info), luma + 2 * chroma)
            y, u, v = np.split(samples, [luma, luma + chroma])
            yield y.reshape(info.height, info.width), u.reshape(half), v.reshape(half)


def _samples(info: ClipInfo) -> tuple[int, int, int]:
    chroma = -(-info.width // 2) * -(-info.height // 2)
    return info.width * info.height, chroma, chroma


def _dtype(info: ClipInfo) -> np.dtype[Any]:
    return np.dtype(np.uint8 if info.depth == 8 else "<u2")
