from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from sensic.networks.codec import NetworkSize, unpack
from sensic.training.lanes import Lanes
from sensic.training.prepare import Prepared
from sensic.training.sequence import Window

SIZE = NetworkSize(latent=4, hyper=2)


def make(prepared: list[Prepared], **changes: object) -> Lanes:
    options = {"lanes": 3, "crop": 32, "frames": 5, "seed": 7, "size": SIZE, "group": (3, 9)}
    return Lanes(prepared, **(options | changes))  # type: ignore[arg-type]


def same(a: Window, b: Window) -> bool:
    return all(torch.equal(x, y) for x, y in zip(vars(a).values(), vars(b).values(), strict=True))


def test_shapes_and_ranges(prepared: list[Prepared]) -> None:
    window = make(prepared).next()
    assert window.pictures.shape == (3, 5, 96, 4, 4)
    assert window.motion.shape == (3, 5, 2, 2, 2)
    assert window.starts.shape == window.quality.shape == (3, 5)
    assert window.noise_y is not None
    assert window.noise_y.shape == (3, 5, 4, 2, 2)
    assert window.noise_z is not None
    assert window.noise_z.shape == (3, 5, 2, 1, 1)
    for values, low, high in ((window.pictures, -0.5, 0.5), (window.quality, 0, 1), (window.noise_y, -0.5, 0.5)):
        assert low <= float(values.min()) <= float(values.max()) <= high
    assert window.starts[:, 0].all()


def test_a_checkpoint_goes_on_as_if_nothing_had_been(prepared: list[Prepared]) -> None:
    lanes = make(prepared)
    for _ in range(3):
        lanes.next()
    saved = json.loads(json.dumps(lanes.state()))
    wanted = [lanes.next() for _ in range(4)]
    other = make(prepared, seed=99)
    other.next()
    other.restore(saved)
    assert all(same(other.next(), w) for w in wanted)


def test_how_lanes_are_dealt_to_processes_changes_nothing(prepared: list[Prepared]) -> None:
    together, first, second = make(prepared, lanes=4), make(prepared, lanes=2), make(prepared, lanes=2, first_lane=2)
    for _ in range(3):
        whole, parts = together.next(), (first.next(), second.next())
        for name, value in vars(whole).items():
            assert torch.equal(value, torch.cat([vars(p)[name] for p in parts])), name


def test_groups_have_the_lengths_asked_for_and_the_qualities_of_their_places(prepared: list[Prepared]) -> None:
    lanes = make(prepared, lanes=1, frames=300, group=(3, 9), intra_offset=5, inter_offsets=(-3, 1))
    window = lanes.next()
    begins = np.flatnonzero(window.starts[0].numpy())
    lengths = np.diff(begins)
    assert lengths.min() == 3
    assert lengths.max() == 9
    for begin in begins[:-1]:
        quality = window.quality[0, begin : begin + 3] * 63
        base = float(quality[0]) - 5
        if 3 < base < 57:  # nothing clipped
            assert quality.tolist() == pytest.approx([base + 5, base - 3, base + 1], abs=1e-3)


class Numbered(Prepared):
    """Pictures that say which frame they are, motion that says where it leads from."""

    def __init__(self, frames: int = 12) -> None:
        y = np.zeros((1, frames, 64, 64), np.uint8) + np.arange(frames, dtype=np.uint8)[None, :, None, None]
        motion: NDArray[np.int8] = np.zeros((3, 2, 1, frames, 2, 4, 4), np.int8)
        for t in range(frames):
            for level in range(3):
                motion[level, 0, 0, t] = 10 * level + 1 if t else 0
                motion[level, 1, 0, t] = 10 * level + 2 if t + 1 < frames else 0
        uv = np.zeros((1, frames, 2, 32, 32), np.uint8)
        for name, value in {"y": y, "uv": uv, "motion": motion, "depth": 8}.items():
            object.__setattr__(self, name, value)


@pytest.mark.parametrize("frames", [1, 2, 12])
def test_a_walk_takes_one_step_at_a_time_and_its_motion_comes_from_where_it_was(frames: int) -> None:
    lanes = Lanes([Numbered(frames)], lanes=1, crop=64, frames=200, seed=3, size=SIZE, group=(40, 40))
    window = lanes.next()
    y, _ = unpack(window.pictures[0])
    position = (y[:, 0, 0, 0] * 255 + 127.5).round().int().tolist()
    assert set(position) == set(range(frames))
    for t in range(1, 200):
        if bool(window.starts[0, t]):
            continue
        step = position[t] - position[t - 1]
        assert abs(step) == (1 if frames > 1 else 0)
        if frames > 1:
            size = {int(v) % 10 for v in window.motion[0, t].abs().flatten()}
            assert len(size) == 1
            assert window.motion[0, t].abs().max() > 0


def test_a_mirrored_crop_is_predicted_as_well_as_a_plain_one() -> None:
    """Motion is mirrored with the picture: a pattern that moves right by 4 pixels must be found by its vectors."""
    from sensic.training.warp import sampling_grids, warp

    rng = np.random.default_rng(0)
    canvas = np.kron(rng.integers(0, 255, (16, 20)), np.ones((8, 8)))
    y = np.stack([canvas[:128, 4 * t : 4 * t + 112] for t in range(8)]).astype(np.uint8)[None, :, :112]
    motion = np.zeros((1, 2, 1, 8, 2, 7, 7), np.int8)
    motion[0, 0, 0, 1:, 0], motion[0, 1, 0, :-1, 0] = 16, -16
    uv = np.zeros((1, 8, 2, 56, 56), np.uint8)
    source = Prepared(y=y, uv=uv, motion=motion, depth=8, path=None, sha256="")  # type: ignore[arg-type]
    lanes = Lanes([source], lanes=16, crop=96, frames=6, seed=1, size=SIZE, group=(20, 20))
    window = lanes.next()
    for t in range(1, 6):
        predicted = warp(window.pictures[:, t - 1], *sampling_grids(window.motion[:, t]))
        inner = [unpack(p)[0][..., 16:-16, 16:-16] for p in (predicted, window.pictures[:, t])]
        assert float((inner[0] - inner[1]).abs().max()) < 1e-4
