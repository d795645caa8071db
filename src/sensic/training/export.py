"""From trained weights to what the runtime loads: ONNX graphs, integer tables, golden vector, manifest, card."""

from __future__ import annotations

import copy
import io
import secrets
import shutil
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from safetensors.torch import save as save_tensors
from torch import Tensor, nn

from sensic.entropy.tables import build_tables
from sensic.errors import ModelError, OutputError
from sensic.model import Model
from sensic.model.files import write_model
from sensic.networks.codec import VideoVAE
from sensic.networks.frozen import FrozenCodec, graph_signatures, quality_values
from sensic.networks.layers import BIAS_STEPS, IntegerConv
from sensic.runtime import OnnxBackend, check_golden
from sensic.training.card import card
from sensic.training.weights import HALF, Net, check_finite

OPSET = 17
LARGE = 1024  # values of a tensor that is worth storing in half precision
QUALITY_OFFSETS: Mapping[str, int | list[int]] = {"intra": 9, "inter": [-4, 0, -4, 5]}
"""How much better than asked for the frames of a group are coded: the first one, then a pattern that repeats."""


class _Method(nn.Module):
    def __init__(self, owner: nn.Module, method: Callable[..., Any]) -> None:
        super().__init__()
        self.owner = owner
        self.method = method

    def forward(self, *inputs: Tensor) -> Any:
        return self.method(*inputs)


def export_graph(codec: FrozenCodec, name: str) -> bytes:
    """One network as an ONNX file with free height and width."""
    inputs, outputs = graph_signatures(codec)[name]
    example = tuple(torch.zeros(s) if s else torch.zeros(1, dtype=torch.int64) for s in inputs.values())
    maps = [*(k for k, s in inputs.items() if s), *outputs]
    axes = {k: {2: f"{k}_height", 3: f"{k}_width"} for k in maps}
    return onnx_file(codec, name, example, list(inputs), list(outputs), axes)


def onnx_file(
    owner: nn.Module,
    name: str,
    example: tuple[Tensor, ...],
    inputs: Sequence[str],
    outputs: Sequence[str],
    axes: Mapping[str, Mapping[int, str]],
) -> bytes:
    """The method ``name`` of ``owner`` as an ONNX file; ``axes`` names those that are free, by input and output."""
    file = io.BytesIO()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            _Method(owner, getattr(owner, name)),
            example,
            file,  # type: ignore[arg-type]
            input_names=inputs,
            output_names=outputs,
            dynamic_axes=axes,
            opset_version=OPSET,
            do_constant_folding=True,
            dynamo=False,
        )
    graph = onnx.load_from_string(file.getvalue())
    graph.graph.name, graph.doc_string = name, ""
    for node in graph.graph.node:
        node.doc_string = ""
    onnx.checker.check_model(graph, full_check=True)
    return bytes(graph.SerializeToString())


