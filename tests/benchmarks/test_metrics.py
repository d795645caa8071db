"""PSNR against a closed form and against OpenCV's own."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from benchmarks.clips import Planes
from benchmarks.metrics import plane_psnrs


def picture(seed: int, depth: int = 8) -> Planes:
    rng = np.random.default_rng(seed)
    dtype = np.uint8 if depth == 8 else np.uint16
    shapes = ((15, 21), (8, 11), (8, 11))
    y, u, v = (rng.integers(0, 1 << depth, shape).astype(dtype) for shape in shapes)
    return y, u, v


def test_agrees_with_opencv() -> None:
    a, b = picture(0), picture(1)
    assert plane_psnrs([a], [b]) == pytest.approx([cv2.PSNR(p, q) for p, q in zip(a, b, strict=True)])


def test_one_step_off_everywhere_in_10_bits() -> None:
    a = picture(0, 10)
    b = tuple(np.where(p > 0, p - 1, 1).astype(np.uint16) for p in a)
    assert plane_psnrs([b], [a], depth=10) == pytest.approx([20 * math.log10(1023)] * 3)


def test_equal_pictures_and_the_mean_over_frames() -> None:
    a, b = picture(0), picture(1)
    assert plane_psnrs([a], [a]) == (math.inf,) * 3
    half = plane_psnrs([a, b], [a, a])[0]  # half the error is 3 dB better; the mean of PSNRs would be infinite
    assert half == pytest.approx(plane_psnrs([b], [a])[0] + 10 * math.log10(2))


def test_missing_frames_and_other_shapes_are_errors() -> None:
    a = picture(0)
    with pytest.raises(ValueError, match="1 frames decoded, 2 in the source"):
        plane_psnrs([a], [a, a])
    with pytest.raises(ValueError, match="plane y"):
        plane_psnrs([(a[0][1:], a[1], a[2])], [a])
