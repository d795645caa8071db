"""Validation: held-out clips at several rates, next to linear decoding of the same measurements."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from sensic.networks.sensing import COEFFICIENTS, FRAMES, SensingVAE, to_blocks
from sensic.training.sensing.lanes import centred
from sensic.training.sensing.losses import decibels
from sensic.training.sensing.measuring import Coding, quantised
from sensic.training.sensing.reports import SensingPoint, SensingResult
from sensic.training.validation import HeldOut

_ROUNDING = 21 / 64


def clip_samples(held_out: HeldOut, index: int, crop: int) -> Tensor:
    """The middle of a held-out clip's luma: [1, T, 256, h, w]."""
    pack, clip = held_out.clips[index]
    source = held_out.prepared[pack]
    count, height, width = source.y.shape[1:]
    sides = [min(crop, side // 8 * 8) for side in (height, width)]
    top, left = ((side - own) // 2 for side, own in zip((height, width), sides, strict=True))
    frames = count // FRAMES * FRAMES
    view = source.y[clip, :frames, top : top + sides[0], left : left + sides[1]]
    return to_blocks(torch.from_numpy(centred(view, source.depth)).view(-1, FRAMES, *sides))[None]


def whole_coding(exponent: int, groups: int) -> Coding:
    """Everything arrives."""
    arrives = torch.ones(1, groups, COEFFICIENTS, dtype=torch.bool)
    return Coding.even(torch.tensor([float(exponent)]), torch.tensor([_ROUNDING]), arrives)


@torch.no_grad()
def compare(vae: SensingVAE, samples: Tensor, coding: Coding) -> tuple[Tensor, Tensor]:
    """PSNR [B] of linear decoding and of the network, of sequences [B, T, 256, h, w]."""
    measured = quantised(measure(vae, samples), coding)
    linear = vae.picture(measured.points.flatten(0, 1)).view_as(samples)
    found = vae(measured).pictures
    errors = [(x.clamp(-128, 127) - samples).square().mean((1, 2, 3, 4)) for x in (linear, found)]
    return decibels(errors[0]), decibels(errors[1])


def measure(vae: SensingVAE, samples: Tensor) -> Tensor:
    """Orthonormal coefficients of [B, T, 256, h, w]."""
    return vae.measure(samples.flatten(0, 1)).view_as(samples)


def validate(
    vae: SensingVAE, held_out: HeldOut, exponents: Sequence[int], crop: int, step: int, seconds: float
) -> SensingResult:
    vae.eval()
    device = vae.deviation.device
    table = np.empty((len(exponents), len(held_out.clips), 2))
    for c in range(len(held_out.clips)):
        samples = clip_samples(held_out, c, crop).to(device)
        for e, exponent in enumerate(exponents):
            coding = whole_coding(exponent, samples.shape[1]).to(device)
            table[e, c] = [float(x) for x in compare(vae, samples, coding)]
    means = table.mean(1)
    points = tuple(SensingPoint(e, float(a), float(b)) for e, (a, b) in zip(exponents, means, strict=True))
    return SensingResult(step, seconds, points, float((table[..., 1] - table[..., 0]).min()))