def half_stored(graph: bytes) -> bytes:
    """An ONNX file that computes the same in float32 and holds its large tensors as float16, which they must fit."""
    model = onnx.load_from_string(graph)
    body, casts = model.graph, []
    for value in list(body.initializer):
        array = onnx.numpy_helper.to_array(value)
        if array.dtype != np.float32 or array.size < LARGE:
            continue
        name, half = value.name, array.astype(np.float16)
        if not np.array_equal(half.astype(np.float32), array):
            raise ModelError(f"{name} doesn't fit half precision")
        value.CopyFrom(onnx.numpy_helper.from_array(half, name + HALF))
        casts.append(onnx.helper.make_node("Cast", [name + HALF], [name], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *body.node]
    del body.node[:]
    body.node.extend(nodes)
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


def integer_tables(vae: VideoVAE) -> dict[str, NDArray[Any]]:
    """Every integer of the prior, for decoders that use no ONNX (docs/bitstream.md)."""
    out: dict[str, NDArray[Any]] = {}
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
        embedding = torch.stack([vae.prior.quality_embedding(q, i) for i in (0, 1)])
        out["embedding"] = embedding[..., 0, 0].numpy().astype(np.int8)
        out["initial"] = vae.prior.initial_memory(1, 1, 1)[0, :, 0, 0].numpy().astype(np.int8)
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


def export_model(
    vae: VideoVAE,
    directory: str | Path,
    *,
    name: str,
    facts: Mapping[str, Any],
    quality_offsets: Mapping[str, int | list[int]] = QUALITY_OFFSETS,
    calibrate: Callable[[Model], NDArray[np.int64]] | None = None,
    tables: Mapping[str, NDArray[np.int32]] | None = None,
) -> str:
    """Write the model directory with its card and return its id (hex SHA-256 of the manifest).

    ``calibrate`` counts the symbols that the model makes of real footage (``sensic.training.calibration``); the symbol
    tables then follow what it saw. Otherwise ``tables``, by the names of ``build_tables``, are taken where given.

    ``facts`` is what the card tells, as JSON holds it (``sensic.training.card`` lists the names). The directory appears
    whole or not at all, in the place of a model that was there, and only after ONNX Runtime has reproduced the golden
    vector. ``vae`` is left as it is. Raises ModelError where the weights can't be a model, BackendError, OutputError.
    """
    vae = copy.deepcopy(vae).cpu().eval()
    check_finite(vae.state_dict())
    with new_model(Path(directory)) as part:
        _write(vae, part, name, facts, quality_offsets, tables or build_tables())
        if calibrate:
            seen = calibrate(Model.load(part))
            shutil.rmtree(part)
            _write(vae, part, name, facts, quality_offsets, build_tables(seen))
        model = Model.load(part)
        check_golden(OnnxBackend(model, 1), model)
        (part / "README.md").write_text(card(model), encoding="utf-8")
    return model.id


def in_half(networks: Net) -> Net:
    """A copy on the CPU whose parameters half precision holds, as graphs do. Raises ModelError where it can't."""
    networks = copy.deepcopy(networks).cpu().eval()
    with torch.no_grad():
        for parameter in networks.parameters():
            parameter.copy_(parameter.half())
    check_finite(networks.state_dict())
    return networks


def write_decoder(
    directory: Path,
    check: Callable[[Model], object],
    *,
    name: str,
    networks: Mapping[str, int],
    tables: Mapping[str, NDArray[Any]],
    golden: Mapping[str, NDArray[Any]],
    graphs: Mapping[str, bytes],
    facts: Mapping[str, Any],
) -> Model:
    """Write the model of a decoder of measurements, its weights in the ``graphs`` only, with its card.

    It appears whole or not at all, in the place of a model that was there, and only after ``check`` has found that ONNX
    Runtime computes what ``golden`` says. Raises OutputError, and what ``check`` does.
    """
    with new_model(directory) as part:
        stored = {graph: half_stored(data) for graph, data in graphs.items()}
        write_model(
            part, name=name, networks=networks, tables=tables, golden=golden, graphs=stored, weights=None,
            quality_offsets={}, facts=facts,
        )  # fmt: skip
        model = Model.load(part)
        check(model)
        (part / "README.md").write_text(card(model), encoding="utf-8")
    return Model.load(directory)


@contextmanager
def new_model(directory: Path) -> Iterator[Path]:
    """Where to write a model that takes its place at the end, whole or not at all. Raises OutputError."""
    if directory.exists() and not _replaceable(directory):
        raise OutputError(f"{directory} exists and is not a model: it is left alone, choose another name")
    part = directory.with_name(f".{directory.name}.{secrets.token_hex(4)}.part")
    try:
        yield part
        _replace_directory(part, directory)
    except OSError as error:
        raise OutputError(f"can't write the model {directory}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _replaceable(directory: Path) -> bool:
    """Whether a model may be put in the place of this directory: it is one, or empty."""
    return directory.is_dir() and ((directory / "manifest.json").is_file() or not any(directory.iterdir()))


def _write(
    vae: VideoVAE,
    directory: Path,
    name: str,
    facts: Mapping[str, Any],
    quality_offsets: Mapping[str, int | list[int]],
    tables: Mapping[str, NDArray[np.int32]],
) -> None:
    weights = save_tensors({k: v.detach().contiguous().clone() for k, v in vae.state_dict().items()})
    integers = integer_tables(vae) | {f"tables.{name}": value for name, value in tables.items()}
    codec = FrozenCodec(copy.deepcopy(vae))  # which freezes what it gets
    graphs = {g: export_graph(codec, g) for g in graph_signatures(codec)}
    write_model(
        directory,
        name=name,
        networks=codec.size.to_dict(),
        tables=integers,
        golden=golden_vector(codec),
        graphs=graphs,
        weights=weights,
        quality_offsets=quality_offsets,
        facts=facts,
    )


def _replace_directory(part: Path, directory: Path) -> None:
    """Rename a directory into place; the model that was there goes away only after that."""
    old = directory.with_name(f"{part.name}.old")
    if directory.exists():
        directory.rename(old)
    try:
        part.rename(directory)
    except OSError:
        if old.exists():
            old.rename(directory)
        raise
    shutil.rmtree(old, ignore_errors=True)
