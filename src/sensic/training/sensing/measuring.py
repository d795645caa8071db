"""What a light encoder makes of pictures and a decoder sees of them, for training: as tensors, in batches."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sensic.networks.sensing import COEFFICIENTS, FRAMES, NOTHING_KNOWN, Measured
from sensic.sensing.layout import layers
from sensic.sensing.operators import WalshHadamard
from sensic.sensing.quantiser import ROUNDING

GAIN = COEFFICIENTS**0.5
"""An integer measurement is the orthonormal coefficient times this."""
FINEST_TO_COARSEST = 4, 14
"""Exponents of all steps that the quantiser has for 8 bits, but for the lossless one."""
_FEW = 4.0  # symbols that the statistics of a band begin with
_FIRST_MEAN = 1.3  # their mean magnitude


@dataclass(frozen=True)
class Coding:
    """How sequences are quantised, ``exponent``, ``rounding`` [B, 256]: steps are 2 to the power of the one, in integer
    measurements; the other is the share of a step that is added before cutting. ``arrives`` bool [B, T, 256]."""

    exponent: Tensor
    rounding: Tensor
    arrives: Tensor

    @classmethod
    def even(cls, exponent: Tensor, rounding: Tensor, arrives: Tensor) -> Coding:
        """The quantiser's: one step, and one rounding [B] but for the mean."""
        everywhere = rounding[:, None].repeat(1, COEFFICIENTS)
        everywhere[:, 0] = 0.5
        return cls(exponent[:, None].expand(-1, COEFFICIENTS), everywhere, arrives)

    def to(self, device: torch.device) -> Coding:
        return Coding(self.exponent.to(device), self.rounding.to(device), self.arrives.to(device))


def layer_of() -> Tensor:
    """The layer [256] that every band is sent in."""
    found = torch.empty(COEFFICIENTS, dtype=torch.int64)
    for number, layer in enumerate(layers(WalshHadamard(FRAMES))):
        for sub_band in layer:
            found[list(sub_band.bands)] = number
    return found


def quantised(coefficients: Tensor, coding: Coding) -> Measured:
    """Orthonormal coefficients [B, T, 256, h, w] of whole samples, as they arrive."""
    step = torch.exp2(coding.exponent)[:, None, :, None, None]
    cut = coding.rounding[:, None, :, None, None]
    values = coefficients * GAIN
    magnitude = torch.floor(values.abs() / step + cut)
    sign = values.sign()
    inner = (magnitude - cut) * step  # of the edges of a bin, the one next to 0
    outer = inner + step
    point = sign * (inner + centroids(magnitude)[:, None, :, None, None] * step)
    some = magnitude > 0
    low = torch.where(some, torch.minimum(sign * inner, sign * outer), -outer)
    high = torch.where(some, torch.maximum(sign * inner, sign * outer), outer)
    here = coding.arrives[..., None, None]
    nothing = values.new_tensor(NOTHING_KNOWN)
    half = torch.where(coding.arrives, (step * (1 - cut))[..., 0, 0] / GAIN, nothing)
    points = torch.where(some & here, point / GAIN, 0.0)
    for t in range(1, points.shape[1]):  # a mean that is lost is likely the last one
        points[:, t, 0] = torch.where(here[:, t, 0], points[:, t, 0], points[:, t - 1, 0])
    return Measured(
        points,
        torch.where(here, low / GAIN, -nothing),
        torch.where(here, high / GAIN, nothing),
        half,
    )


def centroids(magnitude: Tensor) -> Tensor:
    """Where in its bin a coefficient is on average, 0..1/2 of a step from the inner edge: [B, 256].

    That of an exponential distribution, of which the mean of the magnitudes above 0 tells the rate.
    """
    some = magnitude > 0
    total = magnitude.sum((1, 3, 4)) + _FEW * _FIRST_MEAN
    mean = total / (some.sum((1, 3, 4)) + _FEW)
    ratio = 1 - 1 / mean.clamp(min=1.02)
    return -1 / torch.log(ratio) - ratio / (1 - ratio)


def random_coding(batch: int, groups: int, exponents: tuple[float, float], generator: torch.Generator) -> Coding:
    """A quality of the range ``exponents``, and one time in eight any; sometimes a prefix only or lost packets."""

    def one_of(count: int, *shape: int) -> Tensor:
        return torch.randint(count, shape, generator=generator)

    low, high = exponents
    exponent = torch.floor(low + (high - low) * torch.rand(batch, generator=generator))
    rare = one_of(FINEST_TO_COARSEST[1] - FINEST_TO_COARSEST[0] + 1, batch) + FINEST_TO_COARSEST[0]
    exponent = torch.where(one_of(8, batch) == 0, rare, exponent)
    rounding = torch.tensor(ROUNDING)[one_of(len(ROUNDING), batch)] / 64
    layer, count = layer_of(), len(layers(WalshHadamard(FRAMES)))
    # Of five sequences one has some layers only, and of eight groups one has lost a layer.
    last = torch.where(one_of(5, batch) == 0, one_of(count, batch), count)
    lost = torch.where(one_of(8, batch, groups) == 0, one_of(count, batch, groups), count)
    arrives = (layer <= last[:, None, None]) & (layer != lost[..., None])
    return Coding.even(exponent, rounding, arrives)
