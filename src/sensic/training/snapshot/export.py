"""From trained weights to a model directory: one ONNX graph, with the weights in half precision, and a vector to check
a runtime with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sensic.model import Model
from sensic.networks.snapshot import SnapshotVAE
from sensic.sensing.snapshots import GRAPH, INPUTS, OUTPUTS, SnapshotDecoder
from sensic.training.export import in_half, onnx_file, write_decoder
from sensic.training.snapshot.lanes import random_masks

Arrays = dict[str, NDArray[Any]]
_FREE = {1: "frames", 2: "height", 3: "width"}


def export_snapshot(vae: SnapshotVAE, directory: str | Path, *, name: str, facts: Mapping[str, Any]) -> Model:
    """Write the model directory, whole or not at all, in the place of a model that was there; it appears only after
    ONNX Runtime has reproduced what PyTorch computes. ``vae`` is left as it is.

    Raises ModelError where the weights can't be a model, BackendError, OutputError.
    """
    vae = in_half(vae)
    golden = golden_vector(vae)
    return write_decoder(
        Path(directory),
        lambda model: SnapshotDecoder(model, 1),
        name=name,
        networks=vae.size.to_dict(),
        # The graph has these worked into other constants, and training needs them to go on.
        tables={key: getattr(vae, key).detach().numpy() for key in ("gains", "offsets")},
        golden=golden,
        graphs={GRAPH: export_graph(vae, golden)},
        facts=facts,
    )


def export_graph(vae: SnapshotVAE, golden: Arrays) -> bytes:
    """The network as an ONNX file with free number of frames, height and width."""
    example = tuple(torch.from_numpy(golden[f"in.{key}"]) for key in INPUTS)
    axes = {"snapshot": {1: "height", 2: "width"}, "masks": _FREE, **{key: _FREE for key in OUTPUTS}}
    return onnx_file(vae, GRAPH, example, list(INPUTS), list(OUTPUTS), axes)


def golden_vector(vae: SnapshotVAE, frames: int = 5, height: int = 12, width: int = 20) -> Arrays:
    """Inputs of the graph, and what PyTorch makes of them."""
    generator = np.random.default_rng(2026)
    masks = random_masks(generator, frames, max(height, width))[:, :height, :width]
    pictures = generator.random(masks.shape, np.float32)
    example = {"snapshot": (masks * pictures).sum(0)[None], "masks": np.ascontiguousarray(masks)[None]}
    with torch.no_grad():
        results = vae.unroll(*(torch.from_numpy(example[key]) for key in INPUTS))
    out = {f"in.{key}": value for key, value in example.items()}
    return out | {f"out.{key}": value.contiguous().numpy() for key, value in zip(OUTPUTS, results, strict=True)}
