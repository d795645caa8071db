from __future__ import annotations

import math

import pytest
import torch

from sensic.networks.sensing import Recovered
from sensic.training.sensing.losses import decibels, losses
from sensic.training.sensing.recipe import Loss

SHAPE = (2, 1, 256, 2, 2)
NOTHING = torch.zeros(2, 1, 8, 2, 2)


def recovered(error: float, log_variance: float = 0.0) -> Recovered:
    return Recovered(torch.full(SHAPE, error), torch.full(SHAPE, log_variance), NOTHING)


def test_the_gain_is_in_decibels_over_linear_decoding() -> None:
    linear, truth = torch.full(SHAPE, 10.0), torch.zeros(SHAPE)
    found = losses(recovered(5.0), linear, truth, Loss())
    assert float(found.gain) == pytest.approx(20 * math.log10(2), abs=0.02)
    assert float(losses(recovered(10.0), linear, truth, Loss()).gain) == 0
    assert float(decibels(found.error)[0]) == pytest.approx(20 * math.log10(255 / 5), abs=1e-3)


def test_the_variance_is_best_where_it_is_the_error() -> None:
    linear, truth = torch.full(SHAPE, 10.0), torch.zeros(SHAPE)
    totals = [float(losses(recovered(4.0, math.log(v)), linear, truth, Loss()).total) for v in (8.0, 16.1, 32.0)]
    assert totals[1] < min(totals[0], totals[2])


def test_the_variance_does_not_move_the_picture() -> None:
    pictures = torch.full(SHAPE, 4.0, requires_grad=True)
    gradients = []
    for weight in (0.0, 1.0):
        out = losses(
            Recovered(pictures, torch.full(SHAPE, 3.0), NOTHING),
            torch.full(SHAPE, 10.0),
            torch.zeros(SHAPE),
            Loss(variance=weight),
        )
        gradients.append(torch.autograd.grad(out.total, pictures)[0])
    assert torch.equal(*gradients)


def test_what_is_worse_than_linear_weighs_more() -> None:
    linear, truth = torch.full(SHAPE, 10.0), torch.zeros(SHAPE)
    for error, heavier in ((20.0, True), (5.0, False)):
        light, heavy = (
            float(losses(recovered(error), linear, truth, Loss(variance=0.0, worse=w)).total) for w in (0.0, 2.0)
        )
        assert heavy == pytest.approx(3 * light if heavier else light)
