"""The learned decoder: the networks of a model, group after group, through ONNX Runtime.

The recurrences (``sensic.networks.sensing``) go over a window of groups: an LSTM forward through all it has heard, and
a GRU backward from a little after the window's end, so that a stream of any length is decoded with bounded memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensic.errors import BackendError, ModelError, UsageError
from sensic.model import SENSING_GRAPHS, Model
from sensic.runtime.onnxruntime import OnnxBackend
from sensic.sensing.bins import BLOCK, Bins, project
from sensic.sensing.linear import reconstruction_points
from sensic.sensing.operators import WalshHadamard

Array = NDArray[np.float32]

OPERATOR = WalshHadamard(frames=4)
"""The only operator that the networks know."""
WINDOW, AHEAD = 10, 2
"""Groups that are written together, and heard beyond them."""
INPUTS = {
    "listen": ("points", "half", "memory"),
    "write": ("heard", "latent", "future"),
    "paint": ("written", "points", "low", "high", "half", "before", "after"),
}
OUTPUTS = {
    "listen": ("heard", "latent", "log_deviation", "next_memory"),
    "write": ("written", "next_future"),
    "paint": ("picture", "log_variance"),
}
_GAIN = np.float32(OPERATOR.gain**0.5)  # an integer measurement is an orthonormal coefficient times this
_NOTHING_KNOWN = 4096.0
_WHITE = 16  # 8-bit levels of deviation
_TOLERANCE = 1e-2  # 8-bit levels


@dataclass(frozen=True)
class Recovered:
    """A group: ``pictures`` float64 [frames, H, W] in the source's levels, whose measurements lie in the bins exactly;
    ``variance`` float32 of the same shape, that of the error to be expected of each sample, levels squared."""

    pictures: NDArray[np.float64]
    variance: NDArray[np.float32]


class LearnedDecoder:
    """Decodes what a 4-frame ``wht`` measured. ``threads`` as for ``sensic.runtime.OnnxBackend``.

    Raises ModelError where ``model`` holds no such networks, BackendError where they are not computed as they should.
    """

    def __init__(self, model: Model, threads: int = 0) -> None:
        if not model.is_sensing:
            raise ModelError(f"{model.name} is no model of the sensing profile: it lacks {', '.join(SENSING_GRAPHS)}")
        self._backend = OnnxBackend(model, threads, SENSING_GRAPHS)
        sizes = model.manifest["networks"]
        try:
            self._layers, self._hidden = sizes["layers"], sizes["hidden"]
        except KeyError as error:
            raise ModelError(f"{model.directory}: the network sizes are not usable") from error
        self._check(model)

    def recover(self, groups: Iterable[Bins], depth: int = 8, window: int = WINDOW) -> Iterator[Recovered]:
        """All groups of a plane in their order, ``window`` of them at a time. Raises UsageError for other operators."""
        if window < 1:
            raise UsageError(f"a window has at least 1 group, not {window}")
        waiting: list[_Heard] = []
        heard: _Heard | None = None
        last: _Heard | None = None
        source = iter(groups)
        while True:
            for bins in source:
                heard = self._listen(bins, depth, heard)
                waiting.append(heard)
                if len(waiting) == window + AHEAD:
                    break
            if not waiting:
                return
            count = window if len(waiting) == window + AHEAD else len(waiting)
            yield from self._write(waiting, count, last, depth)
            last, waiting = waiting[count - 1], waiting[count:]

    def _listen(self, bins: Bins, depth: int, before: _Heard | None) -> _Heard:
        bands, h, w = bins.low.shape
        if bands != OPERATOR.bands:
            raise UsageError(
                f"the learned decoder knows wht with {OPERATOR.frames} frames, {OPERATOR.bands} bands, not {bands}"
            )
        inputs = prepared(bins, depth)
        if before is None:
            memory = np.zeros((1, 2 * self._layers * self._hidden, h, w), np.float32)
        else:
            memory = before.memory
            if not bins.arrived[0]:  # a mean that is lost is likely the last one
                inputs["points"][:, 0] = before.inputs["points"][:, 0]
        heard, latent, _, memory = self._backend.run("listen", {**_some(inputs, "listen"), "memory": memory})
        linear = OPERATOR.adjoint(inputs["points"][0]) / _GAIN
        return _Heard(bins, inputs, linear, heard, latent, memory)

    def _write(self, waiting: Sequence[_Heard], count: int, last: _Heard | None, depth: int) -> Iterator[Recovered]:
        """The first ``count`` of the groups."""
        future = np.zeros((1, self._layers * self._hidden, *waiting[0].heard.shape[2:]), np.float32)
        written: list[Array] = []
        for one in reversed(waiting):
            out, future = self._backend.run("write", {"heard": one.heard, "latent": one.latent, "future": future})
            written.append(out)
        for i in range(count):
            one, before = waiting[i], waiting[i - 1] if i else last
            after = waiting[i + 1] if i + 1 < len(waiting) else None
            # At the ends of a stream a group's own pictures stand for its neighbours'.
            around = {
                "before": _cut(before.linear[2:] if before else one.linear[:2]),
                "after": _cut(after.linear[:2] if after else one.linear[2:]),
            }
            picture, log_variance = self._backend.run(
                "paint", {**_some(one.inputs, "paint"), "written": written[-1 - i], **around}
            )
            scale = 1 << (depth - 8)
            samples = (_joined(picture).astype(np.float64) + 128) * scale
            yield Recovered(project(samples, one.bins, OPERATOR), np.exp(_joined(log_variance)) * np.float32(scale**2))

    def _check(self, model: Model) -> None:
        golden = model.golden
        try:
            for graph, names in INPUTS.items():
                results = self._backend.run(graph, {key: golden[f"in.{key}"] for key in names})
                for key, result in zip(OUTPUTS[graph], results, strict=True):
                    if not np.allclose(result, golden[f"out.{graph}.{key}"], rtol=1e-3, atol=_TOLERANCE):
                        raise BackendError(f"ONNX Runtime does not compute the {graph} network of {model.name} here")
        except KeyError as error:
            raise ModelError(f"model {model.name} has no golden vector for {error}") from error


@dataclass(frozen=True)
class _Heard:
    bins: Bins
    inputs: dict[str, Array]
    linear: NDArray[np.float64]
    heard: Array
    latent: Array
    memory: Array


def deviation_map(variance: NDArray[np.float32], depth: int = 8) -> NDArray[np.uint8]:
    """The square root of ``variance``, to look at: black is certain, white a deviation of 16 8-bit levels or more."""
    deviation = np.sqrt(variance) * np.float32(2 ** (8 - depth) * 255 / _WHITE)
    return np.asarray(np.minimum(np.rint(deviation), 255), np.uint8)


def prepared(bins: Bins, depth: int) -> dict[str, Array]:
    """``points``, ``low``, ``high`` and ``half`` as the networks take them: orthonormal, in 8-bit levels, centred."""
    grey = np.zeros((OPERATOR.bands, 1, 1))
    grey[0] = OPERATOR.gain << (depth - 1)
    scale = _GAIN * (1 << (depth - 8))
    here = bins.arrived[:, None, None]
    # The edges between whole numbers are half a unit from them.
    edges = bins.low - 0.5 - grey, bins.high + 0.5 - grey
    low, high = (
        np.where(here, edge / scale, end) for edge, end in zip(edges, (-_NOTHING_KNOWN, _NOTHING_KNOWN), strict=True)
    )
    points = np.where(here, (reconstruction_points(bins) - grey) / scale, 0)
    half = np.where(bins.arrived, bins.zero / scale, _NOTHING_KNOWN)
    arrays = {"points": points, "low": low, "high": high, "half": half}
    return {key: np.asarray(value, np.float32)[None] for key, value in arrays.items()}


def _some(inputs: dict[str, Array], graph: str) -> dict[str, Array]:
    return {key: inputs[key] for key in INPUTS[graph] if key in inputs}


def _cut(pictures: NDArray[Any]) -> Array:
    """[frames, H, W] as [1, frames · 64, H/8, W/8]."""
    t, height, width = pictures.shape
    x = pictures.reshape(t, height // BLOCK, BLOCK, width // BLOCK, BLOCK).transpose(0, 2, 4, 1, 3)
    return np.ascontiguousarray(x.reshape(1, t * BLOCK * BLOCK, height // BLOCK, width // BLOCK), np.float32)


def _joined(blocks: Array) -> Array:
    """The inverse of ``_cut``."""
    _, channels, h, w = blocks.shape
    x = blocks.reshape(channels // (BLOCK * BLOCK), BLOCK, BLOCK, h, w).transpose(0, 3, 1, 4, 2)
    return x.reshape(-1, h * BLOCK, w * BLOCK)
