from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sensic.training.prepare import Prepared
from sensic.training.snapshot.lanes import SnapshotLanes, random_masks
from sensic.training.validation import everything


def lanes_of(prepared: list[Prepared], noise: float = 1.0) -> SnapshotLanes:
    return SnapshotLanes(prepared, everything(prepared), seed=3, noise=noise)


def test_a_batch_follows_from_its_number(prepared: list[Prepared]) -> None:
    one, again, other = (lanes_of(prepared).batch(n, 2, 32, 8) for n in (5, 5, 6))
    assert one.frames.shape == one.masks.shape == (2, 8, 32, 32)
    assert one.snapshot.shape == (2, 32, 32)
    assert all(torch.equal(a, b) for a, b in zip(one, again, strict=True))
    assert not torch.equal(one.frames, other.frames)
    assert one.frames.min() >= 0
    assert one.frames.max() <= 1


def test_a_snapshot_is_what_the_masks_let_through(prepared: list[Prepared]) -> None:
    clean = lanes_of(prepared, noise=0.0).batch(2, 3, 32, 8)
    torch.testing.assert_close(clean.snapshot, (clean.frames * clean.masks).sum(1))
    noisy = [lanes_of(prepared, noise=4.0).batch(n, 1, 32, 8) for n in range(12)]
    errors = [float((255 * (x.snapshot - (x.frames * x.masks).sum(1))).std()) for x in noisy]
    assert min(errors) < 1e-3  # some have none
    assert 0.5 < max(errors) < 5


@given(st.integers(0, 2**31), st.integers(1, 12), st.integers(4, 24))
def test_masks_are_zeros_and_ones_and_differ(seed: int, frames: int, side: int) -> None:
    masks = random_masks(np.random.default_rng(seed), frames, side)
    assert masks.shape == (frames, side, side)
    assert set(np.unique(masks)) <= {0.0, 1.0}


def test_some_masks_move_and_most_are_new_in_every_frame() -> None:
    generator = np.random.default_rng(7)

    def moves(masks: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> bool:
        """Whether the next frame's mask is this one's, a pixel further in one of four directions."""
        pairs = [
            (masks[0][:, 1:], masks[1][:, :-1]),
            (masks[0][:, :-1], masks[1][:, 1:]),
            (masks[0][1:], masks[1][:-1]),
            (masks[0][:-1], masks[1][1:]),
        ]
        return any(np.array_equal(a, b) for a, b in pairs)

    drawn = [random_masks(generator, 4, 16) for _ in range(200)]
    assert sum(map(moves, drawn)) / 200 == pytest.approx(0.2, abs=0.1)
    assert np.median([masks.mean() for masks in drawn]) == pytest.approx(0.5, abs=0.02)
