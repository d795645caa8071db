"""From trained weights to a model directory: three ONNX graphs, with the weights in half precision, and a vector to
check a runtime with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sensic.model import Model
from sensic.networks.sensing import COEFFICIENTS, SensingVAE
from sensic.sensing.learned import INPUTS, OUTPUTS, LearnedDecoder
from sensic.training.export import in_half, onnx_file, write_decoder

Arrays = dict[str, NDArray[Any]]


def export_sensing(vae: SensingVAE, directory: str | Path, *, name: str, facts: Mapping[str, Any]) -> Model:
    """Write the model directory, whole or not at all, in the place of a model that was there; it appears only after
    ONNX Runtime has reproduced what PyTorch computes. ``vae`` is left as it is.

    Raises ModelError where the weights can't be a model, BackendError, OutputError.
    """
    vae = in_half(vae)
    golden = golden_vector(vae)
    return write_decoder(
        Path(directory),
        lambda model: LearnedDecoder(model, 1),
        name=name,
        networks=vae.size.to_dict(),
        tables={"deviation": vae.deviation.numpy()},
        golden=golden,
        graphs={graph: export_graph(vae, graph, golden) for graph in INPUTS},
        facts=facts,
    )


def export_graph(vae: SensingVAE, name: str, golden: Arrays) -> bytes:
    """One step of a recurrence as an ONNX file with free height and width."""
    example = tuple(torch.from_numpy(golden[f"in.{key}"]) for key in INPUTS[name])
    maps = [key for key in INPUTS[name] if golden[f"in.{key}"].ndim == 4] + list(OUTPUTS[name])
    axes = {key: {2: "height", 3: "width"} for key in maps}
    return onnx_file(vae, name, example, list(INPUTS[name]), list(OUTPUTS[name]), axes)


def golden_vector(vae: SensingVAE, height: int = 3, width: int = 5) -> Arrays:
    """Inputs of all graphs, and what PyTorch makes of them."""
    generator = torch.Generator().manual_seed(2026)

    def noise(channels: int, scale: float | Tensor = 1.0) -> Tensor:
        return scale * torch.randn(1, channels, height, width, generator=generator)

    points = noise(COEFFICIENTS, vae.deviation[:, None, None])
    half = torch.exp2(torch.rand(1, COEFFICIENTS, generator=generator) * 5)
    example = {
        "points": points,
        "low": points - half[..., None, None],
        "high": points + half[..., None, None],
        "half": half,
        "memory": noise(vae.lstm.state_channels),
        "heard": noise(vae.size.hidden),
        "latent": noise(vae.size.latent),
        "future": noise(vae.gru.state_channels),
        "written": noise(vae.size.hidden),
        "before": noise(COEFFICIENTS // 2, 40.0),
        "after": noise(COEFFICIENTS // 2, 40.0),
    }
    out: Arrays = {f"in.{key}": value.numpy() for key, value in example.items()}
    with torch.no_grad():
        for graph, inputs in INPUTS.items():
            results = getattr(vae, graph)(*[example[key] for key in inputs])
            out |= {f"out.{graph}.{k}": v.numpy() for k, v in zip(OUTPUTS[graph], results, strict=True)}
    return {key: np.ascontiguousarray(value) for key, value in out.items()}
