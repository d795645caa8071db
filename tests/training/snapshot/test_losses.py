from __future__ import annotations

import math

import pytest
import torch

from sensic.networks.snapshot import Unrolled
from sensic.training.snapshot.losses import losses
from sensic.training.snapshot.recipe import Loss

SHAPE = (2, 3, 4, 4)
TRUTH = torch.full(SHAPE, 0.5)


def unrolled(*levels: float, log_variance: float = 4.0) -> Unrolled:
    """Stages that are wrong by so many 8-bit levels."""
    stages = [TRUTH + level / 255 for level in levels]
    return Unrolled(stages[-1], torch.full(SHAPE, log_variance), stages)


def total(found: Unrolled, **settings: float) -> float:
    return float(losses(found, TRUTH, Loss(**settings)).total)


def test_a_decibel_is_worth_the_same_in_every_scene() -> None:
    gains = [
        total(unrolled(10 * scale), variance=0.0) - total(unrolled(5 * scale), variance=0.0) for scale in (1.0, 4.0)
    ]
    assert gains[0] == pytest.approx(2 * math.log(2), rel=0.01)
    assert gains[1] == pytest.approx(gains[0], rel=0.01)


def test_earlier_stages_weigh_less() -> None:
    better = [
        total(unrolled(*before), variance=0.0) - total(unrolled(*after), variance=0.0)
        for before, after in (((8, 8, 8), (4, 8, 8)), ((8, 8, 8), (8, 4, 8)), ((8, 8, 8), (8, 8, 4)))
    ]
    assert better[0] == pytest.approx(better[2] / 4, rel=1e-3)
    assert better[1] == pytest.approx(better[2] / 2, rel=1e-3)
    assert total(unrolled(8, 8, 4), variance=0.0, earlier=0.0) == total(unrolled(4), variance=0.0)


def test_the_variance_is_best_where_it_is_the_error() -> None:
    totals = [total(unrolled(4.0, log_variance=math.log(v))) for v in (8.0, 16.0, 32.0)]
    assert totals[1] < min(totals[0], totals[2])


def test_the_error_is_in_levels() -> None:
    found = losses(unrolled(6.0), TRUTH, Loss())
    assert found.error.tolist() == pytest.approx([36, 36], rel=1e-3)
