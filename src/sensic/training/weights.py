"""Trained weights from a file, checked before they are used: names, shapes, and that they are numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import numpy as np
import onnx
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from sensic.errors import ModelError
from sensic.model import Model
from sensic.networks.codec import NetworkSize, VideoVAE

Tensors = Mapping[str, Tensor]
Net = TypeVar("Net", bound=nn.Module)

OWNER, HALF = "owner.", ".half"
"""What the names of parameters begin with in exported graphs, and those of tensors in half precision end with."""

# A tensor whose shape tells a width, and the axis that does; a stack of blocks whose length tells a depth.
_WIDTHS = {
    "features": ("context.c_in.weight", 0),
    "latent": ("analysis.e_down.weight", 0),
    "hyper": ("analysis.gain_z.t", 1),
    "memory": ("prior.s0", 1),
}
_DEPTHS = {
    "context_blocks": "context.c_blk",
    "analysis_blocks": "analysis.e_blk",
    "synthesis_blocks": "synthesis.d_blk",
    "output_blocks": "synthesis.r_blk",
}


def load_vae(path: str | Path) -> VideoVAE:
    """The networks with the weights of a safetensors file, their sizes told by the shapes.

    Raises ModelError where the file isn't one, a tensor is missing, foreign or misshapen, or holds NaN or infinity.
    """
    try:
        tensors = load_file(path)
        vae = vae_of(tensors)
    except SafetensorError as error:
        raise ModelError(f"{path} is not a safetensors file, or damaged: {error}") from error
    except OSError as error:
        raise ModelError(f"can't read {path}: {error.strerror or error}") from error
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error
    return vae


def graph_weights(model: Model) -> dict[str, Tensor]:
    """What the graphs of a model hold under the names of parameters, as float32. Raises ModelError."""
    found: dict[str, Tensor] = {}
    for graph in model.graphs:
        body = onnx.load_from_string(model.graph(graph)).graph
        stored = {value.name: value for value in body.initializer}
        # Large ones are stored in half precision; of those that are equal one is stored, and the others made of it.
        made = {node.output[0]: node.input[0] for node in body.node if node.op_type in ("Cast", "Identity")}
        for name in (*stored, *made):
            if name.startswith(OWNER) and not name.endswith(HALF):
                origin = name
                while origin in made:
                    origin = made[origin]
                value = onnx.numpy_helper.to_array(stored[origin]).astype(np.float32)
                found[name.removeprefix(OWNER)] = torch.from_numpy(value)
    return found


def vae_of(tensors: Tensors) -> VideoVAE:
    """The networks with these weights. Raises ModelError like ``load_vae``."""
    return filled(VideoVAE(network_size(tensors)), tensors)


def filled(networks: Net, tensors: Tensors) -> Net:
    """``networks`` with these weights. Raises ModelError where they don't fit, or hold NaN or infinity."""
    check_shapes(networks.state_dict(), tensors)
    check_finite(tensors)
    networks.load_state_dict(dict(tensors))
    return networks


def network_size(tensors: Tensors) -> NetworkSize:
    """Widths and depths, read off the shapes. Raises ModelError where these are no weights of our networks."""
    sizes: dict[str, int] = {}
    for field, (name, axis) in _WIDTHS.items():
        tensor = tensors.get(name)
        if tensor is None or tensor.ndim <= axis:
            raise ModelError(f"these are not the weights of a Sensic model: there is no usable tensor {name}")
        sizes[field] = tensor.shape[axis]
    for field, prefix in _DEPTHS.items():
        sizes[field] = len({m[1] for name in tensors if (m := re.match(rf"{re.escape(prefix)}\.(\d+)\.", name))})
    return NetworkSize(**sizes)


def check_shapes(wanted: Tensors, found: Tensors) -> None:
    """Raises ModelError naming the first tensors that are missing, foreign or of another shape."""
    faults = [f"{name} is missing" for name in wanted.keys() - found.keys()]
    faults += [f"{name} is not part of the networks" for name in found.keys() - wanted.keys()]
    faults += [
        f"{name} is {list(found[name].shape)}, not {list(wanted[name].shape)}"
        for name in wanted.keys() & found.keys()
        if found[name].shape != wanted[name].shape
    ]
    if faults:
        raise ModelError("the weights don't fit the networks: " + _first(faults))


def check_finite(tensors: Tensors) -> None:
    """Raises ModelError naming the first tensors that hold NaN or infinity."""
    broken = [name for name, tensor in tensors.items() if not bool(tensor.isfinite().all())]
    if broken:
        raise ModelError("the weights hold NaN or infinity in " + _first(broken))


def _first(faults: list[str], count: int = 3) -> str:
    more = f" and {len(faults) - count} more" if len(faults) > count else ""
    return ", ".join(sorted(faults)[:count]) + more
