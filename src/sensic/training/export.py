"""From trained weights to the files that the runtime loads: ONNX graphs, integer tables, golden vector, manifest."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from safetensors.torch import save as save_tensors
from torch import Tensor, nn

from sensic.entropy.tables import build_tables
from sensic.model.files import write_model
from sensic.networks.codec import EntropyPrior, Parameters, VideoVAE, pack, unpack
from sensic.networks.layers import ACTIVATION_STEPS, BIAS_STEPS, GainTable, IntegerConv

QUALITIES = 64
OPSET = 17


def quality_values() -> Tensor:
    return torch.arange(QUALITIES, dtype=torch.float32) / (QUALITIES - 1)


class _TableGain(nn.Module):
    """A gain table reduced to its 64 rows; ``quality`` is an index tensor [1]."""

    def __init__(self, gain: GainTable) -> None:
        super().__init__()
        self.register_buffer("rows", gain(quality_values()).detach())

    def forward(self, quality: Tensor) -> Tensor:
        return self.rows[quality]  # type: ignore[no-any-return,index]


class _FixedConv(nn.Module):
    """An integer convolution with its rounded weights as constants."""

    def __init__(self, conv: IntegerConv) -> None:
        super().__init__()
        weight, bias = conv.quantized()
        self.register_buffer("weight", weight.detach())
        self.register_buffer("bias", bias.detach())
        self.kernel, self.groups = conv.kernel, conv.groups

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.conv2d(x, self.weight, self.bias, padding=self.kernel // 2, groups=self.groups)  # type: ignore[arg-type]


def freeze(module: nn.Module) -> None:
    """Replace, in place, everything that depends on a continuous quality or on rounding weights by constants."""
    for name, child in module.named_children():
        if isinstance(child, GainTable):
            setattr(module, name, _TableGain(child))
        elif isinstance(child, IntegerConv):
            setattr(module, name, _FixedConv(child))
        else:
            freeze(child)


class FrozenCodec(nn.Module):
    """The networks as the runtime sees them: planes and whole-numbered qualities in, planes out.

    ``tables`` holds the integers that both sides share: ``offset`` [64, M], ``embedding`` [2, 64, E] and
    ``initial`` [E], the last two in steps of 1/16.
    """

    def __init__(self, vae: VideoVAE) -> None:
        super().__init__()
        vae = vae.eval()
        with torch.no_grad():
            q = quality_values()
            self.register_buffer("offset", vae.scale_offset(q))
            embedding = torch.stack([vae.prior.quality_embedding(q, inter) for inter in (0, 1)])
            self.register_buffer("embedding", embedding)
            self.initial = vae.prior.initial_memory(1, 1, 1).detach()
        self.size = vae.size
        self.vae = vae
        freeze(vae)

    @property
    def prior(self) -> EntropyPrior:
        return self.vae.prior

    def hyper(self, memory: Tensor, quality: Tensor, inter: Tensor) -> Parameters:
        return self.prior.hyper(memory, self.embedding[inter, quality])  # type: ignore[index]

    def first(self, z: Tensor, memory: Tensor, motion: Tensor, quality: Tensor, inter: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        features, parameters = self.prior.first(
            z, memory, motion, self.embedding[inter, quality], self.offset[quality]  # type: ignore[index]
        )
        return features, parameters.mean, parameters.index

    def second(self, features: Tensor, y_first: Tensor, quality: Tensor) -> Parameters:
        return self.prior.second(features, y_first, self.offset[quality])  # type: ignore[index]

    def memory(self, memory: Tensor, y: Tensor) -> Tensor:
        return self.prior.remember(memory, y)

    def context(self, y: Tensor, uv: Tensor, *rest: Tensor) -> tuple[Tensor, Tensor]:
        prediction = pack(y, uv)
        return prediction, self.vae.context(prediction, rest[0] if self.size.state else None, rest[-1])

    def analysis(self, y: Tensor, uv: Tensor, prediction: Tensor, context: Tensor, quality: Tensor) -> tuple[Tensor, Tensor]:
        return self.vae.analysis(pack(y, uv), prediction, context, quality)  # type: ignore[no-any-return]

    def synthesis(self, latent: Tensor, prediction: Tensor, context: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        state = rest[0] if self.size.state else None
        picture, state = self.vae.synthesis(latent, prediction, context, state, rest[-1])
        planes = unpack(picture.clamp(-0.5, 0.5))
        return (*planes, state) if state is not None else planes


class _Method(nn.Module):
    def __init__(self, codec: FrozenCodec, method: Callable[..., Any]) -> None:
        super().__init__()
        self.codec = codec
        self.method = method

    def forward(self, *inputs: Tensor) -> Any:
        return self.method(*inputs)


def graph_signatures(codec: FrozenCodec) -> dict[str, tuple[dict[str, tuple[int, ...]], tuple[str, ...]]]:
    """Inputs with example shapes (an empty shape is an index) and outputs of every graph. The ONNX files use these names."""
    size = codec.size
    h, w = 8, 12
    latent, hyper = (1, size.latent, h, w), (1, size.hyper, h // 4, w // 4)
    memory, motion = (1, size.memory, h, w), (1, 2, h, w)
    planes = {"y": (1, 1, 16 * h, 16 * w), "uv": (1, 2, 8 * h, 8 * w)}
    packed, features = (1, 96, 2 * h, 2 * w), (1, size.features, 2 * h, 2 * w)
    state = {"state": (1, size.state, 2 * h, 2 * w)} if size.state else {}
    state_out = ("next_state",) if size.state else ()
    quality: dict[str, tuple[int, ...]] = {"quality": ()}
    inter: dict[str, tuple[int, ...]] = {"inter": ()}
    return {
        "hyper": ({"memory": memory, **quality, **inter}, ("mean", "index")),
        "first": ({"z": hyper, "memory": memory, "motion": motion, **quality, **inter}, ("features", "mean", "index")),
        "second": ({"features": memory, "y_first": latent, **quality}, ("mean", "index")),
        "memory": ({"memory": memory, "y": latent}, ("next_memory",)),
        "context": ({**planes, **state, **quality}, ("prediction", "context")),
        "analysis": ({**planes, "prediction": packed, "context": features, **quality}, ("latent", "hyper")),
        "synthesis": ({"latent": latent, "prediction": packed, "context": features, **state, **quality}, ("y_out", "uv_out", *state_out)),
    }


def export_graph(codec: FrozenCodec, name: str) -> bytes:
    """One network as an ONNX file with free height and width."""
    inputs, outputs = graph_signatures(codec)[name]
    example = tuple(torch.zeros(s) if s else torch.zeros(1, dtype=torch.int64) for s in inputs.values())
    axes = {k: {2: f"{k}_height", 3: f"{k}_width"} for k, s in inputs.items() if s} | {k: {2: f"{k}_height", 3: f"{k}_width"} for k in outputs}
    file = io.BytesIO()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            _Method(codec, getattr(codec, name)), example, file, input_names=list(inputs), output_names=list(outputs),
            dynamic_axes=axes, opset_version=OPSET, do_constant_folding=True, dynamo=False,
        )
    graph = onnx.load_from_string(file.getvalue())
    graph.graph.name, graph.doc_string = name, ""
    for node in graph.graph.node:
        node.doc_string = ""
    onnx.checker.check_model(graph, full_check=True)
    return graph.SerializeToString()


def integer_tables(vae: VideoVAE) -> dict[str, NDArray[Any]]:
    """Every integer of the entropy path, for the tables and for decoders that use no ONNX (docs/bitstream.md)."""
    out: dict[str, NDArray[Any]] = {f"tables.{k}": v for k, v in build_tables().items()}
    for name, module in vae.prior.named_modules():
        if isinstance(module, IntegerConv):
            weight, bias = module.quantized()
            scale = module.scale()
            out[f"{name}.weight"] = (weight / scale).round().detach().numpy().astype(np.int8)
            out[f"{name}.exponent"] = torch.log2(scale).flatten().numpy().astype(np.int8)
            out[f"{name}.bias"] = (bias * BIAS_STEPS).round().detach().numpy().astype(np.int32)
    with torch.no_grad():
        q = quality_values()
        out["offset"] = vae.scale_offset(q)[:, :, 0, 0].numpy().astype(np.int16)
        out["embedding"] = (
            torch.stack([vae.prior.quality_embedding(q, i) for i in (0, 1)])[..., 0, 0] * ACTIVATION_STEPS
        ).numpy().astype(np.int8)
        out["initial"] = (vae.prior.initial_memory(1, 1, 1)[0, :, 0, 0] * ACTIVATION_STEPS).numpy().astype(np.int8)
    return out


def golden_vector(codec: FrozenCodec, height: int = 5, width: int = 7) -> dict[str, NDArray[Any]]:
    """Inputs and outputs of the integer networks, partly at the extremes: what every backend must reproduce."""
    generator = torch.Generator().manual_seed(2026)
    size = codec.size

    def integers(shape: tuple[int, ...], limit: int, steps: float) -> Tensor:
        values = torch.randint(-limit, limit + 1, shape, generator=generator)
        extreme = torch.rand(shape, generator=generator) < 0.1
        return torch.where(extreme, values.sign() * limit, values).float() / steps

    example = {
        "memory": integers((1, size.memory, height, width), 127, 16),
        "z": integers((1, size.hyper, -(-height // 4), -(-width // 4)), 1100, 8),
        "motion": integers((1, 2, height, width), 480, 1),
        "y_first": integers((1, size.latent, height, width), 300, 8),
        "y": integers((1, size.latent, height, width), 300, 8),
        "features": integers((1, size.memory, height, width), 127, 16),
        "quality": torch.tensor([20]),
        "inter": torch.tensor([1]),
    }
    out = {f"in.{k}": v.numpy() for k, v in example.items()}
    signatures = graph_signatures(codec)
    with torch.no_grad():
        for name in ("hyper", "first", "second", "memory"):
            inputs, outputs = signatures[name]
            result = getattr(codec, name)(*[example[k] for k in inputs])
            for key, value in zip(outputs, result if isinstance(result, tuple) else (result,), strict=True):
                out[f"out.{name}.{key}"] = value.numpy()
    return out


def export_model(vae: VideoVAE, directory: Path, *, name: str, facts: Mapping[str, Any], quality_offsets: Mapping[str, list[int]]) -> str:
    """Write the model directory and return its id (hex SHA-256 of the manifest)."""
    weights = save_tensors({k: v.detach().contiguous().clone() for k, v in vae.state_dict().items()})
    tables = integer_tables(vae)
    codec = FrozenCodec(vae)
    graphs = {g: export_graph(codec, g) for g in graph_signatures(codec)}
    return write_model(
        directory, name=name, networks=codec.size.to_dict(), tables=tables, golden=golden_vector(codec),
        graphs=graphs, weights=weights, quality_offsets=quality_offsets, facts=facts,
    )
