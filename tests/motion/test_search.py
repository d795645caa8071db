from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensic.entropy.coder import SymbolEncoder
from sensic.motion import LIMIT, Field, MotionCoder, MotionSearch, Thoroughness, warp
from sensic.motion.field import Plane
from sensic.motion.fitting import Fitting
from sensic.motion.pricing import pair_bits


def texture(height: int, width: int, seed: int = 0) -> Plane:
    noise = np.random.default_rng(seed).normal(0, 1, (height, width)).astype(np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), 3)
    return np.clip(128 + 45 * soft / soft.std(), 0, 255).astype(np.uint8)


def found(current: Plane, previous: Plane, quality: int = 32, effort: int | Thoroughness = 5) -> Field:
    height, width = current.shape
    search = MotionSearch(width, height, effort)
    last = np.zeros((2, height // 16, width // 16), np.int16)
    coder = MotionCoder(*last.shape[1:])
    return search.choose(current, previous, search.flow(current, previous), last, quality, coder)


def bits(field: Field) -> float:
    return MotionCoder(*field.shape[1:]).measure(field)


def error(current: Plane, previous: Plane, field: Field) -> float:
    y = previous.astype(np.float32)
    return float(
        ((warp(y, np.zeros((2, y.shape[0] // 2, y.shape[1] // 2), np.float32), field)[0] - current) ** 2).mean()
    )


@pytest.mark.parametrize("effort", [0, 5, 9])
def test_a_pan_is_found_and_uniform(effort: int) -> None:
    scene = texture(200, 260)
    field = found(scene[20:180, 24:248], scene[26:186, 14:238], effort=effort)  # what is here was 10 right, 6 up
    inner = field[:, 1:-1, 1:-1].reshape(2, -1)
    assert np.array_equal(np.unique(inner, axis=1), [[40], [-24]])


def test_a_still_noisy_scene_has_no_motion() -> None:
    scene = texture(144, 176).astype(np.float32)
    generator = np.random.default_rng(1)
    a, b = (np.clip(scene + generator.normal(0, 3, scene.shape), 0, 255).astype(np.uint8) for _ in range(2))
    assert not found(a, b, quality=10).any()


def test_a_moving_object_is_told_from_its_background() -> None:
    background, thing = texture(192, 256), texture(64, 64, 1)
    previous, current = background.copy(), background.copy()
    previous[64:128, 96:160], current[64:128, 104:168] = thing, thing
    field = found(current, previous, effort=Thoroughness(rounds=0))  # the warp would bend around it
    assert (field[:, 5:7, 7:10] == np.array([-32, 0]).reshape(2, 1, 1)).all()
    assert not field[:, :2].any()
    assert not field[:, -2:].any()


def test_lower_quality_spends_fewer_bits_for_more_error() -> None:
    previous = texture(192, 256)
    y, x = np.mgrid[:192, :256].astype(np.float32)
    bend = (x + 3 * np.sin(y / 25), y + 3 * np.cos(x / 30))
    moved = cv2.remap(previous, *bend, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    current = np.asarray(moved, np.uint8)
    fields = [found(current, previous, quality) for quality in (0, 30, 63)]
    assert bits(fields[0]) < 0.9 * bits(fields[1]) < bits(fields[2])
    errors = [error(current, previous, field) for field in fields]
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 0.1 * error(current, previous, np.zeros_like(fields[0]))


def test_the_same_pictures_give_the_same_field() -> None:
    current, previous = texture(96, 128), texture(96, 128, 5)
    assert np.array_equal(found(current, previous), found(current, previous))


@pytest.mark.parametrize("size", [(16, 16), (16, 320), (320, 16), (32, 48), (48, 32), (64, 64), (80, 176)])
def test_any_size_and_unrelated_pictures(size: tuple[int, int]) -> None:
    for quality in (0, 63):
        field = found(texture(*size), texture(*size, 9), quality, effort=9)
        assert field.shape == (2, size[0] // 16, size[1] // 16)
        assert field.dtype == np.int16
        assert np.abs(field).max() <= LIMIT
        MotionCoder(*field.shape[1:]).encode(field, SymbolEncoder())


@pytest.mark.parametrize(("a", "b"), [(0, 0), (255, 0), (0, 255)])
def test_flat_pictures(a: int, b: int) -> None:
    assert not found(np.full((64, 96), a, np.uint8), np.full((64, 96), b, np.uint8)).any()


def test_sizes_that_are_not_whole_blocks_are_refused() -> None:
    with pytest.raises(ValueError, match="multiples of 16"):
        MotionSearch(100, 64)


def bent(scene: Plane) -> Plane:
    """Turned and stretched a little, so that no block moves as a whole."""
    y, x = np.mgrid[: scene.shape[0], : scene.shape[1]].astype(np.float32)
    x, y = x + 0.04 * (y - 90) + 0.03 * (x - 120), y - 0.04 * (x - 120)
    return np.asarray(cv2.remap(scene, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE), np.uint8)


def test_vectors_fitted_to_the_warp_predict_what_no_block_does_as_a_whole() -> None:
    previous = texture(192, 256)
    current = bent(previous)
    rigid = found(current, previous, effort=Thoroughness(rounds=0))
    for how in (Thoroughness(rounds=3), Thoroughness(rounds=3, by_turns=True), Thoroughness(by_turns=True, stride=1)):
        assert error(current, previous, found(current, previous, effort=how)) < 0.7 * error(current, previous, rigid)


def test_vectors_merge_with_neighbours_or_the_last_ones_where_their_difference_buys_nothing() -> None:
    grey = np.full((96, 128), 100, np.uint8)
    alone, zero = np.zeros((2, 6, 8), np.int16), np.zeros((2, 6, 8), np.int16)
    alone[:, ::3, ::3] = 40
    last = np.full_like(zero, 400)
    assert not Fitting(grey, grey, alone, last, 1.0).fit(0, merges=2).any()
    field = np.random.default_rng(0).integers(-40, 41, (2, 6, 8)).astype(np.int16)
    merged = Fitting(grey, grey, field, zero, 1.0).fit(0, merges=2)
    assert pair_bits(merged, merged, zero).sum() < 0.8 * pair_bits(field, field, zero).sum()


@given(st.integers(1, 5), st.integers(1, 5), st.integers(0, 2**32 - 1), st.sampled_from([1, 2]))
def test_a_fitted_field_keeps_its_bounds_and_never_costs_more_than_it_gains(
    h: int, w: int, seed: int, stride: int
) -> None:
    generator = np.random.default_rng(seed)
    current, previous = (generator.integers(0, 256, (16 * h, 16 * w)).astype(np.uint8) for _ in range(2))
    field = generator.integers(-LIMIT, LIMIT + 1, (2, h, w)).astype(np.int16)
    zero = np.zeros_like(field)
    fitted = Fitting(current, previous, field, zero, 1e12, stride).fit(4, by_turns=True, merges=1)
    assert pair_bits(fitted, fitted, zero).sum() <= pair_bits(field, field, zero).sum() + 1e-3
    free = Fitting(current, previous, field, field, 0.0, stride)
    bent, error = free.fit(4, by_turns=True), free.error
    assert bent.dtype == np.int16
    assert np.abs(bent).max() <= LIMIT
    free.fit(0, merges=2)
    assert free.error <= error * (1 + 1e-5)
    assert free.error == Fitting(current, previous, free.field, field, 0.0, stride).error  # nothing was kept too long
