"""Pictures that follow: motion goes on for a while, what is no motion stands still."""

from __future__ import annotations

import numpy as np
import pytest

from sensic.codec.extrapolation import Extrapolation
from sensic.video import Frame
from tests.codec.pictures import pictures


def error(a: Frame, b: Frame) -> float:
    return float(np.mean([np.square(p.astype(float) - q).mean() for p, q in zip(a.planes, b.planes, strict=True)]))


@pytest.mark.parametrize(("width", "height", "depth"), [(96, 80, 8), (71, 45, 10)])
def test_a_pan_goes_on(width: int, height: int, depth: int) -> None:
    before, last, *following = pictures(6, width, height, depth)
    moving = Extrapolation(before, last)
    for number, frame in enumerate(following, 1):
        stand_in = moving.picture(number)
        assert [plane.shape for plane in stand_in.planes] == [plane.shape for plane in frame.planes]
        assert stand_in.y.dtype == frame.y.dtype
        assert error(stand_in, frame) < error(last, frame) / (4 if number == 1 else 1.5)


def test_motion_decays_to_repetition() -> None:
    moving = Extrapolation(*pictures(2, 96, 80))
    assert np.array_equal(moving.picture(80).y, moving.picture(81).y)


@pytest.mark.parametrize("size", [1, 16, 64])
def test_nothing_to_go_on(size: int) -> None:
    """Small pictures, one picture alone, and scenes that have nothing to do with each other."""
    last = next(pictures(1, size, size, seed=1))
    another = Frame(np.full((size, size), 20, np.uint8), last.u, last.v, 8, 0, last.time_base)
    for before in (None, another):
        assert Extrapolation(before, last).picture(3) is last
