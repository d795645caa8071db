"""Weights of the sensing profile's decoder: from files, and what footage says before anything is learned."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor

from sensic.errors import ModelError, RecipeError
from sensic.model import SENSING_GRAPHS, Model
from sensic.model.files import MANIFEST
from sensic.networks.sensing import FRAMES, SensingSize, SensingVAE, to_blocks
from sensic.training.material import BEST
from sensic.training.prepare import Prepared
from sensic.training.sensing.lanes import centred
from sensic.training.weights import Tensors, check_finite, check_shapes, graph_weights

_CLIPS = 64


def is_sensing(path: Path) -> bool:
    """Whether a safetensors file, or the model of a manifest, is this decoder and not the codec."""
    if path.name == MANIFEST:
        return Model.load(path).is_sensing
    try:
        with safe_open(path, "pt") as file:
            return "deviation" in file.keys()  # noqa: SIM118
    except (SafetensorError, OSError):
        return False


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
    vae = SensingVAE(sensing_size(tensors))
    check_shapes(vae.state_dict(), tensors)
    check_finite(tensors)
    vae.load_state_dict(dict(tensors))
    return vae


def fitting(vae: SensingVAE, size: SensingSize) -> SensingVAE:
    """``vae``, if it has this size. Raises RecipeError."""
    wanted, found = size.to_dict(), vae.size.to_dict()
    differing = [f"{key} = {wanted[key]}, not {found[key]}" for key in wanted if wanted[key] != found[key]]
    if differing:
        raise RecipeError(f"network: the recipe has {', '.join(differing)} as the weights have; begin another run")
    return vae


def load_sensing(source: str | Path) -> SensingVAE:
    """The weights in a safetensors file, the best of a run's folder, or those of a model's. Raises ModelError."""
    path = Path(source)
    if path.is_dir():
        path = path / (BEST if (path / BEST).is_file() else MANIFEST)
    try:
        if path.name == MANIFEST:
            return sensing_of(graph_weights(Model.load(path), SENSING_GRAPHS))
        return sensing_of(load_file(path))
    except SafetensorError as error:
        raise ModelError(f"{path} is not a safetensors file, or damaged: {error}") from error
    except OSError as error:
        raise ModelError(f"can't read {path}: {error.strerror or error}") from error
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error


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
