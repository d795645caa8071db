"""What training makes small."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from sensic.networks.snapshot import Unrolled
from sensic.training.snapshot.recipe import Loss

_FLOOR = 0.25  # squared 8-bit levels: better than half a level is not asked for
_CEILING = 64.0**2  # a single sample's error must not outweigh all others


class Losses(NamedTuple):
    """``total`` is to be made small; ``error`` [B] is the squared error in 8-bit levels; ``variance`` is in nats."""

    total: Tensor
    error: Tensor
    variance: Tensor


def losses(unrolled: Unrolled, frames: Tensor, settings: Loss) -> Losses:
    """Of sequences [B, T, H, W], 0..1. Errors count by their logarithm: a decibel is worth the same in every scene."""
    squares = [(255 * (found - frames)).square() for found in unrolled.stages]
    error = squares[-1].mean((1, 2, 3))
    total = torch.log(error + _FLOOR).mean()
    weight = 1.0
    for earlier in reversed(squares[:-1]):
        weight *= settings.earlier
        total = total + weight * torch.log(earlier.mean((1, 2, 3)) + _FLOOR).mean()
    log_variance = unrolled.log_variance
    expected = squares[-1].detach().clamp(_FLOOR, _CEILING)
    variance = 0.5 * (log_variance + expected * torch.exp(-log_variance)).mean()
    return Losses(total + settings.variance * variance, error.detach(), variance.detach())
