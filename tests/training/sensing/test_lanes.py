from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sensic.networks.sensing import to_frames
from sensic.training.prepare import Prepared
from sensic.training.sensing.lanes import SensingLanes, centred, half_size, walk
from sensic.training.validation import everything


@pytest.fixture
def lanes(prepared: list[Prepared]) -> SensingLanes:
    return SensingLanes(prepared, everything(prepared), seed=3, exponents=(7.0, 10.0))


def test_a_batch_follows_from_its_number(lanes: SensingLanes) -> None:
    (one, coding), (again, _), (other, _) = (lanes.batch(n, 2, 32, 3) for n in (5, 5, 6))
    assert one.shape == (2, 3, 256, 4, 4)
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert coding.arrives.shape == (2, 3, 256)
    assert one.min() >= -128
    assert one.max() <= 127


def test_neighbouring_pictures_are_alike(lanes: SensingLanes) -> None:
    samples, _ = lanes.batch(1, 4, 32, 3)
    frames = to_frames(samples).flatten(1, 2)
    steps = (frames[:, 1:] - frames[:, :-1]).square().mean()
    assert steps < (frames[:1] - frames[1:]).square().mean()


@given(st.integers(0, 2**31), st.integers(1, 60), st.integers(1, 12))
def test_a_walk_goes_to_neighbours_only(seed: int, frames: int, count: int) -> None:
    numbers = walk(np.random.default_rng(seed), frames, count)
    assert len(numbers) == frames
    assert numbers.min() >= 0
    assert numbers.max() < count
    assert (np.abs(np.diff(numbers)) == (1 if count > 1 else 0)).all()


def test_ten_bits_are_levels_of_eight() -> None:
    assert centred(np.array([0, 512, 1023], np.uint16), 10).tolist() == [-128, 0, 127.75]


def test_half_the_size_keeps_the_mean() -> None:
    pictures = np.random.default_rng(1).integers(0, 256, (2, 8, 12)).astype(np.uint8)
    small = half_size(pictures)
    assert small.shape == (2, 4, 6)
    assert small[1, 2, 3] == round(pictures[1, 4:6, 6:8].mean() + 1e-9)
    assert abs(small.mean() - pictures.mean()) < 0.5
