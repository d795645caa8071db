"""Who computes the networks: one protocol, and the check that a backend computes exactly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from sensic.errors import BackendError
from sensic.model import Model

Array = NDArray[Any]

# Inputs and outputs of every graph, in the order of the ONNX files.
INPUTS = {
    "hyper": ("memory", "quality", "inter"),
    "first": ("z", "memory", "motion", "quality", "inter"),
    "second": ("features", "y_first", "quality"),
    "memory": ("memory", "y"),
    "context": ("y", "uv", "quality"),
    "analysis": ("y", "uv", "prediction", "context", "quality"),
    "synthesis": ("latent", "prediction", "context", "quality"),
}
OUTPUTS = {
    "hyper": ("mean", "index"),
    "first": ("features", "mean", "index"),
    "second": ("mean", "index"),
    "memory": ("next_memory",),
    "context": ("prediction", "context"),
    "analysis": ("latent", "hyper"),
    "synthesis": ("y_out", "uv_out"),
}
INTEGER_GRAPHS = ("hyper", "first", "second", "memory")


class Backend(Protocol):
    """Computes the graphs of one model. Arrays are float32 [1, C, h, w]; ``quality`` and ``inter`` are int64 [1].

    The integer graphs (``INTEGER_GRAPHS``) must return the same elements on every backend; the pixel graphs may
    differ in the last bits.
    """

    def run(self, graph: str, inputs: Mapping[str, Array]) -> tuple[Array, ...]:
        """Outputs of ``graph`` in the order of ``OUTPUTS``."""
        ...


def check_golden(backend: Backend, model: Model) -> None:
    """Compare the integer networks with the golden vector of the model. Raises BackendError on any difference."""
    golden = model.golden
    try:
        for graph in INTEGER_GRAPHS:
            results = backend.run(graph, {k: golden[f"in.{k}"] for k in INPUTS[graph]})
            for name, result in zip(OUTPUTS[graph], results, strict=True):
                if not np.array_equal(result, golden[f"out.{graph}.{name}"]):
                    raise BackendError(
                        f"{type(backend).__name__} does not compute the {graph} network of {model.name} exactly here"
                    )
    except KeyError as error:
        raise BackendError(f"model {model.name} has no golden vector for {error}") from error
