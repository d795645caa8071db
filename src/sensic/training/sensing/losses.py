"""What training makes small."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from sensic.networks.sensing import COEFFICIENTS, Recovered
from sensic.training.sensing.recipe import Loss

_FLOOR = 0.1  # squared 8-bit levels: better than rounding is not asked for


class Losses(NamedTuple):
    """``total`` is to be made small; ``error`` [B] is the squared error, ``gain`` dB over linear decoding;
    ``divergence`` and ``variance`` are means per pixel, in nats."""

    total: Tensor
    error: Tensor
    gain: Tensor
    divergence: Tensor
    variance: Tensor


def losses(recovered: Recovered, linear: Tensor, samples: Tensor, settings: Loss) -> Losses:
    """Of sequences [B, T, 256, h, w]; ``linear`` are the pictures of linear decoding, next to which errors are counted.
    A decibel gained counts alike at every rate."""
    squares = (recovered.pictures - samples).square()
    error = squares.mean((1, 2, 3, 4))
    divergence = recovered.divergence.sum(2).mean() / COEFFICIENTS
    log_variance = recovered.log_variance
    variance = 0.5 * (log_variance + (squares.detach() + _FLOOR) * torch.exp(-log_variance)).mean()
    ratio = torch.log(error + _FLOOR) - torch.log((linear - samples).square().mean((1, 2, 3, 4)) + _FLOOR)
    total = (
        (ratio + settings.worse * F.relu(ratio)).mean()
        + settings.divergence * divergence
        + settings.variance * variance
    )
    gain = -10 / math.log(10) * ratio.detach().mean()
    return Losses(total, error.detach(), gain, divergence.detach(), variance.detach())


def decibels(error: Tensor) -> Tensor:
    """PSNR of a squared error in 8-bit levels."""
    return 10 * torch.log10(255**2 / error.clamp(min=1e-3))
