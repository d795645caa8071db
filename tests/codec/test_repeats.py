from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sensic.codec.pixels import Planes, to_tensors
from sensic.codec.repeats import Coded
from tests.codec.pictures import pictures

FRAME = next(iter(pictures(1, 64, 48)))


def blurred(planes: Planes) -> Planes:
    y, uv = (plane + np.float32(2 / 255) for plane in planes)
    return y, uv


CODED = Coded(30, to_tensors(FRAME), blurred(to_tensors(FRAME)))


def test_the_same_frame_is_shown_by_what_was_coded_no_worse() -> None:
    assert CODED.shows(to_tensors(FRAME), 30)
    assert CODED.shows(to_tensors(FRAME), 5)
    assert not CODED.shows(to_tensors(FRAME), 31)


@pytest.mark.parametrize("plane", ["y", "u", "v"])
def test_a_change_in_any_plane_and_any_place_is_seen(plane: str) -> None:
    for place in ((0, 0), (-1, -1)):
        changed = getattr(FRAME, plane).copy()
        changed[place] ^= 0x80
        assert not CODED.shows(to_tensors(replace(FRAME, **{plane: changed})), 30)
    shifted = getattr(FRAME, plane) ^ 2  # below any threshold of a block, but the error of the picture grows
    assert not CODED.shows(to_tensors(replace(FRAME, **{plane: shifted})), 30)


def test_noise_that_a_camera_makes_may_stay_away() -> None:
    generator = np.random.default_rng(0)
    noisy = np.clip(FRAME.y + generator.normal(0, 1, FRAME.y.shape).round(), 0, 255).astype(np.uint8)
    rough = Coded(30, to_tensors(FRAME), tuple(plane + np.float32(8 / 255) for plane in to_tensors(FRAME)))  # type: ignore[arg-type]
    assert rough.shows(to_tensors(replace(FRAME, y=noisy)), 30)
    assert not CODED.shows(to_tensors(replace(FRAME, y=noisy)), 30)
