from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensic.motion import warp


def interpolated(field: np.ndarray, factor: int) -> np.ndarray:
    """[2, h, w] linearly up by ``factor``, samples at the centres of their cells, constant beyond the outermost."""

    def axis(values: np.ndarray) -> np.ndarray:
        n = len(values)
        where = np.clip((np.arange(n * factor) + 0.5) / factor - 0.5, 0, n - 1)
        low = np.minimum(where.astype(int), max(n - 2, 0))
        high = np.minimum(low + 1, n - 1)
        part = (where - low).reshape(-1, *[1] * (values.ndim - 1))
        return values[low] * (1 - part) + values[high] * part

    rows = axis(np.moveaxis(field.astype(float), 1, 0))
    return np.moveaxis(axis(np.moveaxis(rows, 2, 0)), (0, 1, 2), (2, 1, 0))


def cubic(distance: np.ndarray) -> np.ndarray:
    """Keys' kernel with a = -0.75."""
    a, d = -0.75, np.abs(distance)
    near = (a + 2) * d**3 - (a + 3) * d**2 + 1
    far = a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a
    return np.where(d <= 1, near, np.where(d < 2, far, 0))


def sampled(plane: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """``plane`` at every position plus ``flow`` [2, H, W], 16 taps, the border repeated."""
    height, width = plane.shape
    y, x = np.mgrid[:height, :width].astype(float)
    x, y = x + flow[0], y + flow[1]
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    out = np.zeros_like(plane, dtype=float)
    for dy in range(-1, 3):
        for dx in range(-1, 3):
            taps = plane[np.clip(top + dy, 0, height - 1), np.clip(left + dx, 0, width - 1)]
            out += taps * cubic(x - left - dx) * cubic(y - top - dy)
    return out


def smooth(height: int, width: int, seed: int) -> np.ndarray:
    """A picture of slow waves in -0.5..0.5."""
    generator = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(x * a + y * b + c) for a, b, c in generator.uniform(-0.5, 0.5, (5, 3)) * [1, 1, 6]]
    return (np.sum(waves, 0) / 10).astype(np.float32)


@given(st.integers(1, 4), st.integers(1, 5), st.integers(0, 2**32 - 1), st.sampled_from([3, 40, 480]))
def test_it_is_the_plain_definition_but_for_positions_in_32nds(h: int, w: int, seed: int, reach: int) -> None:
    field = np.random.default_rng(seed).integers(-reach, reach + 1, (2, h, w)).astype(np.int16)
    y, uv = smooth(16 * h, 16 * w, seed), np.stack([smooth(8 * h, 8 * w, seed + i) for i in (1, 2)])
    luma, chroma = warp(y, uv, field)
    flow = interpolated(field, 16) / 4
    np.testing.assert_allclose(luma, sampled(y, flow), atol=0.012)
    half = flow.reshape(2, 8 * h, 2, 8 * w, 2).mean((2, 4)) / 2
    for got, plane in zip(chroma, uv, strict=True):
        np.testing.assert_allclose(got, sampled(plane, half), atol=0.012)


def test_whole_pixels_are_copied_exactly() -> None:
    generator = np.random.default_rng(0)
    y = generator.random((48, 64)).astype(np.float32)
    uv = generator.random((2, 24, 32)).astype(np.float32)
    field = np.zeros((2, 3, 4), np.int16)
    field[0], field[1] = 4 * 6, 4 * -2
    luma, chroma = warp(y, uv, field)
    assert np.array_equal(luma[2:, :-6], y[:-2, 6:])
    assert np.array_equal(chroma[:, 1:, :-3], uv[:, :-1, 3:])
    assert np.array_equal(luma[0, :-6], y[0, 6:])  # the border repeated


def test_no_motion_is_the_identity() -> None:
    y, uv = smooth(32, 32, 1), np.stack([smooth(16, 16, 2)] * 2)
    luma, chroma = warp(y, uv, np.zeros((2, 2, 2), np.int16))
    assert np.array_equal(luma, y)
    assert np.array_equal(chroma, uv)


def test_a_field_of_another_size_is_refused() -> None:
    y, uv = np.zeros((32, 32), np.float32), np.zeros((2, 16, 16), np.float32)
    with pytest.raises(ValueError, match="32x32"):
        warp(y, uv, np.zeros((2, 3, 2), np.int16))


def test_what_stands_still_is_exactly_what_it_was() -> None:
    rng = np.random.default_rng(4)
    y, uv = rng.random((96, 128), np.float32), rng.random((2, 48, 64), np.float32)
    field = np.zeros((2, 6, 8), np.int16)
    assert all(np.array_equal(a, b) for a, b in zip((y, uv), warp(y, uv, field), strict=True))
    field[:, 2:4, 3:5] = rng.integers(-60, 60, (2, 2, 2))
    luma, _ = warp(y, uv, field)
    changed = luma != y
    assert changed[24:72, 40:88].any()
    changed[24:72, 40:88] = False
    assert not changed.any()
