"""From samples of activations to the steps that they are rounded to.

Channels of one tensor differ in size, and a tensor has one step: each channel is divided by a unit of its own, by which
the weights before and after it are scaled. Where values are added or multiplied their units must go together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from torch import Tensor

from sensic.model.int8.steps import Floats, Quantised, Steps

PEAK = 0.999  # the quantile that stands for the size of a channel
UNEQUAL = 8.0  # a unit is at least the largest divided by this
CUTS = np.linspace(0.3, 1.0, 29)  # shares of the whole range that may be kept


class Ranges:
    """Units and steps of named activations with ``samples`` [C, n]."""

    def __init__(self, samples: Mapping[str, Tensor]) -> None:
        self._samples = {name: values.numpy() for name, values in samples.items()}

    def steps(self) -> Steps:
        """Those of all activations."""
        steps = {}
        for stream in dict.fromkeys(name.split(".")[0] for name in self._samples):
            names = [name.removeprefix(f"{stream}.") for name in self._samples if name.startswith(f"{stream}.")]
            unit = self._unit(f"{stream}.{n}" for n in names if n.split(".")[-1] in ("in", "middle", "out"))
            for name in names:
                steps[f"{stream}.{name}"] = self._step_of(f"{stream}.{name}", unit)
        blocks = [name.removesuffix(".a") for name in self._samples if name.endswith(".a")]
        below = {block: np.minimum(self._samples[f"{block}.a"], 0).mean(1).astype(np.float32) for block in blocks}
        return Steps(steps, below, {})

    def _step_of(self, name: str, stream: Floats) -> Quantised:
        """By the part that it plays in a block; what is added up has the units of its stream."""
        block, _, part = name.rpartition(".")
        if part == "packed":
            return self._step(name, np.ones(len(self._samples[name]), np.float32))
        if part in ("a", "gate"):
            return self._step(name, self._unit([name]), positive=True)
        if part in ("d", "product"):
            return self._step(name, self._unit([name]))
        if part == "value":
            return self._step(name, self._unit([f"{block}.product"]) / self._unit([f"{block}.gate"]))
        return self._step(name, stream)

    def _unit(self, names: Iterable[str]) -> Floats:
        """One unit per channel [C] for all of several activations."""
        sizes = [np.quantile(np.abs(self._samples[name]), PEAK, axis=1) for name in names]
        size = np.mean([s / s.max() for s in sizes], 0)
        return np.asarray(np.maximum(size / size.max(), 1 / UNEQUAL), np.float32)

    def _step(self, name: str, unit: Floats, *, positive: bool = False) -> Quantised:
        """How an activation is rounded: the range is cut where that makes the squared error smallest."""
        values = self._samples[name] / unit[:, None]
        if positive:
            values = np.maximum(values, 0)
        mean = (values.mean(1) * unit).astype(np.float32)
        low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
        errors = []
        for cut in CUTS:
            scale, zero = _scale(cut * low, cut * high)
            rounded = np.clip(np.rint(values / scale) + zero, 0, 255)
            errors.append(float((((rounded - zero) * scale - values) ** 2).mean()))
        cut = float(CUTS[int(np.argmin(errors))])
        return Quantised("", name, *_scale(cut * low, cut * high), unit, mean)


def _scale(low: float, high: float) -> tuple[float, int]:
    scale = max((high - low) / 255, 1e-9)
    return float(np.float32(scale)), min(max(round(-low / scale), 0), 255)
