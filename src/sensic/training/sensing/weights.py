"""Weights of the sensing profile's decoder: from files, and what footage says before anything is learned."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sensic.errors import ModelError
from sensic.networks.sensing import FRAMES, SensingSize, SensingVAE, to_blocks
from sensic.training.prepare import Prepared
from sensic.training.sensing.lanes import centred
from sensic.training.stored import loaded
from sensic.training.weights import Tensors, filled

_CLIPS = 64


def sensing_size(tensors: Tensors) -> SensingSize:
    """Widths and depths, read off the shapes. Raises ModelError where these are no weights of this decoder."""

    def count(pattern: str) -> int:
        return len({m[1] for name in tensors if (m := re.match(pattern, name))})

    try:
        posterior, gates = tensors["posterior.weight"], tensors["gru.cells.0.gates.weight"]
        return SensingSize(
            hidden=posterior.shape[1],
            layers=count(r"lstm\.cells\.(\d+)\."),
            kernel=gates.shape[-1],
            latent=posterior.shape[0] // 2,
            features=tensors["look.weight"].shape[0],
            steps=count(r"work\.(\d+)\."),
            blocks=count(r"work\.0\.(\d+)\."),
        )
    except (KeyError, IndexError) as error:
        raise ModelError(f"these are not the weights of a sensing decoder: there is no usable {error}") from error


def sensing_of(tensors: Tensors) -> SensingVAE:
    """The networks with these weights. Raises ModelError where they don't fit, or hold NaN or infinity."""
    return filled(SensingVAE(sensing_size(tensors)), tensors)


def load_sensing(source: str | Path) -> SensingVAE:
    """The weights in a safetensors file, the best of a run's folder, or those of a model's. Raises ModelError."""
    return loaded(source, sensing_of)


@torch.no_grad()
def deviations(vae: SensingVAE, prepared: Sequence[Prepared], clips: NDArray[np.int64]) -> Tensor:
    """The standard deviation [256] of every coefficient, over the first groups of some clips."""
    total, count = torch.zeros(len(vae.deviation)), 0
    for pack, clip in clips[:: max(1, len(clips) // _CLIPS)]:
        source = prepared[pack]
        view = source.y[clip, :FRAMES, : source.y.shape[2] // 8 * 8, : source.y.shape[3] // 8 * 8]
        coefficients = vae.measure(to_blocks(torch.from_numpy(centred(view, source.depth)))[None])
        total += coefficients.square().sum((0, 2, 3))
        count += coefficients[0, 0].numel()
    return (total / count).sqrt().clamp(min=0.25)
