"""Where trained weights lie: files of a run, models whose graphs hold them; and what it is that they are weights of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import nn

from sensic.errors import ModelError, RecipeError
from sensic.model import GRAPHS, SENSING_GRAPHS, SNAPSHOT_GRAPHS, Model
from sensic.model.files import MANIFEST
from sensic.training.weights import Tensors, graph_weights

BEST = "best.safetensors"
_MARKS = {SENSING_GRAPHS: "deviation", SNAPSHOT_GRAPHS: "gains"}  # a tensor that no other networks have


class Size(Protocol):
    def to_dict(self) -> dict[str, int]: ...


class Sized(Protocol):
    @property
    def size(self) -> Size: ...


Net = TypeVar("Net", bound=nn.Module)
OfSize = TypeVar("OfSize", bound=Sized)


def graphs_of(path: Path) -> tuple[str, ...]:
    """What the weights in a safetensors file, or of a manifest's model, are for: ``GRAPHS``, ``SENSING_GRAPHS`` or
    ``SNAPSHOT_GRAPHS`` of ``sensic.model``."""
    if path.name == MANIFEST:
        return Model.load(path).graphs
    try:
        with safe_open(path, "pt") as file:
            names = set(file.keys())
    except (SafetensorError, OSError):
        return GRAPHS
    return next((graphs for graphs, mark in _MARKS.items() if mark in names), GRAPHS)


def loaded(source: str | Path, of: Callable[[Tensors], Net]) -> Net:
    """What ``of`` makes of the weights in a safetensors file, the best of a run's folder, or those of a model whose
    graphs hold them, by its directory or its name. Raises ModelError."""
    path = Path(source)
    if not path.exists():
        path = Model.load(source).directory
    if path.is_dir():
        path = path / (BEST if (path / BEST).is_file() else MANIFEST)
    try:
        return of(_of_model(Model.load(path)) if path.name == MANIFEST else load_file(path))
    except SafetensorError as error:
        raise ModelError(f"{path} is not a safetensors file, or damaged: {error}") from error
    except OSError as error:
        raise ModelError(f"can't read {path}: {error.strerror or error}") from error
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error


def fitting(vae: OfSize, size: Size) -> OfSize:
    """``vae``, if it has this size. Raises RecipeError."""
    wanted, found = size.to_dict(), vae.size.to_dict()
    differing = [f"{key} = {wanted[key]}, not {found[key]}" for key in wanted if wanted[key] != found[key]]
    if differing:
        raise RecipeError(f"network: the recipe has {', '.join(differing)} as the weights have; begin another run")
    return vae


def _of_model(model: Model) -> Mapping[str, torch.Tensor]:
    """Of its graphs, and of its tables, where those weights are that the graphs have been made of."""
    tables = {name: torch.from_numpy(value) for name, value in model.integers.items()}
    return {**tables, **graph_weights(model)}
