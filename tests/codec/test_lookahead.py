from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensic.codec.complexity import Link
from sensic.codec.importance import importance, worth
from sensic.codec.lookahead import BYTES, FLASH, Lookahead, Prepared
from sensic.motion import MotionSearch
from sensic.video import Frame
from tests.codec.pictures import pictures

WIDTH, HEIGHT = 96, 64


def scene(count: int, seed: int = 0) -> list[Frame]:
    return list(pictures(count, WIDTH, HEIGHT, seed=seed))


def prepared(frames: Sequence[Frame], ahead: int = 8) -> list[Prepared]:
    timed = [replace(frame, pts=100 * n) for n, frame in enumerate(frames)]
    return list(Lookahead(MotionSearch(WIDTH, HEIGHT), ahead).frames(iter(timed)))


def cuts(frames: Sequence[Frame], ahead: int = 8) -> list[int]:
    return [n for n, item in enumerate(prepared(frames, ahead)) if item.cut]


def test_scenes_are_found() -> None:
    frames = [*scene(6), *scene(5, 3), *scene(9, 4)]
    assert cuts(frames) == [6, 11]
    assert cuts(frames, 1) == [6, 11]
    assert cuts(frames, 0) == []


@pytest.mark.parametrize("length", range(1, FLASH + 1))
def test_no_scene_begins_with_a_flash(length: int) -> None:
    """But the picture that comes back is predicted from nothing, and may begin one."""
    white = replace(scene(1)[0], y=np.full((HEIGHT, WIDTH), 255, np.uint8))
    for around, flash in ((scene(12), [white] * length), (scene(1) * 12, scene(length, 3))):
        assert set(cuts([*around[:5], *flash, *around[5 + length :]])) <= {5 + length}


def test_motion_noise_and_darkness_are_no_cuts() -> None:
    generator = np.random.default_rng(0)
    frames = [
        replace(frame, y=np.clip(frame.y + generator.normal(0, 6, frame.y.shape), 0, 255).astype(np.uint8))
        for frame in scene(8)
    ]
    assert cuts(frames) == []
    flat = [replace(frames[0], y=np.full((HEIGHT, WIDTH), value, np.uint8)) for value in (16, 18, 17, 21)]
    assert cuts(flat) == []


@given(st.integers(0, 12), st.integers(0, 9))
def test_every_frame_comes_once_in_order_and_knows_those_that_follow(count: int, ahead: int) -> None:
    frames = scene(count)
    found = prepared(frames, ahead)
    assert [item.frame.pts for item in found] == [100 * n for n in range(count)]
    assert [len(item.links) for item in found] == [min(ahead, count - 1 - n) for n in range(count)]


@pytest.mark.parametrize("ahead", [0, 5])
def test_no_more_is_read_than_is_looked_ahead(ahead: int) -> None:
    read = 0

    def source() -> Iterator[Frame]:
        nonlocal read
        for frame in scene(20):
            read += 1
            yield frame

    for n, _ in enumerate(Lookahead(MotionSearch(WIDTH, HEIGHT), ahead).frames(source())):
        assert read == min(20, n + 1 + ahead)


def test_large_pictures_wait_in_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    assert BYTES < 1 << 30
    monkeypatch.setattr("sensic.codec.lookahead.BYTES", 3 * WIDTH * HEIGHT * 3 // 2)
    assert [len(item.links) for item in prepared(scene(8), 8)] == [3, 3, 3, 3, 3, 2, 1, 0]


def link(vectors: np.ndarray, error: float, spread: float) -> Link:
    shape = vectors.shape[1:]
    return Link(vectors, np.full(shape, error, np.float32), np.full(shape, spread, np.float32), 0.0)


def test_what_stays_counts_for_all_that_follow() -> None:
    still = np.zeros((2, 3, 4), np.int16)
    assert np.allclose(importance([link(still, 0, 50)] * 7, 32, (3, 4)), 8)
    assert np.allclose(importance([link(still, 1e6, 50)] * 7, 32, (3, 4)), 1)
    assert np.allclose(importance([], 32, (3, 4)), 1)
    half = importance([link(still, 50, 100)], 63, (3, 4))
    assert np.all((half > 1.4) & (half < 1.6))


@given(
    st.integers(1, 4), st.integers(1, 4), st.integers(0, 5), st.integers(0, 2**32 - 1), st.integers(0, 63),
)  # fmt: skip
def test_nothing_is_handed_on_twice(h: int, w: int, count: int, seed: int, quality: int) -> None:
    generator = np.random.default_rng(seed)
    links = [
        link(generator.integers(-480, 481, (2, h, w)).astype(np.int16), *generator.uniform(0, 500, 2))
        for _ in range(count)
    ]
    found = importance(links, quality, (h, w))
    assert found.shape == (h, w)
    assert np.all(found >= 1)
    assert found.sum() <= (count + 1) * h * w * (1 + 1e-9)
    assert np.all(np.diff(worth(found).ravel()[np.argsort(found.ravel())]) >= 0)


def test_it_moves_against_the_vectors() -> None:
    """What a block is predicted from lies where its vector points."""
    vectors = np.zeros((2, 1, 3), np.int16)
    vectors[0, 0, 2] = -64  # the third is what the second was
    found = importance([link(vectors, 0, 1e9)], 32, (1, 3))
    assert np.allclose(found, [[2, 3, 1]])
