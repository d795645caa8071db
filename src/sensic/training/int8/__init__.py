"""The pixel networks in 8-bit integers: steps for the activations of a trained model, found on real footage.

The weights stay as they are. Integer analysis and synthesis are another codec than those in float32 (their pictures
differ by a fraction of a step, which would add up in a stream), so they are a model of their own, with its own id.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

import torch

from sensic.codec.encoder import Encoder
from sensic.codec.settings import EncoderSettings
from sensic.errors import UsageError
from sensic.model import Model
from sensic.model.int8 import PIXEL_GRAPHS, Int8Graphs
from sensic.model.release import write_int8
from sensic.networks.codec import NetworkSize, VideoVAE
from sensic.networks.frozen import FrozenCodec
from sensic.runtime import OnnxBackend, check_golden
from sensic.runtime.protocol import Array
from sensic.training.calibration import Planes, frames_of
from sensic.training.card import card
from sensic.training.export import new_model
from sensic.training.int8.activations import Samples, sample
from sensic.training.int8.ranges import Ranges
from sensic.training.int8.rounding import Rounder

QUALITIES = (6, 22, 38, 54)
LOOKED_AT = (0, 1, 4, 10)  # pictures of a clip


class _Watched:
    """A backend whose pixel networks are looked at in some pictures of every group."""

    def __init__(self, model: Model, threads: int) -> None:
        vae = VideoVAE(NetworkSize(**model.manifest["networks"]))
        vae.load_state_dict({k: torch.from_numpy(v) for k, v in model.weights().items()})
        self._codec, self._backend = FrozenCodec(vae), OnnxBackend(model, threads)
        self._pictures, self.samples = -1, Samples()

    def begin(self) -> None:
        self._pictures = -1

    def run(self, graph: str, inputs: Mapping[str, Array]) -> tuple[Array, ...]:
        self._pictures += graph == "context"
        if self._pictures in LOOKED_AT:
            with torch.no_grad():
                sample(self._codec, graph, {k: torch.from_numpy(v) for k, v in inputs.items()}, self.samples)
        return self._backend.run(graph, inputs)


def make_int8(
    base: Model,
    clips: Sequence[Planes],
    directory: str | Path,
    *,
    name: str,
    qualities: Sequence[int] = QUALITIES,
    threads: int = 1,
    progress: Callable[[float], None] | None = None,
) -> Model:
    """A model whose context, analysis and synthesis compute in 8-bit integers, with the weights of ``base``.

    ``clips`` (y [T, H, W], uv [T, 2, H/2, W/2]) are coded with ``base``, to see what activations are like. A shipped
    ``base`` is named by the new model, which is then small; the files of any other one are copied.

    Raises UsageError without clips or where ``base`` is no codec in float32, ModelError, OutputError.
    """
    if not clips:
        raise UsageError("steps of activations are found on footage: name packs")
    if base.is_int8 or base.is_sensing or base.is_snapshot:
        raise UsageError(f"{base.name} is no model of the codec in float32")
    watched = _Watched(base, threads)
    jobs = [(clip, quality) for clip in clips for quality in qualities]
    for done, ((y, uv), quality) in enumerate(jobs):
        watched.begin()
        settings = EncoderSettings(quality=quality, gop=len(y))
        pictures = islice(frames_of(y, uv), max(LOOKED_AT) + 1)
        for _ in Encoder(base, watched, y.shape[2], y.shape[1], settings).blocks(pictures):
            pass
        if progress:
            progress((done + 1) / len(jobs))
    samples = watched.samples.all()
    steps = Ranges(samples).steps()
    rounder = Rounder(samples, steps)
    graphs = Int8Graphs(base.weights(), steps, rounder.round)
    for graph in PIXEL_GRAPHS:
        graphs.graph(graph)
    arrays = replace(steps, rounding=rounder.rounding).arrays()
    facts = {key: value for key, value in base.manifest["facts"].items() if key != "validation"}
    facts = {**facts, "summary": f"{base.name} with its pixel networks in 8-bit integers."}
    with new_model(Path(directory)) as part:
        write_int8(part, base, name=name, steps=arrays, facts=facts)
        model = Model.load(part)
        check_golden(OnnxBackend(model, 1), model)
        (part / "README.md").write_text(card(model), encoding="utf-8")
    return Model.load(directory)
