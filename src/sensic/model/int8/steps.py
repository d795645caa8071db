"""How activations are rounded to 8 bits: found once for a model by ``sensic.training.int8``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Bytes = NDArray[np.int8]


@dataclass(frozen=True)
class Quantised:
    """A tensor of a graph that stands for ``(value - zero) * scale * unit``, ``unit`` by channel [C]; ``mean`` [C] is
    what is to be expected of it. ``source`` names the activation; without a ``name`` it is how that is rounded."""

    name: str
    source: str
    scale: float
    zero: int
    unit: Floats
    mean: Floats


@dataclass(frozen=True)
class Steps:
    """How one model is rounded: the ``steps`` of all activations, by name; ``below`` [C], the mean of what a block's
    first convolution gives below zero, by the name of the block; and ``rounding``, what is to be added to the weights
    of a convolution, rounded to the nearest, by the name of what it gives."""

    steps: Mapping[str, Quantised]
    below: Mapping[str, Floats]
    rounding: Mapping[str, Bytes]

    def round(self, name: str, source: str, weight: Floats, scale: Floats) -> Floats:
        """Whole weights [O, I, k, k] for ``weight`` in steps of ``scale`` [O]."""
        nearest: Floats = np.rint(weight / scale[:, None, None, None])
        return np.asarray(nearest + self.rounding.get(name, 0), np.float32)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """As a model file holds them."""
        out: dict[str, NDArray[Any]] = {}
        for name, step in self.steps.items():
            out[f"step.{name}"] = np.array([step.scale, step.zero], np.float32)
            out[f"channels.{name}"] = np.stack([step.unit, step.mean]).astype(np.float32)
        out |= {f"below.{name}": value.astype(np.float32) for name, value in self.below.items()}
        return out | {f"rounding.{name}": value for name, value in self.rounding.items()}

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]]) -> Steps:
        """The inverse of ``arrays``. Raises KeyError or ValueError for what is none."""
        steps = {}
        for key in arrays:
            if key.startswith("step."):
                name = key.removeprefix("step.")
                (scale, zero), (unit, mean) = arrays[key], arrays[f"channels.{name}"]
                steps[name] = Quantised("", name, float(scale), int(zero), unit, mean)
        below, rounding = (
            {key.removeprefix(kind): value for key, value in arrays.items() if key.startswith(kind)}
            for kind in ("below.", "rounding.")
        )
        return cls(steps, below, rounding)
